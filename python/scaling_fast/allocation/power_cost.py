"""How compute was counted: C = k N^p D^q, and the optimum of a Chinchilla surface at such a cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.allocation.budgets import CONVENTION_TOLERANCE

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs

__all__ = ["PowerCost"]


@dataclass(frozen=True, slots=True)
class PowerCost:
    """The FLOP of a run as k N^p D^q.

    Attributes
    ----------
    ln_k
        Logarithm of k: ln 6 where compute is 6 N D.
    p, q
        Powers of parameters and tokens, 1 where a token costs k N.
    """

    ln_k: float
    p: float = 1.0
    q: float = 1.0

    @classmethod
    def of(cls, runs: Runs) -> PowerCost:
        """Return the cost of some runs.

        C = k N D with the median k where C/(N D) hardly differs between them, or where they do not
        determine two powers; else the least-squares powers of ln C on ln N and ln D.
        """
        plain = cls(float(np.median(runs.ln_rate)))
        if np.abs(runs.ln_rate - plain.ln_k).max() <= CONVENTION_TOLERANCE:
            return plain
        design = np.column_stack([np.ones(runs.rows), runs.ln_n, runs.ln_d])
        design[:, 1:] -= design[:, 1:].mean(axis=0)
        found, _, rank, _ = np.linalg.lstsq(design, runs.ln_rate, rcond=RANK)
        p, q = (1.0 + found[1:]).tolist()
        if rank < design.shape[1] or p <= 0.0 or q <= 0.0:
            return plain
        middle = found[0] - found[1] * runs.ln_n.mean() - found[2] * runs.ln_d.mean()
        return cls(float(middle), p, q)

    def optimum(self, surfaces: pl.DataFrame) -> NDArray[np.float64]:
        """Return a, ln_n0, b, ln_d0 of fitted surfaces, where N* = exp(ln_n0) C^a and D* = exp(ln_d0) C^b.

        Least loss at a cost: alpha A N^-alpha / p = beta B D^-beta / q. With p = q = 1 these are
        N* = G (C/k)^a and D* = (C/k)^b / G.

        Parameters
        ----------
        surfaces
            Columns A, alpha, B, beta and the derived a, b, G; one row per surface.
        """
        columns = ("a", "b", "G", "A", "alpha", "B", "beta")
        a, b, g, scale_n, alpha, scale_d, beta = (surfaces[name].to_numpy() for name in columns)
        with np.errstate(all="ignore"):
            if self.p == self.q == 1.0:
                ln_g = np.log(g)
                return np.column_stack([a, ln_g - a * self.ln_k, b, -ln_g - b * self.ln_k])
            share = alpha * self.q + beta * self.p
            balance = np.log(alpha * scale_n / (beta * scale_d)) + math.log(self.q / self.p)
            a = beta / share
            ln_n0 = self.q * balance / share - a * self.ln_k
            b = alpha / share
            ln_d0 = -(self.ln_k + self.p * ln_n0) / self.q
            return np.column_stack([a, ln_n0, b, ln_d0])


RANK = 1e-6
"""Relative singular value below which ln N and ln D do not differ."""

"""The critical batch size: the trade-off between steps and tokens of parallel training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.fitting.run import fit
from scaling_fast.frames import read, require
from scaling_fast.frames.values import with_columns
from scaling_fast.laws import Law, Param
from scaling_fast.losses.sums import Squared
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import number_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.fitting.result import Fit
    from scaling_fast.losses.registry import Loss

__all__ = ["critical_batch", "critical_batch_law", "minimum_steps"]

KAPLAN_SCALE = 2.1e8
"""B* in tokens, of Kaplan et al. 2020, arXiv:2001.08361."""

KAPLAN_EXPONENT = 0.21
"""alpha_B of Kaplan et al. 2020."""


@ask_first
def critical_batch(
    frame: Any,
    *,
    steps: str = "steps",
    batch: str = "batch",
    by: str | Sequence[str] | None = None,
    loss: Loss | None = None,
) -> Fit:
    """Return S_min, B_crit and E_min from runs with several batch sizes to the same loss.

    Runs to the same loss obey (S/S_min - 1)(E/E_min - 1) = 1 with E = B S, which is
    S = S_min (1 + B_crit/B) with B_crit = E_min/S_min.

    Parameters
    ----------
    frame
        Any frame, one row per run that was stopped at the loss in question.
    steps, batch
        Columns: steps S that were needed, and batch size B, in tokens or sequences.
    by
        Columns that identify the loss; each loss gets its own fit.
    loss
        Loss of the fit on log residuals; least squares by default.

    Returns
    -------
    Fit
        Parameters S_min and B_crit, derived E_min: an ordinary fit, for `scaling_fast.bootstrap`.

    Raises
    ------
    DataError, ParameterError
        As `scaling_fast.fit`.

    Notes
    -----
    Source: McCandlish et al. 2018, arXiv:1812.06162.

    Examples
    --------
    >>> batch = [1e5, 3e5, 1e6, 3e6]
    >>> runs = {"batch": batch, "steps": [2000 * (1 + 5e5 / b) for b in batch]}
    >>> found = critical_batch(runs)
    >>> round(found.params["S_min"]), round(found.params["B_crit"])
    (2000, 500000)
    """
    law = Law(
        "S_min*(1 + B_crit/B)",
        columns=("B",),
        params={"S_min": Param(lower=0), "B_crit": Param(lower=0)},
        derived={"E_min": "S_min*B_crit"},
        name="critical_batch",
        cite="McCandlish et al. 2018, arXiv:1812.06162",
    )
    return fit(frame, law, target=steps, columns={"B": batch}, by=by, loss=loss or Squared())


def critical_batch_law(
    frame: Any, *, level: str = "loss", critical: str = "B_crit", loss: Loss | None = None
) -> Fit:
    """Return B_crit(L) = B_star L^(-1/alpha_B) from critical batch sizes at several losses.

    Parameters
    ----------
    frame
        Any frame, such as the `.table` of a `critical_batch` fit with `by=`.
    level, critical
        Columns: the loss that was reached, and its critical batch size.
    loss
        Loss of the fit on log residuals; least squares by default.

    Raises
    ------
    DataError, ParameterError
        As `scaling_fast.fit`.

    Examples
    --------
    >>> points = {"loss": [4.0, 3.0, 2.5], "B_crit": [2e8 * x**-5 for x in (4.0, 3.0, 2.5)]}
    >>> found = critical_batch_law(points)
    >>> round(found.params["alpha_B"], 6), round(found.params["B_star"])
    (0.2, 200000000)
    """
    law = Law(
        "B_star*L**(-1/alpha_B)",
        columns=("L",),
        params={"B_star": Param(lower=0), "alpha_B": Param(lower=0)},
        name="critical_batch_law",
        cite="Kaplan et al. 2020, arXiv:2001.08361",
    )
    return fit(frame, law, target=critical, columns={"L": level}, loss=loss or Squared())


@ask_first
def minimum_steps(
    frame: Any,
    *,
    steps: str = "steps",
    batch: str = "batch",
    level: str = "loss",
    scale: float = KAPLAN_SCALE,
    exponent: float = KAPLAN_EXPONENT,
) -> pl.DataFrame:
    """Return the frame with the steps and compute its runs would need far from the critical batch.

    Parameters
    ----------
    frame
        Any frame, one row per run.
    steps, batch, level
        Columns: steps, batch size in the unit of `scale`, and the loss that was reached.
    scale, exponent
        B* and alpha_B of B_crit(L) = B* L^(-1/alpha_B), positive; by default those of Kaplan et al.,
        with B* in tokens.

    Returns
    -------
    polars.DataFrame
        The frame with critical_batch, s_min = S/(1 + B_crit/B), the steps at a very large batch, and
        compute_ratio = C_min/C = 1/(1 + B/B_crit), the share of compute at a very small one.

    Raises
    ------
    DataError, ParameterError
        For columns that are missing or not positive.

    Examples
    --------
    >>> minimum_steps({"steps": [1000.0], "batch": [2.1e8], "loss": [1.0]})["s_min"].item()
    500.0
    """
    scale = number_between(scale, "scale")
    exponent = number_between(exponent, "exponent")
    table = read(frame, names=[steps, batch], target=level)
    require(table, [(name, "positive", "B_crit/B") for name in (steps, batch, level)])
    critical = scale * np.exp(-np.log(table.target) / exponent)
    ratio = critical / table.arrays[batch]
    columns = {
        "critical_batch": critical,
        "s_min": table.arrays[steps] / (1.0 + ratio),
        "compute_ratio": 1.0 / (1.0 + 1.0 / ratio),
    }
    return with_columns(table.frame, [pl.Series(name, values) for name, values in columns.items()])

"""Simulated papers: honest and dishonest claims about rows of a known truth, and what an audit says of them.

An author fits her own rows by the stated objective, and reports their number, the parameters with some digits,
the exponent and an 80 % interval of it. `python tests/properties/papers.py 100 SEED` prints the shares of
verdicts of that many papers a cell.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.optimize import minimize

import scaling_fast as sf
from scaling_fast.auditing.claim.reading import parse_paper

if TYPE_CHECKING:
    from scaling_fast.auditing import Audit, Paper

REPLICATES = 400
NOISE = 0.005  # standard deviation of ln y
LEVEL = 0.8
TRUTHS = {
    "power_offset": {"E": 1.8, "A": 480.0, "alpha": 0.35},
    "chinchilla": {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37},
}
HEADLINE = "alpha"
GRIDS = {20: (5, 4), 50: (10, 5), 240: (20, 12)}  # rows of chinchilla: budgets by sizes
CLAIM = """
schema = "scaling-claim/1"
[paper]
id = "simulated"
title = "A simulated paper"
[data]
source = "{source}"
columns = {{ {columns}, y = "y" }}
{cluster}
[fit]
law = "{law}"
residual = "log"
loss = {loss}
[reported]
n = "{n}"
params = {{ {params} }}
intervals = [ {{ of = "{headline}", level = {level}, lower = "{lower}", upper = "{upper}" }} ]
[[claims]]
id = "exponent"
kind = "exponent"
expr = "{headline}"
value = "{value}"
"""


@dataclass(frozen=True)
class Kind:
    """A kind of paper: what was run, how it scattered, and how the author reports it.

    Attributes
    ----------
    noise
        "normal", "t3", or the share of the variance that the rows of a run have in common.
    loss
        "huber" for Huber(1e-3), or "squared".
    narrow
        How many times too narrow the interval is.
    shift
        Standard errors that the reported exponent is moved by, the other parameters fitted again.
    early
        Whether the parameters are those of an optimiser that stopped early.
    dropped
        Whether the author fitted without the tenth of the rows with the largest residuals, and kept silent.
    scheme
        What the author's interval comes from: "pairs", which is "clusters" where runs are given,
        "rows" for pairs in spite of runs, or "residuals".
    digitised
        Error of reading the rows off a figure, as a share of the noise; 0 gives the author's rows.
    """

    law: str = "power_offset"
    n: int = 20
    noise: str | float = "normal"
    digits: int = 6
    loss: str = "huber"
    narrow: float = 1.0
    shift: float = 0.0
    early: bool = False
    dropped: bool = False
    scheme: str = "pairs"
    digitised: float = 0.0

    @property
    def label(self) -> str:
        """The design and whatever is not usual."""
        usual = Kind(law=self.law, n=self.n)
        short = {"power_offset": "po", "chinchilla": "ch"}[self.law]
        more = [
            f"{name} {getattr(self, name)}"
            for name in (
                "noise",
                "digits",
                "loss",
                "narrow",
                "shift",
                "early",
                "dropped",
                "scheme",
                "digitised",
            )
            if getattr(self, name) != getattr(usual, name)
        ]
        return ", ".join([f"{short} {self.n}", *more])


def written(kind: Kind, seed: int) -> tuple[Paper, pl.DataFrame]:
    """Return a paper of a kind, and the rows that an auditor gets."""
    stream = np.random.default_rng([seed, *kind.label.encode()])
    rows = _rows(kind, stream)
    loss = sf.Huber(1e-3) if kind.loss == "huber" else sf.Squared()
    ask = {"target": "y", "columns": {name: name for name in _columns(kind)}, "residual": "log"}
    fitted = sf.fit(rows, kind.law, loss=loss, **ask)
    if kind.dropped:
        missed = np.log(fitted.predict(rows)["prediction"].to_numpy() / rows["y"].to_numpy())
        kept = np.sort(np.argsort(np.abs(missed))[: kind.n - kind.n // 10])
        fitted = sf.fit(rows[kept], kind.law, loss=loss, **ask)
    params = dict(fitted.params)
    scheme = {"residuals": sf.Residuals(), "rows": sf.Pairs(), "pairs": sf.Pairs()}[kind.scheme]
    if isinstance(kind.noise, float) and kind.scheme == "pairs":
        scheme = sf.Clusters("run")
    boot = sf.bootstrap(fitted, scheme, n=REPLICATES, seed=seed, progress=False)
    draws = boot.draws.filter(pl.col("status").cast(pl.String).str.starts_with("converged"))
    values = draws[HEADLINE].to_numpy()
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    middle = params[HEADLINE]
    low, high = (middle + (end - middle) / kind.narrow for end in (low, high))
    if kind.shift:
        spread = float(np.std(draws[HEADLINE].to_numpy()))
        at = params[HEADLINE] + kind.shift * spread
        held = {HEADLINE: sf.Param(fixed=at)}
        moved = sf.fit(rows, kind.law, loss=loss, params=held, **ask)
        params = dict(moved.params)
    if kind.early:
        params = _stopped_early(kind, rows, loss)
    moved_by = params[HEADLINE] - middle  # the author's interval lies about her point
    low, high = low + moved_by, high + moved_by
    text = CLAIM.format(
        source="digitised" if kind.digitised else "authors",
        columns=", ".join(f'{name} = "{name}"' for name in _columns(kind)),
        cluster='cluster = { column = "run" }' if isinstance(kind.noise, float) else "",
        law=kind.law,
        loss="{ huber = 1e-3 }" if kind.loss == "huber" else '"squared"',
        n=kind.n,
        params=", ".join(
            f'{name} = "{_said(value, kind.digits)}"' for name, value in params.items()
        ),
        headline=HEADLINE,
        level=LEVEL,
        lower=_said(low, 3),
        upper=_said(high, 3),
        value=_said(params[HEADLINE], kind.digits),
    )
    if kind.digitised:
        error = kind.digitised * NOISE * stream.standard_normal(kind.n)
        rows = rows.with_columns(y=pl.Series(rows["y"].to_numpy() * np.exp(error)))
    return parse_paper(text.encode(), name="simulated"), rows


def audited(kind: Kind, seed: int) -> Audit:
    """Return the audit of a paper of a kind."""
    paper, rows = written(kind, seed)
    return sf.audit(paper, data=rows, n=REPLICATES, seed=seed)


def shares(kind: Kind, papers: int, seed: int) -> dict[str, float]:
    """Return the share of each verdict among so many papers of a kind."""
    verdicts = [audited(kind, 1000 * seed + number).verdict for number in range(papers)]
    return {word: verdicts.count(word) / papers for word in ("green", "amber", "red", "grey")}


def _columns(kind: Kind) -> tuple[str, ...]:
    return ("x",) if kind.law == "power_offset" else ("N", "D")


def _rows(kind: Kind, stream: np.random.Generator) -> pl.DataFrame:
    """Return the rows of a design: x over three decades, or budgets by sizes over four."""
    truth, n = TRUTHS[kind.law], kind.n
    if kind.law == "power_offset":
        design = {"x": np.geomspace(1e7, 1e10, n)}
        loss = truth["E"] + truth["A"] * design["x"] ** -truth["alpha"]
    else:
        budgets, sizes = GRIDS[n]
        budget = np.repeat(np.geomspace(1e18, 1e22, budgets), sizes)
        size = np.sqrt(budget / 120.0) * np.tile(np.geomspace(0.2, 5.0, sizes), budgets)
        design = {"N": size, "D": budget / (6.0 * size)}
        loss = truth["E"] + truth["A"] * size ** -truth["alpha"]
        loss += truth["B"] * design["D"] ** -truth["beta"]
    axis = next(iter(design.values()))
    run = np.argsort(np.argsort(axis, kind="stable")) // (8 if n == 240 else 2)  # of like sizes
    return pl.DataFrame(
        {**design, "run": run, "y": loss * np.exp(NOISE * _scatter(kind, run, stream))}
    )


def _scatter(kind: Kind, run: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Return noise of unit variance."""
    if kind.noise == "t3":
        return stream.standard_t(3, kind.n) / np.sqrt(3.0)
    own = stream.standard_normal(kind.n)
    if not isinstance(kind.noise, float):
        return own
    common = stream.standard_normal(run.max() + 1)[run]
    return np.sqrt(kind.noise) * common + np.sqrt(1 - kind.noise) * own


def _said(value: float, digits: int) -> str:
    """Return a number to so many significant digits, as papers print it."""
    return f"{value:#.{digits}g}".rstrip(".")


def _stopped_early(kind: Kind, rows: pl.DataFrame, loss: object) -> dict[str, float]:
    """Return what L-BFGS-B at its default tolerance makes of the mean of the losses, from one start.

    The mean is so small that the tolerance, which is absolute below one, is met far from the minimum.
    """
    y = np.log(rows["y"].to_numpy())
    columns = [np.log(rows[name].to_numpy()) for name in _columns(kind)]
    width = len(columns)

    def mean(point: np.ndarray) -> float:
        terms = [point[2 * j + 1] - point[2 * j + 2] * columns[j] for j in range(width)]
        r = np.logaddexp.reduce([np.full(y.size, point[0]), *terms]) - y
        if isinstance(loss, sf.Squared):
            return float(np.mean(r * r))
        far = np.abs(r)
        return float(np.mean(np.where(far <= 1e-3, r * r / 2, 1e-3 * (far - 5e-4))))

    best = minimize(mean, [0.0, *[5.0, 0.5] * width], method="L-BFGS-B")
    scales = dict(zip(("A", "B"), np.exp(best.x[1::2]), strict=False))
    slopes = dict(zip(("alpha", "beta"), best.x[2::2], strict=False))
    found = {"E": float(np.exp(best.x[0])), **scales, **slopes}
    return {name: float(found[name]) for name in TRUTHS[kind.law]}


PO, CH = Kind(), Kind(law="chinchilla", n=50)
HONEST = tuple(
    replace(base, n=n, noise=noise, digits=digits)
    for base, sizes in ((PO, (7, 20, 50)), (CH, (20, 50, 240)))
    for n in sizes
    for noise in ("normal", "t3", 0.3)
    for digits in (2, 3, 4, 6)
)
SQUARED = tuple(replace(PO, n=n, loss="squared") for n in (7, 20, 50))
FIXED = tuple(replace(kind, scheme="residuals") for kind in (replace(PO, n=7), PO, CH))
DIGITISED = (replace(PO, digitised=0.5), replace(CH, digitised=0.5))
LARGE = (PO, replace(PO, n=50), replace(CH, n=20), CH)
FAULTS = {
    "narrow10": tuple(replace(kind, narrow=10.0) for kind in LARGE),
    "narrow3": tuple(replace(kind, narrow=3.0) for kind in (*LARGE, replace(PO, loss="squared"))),
    "exp2": tuple(replace(kind, shift=2.0) for kind in (PO, CH)),
    "exp3": tuple(replace(kind, shift=3.0) for kind in (PO, CH)),
    "early stop": (replace(PO, early=True), replace(CH, early=True)),
    "dropped": (replace(PO, dropped=True, digits=4), replace(CH, dropped=True, digits=4)),
    "wrong cluster": (replace(CH, n=240, noise=0.8, scheme="rows"),),
}


def table(papers: int, seed: int, kinds: dict[str, tuple[Kind, ...]]) -> None:
    """Print the shares of verdicts of every kind as they come."""
    for name, group in kinds.items():
        for kind in group:
            said = shares(kind, papers, seed)
            cells = " | ".join(f"{100 * share:.0f}" for share in said.values())
            print(f"| {name} | {kind.label} | {cells} |", flush=True)


if __name__ == "__main__":
    table(
        int(sys.argv[1]),
        int(sys.argv[2]),
        {
            **FAULTS,
            "honest, squares": SQUARED,
            "honest, residuals": FIXED,
            "honest, digitised": DIGITISED,
            "honest": HONEST,
        },
    )

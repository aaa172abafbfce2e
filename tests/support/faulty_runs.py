"""Frames of runs drawn from known laws: clean ones, and ones with a single fault of a stated size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

import scaling_fast as sf

if TYPE_CHECKING:
    from collections.abc import Callable

CURVE = {"E": 1.8, "A": 480.0, "alpha": 0.35}
SURFACE = CURVE | {"B": 2100.0, "beta": 0.37}
NOISE = 0.005
"""Standard deviation of ln(loss)."""


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def draws(rng: np.random.Generator, rows: int, kind: str = "normal") -> np.ndarray:
    """Return noise of variance one: normal, or Student's t with three degrees of freedom."""
    return rng.standard_t(3, rows) / 3**0.5 if kind == "t3" else rng.standard_normal(rows)


def curve(x: np.ndarray) -> np.ndarray:
    return CURVE["E"] + CURVE["A"] * x ** -CURVE["alpha"]


def surface(n: np.ndarray, d: np.ndarray) -> np.ndarray:
    return (
        SURFACE["E"] + SURFACE["A"] * n ** -SURFACE["alpha"] + SURFACE["B"] * d ** -SURFACE["beta"]
    )


def grid(budgets: int, sizes: int, decades: float = 2.5) -> tuple[np.ndarray, np.ndarray]:
    """Return N and D of isoFLOP runs: at each budget sizes over 1.5 decades about 20 tokens per parameter."""
    n, d = [], []
    for budget in np.logspace(18.5, 18.5 + decades, budgets):
        size = (budget / 120) ** 0.5 * np.logspace(-0.75, 0.75, sizes)
        n.append(size)
        d.append(budget / (6 * size))
    return np.concatenate(n), np.concatenate(d)


@dataclass(frozen=True)
class Runs:
    """A frame, and how it is fitted."""

    frame: pl.DataFrame
    law: str
    options: dict[str, Any] = field(default_factory=dict)

    def codes(self, loss: sf.Loss | None = None) -> list[str]:
        """Return the codes of the findings of its fit."""
        fit = sf.fit(self.frame, self.law, loss=loss, threads=1, **self.options)
        return [finding.code for finding in fit.findings]


def line_runs(rng: np.random.Generator, rows: int, kind: str = "normal", **more: Any) -> Runs:
    """Return runs of a power law with a floor over `decades` (3), with noise of `sd`."""
    x = np.logspace(7, 7 + more.get("decades", 3.0), rows)
    loss = curve(x) * np.exp(more.get("sd", NOISE) * draws(rng, rows, kind))
    return Runs(pl.DataFrame({"x": x, "loss": loss}), "power_offset")


def grid_runs(rng: np.random.Generator, budgets: int, sizes: int, kind: str = "normal") -> Runs:
    """Return isoFLOP runs of Chinchilla's law."""
    n, d = grid(budgets, sizes)
    loss = surface(n, d) * np.exp(NOISE * draws(rng, n.size, kind))
    return Runs(pl.DataFrame({"N": n, "D": d, "loss": loss}), "chinchilla")


CLEAN: dict[str, Callable[[np.random.Generator, str], Runs]] = {
    "power_offset, 12 rows": lambda rng, kind: line_runs(rng, 12, kind),
    "power_offset, 20 rows": lambda rng, kind: line_runs(rng, 20, kind),
    "power_offset, 60 rows": lambda rng, kind: line_runs(rng, 60, kind),
    "chinchilla, 6 x 6": lambda rng, kind: grid_runs(rng, 6, 6, kind),
    "chinchilla, 6 x 10": lambda rng, kind: grid_runs(rng, 6, 10, kind),
}


@dataclass(frozen=True)
class Fault:
    """A mistake of a stated size, and the codes of which one must be said."""

    codes: tuple[str, ...]
    says: str
    make: Callable[[np.random.Generator], Runs]


def _checkpoints(rng: np.random.Generator, *, named: bool, even: bool) -> Runs:
    """Return ten checkpoints of each of eight runs, which share an error of 1 %."""
    sizes, parts = np.logspace(7.5, 9.5, 8), np.arange(1, 11) / 10
    if not even:
        parts = np.logspace(-1.5, 0, 10)
    n = np.repeat(sizes, 10)
    d = (20 * sizes[:, None] * parts).ravel()
    shared = np.repeat(0.01 * draws(rng, 8), 10)
    loss = surface(n, d) * np.exp(shared + 0.002 * draws(rng, 80))
    frame = pl.DataFrame({"N": n, "D": d, "loss": loss})
    if named:
        frame = frame.with_columns(run=pl.Series([f"r{k // 10}" for k in range(80)]))
    return Runs(frame, "chinchilla")


def _copied(rng: np.random.Generator, runs: Runs, count: int) -> Runs:
    rows = rng.choice(runs.frame.height, count, replace=False)
    frame = pl.concat([runs.frame, runs.frame[rows.tolist()]])
    return Runs(frame, runs.law)


def _second(rng: np.random.Generator, runs: Runs, share: float, factor: float) -> Runs:
    """Return the runs with a share of them repeated in a second experiment whose losses are higher."""
    rows = np.sort(rng.choice(runs.frame.height, round(share * runs.frame.height), replace=False))
    again = factor * np.exp(NOISE * draws(rng, rows.size))
    more = runs.frame[rows.tolist()].with_columns(pl.col("loss") * pl.Series(again))
    return Runs(pl.concat([runs.frame, more]), runs.law)


def _changed(runs: Runs, **columns: pl.Expr) -> Runs:
    return Runs(runs.frame.with_columns(**columns), runs.law, runs.options)


def _budget(rng: np.random.Generator) -> Runs:
    n = np.logspace(8, 9.5, 10)
    d = 1e20 / (6 * n)
    return Runs(
        pl.DataFrame({"N": n, "D": d, "loss": surface(n, d) * np.exp(NOISE * draws(rng, 10))}),
        "chinchilla",
    )


def _ray(rng: np.random.Generator, scatter: float) -> Runs:
    n = np.logspace(7.5, 10, 24)
    d = 20 * n * np.exp(scatter * draws(rng, 24))
    return Runs(
        pl.DataFrame({"N": n, "D": d, "loss": surface(n, d) * np.exp(NOISE * draws(rng, 24))}),
        "chinchilla",
    )


def _diverged(
    rng: np.random.Generator, runs: Runs, count: int, shift: float, ends: bool = False
) -> Runs:
    rows = rng.choice(runs.frame.height, count, replace=False)
    if ends:
        rows = rng.choice([0, runs.frame.height - 1], count, replace=False)
    factor = np.ones(runs.frame.height)
    factor[rows] = np.exp(shift)
    return _changed(runs, loss=pl.col("loss") * pl.Series(factor))


def _autoregressive(rng: np.random.Generator, rows: int, rho: float) -> Runs:
    x, z = np.linspace(1e8, 1e10, rows), draws(rng, rows)
    error = np.zeros(rows)
    for row in range(rows):
        error[row] = z[row] if row == 0 else rho * error[row - 1] + (1 - rho**2) ** 0.5 * z[row]
    return Runs(pl.DataFrame({"x": x, "loss": curve(x) * np.exp(NOISE * error)}), "power_offset")


def _other_shape(
    rng: np.random.Generator,
    rows: int,
    truth: Callable[[np.ndarray], np.ndarray],
    law: str,
    repeats: int = 1,
) -> Runs:
    x = np.repeat(np.logspace(6, 10, rows // repeats), repeats)
    loss = truth(x) * np.exp(NOISE * draws(rng, x.size))
    return Runs(pl.DataFrame({"x": x, "loss": loss}), law)


def _double(x: np.ndarray) -> np.ndarray:
    return 1.2 + 480 * x**-0.45 + 9 * x**-0.1


def _broken(x: np.ndarray) -> np.ndarray:
    """Return a law whose exponent falls from .35 to .1 in the middle."""
    return np.exp(5 - 0.2 * np.log(x) + 0.12 * np.maximum(np.log(x) - np.log(1e8), 0))


def _bent(rng: np.random.Generator) -> Runs:
    n, d = grid(6, 10)
    c = 6 * n * d
    loss = surface(n, d) * np.exp(0.02 * np.log(c / c.min()) ** 2 / 4)
    return Runs(
        pl.DataFrame({"N": n, "D": d, "loss": loss * np.exp(NOISE * draws(rng, n.size))}),
        "chinchilla",
    )


def _wrapped(rng: np.random.Generator, dtype: Any) -> Runs:
    """Return runs with 6*N*D in whole numbers; those of 32 bits are counted in units of 1e5, or none would fit."""
    unit = 1e5 if dtype is np.int32 else 1.0
    n, d = grid(6, 6)
    d = d * rng.uniform(0.9, 1.1, d.size)
    whole_n, whole_d = (10 * n / unit).astype(dtype), (10 * d / unit).astype(dtype)
    with np.errstate(over="ignore"):
        flops = dtype(6) * whole_n * whole_d
    loss = surface(whole_n * unit, whole_d * unit) * np.exp(NOISE * draws(rng, n.size))
    return Runs(
        pl.DataFrame({"N": whole_n, "D": whole_d, "flops": flops, "loss": loss}), "chinchilla"
    )


LN2 = float(np.log(2.0))

FAULTS: tuple[Fault, ...] = (
    Fault(
        ("checkpoints",),
        "8 runs x 10 checkpoints, a column `run`",
        lambda rng: _checkpoints(rng, named=True, even=False),
    ),
    Fault(
        ("checkpoints",),
        "8 sizes x 10 evenly spaced, no name of a run",
        lambda rng: _checkpoints(rng, named=False, even=True),
    ),
    Fault(
        ("checkpoints",),
        "8 sizes x 10 in ratios, runs share 1 %, noise .2 %",
        lambda rng: _checkpoints(rng, named=False, even=False),
    ),
    Fault(("duplicates",), "1 of 20 rows copied", lambda rng: _copied(rng, line_runs(rng, 20), 1)),
    Fault(
        ("duplicates",), "4 of 36 rows copied", lambda rng: _copied(rng, grid_runs(rng, 6, 6), 4)
    ),
    Fault(
        ("replicates_disagree",),
        "20 rows twice, 5 % apart",
        lambda rng: _second(rng, line_runs(rng, 20), 1.0, 1.05),
    ),
    Fault(
        ("replicates_disagree",),
        "a quarter of 20 rows again, 5 % apart",
        lambda rng: _second(rng, line_runs(rng, 20), 0.25, 1.05),
    ),
    Fault(
        ("replicates_disagree",),
        "36 rows twice, 5 % apart",
        lambda rng: _second(rng, grid_runs(rng, 6, 6), 1.0, 1.05),
    ),
    Fault(
        ("units",), "N in billions", lambda rng: _changed(grid_runs(rng, 6, 6), N=pl.col("N") / 1e9)
    ),
    Fault(
        ("units",),
        "N in thousands",
        lambda rng: _changed(grid_runs(rng, 6, 6), N=pl.col("N") / 1e3),
    ),
    Fault(
        ("units",), "D in billions", lambda rng: _changed(grid_runs(rng, 6, 6), D=pl.col("D") / 1e9)
    ),
    Fault(
        ("units",),
        "N and D in thousands",
        lambda rng: _changed(grid_runs(rng, 6, 6), N=pl.col("N") / 1e3, D=pl.col("D") / 1e3),
    ),
    Fault(
        ("units",),
        "D in thousands",
        lambda rng: _changed(grid_runs(rng, 6, 6), D=pl.col("D") / 1e3),
    ),
    Fault(
        ("units",),
        "log10 of N and D",
        lambda rng: _changed(grid_runs(rng, 6, 6), N=pl.col("N").log10(), D=pl.col("D").log10()),
    ),
    Fault(
        ("units",), "log10 of x", lambda rng: _changed(line_runs(rng, 20), x=pl.col("x").log10())
    ),
    Fault(
        ("units",),
        "perplexities, 20 rows",
        lambda rng: _changed(line_runs(rng, 20), loss=pl.col("loss").exp()),
    ),
    Fault(
        ("units",),
        "perplexities, 6 x 6",
        lambda rng: _changed(grid_runs(rng, 6, 6), loss=pl.col("loss").exp()),
    ),
    Fault(
        ("units",),
        "bits, 6 x 6",
        lambda rng: _changed(grid_runs(rng, 6, 6), loss=pl.col("loss") / LN2),
    ),
    Fault(
        ("swapped",),
        "N and D exchanged, 6 x 6",
        lambda rng: _changed(grid_runs(rng, 6, 6), N=pl.col("D"), D=pl.col("N")),
    ),
    Fault(
        ("swapped",),
        "N and D exchanged, 6 x 10",
        lambda rng: _changed(grid_runs(rng, 6, 10), N=pl.col("D"), D=pl.col("N")),
    ),
    Fault(("one_budget",), "10 runs of one budget", _budget),
    Fault(("collinear",), "20 tokens per parameter", lambda rng: _ray(rng, 0.0)),
    Fault(("collinear",), "20 tokens per parameter within 10 %", lambda rng: _ray(rng, 0.1)),
    Fault(("weak",), "12 rows over 1 decade", lambda rng: line_runs(rng, 12, decades=1.0)),
    Fault(
        ("weak",),
        "20 rows over 1 decade, noise 1 %",
        lambda rng: line_runs(rng, 20, decades=1.0, sd=0.01),
    ),
    Fault(
        ("outliers",),
        "1 of 20 rows 5 % (10 sd) high",
        lambda rng: _diverged(rng, line_runs(rng, 20), 1, 0.05),
    ),
    Fault(
        ("outliers",),
        "the first or last of 20 rows 10 % (20 sd) high",
        lambda rng: _diverged(rng, line_runs(rng, 20), 1, 0.1, ends=True),
    ),
    Fault(
        ("outliers",),
        "3 of 60 rows 5 % (10 sd) high",
        lambda rng: _diverged(rng, line_runs(rng, 60), 3, 0.05),
    ),
    Fault(
        ("outliers",),
        "1 of 36 rows 5 % (10 sd) high",
        lambda rng: _diverged(rng, grid_runs(rng, 6, 6), 1, 0.05),
    ),
    Fault(
        ("outliers",),
        "1 of 60 rows at 4 times its loss",
        lambda rng: _diverged(rng, grid_runs(rng, 6, 10), 1, 1.4),
    ),
    Fault(
        ("autocorrelated",),
        "60 rows, neighbours correlated by .8",
        lambda rng: _autoregressive(rng, 60, 0.8),
    ),
    Fault(
        ("autocorrelated",),
        "40 rows, neighbours correlated by .9",
        lambda rng: _autoregressive(rng, 40, 0.9),
    ),
    Fault(
        ("lack_of_fit",),
        "two powers, 60 rows over 4 decades",
        lambda rng: _other_shape(rng, 60, _double, "power_offset"),
    ),
    Fault(
        ("lack_of_fit",),
        "a floor left out, 20 rows over 4 decades",
        lambda rng: _other_shape(rng, 20, curve, "power"),
    ),
    Fault(
        ("lack_of_fit",),
        "a break, 20 rows over 4 decades",
        lambda rng: _other_shape(rng, 20, _broken, "power_offset"),
    ),
    Fault(
        ("lack_of_fit",),
        "a break, 10 x 3 equal rows",
        lambda rng: _other_shape(rng, 30, _broken, "power_offset", 3),
    ),
    Fault(("lack_of_fit",), "a bend in compute, 6 x 10", _bent),
    Fault(("overflow",), "6*N*D in int64, beside N and D", lambda rng: _wrapped(rng, np.int64)),
    Fault(("overflow",), "6*N*D in int32, beside N and D", lambda rng: _wrapped(rng, np.int32)),
)

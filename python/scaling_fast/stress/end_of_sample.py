"""The end-of-sample test: whether the last rows follow the law that is fitted to those before them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scaling_fast.runtime.resources import checked_threads
from scaling_fast.stress.diverged import which_diverged
from scaling_fast.stress.origins import budgets
from scaling_fast.stress.refits import Refits
from scaling_fast.stress.scale import scale_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit

__all__ = ["EndOfSample", "by_run", "end_of_sample", "end_of_sample_of_runs"]

LAST = 0.5
"""Decades below the largest row within which rows of one input are the last."""

FEWEST_LAST, FEWEST_ROWS = 2, 3
"""Last rows of one input at least, and rows of the last budget below which the one before it is added."""

FEWEST_SPARE = 2
"""Degrees of freedom that the rows before leave at least."""

ROUNDING = 1e-9
"""Decades by which rounding may miss a limit."""


class EndOfSample(NamedTuple):
    """The end-of-sample test of a law.

    Attributes
    ----------
    statistic
        F = ((RSS_n - RSS_rest)/m)/(RSS_rest/(n - m - k)); NaN where the rest has too few rows.
    p
        Probability of an F(m, n - m - k) as large.
    rows
        m, how many rows are the last.
    """

    statistic: float
    p: float
    rows: int


def end_of_sample(
    refit: RobustRefit, *, along: str | None = None, threads: int | None = None
) -> EndOfSample:
    """Return the F test of the last rows against the law fitted without them (Chow 1960).

    The last rows of one input are those of the last half decade without its smallest size, at least two; of several
    inputs those of the last budget, or of the last two budgets where it has fewer than three rows.

    Parameters
    ----------
    refit
        The law and its rows; the fits are least squares on ln y of the rows with residuals pulled in. A lonely
        run more than 20 robust scales off is left out.
    along, threads
        As in `backtest`.

    Examples
    --------
    >>> import numpy as np
    >>> import scaling_fast as sf
    >>> from scaling_fast.comparison.robust_refit import robust_refit
    >>> sizes = np.geomspace(1e7, 1e10, 20).tolist()
    >>> truth = {"E": 1.8, "A": 480.0, "alpha": 0.35}
    >>> runs = sf.datasets.simulate("power_offset", truth, {"x": sizes}, noise=0.005, seed=4)
    >>> test = end_of_sample(robust_refit(sf.fit(runs, "power_offset", loss=sf.Squared())))
    >>> test.rows, bool(0 < test.p <= 1)
    (3, True)
    """
    position = scale_of(refit.request, along).position
    kept = np.flatnonzero(~which_diverged(refit, position))
    last = _last(position[kept], single=len(refit.columns) == 1)
    count = int(last.sum())
    spare = len(kept) - count - refit.parameters
    if spare < FEWEST_SPARE:
        return EndOfSample(math.nan, math.nan, count)
    parts = [kept, kept[~last]]
    _, _, squares = Refits.of(refit).fit(
        parts, refit.clipped[None], search=True, threads=checked_threads(threads)
    )
    whole, rest = squares[0].tolist()
    if not (math.isfinite(whole) and rest > 0.0):
        return EndOfSample(math.nan, math.nan, count)
    statistic = max(whole - rest, 0.0) / count / (rest / spare)
    from scipy.special import fdtrc

    return EndOfSample(statistic, float(fdtrc(count, spare, statistic)), count)


def end_of_sample_of_runs(refit: RobustRefit, runs: NDArray[np.int64]) -> EndOfSample:
    """Return the same test with whole runs for rows, where rows of one run share an error.

    Each run is the mean of its rows, at its largest; the law is linear about the refit.

    Parameters
    ----------
    refit
        The law and its rows.
    runs
        The run of each row, from 0.
    """
    position = scale_of(refit.request, None).position
    count = int(runs.max()) + 1
    furthest = np.array([position[runs == run].max() for run in range(count)])
    last = _last(furthest, single=len(refit.columns) == 1)
    jacobian, residual = by_run(refit.jacobian, runs), by_run(refit.residual[:, None], runs)[:, 0]
    spare = count - int(last.sum()) - jacobian.shape[1]
    if spare < FEWEST_SPARE:
        return EndOfSample(math.nan, math.nan, int(last.sum()))
    size = np.linalg.norm(jacobian, axis=0)
    scaled = jacobian / np.where(size > 0.0, size, 1.0)
    whole, rest = (_squares(scaled[kept], residual[kept]) for kept in (slice(None), ~last))
    if not rest > 0.0:
        return EndOfSample(math.nan, math.nan, int(last.sum()))
    statistic = max(whole - rest, 0.0) / last.sum() / (rest / spare)
    from scipy.special import fdtrc

    return EndOfSample(
        float(statistic), float(fdtrc(last.sum(), spare, statistic)), int(last.sum())
    )


def by_run(values: NDArray[np.float64], runs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of each run, shape (runs, columns).

    Parameters
    ----------
    values
        One row per row of the fit, shape (rows, columns).
    runs
        The run of each row, from 0.
    """
    totals = np.zeros((int(runs.max()) + 1, values.shape[1]))
    np.add.at(totals, runs, values)
    return np.asarray(totals / np.bincount(runs)[:, None])


def _squares(matrix: NDArray[np.float64], residual: NDArray[np.float64]) -> float:
    rest = residual - matrix @ np.linalg.lstsq(matrix, residual, rcond=1e-10)[0]
    return float(rest @ rest)


def _last(position: NDArray[np.float64], *, single: bool) -> NDArray[np.bool_]:
    """Return which rows are the last."""
    if single:
        within = position.max() - position <= LAST + ROUNDING
        smallest = position[within].min()
        last = within & (position > smallest + ROUNDING)
        if last.sum() < FEWEST_LAST:
            # The two largest rows, and all that are as large as the smaller of these.
            last = position >= np.sort(position)[-FEWEST_LAST] - ROUNDING
        return np.asarray(last)
    label = budgets(position)
    last = label == 0
    return last if last.sum() >= FEWEST_ROWS else label <= 1

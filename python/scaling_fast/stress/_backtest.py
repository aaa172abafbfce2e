"""Back-test: how far off a law was that was fitted to the smaller runs and asked for the larger ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from scaling_fast.comparison.robust_refit import robust_refit
from scaling_fast.fitting.result import Fit
from scaling_fast.resampling.execution.executors import checked_executor
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.runtime.progress import watched
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.stress.ladder import (
    Ladder,
    counted,
    drawn_on,
    most_draws,
    runs_of,
)
from scaling_fast.stress.look_ahead import LookAhead
from scaling_fast.stress.scale import scale_of
from scaling_fast.validation import checked_level, checked_seed, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from scaling_fast.stress.backtested import Backtest

    Floats = NDArray[np.float64]

__all__ = ["backtest"]

MOST_DRAWS = 1_000_000
"""Most data sets of one call; more can only be a typing error."""


@ask_first
def backtest(
    fit: Fit,
    along: str | None = None,
    *,
    n: int = 199,
    level: float = 0.9,
    run: str | Sequence[str] | None = None,
    seed: int | None = 0,
    threads: int | None = None,
    executor: Any = None,
    progress: bool | Callable[[int, int], object] | None = None,
) -> Backtest:
    """Fit the law to the smaller runs, ask it for the larger ones, and say how far off it was.

    From one origin after another the law is refitted by least squares on ln y to the rows up to there and
    asked for those at least .3 decades beyond. With z = (ln y - ln f)/(s sqrt(1 + c'(J'J)^-1 c)) of every such
    row, s and J those of the origin, the statistic is T = sqrt(mean z^2). Origins share rows, so its p is
    not that of independent forecasts: the whole ladder is refitted to `n` data sets of the same design
    drawn from the robust refit of all rows. Targets are those of a robust refit with residuals beyond three scales
    pulled in, so that one diverged run is named and decides nothing.

    An origin of one input holds at least max(5, k + 2) sizes over 1.5 decades; of several, at least three budgets
    over 1.2 decades, k + 2 designs and .7 decades of data per parameter. On a scale of dates, years or values of 0
    or below the whole range counts as three decades: half of it for an origin, a tenth between origin and row.
    There are at most 12 origins, spread evenly.

    Parameters
    ----------
    fit
        A single, converged fit without weights or sigma.
    along
        What orders the runs: a column of the law or of the frame, a date among them, or a formula such as
        "6*N*D"; by default the only input, or 6 x size x data.
    n
        Number of data sets, 1 or more; a p of .02 or less is counted again over 1,999 (999 for `n` below
        100) of the same stream.
    level
        Level of the prediction intervals, between 0 and 1.
    run
        Column, or columns, that name the run of a row. Runs are then fitted or held out whole, and their noise
        is drawn whole.
    seed
        Seed, from 0 to 2**64 - 1; None draws one.
    threads, progress
        As in `bootstrap`.
    executor
        An object with `submit`, as those of concurrent.futures, that computes the data sets; the answer is the
        same.

    Returns
    -------
    Backtest
        A `Stress` with `.p`, `.statistic`, `.skill` and `.by_distance`. `.table` has one row per forecast: origin
        (the last value fitted), scale (of the row asked for), n_fitted, held_out (rows asked for), distance (in
        `settings["unit"]`), decades (null on a scale without), row (of the frame), run, observed, forecast,
        error (observed/forecast - 1), excess_error (the same above the floor E of that origin), z, inside (the
        prediction interval), naive_last, naive_line (naive forecasts), pulled_in and counts (whether z counts
        in T: not that of a lonely run more than 20 robust scales off).

    Raises
    ------
    ParameterError, DataError, ConvergenceError
        For a question that cannot be asked. Too few origins are a grey finding, with p NaN.

    References
    ----------
    Tashman, Out-of-sample tests of forecasting accuracy, International Journal of Forecasting 16, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> import scaling_fast as sf
    >>> sizes = np.geomspace(1e7, 1e11, 20).tolist()
    >>> truth = {"E": 1.8, "A": 480.0, "alpha": 0.35}
    >>> runs = sf.datasets.simulate("power_offset", truth, {"x": sizes}, noise=0.005, seed=4)
    >>> test = sf.stress.backtest(sf.fit(runs, "power_offset", loss=sf.Squared()))
    >>> test.origins, bool(test.p > 0.01)
    (10, True)
    """
    require_usable_process()
    n, level = whole_number(n, "n", 1, MOST_DRAWS), checked_level(level)
    seed, cores, executor = checked_seed(seed), checked_threads(threads), checked_executor(executor)
    if isinstance(fit, Fit):
        fit.require_single("a back-test")
    refit = robust_refit(fit)
    scale, runs = scale_of(refit.request, along), runs_of(refit, run)
    ladder = Ladder.of(refit, scale, runs, seed)
    asked = LookAhead(refit, scale, runs, ladder, level)
    if ladder.pairs:
        asked.forecast(cores)
    p, draws = math.nan, 0
    if asked.is_tested:
        with watched(progress, "back-testing") as callback:
            total = most_draws(n) if callback else n

            def draw(first: int, count: int) -> Floats:
                done = drawn_on(executor, ladder, first, count, cores)
                if callback is not None:
                    callback(min(first + count, total), total)
                return done

            p, draws = counted(asked.statistic, n, draw)
    return asked.answer(p, draws, n, run)

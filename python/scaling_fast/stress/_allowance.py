"""How far a forecast may be off beyond the runs: noise, drift of the law, and rival forms together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaling_fast.runtime.memory import ask_first
from scaling_fast.stress.allowed import allowed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from scaling_fast.fitting.result import Fit
    from scaling_fast.laws import Law

__all__ = ["allowance"]


@ask_first
def allowance(
    fit: Fit,
    at: Any,
    *,
    level: float = 0.9,
    laws: Sequence[Law | str] | Law | str | None = None,
    run: str | Sequence[str] | None = None,
    seed: int | None = 0,
    threads: int | None = None,
    executor: Any = None,
    progress: bool | Callable[[int, int], object] | None = None,
) -> pl.DataFrame:
    """Return how far the forecast of a fitted law may be off at any points.

    The law is refitted robustly on ln y, and the half-width is the larger of two ignorances, which both
    hold the noise: *drift*, the law moving away as fast as the runs allow (an integrated Wiener process whose
    upper limit the residuals give), and *form*, the profile bands of every rival law that fits as
    well. No data can show a break or a change of recipe beyond the largest run: the
    allowance does not cover it.

    On simulated truths between and outside the rivals the nominal 90 % allowance covered 84 to 100 %, by truth, at
    one, two and three decades beyond: least of two powers with 20 rows and of a stretched exponential with 60. See
    the guide for the table, and for what it cannot see.

    Parameters
    ----------
    fit
        A single, converged fit of a law of one input, or of a size and an amount of data.
    at
        Where: values of the only input; budgets in FLOP, each spent as the law would; or a mapping or a
        frame of the law's columns.
    level
        Confidence level, between 0 and 1.
    laws
        The rivals that count as forms: names of the catalogue, formulas or `Law`s. By default those that
        are known of as many inputs.
    run
        Columns that name the training run of each row, where the rows of one run share an error.
    seed, threads, executor, progress
        As in `backtest`, which is one of the gates and takes most of the time.

    Returns
    -------
    DataFrame
        One row per point: the law's columns; `prediction`, of the robust refit; the half-widths `noise`,
        `drift` and `form` as shares of it (0.05 is 5 %); `lower` and `upper`; `decades_beyond` the
        largest run; `status` ("supported", the codes of the gates that are shut, or "beyond" where the
        point lies further beyond the runs than they span: there only noise is given); and
        `sentence`, which says it in words.

    Raises
    ------
    ParameterError
        For a law of three inputs, a fit of groups, with weights or sigma, or one that did not converge.
    DataError
        For targets that are not positive, or no degree of freedom.

    Examples
    --------
    >>> import numpy as np, scaling_fast as sf
    >>> x = np.geomspace(1e7, 1e10, 20)
    >>> wiggle = 1 + 0.004 * np.cos(7.0 * np.arange(20.0))
    >>> runs = {"x": x, "loss": (1.8 + 480 * x**-0.35) * wiggle}
    >>> fit = sf.fit(runs, "power_offset")
    >>> beyond = sf.stress.allowance(fit, [1e11, 1e14])
    >>> beyond["status"].to_list()
    ['supported', 'beyond']
    """
    return allowed(
        fit,
        at,
        level=level,
        laws=laws,
        run=run,
        seed=seed,
        threads=threads,
        executor=executor,
        progress=progress,
    ).table

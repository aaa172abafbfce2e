"""Refit a fit many times, on other weights or targets of its rows: the same bits for any number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import polars as pl

from scaling_fast.drawing import as_drawn
from scaling_fast.errors import DataError, ParameterError, shown
from scaling_fast.fitted import Fit
from scaling_fast.options import (
    checked_seed,
    checked_threads,
    require_memory,
    require_usable_process,
    whole_number,
)
from scaling_fast.progress import watched
from scaling_fast.rechecks import MULTI_STARTS
from scaling_fast.request import evaluate, status_column
from scaling_fast.resampled import Bootstrap
from scaling_fast.schemes import Pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scaling_fast.schemes import Scheme

__all__ = ["bootstrap"]

DEFAULT_N = 10_000

MOST_STARTS = 10_000
"""Starts a replicate that can still be meant."""

UNFINISHED = "unfinished"


@overload
def bootstrap(
    fit: Fit,
    scheme: Scheme = ...,
    *,
    n: int | None = ...,
    starts: str | int = ...,
    seed: int | None = ...,
    threads: int | None = ...,
    progress: bool | Callable[[int, int], object] | None = ...,
) -> Bootstrap: ...
@overload
def bootstrap(
    fit: Sequence[Fit],
    scheme: Scheme = ...,
    *,
    n: int | None = ...,
    starts: str | int = ...,
    seed: int | None = ...,
    threads: int | None = ...,
    progress: bool | Callable[[int, int], object] | None = ...,
) -> list[Bootstrap]: ...
def bootstrap(
    fit: Fit | Sequence[Fit],
    scheme: Scheme = Pairs(),  # noqa: B008 (a frozen value)
    *,
    n: int | None = None,
    starts: str | int = "warm",
    seed: int | None = 0,
    threads: int | None = None,
    progress: bool | Callable[[int, int], object] | None = None,
) -> Bootstrap | list[Bootstrap]:
    """Return a fit refitted `n` times, or one `Bootstrap` a fit of a list, on common draws.

    Parameters
    ----------
    fit
        What `scaling_fast.fit` returned; a list of fits with equally many rows a group shares its
        draws, so that differences between laws or losses can be bootstrapped.
    scheme
        `Pairs()`, `Clusters("run")`, `Strata("budget")`, `Blocks(5, within="run")`, `Bayesian()`,
        `Residuals()`, `Wild()`, `Parametric()`, `Jackknife()`, `Subsample(m)`, `Indices(array)`,
        `Weights(array)`.
    n
        Replicates a group, 10,000 by default. It follows from the scheme for `Jackknife`,
        `Indices` and `Weights`.
    starts
        "warm" refits from the fit's optimum, "multi" from nine searched starts as well, an int from
        that many. Warm is right for designs that identify the law and wrong on ridges.
    seed
        Below 2**64; None draws one, kept in `.seed`. Replicate i is the same for every n.
    threads
        Threads; else SCALING_FAST_THREADS, else the cores of this process. Results do not depend on it.
    progress
        None: a bar on runs over a second when a terminal watches; False: never; a function is
        called with (done, total).

    Raises
    ------
    ParameterError, DataError, ResourceError
        A question that cannot be asked.
    KeyboardInterrupt
        On Ctrl-C; its `.partial` is the `Bootstrap` of the replicates that were finished.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> runs = sf.datasets.simulate(
    ...     "power", {"A": 5.0, "alpha": 0.1}, {"x": [1e6, 1e7, 1e8, 1e9]}, noise=0.01, seed=1
    ... )
    >>> boot = sf.bootstrap(sf.fit(runs, "power", loss=sf.Squared()), sf.Bayesian(), n=100)
    >>> boot.draws.height, boot.failures.height
    (100, 0)
    """
    require_usable_process()
    if not isinstance(fit, Fit):
        return [
            bootstrap(
                one, scheme, n=n, starts=starts, seed=seed, threads=threads, progress=progress
            )
            for one in _several(fit)
        ]
    kind, table, fixed = as_drawn(fit, scheme)
    if fixed is not None and n is not None and n != fixed:
        raise ParameterError(
            f"n={shown(n)} conflicts with {scheme!r}, which has {fixed} replicates; leave n out",
            code="n",
            param="n",
        )
    count = fixed if fixed is not None else whole_number(DEFAULT_N if n is None else n, "n", 1)
    extra = _starts(starts)
    seed = checked_seed(seed)
    workers = checked_threads(threads)
    names = fit.request.names
    width = len(names) + len(fit.law.derived) + 3
    # The table of the threads and the columns made of it stand in memory together.
    require_memory(
        f"{count:,} replicates of {fit.groups:,} groups", 2 * 8 * count * fit.groups * width
    )
    base = np.ascontiguousarray(fit.table.select(names).to_numpy(), dtype=np.float64)
    with watched(progress, "refitting") as callback:
        status, objective, params, interrupted = fit.request.resample(
            base,
            kind,
            table,
            first=0,
            count=count,
            seed=seed,
            starts=extra,
            threads=workers,
            progress=callback,
        )
    draws = _table(fit, status, objective, params, count)
    boot = Bootstrap(fit, scheme, seed, draws, count, extra)
    if interrupted:
        column = boot._column("status")
        stopped = KeyboardInterrupt("interrupted; the finished replicates are in .partial")
        stopped.partial = Bootstrap(  # type: ignore[attr-defined]
            fit, scheme, seed, draws.filter(pl.col(column) != UNFINISHED), count, extra
        )
        raise stopped
    return boot


def _several(fits: Any) -> list[Fit]:
    if not isinstance(fits, Sequence) or not fits or not all(isinstance(one, Fit) for one in fits):
        raise ParameterError(
            f"bootstrap wants a Fit or a list of them, got {shown(fits)}", code="fit", param="fit"
        )
    first = fits[0].request.table.offsets.tolist()
    for one in fits[1:]:
        if one.request.table.offsets.tolist() != first:
            raise DataError(
                "common draws need fits of the same rows: the groups of these differ in number or size",
                code="common_draws",
            )
    return list(fits)


def _starts(starts: Any) -> int:
    if isinstance(starts, str):
        if starts not in ("warm", "multi"):
            raise ParameterError(
                f'starts must be "warm", "multi" or a number, got {shown(starts)}',
                code="starts",
                param="starts",
            )
        return 0 if starts == "warm" else MULTI_STARTS
    count = whole_number(starts, "starts", 1)
    if count > MOST_STARTS:
        raise ParameterError(
            f"starts must be at most {MOST_STARTS}, got `{count}`", code="starts", param="starts"
        )
    return count


def _table(
    fit: Fit,
    status: NDArray[np.uint8],
    objective: NDArray[np.float64],
    params: Sequence[NDArray[np.float64]],
    count: int,
) -> pl.DataFrame:
    names, law, keys = fit.request.names, fit.law, fit.request.table.keys
    values = dict(zip(names, params, strict=True))
    derived = {label: evaluate(text, values) for label, text in law.derived.items()}
    taken = [*names, *derived, *keys.columns]
    label = {
        one: f"draw_{one}" if one in taken else one for one in ("replicate", "status", "objective")
    }
    replicate = np.tile(np.arange(count, dtype=np.int64), fit.groups)
    columns = [
        pl.Series(label["replicate"], replicate),
        status_column(status).alias(label["status"]),
        pl.Series(label["objective"], objective),
        *(pl.Series(one, column) for one, column in (values | derived).items()),
    ]
    if not keys.width:
        return pl.DataFrame(columns)
    return keys[pl.Series(np.repeat(np.arange(fit.groups), count))].with_columns(columns)

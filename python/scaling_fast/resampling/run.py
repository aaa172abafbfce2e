"""Refit a fit many times, on other weights or targets of its rows: the same bits for any number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from scaling_fast.errors import CheckpointError, DataError, ParameterError, quote
from scaling_fast.fitting.result import Fit
from scaling_fast.resampling.draws import Draws
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.execution.shards import BLOCK, ExecutionPlan, Gathered, gathered
from scaling_fast.resampling.multistart import MULTI_STARTS
from scaling_fast.resampling.plan import plan_for
from scaling_fast.resampling.result import Bootstrap
from scaling_fast.resampling.schemes import Pairs
from scaling_fast.resampling.schemes.words import as_scheme
from scaling_fast.resampling.streaming.run import summarised
from scaling_fast.runtime.memory import ask_first, require_memory
from scaling_fast.runtime.progress import watched
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.validation import checked_seed, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaling_fast.resampling.schemes import Scheme
    from scaling_fast.resampling.streaming.summary import BootstrapSummary

__all__ = ["bootstrap", "checked_starts", "replicate_count"]

DEFAULT_N = 10_000
"""Replicates per group where the caller names no number."""

MOST_STARTS = 10_000
"""Starts per replicate above which the number can only be a typing error."""


class Options(TypedDict, total=False):
    """The options of `bootstrap` that do not change the type of its answer."""

    n: int | None
    starts: str | int
    seed: int | None
    threads: int | None
    executor: Any
    shards: int | None
    progress: bool | Callable[[int, int], object] | None


@overload
def bootstrap(
    fit: Fit,
    scheme: Scheme | str = ...,
    *,
    keep: Literal["draws"] | PathLike[str] = ...,
    **options: Unpack[Options],
) -> Bootstrap: ...
@overload
def bootstrap(
    fit: Sequence[Fit],
    scheme: Scheme | str = ...,
    *,
    keep: Literal["draws"] | PathLike[str] = ...,
    **options: Unpack[Options],
) -> list[Bootstrap]: ...
@overload
def bootstrap(
    fit: Fit, scheme: Scheme | str = ..., *, keep: Literal["summary"], **options: Unpack[Options]
) -> BootstrapSummary: ...
@overload
def bootstrap(
    fit: Sequence[Fit],
    scheme: Scheme | str = ...,
    *,
    keep: Literal["summary"],
    **options: Unpack[Options],
) -> list[BootstrapSummary]: ...
@ask_first
def bootstrap(
    fit: Fit | Sequence[Fit],
    scheme: Scheme | str = Pairs(),  # noqa: B008 (a frozen value)
    *,
    n: int | None = None,
    starts: str | int = "warm",
    seed: int | None = 0,
    threads: int | None = None,
    executor: Any = None,
    shards: int | None = None,
    keep: str | PathLike[str] = "draws",
    progress: bool | Callable[[int, int], object] | None = None,
) -> Bootstrap | BootstrapSummary | list[Bootstrap] | list[BootstrapSummary]:
    """Return a fit refitted `n` times; for a list of fits, a list with one result each, on common draws.

    Parameters
    ----------
    fit
        What `scaling_fast.fit` returned; fits with equally many rows per group, in a list, share their
        draws, so that differences between laws or losses can be bootstrapped.
    scheme
        `Pairs()`, `Clusters("run")`, `Strata("budget")`, `Blocks(5, within="run")`, `Bayesian()`,
        `Residuals()`, `Wild()`, `Parametric()`, `Jackknife()`, `Subsample(m)`, `Indices(array)`,
        `Weights(array)`; or its text on the terminal, such as "clusters:run".
    n
        Number of replicates per group, 1 or more; 10,000 by default. `Jackknife`, `Indices` and
        `Weights` fix it themselves.
    starts
        "warm" refits from the optimum of the fit, "multi" from nine searched starts as well, an int
        from that many, 1 or more. "warm" is right for designs that identify the law and wrong on
        ridges.
    seed
        Seed, from 0 to 2**64 - 1; None draws one, kept in `.seed`. Replicate i does not depend on n.
    threads
        Number of threads, from 1 to 1024; else SCALING_FAST_THREADS, else the cores of this process.
        Results do not depend on it. With an executor: threads of each task, 1 by default.
    executor
        None computes in this process; else any object with `submit(fn, *args)` whose answer has
        `result()`: those of concurrent.futures, loky, dask's `client.get_executor()`,
        `mpi4py.futures`. Workers need this version of the package and nothing else. The shards of a
        worker that died are computed again; results are those without an executor, bit for bit.
    shards
        Number of parts in which the replicates are computed, 1 or more; tens to thousands by default.
    keep
        "draws"; "summary" for a `BootstrapSummary`, which keeps counts, moments and bins, so that memory
        does not grow with n; or a `Path`: a folder to which every shard is written as it ends, and from
        which the same call continues after an interruption, or continues with a larger n.
    progress
        None shows a bar on a terminal for runs over a second, False never; a function is called with
        (done, total).

    Raises
    ------
    ParameterError, DataError, ResourceError
        For a question that cannot be asked.
    KeyboardInterrupt
        On Ctrl-C; its `.partial` is the result of the replicates that were finished.
    CheckpointError
        For a folder that belongs to another run, is damaged or is in use. If writing fails on the way,
        the run is finished first, and the `.result` of the exception holds it.

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
    drawn: Scheme = as_scheme(scheme)
    path = _folder(keep)
    extra = checked_starts(starts)
    seed = checked_seed(seed)
    here = checked_threads(threads)
    # An executor divides the machine among its workers, so a task has one thread unless asked for more.
    task = here if executor is None or threads is not None else 1
    execution = ExecutionPlan.checked(executor, shards, task, here)
    fits = [fit] if isinstance(fit, Fit) else _several(fit)
    if path is not None and not isinstance(fit, Fit):
        _make(path)
    results: list[Any] = []
    for place, each in enumerate(fits):
        estimates = each.estimates
        plan = plan_for(estimates, drawn)
        count = replicate_count(n, plan.replicates, drawn)
        job = Job(estimates, plan, seed, extra)
        folder = path if path is None or isinstance(fit, Fit) else path / f"fit-{place}"
        with watched(progress, "refitting") as watch:
            if keep == "summary":
                _require_room(each, min(count, BLOCK))
                results.append(summarised(each, drawn, job, count, execution, watch))
            else:
                _require_room(each, count)
                found = gathered(job, count, execution, path=folder, watch=watch)
                results.append(_bootstrap(each, drawn, seed, count, extra, found))
    return results[0] if isinstance(fit, Fit) else results


def replicate_count(n: Any, fixed: int | None, scheme: Scheme, *, fewest: int = 1) -> int:
    """Return the number of replicates: the one that the scheme has `fixed`, or the caller's.

    Raises
    ------
    ParameterError
        For a number below `fewest`, or one that contradicts the scheme.
    """
    if fixed is None:
        return whole_number(DEFAULT_N if n is None else n, "n", fewest)
    if n is not None and n != fixed:
        raise ParameterError(
            f"n={quote(n)} conflicts with {scheme!r}, which has {fixed} replicates; leave n out",
            code="n",
            param="n",
        )
    return fixed


def _require_room(fit: Fit, count: int) -> None:
    width = len(fit.request.names) + len(fit.law.derived) + 3
    # The table that threads fill, the columns made from it and those of the frame may be in memory together.
    require_memory(
        f"{count:,} replicates of {fit.groups:,} groups", 4 * 8 * count * fit.groups * width
    )


def _bootstrap(
    fit: Fit, scheme: Scheme, seed: int, count: int, starts: int, found: Gathered
) -> Bootstrap:
    """Return the draws as a result; an interruption or a failed write is raised with the result in it."""
    draws = Draws.of(fit.request, found.status, found.objective, found.params, count)
    boot = Bootstrap(fit, scheme, seed, draws.frame, count, starts)
    if found.interrupted:
        stopped = KeyboardInterrupt("interrupted; the finished replicates are in .partial")
        stopped.partial = Bootstrap(  # type: ignore[attr-defined]
            fit, scheme, seed, draws.finished().frame, count, starts
        )
        raise stopped
    if found.failure is not None:
        found.failure.result = boot
        raise found.failure
    return boot


def _folder(keep: Any) -> Path | None:
    """Return the folder that `keep` names, or None to keep draws in memory only."""
    if isinstance(keep, PathLike):
        return Path(keep)
    if not isinstance(keep, str) or keep not in ("draws", "summary"):
        raise ParameterError(
            f'keep must be "draws", "summary" or a pathlib.Path, got {quote(keep)}',
            code="keep",
            param="keep",
        )
    return None


def _make(path: Path) -> None:
    """Make the folder of several runs, which holds one folder per fit."""
    try:
        path.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{quote(path, 200)} cannot be a folder: {error}", code="write"
        ) from error


def _several(fits: Any) -> list[Fit]:
    if (
        not isinstance(fits, Sequence)
        or not fits
        or not all(isinstance(each, Fit) for each in fits)
    ):
        raise ParameterError(
            f"bootstrap needs a Fit or a list of them, got {quote(fits)}", code="fit", param="fit"
        )
    first = fits[0].request.table.offsets.tolist()
    for other in fits[1:]:
        if other.request.table.offsets.tolist() != first:
            raise DataError(
                "common draws need fits of the same rows, and the groups of these differ in number or size",
                code="common_draws",
            )
    return list(fits)


def checked_starts(starts: Any) -> int:
    """Return how many starts each replicate is searched from beside the warm one.

    Raises
    ------
    ParameterError
        For anything but "warm", "multi" or a number from 1 to 10,000.
    """
    if isinstance(starts, str):
        if starts not in ("warm", "multi"):
            raise ParameterError(
                f'starts must be "warm", "multi" or a number, got {quote(starts)}',
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

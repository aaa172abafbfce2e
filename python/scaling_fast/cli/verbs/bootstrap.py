"""The verb `bootstrap`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaling_fast.cli import fit_view, output, parsing
from scaling_fast.cli.verbs.options import (
    FitOptions,
    after_fit,
    fit_from_options,
    fit_options,
    quantities_option,
    refuse_output,
    scheme_option,
    write_output,
)
from scaling_fast.errors import CheckpointError, ConvergenceError
from scaling_fast.resampling import run
from scaling_fast.resampling.result import METHODS, MOST_FAILURES, Bootstrap
from scaling_fast.resampling.schemes.words import as_scheme
from scaling_fast.validation import checked_failures

if TYPE_CHECKING:
    import polars as pl

    from scaling_fast.fitting.result import Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapOptions:
    """Values of the options that say how a fit is resampled, as the command line has them."""

    scheme: str
    n: int | None
    starts: str
    fit_starts: str
    level: float
    method: str | None
    quantities: tuple[str, ...]
    max_failures: float
    path: Path | None
    folder: Path | None
    shards: int | None

    @property
    def interval_method(self) -> str:
        """Method of the intervals: the one that was asked for, or the scheme's usual one."""
        usual = "normal" if as_scheme(self.scheme).name == "jackknife" else "percentile"
        return self.method or usual


@click.command(
    short_help="Refit a law on resampled rows: one interval per quantity.",
    epilog="""\b
Examples:
  scaling-fast bootstrap runs.csv chinchilla --column N=params --column D=tokens --of a
  scaling-fast bootstrap runs.csv chinchilla --column N=params --column D=tokens \\
      --scheme clusters:run --n 4000 --level 0.9 --draws draws.parquet
  scaling-fast bootstrap runs.csv power_offset --column x=steps --n 5000000 --keep run.folder
""",
)
@fit_options
@scheme_option
@click.option(
    "--n",
    type=parsing.WHOLE,
    help="Number of replicates. [default: 10000, or what the scheme sets]",
)
@click.option(
    "--starts",
    default="warm",
    show_default=True,
    metavar="warm|multi|INT",
    help="Where each refit starts: from the fit (warm), from nine searched starts as well (multi), or "
    "from INT starts.",
)
@click.option(
    "--fit-starts",
    default="auto",
    show_default=True,
    metavar="auto|INT|E=1.7,A=400",
    help="Where the search of the fit itself starts.",
)
@click.option(
    "--level",
    type=float,
    default=0.95,
    show_default=True,
    help="Confidence level, between 0 and 1.",
)
@click.option(
    "--method",
    metavar="METHOD",
    help=f"Interval: {parsing.listed(METHODS)}. [default: percentile; normal after jackknife]",
)
@quantities_option
@click.option(
    "--max-failures",
    type=float,
    default=MOST_FAILURES,
    show_default=True,
    metavar="SHARE",
    help="Largest share of the replicates of a fit that may be unusable, from 0 to 1; above it the fit has no "
    "interval.",
)
@click.option(
    "--draws",
    "path",
    type=Path,
    metavar="PATH",
    help="Also write every replicate to a .csv, .tsv, .parquet, .arrow, .json or .jsonl file.",
)
@click.option(
    "--keep",
    "folder",
    type=Path,
    metavar="FOLDER",
    help="Save every part in FOLDER once it is done; the same command resumes from there.",
)
@click.option(
    "--shards",
    type=parsing.WHOLE,
    help="Number of parts; it does not change the result. [default: tens to thousands]",
)
@click.pass_context
def bootstrap(
    context: click.Context, /, *, scheme: str, n: int | None, starts: str, fit_starts: str,
    level: float, method: str | None, quantities: tuple[str, ...], max_failures: float,
    path: Path | None, folder: Path | None, shards: int | None, **given: Any,
) -> None:  # fmt: skip
    """Fit LAW to FILE, refit it on resampled rows, and print one interval per quantity.

    FILE and LAW are those of `scaling-fast fit`.
    """
    options = FitOptions(**given)
    resampling = BootstrapOptions(
        scheme=scheme, n=n, starts=starts, fit_starts=fit_starts, level=level, method=method,
        quantities=quantities, max_failures=checked_failures(max_failures), path=path, folder=folder,
        shards=shards,
    )  # fmt: skip
    as_scheme(scheme)
    parsing.starts(starts, ["warm", "multi"])
    refuse_output(path, options)
    fitted = fit_from_options(options, fit_starts)
    if "converged" not in fit_view.statuses(fitted, options.by):
        # A refit around a fit that failed would only repeat the failure.
        if options.as_json:
            statuses = fit_view.statuses(fitted, options.by)
            raise ConvergenceError(
                f"{len(statuses):,} of {len(statuses):,} fits did not converge "
                f"({', '.join(sorted(set(statuses)))}), so there is nothing to resample; `scaling-fast fit` "
                "says why",
                code="not_converged",
            )
        context.exit(after_fit(fitted, options))
    boot = _resample(fitted, options, resampling)
    write_output(boot.draws, path, options)
    _print(boot, fitted, options, resampling)
    context.exit(after_fit(fitted, options, fail_on=options.fail_on))


def _resample(fitted: Fit, options: FitOptions, resampling: BootstrapOptions) -> Bootstrap:
    """Return the refits; what was finished before Ctrl-C is written, and the reader told where."""
    starts: Any = parsing.starts(resampling.starts, ["warm", "multi"])
    count: dict[str, Any] = {} if resampling.n is None else {"n": resampling.n}
    path, folder = resampling.path, resampling.folder
    try:
        return run.bootstrap(
            fitted,
            as_scheme(resampling.scheme),
            starts=starts,
            seed=options.seed,
            threads=options.threads,
            shards=resampling.shards,
            keep="draws" if folder is None else folder,
            **count,
        )
    except KeyboardInterrupt as stop:
        finished = getattr(getattr(stop, "partial", None), "draws", None)
        if path is not None and finished is not None:
            write_output(finished, path, options)
            output.note(f"the finished replicates are in {path.resolve()}")
        if folder is not None:
            output.note(f"run the same command again to resume from {folder.resolve()}")
        raise
    except CheckpointError as error:
        if not isinstance(error.result, Bootstrap):
            raise
        # The folder could not be written to the end; the answer is there all the same.
        output.note(str(error.__cause__ or error))
        return error.result


def _print(boot: Bootstrap, fitted: Fit, options: FitOptions, resampling: BootstrapOptions) -> None:
    """Print the intervals, and the findings of the fit and of its refits."""
    level, method = resampling.level, resampling.interval_method
    intervals = boot.interval(
        level=level,
        method=method,
        of=list(resampling.quantities) or None,
        max_failures=resampling.max_failures,
    )
    # Those of the fit are among them; with groups, the check for lower optima takes too long.
    findings = boot.findings if fitted.groups == 1 else fitted.findings
    if not options.as_json:
        title = f"{100 * level:.6g} % {method} intervals, {boot.n:,} {resampling.scheme} replicates"
        output.emit_table(intervals, title=title)
        output.note_findings(findings)
        _note_without(boot, intervals)
        output.note(f"digest {boot.digest}")
        return
    output.emit_json(
        {
            "scheme": resampling.scheme,
            "n": boot.n,
            "seed": options.seed,
            "level": level,
            "method": method,
            "digest": boot.digest,
            "failures": output.json_rows(boot.failures),
            "intervals": output.json_rows(intervals),
            "fit": output.json_rows(fit_view.table(fitted, options.by)),
            "findings": [finding.as_dict() for finding in findings],
        }
    )


def _note_without(boot: Bootstrap, intervals: pl.DataFrame) -> None:
    """Say how many groups have no interval, and why."""
    groups = boot.fit.groups
    if not boot.fit.request.table.keys.width:
        return
    # By place: the columns have other names where a key of the groups is called so.
    ends, status = intervals[intervals.columns[-3]], intervals[intervals.columns[-1]]
    each = intervals.height // groups
    without = [
        status[row]
        for row in range(0, intervals.height, each)
        if ends[row : row + each].null_count() == each
    ]
    if without:
        why, have = ", ".join(sorted(set(without))), "has" if len(without) == 1 else "have"
        output.note(f"{len(without):,} of {groups:,} groups {have} no interval ({why})")

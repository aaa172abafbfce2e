"""What `fit`, `bootstrap` and `stress` share: the options that say what is fitted, and the fit of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from scaling_fast.cli import files, fit_view, output, parsing
from scaling_fast.cli.exit_codes import FAIL_ON, SEVERITIES, Exit, after_findings
from scaling_fast.cli.messages import column_hint
from scaling_fast.errors import ScalingError
from scaling_fast.fitting.run import fit

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from scaling_fast.fitting.result import Fit

Function = TypeVar("Function", bound=Callable[..., Any])

LOSS = "huber:1e-3"
"""The loss of a fit where none is named."""

_OPTIONS = (
    click.argument("file"),
    click.argument("law"),
    click.option(
        "--target", metavar="COLUMN",
        help="Column that the law explains. [default: what stands before ~ in the formula, else loss]",
    ),
    click.option(
        "--column", "columns", multiple=True, metavar="NAME=COLUMN",
        help="Column that a name in the law stands for; NAME=COLUMN/1e9 and NAME=COLUMN*1e6 change "
        "its unit. Can be repeated. [default: the column of that name]",
    ),
    click.option(
        "--loss", default=LOSS, show_default=True, metavar="LOSS",
        help=f"{parsing.loss_forms()}. huber:DELTA:mad measures DELTA in robust standard deviations.",
    ),
    click.option(
        "--residual", metavar="|".join(parsing.RESIDUALS),
        help="Scale on which the loss compares fitted and observed values. log_excess:E is "
        "ln(f - E) - ln(y - E); log_excess:E:plain leaves out its Jacobian. [default: as the formula "
        "has it before ~, else log]",
    ),
    click.option("--weights", metavar="COLUMN", help="How many times each row counts."),
    click.option("--sigma", metavar="COLUMN", help="Standard error of each row's residual."),
    click.option(
        "--by", multiple=True, metavar="COLUMN",
        help="Fit each value of the column separately. Can be repeated.",
    ),
    click.option(
        "--param", "params", multiple=True, metavar="NAME=NUMBER|NAME:FIELD=NUMBER,...",
        help='The value that a parameter keeps, "E=1.69", or its start, bounds or fixed value by the fields '
        'start, lower, upper and fixed: "alpha:lower=0,upper=2". Can be repeated.',
    ),
    click.option(
        "--nulls", type=click.Choice(["error", "drop"]), default="error", show_default=True,
        help="What to do with rows that hold a null or NaN.",
    ),
    click.option(
        "--seed", type=parsing.WHOLE, default=0, show_default=True, help="Seed of the random numbers."
    ),
    click.option(
        "--threads", type=parsing.WHOLE,
        help="Number of threads. [default: SCALING_FAST_THREADS, else all cores]",
    ),
    click.option("--force", is_flag=True, help="Replace an output file that exists already."),
    click.option("--raw-cells", is_flag=True, help=files.RAW_CELLS),
    click.option("--fail-on", type=click.Choice(SEVERITIES), help=FAIL_ON),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout."),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """Values of the options that say what is fitted, as the command line has them."""

    file: str
    law: str
    target: str | None
    columns: tuple[str, ...]
    loss: str
    residual: str | None
    weights: str | None
    sigma: str | None
    by: tuple[str, ...]
    params: tuple[str, ...]
    nulls: Literal["error", "drop"]
    seed: int
    threads: int | None
    force: bool
    raw_cells: bool
    fail_on: str | None
    as_json: bool


def fit_options(function: Function) -> Function:
    """Give a verb the options that say what is fitted; it takes them as fields of `FitOptions`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


scheme_option = click.option(
    "--scheme",
    default="pairs",
    show_default=True,
    metavar=parsing.scheme_forms(),
    help="How each replicate is drawn.",
)

quantities_option = click.option(
    "--of",
    "quantities",
    multiple=True,
    metavar="FORMULA",
    help='Formula of parameters, such as "beta/(alpha+beta)". Can be repeated. [default: each parameter]',
)


at_option = click.option(
    "--at",
    "at",
    multiple=True,
    required=True,
    metavar="NUMBER|NAME=NUMBER,...",
    help="Where a forecast is wanted: a value of the only input, a budget in FLOP that is spent as the law "
    'would, or a point such as "N=7e10,D=1.4e12". Can be repeated.',
)


def fit_from_options(options: FitOptions, starts: str, dates: Sequence[str] = ()) -> Fit:
    """Return the fit that the options ask for.

    Parameters
    ----------
    options, starts
        As the command line has them.
    dates
        Columns of the file that may be dates, which a text file holds as text.
    """
    frame = files.with_dates(files.read_frame(options.file), dates)
    columns = parsing.columns(options.columns, frame)
    try:
        return fit(
            frame,
            options.law,
            target=options.target,
            columns=columns,
            loss=options.loss,
            residual=parsing.residual(options.residual),
            weights=options.weights,
            sigma=options.sigma,
            by=list(options.by) or None,
            starts=parsing.starts(starts, ["auto"]),
            params=parsing.params(options.params),
            seed=options.seed,
            threads=options.threads,
            nulls=options.nulls,
        )
    except ScalingError as error:
        _reword(error, options, frame)
        raise


def _reword(error: ScalingError, options: FitOptions, frame: pl.DataFrame) -> None:
    """Put an error in the terms of the command line: a line of the file, `--column`, `--residual`."""
    files.locate(error, options.file, frame.height)
    named = {options.target, options.weights, options.sigma, *options.by}
    named |= {text.partition("=")[2] for text in options.columns}
    sentence, is_of_law, _ = str(error).partition("; say which column is which: ")
    if error.code == "missing_column" and error.column not in named and error.column and is_of_law:
        error.args = (f"{sentence}{column_hint(error.column, frame)}",)
    if error.code == "loss" and (options.residual or "").startswith("log"):
        error.args = (
            f"--residual {options.residual} needs a likelihood (--loss squared, --loss "
            f"scaled_huber:1.345 or --loss student_t:4), but --loss is {options.loss}",
        )


def refuse_output(path: Path | None, options: FitOptions) -> None:
    """Refuse a path that a table could not be written to, before the work begins."""
    if path is not None:
        files.refuse_unwritable(path, force=options.force, suffixes=files.WRITTEN)


def write_output(frame: pl.DataFrame, path: Path | None, options: FitOptions) -> None:
    """Write a table to the path that was asked for, if there is one."""
    if path is not None:
        files.write_frame(frame, path, force=options.force, raw=options.raw_cells)


def after_fit(
    fitted: Fit, options: FitOptions, *, fail_on: str | None = None, max_failures: float = 1.0
) -> Exit:
    """Return the exit code of a fit, and note how many groups failed.

    Parameters
    ----------
    fitted, options
        The fit, and what was asked of it.
    fail_on
        The least severity of a finding that fails.
    max_failures
        Largest share of fits that may fail, from 0 to 1; where all fail, there is no usable one.
    """
    statuses = fit_view.statuses(fitted, options.by)
    failed = [status for status in statuses if status != "converged"]
    too_many = len(failed) > max_failures * len(statuses)
    if failed and not options.as_json:
        output.note(
            f"{len(failed):,} of {len(statuses):,} fits did not converge "
            f"({', '.join(sorted(set(failed)))})"
            + (f", more than --max-failures {max_failures:g} allows" if too_many else "")
        )
        if len(statuses) == 1:
            output.note_findings(fitted.findings)
    if too_many or len(failed) == len(statuses):
        return Exit.NO_USABLE_FIT
    return after_findings(fitted.findings, fail_on)

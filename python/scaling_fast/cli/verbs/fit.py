"""The verbs `fit` and `bootstrap`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scaling_fast.cli import files, output
from scaling_fast.cli import fit_view as fits
from scaling_fast.cli import parsing as words
from scaling_fast.cli.exit_codes import FAIL_ON, SEVERITIES, Exit, after_findings
from scaling_fast.errors import CheckpointError, ScalingError
from scaling_fast.resampling.result import METHODS

if TYPE_CHECKING:
    import polars as pl

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS = (
    click.argument("file"),
    click.argument("law"),
    click.option(
        "--target", metavar="COLUMN",
        help="Column the law explains. [default: what the formula has before ~, else loss]",
    ),
    click.option(
        "--column", "columns", multiple=True, metavar="NAME=COLUMN",
        help="Which column a name of the law is; also NAME=COLUMN/1e9 or NAME=COLUMN*1e6. "
        "Repeat it. [default: columns of the same name]",
    ),
    click.option(
        "--loss", default="huber:1e-3", show_default=True, metavar="LOSS",
        help=f"{words.loss_forms()}. huber:DELTA:mad measures DELTA in median absolute deviations.",
    ),
    click.option(
        "--residual", metavar="|".join(words.RESIDUALS),
        help="What the loss sees, fitted minus observed. log_excess:E is ln(f - E) - ln(y - E); "
        "log_excess:E:plain leaves out its Jacobian. [default: log, or as the formula has it before ~]",
    ),
    click.option("--weights", metavar="COLUMN", help="How often each row counts."),
    click.option("--sigma", metavar="COLUMN", help="Standard error of each row's residual."),
    click.option("--by", multiple=True, metavar="COLUMN", help="One fit a value. Repeat it."),
    click.option(
        "--param", "params", multiple=True, metavar="NAME:FIELD=NUMBER,...",
        help='Fields start, lower, upper, fixed: "alpha:lower=0,upper=2". Repeat it.',
    ),
    click.option(
        "--nulls", type=click.Choice(["error", "drop"]), default="error", show_default=True,
        help="What happens to rows with a null or NaN.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Seed of what is drawn."),
    click.option("--threads", type=int, help="[default: SCALING_FAST_THREADS, else all cores]"),
    click.option("--force", is_flag=True, help="Replace an output file that is there already."),
    click.option("--raw-cells", is_flag=True, help=files.RAW_CELLS),
    click.option("--fail-on", type=click.Choice(SEVERITIES), help=FAIL_ON),
    click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
)  # fmt: skip


def questions(function: Function) -> Function:
    """Give a verb the arguments that say what is fitted."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def fitted_as(asked: dict[str, Any], starts: str) -> Any:
    """Return the fit the options ask for."""
    import scaling_fast as sf

    frame = files.read_frame(asked["file"])
    columns = words.columns(asked["columns"], frame)
    try:
        return sf.fit(
            frame,
            asked["law"],
            target=asked["target"],
            columns=columns,
            loss=words.loss(asked["loss"]),
            residual=words.residual(asked["residual"]),
            weights=asked["weights"],
            sigma=asked["sigma"],
            by=list(asked["by"]) or None,
            starts=words.starts(starts, ["auto"]),
            params=words.params(asked["params"]),
            seed=asked["seed"],
            threads=asked["threads"],
            nulls=asked["nulls"],
        )
    except ScalingError as error:
        _retell(error, asked, frame)
        raise


def _retell(error: ScalingError, asked: dict[str, Any], frame: pl.DataFrame) -> None:
    """Say an error where a user of a terminal looks: in a line of the file, or in `--column`."""
    files.place(error, asked["file"], frame.height)
    named = {asked["target"], asked["weights"], asked["sigma"], *asked["by"]}
    named |= {one.partition("=")[2] for one in asked["columns"]}
    if error.code == "missing_column" and error.column and error.column not in named:
        said = str(error).partition("; say which column is which: ")[0]
        error.args = (f"{said}{words.which_column(error.column, frame)}",)
    if error.code == "loss" and (asked["residual"] or "").startswith("log"):
        error.args = (
            f"--residual {asked['residual']} wants a likelihood: --loss squared, --loss "
            f"scaled_huber:1.345 or --loss student_t:4, and --loss is {asked['loss']}",
        )


def _ending(fit: Any, keys: tuple[str, ...], fail_on: str | None, *, as_json: bool) -> Exit:
    """Return the exit code of a fit and say how many groups failed."""
    states = fits.statuses(fit, keys)
    failed = [one for one in states if one != "converged"]
    if failed and not as_json:
        output.note(
            f"{len(failed):,} of {len(states):,} fits did not converge "
            f"({', '.join(sorted(set(failed)))})"
        )
    usable = len(states) - len(failed)
    return Exit.NO_USABLE_FIT if usable == 0 else after_findings(fit.findings, fail_on)


@click.command(
    short_help="Fit a law to a file: one row a fit, with its certificate.",
    epilog="""\b
Examples:
  scaling-fast fit runs.csv chinchilla --column N=params --column D=tokens
  scaling-fast fit runs.parquet "E + A/N**alpha" --column N=params --param "alpha:lower=0,upper=2"
  scaling-fast fit curves.csv power_offset --column x=steps --by task --output fits.parquet
  scaling-fast fit chinchilla chinchilla --column N=params --column D=tokens --json
\b
What stands beside the parameters:
"""
    + "\n".join(f"  {name:<10} {said}" for name, said in fits.MEANINGS.items()),
)
@questions
@click.option(
    "--starts",
    default="auto",
    show_default=True,
    metavar="auto|INT|E=1.7,A=400",
    help="Where the search begins; one given start makes a local fit from there.",
)
@click.option(
    "--output", "written", type=Path, metavar="PATH",
    help="Write the table to a .csv, .tsv, .parquet, .arrow, .json or .jsonl file as well.",
)  # fmt: skip
@click.pass_context
def fit(
    context: click.Context, /, *, starts: str, written: Path | None, as_json: bool, **asked: Any
) -> None:
    """Fit LAW to FILE and print one row a fit.

    FILE is a CSV, TSV, Parquet, Arrow or JSON file, `-` for CSV from stdin, or the name of a
    dataset (`scaling-fast datasets`). LAW is a name of the catalogue (`scaling-fast laws`) or a
    formula such as "E + A/N**alpha".
    """
    if written is not None:
        files.refuse_unwritable(written, force=asked["force"], suffixes=files.WRITTEN)
    fitted = fitted_as(asked, starts)
    if written is not None:
        files.write_frame(
            fits.table(fitted, asked["by"]), written, force=asked["force"], raw=asked["raw_cells"]
        )
    if as_json:
        output.emit_json(
            {
                "law": fitted.law.to_dict(),
                "table": fits.table(fitted, asked["by"]),
                "findings": list(fitted.findings),
            }
        )
    else:
        fits.emit(fitted, asked["by"])
        output.note_findings(fitted.findings)
    context.exit(_ending(fitted, asked["by"], asked["fail_on"], as_json=as_json))


@click.command(
    short_help="Refit a law on resampled rows: one interval a quantity.",
    epilog="""\b
Examples:
  scaling-fast bootstrap runs.csv chinchilla --column N=params --column D=tokens --of a
  scaling-fast bootstrap runs.csv chinchilla --column N=params --column D=tokens \\
      --scheme clusters:run --n 4000 --level 0.9 --draws draws.parquet
  scaling-fast bootstrap runs.csv power_offset --column x=steps --n 5000000 --keep run.folder
""",
)
@questions
@click.option(
    "--scheme",
    default="pairs",
    show_default=True,
    metavar=words.scheme_forms(),
    help="What a replicate draws.",
)
@click.option("--n", type=int, help="Replicates. [default: 10000, or what the scheme says]")
@click.option(
    "--starts",
    default="warm",
    show_default=True,
    metavar="warm|multi|INT",
    help="Where each refit begins.",
)
@click.option(
    "--fit-starts",
    default="auto",
    show_default=True,
    metavar="auto|INT|E=1.7,A=400",
    help="Where the search of the fit itself begins.",
)
@click.option("--level", type=float, default=0.95, show_default=True, help="Of the intervals.")
@click.option(
    "--method",
    metavar="METHOD",
    help=f"{words.listed(METHODS)}. [default: percentile; normal after jackknife]",
)
@click.option(
    "--of",
    "quantities",
    multiple=True,
    metavar="FORMULA",
    help='Formula of parameters: "beta/(alpha+beta)". Repeat it. [default: each parameter]',
)
@click.option(
    "--draws", "written", type=Path, metavar="PATH",
    help="Write every replicate to a .csv, .tsv, .parquet, .arrow, .json or .jsonl file.",
)  # fmt: skip
@click.option(
    "--keep", "folder", type=Path, metavar="FOLDER",
    help="Write every part there as it ends; the same command goes on from it after whatever ended it.",
)  # fmt: skip
@click.option(
    "--shards",
    type=int,
    help="In how many parts, which changes no digit. [default: some tens or more]",
)
@click.pass_context
def bootstrap(
    context: click.Context,
    /,
    *,
    scheme: str,
    n: int | None,
    starts: str,
    fit_starts: str,
    level: float,
    method: str | None,
    quantities: tuple[str, ...],
    written: Path | None,
    folder: Path | None,
    shards: int | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Fit LAW to FILE, refit it on resampled rows, and print one interval a quantity.

    FILE and LAW are those of `scaling-fast fit`.
    """
    import scaling_fast as sf

    drawn = words.scheme(scheme)
    begin: Any = words.starts(starts, ["warm", "multi"])
    kind = method or ("normal" if drawn.name == "jackknife" else "percentile")
    if written is not None:
        files.refuse_unwritable(written, force=asked["force"], suffixes=files.WRITTEN)
    fitted = fitted_as(asked, fit_starts)
    if "converged" not in fits.statuses(fitted, asked["by"]):
        # A refit around a fit that failed would only repeat the failure.
        context.exit(_ending(fitted, asked["by"], None, as_json=as_json))
    count: dict[str, Any] = {} if n is None else {"n": n}
    try:
        boot = sf.bootstrap(
            fitted,
            drawn,
            starts=begin,
            seed=asked["seed"],
            threads=asked["threads"],
            shards=shards,
            keep="draws" if folder is None else folder,
            **count,
        )
    except KeyboardInterrupt as stop:
        finished = getattr(getattr(stop, "partial", None), "draws", None)
        if written is not None and finished is not None:
            files.write_frame(finished, written, force=asked["force"], raw=asked["raw_cells"])
            output.note(f"the finished replicates are in {written.resolve()}")
        if folder is not None:
            output.note(f"the same command goes on from {folder.resolve()}")
        raise
    except CheckpointError as error:
        if error.result is None:
            raise
        # The folder could not be written to the end; the answer is there all the same.
        output.note(str(error.__cause__ or error))
        boot = error.result
    if written is not None:
        files.write_frame(boot.draws, written, force=asked["force"], raw=asked["raw_cells"])
    intervals = boot.interval(level=level, method=kind, of=list(quantities) or None)
    found = [*fitted.findings, *(boot.findings if fitted.groups == 1 else ())]
    if as_json:
        output.emit_json(
            {
                "scheme": scheme, "n": boot.n, "seed": asked["seed"], "level": level,
                "method": kind, "digest": boot.digest, "failures": boot.failures,
                "intervals": intervals, "fit": fits.table(fitted, asked["by"]), "findings": found,
            }
        )  # fmt: skip
    else:
        title = f"{100 * level:.6g} % {kind} intervals, {boot.n:,} {scheme} replicates"
        output.emit_table(intervals, title=title)
        output.note_findings(found)
        output.note(f"digest {boot.digest}")
    context.exit(_ending(fitted, asked["by"], asked["fail_on"], as_json=as_json))

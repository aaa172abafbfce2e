"""The verb `fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaling_fast.cli import fit_view, output
from scaling_fast.cli.verbs.options import (
    FitOptions,
    after_fit,
    fit_from_options,
    fit_options,
    refuse_output,
    write_output,
)
from scaling_fast.validation import checked_failures


@click.command(
    short_help="Fit a law to a file: one row per fit, with its certificate.",
    epilog="""\b
Examples:
  scaling-fast fit runs.csv chinchilla --column N=params --column D=tokens
  scaling-fast fit runs.parquet "E + A/N**alpha" --column N=params --param "alpha:lower=0,upper=2"
  scaling-fast fit curves.csv power_offset --column x=steps --by task --output fits.parquet
  scaling-fast fit chinchilla chinchilla --column N=params --column D=tokens --json
\b
Columns beside the parameters:
"""
    + "\n".join(f"  {name:<10} {meaning}" for name, meaning in fit_view.MEANINGS.items()),
)
@fit_options
@click.option(
    "--starts",
    default="auto",
    show_default=True,
    metavar="auto|INT|E=1.7,A=400",
    help="Where the search starts: chosen for the law (auto), INT starts, or one given start.",
)
@click.option(
    "--max-failures",
    type=float,
    default=1.0,
    metavar="SHARE",
    help="Exit with 3 where a larger share of the fits failed, from 0 to 1. [default: where all failed]",
)
@click.option(
    "--output", "path", type=Path, metavar="PATH",
    help="Also write the table to a .csv, .tsv, .parquet, .arrow, .json or .jsonl file.",
)  # fmt: skip
@click.pass_context
def fit(
    context: click.Context, /, *, starts: str, max_failures: float, path: Path | None, **given: Any
) -> None:
    """Fit LAW to FILE and print one row per fit.

    FILE is a CSV, TSV, Parquet, Arrow or JSON file, `-` for CSV from stdin, or the name of a
    dataset (`scaling-fast datasets`). LAW is the name of a law in the catalogue
    (`scaling-fast laws`) or a formula such as "E + A/N**alpha".
    """
    options = FitOptions(**given)
    max_failures = checked_failures(max_failures)
    refuse_output(path, options)
    fitted = fit_from_options(options, starts)
    write_output(fit_view.table(fitted, options.by), path, options)
    if options.as_json:
        output.emit_json(
            {
                "law": fitted.law.to_dict(),
                "table": output.json_rows(fit_view.table(fitted, options.by)),
                "findings": [finding.as_dict() for finding in fitted.findings],
            }
        )
    else:
        fit_view.emit(fitted, options.by)
        output.note_findings(fitted.findings)
    context.exit(after_fit(fitted, options, fail_on=options.fail_on, max_failures=max_failures))

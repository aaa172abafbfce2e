"""The verb `compare`: which laws the runs support, and how far apart their forecasts lie."""

from __future__ import annotations

from typing import Any

import click

from scaling_fast.cli import output, parsing, streams
from scaling_fast.cli.exit_codes import after_findings
from scaling_fast.cli.verbs.options import FitOptions, after_fit, fit_from_options, fit_options
from scaling_fast.comparison import run as comparison
from scaling_fast.errors import ConvergenceError


@click.command(
    short_help="Compare LAW with its rivals on the runs of FILE.",
    epilog="""\b
Examples:
  scaling-fast compare runs.csv power_offset --column x=steps --at 1e6
  scaling-fast compare runs.csv chinchilla --column N=params --column D=tokens --at 1e24 --run run --json
  scaling-fast compare runs.csv power_offset --column x=steps --laws power --laws log_power --pairs all
""",
)
@fit_options
@click.option(
    "--laws",
    multiple=True,
    metavar="LAW",
    help="A rival: a law of the catalogue or a formula. Can be repeated. "
    "[default: those known for the inputs of LAW]",
)
@click.option(
    "--at",
    multiple=True,
    metavar="NUMBER|NAME=NUMBER,...",
    help="Where forecasts are wanted: a value of the only input, a budget in FLOP that is spent as LAW "
    'would, or a point such as "N=7e10,D=1.4e12". Can be repeated.',
)
@click.option(
    "--pairs",
    type=click.Choice(["headline", "all"]),
    default="headline",
    show_default=True,
    help="Which laws are tested against each other: LAW against each that is kept, or every two of them.",
)
@click.option(
    "--n",
    type=parsing.WHOLE,
    default=199,
    show_default=True,
    help="Number of data sets of a test; a small p is counted again over more.",
)
@click.option(
    "--run",
    "run",
    multiple=True,
    metavar="COLUMN",
    help="Column that names the training run of each row, where rows of a run share noise. Can be repeated.",
)
@click.option(
    "--level",
    type=float,
    default=0.9,
    show_default=True,
    help="Level of the bands, between 0 and 1.",
)
@click.pass_context
def compare(
    context: click.Context, /, *, laws: tuple[str, ...], at: tuple[str, ...], pairs: Any, n: int,
    run: tuple[str, ...], level: float, **given: Any,
) -> None:  # fmt: skip
    """Fit LAW and its rivals to FILE, and print which are supported and what they forecast.

    FILE and LAW are those of `scaling-fast fit`.
    """
    options = FitOptions(**given)
    wanted = parsing.targets(at) if at else None
    fitted = fit_from_options(options, "auto")
    if not options.by and not fitted.converged:
        if options.as_json:
            raise ConvergenceError(
                f"the fit did not converge ({fitted.status}), so there is nothing to compare; "
                "`scaling-fast fit` says why",
                code="not_converged",
            )
        context.exit(after_fit(fitted, options))
    if not options.as_json:
        output.note_findings(fitted.findings)
    found = comparison.compare(
        fitted,
        list(laws) or None,
        at=wanted,
        pairs=pairs,
        n=n,
        level=level,
        run=list(run) or None,
        seed=options.seed,
        threads=options.threads,
    )
    if options.as_json:
        output.emit_json(found.as_dict())
    else:
        shown = found.table if wanted else found.table.drop("forecast", "lower", "upper")
        output.emit_table(shown, title=f"{found.table['law'][0]}: {found.verdict}", keys=["law"])
        if found.pairs.height and streams.on_terminal():
            output.emit_table(found.pairs, title="pairs", keys=["A", "B"])
        output.note_findings(found.findings)
    context.exit(after_findings(found.findings, options.fail_on))

"""The verb `stress`: what a fit, its design and its intervals hold up to."""

from __future__ import annotations

from typing import Any

import click

from scaling_fast import stress as stress_tests
from scaling_fast.cli import fit_view, output, parsing
from scaling_fast.cli.exit_codes import Exit, after_findings
from scaling_fast.cli.verbs.options import (
    FitOptions,
    at_option,
    fit_from_options,
    fit_options,
    quantities_option,
    scheme_option,
)
from scaling_fast.resampling.intervals.batched import COVERED
from scaling_fast.resampling.schemes.words import as_scheme
from scaling_fast.stress.allowed import allowed
from scaling_fast.stress.simulation import NOISES
from scaling_fast.stress.words import UNSEEN


@click.group(
    short_help="Stress a fit: whether its intervals contain the truth, and whether its forecasts came true.",
    epilog="""\b
Examples:
  scaling-fast stress coverage runs.csv chinchilla --column N=params --column D=tokens --json
  scaling-fast stress backtest runs.csv chinchilla --column N=params --column D=tokens
  scaling-fast stress allowance runs.csv power_offset --column x=steps --at 1e6
""",
)
def stress() -> None:
    """Test what a fit, its design and its intervals hold up to; each test takes --json."""


@stress.command(
    short_help="Simulate the design of FILE and count how often intervals contain the truth.",
    epilog="""\b
Examples:
  scaling-fast stress coverage runs.csv chinchilla --column N=params --column D=tokens --n-sim 500
  scaling-fast stress coverage runs.csv power_offset --column x=steps --loss squared \\
      --method delta --method percentile --noise t3
""",
)
@fit_options
@scheme_option
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="METHOD",
    help=f"Interval: {parsing.listed(COVERED)}. Can be repeated. [default: percentile]",
)
@click.option(
    "--n-sim",
    type=parsing.WHOLE,
    default=2000,
    show_default=True,
    help="Number of simulated data sets.",
)
@click.option(
    "--n",
    type=parsing.WHOLE,
    default=499,
    show_default=True,
    help="Number of replicates per data set.",
)
@click.option(
    "--level",
    type=float,
    default=0.9,
    show_default=True,
    help="Confidence level, between 0 and 1.",
)
@click.option(
    "--noise",
    type=click.Choice(NOISES),
    default="normal",
    show_default=True,
    help="Noise added to the fitted law; clustered noise is shared within the clusters of the scheme.",
)
@click.option(
    "--sd",
    type=float,
    help="Standard deviation of the noise. [default: that of the residuals]",
)
@click.option("--small-sample", is_flag=True, help="Widen intervals for few rows or clusters.")
@quantities_option
@click.pass_context
def coverage(
    context: click.Context, /, *, scheme: str, methods: tuple[str, ...], n_sim: int, n: int,
    level: float, noise: str, sd: float | None, small_sample: bool, quantities: tuple[str, ...],
    **given: Any,
) -> None:  # fmt: skip
    """Fit LAW to FILE, simulate its design, and print how often each interval contains the truth.

    FILE and LAW are those of `scaling-fast fit`.
    """
    options = FitOptions(**given)
    drawn = as_scheme(scheme)
    fitted = fit_from_options(options, "auto")
    if "converged" not in fit_view.statuses(fitted, options.by):
        output.note("the fit did not converge, so there is no truth to simulate from")
        context.exit(Exit.NO_USABLE_FIT)
    tested = stress_tests.coverage(
        fitted,
        drawn,
        list(methods) or "percentile",
        n_sim=n_sim,
        n=n,
        level=level,
        noise=noise,
        sd=sd,
        seed=options.seed,
        small_sample=small_sample,
        threads=options.threads,
        of=list(quantities) or None,
    )
    if options.as_json:
        output.emit_json(tested.as_dict())
    else:
        title = f"{100 * level:.6g} % intervals, {n_sim:,} data sets, {noise} noise"
        output.emit_table(tested.table, title=title)
        output.note_findings(tested.findings)
    context.exit(after_findings(tested.findings, options.fail_on))


@stress.command(
    short_help="Fit the smaller runs of FILE, ask for the larger ones, and say how far off LAW was.",
    epilog="""\b
Examples:
  scaling-fast stress backtest runs.csv chinchilla --column N=params --column D=tokens
  scaling-fast stress backtest runs.csv power_offset --column x=steps --run run --json
  scaling-fast stress backtest runs.csv power_offset --column x=steps --along finished
""",
)
@fit_options
@click.option(
    "--along",
    metavar="COLUMN|FORMULA",
    help="What orders the runs: a column of the law or of FILE, or a formula of such columns; dates as "
    "2026-01-31 are read. [default: the only input, or 6*N*D]",
)
@click.option(
    "--n",
    type=parsing.WHOLE,
    default=199,
    show_default=True,
    help="Number of data sets of a true law that the error is compared with.",
)
@click.option(
    "--level",
    type=float,
    default=0.9,
    show_default=True,
    help="Level of the prediction intervals, between 0 and 1.",
)
@click.option(
    "--run",
    "runs",
    multiple=True,
    metavar="COLUMN",
    help="Column that names the run of a row; runs are held out whole. Can be repeated.",
)
@click.pass_context
def backtest(
    context: click.Context, /, *, along: str | None, n: int, level: float, runs: tuple[str, ...],
    **given: Any,
) -> None:  # fmt: skip
    """Fit LAW to the smaller runs of FILE, ask it for the larger ones, and print how far off it was.

    FILE and LAW are those of `scaling-fast fit`.
    """
    options = FitOptions(**given)
    fitted = fit_from_options(options, "auto", dates=() if along is None else (along,))
    if "converged" not in fit_view.statuses(fitted, options.by):
        output.note("the fit did not converge, so there is no law to back-test")
        context.exit(Exit.NO_USABLE_FIT)
    if not options.as_json:
        output.note_findings(fitted.findings)
    tested = stress_tests.backtest(
        fitted,
        along,
        n=n,
        level=level,
        run=list(runs) or None,
        seed=options.seed,
        threads=options.threads,
    )
    if options.as_json:
        output.emit_json(tested.as_dict())
    else:
        settings = tested.settings
        title = f"error against distance in {settings['unit']} along {settings['along']}"
        output.emit_table(tested.by_distance, title=title, keys=["from", "to"])
        for line in tested.figures():
            output.note(line)
        output.note_findings(tested.findings)
    context.exit(after_findings(tested.findings, options.fail_on))


@stress.command(
    short_help="Say how far the forecast of LAW may be off beyond the runs of FILE.",
    epilog="""\b
Examples:
  scaling-fast stress allowance runs.csv power_offset --column x=steps --at 1e6 --at 1e7
  scaling-fast stress allowance runs.csv chinchilla --column N=params --column D=tokens \\
      --at 1e24 --run run --json
""",
)
@fit_options
@at_option
@click.option(
    "--run",
    "run",
    multiple=True,
    metavar="COLUMN",
    help="Column that names the training run of each row, where rows of a run share an error. Can be repeated.",
)
@click.option(
    "--level",
    type=float,
    default=0.9,
    show_default=True,
    help="Confidence level, between 0 and 1.",
)
@click.pass_context
def allowance(
    context: click.Context, /, *, at: tuple[str, ...], run: tuple[str, ...], level: float, **given: Any
) -> None:  # fmt: skip
    """Fit LAW to FILE, and print what it forecasts at --at with the allowance: noise, drift and form.

    FILE and LAW are those of `scaling-fast fit`.
    """
    options = FitOptions(**given)
    wanted = parsing.targets(at)
    fitted = fit_from_options(options, "auto")
    if not options.as_json:
        output.note_findings(fitted.findings)
    answer = allowed(
        fitted,
        wanted,
        level=level,
        run=list(run) or None,
        seed=options.seed,
        threads=options.threads,
    )
    findings = (*fitted.findings, *answer.findings)
    if options.as_json:
        output.emit_json(
            {
                "test": "allowance",
                "settings": {"level": level, "run": list(run) or None, "seed": options.seed},
                "table": output.json_rows(answer.table),
                "findings": [finding.as_dict() for finding in findings],
                "unseen": UNSEEN,
            }
        )
    else:
        shown = answer.table.drop("sentence")
        title = f"{100 * level:.6g} % allowance"
        output.emit_table(shown, title=title, keys=list(fitted.law.columns or ()))
        sentences = answer.table["sentence"].to_list()
        for place, sentence in enumerate(sentences, 1):
            output.note(sentence if len(sentences) == 1 else f"{place}. {sentence}")
        output.note(UNSEEN)
    context.exit(after_findings(findings, options.fail_on))

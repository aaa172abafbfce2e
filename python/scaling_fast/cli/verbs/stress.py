"""The verb `stress`: what a fit, its design and its intervals hold up to."""

from __future__ import annotations

from typing import Any

import click

from scaling_fast.cli import fit_view as fits
from scaling_fast.cli import output
from scaling_fast.cli import parsing as words
from scaling_fast.cli.exit_codes import Exit, after_findings
from scaling_fast.cli.verbs.fit import fitted_as, questions
from scaling_fast.resampling.intervals.batched import COVERED
from scaling_fast.stress.simulation import NOISES


@click.group(
    short_help="Stress a fit: how often its intervals hold the truth.",
    epilog="""\b
Examples:
  scaling-fast stress coverage runs.csv chinchilla --column N=params --column D=tokens --json
""",
)
def stress() -> None:
    """Ask what a fit, its design and its intervals hold up to; each test takes --json."""


@stress.command(
    short_help="Simulate the design of FILE and count how often intervals hold the truth.",
    epilog="""\b
Examples:
  scaling-fast stress coverage runs.csv chinchilla --column N=params --column D=tokens --n-sim 500
  scaling-fast stress coverage runs.csv power_offset --column x=steps --loss squared \\
      --method delta --method percentile --noise t3
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
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="METHOD",
    help=f"{words.listed(COVERED)}. Repeat it. [default: percentile]",
)
@click.option("--n-sim", type=int, default=2000, show_default=True, help="Data sets simulated.")
@click.option("--n", type=int, default=499, show_default=True, help="Replicates of each.")
@click.option("--level", type=float, default=0.9, show_default=True, help="Of the intervals.")
@click.option(
    "--noise",
    type=click.Choice(NOISES),
    default="normal",
    show_default=True,
    help="What is added to the fitted law; clustered takes the clusters of the scheme.",
)
@click.option("--sd", type=float, help="Of that noise. [default: that of the residuals]")
@click.option("--small-sample", is_flag=True, help="Widen intervals for few rows or clusters.")
@click.option(
    "--of",
    "quantities",
    multiple=True,
    metavar="FORMULA",
    help='Formula of parameters: "beta/(alpha+beta)". Repeat it. [default: each parameter]',
)
@click.pass_context
def coverage(
    context: click.Context,
    /,
    *,
    scheme: str,
    methods: tuple[str, ...],
    quantities: tuple[str, ...],
    as_json: bool,
    **asked: Any,
) -> None:
    """Fit LAW to FILE, simulate its design, and print how often each interval holds the truth.

    FILE and LAW are those of `scaling-fast fit`.
    """
    import scaling_fast as sf

    drawn = words.scheme(scheme)
    fitted = fitted_as(asked, "auto")
    if "converged" not in fits.statuses(fitted, asked["by"]):
        output.note("the fit did not converge, so there is no truth to simulate from")
        context.exit(Exit.NO_USABLE_FIT)
    found = sf.stress.coverage(
        fitted,
        drawn,
        list(methods) or "percentile",
        n_sim=asked["n_sim"],
        n=asked["n"],
        level=asked["level"],
        noise=asked["noise"],
        sd=asked["sd"],
        seed=asked["seed"],
        small_sample=asked["small_sample"],
        threads=asked["threads"],
        of=list(quantities) or None,
    )
    if as_json:
        output.emit_json(found.as_dict())
    else:
        title = f"{100 * asked['level']:.6g} % intervals, {asked['n_sim']:,} data sets, {asked['noise']} noise"
        output.emit_table(found.table, title=title)
        output.note_findings(found.findings)
    context.exit(after_findings(found.findings, asked["fail_on"]))

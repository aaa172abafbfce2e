"""The verb `optimum`: what to train with a budget, or what a loss costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from scaling_fast.allocation import optimum as best_run
from scaling_fast.allocation.optimum_table import optimum_findings
from scaling_fast.cli import fit_view, output, parsing
from scaling_fast.cli.exit_codes import after_findings
from scaling_fast.cli.verbs.options import (
    LOSS,
    FitOptions,
    after_fit,
    fit_from_options,
    fit_options,
    scheme_option,
)
from scaling_fast.errors import ConvergenceError
from scaling_fast.laws.optima.cost import DEFAULT_COST
from scaling_fast.resampling import run
from scaling_fast.resampling.schemes.words import as_scheme
from scaling_fast.validation import checked_level, whole_number

if TYPE_CHECKING:
    from scaling_fast.fitting.result import Fit
    from scaling_fast.resampling.result import Bootstrap

REPLICATES = 2_000
"""Replicates of an optimum: the ends of 90 % intervals are then known to a few percent of their width."""


@click.command(
    short_help="The best split of a budget between size and data, with its interval.",
    epilog="""\b
Examples:
  scaling-fast optimum runs.csv chinchilla --column N=params --column D=tokens --flops 1e24
  scaling-fast optimum runs.csv chinchilla --column N=params --column D=tokens --reach 2.0 --json
  scaling-fast optimum runs.csv "E + A/params**a + B/tokens**b" --flops 1e23 --flops 1e24 \\
      --cost "6*N*D + 2*N*1e13" --scheme clusters:run
""",
)
@fit_options
@click.option(
    "--flops",
    multiple=True,
    type=float,
    metavar="NUMBER",
    help="A budget in FLOP. Can be repeated. Either --flops or --reach.",
)
@click.option(
    "--reach",
    multiple=True,
    type=float,
    metavar="NUMBER",
    help="A loss, of which the least budget that reaches it is wanted. Can be repeated.",
)
@click.option(
    "--cost",
    default=DEFAULT_COST,
    show_default=True,
    metavar="FORMULA",
    help="What a run costs, as a formula of the columns of LAW, or of N and D for its size and data: "
    '"6*N*D + 2*N*1e13" adds inference.',
)
@scheme_option
@click.option(
    "--n",
    type=parsing.WHOLE,
    default=REPLICATES,
    show_default=True,
    help="Number of replicates; 0 takes delta-method intervals, which the default loss does not have.",
)
@click.option(
    "--level", type=float, default=0.9, show_default=True, help="Confidence level, between 0 and 1."
)
@click.pass_context
def optimum(
    context: click.Context, /, *, flops: tuple[float, ...], reach: tuple[float, ...], cost: str,
    scheme: str, n: int, level: float, **given: Any,
) -> None:  # fmt: skip
    """Fit LAW to FILE and print the best size and data of each budget.

    FILE and LAW are those of `scaling-fast fit`. LAW has two inputs, a size and an amount of data.
    """
    # A number is no loss function: it can only mean the loss to be reached.
    if (number := _number(given["loss"])) is not None:
        reach, given["loss"] = (*reach, number), LOSS
    options = FitOptions(**given)
    as_scheme(scheme)
    level, n = checked_level(level), whole_number(n, "n", 0)
    if bool(flops) == bool(reach):
        raise click.UsageError("give either --flops, a budget, or --reach, a loss to be reached")
    fitted = fit_from_options(options, "auto")
    statuses = fit_view.statuses(fitted, options.by)
    if "converged" not in statuses:
        if options.as_json:
            raise ConvergenceError(
                f"{len(statuses):,} of {len(statuses):,} fits did not converge "
                f"({', '.join(sorted(set(statuses)))}), so there is no optimum; `scaling-fast fit` says why",
                code="not_converged",
            )
        context.exit(after_fit(fitted, options))
    fitted.request.minimum(
        cost
    )  # a question that cannot be asked is refused before anything is refitted
    source = _resampled(fitted, options, scheme, n)
    table = best_run(
        source,
        list(flops) or None,
        loss=list(reach) or None,
        cost=cost,
        level=level,
    )
    # With groups, the check of a bootstrap for lower optima takes too long.
    findings = (*(source if fitted.groups == 1 else fitted).findings, *optimum_findings(table))
    if options.as_json:
        output.emit_json(
            {
                "law": fitted.law.to_dict(),
                "cost": cost,
                "level": level,
                "scheme": scheme if n else None,
                "n": n,
                "seed": options.seed,
                "table": output.json_rows(table),
                "findings": [finding.as_dict() for finding in findings],
            }
        )
    else:
        intervals = f"{n:,} {scheme} replicates" if n else "delta method"
        output.emit_table(
            table,
            title=f"{100 * level:.6g} % intervals, {intervals}, cost {cost}",
            keys=["quantity"],
        )
        output.note_findings(findings)
    context.exit(after_findings(findings, options.fail_on))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _resampled(fitted: Fit, options: FitOptions, scheme: str, n: int) -> Fit | Bootstrap:
    """Return the fit, or its replicates."""
    if not n:
        return fitted
    drawn = as_scheme(scheme)
    count: dict[str, Any] = {} if drawn.name in ("jackknife", "indices", "weights") else {"n": n}
    boot: Bootstrap = run.bootstrap(
        fitted, drawn, seed=options.seed, threads=options.threads, **count
    )
    return boot

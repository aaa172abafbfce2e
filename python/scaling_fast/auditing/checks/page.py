"""The page docs/checks.md, made from the checks: `python -m scaling_fast.auditing.checks.page docs/checks.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from scaling_fast.auditing.checks import CHECKS, NOT_ASSESSED
from scaling_fast.runtime.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scaling_fast.auditing.checks.check import Check

__all__ = ["checks_page"]

BEFORE: Final = """\
# Checks

<!-- Made from CHECKS: python -m scaling_fast.auditing.checks.page docs/checks.md -->

Residuals are fitted minus observed. S is the sum of absolute residuals, or of squares where the stated loss is
not near absolute; n is the number of rows, k of parameters. The thresholds are our own; none has been published.
[How they do on simulated papers](why/audits.md) is measured.

| code | check | statistic | green / red | scope | weight | source of the statistic |
|---|---|---|---|---|---|---|
"""
AFTER: Final = """
*Re-optimisation* and *Fit of the reported parameters* need a global optimum: one that is certified only locally
is not assessed, and neither are rows without noise, which leave no scatter to judge by (residual sum of squares
up to 1e-20 of the total, or residuals below 1e-12 of the observations).

A number between green and red is amber. Of several forms of a test (rows, clusters) the largest p decides; the
three tests of *Fit of the reported parameters* are judged together, their p-values adjusted as Holm (1979) does.

On the very rows of the fit the optimum of a stated objective is a number, not a sample, and the reported
parameters must be it. *Re-optimisation* therefore decides where the claim file says `source = "authors"`,
`"measured"` or `"published table"`, states loss and residual, and reports an n that is the number of rows fitted.
Rows that were digitised have errors of their own: there it is amber at most.

Rounding is never held against a claim by itself. What decides is whether the claimed number lies outside all that
the printed digits allow; if another printed set of digits of the same paper allows it, that is a doubt.

The likelihood ratio is not compared with chi-square: on the digitised Chinchilla rows, refits of resampled rows
have a mean ratio of about 11 where five degrees of freedom say 5. The chi-square p is printed as the published
figure and decides nothing.

**Verdict.** Each check belongs to one scope. Within a scope a decisive red is red and a decisive amber is amber;
of the findings that count it takes two, amber or red, and those that are tests must be significant at .10 after
Holm. A scope of which more than half the findings could not be assessed is grey. The verdict is the worst of the
fit, the interval and the decision, in the order red, grey, amber, green. A scope of which the paper claims
nothing, an interval for one, is not counted. Extrapolation has its word beside the verdict, and enters it, amber
at worst, only where a claim of kind `extrapolation` states a `tolerance` at inputs beyond the rows. Disclosure
never enters: what is left open widens what may be found, and breaks no claim. Green means that every decisive
check that applies is green. Compatible is not replicated. Advisory findings are never counted.

**Without rows** only the printed numbers are judged. Checks that need rows do not apply; one grey line says so
and is not counted. Every output says "from the printed numbers alone", in JSON `basis = "table"`. The verdict is
grey only if nothing printed could be held against anything else.

**Grey** means "not assessed". Where the paper does not disclose what is missing, the letter asks for it; where
only this audit could not reach it, the letter leaves it out.
"""


def checks_page(checks: Iterable[Check[Any]] = CHECKS) -> str:
    """Return the page that lists every check with its statistics, thresholds and weight.

    Examples
    --------
    >>> "| R6 | **Implied sample size.** Is the interval" in checks_page()
    True
    """
    rows = "".join(f"{row}\n" for check in checks for row in _rows(check))
    return f"{BEFORE}{rows}{AFTER}\n**Not assessed yet**: {', '.join(NOT_ASSESSED)}.\n"


def _rows(check: Check[Any]) -> Iterator[str]:
    """Return one row of the table per threshold; the first says what is checked."""
    usual = check.weight if isinstance(check.weight, str) else "depends on the case"
    about = f"**{check.title}.** {check.about}"
    for place, threshold in enumerate(check.thresholds):
        cells = (
            check.code,
            about if place == 0 else "the same",
            threshold.statistic,
            str(threshold),
            f"{check.scope}, with rows" if check.needs_rows else check.scope,
            threshold.weight or usual,
            threshold.source or check.source,
        )
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write_text(sys.argv[1], checks_page(), force=True)

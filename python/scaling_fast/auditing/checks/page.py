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
not near absolute; n is the number of rows, k of parameters. A decisive check alone can make the verdict red.
The thresholds are our own; none has been published. They are to be tuned by simulated coverage before they are
frozen.

| code | check | statistic | green / red | weight | source of the statistic |
|---|---|---|---|---|---|
"""
AFTER: Final = """
*Re-optimisation* and *Fit of the reported parameters* need a global optimum: one that is certified only locally
is not assessed, and neither are rows without noise, which leave no scatter to judge by (residual sum of squares
up to 1e-20 of the total, or residuals below 1e-12 of the observations).

A number between green and red is amber. Of several forms of a test (rows, clusters) the largest p decides.

The likelihood ratio is not compared with chi-square: on the digitised Chinchilla rows, refits of resampled rows
have a mean ratio of about 11 where five degrees of freedom say 5. The chi-square p is printed as the published
figure and decides nothing.

**Verdict.** Red if a decisive check is red. Else grey if more than a third of the findings could not be
assessed. Else amber with two ambers or any other red. Else green, which means compatible and not replicated.
Advisory findings are never counted.

**Grey** means "not assessed", for one of two reasons. A code that ends in `no_data`, `incomplete`, `bound` or
`no_interval` is something the paper does not disclose, and the letter asks for it. A code that ends in
`unavailable` is something this audit could not reach, and stays out of the letter.
"""


def checks_page(checks: Iterable[Check[Any]] = CHECKS) -> str:
    """Return the page that lists every check with its statistics, thresholds and weight.

    Examples
    --------
    >>> "| R6 | **Implied sample size.** How many rows" in checks_page()
    True
    """
    rows = "".join(f"{row}\n" for check in checks for row in _rows(check))
    return f"{BEFORE}{rows}{AFTER}\n**Not assessed yet**: {', '.join(NOT_ASSESSED)}.\n"


def _rows(check: Check[Any]) -> Iterator[str]:
    """Return one row of the table per threshold; the first says what is checked."""
    weight = check.weight if isinstance(check.weight, str) else "depends on the case"
    about = f"**{check.title}.** {check.about}"
    for place, threshold in enumerate(check.thresholds):
        cells = (
            check.code,
            about if place == 0 else "the same",
            threshold.statistic,
            str(threshold),
            weight,
            threshold.source or check.source,
        )
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write_text(sys.argv[1], checks_page(), force=True)

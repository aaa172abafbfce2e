"""The interval of a profile, and the refits it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_fast.findings import Finding, SummaryRepr, format_findings
from scaling_fast.runtime.memory import ask_first

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Profile"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Profile(SummaryRepr):
    """The profile of one quantity and its likelihood interval.

    Attributes
    ----------
    of
        The parameter, derived quantity or formula.
    level
        Confidence level of the interval, between 0 and 1.
    estimate, lower, upper
        The value at the fit, and the ends; an end that the data leave open is infinite.
    reference
        The statistic and the distribution it is compared with, in words.
    threshold
        Value of the statistic at an end, above 0.
    table
        Columns value, objective, statistic: one row per value at which the law was refitted, ascending.
    findings
        Open ends, failed refits, a better optimum than the fit's.
    """

    of: str
    level: float
    estimate: float
    lower: float
    upper: float
    reference: str
    threshold: float
    table: pl.DataFrame
    findings: tuple[Finding, ...]

    @ask_first
    def summary(self) -> str:
        """Return the interval, what it rests on, and the findings as text."""
        lines = [
            f"profile    {self.of}",
            f"estimate   {self.estimate:.8g}",
            f"{f'{100 * self.level:g} %':<10} {self.lower:.8g} to {self.upper:.8g}",
            f"statistic  {self.reference}; {self.threshold:.6g} at an end",
            f"refits     {self.table.height}",
        ]
        lines += format_findings(self.findings)
        return "\n".join(lines)

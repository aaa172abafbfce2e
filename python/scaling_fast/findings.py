"""Findings: what a check found, how severe it is, and what to do; and how results print themselves."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Literal, get_args

from scaling_fast.errors import ParameterError, quote

__all__ = [
    "PRECEDENCE",
    "Finding",
    "Severity",
    "SummaryRepr",
    "float_from_json",
    "format_findings",
    "json_ready",
    "most_severe_first",
    "worst",
]

Severity = Literal["green", "amber", "red", "grey"]

PRECEDENCE: tuple[Severity, ...] = ("red", "grey", "amber", "green")
"""Most severe first: a check that could not be made outranks a doubt, but never a failure."""


def json_ready(value: Any) -> Any:
    """Return the value as RFC 8259 can hold it: NaN is null, infinities are "inf" and "-inf".

    Frames are lists with one object per row, findings and other results what their `as_dict` says,
    dates ISO 8601, paths text with forward slashes.

    Examples
    --------
    >>> json_ready({"width": float("inf"), "p": float("nan"), "n": (1, 2)})
    {'width': 'inf', 'p': None, 'n': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    for method in (
        "to_dicts",
        "as_dict",
        "tolist",
    ):  # a frame, a result, numpy's scalars and arrays
        if hasattr(value, method):
            return json_ready(getattr(value, method)())
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [json_ready(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.as_posix() if isinstance(value, PurePath) else str(value)


def float_from_json(value: Any) -> Any:
    """Return a number that `json_ready` wrote: the words "inf" and "-inf" are infinities."""
    return (
        {"inf": math.inf, "-inf": -math.inf}.get(value, value) if isinstance(value, str) else value
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, ready for a report.

    Attributes
    ----------
    code
        Short, stable identifier ("inexact_integers").
    check
        The check that found it ("R2", "columns").
    severity
        "green", "amber" or "red", or "grey" where nothing could be assessed.
    sentence
        What was found, in one sentence.
    statistic, threshold
        The number found and the threshold it was compared with, where there are any.
    evidence
        The values behind the sentence, by name.
    advice
        What to do about it.

    Raises
    ------
    ParameterError
        For a severity outside the four, or an empty code or sentence.

    Examples
    --------
    >>> found = Finding("few_rows", "rows", "amber", "6 rows for 5 parameters", statistic=1.2)
    >>> found.as_dict()["severity"]
    'amber'
    """

    code: str
    check: str
    severity: Severity
    sentence: str
    statistic: float | None = None
    threshold: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""

    def __post_init__(self) -> None:
        if self.severity not in get_args(Severity):
            message = f"severity must be green, amber, red or grey, got {quote(self.severity)}"
            raise ParameterError(message, code="severity", param="severity")
        for name in ("code", "sentence"):
            if not getattr(self, name):
                raise ParameterError(
                    f"a finding needs a {name}, got an empty one", code="empty", param=name
                )
        object.__setattr__(self, "evidence", MappingProxyType(dict(self.evidence)))

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.code, self.check, self.severity, self.sentence)
        return (
            Finding,
            (*values, self.statistic, self.threshold, dict(self.evidence), self.advice),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as JSON can hold it, keys in the order of the fields.

        NaN becomes null and infinities the words "inf" and "-inf", so that the text stays valid
        by RFC 8259.
        """
        return {
            "code": self.code,
            "check": self.check,
            "severity": self.severity,
            "sentence": self.sentence,
            "statistic": json_ready(self.statistic),
            "threshold": json_ready(self.threshold),
            "evidence": json_ready(self.evidence),
            "advice": self.advice,
        }


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the most severe one: red before grey before amber before green.

    No findings at all is grey: nothing was assessed.

    Examples
    --------
    >>> worst([Finding("a", "R1", "green", "fits"), Finding("b", "R2", "grey", "no data")])
    'grey'
    >>> worst([])
    'grey'
    """
    seen = {finding.severity for finding in findings}
    return next((severity for severity in PRECEDENCE if severity in seen), "grey")


def most_severe_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings from red to green, those of one severity in the order in which they came.

    Examples
    --------
    >>> found = [Finding("a", "fit", "green", "fits"), Finding("b", "fit", "red", "fails")]
    >>> [finding.code for finding in most_severe_first(found)]
    ['b', 'a']
    """
    return sorted(findings, key=lambda finding: PRECEDENCE.index(finding.severity))


def format_findings(findings: Iterable[Finding], width: int = 10) -> list[str]:
    """Return the lines of a summary: severity and sentence, and below them what to do.

    Parameters
    ----------
    findings
        The findings, in the order in which they are printed.
    width
        Characters of the column of severities.

    Examples
    --------
    >>> format_findings([Finding("few", "rows", "amber", "6 rows", advice="Add rows.")], 6)
    ['amber  6 rows', '       Add rows.']
    """
    lines = []
    for finding in findings:
        lines.append(f"{finding.severity:<{width}} {finding.sentence}")
        if finding.advice:
            lines.append(f"{'':<{width}} {finding.advice}")
    return lines


class SummaryRepr:
    """A result that prints its `summary()`: as text in a terminal, preformatted in a notebook.

    A dataclass that inherits from it is declared with `repr=False`, or it would print its fields.
    """

    __slots__ = ()

    def summary(self) -> str:
        """Return what the result says as text."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>\n{self.summary()}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

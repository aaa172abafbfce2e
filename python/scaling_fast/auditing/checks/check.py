"""A check as one value: what it measures, how that is judged, what is said, what the authors are asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from scaling_fast.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from scaling_fast.auditing.evidence.case import Case

__all__ = [
    "Cell",
    "Check",
    "Measured",
    "Measurement",
    "NotAssessed",
    "Outcome",
    "Scope",
    "Threshold",
    "Weight",
    "run_checks",
]

Scope = Literal["fit", "interval", "extrapolation", "decision", "disclosure"]
Weight = Literal["decisive", "counts", "advisory"]

OTHERWISE: Final = "otherwise"  # the question about every finding that has none of its own
# What is asked about a finding of any check, by the last part of its code; "" is not asked, because
# it is a limit of the audit and not of the paper.
COMMON: Final = {
    "no_interval": "Which interval do you give your estimate, at which level and by which method?",
    "bound": "Which numbers are the ends of the interval?",
    "incomplete": "Could you report every parameter of the law?",
    "uncertified": "",
    "local": "",
    "no_refits": "",
    "too_many": "",
    OTHERWISE: "Can you explain this, or show us where we went wrong?",
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where green ends and red begins for one statistic; amber lies between.

    Attributes
    ----------
    statistic
        What is compared with it, in words, for docs/checks.md.
    green, red
        Ends of green and of amber, both included. `red=None` never makes a finding red.
    worse
        Whether larger or smaller numbers are worse.
    label
        The rule in words, where two numbers do not say it.
    source
        Who proposed the statistic; empty takes the source of the check.
    weight
        What its findings weigh, in words; empty takes the weight of the check.

    Examples
    --------
    >>> ratio = Threshold("our width over the reported one", green=1.5, red=2.0)
    >>> ratio.severity(1.8), ratio.crossed("red"), str(ratio)
    ('amber', 2.0, '<= 1.5 / > 2')
    """

    statistic: str
    green: float = math.nan
    red: float | None = None
    worse: Literal["larger", "smaller"] = "larger"
    label: str = ""
    source: str = ""
    weight: str = ""

    def severity(self, value: float) -> Severity:
        """Return the severity of a number; NaN is grey."""
        if math.isnan(value):
            return "grey"
        sign = 1.0 if self.worse == "larger" else -1.0
        if sign * value <= sign * self.green:
            return "green"
        return "amber" if self.red is None or sign * value <= sign * self.red else "red"

    def crossed(self, severity: Severity) -> float:
        """Return the end that a finding of this severity is compared with."""
        return self.red if severity == "red" and self.red is not None else self.green

    def __str__(self) -> str:
        if self.label:
            return self.label
        good, bad = ("<=", ">") if self.worse == "larger" else (">=", "<")
        end = "; never red" if self.red is None else f" / {bad} {self.red:g}"
        return f"{good} {self.green:g}{end}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of the report.

    Attributes
    ----------
    computed
        Estimated from the observations: moves when they do.
    counted
        A count, a share of counts, or a figure of the inputs alone.
    reported
        Arithmetic on what the paper prints.
    """

    quantity: str
    computed: float | None = None
    counted: float | None = None
    reported: float | None = None
    unit: str = ""
    source: str = ""
    view: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Numbers for the report's table; alone, nothing is judged by them."""

    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAssessed(Measurement):
    """What could not be measured, and why: a grey finding.

    Attributes
    ----------
    name
        Second part of the finding's code ("no_data" in "R6.no_data").
    """

    name: str
    sentence: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Measurement):
    """What a check judges; a check adds the fields that its sentence needs in a subclass.

    Attributes
    ----------
    name
        Second part of the finding's code ("implied_size" in "R6.implied_size").
    statistic
        The number that is judged, if it is one.
    threshold
        What it is compared with: a threshold of the check, or a number of this case.
    evidence
        Named values behind the sentence, kept in the report.
    """

    name: str
    statistic: float | None = None
    threshold: Threshold | float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


M = TypeVar("M", bound=Measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[M]):
    """One check of an audit; `CHECKS` is the tuple of all of them.

    Attributes
    ----------
    code
        First part of the code of its findings, and its key in the report's JSON.
    title
        What readers see instead of the code.
    scope
        The question of the report's first page that its findings answer.
    about
        What is checked, in one sentence, for docs/checks.md.
    question
        What the letter asks the authors about a finding that is not green: one question, or one
        for each second part of a finding's code, or a function of the case that returns those.
        None never asks.
    source
        Who proposed the statistic.
    thresholds
        Where green ends and red begins.
    weight
        "decisive" findings that are red or amber make their scope so, of "counts" ones it takes two
        to make it amber, "advisory" ones never count; or a function of the case that returns one
        of them.
    lighter
        Second part of a code -> the weight of those findings, where it is another.
    needs_rows
        Whether it does not apply to an audit of the printed numbers alone.
    measure
        Returns the numbers of a case, and what could not be measured.
    judge
        Returns the severity of one measurement.
    say
        Returns what was found, in one sentence or two.
    advice
        What to do about a finding that is not green, or a function that returns it.
    leads
        Second parts of codes that speak for the scope before equally severe findings.
    """

    code: str
    title: str
    scope: Scope
    about: str
    question: str | Mapping[str, str] | Callable[[Case], Mapping[str, str]] | None
    source: str
    thresholds: tuple[Threshold, ...]
    weight: Weight | Callable[[Case], Weight]
    measure: Callable[[Case], Iterable[Measurement]]
    judge: Callable[[M], Severity]
    say: Callable[[M, Severity], str]
    advice: str | Callable[[M, Severity], str] = ""
    leads: tuple[str, ...] = ()
    lighter: Mapping[str, Weight] = field(default_factory=dict)
    needs_rows: bool = False

    def weight_in(self, case: Case) -> Weight:
        """Return whether its findings decide, count or advise in this case."""
        return self.weight(case) if callable(self.weight) else self.weight

    def weights_in(self, case: Case) -> dict[str, Weight]:
        """Return the weights of its findings: by its code, and by a finding's where that is another."""
        named = {f"{self.code}.{name}": weight for name, weight in self.lighter.items()}
        return {self.code: self.weight_in(case), **named}

    def questions_in(self, case: Case) -> dict[str, str]:
        """Return what the authors are asked in this case, by the second part of a finding's code."""
        asked = self.question(case) if callable(self.question) else self.question
        if asked is None:
            return {}
        return COMMON | ({OTHERWISE: asked} if isinstance(asked, str) else dict(asked))

    def finding(self, measurement: Measurement) -> Finding | None:
        """Return the finding of one measurement; None where nothing is judged."""
        if isinstance(measurement, NotAssessed):
            return Finding(
                f"{self.code}.{measurement.name}",
                self.code,
                "grey",
                measurement.sentence,
                advice=measurement.advice,
            )
        if not isinstance(measurement, Measured):
            return None
        judged: Any = measurement
        severity = self.judge(judged)
        held = measurement.threshold
        return Finding(
            f"{self.code}.{measurement.name}",
            self.code,
            severity,
            self.say(judged, severity),
            statistic=measurement.statistic,
            threshold=held.crossed(severity) if isinstance(held, Threshold) else held,
            evidence=measurement.evidence,
            advice=self._advice(judged, severity),
        )

    def _advice(self, measured: M, severity: Severity) -> str:
        if severity == "green":
            return ""
        return self.advice(measured, severity) if callable(self.advice) else self.advice


@dataclass(frozen=True, slots=True)
class Outcome:
    """Findings, and cells with the code of their check, in the order of the checks."""

    findings: tuple[Finding, ...]
    cells: tuple[tuple[str, Cell], ...]


def run_checks(checks: Iterable[Check[Any]], case: Case) -> Outcome:
    """Return what comes out of the checks of a case."""
    findings: list[Finding] = []
    cells: list[tuple[str, Cell]] = []
    for check in checks:
        if check.needs_rows and case.is_table_only:
            continue  # one line says so for all: that of the check of the rows themselves
        for measurement in check.measure(case):
            cells += [(check.code, cell) for cell in measurement.cells]
            finding = check.finding(measurement)
            if finding is not None:
                findings.append(finding)
    return Outcome(tuple(findings), tuple(cells))

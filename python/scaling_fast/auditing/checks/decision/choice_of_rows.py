"""Whether leaving rows out, by a rule that looks at the loss, moves the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import Cell, Check, Measured, Measurement, Threshold
from scaling_fast.auditing.evidence.formulas import quantile_interval
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View
    from scaling_fast.findings import Severity

__all__ = ["CHOICE_OF_ROWS"]

LEVEL = (
    0.80  # level at which the effect of a filter is called visible; the level papers here report
)
INSIDE = Threshold(
    "the answer on other rows against the 80 % interval of the headline rows",
    label="inside; never red",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRows(Measured):
    """The headline quantity on other rows, beside its interval on the headline rows."""

    quantity: str
    headline: float
    other: float
    low: float
    high: float
    headline_rule: str
    other_rule: str
    chosen_after: str  # who proposed the headline rows, if anybody

    @property
    def is_inside(self) -> bool:
        """Whether the other rows give an answer within the interval."""
        return self.low <= self.other <= self.high


def measure(case: Case) -> Iterator[Measurement]:
    """Return the headline quantity under every other choice of rows."""
    view = case.headline
    if view is None or not view.resamples:
        return
    for other in case.alternatives:
        if other.stated.converged:
            yield _other_rows(case, view, other)


def judge(measured: OtherRows) -> Severity:
    """Return green inside the interval, else amber."""
    return "green" if measured.is_inside else "amber"


def say(measured: OtherRows, _: Severity) -> str:
    """Return the answer on both choices of rows, and whose choice they are."""
    where = "inside" if measured.is_inside else "outside"
    after = f", following {measured.chosen_after}" if measured.chosen_after else ""
    return (
        f"`{measured.quantity}` is {measured.headline:.3f} {_on(measured.headline_rule)}, with the "
        f"{100 * LEVEL:g} % interval [{measured.low:.3f}, {measured.high:.3f}], and "
        f"{measured.other:.3f} {_on(measured.other_rule)}, which is {where} that interval. "
        f"This audit chose these rows{after}."
    )


CHOICE_OF_ROWS = Check(
    code="H8",
    title="Choice of rows",
    scope="decision",
    about="Does leaving rows out move the answer?",
    question="Is this choice of rows a fair one, and what do you find with either?",
    source="ours",
    thresholds=(INSIDE,),
    weight="counts",
    needs_rows=True,
    measure=measure,
    judge=judge,
    say=say,
    advice="Show the answer under both choices of rows.",
)


def _other_rows(case: Case, view: View, other: View) -> OtherRows:
    quantity = case.quantity
    value = float(evaluate(quantity, other.estimates))
    ours = float(evaluate(quantity, view.estimates))
    widest = view.resamples[-1]
    low, high = quantile_interval(evaluate(quantity, widest.draws), LEVEL)
    rules = case.paper.data.filters
    after = next((rule.source for rule in rules if rule.name == view.label), None)
    return OtherRows(
        name="filter",
        statistic=value,
        cells=tuple(_cells(case, view, other, value)),
        evidence={"headline": ours, "other": value, "interval": [low, high]},
        quantity=quantity,
        headline=ours,
        other=value,
        low=low,
        high=high,
        headline_rule=view.rule,
        other_rule=other.rule,
        chosen_after=after or "",
    )


def _cells(case: Case, view: View, other: View, value: float) -> Iterator[Cell]:
    label, n = other.label, f"n = {other.n}"
    name = f"{case.quantity} with {other.rule}"
    yield Cell(name, computed=value, source=f"refit, {n}", view=label)
    yield Cell("rows", counted=float(other.n), source=other.rule, view=label)
    point = case.reported.exact or case.reported.centre
    if point is not None:
        for name, best in (("its own refit", other), ("the headline fit", view)):
            ratio = other.ratio(case.law, point, _least_absolute(best))
            yield Cell(f"likelihood ratio with {name}", computed=ratio, source=n, view=label)


def _least_absolute(view: View) -> Mapping[str, float]:
    best = view.absolute if view.absolute is not None and view.absolute.converged else view.stated
    return {name: float(value) for name, value in best.params.items()}


def _on(rule: str) -> str:
    """Return a rule as the end of a sentence: rows are fitted on all of them, or without some."""
    return rule if rule.startswith("without") else f"on {rule}"

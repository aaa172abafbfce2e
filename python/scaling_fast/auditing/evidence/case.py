"""Gather what checks judge: the reported point and its box, the rows, refits and resamples."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from scaling_fast import laws, losses
from scaling_fast._core import Program
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.claim.schema import HuberLoss
from scaling_fast.auditing.evidence import rows
from scaling_fast.auditing.evidence.formulas import LawView, require_names
from scaling_fast.auditing.evidence.refits import Progress, View, refit, resample
from scaling_fast.auditing.evidence.reported import reported_point
from scaling_fast.errors import DataError, quote, suggestion

if TYPE_CHECKING:
    from scaling_fast.auditing.claim.reading import Paper
    from scaling_fast.auditing.evidence.reported import ReportedPoint
    from scaling_fast.auditing.evidence.rows import Note, Selection


OWN_ROWS: Final = frozenset({"authors", "measured", "published table"})
"""Sources of rows that are those of the reported fit, to the last digit."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a check may look at; `views` is empty without data."""

    paper: Paper
    law: LawView
    reported: ReportedPoint
    objective: str
    replicates: int
    seed: int
    views: tuple[View, ...]
    alternatives: tuple[View, ...]
    absent: str | None
    why_absent: str
    unavailable: bool
    notes: tuple[Note, ...]
    rows_read: int
    data_sha256: str | None
    data_label: str

    @property
    def headline(self) -> View | None:
        """The view the report's first page is about."""
        return self.views[0] if self.views else None

    @property
    def quantity(self) -> str:
        """The expression the paper draws its conclusion from."""
        intervals = [interval.of for interval in self.paper.reported.intervals]
        claims = [
            claim.expr for claim in self.paper.claims if claim.kind == "exponent" and claim.expr
        ]
        return next(iter([*intervals, *claims]), self.law.params[-1])

    @property
    def objective_origin(self) -> str:
        """Whose objective the refits minimise: `stated` by the paper, or `assumed` by the audit."""
        return "assumed" if unstated(self.paper) else "stated"

    @property
    def is_table_only(self) -> bool:
        """Whether there are no rows, so that only the printed numbers can be judged."""
        return not self.views

    @property
    def is_extrapolated(self) -> bool:
        """Whether a claim states an accuracy beyond the rows: a value with a tolerance, and inputs outside them."""
        return any(
            claim.kind == "extrapolation"
            and claim.tolerance is not None
            and (self.headline is None or _is_outside(claim.at, self.headline))
            for claim in self.paper.claims
        )

    def can_be_repeated(self, view: View) -> bool:
        """Whether these are the very rows of the reported fit, under the objective that it states.

        Then the optimum is a number, not a sample, and the reported parameters must be it: the
        rows are the authors' (not digitised), the loss and the residuals are stated, and n is
        reported and that of the rows.
        """
        said = None if self.paper.reported.n is None else Printed(self.paper.reported.n)
        return (
            self.paper.data.source in OWN_ROWS
            and not unstated(self.paper)
            and said is not None
            and said.relation == ""
            and said.value == view.n
        )

    def where(self, view: View) -> str:
        """How to name a view in a sentence; nothing when there is only one."""
        return f" ({view.label})" if len(self.views) > 1 else ""


def _is_outside(at: dict[str, float], view: View) -> bool:
    """Return whether an input lies outside the values of its column."""
    return any(
        not float(values.min()) <= at[name] <= float(values.max())
        for name, values in view.x.items()
        if name in at
    )


def gather(
    paper: Paper,
    *,
    data: Any,
    n: int,
    seed: int,
    threads: int | None,
    progress: Progress | None,
) -> Case:
    """Return the case of a claim file on its rows, or on none if none are found."""
    law = _law(paper)
    _check_formulas(paper, law)
    reported = reported_point(paper, law)
    residual, loss, objective, notes = _objective(paper)
    source = rows.find(paper, data)
    notes.extend(source.notes)
    views: list[View] = []
    others: list[View] = []
    digest = None
    if source.frame is not None:
        frame = rows.name_columns(paper, law, source.frame)
        digest = rows.digest(frame)
        chosen, more = rows.select(paper, frame)
        notes.extend(more)
        for place, selection in enumerate(chosen):
            view = _view(
                paper,
                law,
                selection,
                residual=residual,
                loss=loss,
                reported=reported,
                replicates=n,
                seed=seed,
                threads=threads,
                say=_stage(progress, selection.label, place, len(chosen)),
            )
            (views if selection.headline else others).append(view)
    if progress is not None:
        progress("checks", 1.0)
    return Case(
        paper=paper,
        law=law,
        reported=reported,
        objective=objective,
        replicates=n,
        seed=seed,
        views=tuple(views),
        alternatives=tuple(others),
        absent=source.absent,
        why_absent=source.why,
        unavailable=source.unavailable,
        notes=tuple(notes),
        rows_read=0 if source.frame is None else source.frame.height,
        data_sha256=digest,
        data_label=source.label,
    )


def _stage(progress: Progress | None, label: str, place: int, total: int) -> Progress:
    def say(stage: str, share: float) -> None:
        if progress is not None:
            progress(f"{label}: {stage}", (place + share) / total)

    return say


def _law(paper: Paper) -> LawView:
    text = paper.fit.law
    if text in laws.names():
        law = laws.get(text)
        return LawView(text, law.formula, tuple(law.columns or ()), tuple(law.params), text)
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise DataError(
            f"`fit.law` is {quote(text)}, which is neither a formula nor a law of the catalogue"
            f"{suggestion(text, laws.names(), kind='laws')}"
        )
    inputs = [name for name in paper.data.columns if name != "y" and _uses(text, name)]
    if not inputs:
        raise DataError(
            f"the law `{text}` uses no column; say in `data.columns` which of its names are columns"
        )
    return LawView(text, text, tuple(inputs), tuple(Program(text, inputs).params), text)


def _check_formulas(paper: Paper, law: LawView) -> None:
    """Refuse formulas of the claim file that use names which the law does not have."""
    for i, interval in enumerate(paper.reported.intervals):
        require_names(interval.of, law.params, f"reported.intervals[{i}].of")
    for i, claim in enumerate(paper.claims):
        if claim.expr and claim.kind == "exponent":
            require_names(claim.expr, law.params, f"claims[{i}].expr")
        elif claim.expr and claim.kind == "optimum":
            known = (*law.params, "N_opt", "D_opt", "C")
            require_names(claim.expr, known, f"claims[{i}].expr")


def _uses(formula: str, name: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", formula) is not None


OPEN = {"loss": "the loss", "residual": "the scale of the residuals"}


def unstated(paper: Paper) -> list[str]:
    """Return what the paper leaves open of its objective: "loss", "residual"."""
    return [part for part in OPEN if getattr(paper.fit, part) == "unstated"]


def _objective(paper: Paper) -> tuple[str, Any, str, list[Note]]:
    """Return residual scale, loss, both as a label, and a note if the paper leaves them open."""
    stated, settings = paper.fit, paper.settings
    residual = settings.residual if stated.residual == "unstated" else stated.residual
    choice = settings.loss if stated.loss == "unstated" else stated.loss
    loss: Any
    if isinstance(choice, HuberLoss):
        loss, kind = losses.Huber(choice.huber), f"Huber({choice.huber:g}) losses of"
    elif choice == "absolute":
        loss, kind = losses.Absolute(), "absolute"
    else:
        loss, kind = losses.Squared(), "squared"
    label = f"sum of {kind} {residual} residuals"
    parts = [OPEN[part] for part in unstated(paper)]
    if not parts:
        return residual, loss, label, []
    neither = f"states neither {' nor '.join(parts)}"
    lacks = neither if len(parts) > 1 else f"does not state {parts[0]}"
    note = rows.Note(
        "disclosure.objective",
        "amber",
        f"The paper {lacks} that its fit minimised. We minimise the {label}, which is our choice "
        "and not the paper's.",
        "State the objective: the loss, the scale of the residuals, the weights, sum or mean.",
    )
    return residual, loss, label, [note]


def _part(say: Progress, start: float) -> Progress:
    """Return a report of one kind of refits, which take 45 % of the time of a view."""
    return lambda stage, share: say(stage, start + 0.45 * share)


def _view(
    paper: Paper,
    law: LawView,
    selection: Selection,
    *,
    residual: str,
    loss: Any,
    reported: ReportedPoint,
    replicates: int,
    seed: int,
    threads: int | None,
    say: Progress,
) -> View:
    x = {name: rows.numbers(selection.rows, name) for name in law.columns}
    y = rows.numbers(selection.rows, selection.target)
    say("refit", 0.0)
    stated, absolute, boxed, nearly_absolute = refit(
        law,
        x,
        y,
        residual=residual,
        loss=loss,
        box=None if reported.exact else reported.box,
        centre=reported.centre,
        threads=threads,
    )
    axis = "C" if "C" in selection.rows.columns else law.columns[0]
    codes = rows.clusters(paper, selection.rows)
    view = View(
        label=selection.label,
        claim=selection.claim,
        rule=selection.rule,
        x=x,
        y=y,
        size_axis=(axis, rows.numbers(selection.rows, axis)),
        codes=codes,
        residual=residual,
        nearly_absolute=nearly_absolute,
        stated=stated,
        absolute=absolute,
        boxed=boxed,
    )
    if not selection.headline or not stated.converged:
        return view
    ask: dict[str, Any] = {"replicates": replicates, "seed": seed, "threads": threads}
    pairs = resample(law, view, codes=None, say=_part(say, 0.1), **ask)
    clusters = None
    if codes is not None and view.groups > len(law.params) + 1:
        clusters = resample(law, view, codes=codes, say=_part(say, 0.55), **ask)
    return replace(view, pairs=pairs, clusters=clusters)

"""Notes met while the evidence was gathered, as measurements that are judged already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import Measured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.rows import Note
    from scaling_fast.findings import Severity

__all__ = ["Noted", "advise_noted", "judge_noted", "noted", "say_noted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Measured):
    """A note of the reading, which says itself what was found."""

    note: Note


def noted(case: Case, code: str) -> Iterator[Noted]:
    """Return the notes of one check: those whose code begins with the check's."""
    for note in case.notes:
        check, _, name = note.code.partition(".")
        if check == code:
            yield Noted(name=name, note=note)


def judge_noted(measured: Noted) -> Severity:
    """Return the severity of a note."""
    return measured.note.severity


def say_noted(measured: Noted, _: Severity) -> str:
    """Return the sentence of a note."""
    return measured.note.sentence


def advise_noted(measured: Noted, _: Severity) -> str:
    """Return the advice of a note."""
    return measured.note.advice

"""Progress of long calls: a terminal that watches sees a bar, nobody else is disturbed."""

from __future__ import annotations

import io
import sys

import pytest

from scaling_fast.errors import ParameterError
from scaling_fast.runtime import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def seen_by(monkeypatch, stream, patience, wish=None):
    monkeypatch.setattr(progress, "PATIENCE", patience)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.watched(wish, "refitting") as report:
        if report is not None:
            report(1, 10)
            report(10, 10)
    return stream.getvalue()


def test_a_terminal_sees_a_bar_once_the_work_has_lasted(monkeypatch):
    assert "refitting" in seen_by(monkeypatch, Terminal(), 0.0)


def test_short_work_and_other_streams_see_none(monkeypatch):
    assert seen_by(monkeypatch, Terminal(), 1e9) == ""
    assert seen_by(monkeypatch, io.StringIO(), 0.0) == ""
    assert seen_by(monkeypatch, Terminal(), 0.0, wish=False) == ""


def test_a_process_without_a_stderr_has_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress.watched(None, "refitting") as report:
        assert report is None


def test_a_function_is_used_as_it_is_and_nonsense_refused():
    def own(done, total):
        return (done, total)

    with progress.watched(own, "refitting") as report:
        assert report is own
    with pytest.raises(ParameterError), progress.watched("yes", "refitting"):
        pass

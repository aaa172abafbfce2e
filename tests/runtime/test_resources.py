"""Threads from the environment and from a container's quota."""

from __future__ import annotations

import pytest
from decaying import X, Y
from outcomes import refusal
from power_runs import LAW

import scaling_fast as sf
from scaling_fast.runtime import resources

FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}
P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


def fit(**options):
    return sf.fit(FRAME, options.pop("law", LAW), **options)


@pytest.fixture(scope="module")
def good():
    return fit()


@pytest.mark.parametrize(
    "junk", ["x", "-1", "0", "1.5", "1e3", "99999999", "²", "1_0", "0x2", "\x1b"]
)
def test_environment_junk_is_named(monkeypatch, good, junk):
    monkeypatch.setenv("SCALING_FAST_THREADS", junk)
    for call in (fit, lambda: sf.bootstrap(good, n=5)):
        error = refusal(call, P)
        assert "SCALING_FAST_THREADS" in str(error)
        assert error.param == "SCALING_FAST_THREADS"


@pytest.mark.parametrize("fine", ["", "  ", "1", " 2 ", "8"])
def test_environment_counts(monkeypatch, good, fine):
    monkeypatch.setenv("SCALING_FAST_THREADS", fine)
    want = dict(good.params)
    assert dict(fit().params) == want


def test_the_argument_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("SCALING_FAST_THREADS", "junk")
    assert fit(threads=1).converged


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", 1024), ("50000 100000", 1), ("250000 100000", 3), ("", 1024), ("x y", 1024)],
)
def test_a_containers_quota_counts_as_cores(tmp_path, text, cores):
    path = tmp_path / "cpu.max"
    path.write_text(text)
    assert resources._quota(path) == cores
    assert resources._quota(tmp_path / "none") == 1024

"""Parameters that the rows cannot tell apart are named."""

from __future__ import annotations

import pytest
from decaying import X, Y

import scaling_fast as sf

RIDGES = [
    ("E + A*x**(-alpha) + 0*b", {"b"}, {"E", "A", "alpha"}),
    ("E + A*x**(-alpha) + b - b", {"b"}, {"E", "A", "alpha"}),
    ("E + A*B*x**(-alpha)", {"A", "B"}, {"E", "alpha"}),
    ("E + a - b + A*x**(-alpha)", {"E", "a", "b"}, {"A", "alpha"}),
    ("E + A*x**(-(alpha + beta))", {"alpha", "beta"}, {"E", "A"}),
    ("E + A*(k*x)**(-alpha)", {"A", "k"}, {"E", "alpha"}),
    ("E + exp(a)*A*x**(-alpha)", {"a", "A"}, {"E", "alpha"}),
]


@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared()], ids=repr)
@pytest.mark.parametrize(("law", "lost", "known"), RIDGES, ids=[case[0] for case in RIDGES])
def test_parameters_the_rows_cannot_tell_are_named(law, lost, known, loss):
    fit = sf.fit({"x": X, "loss": Y}, law, loss=loss)
    assert not fit.converged
    assert not fit.is_global
    named = set(next(f for f in fit.findings if f.code == "not_identified").evidence["parameters"])
    assert lost <= named
    assert not known & named

"""A saved bootstrap keeps its scheme."""

from __future__ import annotations

import pytest

import scaling_fast as sf


@pytest.mark.parametrize(
    "scheme",
    [
        sf.Strata("budget"),
        sf.Blocks(3, within="budget"),
        sf.Subsample(12),
        sf.Residuals(),
        sf.Wild("webb", cluster="run", leverage="hc2"),
        sf.Parametric(sd=0.02),
    ],
)
def test_a_saved_bootstrap_keeps_its_scheme(fit, scheme, tmp_path):
    boot = sf.bootstrap(fit, scheme, n=50, starts=2)
    boot.save(tmp_path / "boot.scaling")
    again = sf.load(tmp_path / "boot.scaling")
    assert (again.scheme, again.digest, again.starts) == (scheme, boot.digest, 2)
    assert again.interval().equals(boot.interval())

"""What the papers print, against the values and words the catalogue has for them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import scaling_fast as sf

DENSE = 2.0732
"""The transformed number of experts of a dense model in Ludziejewski et al. 2025."""


@pytest.mark.parametrize(
    ("flops", "size", "tokens", "printed"),
    [(1e20, 1.727e9, 9.65e9, (1.7e9, 9.7e9)), (1e22, 18.88e9, 88.3e9, (18.8e9, 88.6e9))],
)
def test_ludziejewski_gives_the_dense_optima_the_paper_prints(flops, size, tokens, printed):
    law = sf.laws.ludziejewski()
    entry = law.published["ludziejewski2025"]
    assert entry["verified"]

    def loss(ln_n):
        n = np.exp(ln_n)
        at = {"N_act": [n], "D": [flops / 6 / n], "E_hat": [DENSE]}
        return law.evaluate(at, entry["params"]).item()

    best = minimize_scalar(
        loss, bounds=(np.log(1e8), np.log(1e12)), method="bounded", options={"xatol": 1e-7}
    )
    n = np.exp(best.x)
    assert n == pytest.approx(size, rel=1e-3)
    assert flops / 6 / n == pytest.approx(tokens, rel=1e-3)
    assert (n, flops / 6 / n) == pytest.approx(printed, rel=0.02)  # printed to 2 or 3 digits


def test_ludziejewski_does_not_call_the_exponent_of_one_expert_dense():
    law = sf.laws.ludziejewski()
    assert list(law.derived) == ["exponent_at_one"]
    params = law.published["ludziejewski2025"]["params"]
    assert law.derive(params)["exponent_at_one"] == pytest.approx(0.1775 / (0.1889 + 0.1775))
    assert "with embedding and unembedding" in law.units["N_act"]


def test_values_read_in_the_papers_are_verified():
    for name in ("kaplan_n", "kaplan_d", "kaplan_c", "kaplan"):
        assert sf.laws.get(name).published["kaplan2020"]["verified"]
    law = sf.laws.krajewski()
    assert law.published["krajewski2024"]["verified"]
    assert "total" in law.units["N"]
    entry = sf.laws.precision().published["kumar2024"]
    assert entry["params"]["gamma_kv"] == 0.9578
    assert "offsets" in entry["cite"]
    assert "unverified" in sf.laws.shifted_power().cite

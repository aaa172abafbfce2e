"""The jackknife refits without each row or cluster."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from power_runs import LAW, NAMES
from replicates import ROWS, values
from scipy import stats

import scaling_fast as sf


def test_the_jackknife_is_n_refits(runs, huber):
    """P26: each row left out, 1e-9; B4: `n` follows from the scheme."""
    jackknife = sf.bootstrap(huber, sf.Jackknife())
    assert jackknife.n == ROWS
    for row in (0, 11, ROWS - 1):
        rest = runs.filter(pl.col("run") != row)
        again = sf.fit(rest, LAW, columns={"x": "x"}, loss=sf.Huber(5e-3))
        got = [jackknife.draws[name][row] for name in NAMES]
        assert got == pytest.approx(list(again.params.values()), rel=1e-8)
        assert jackknife.draws["objective"][row] == pytest.approx(again.objective, rel=1e-9)


def test_the_jackknife_of_clusters_leaves_out_each(runs, squared):
    jackknife = sf.bootstrap(squared, sf.Jackknife("budget"))
    assert jackknife.n == 6
    again = sf.fit(runs.filter(pl.col("budget") != 2), LAW, columns={"x": "x"}, loss=sf.Squared())
    assert jackknife.draws["objective"][2] == pytest.approx(again.objective, rel=1e-9)


def test_a_row_of_weight_zero_is_not_part_of_the_jackknife(runs, huber):
    """P26: absent before anything else sees it."""
    more = pl.concat([runs, runs.head(1).with_columns(loss=pl.lit(99.0))])
    weights = np.r_[np.ones(ROWS), 0]
    fit = sf.fit(more, LAW, columns={"x": "x"}, loss=sf.Huber(5e-3), weights=weights)
    jackknife = sf.bootstrap(fit, sf.Jackknife())
    assert jackknife.n == ROWS
    np.testing.assert_allclose(
        values(jackknife), values(sf.bootstrap(huber, sf.Jackknife())), rtol=1e-9
    )


def test_the_jackknifes_error(squared):
    """Its interval is estimate -+ z se with se^2 = (n - 1)/n sum (t_i - mean)^2."""
    jackknife = sf.bootstrap(squared, sf.Jackknife())
    draws = jackknife.draws["alpha"].to_numpy()
    error = np.sqrt((ROWS - 1) / ROWS * ((draws - draws.mean()) ** 2).sum())
    table = jackknife.interval(0.9, "normal", of="alpha")
    half = stats.norm.ppf(0.95) * error
    assert table["lower"].item() == pytest.approx(squared.params["alpha"] - half, rel=1e-10)
    assert table["upper"].item() == pytest.approx(squared.params["alpha"] + half, rel=1e-10)
    assert np.sqrt(jackknife.cov()["alpha"][2]) == pytest.approx(error, rel=1e-10)
    with pytest.raises(sf.errors.ParameterError, match="jackknife"):
        jackknife.interval(0.9)

"""A replicate is the fit of its rows; seeds, digests and common draws."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from power_runs import LAW, NAMES, runs_of
from replicates import ROWS, numpys_indices, values

import scaling_fast as sf


def test_the_digest_is_the_documented_one(boot):
    """Sha256 of group, replicate, status, objective, parameters; little-endian."""
    hasher = hashlib.sha256()
    hasher.update(np.zeros(boot.n, "<u8").tobytes())
    hasher.update(np.arange(boot.n, dtype="<u8").tobytes())
    hasher.update(boot.draws["status"].to_physical().to_numpy().astype("u1").tobytes())
    for name in ("objective", *NAMES):
        hasher.update(boot.draws[name].to_numpy().astype("<f8").tobytes())
    assert boot.digest == hasher.hexdigest()


def test_seeds(squared):
    """Same seed, same draws; None draws one and remembers it for replay (O6)."""
    one = sf.bootstrap(squared, n=20, seed=1)
    assert one.digest == sf.bootstrap(squared, n=20, seed=1).digest
    assert one.digest != sf.bootstrap(squared, n=20, seed=2).digest
    free = sf.bootstrap(squared, n=20, seed=None)
    assert free.digest == sf.bootstrap(squared, n=20, seed=free.seed).digest
    assert free.digest != sf.bootstrap(squared, n=20, seed=None).digest


def test_a_replicate_is_the_fit_of_its_rows(runs, huber):
    """Each of twenty replicates against `sf.fit` on the drawn rows themselves, 1e-9."""
    rows = numpys_indices(8, 20, ROWS)
    boot = sf.bootstrap(huber, sf.Indices(rows))
    for place, drawn in enumerate(rows):
        again = sf.fit(runs[drawn.tolist()], LAW, columns={"x": "x"}, loss=sf.Huber(5e-3))
        assert boot.draws["objective"][place] == pytest.approx(again.objective, rel=1e-9)
        got = [boot.draws[name][place] for name in NAMES]
        assert got == pytest.approx(list(again.params.values()), rel=1e-8)


def test_resampling_multiplies_the_weights_of_the_fit(runs):
    """Case weights w and counts c: the replicate of weights w c."""
    weights = np.linspace(0.5, 2, ROWS)
    fit = sf.fit(runs, LAW, columns={"x": "x"}, loss=sf.Squared(), weights=weights)
    rows = numpys_indices(8, 5, ROWS)
    boot = sf.bootstrap(fit, sf.Indices(rows))
    for place, drawn in enumerate(rows):
        both = weights * np.bincount(drawn, minlength=ROWS)
        again = sf.fit(runs, LAW, columns={"x": "x"}, loss=sf.Squared(), weights=both)
        assert boot.draws["objective"][place] == pytest.approx(again.objective, rel=1e-9)


def test_indices_are_rows_of_the_callers_frame(runs):
    """Rows that the fit left out or sorted by group keep their numbers."""
    weights = np.ones(ROWS)
    weights[[0, 7]] = 0
    fit = sf.fit(runs, LAW, columns={"x": "x"}, loss=sf.Squared(), weights=weights)
    kept = np.setdiff1d(np.arange(ROWS), [0, 7])
    boot = sf.bootstrap(fit, sf.Indices([kept, np.r_[kept[:-1], 3]]))
    assert boot.draws["objective"][0] == pytest.approx(fit.objective, rel=1e-9)
    with pytest.raises(sf.errors.ParameterError, match="row 7"):
        sf.bootstrap(fit, sf.Indices([np.r_[kept, 7]]))
    with pytest.raises(sf.errors.ParameterError, match="row 24"):
        sf.bootstrap(fit, sf.Indices([[24, 1, 2, 3]]))


def test_permuting_rows_and_indices_gives_the_same_replicates(runs, huber):
    """P22, 1e-9."""
    order = np.random.default_rng(5).permutation(ROWS)
    place = np.argsort(order)
    rows = numpys_indices(3, 40, ROWS)
    moved = sf.fit(runs[order.tolist()], LAW, columns={"x": "x"}, loss=sf.Huber(5e-3))
    one = values(sf.bootstrap(huber, sf.Indices(rows)))
    other = values(sf.bootstrap(moved, sf.Indices(place[rows])))
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_a_list_of_fits_shares_its_draws(squared, huber):
    """Common draws, one Bootstrap a fit."""
    both = sf.bootstrap([squared, huber], n=100, seed=5)
    assert [boot.fit for boot in both] == [squared, huber]
    assert [boot.digest for boot in both] == [
        sf.bootstrap(fit, n=100, seed=5).digest for fit in (squared, huber)
    ]
    correlation = np.corrcoef(both[0].draws["alpha"], both[1].draws["alpha"])[0, 1]
    assert correlation > 0.5


def test_common_draws_need_as_many_rows(squared):
    shorter = sf.fit(runs_of(rows=20), LAW, columns={"x": "x"})
    with pytest.raises(sf.errors.DataError, match="same rows"):
        sf.bootstrap([squared, shorter], n=10)
    with pytest.raises(sf.errors.ParameterError):
        sf.bootstrap([], n=10)

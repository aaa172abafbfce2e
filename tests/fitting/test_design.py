"""A law says what it needs of a design, and a fit says what its rows lack."""

from __future__ import annotations

import json
import pickle

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.fitting.design import measured

Need = sf.Need


def runs(x, *, law="power_offset", truth=None, seed=3):
    truth = truth or {"E": 1.7, "A": 60.0, "alpha": 0.25}
    return sf.datasets.simulate(law, truth, {"x": x}, noise=0.002, seed=seed)


def poor(fit):
    return [finding for finding in fit.findings if finding.code == "design"]


@pytest.mark.parametrize(
    ("make", "param"),
    [
        (lambda: Need("row", 3), "measure"),
        (lambda: Need("rows", "3"), "least"),
        (lambda: Need("rows", float("nan")), "least"),
        (lambda: Need("rows", float("inf")), "least"),
        (lambda: Need("rows", 3, "x"), "of"),
        (lambda: Need("decades", 3), "of"),
        (lambda: Need("decades", 3, of=7), "of"),
        (lambda: Need("decades", 3, "x", within="y"), "within"),
        (lambda: Need("independence", 0.1, "x"), "within"),
        (lambda: sf.Law("A*x", needs=(Need("decades", 1, "y"),)), "y"),
        (lambda: sf.Law("A*x", needs=("rows",)), "needs"),
    ],
)
def test_a_need_says_what_is_wrong_with_it(make, param):
    with pytest.raises(sf.errors.ParameterError) as caught:
        make()
    assert caught.value.param == param


def test_a_need_is_a_formula_that_can_be_read():
    for text in ("x**", "y ~ x"):
        with pytest.raises(sf.errors.FormulaError):
            sf.Law("A*x", needs=Need("decades", 1, text))


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        (Need("rows", 1), [4.0, 3.0]),
        (Need("levels", 1, "x"), [3.0, 2.0]),
        (Need("levels", 1, "x*y*1.0000000001"), [2.0, 3.0]),
        (Need("levels", 1, "x", within="y"), [1.5, 1.5]),
        (Need("decades", 1, "x"), [2.0, 1.0]),
        (Need("ratio", 1, "x"), [100.0, 10.0]),
        (Need("largest", 1, "a*x"), [200.0, 30.0]),
        (Need("positive", 1, "x - 5*a"), [1.0, 0.0]),
        (Need("independence", 1, "x", within="-3*x"), [0.0, 0.0]),
        (Need("independence", 1, "x", within="y"), [1 - 364.5 / np.sqrt(6540.75 * 81), 0.5]),
        (Need("decades", 1, "y - 5"), [np.nan, np.nan]),
        (Need("levels", 1, "a"), [1.0, 1.0]),
    ],
)
def test_each_measure_is_what_it_says_in_every_group(need, expected):
    columns = {
        "x": np.array([1.0, 10.0, 10.0, 100.0, 1.0, 10.0, 10.0]),
        "y": np.array([10.0, 1.0, 1.0, 10.0, 1.0, 1.0, 2.0]),
    }
    params = {"a": np.array([2.0, 3.0])}
    got = measured(need, columns, np.array([0, 4, 7]), params)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_a_poor_design_is_a_finding_that_names_what_is_missing_and_how_to_fix_it():
    fit = sf.fit(runs(np.geomspace(1e8, 1e9, 8)), "power_offset")
    found = poor(fit)
    decades = next(finding for finding in found if finding.evidence["measure"] == "decades")
    assert decades.severity == "amber"
    assert decades.sentence == (
        "x spans 1 decade; power_offset needs at least 1.5 decades of x, or else E "
        "cannot be told apart from alpha"
    )
    assert decades.statistic == pytest.approx(1)
    assert decades.threshold == 1.5
    assert "smaller and larger x" in decades.advice


def test_a_good_design_gives_no_finding():
    assert poor(sf.fit(runs(np.geomspace(1e5, 1e9, 12)), "power_offset")) == []


def test_needs_are_measured_at_the_fitted_parameters():
    """A break between the last two points leaves one row beyond it."""
    x = np.geomspace(1, 1e4, 24)
    truth = {"E": 0.1, "B": 5.0, "c0": 0.1, "c1": 1.5, "f1": 0.05, "d1": float(x[-2])}
    fit = sf.fit(runs(x, law="bnsl", truth=truth), "bnsl", starts=truth)
    assert [finding.evidence["of"] for finding in poor(fit)] == ["x - d1"]
    assert "above d1" in poor(fit)[0].sentence


def test_a_law_of_ones_own_has_needs():
    law = sf.Law("E + A*x**(-alpha)", needs=[Need("levels", 20, "x", label="scales")])
    fit = sf.fit(runs(np.geomspace(1e5, 1e9, 12)), law)
    assert [finding.sentence for finding in poor(fit)] == [
        "the design has 12 values of scales; the law needs at least 20 values of scales"
    ]
    assert "add rows at other values of scales" in poor(fit)[0].advice


def test_rows_on_one_side_of_a_formula_are_counted_and_asked_for():
    law = sf.Law("E + A*x**(-alpha)", needs=[Need("positive", 2, "x - 5e8")])
    fit = sf.fit(runs(np.geomspace(1e5, 1e9, 12)), law)
    assert [finding.sentence for finding in poor(fit)] == [
        "1 row lies where x - 5e8 > 0; the law needs at least 2 rows where x - 5e8 > 0"
    ]
    assert "add rows where x - 5e8 > 0" in poor(fit)[0].advice


def test_groups_are_measured_each_for_itself():
    wide, narrow = runs(np.geomspace(1e5, 1e9, 12)), runs(np.geomspace(1e8, 1e9, 12))
    both = pl.concat([wide.with_columns(g=pl.lit("a")), narrow.with_columns(g=pl.lit("b"))])
    fit = sf.fit(both, "power_offset", by="g")
    sentences = [finding.sentence for finding in poor(fit)]
    assert any(
        "in 1 of 2 groups (the worst: x spans 1 decade)" in sentence for sentence in sentences
    )


def test_needs_travel_with_the_law_and_the_fit(tmp_path):
    law = sf.laws.chinchilla()
    assert law.needs
    for again in (
        sf.Law.from_dict(json.loads(json.dumps(law.to_dict()))),
        pickle.loads(pickle.dumps(law)),
    ):
        assert again.needs == law.needs
    assert "Need('decades', 1.5, 'D/N')" in repr(law)
    assert "at least 1.5 decades of D/N" in law._repr_html_()
    fit = sf.fit(runs(np.geomspace(1e8, 1e9, 8)), "power_offset")
    fit.save(tmp_path / "fit")
    saved = sf.load(tmp_path / "fit")
    assert saved.law.needs == fit.law.needs
    assert poor(saved) == poor(fit)


def test_a_law_saved_before_there_were_needs_is_read():
    entry = sf.laws.power().to_dict()
    del entry["needs"]
    assert sf.Law.from_dict(entry).needs == ()


def test_a_law_without_needs_asks_for_nothing():
    fit = sf.fit(runs(np.geomspace(1e8, 1e9, 8)), "E + A*x**(-alpha)")
    assert poor(fit) == []

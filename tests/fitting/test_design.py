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


CHINCHILLA = {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}
OWN = sf.Law(
    "L0 + a*p**(-x) + b*t**(-y)",
    columns=["p", "t"],
    params={name: sf.Param(lower=0, upper=10) for name in ("L0", "x", "y")},
)


def both(size, data, seed=3):
    """Return what the catalogue's law and the same formula in other names say of a design."""
    frame = sf.datasets.simulate(
        "chinchilla", CHINCHILLA, {"N": size, "D": data}, noise=0.003, seed=seed
    )
    renamed = frame.rename({"N": "p", "D": "t"})
    return poor(sf.fit(frame, "chinchilla")), poor(sf.fit(renamed, OWN))


def measures(findings):
    return {finding.evidence["measure"] for finding in findings}


@pytest.mark.parametrize(
    ("decades", "expected"),
    [
        (np.linspace(0, 0.08, 6), 1.0),
        (np.linspace(0, 0.54, 7), 4.0),
        (np.linspace(0, 3, 7), 7.0),
        (np.linspace(0, 0.6, 7), 4.0),  # steps of .1 decades exactly, whatever their rounding
        (np.repeat([0.0, 1.0], 4), 2.0),
    ],
)
def test_levels_are_counted_by_tolerance_and_span(decades, expected):
    need = Need("levels", 1, "x")
    for columns in ({"x": 10 ** (8 + decades)}, {"x": -(10 ** (8 + decades[::-1]))}):
        got = measured(need, columns, np.array([0, decades.size]), {})
        assert got.tolist() == [expected]
    twice = {"x": np.tile(10**decades, 2), "g": np.repeat([1.0, 5.0], decades.size)}
    ends = np.array([0, 2 * decades.size])
    assert measured(Need("levels", 1, "x", within="g"), twice, ends, {}).tolist() == [expected]
    groups = np.array([0, decades.size, 2 * decades.size])
    assert measured(need, twice, groups, {}).tolist() == [expected, expected]


def test_six_sizes_within_a_fifth_are_one_size():
    size = np.tile(1e9 * 10 ** np.linspace(0, 0.08, 6), 6)
    catalogue, own = both(size, np.repeat(np.geomspace(1e9, 1e12, 6), 6))
    assert catalogue[0].sentence.startswith(
        "the design has 1 value of N (those within 0.1 decades count as one); chinchilla needs"
    )
    assert [finding.sentence for finding in own] == [
        "p has one level: all its values lie within 0.08 decades; a and x cannot be told apart"
    ]


@pytest.mark.parametrize("scatter", [0.0, 0.02, 0.1])
def test_runs_on_one_ray_say_what_is_not_told_apart(scatter):
    rng = np.random.default_rng(4)
    size = np.geomspace(1e7, 1e10, 24)
    jitter = np.exp(scatter * rng.standard_normal(24))
    catalogue, own = both(size, 20 * size * jitter)
    assert {"levels", "decades", "ray"} <= measures(catalogue)
    assert measures(own) == {"ray"}
    assert "the runs lie along one ray: t/p is " in own[0].sentence
    assert "a and x cannot be told apart from b and y" in own[0].sentence
    # Tokens that grow faster than size are no ray, but one line all the same.
    _, curved = both(size, 0.01 * size**1.3 * jitter)
    assert measures(curved) == {"ray"}
    assert "along one line: at equal p*t" in curved[0].sentence


def test_the_error_of_a_fit_without_an_answer_names_the_line():
    size = np.geomspace(1e7, 1e10, 24)
    frame = sf.datasets.simulate(
        "chinchilla", CHINCHILLA, {"N": size, "D": 20 * size}, noise=0.003, seed=2
    )
    exact = "exp(a - x*log(N))*D**(-y)"
    with pytest.raises(sf.errors.DataError, match="the runs lie along one ray: D/N is 20;"):
        sf.fit(frame, exact, starts={"a": 1.0, "x": 0.1, "y": 0.1})


def test_runs_at_one_budget_say_that_growth_is_not_seen():
    size = np.geomspace(1e8, 1e10, 24)
    catalogue, own = both(size, 1e21 / size)
    assert measures(catalogue) == measures(own) == {"budget"}
    assert own[0].sentence == (
        "the runs lie at one budget: p*t is 1e+21; what a larger p*t does is not known: "
        "L0 cannot be told apart from a, x, b and y"
    )


def test_healthy_designs_in_size_and_data_have_no_finding():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        if seed % 2:
            rows = int(rng.integers(9, 60))
            size, data = 10 ** rng.uniform(7, 9, rows), 10 ** rng.uniform(9, 11, rows)
        else:
            budgets = np.geomspace(1e18, 1e20, int(rng.integers(3, 7)))
            ratio = 10 ** np.linspace(-0.5, 0.5, int(rng.integers(5, 9)))
            size = np.outer(np.sqrt(budgets / 120), ratio).ravel()
            data = np.repeat(budgets, ratio.size) / 6 / size
        assert both(size, data, seed) == ([], []), seed


def test_one_line_is_found_in_the_group_that_lies_on_it():
    rng = np.random.default_rng(8)
    size = np.tile(np.geomspace(1e7, 1e10, 24), 2)
    data = np.append(20 * size[:24], 10 ** rng.uniform(9, 12, 24))
    frame = sf.datasets.simulate(
        "chinchilla", CHINCHILLA, {"N": size, "D": data}, noise=0.003, seed=1
    ).rename({"N": "p", "D": "t"})
    fit = sf.fit(frame.with_columns(g=pl.Series(np.repeat([1, 2], 24))), OWN, by="g")
    assert [finding.sentence[:14] for finding in poor(fit)] == ["in 1 of 2 grou"]


def test_what_is_fixed_needs_nothing():
    """Macro loss at the frontier of a public issue, with the floor pinned at 1.6."""
    frontier = {
        "x": [1e18, 3e18, 1e19, 3e19, 1e20, 3e20],
        "loss": [3.5273, 3.3398, 3.1494, 3.0066, 2.8509, 2.7222],
    }
    free = sf.fit(frontier, "power_offset")
    assert measures(poor(free)) == {"ratio"}
    assert poor(sf.fit(frontier, "power_offset", params={"E": sf.Param(fixed=1.6)})) == []
    own = sf.Law("E + A*x**(-alpha)", needs=[*free.law.needs, Need("rows", 7)])
    fixed = sf.fit(frontier, own, params={"E": sf.Param(fixed=1.6)})
    assert poor(fixed) == []
    assert measures(poor(sf.fit(frontier, own, params={"A": sf.Param(fixed=90.0)}))) == {"ratio"}
    size = np.geomspace(1e7, 1e10, 24)
    ray = {"N": size, "D": 20 * size}
    frame = sf.datasets.simulate("chinchilla", CHINCHILLA, ray, noise=0.003, seed=1)
    known = {name: sf.Param(fixed=CHINCHILLA[name]) for name in ("B", "beta")}
    assert poor(sf.fit(frame, "chinchilla", params=known)) == []


def test_a_fit_from_one_given_start_says_that_it_is_local():
    frame = runs(np.geomspace(1e5, 1e9, 12))
    start = {"E": 1.5, "A": 50.0, "alpha": 0.3}

    def codes(starts):
        return [finding.code for finding in sf.fit(frame, "power_offset", starts=starts).findings]

    assert codes("auto") == codes(3) == []
    assert (
        codes(start) == codes({name: [value] for name, value in start.items()}) == ["local_start"]
    )
    assert "local_start" not in codes({name: [value, 2 * value] for name, value in start.items()})

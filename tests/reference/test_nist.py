"""NIST StRD nonlinear regression: certified problems, each from both given starts.

Called with `loss=Squared(), residual="raw", starts=<the given start>` and
nothing else. The references are the 20-digit re-solutions of nist_strd.json.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from outcomes import codes

import scaling_fast as sf

PROBLEMS = [
    "Chwirut1",
    "Chwirut2",
    "DanWood",
    "ENSO",
    "Gauss1",
    "Gauss2",
    "Gauss3",
    "Hahn1",
    "Kirby2",
    "Lanczos1",
    "Lanczos2",
    "Lanczos3",
    "MGH17",
    "Misra1a",
    "Misra1b",
    "Misra1c",
    "Misra1d",
    "Nelson",
    "Roszman1",
]
CASES = [(name, start) for name in PROBLEMS for start in (1, 2)]

SOLVED = 9.0
"""Correct digits (log relative error) from which a problem counts as solved."""

PERFECT = "Lanczos1"
"""Its residuals are the rounding of its data: the arithmetic leaves them three digits, and so its deviations."""

MEAN_DIGITS = 10.5
"""Over the solved ones."""


FINDINGS = {
    # Nelson's law and Kirby's miss their rows; Misra1a is the model of four that follows its rows least. What
    # Lanczos2 has for noise is the rounding of its sixth digit. Single rows of the others stand off.
    "Chwirut2": ["outliers"],
    "Kirby2": ["autocorrelated", "lack_of_fit"],
    "Lanczos2": ["outliers"],
    "MGH17": ["outliers"],
    "Misra1a": ["autocorrelated"],
    "Nelson": ["outliers", "autocorrelated", "lack_of_fit"],
}
"""What is said of a problem beside that its start is local; nothing of the others."""


@pytest.fixture(scope="session")
def strd(reference):
    return json.loads(reference("nist_strd.json").read_text())["problems"]


def digits(got, expected):
    """Correct digits of the worst number: NIST's log relative error, at most 15."""
    worst = 15.0
    for number, text in zip(got, expected, strict=True):
        certain = float(text)
        if number != certain:
            error = abs(number - certain) / abs(certain)
            worst = min(worst, -math.log10(error) if math.isfinite(error) and error > 0 else -15.0)
    return worst


@cache
def _solved(path, name, start):
    problem = json.loads(Path(path).read_text())["problems"][name]
    return problem, fitted(problem, *rescaled(problem, 1.0), problem[f"start{start}"])


@pytest.fixture
def solved(reference):
    path = str(reference("nist_strd.json"))
    return lambda name, start: _solved(path, name, start)


def parameter_digits(problem, fit):
    return digits(
        [fit.params[name] for name in problem["parameters"]], problem["polished_20digits"]
    )


def deviation_digits(problem, fit):
    cov = fit.cov()
    variance = dict(zip(cov["parameter"], np.diag(cov.drop("parameter").to_numpy()), strict=True))
    got = [math.sqrt(variance[name]) for name in problem["parameters"]]
    return digits(got, problem["polished_sd_20digits"])


def test_the_table_covers_every_problem_of_the_file(strd):
    assert sorted(strd) == sorted(PROBLEMS)


@pytest.mark.parametrize(("name", "start"), CASES)
def test_every_start_gives_nine_digits_and_a_certificate(solved, name, start):
    problem, fit = solved(name, start)
    assert fit.converged
    assert fit.certificate.gradient <= 1e-8
    assert not fit.is_global, "one given start is never global"
    assert parameter_digits(problem, fit) >= SOLVED
    assert deviation_digits(problem, fit) >= (3 if name == PERFECT else SOLVED)
    if name != PERFECT:  # whose certified sum is below print precision
        assert 2 * fit.objective == pytest.approx(problem["rss"], rel=2e-10, abs=0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_findings_are_exactly_those_with_a_reason(solved, name):
    _, fit = solved(name, 2)
    assert codes(fit) == ["local_start", *FINDINGS.get(name, [])]


def test_the_mean_over_all_starts(solved):
    """Mean LRE >= 10.5."""
    assert np.mean([parameter_digits(*solved(*case)) for case in CASES]) >= MEAN_DIGITS


@pytest.mark.parametrize("factor", [1e3, 1e-3])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_units_of_columns_change_no_digit_or_the_status_says_so(strd, name, factor):
    """Every column in another unit: the formula divides it out, which rounds the data."""
    problem = strd[name]
    formula, target = rescaled(problem, factor)
    fit = fitted(problem, formula, target, problem["start2"], factor)
    if fit.converged:
        # Lanczos1's optimum moves with the rounding of its rows, which are all the residuals it has.
        assert parameter_digits(problem, fit) >= (8 if name != PERFECT else 5)
    else:
        assert fit.status in ("stalled", "iteration_limit", "not_identified")


@pytest.mark.parametrize("name", PROBLEMS)
def test_starts_half_a_decade_away_end_at_an_optimum_or_say_so(strd, name):
    """Never a false `converged`: what is called so has a zero gradient, and none is below the certified sum."""
    problem = strd[name]
    certified = [float(number) for number in problem["polished_20digits"]]
    draws = np.random.default_rng([1, *name.encode()])
    outcomes = []
    for which in (1, 2):
        for _ in range(5):
            start = np.array(problem[f"start{which}"]) * 10 ** draws.uniform(
                -0.5, 0.5, len(certified)
            )
            try:
                fit = fitted(problem, *rescaled(problem, 1.0), start.tolist())
            except (
                sf.errors.DataError,
                sf.errors.ConvergenceError,
            ):  # nothing identified, or not finite there
                outcomes.append(False)
                continue
            outcomes.append(parameter_digits(problem, fit) >= SOLVED - 1)
            if fit.converged:
                jacobian, residuals = fit.jacobian(), fit.residuals()
                scale = np.linalg.norm(jacobian, axis=0) * np.linalg.norm(residuals)
                noise = 1e3 * np.finfo(float).eps * np.linalg.norm(fit.predict()["prediction"])
                if np.linalg.norm(residuals) > noise:
                    assert (np.abs(jacobian.T @ residuals) <= 2e-8 * scale).all()
                best = fit.objective_at(dict(zip(problem["parameters"], certified, strict=True)))
                assert fit.objective >= best * (1 - 1e-7) - noise**2
    if name in ONE_BASIN:
        assert all(outcomes)


ONE_BASIN = {
    *("Chwirut1", "Chwirut2", "DanWood", "Kirby2"),
    *("Misra1a", "Misra1b", "Misra1c", "Misra1d", "Roszman1"),
}
"""The problems without exchangeable terms, periods or poles: there every such start leads to the optimum."""


def rescaled(problem, factor):
    """Return the formula for columns multiplied by a factor, and the target."""
    formula, target = problem["formula"], problem["response"]
    if factor != 1.0:
        for column in problem["columns"]:
            formula = re.sub(rf"\b{column}\b", f"({column}/{factor!r})", formula)
    return (f"{target} ~ {formula}", None) if "(" in target else (formula, target)


def fitted(problem, formula, target, start, factor=1.0):
    data = {
        name: np.array(values) * (factor if name in problem["columns"] else 1.0)
        for name, values in problem["data"].items()
    }
    return sf.fit(
        data,
        formula,
        columns={column: column for column in problem["columns"]},
        target=target,
        loss=sf.Squared(),
        residual="raw",
        starts=dict(zip(problem["parameters"], start, strict=True)),
    )

"""Random formulas of the whole grammar against sixty digits: what is computed is right, or NaN where it must be.

A thousand formulas, a hundred thousand with SCALING_FAST_DEEP=1. A failure prints the seed of its formula:
`draw_case(random.Random(seed))` makes it again.

What counts as right. Within 1e-11 of the exact number, or within a hundred times what evaluations in sixty digits
differ by when every operation is off by the rounding of a double: formulas that cancel lose digits in any
arithmetic. Outside the real domain a value is NaN; it may be NaN, but never wrong, where columns break what the
formula demands of them (`Program.requirements`, `Program.positive`). Where parts of a formula are too large or too
small for doubles the value must be right if plain arithmetic in doubles, as the formula is written, gets it right.
A derivative that has no finite value is not finite.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pytest
from exact import EPSILON, Number, Undecided, evaluate
from grammar import ROWS, Case, Tree, draw_case, draw_fit_case, text
from mpmath import mp, mpf
from plain import plain_value

import scaling_fast as sf
from scaling_fast._core import Program, Question, Resampling, Scheme

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
FORMULAS = 100_000 if DEEP else 1_000
PARTS = 20
FITS = 4_000 if DEEP else 100
FIT_PARTS = 5
FIRST_SEED = int.from_bytes(hashlib.sha256(sf.__version__.encode()).digest()[:4]) * 1_000_000
"""Every release looks at other formulas."""

COPIES = 13
"""Rows of a question: the `ROWS` of a case over and over, so that some fill registers and some are left over."""
TOLERANCE = mpf(10) ** -11
SPREADS = 100
LEAST = mpf(10) ** -290
MOST = mpf(10) ** 300
LARGE = mpf(10) ** 100
"""Derivatives of larger numbers may overflow on the way."""
TINY = mpf(10) ** -100
"""Derivatives that are smaller beside the value may underflow on the way: they are taken from the result down."""
UNDERFLOW = mpf(10) ** -13
"""What may be lost beside the value where parts of the formula are too small for doubles."""


class Evaluated(NamedTuple):
    """A formula at the rows of a case, by each way that the core has."""

    program: Program
    values: np.ndarray
    slopes: np.ndarray


def evaluated(case: Case) -> Evaluated | None:
    """Return what the core makes of a case; None where it refuses the formula."""
    try:
        program = Program(text(case.tree), list(case.columns))
    except sf.errors.FormulaError:
        return None
    again = Program(program.formula, list(case.columns))
    assert again.formula == program.formula
    params = [case.params[name] for name in program.params]
    if not program.columns:
        value, slopes = program.gradient(params)
        assert same(program.evaluate([], params), [value])
        return Evaluated(
            program, np.array([value] * ROWS), np.array([slopes] * ROWS).reshape(ROWS, -1)
        )
    rows = [np.resize(case.columns[name], COPIES) for name in program.columns]
    values = program.evaluate(rows, params)
    residual, jacobian = residuals(program, rows, np.zeros(COPIES), params)
    assert same(values, residual), "the value alone and the value beside its derivatives differ"
    assert same(values, again.evaluate(rows, params)), "the canonical text has other values"
    for table in (values, *jacobian.T):
        assert same(table, np.resize(table[:ROWS], COPIES)), "rows differ by where they stand"
    return Evaluated(program, values[:ROWS], jacobian[:ROWS])


def question(program: Program, rows: list[np.ndarray], target: np.ndarray) -> Question:
    free = (None, -math.inf, math.inf, None)
    return Question(
        program,
        rows,
        target,
        weights=None,
        sigma=None,
        offsets=np.array([0, target.size]),
        params=[free] * len(program.params),
        loss=("squared", 1.0),
        residual="raw",
    )


def residuals(program, rows, target, params) -> tuple[np.ndarray, np.ndarray]:
    residual, _, _, jacobian = question(program, rows, target).rows(0, params)
    return residual, jacobian


def same(left: Any, right: Any) -> bool:
    return bool(np.array_equal(np.asarray(left), np.asarray(right), equal_nan=True))


def check(case: Case, seen: Counter[str]) -> list[str]:
    """Return what is wrong with the values and derivatives of a case, a sentence each."""
    found = evaluated(case)
    if found is None:
        seen["refused"] += 1
        return []
    seen["formulas"] += 1
    wrong = []
    for row in range(ROWS):
        for name, problem in row_problems(case, found, row, seen):
            at = {column: case.columns[column][row] for column in found.program.columns}
            wrong.append(
                f"{name} of {text(case.tree)} at {at}, {chosen(case, found.program)}: {problem}"
            )
    return wrong


def chosen(case: Case, program: Program) -> dict[str, float]:
    return {name: case.params[name] for name in program.params}


def row_problems(
    case: Case, found: Evaluated, row: int, seen: Counter[str]
) -> list[tuple[str, str]]:
    at = {column: case.columns[column][row] for column in case.columns}
    params = chosen(case, found.program)
    got = [float(found.values[row]), *(float(v) for v in found.slopes[row])]
    try:
        exact, met = evaluate(case.tree, at, params)
    except Undecided:
        seen["undecided"] += 1
        return []
    labels = ["value", *(f"derivative by {name}" for name in found.program.params)]
    wanted = [exact.value, *exact.slopes]
    demands = breaks_demands(found.program, at, params) or met.uncounted
    if mp.isnan(exact.value):
        seen["NaN"] += 1
        # What has become 0 on the way has lost its sign.
        lost = (met.out_of_range or met.cancels) and not math.isnan(
            plain_value(case.tree, at, params)
        )
        return (
            []
            if math.isnan(got[0]) or lost or is_rounding(case.tree, at, params)
            else [("value", f"{got[0]!r} where there is none")]
        )
    if met.out_of_range and not plainly_right(case.tree, at, params, exact):
        seen["beyond doubles"] += 1
        return []
    problems = []
    spreads: list[Any] | None = None
    for place, (label, have, want) in enumerate(zip(labels, got, wanted, strict=True)):
        if want is None or (demands and math.isnan(have)):
            seen["no answer"] += 1
            continue
        if place and met.out_of_range and not mp.isfinite(exact.value):
            continue
        if place and (met.vanishes or (math.isinf(have) and met.out_of_range)):
            continue
        if (
            place
            and not math.isfinite(have)
            and (met.steep or max(abs(want), abs(exact.value)) > LARGE)
        ):
            continue
        least = UNDERFLOW * (1 + abs(exact.value)) if met.out_of_range else mpf(0)
        if place and mp.isfinite(exact.value):
            least = max(least, TINY * abs(exact.value))
        if is_close(have, want, least / SPREADS):
            seen["right"] += 1
            continue
        if spreads is None:
            spreads = spread(case.tree, at, params, wanted)
        rounding = spreads[place]
        if (
            rounding is None
            or is_close(have, want, rounding)
            or (not math.isfinite(have) and (met.cancels or rounding > abs(want) / 1000))
        ):
            seen["right within its rounding"] += 1
        else:
            digits = "" if spreads[place] is None else f" (rounding {mp.nstr(spreads[place], 3)})"
            problems.append((label, f"{have!r} for {mp.nstr(mpf(want), 17)}{digits}"))
    return problems


def is_close(have: float, want: Any, rounding: Any) -> bool:
    if not mp.isfinite(want) or abs(want) > MOST:
        return not math.isfinite(have) or abs(have) > MOST / 1000
    if not math.isfinite(have):
        return bool(rounding > MOST)
    return bool(abs(mpf(have) - want) <= TOLERANCE * abs(want) + SPREADS * rounding + LEAST)


def spread(
    tree: Tree, at: dict[str, float], params: dict[str, float], wanted: list[Any]
) -> list[Any]:
    """Return by how much rounding moves the value and each derivative; None where it decides if there is one."""
    most: list[Any] = [mpf(0)] * len(wanted)
    for seed in range(6):
        try:
            exact, _ = evaluate(tree, at, params, random.Random(seed))
        except Undecided:
            return [None] * len(wanted)
        values = [exact.value, *exact.slopes]
        for place, (value, want) in enumerate(zip(values, wanted, strict=False)):
            shift = moved(value, want)
            most[place] = None if None in (most[place], shift) else max(most[place], shift)
    return most


def moved(value: Any, want: Any) -> Any:
    """Return by how much rounding moves a number; None where it makes one of what is none, or none of one."""
    if value is None or want is None:
        return None if mp.isfinite(mpf(want or 0)) else mpf(0)
    if mp.isinf(want):
        return mpf(0) if value == want else None
    return abs(mpf(value) - want) if mp.isfinite(value) else None


def is_rounding(tree: Tree, at: dict[str, float], params: dict[str, float]) -> bool:
    """Whether rounding decides that a row is outside the domain."""
    for seed in range(12):
        try:
            exact, _ = evaluate(tree, at, params, random.Random(seed))
        except Undecided:
            return True
        if not mp.isnan(exact.value):
            return True
    return False


def breaks_demands(program: Program, at: dict[str, float], params: dict[str, float]) -> bool:
    allowed = {
        "positive": lambda v: v > 0,
        "non-negative": lambda v: v >= 0,
        "non-zero": lambda v: v != 0,
    }
    rows = all(allowed[kind](at[column]) for column, kind, _ in program.requirements)
    return not (rows and all(params[name] > 0 for name in program.positive))


def plainly_right(
    tree: Tree, at: dict[str, float], params: dict[str, float], exact: Number
) -> bool:
    """Whether arithmetic in doubles, as the formula is written, gives the value."""
    if not mp.isfinite(exact.value):
        return False
    value = plain_value(tree, at, params)
    return math.isfinite(value) and bool(
        abs(mpf(value) - exact.value) <= TOLERANCE * abs(exact.value) + LEAST
    )


def run(seeds: range) -> tuple[Counter[str], list[str]]:
    """Return what was met among these formulas, and all that is wrong, each with its seed."""
    mp.dps = 60
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in seeds:
        try:
            problems = check(draw_case(random.Random(seed)), seen)
        except AssertionError as failure:
            problems = [str(failure)]
        wrong += [f"seed {seed}: {problem}" for problem in problems]
    return seen, wrong


@pytest.mark.parametrize("part", range(PARTS))
def test_every_value_and_derivative_is_right_or_rightly_missing(part):
    count = FORMULAS // PARTS
    seeds = range(FIRST_SEED + part * count, FIRST_SEED + (part + 1) * count)
    seen, wrong = run(seeds)
    print(f"seeds {seeds.start} to {seeds.stop - 1}: {dict(seen)}")
    assert seen["right"] > count
    assert not wrong, "\n".join([f"{len(wrong)} findings", *wrong[:20]])


FIT_ROWS = 13
REPLICATES = 8


def fit_problems(seed: int, seen: Counter[str]) -> list[str]:
    """Return where a fit or a refit reports another objective than that of its parameters in sixty digits.

    A search runs in units of its own, refits of sums of powers by changes of the law: neither may end where the
    law has no value, nor with a value that it has not.
    """
    rng = random.Random(seed)
    case = draw_fit_case(rng, FIT_ROWS)
    try:
        program = Program(text(case.tree), list(case.columns))
    except sf.errors.FormulaError:
        return []
    if not program.columns or not program.params:
        return []
    rows = [np.array(case.columns[name]) for name in program.columns]
    truth = program.evaluate(rows, [case.params[name] for name in program.params])
    if not (np.isfinite(truth).all() and np.abs(truth).max() < 1e15):
        return []
    noise = np.array([rng.gauss(0.0, 1.0) for _ in range(FIT_ROWS)])
    target = truth + 0.03 * (1e-6 + np.std(truth)) * noise
    asked = question(program, rows, target)
    table, _ = asked.fit(2, threads=1)
    good = [sf.fitting.status.status_code("converged")]
    if table["status"][0] not in good:
        seen["no fit"] += 1
        return []
    seen["fits"] += 1
    seen["sums of powers"] += program.is_power_sum
    params = table["params"]
    weights = np.array(
        [[rng.choice((0.0, 1.0, 1.0, 2.0)) for _ in range(FIT_ROWS)] for _ in range(REPLICATES)]
    )
    resampling = Resampling(Scheme("weights", weights), first=0, count=REPLICATES, seed=1, starts=0)
    status, objectives, draws, _ = asked.resample(params, resampling, threads=1)
    looked = [(np.ones(FIT_ROWS), params[0], table["objective"][0])]
    looked += [
        (weights[draw], [column[draw] for column in draws], objectives[draw])
        for draw in np.flatnonzero(np.isin(status, good))
    ]
    seen["replicates"] += len(looked) - 1
    return [
        f"seed {seed}: objective of {text(case.tree)}: {problem}"
        for weight, found, objective in looked
        if (problem := objective_problem(case, program, target, weight, found, objective))
    ]


def objective_problem(case, program, target, weight, params, objective) -> str | None:
    """Return what is wrong with half a weighted sum of squares."""
    named = dict(zip(program.params, map(float, params), strict=True))
    rows = [
        {column: values[row] for column, values in case.columns.items()}
        for row in range(len(weight))
    ]
    counted = [
        (mpf(float(weight[row])), rows[row], mpf(float(target[row])))
        for row in np.flatnonzero(weight)
    ]
    try:
        law = [evaluate(case.tree, at, named)[0].value for _, at, _ in counted]
        nowhere = [
            at for (_, at, _), value in zip(counted, law, strict=True) if not mp.isfinite(value)
        ]
        if nowhere:
            return f"{objective!r} although there is no value at {nowhere[0]}, {named}"
        residuals = [value - y for value, (_, _, y) in zip(law, counted, strict=True)]
        total = sum(w * r**2 / 2 for (w, _, _), r in zip(counted, residuals, strict=True))
        wrong = abs(mpf(float(objective)) - total)
        if wrong <= mpf(10) ** -9 * total + LEAST:
            return None
        rounding = mpf(0)
        for (w, at, y), value, residual in zip(counted, law, residuals, strict=True):
            moved = spread(case.tree, at, named, [value])[0]
            if moved is None:
                return None
            off = SPREADS * moved + 16 * EPSILON * (abs(value) + abs(y))
            rounding += w * (abs(residual) * off + off**2)
    except Undecided:
        return None
    if wrong <= rounding:
        return None
    return f"{objective!r} for {mp.nstr(total, 17)} (rounding {mp.nstr(rounding, 3)}) at {named}"


@pytest.mark.parametrize("part", range(FIT_PARTS))
def test_fits_and_refits_report_the_objective_of_their_parameters(part):
    mp.dps = 60
    seen: Counter[str] = Counter()
    count = FITS // FIT_PARTS
    seeds = range(FIRST_SEED + part * count, FIRST_SEED + (part + 1) * count)
    wrong = [problem for seed in seeds for problem in fit_problems(seed, seen)]
    print(f"seeds {seeds.start} to {seeds.stop - 1}: {dict(seen)}")
    assert seen["fits"] > 0.2 * count
    assert not wrong, "\n".join([f"{len(wrong)} findings", *wrong[:20]])

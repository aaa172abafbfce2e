"""Random truths of every law of the catalogue, each with a design that identifies it.

The designs meet the needs of their law at every truth drawn, with room to spare: four decades or
more, both terms of a sum within a decade of one another somewhere, bends and breaks inside the
rows, ends that are approached. `test_basins.py` asserts the needs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Draw = Callable[[float, float], float]
Columns = Mapping[str, np.ndarray]


class Identified(NamedTuple):
    """How to draw a truth, and the design that identifies it."""

    truth: Callable[[Draw], dict[str, float]]
    design: Columns


def line(low: float, high: float, rows: int, name: str = "x") -> Columns:
    """Return one column, evenly spaced in its logarithm."""
    return {name: np.geomspace(low, high, rows)}


def grid(**columns: object) -> Columns:
    """Return the product of the columns' values."""
    rows = np.array(list(itertools.product(*columns.values())), dtype=float)
    return dict(zip(columns, rows.T, strict=True))


def sizes(count: int, low: float = 1e7, high: float = 3e10) -> np.ndarray:
    return np.geomspace(low, high, count)


def tokens(count: int) -> np.ndarray:
    return np.geomspace(3e8, 1e12, count)


# -- one variable ---------------------------------------------------------------------------------


def power(draw):
    return {"A": draw(1, 8), "alpha": draw(0.05, 0.6)}


def power_offset(draw):
    return {"E": draw(0.5, 3), "A": draw(1, 8), "alpha": draw(0.15, 0.6)}


def m3(draw):
    return {"A": draw(1, 8), "gamma": 10 ** draw(-3, -1), "alpha": draw(0.15, 0.6)}


def m4(draw):
    """The middle, where A x^-alpha is 1, lies in the middle decades of the rows."""
    alpha, low = draw(0.4, 0.8), draw(0.1, 0.5)
    middle = 10 ** draw(4, 6)
    return {
        "E": low,
        "H": low + draw(1.5, 3),
        "A": middle**alpha,
        "alpha": alpha,
        "k": draw(0.4, 1.2),
    }


def shifted_power(draw):
    truth = {"E": draw(0.5, 2), "s": 10 ** draw(1.3, 2.7), "alpha": draw(0.3, 0.8)}
    return truth | {"A": draw(1, 5) * truth["s"] ** truth["alpha"]}


def exp_saturation(draw):
    return {"E": draw(0.5, 2), "A": draw(1, 4), "tau": 10 ** draw(2, 3)}


def stretched_exp(draw):
    return exp_saturation(draw) | {"kappa": draw(0.4, 1.2)}


def logarithmic(draw):
    return {"c0": draw(6, 12), "c1": draw(0.1, 0.4)}


def log_power(draw):
    return {"E": draw(0.3, 2), "A": draw(3, 10), "alpha": draw(0.8, 2)}


def log_quadratic(draw):
    return {"c0": draw(0, 3), "c1": draw(-0.4, -0.1), "c2": draw(-0.01, 0.01)}


def hill(draw):
    return {"E": draw(0.5, 2), "A": draw(1, 4), "x0": 10 ** draw(2, 4), "alpha": draw(0.5, 1.5)}


def double_power(draw):
    slow = draw(0.08, 0.25)
    truth = {"E": draw(0.5, 2), "A1": draw(1, 3), "alpha1": slow, "A2": draw(3, 10)}
    return truth | {"alpha2": slow * draw(3, 6)}


def power_log(draw):
    return {"E": draw(0.3, 1), "A": draw(5, 30), "alpha": draw(0.4, 0.8), "gamma": draw(0.5, 2.5)}


def bnsl(draw):
    bend = {"c1": draw(0.3, 1.5), "f1": draw(0.1, 0.6), "d1": 10 ** draw(2.3, 3.7)}
    return {"E": draw(0.2, 1), "B": draw(2, 6), "c0": draw(0.05, 0.3)} | bend


def bnsl_twice(draw):
    """Down faster beyond the first break, slower beyond the second; both wider than half a step."""
    steep = draw(0.25, 0.5)
    first = {"c1": steep, "f1": draw(0.2, 0.6), "d1": 10 ** draw(2.3, 3.2)}
    second = {"c2": -steep * draw(0.6, 0.9), "f2": draw(0.2, 0.6), "d2": 10 ** draw(5.5, 6.5)}
    return {"E": draw(0.1, 0.3), "B": draw(4, 8), "c0": draw(0.03, 0.1)} | first | second


def hinge(draw):
    bend = {"c1": draw(0.2, 0.6), "d1": math.log(10) * draw(3.5, 5.5)}
    return {"c0": draw(1, 2.5), "alpha0": draw(0.03, 0.1), "E": draw(0.2, 0.8)} | bend


def hinge_twice(draw):
    steep = draw(0.2, 0.4)
    first = {"c1": steep, "d1": math.log(10) * draw(2.5, 3.5)}
    second = {"c2": -steep * draw(0.4, 0.8), "d2": math.log(10) * draw(5.5, 6.5)}
    return {"c0": draw(1, 2.5), "alpha0": draw(0.03, 0.1), "E": draw(0.1, 0.3)} | first | second


# -- size and data --------------------------------------------------------------------------------


def critical(size, low, high, exponent):
    """Return a truth of Kaplan's form in one column."""
    return lambda draw: {f"{size}c": 10 ** draw(low, high), f"alpha_{size}": draw(*exponent)}


def kaplan(draw):
    """Both terms within 10^0.7 of one another in the middle of the grid."""
    by_size, by_tokens, size = draw(0.05, 0.15), draw(0.05, 0.15), 10 ** draw(12, 14)
    middle = (size / 10**8.75) ** (by_size / by_tokens)
    data = 10**10.25 * middle * 10 ** draw(-0.7, 0.7)
    return {"Nc": size, "Dc": data, "alpha_N": by_size, "alpha_D": by_tokens}


def kaplan_steps(draw):
    by_size = {"Nc": 10 ** draw(13, 14.5), "alpha_N": draw(0.06, 0.12)}
    return by_size | {"Sc": 10 ** draw(2.7, 3.7), "alpha_S": draw(0.5, 1)}


def chinchilla(draw):
    alpha, beta = draw(0.25, 0.5), draw(0.25, 0.5)
    scales = {"A": draw(0.5, 2) * 10 ** (8.5 * alpha), "B": draw(0.5, 2) * 10 ** (10 * beta)}
    return {"E": draw(1, 2.5), "alpha": alpha, "beta": beta} | scales


def chinchilla_tied(draw):
    alpha = draw(0.25, 0.5)
    scales = {"A": draw(0.5, 2) * 10 ** (8.5 * alpha), "B": draw(0.5, 2) * 10 ** (10 * alpha)}
    return {"E": draw(1, 2.5), "alpha": alpha} | scales


def gadre(draw):
    eta = draw(0.12, 0.25)
    best, scale = 10 ** draw(0.8, 1.8), draw(0.5, 2) * 10 ** (18.5 * eta)
    return {"E": draw(1, 2.5), "eta": eta, "A": scale * best**-eta, "B": scale * best**eta}


def data_constrained(draw):
    """R_N and R_D well below the repeats and the excess of the design."""
    truth = chinchilla(draw)
    truth |= {"alpha": draw(0.3, 0.4), "beta": draw(0.3, 0.4)}
    truth |= {"A": draw(0.7, 1.5) * 10 ** (8.5 * truth["alpha"])}
    truth |= {"B": draw(0.7, 1.5) * 10 ** (9.8 * truth["beta"])}
    return truth | {"R_N": draw(3, 10), "R_D": draw(5, 20)}


def repeated() -> Columns:
    epochs = [0.1, 0.4, 1, 4, 16, 60, 200]
    rows = grid(N=sizes(7, 1e7, 1e10), U=[1e8, 1e9, 1e10], epochs=epochs)
    return {"N": rows["N"], "U": rows["U"], "D": rows["U"] * rows["epochs"]}


def farseer(draw):
    """Around the published surface; at 1e9 parameters and 10^10.5 tokens the data cost 0.1 to 0.3."""
    size, data = 1e9, 10**10.5
    q, b, a = draw(0.11, 0.16), -draw(0.15, 0.18), draw(0.04, 0.055)
    falls, widens, slows = draw(0.7, 1.1), draw(5, 7.5), draw(3.5, 4.8)
    exponent, cost = draw(0.27, 0.37), draw(0.1, 0.3)
    floor = {"s": -falls * size**-q, "q": q, "S": draw(0, 0.3)}
    scale = {"B": widens * size**-b, "b": b, "Q": math.log(cost * data**exponent) - widens}
    return floor | scale | {"A": -slows * size**-a, "a": a, "E": math.log(exponent) + slows}


# -- experts, precision, training -----------------------------------------------------------------


def clark(draw):
    slopes = {"a": -draw(0.06, 0.1), "b": -draw(0.08, 0.14), "c": draw(0.004, 0.01)}
    return slopes | {"d": draw(0.9, 1.3), "E_s": draw(1.4, 4), "E_m": 10 ** draw(2, 2.7)}


def krajewski(draw):
    alpha, beta, gamma = draw(0.1, 0.25), draw(0.1, 0.25), draw(0.4, 0.9)
    scale = 10 ** (8 * alpha)
    size = {"alpha": alpha, "a": draw(0.7, 1.5) * scale, "g": draw(0.5, 1.5) * scale}
    data = {"beta": beta, "b": draw(0.7, 1.5) * 10 ** (10 * beta)}
    return size | data | {"gamma": gamma, "c": draw(0.4, 1.2)}


def ludziejewski(draw):
    alpha, beta = -draw(0.15, 0.3), -draw(0.15, 0.3)
    size = {"a": draw(0.7, 1.5) * 10 ** (-8.2 * alpha), "alpha": alpha}
    data = {"b": draw(0.7, 1.5) * 10 ** (-10.2 * beta), "beta": beta}
    experts = {"delta": draw(-0.3, 0.3), "omega": draw(-0.1, 0.1)}
    experts |= {"gamma": draw(-0.02, 0.02), "zeta": draw(-0.01, 0.01)}
    return size | data | experts | {"c": draw(0.8, 1.6)}


def abnar(draw):
    alpha, beta, gamma = draw(0.15, 0.25), draw(0.3, 0.4), draw(0.4, 0.5)
    size = {"alpha": alpha, "a": draw(0.7, 1.5) * 10 ** (8 * alpha)}
    data = {"beta": beta, "b": draw(0.7, 1.5) * 10 ** (9.8 * beta)}
    mixed = {"gamma": gamma, "d": draw(0.7, 1.5) * 10 ** (7.5 * gamma), "delta": draw(0.2, 0.5)}
    return size | data | mixed | {"c": draw(0.3, 0.8), "lam": -draw(0.2, 0.6), "e": draw(0.8, 1.5)}


def precision(draw):
    alpha, beta = draw(0.3, 0.5), draw(0.3, 0.5)
    scales = {"A": draw(0.7, 1.5) * 10 ** (8.2 * alpha), "B": draw(0.7, 1.5) * 10 ** (9.8 * beta)}
    bits = {"gamma_w": draw(2, 3.5), "gamma_a": draw(1.5, 3), "gamma_kv": draw(0.8, 1.6)}
    return {"alpha": alpha, "beta": beta, "E": draw(1.5, 3)} | scales | bits


def precision_ptq(draw):
    """The loss of rounding is of order one at few bits and the middle of the grid."""
    truth = precision(draw)
    by_data, by_size = draw(0.4, 0.6), draw(0.4, 0.6)
    scale = draw(3, 8) * 10 ** (8.2 * by_size - 10 * by_data)
    rounded = {"gamma_D": by_data, "gamma_N": by_size, "C_T": scale, "gamma_post": draw(0.8, 1.5)}
    return truth | rounded | {f"C_{mark}": draw(0.3, 0.9) for mark in ("w", "a", "kv")}


def quantised(*post: float) -> Columns:
    """Return bits varied one by one and together, over sizes and tokens; P_post at most the others."""
    bits, full = [3.0, 4.0, 6.0, 8.0, 12.0], 16.0
    varied = [(b, full, full) for b in bits] + [(full, b, full) for b in bits]
    varied += [(full, full, b) for b in bits] + [(b, b, b) for b in bits] + [(full,) * 3]
    rows = []
    names = ["N", "D", "P_w", "P_a", "P_kv"] + (["P_post"] if post else [])
    for n, d, three in itertools.product(sizes(4, 3e7, 3e9), np.geomspace(1e9, 1e11, 4), varied):
        if post:
            rows += [(n, d, *three, bits) for bits in post if bits <= min(three)]
        else:
            rows.append((n, d, *three))
    return dict(zip(names, np.array(rows).T, strict=True))


def transfer(draw):
    return {"k": 10 ** draw(3, 5), "alpha": draw(0.1, 0.4), "beta": draw(0.2, 0.5)}


def annealing(draw):
    return {"L0": draw(2, 3), "A": draw(0.3, 1), "alpha": draw(0.3, 0.8), "C": draw(0.2, 0.6)}


def schedules() -> Columns:
    """Return S1 and S2 of three runs: constant, cosine, and constant with a late decay."""
    steps = 6000
    at = np.arange(steps) / steps
    late = np.where(at < 0.7, 1.0, 1.0 - 0.9 * (at - 0.7) / 0.3)
    kept = np.arange(299, steps, 300)
    sums: dict[str, list[float]] = {"S1": [], "S2": []}
    for shape in (np.ones(steps), 0.55 + 0.45 * np.cos(np.pi * at), late):
        rate = 3e-4 * shape
        gathered = np.zeros(steps)
        for i in range(1, steps):
            gathered[i] = 0.999 * gathered[i - 1] + rate[i - 1] - rate[i]
        sums["S1"] += np.cumsum(rate)[kept].tolist()
        sums["S2"] += np.cumsum(gathered)[kept].tolist()
    return {name: np.array(values) for name, values in sums.items()}


def step_law_lr(draw):
    return {"c": 10 ** draw(-0.5, 1), "a": -draw(0.4, 0.9), "b": draw(0.1, 0.5)}


def step_law_batch(draw):
    return {"c": 10 ** draw(-0.5, 1), "b": draw(0.3, 0.8)}


# -- scores, and progress -------------------------------------------------------------------------


def exp_error(draw):
    gamma = draw(0.6, 1.2)
    chance = draw(0.75, 0.95)
    return {"eps": chance, "gamma": gamma, "k": draw(0.5, 0.8) * chance * math.exp(2 * gamma)}


def logistic(draw):
    return {"b": draw(0.1, 0.3), "a": draw(0.4, 0.7), "k": draw(0.8, 2.5), "x0": draw(19.5, 22.5)}


def metric_artefact(draw):
    return {"n": 1.0, "c": 10 ** draw(7.5, 8.5), "alpha": draw(0.2, 0.6)}


def coverage_power(draw):
    return {"a": draw(1, 3), "b": draw(0.2, 0.6)}


def algorithmic_progress(draw):
    size = {"alpha_c": draw(0.7, 1.1), "alpha_year": draw(0.01, 0.04), "alpha_p": draw(0.05, 0.1)}
    data = {"beta_c": draw(0.6, 1), "beta_year": draw(0.01, 0.04), "beta_d": draw(0.03, 0.07)}
    marks = {
        f"{term}_{mark}": draw(0, 0.2) for term in ("alpha", "beta") for mark in ("ptb", "wt2")
    }
    return size | data | marks | {"t0": 2012.0, "N0": 1e6, "D0": 1e6}


def survey() -> Columns:
    """Return rows as those of a survey: sizes, data and years that vary apart, three benchmarks."""
    draw = np.random.default_rng(5)
    n = 240
    benchmark = draw.integers(0, 3, n)
    columns = {"N": 10 ** draw.uniform(6, 11, n), "D": 10 ** draw.uniform(6, 11.5, n)}
    columns |= {"t": draw.uniform(2012, 2023, n)}
    return columns | {"ptb": (benchmark == 1) * 1.0, "wt2": (benchmark == 2) * 1.0}


PLANE = grid(N=sizes(8), D=tokens(8))

IDENTIFIED: dict[str, Identified] = {
    name: Identified(*how)
    for name, how in {
        "power": (power, line(1, 1e4, 12)),
        "power_offset": (power_offset, line(1, 1e4, 20)),
        "m3": (m3, line(1, 1e5, 25)),
        "m4": (m4, line(1e1, 1e9, 40)),
        "shifted_power": (shifted_power, line(1, 1e6, 30)),
        "exp_saturation": (exp_saturation, line(10, 1e4, 20)),
        "stretched_exp": (stretched_exp, line(1, 1e5, 30)),
        "logarithmic": (logarithmic, line(1, 1e6, 12)),
        "log_power": (log_power, line(1e1, 1e9, 30)),
        "log_quadratic": (log_quadratic, line(1e1, 1e7, 16)),
        "hill": (hill, line(1, 1e6, 30)),
        "double_power": (double_power, line(1, 1e6, 40)),
        "power_log": (power_log, line(1e-1, 1e7, 60)),
        "bnsl": (bnsl, line(10, 1e5, 40)),
        "bnsl(breaks=2)": (bnsl_twice, line(1, 1e9, 90)),
        "hinge_power": (hinge, line(1e2, 1e8, 40)),
        "hinge_power(breaks=2)": (hinge_twice, line(1, 1e9, 60)),
        "kaplan_n": (critical("N", 13, 15, (0.05, 0.12)), line(1e6, 1e9, 12, "N")),
        "kaplan_d": (critical("D", 13, 15, (0.05, 0.12)), line(1e7, 1e10, 12, "D")),
        "kaplan_c": (critical("C", 7, 9, (0.03, 0.08)), line(1e-6, 1e2, 12, "C")),
        "kaplan": (kaplan, PLANE),
        "kaplan_steps": (kaplan_steps, grid(N=sizes(5, 1e6, 1e9), S=sizes(10, 1e3, 1e6))),
        "chinchilla": (chinchilla, PLANE),
        "chinchilla_tied": (chinchilla_tied, PLANE),
        "gadre": (gadre, grid(C=sizes(7, 1e17, 1e22), M=[2, 10, 40, 160, 640])),
        "data_constrained": (data_constrained, repeated()),
        "clark": (clark, grid(N=sizes(6, 1e7, 1.3e9), experts=2.0 ** np.arange(10))),
        "krajewski": (krajewski, grid(N=sizes(6, 1e6, 1e10), D=tokens(6), G=2.0 ** np.arange(5))),
        "ludziejewski": (
            ludziejewski,
            grid(N_act=sizes(5, 1e7, 3e9), D=sizes(5, 1e9, 3e11), E_hat=2.0 ** np.arange(6)),
        ),
        "abnar": (
            abnar,
            grid(N=sizes(7, 1e7, 1e11), D=tokens(5), S=[0, 0.5, 0.75, 0.9, 0.95, 0.98]),
        ),
        "precision": (precision, quantised()),
        "precision_ptq": (precision_ptq, quantised(3, 4, 5, 6, 8)),
        "transfer": (transfer, grid(D_F=sizes(5, 1e5, 1e9), N=sizes(5, 1e6, 1e9))),
        "annealing": (annealing, schedules()),
        "step_law_lr": (step_law_lr, PLANE),
        "step_law_batch": (step_law_batch, line(1e9, 1e12, 10, "D")),
        "farseer": (farseer, grid(N=sizes(12, 1e7, 1e11), D=sizes(10, 1e8, 1e13))),
        "exp_error": (exp_error, {"L": np.linspace(2, 6, 24)}),
        "logistic": (logistic, {"x": np.linspace(17, 25, 30)}),
        "metric_artefact": (metric_artefact, line(1e7, 1e11, 16, "N")),
        "coverage_power": (coverage_power, line(1, 1e4, 16, "k")),
        "algorithmic_progress": (algorithmic_progress, survey()),
    }.items()
}
"""Name of a law -> its random truths and its design: the catalogue, and two breaks where it has one."""

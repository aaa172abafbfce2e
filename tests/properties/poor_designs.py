"""Designs that do not identify their law, at least one a family, and the parameters they leave open.

Each takes the identified design of its law and spoils one need: one value of a column, two columns
in a fixed ratio, too short a range, one side of a bend. A parameter is open exactly where it only
occurs together with others, or not at all; it is open in practice where the range is short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from designs import IDENTIFIED, Columns, grid, line, sizes, tokens

if TYPE_CHECKING:
    from collections.abc import Callable


class Poor(NamedTuple):
    """A design for a truth, what it leaves open, and whether it does so at any noise."""

    law: str
    design: Columns | Callable[[dict[str, float]], Columns]
    open: set[str]
    exactly: bool


def where(law: str, keep: str, condition) -> Columns:
    """Return the rows of the identified design where a column meets a condition."""
    design = {
        name: np.asarray(values, dtype=float) for name, values in IDENTIFIED[law].design.items()
    }
    rows = condition(design[keep])
    return {name: values[rows] for name, values in design.items()}


def one_value(law: str, column: str) -> Columns:
    """Return the identified design with one value of a column."""
    return where(law, column, lambda values: values == values[0])


def in_proportion(ratio: float, low: float, high: float, first: str, second: str) -> Columns:
    values = np.geomspace(low, high, 24)
    return {first: values, second: ratio * values}


def up_to(place: float) -> Columns:
    """Return rows over three decades, of which one lies beyond a place."""
    return {"x": np.append(np.geomspace(place / 1e3, place / 1.2, 30), place * 1.5)}


def unrepeated() -> Columns:
    rows = grid(N=sizes(7, 1e7, 1e10), D=tokens(5))
    return rows | {"U": 2 * rows["D"]}


def one_schedule() -> Columns:
    """A constant learning rate: no annealing at all."""
    return {"S1": np.geomspace(0.05, 2, 30), "S2": np.zeros(30)}


POOR = {
    "short_range": Poor("power_offset", line(1, 3, 20), {"E", "alpha"}, exactly=False),
    "never_levels_off": Poor("m3", line(1e-6, 1e-4, 25), {"gamma"}, exactly=False),
    "two_terms_over_a_decade": Poor(
        "double_power", line(1, 10, 40), {"E", "alpha1", "alpha2"}, exactly=False
    ),
    "one_side_of_the_middle": Poor(
        "hill",
        lambda truth: line(truth["x0"] / 100, truth["x0"] / 3, 30),
        {"E", "alpha"},
        exactly=False,
    ),
    "far_below_the_scale": Poor("exp_saturation", line(1, 50, 20), {"E", "tau"}, exactly=False),
    "break_at_the_end": Poor("bnsl", lambda truth: up_to(truth["d1"]), {"d1"}, exactly=False),
    "corner_at_the_end": Poor(
        "hinge_power", lambda truth: up_to(np.exp(truth["d1"])), {"d1"}, exactly=False
    ),
    "two_values": Poor(
        "log_quadratic", {"x": np.repeat([1e2, 1e5], 8)}, {"c0", "c1", "c2"}, exactly=True
    ),
    "logarithm_hardly_moves": Poor("log_power", line(1e7, 1e9, 30), {"E"}, exactly=False),
    "one_number_of_tokens": Poor(
        "kaplan", one_value("kaplan", "D"), {"Dc", "alpha_D"}, exactly=False
    ),
    "one_size_of_curves": Poor(
        "kaplan_steps", one_value("kaplan_steps", "N"), {"Nc", "alpha_N"}, exactly=True
    ),
    "one_size": Poor("chinchilla", one_value("chinchilla", "N"), {"A", "alpha"}, exactly=True),
    "twenty_tokens_a_parameter": Poor(
        "chinchilla_tied", in_proportion(20, 1e7, 1e10, "N", "D"), {"A", "B"}, exactly=True
    ),
    "one_ratio": Poor("gadre", one_value("gadre", "M"), {"A", "B"}, exactly=True),
    "never_repeated": Poor("data_constrained", unrepeated(), {"R_D"}, exactly=False),
    "dense_models": Poor("clark", one_value("clark", "experts"), {"b", "c", "E_m"}, exactly=True),
    "one_granularity": Poor(
        "krajewski", one_value("krajewski", "G"), {"g", "gamma", "a"}, exactly=True
    ),
    "one_number_of_experts": Poor(
        "ludziejewski",
        one_value("ludziejewski", "E_hat"),
        {"gamma", "delta", "zeta", "omega"},
        exactly=True,
    ),
    "no_sparsity": Poor("abnar", one_value("abnar", "S"), {"c", "lam", "delta", "e"}, exactly=True),
    "full_cache": Poor(
        "precision",
        where("precision", "P_kv", lambda bits: bits == 16),
        {"A", "gamma_kv"},
        exactly=True,
    ),
    "one_rounding": Poor(
        "precision_ptq",
        where("precision_ptq", "P_post", lambda bits: bits == 3),
        {"C_T", "gamma_post"},
        exactly=True,
    ),
    "data_with_the_size": Poor(
        "transfer", in_proportion(20, 1e6, 1e9, "N", "D_F"), {"k", "alpha", "beta"}, exactly=True
    ),
    "no_annealing": Poor("annealing", one_schedule(), {"C"}, exactly=False),
    "tokens_with_the_size": Poor(
        "step_law_lr", in_proportion(20, 1e7, 1e10, "N", "D"), {"c", "a", "b"}, exactly=True
    ),
    "one_size_of_nine": Poor(
        "farseer",
        one_value("farseer", "N"),
        {"s", "q", "S", "B", "b", "Q", "A", "a", "E"},
        exactly=True,
    ),
    "losses_alike": Poor(
        "exp_error", {"L": np.linspace(2.0, 2.3, 24)}, {"eps", "k"}, exactly=False
    ),
    "only_the_lower_end": Poor(
        "logistic",
        lambda truth: {"x": truth["x0"] - np.linspace(0.5, 6, 30)},
        {"a", "k"},
        exactly=False,
    ),
    "half_a_decade": Poor(
        "metric_artefact", line(1e9, 3e9, 16, "N"), {"alpha", "c"}, exactly=False
    ),
    "few_attempts": Poor("coverage_power", line(1, 4, 16, "k"), {"a", "b"}, exactly=False),
    "one_benchmark_missing": Poor(
        "algorithmic_progress",
        where("algorithmic_progress", "wt2", lambda mark: mark == 0),
        {"alpha_wt2", "beta_wt2"},
        exactly=True,
    ),
}
"""What is wrong with a design -> the law, the design, and the parameters it leaves open."""

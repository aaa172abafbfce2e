"""What audits say of simulated papers: honest ones are not accused, and each fault is seen as often as promised.

By default one honest paper a cell and three dishonest ones; `make deep` (SCALING_FAST_DEEP=1) takes a hundred. The
seed comes from the version and stands in every failure. A share that is promised fails a test only where the count
lies beyond the 99.9 % point of its binomial distribution.
"""

from __future__ import annotations

import os

import pytest
from papers import CH, DIGITISED, FAULTS, FIXED, HONEST, PO, SQUARED, audited, replace
from scipy.stats import binom

import scaling_fast as sf

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
EACH, EACH_FAULT = (100, 100) if DEEP else (1, 3)
SEED = int.from_bytes(sf.__version__.encode()[-6:])
BEYOND = 0.999  # share of the runs of a right build that pass

DESIGNS = sorted({(kind.law, kind.n) for kind in HONEST})


def verdicts(kinds, each):
    """Return the verdicts of so many papers of each kind, pooled."""
    return [audited(kind, SEED + number).verdict for kind in kinds for number in range(each)]


def require(found, words, at_most):
    """Fail if more papers had one of these verdicts than a share of at most so much explains."""
    count = sum(word in words for word in found)
    assert count <= binom.ppf(BEYOND, len(found), at_most), (SEED, count, len(found), words)


def honest(law, n, digits):
    return [kind for kind in HONEST if (kind.law, kind.n) == (law, n) and kind.digits in digits]


@pytest.mark.parametrize(("law", "n"), DESIGNS)
def test_two_or_three_digits_make_no_honest_paper_red(law, n):
    require(verdicts(honest(law, n, (2, 3)), EACH), {"red"}, 0.001)


@pytest.mark.parametrize(("law", "n"), DESIGNS)
def test_four_digits_or_more_leave_an_honest_paper_green(law, n):
    found = verdicts(honest(law, n, (4, 6)), EACH)
    require(found, {"red"}, 0.01)
    require(found, {"red", "amber", "grey"}, 0.05)


def test_honest_least_squares_are_green():
    require(verdicts(SQUARED, EACH), {"red", "amber", "grey"}, 0.05)


def test_intervals_from_residuals_are_not_red_from_twenty_rows_on():
    require(verdicts(FIXED[1:], EACH_FAULT), {"red"}, 0.01)


def test_honest_papers_are_not_red_on_digitised_rows():
    require(verdicts(DIGITISED, EACH_FAULT), {"red"}, 0.01)


@pytest.mark.parametrize(
    ("fault", "spared", "at_most"),
    [
        ("narrow10", {"green", "amber", "grey"}, 0.05),
        ("narrow3", {"green", "grey"}, 0.01),
        ("narrow3", {"green", "amber", "grey"}, 0.15),
        ("exp2", {"green", "amber", "grey"}, 0.05),
        ("exp3", {"green", "amber", "grey"}, 0.001),
        ("wrong cluster", {"green"}, 0.05),
    ],
)
def test_a_fault_is_seen(fault, spared, at_most):
    require(verdicts(FAULTS[fault], EACH_FAULT), spared, at_most)


@pytest.mark.parametrize(("paper", "at_most"), [(PO, 0.15), (CH, 0.01)])
def test_an_optimiser_that_stopped_early_is_seen(paper, at_most):
    require(verdicts([replace(paper, early=True)], EACH_FAULT), {"green"}, at_most)

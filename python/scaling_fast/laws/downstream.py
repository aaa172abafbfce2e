"""Scores between 0 and 1 from a loss, a size or a number of attempts."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param, positive
from scaling_fast.validation import positive_number

__all__ = ["coverage_power", "exp_error", "logistic", "metric_artefact"]


def exp_error() -> Law:
    """Return the error on a benchmark from the loss, eps - k exp(-gamma L).

    Examples
    --------
    >>> exp_error().columns
    ('L',)
    """
    return Law(
        "eps - k*exp(-gamma*L)",
        columns=("L",),
        params={"eps": Param(lower=0), "k": Param(lower=0), "gamma": Param(lower=0, upper=20)},
        name="exp_error",
        description="Mean error over benchmarks from loss: chance eps at large loss, falling below.",
        units={"L": "nats per token", "eps": "error, from 0 to 1", "gamma": "1 / unit of L"},
        notes="k and gamma trade off where the losses span little; eps is chance and better fixed "
        "where it is known: params={'eps': Param(fixed=0.75)}. Residuals raw, not log.",
        cite="Gadre et al. 2024, arXiv:2403.08540",
        needs=(
            Need("rows", 5),
            Need(
                "ratio",
                3,
                "exp(-gamma*L)",
                label="exp(-gamma*L)",
                because="eps cannot be told apart from k",
            ),
        ),
    )


def logistic() -> Law:
    """Return the sigmoid b + a/(1 + exp(-k (x - x0))).

    Examples
    --------
    >>> logistic().derived["slope"]
    'a*k/4'
    """
    return Law(
        "b + a/(1 + exp(-k*(x - x0)))",
        columns=("x",),
        params={"b": Param(), "a": Param(lower=0), "k": Param(), "x0": Param()},
        derived={"slope": "a*k/4", "ceiling": "a + b"},
        name="logistic",
        description="A score between a floor b and a ceiling a + b, from a loss or a log compute.",
        units={
            "x": "a loss, the logarithm of compute, or a principal component",
            "x0": "unit of x",
        },
        notes="slope is the steepest one, at x0. Fix the floor where chance is known: "
        "params={'b': Param(fixed=0.25)}. k is negative where x is a loss. Residuals raw, not log.",
        cite="Bhagia et al. 2024, arXiv:2412.04403; Ruan et al. 2024, arXiv:2405.10938",
        needs=(
            Need("rows", 6),
            Need(
                "positive",
                2,
                "k*(x - x0)",
                label="beyond x0",
                because="a cannot be told apart from k",
            ),
            Need(
                "positive", 2, "k*(x0 - x)", label="before x0", because="the floor b is not known"
            ),
        ),
    )


def metric_artefact(*, tokens: float = 1) -> Law:
    """Return the chance that all of n tokens are right, exp(-n (N/c)^-alpha).

    A smooth loss per token, (N/c)^-alpha, looks like a sudden rise in an all-or-nothing score.

    Parameters
    ----------
    tokens
        n, the number of tokens of an answer, positive. It must be known: only n c^alpha is identified.

    Raises
    ------
    ParameterError
        For a number that is not positive.

    Examples
    --------
    >>> metric_artefact(tokens=5).params["n"]
    Param(fixed=5)
    """
    tokens = positive_number(tokens, "tokens")
    return Law(
        "exp(-n*(N/c)**(-alpha))",
        columns=("N",),
        params={"n": Param(fixed=tokens)} | positive("c", "alpha"),
        derived={"N_half": "c*(n/log(2))**(1/alpha)"},
        name="metric_artefact",
        description="Accuracy on answers of n tokens from a power law of the loss per token.",
        units={"N": "parameters", "c": "parameters", "n": "tokens"},
        notes="n is fixed, at 1 by default. N_half is the size at which half of the answers are right. "
        "Residuals raw or logit, not log.",
        cite="Schaeffer, Miranda and Koyejo 2023, arXiv:2304.15004",
        needs=(
            Need("rows", 4),
            Need("decades", 1, "N", because="alpha cannot be told apart from c"),
        ),
    )


def coverage_power() -> Law:
    """Return the share of problems solved in k attempts, exp(-a k^-b).

    Examples
    --------
    >>> coverage_power().columns
    ('k',)
    """
    return Law(
        "exp(-a*k**(-b))",
        columns=("k",),
        params=positive("a", "b"),
        derived={"pass_at_1": "exp(-a)"},
        name="coverage_power",
        description="pass@k: minus its logarithm is a power law of the number of attempts.",
        units={"k": "attempts"},
        notes="Points of one curve share their problems: resample problems, and fit counts of "
        "solved attempts where there are any.",
        cite="Brown et al. 2024, arXiv:2407.21787; Schaeffer et al. 2025, arXiv:2502.17578",
        needs=(
            Need("rows", 4),
            Need("decades", 1, "k", because="a cannot be told apart from b"),
        ),
    )

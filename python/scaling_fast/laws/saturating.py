"""Laws of one variable that level off: between two ends, or as an exponential."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param, positive
from scaling_fast.laws.powers import MODELS, SIZE

__all__ = ["exp_saturation", "hill", "m4", "stretched_exp"]

SHARE = "m4(log(A) - alpha*log(x) - (1 - k)*log(H - E), k)"
"""(y - E)/(H - E), by the equation (y - E)/(H - y)^k = A x^-alpha."""


def m4() -> Law:
    """Return the law between two ends: y solves (y - E)/(H - y)^k = A x^-alpha.

    The formula writes y = E + (H - E) v and lets the operation m4 solve for the share v.

    Examples
    --------
    >>> law = m4()
    >>> point = {"E": 1.0, "H": 9.0, "k": 0.7, "A": 5.0, "alpha": 0.4}
    >>> y = float(law.evaluate({"x": [3.0]}, point)[0])
    >>> round((y - 1.0) / (9.0 - y) ** 0.7 / (5.0 * 3.0**-0.4), 12)
    1.0
    """
    return Law(
        f"E + (H - E)*{SHARE}",
        columns=("x",),
        params=positive("E", "H", "A", "alpha", "k"),
        name="m4",
        description="A power law between chance H at small x and a floor E at large x.",
        units={"x": SIZE, "E": "units of y", "H": "units of y"},
        notes="k says how fast it leaves H: with k = 0 it is power_offset, whatever H, with k = 1 a "
        "logistic function of ln x. H and k trade off, and E and alpha, unless both ends are seen.",
        cite=f"{MODELS} (their M4)",
        needs=(
            Need("rows", 8),
            Need(
                "largest",
                0.7,
                SHARE,
                label="the share of H - E",
                because="H cannot be told apart from k",
            ),
            Need(
                "largest",
                0.7,
                f"1 - {SHARE}",
                label="the distance from H as a share of H - E",
                because="E cannot be told apart from alpha",
            ),
        ),
    )


def exp_saturation() -> Law:
    """Return the exponential approach to a floor, E + A exp(-x/tau).

    Examples
    --------
    >>> exp_saturation().derived["half"]
    'tau*log(2)'
    """
    return Law(
        "E + A*exp(-x/tau)",
        columns=("x",),
        params=positive("E", "A", "tau"),
        derived={"half": "tau*log(2)"},
        name="exp_saturation",
        description="An exponential approach to a floor: the alternative to a power law in x.",
        units={"x": SIZE, "E": "units of y", "tau": "unit of x"},
        notes="half is the step of x that halves what is left above E.",
        cite="a standard alternative in tests of power laws; compare Clauset et al. 2009, arXiv:0706.1062",
        needs=(
            Need("rows", 5),
            Need(
                "ratio",
                2,
                "exp(-x/tau)",
                label="exp(-x/tau)",
                because="E cannot be told apart from tau",
            ),
        ),
    )


def stretched_exp() -> Law:
    """Return the stretched exponential approach to a floor, E + A exp(-(x/tau)^kappa).

    Examples
    --------
    >>> stretched_exp().params["kappa"]
    Param(lower=0, upper=2)
    """
    return Law(
        "E + A*exp(-(x/tau)**kappa)",
        columns=("x",),
        params=positive("E", "A", "tau") | {"kappa": Param(lower=0, upper=2)},
        name="stretched_exp",
        description="Between exponential and power: with kappa = 1 it is exp_saturation.",
        units={"x": SIZE, "E": "units of y", "tau": "unit of x"},
        notes="A small kappa looks like a power law over any range that can be measured.",
        cite="a standard alternative in tests of power laws; compare Clauset et al. 2009, arXiv:0706.1062",
        needs=(
            Need("rows", 6),
            Need("decades", 1.5, "x", because="kappa cannot be told apart from tau"),
            Need(
                "ratio",
                3,
                "exp(-(x/tau)**kappa)",
                label="exp(-(x/tau)**kappa)",
                because="E cannot be told apart from kappa",
            ),
        ),
    )


def hill() -> Law:
    """Return the law that levels off at both ends, E + A/(1 + (x/x0)^alpha).

    Examples
    --------
    >>> hill().derived["start"]
    'E + A'
    """
    return Law(
        "E + A/(1 + (x/x0)**alpha)",
        columns=("x",),
        params=positive("E", "A", "x0", "alpha"),
        derived={"start": "E + A"},
        name="hill",
        description="Level at small x, a power law in the middle, level at large x.",
        units={"x": SIZE, "E": "units of y", "x0": "unit of x"},
        notes="x0 is where half of A is gone. start is y at small x. Other names: log-logistic; M4 "
        "with k = 1.",
        cite="Hill 1910, J. Physiol. 40, iv-vii; as a scaling law: M4 of Alabdulmohsin et al. 2022",
        needs=(
            Need("rows", 7),
            Need(
                "positive", 2, "x0 - x", label="below x0", because="A cannot be told apart from x0"
            ),
            Need(
                "positive",
                2,
                "x - x0",
                label="above x0",
                because="E cannot be told apart from alpha",
            ),
        ),
    )

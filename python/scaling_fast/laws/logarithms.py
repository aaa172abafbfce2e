"""Laws in the logarithm of one variable: slower than any power, or bent in log-log axes."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param, positive
from scaling_fast.laws.powers import SIZE

__all__ = ["log_power", "log_quadratic", "logarithmic"]

ALTERNATIVE = (
    "a standard alternative in tests of power laws; compare Clauset et al. 2009, arXiv:0706.1062"
)


def logarithmic() -> Law:
    """Return the straight line in ln x, c0 - c1 ln x.

    Examples
    --------
    >>> logarithmic().derived["decade"]
    'c1*log(10)'
    """
    return Law(
        "c0 - c1*log(x)",
        columns=("x",),
        params={"c0": Param(), "c1": Param()},
        derived={"decade": "c1*log(10)"},
        name="logarithmic",
        description="Every decade of x takes the same amount from y.",
        units={"x": SIZE, "c0": "units of y", "c1": "units of y"},
        notes="It has no floor and turns negative at large x. decade is the loss per decade.",
        cite=ALTERNATIVE,
        needs=(Need("rows", 3), Need("levels", 2, "x", because="c1 cannot be told apart from c0")),
    )


def log_power() -> Law:
    """Return the power of a logarithm over a floor, E + A (ln x)^-alpha.

    Examples
    --------
    >>> log_power().columns
    ('x',)
    """
    return Law(
        "E + A*log(x)**(-alpha)",
        columns=("x",),
        params=positive("E", "A", "alpha"),
        name="log_power",
        description="Slower than any power of x.",
        units={"x": f"{SIZE}, above 1 in its unit", "E": "units of y"},
        notes="x = 1 is special here, so the parameters depend on the unit of x. ln x varies "
        "so little that E is known only over many decades.",
        cite=ALTERNATIVE,
        needs=(
            Need("rows", 6),
            Need("ratio", 2, "log(x)", because="E cannot be told apart from alpha"),
        ),
    )


def log_quadratic() -> Law:
    """Return the parabola in log-log axes, exp(c0 + c1 ln x + c2 (ln x)^2).

    Examples
    --------
    >>> log_quadratic().derived["turn"]
    'exp(-c1/(2*c2))'
    """
    return Law(
        "exp(c0 + c1*log(x) + c2*log(x)**2)",
        columns=("x",),
        params={"c0": Param(), "c1": Param(), "c2": Param()},
        derived={"turn": "exp(-c1/(2*c2))"},
        name="log_quadratic",
        description="The test of curvature: a local exponent that changes steadily with ln x.",
        units={"x": SIZE},
        notes="The local exponent at x is -(c1 + 2 c2 ln x): c2 = 0 is a power law. Beyond turn the "
        "curve changes direction, so do not extrapolate with it.",
        cite=ALTERNATIVE,
        needs=(Need("rows", 4), Need("levels", 3, "x", because="c2 cannot be told apart from c1")),
    )

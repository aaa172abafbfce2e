"""Laws of powers of one variable: straight lines in log-log axes, with floors, offsets and second terms."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param, positive

__all__ = ["double_power", "m3", "power", "power_log", "power_offset", "shifted_power"]

SIZE = "any size: parameters, tokens, FLOP"
MODELS = "Alabdulmohsin, Neyshabur and Zhai 2022, arXiv:2209.06640"


def power() -> Law:
    """Return the pure power law A x^-alpha.

    Examples
    --------
    >>> power().columns
    ('x',)
    """
    return Law(
        "A*x**(-alpha)",
        columns=("x",),
        params={"A": Param(lower=0), "alpha": Param()},
        derived={"doubling": "2**(-alpha)"},
        name="power",
        description="A straight line in log-log axes: every doubling of x changes y by one factor.",
        units={"x": SIZE, "A": "y at x = 1"},
        notes="No floor: it extrapolates to 0. Compare it with power_offset before believing it. "
        "doubling is the factor by which y changes when x doubles.",
        cite=f"{MODELS} (their M1)",
        needs=(
            Need("rows", 3),
            Need("levels", 2, "x", because="alpha cannot be told apart from A"),
        ),
    )


def power_offset() -> Law:
    """Return the power law with an irreducible floor, E + A x^-alpha.

    Examples
    --------
    >>> list(power_offset().params)
    ['E', 'A', 'alpha']
    """
    return Law(
        "E + A*x**(-alpha)",
        columns=("x",),
        params=positive("E", "A", "alpha"),
        name="power_offset",
        description="A power law above a floor E that no scale removes.",
        units={"x": SIZE, "E": "units of y"},
        notes="Five points over one decade do not identify E: the range counts, not the number.",
        cite=f"{MODELS} (their M2)",
        needs=(
            Need("rows", 5),
            Need("decades", 1.5, "x", because="E cannot be told apart from alpha"),
            Need(
                "ratio",
                2,
                "x**(-alpha)",
                label="the reducible part",
                because="E cannot be told apart from alpha",
            ),
        ),
        published={
            "dey2023": {
                # (C/5.984e22)**-0.0737 in the form A*x**(-alpha), A = 5.984e22**0.0737.
                "params": {"E": 0.5066, "A": 5.984e22**0.0737, "alpha": 0.0737},
                "cite": "Dey et al. 2023, arXiv:2304.03208: Cerebras-GPT on the Pile, x in FLOP",
                "verified": True,
            }
        },
    )


def m3() -> Law:
    """Return the power law that levels off at a finite size, A (1/x + gamma)^alpha.

    Examples
    --------
    >>> m3().derived["limit"]
    'A*gamma**alpha'
    """
    return Law(
        "A*(1/x + gamma)**alpha",
        columns=("x",),
        params=positive("A", "gamma", "alpha"),
        derived={"limit": "A*gamma**alpha"},
        name="m3",
        description="A power law that levels off beyond a size 1/gamma.",
        units={"x": SIZE, "gamma": "1 / unit of x"},
        notes="limit is what remains at any size. With gamma = 0 it is power.",
        cite=f"{MODELS} (their M3)",
        needs=(
            Need("rows", 6),
            Need(
                "largest",
                0.5,
                "gamma*x",
                label="gamma*x, the size in units of where it levels off,",
                because="gamma and alpha trade off",
            ),
        ),
    )


def shifted_power() -> Law:
    """Return the power law of a shifted size, E + A (x + s)^-alpha.

    Examples
    --------
    >>> list(shifted_power().params)
    ['E', 'A', 's', 'alpha']
    """
    return Law(
        "E + A*(x + s)**(-alpha)",
        columns=("x",),
        params=positive("E", "A", "s", "alpha"),
        name="shifted_power",
        description="A power law of a shifted size: s is the offset of x.",
        units={"x": SIZE, "E": "units of y", "s": "unit of x"},
        notes="s and alpha trade off unless some x are smaller than s and others much larger. "
        "For a negative s, above minus the smallest x, pass params={'s': Param(lower=...)}.",
        cite="the shifted power law (Lomax, Pareto II) of statistics with a floor; no paper on scaling "
        "was found to have it: unverified",
        needs=(
            Need("rows", 6),
            Need("decades", 1.5, "x", because="E cannot be told apart from alpha"),
            Need("decades", 1, "x + s", because="s cannot be told apart from alpha"),
        ),
    )


def double_power() -> Law:
    """Return the sum of two power laws over a floor, E + A1 x^-alpha1 + A2 x^-alpha2.

    Examples
    --------
    >>> double_power().columns
    ('x',)
    """
    return Law(
        "E + A1*x**(-alpha1) + A2*x**(-alpha2)",
        columns=("x",),
        params=positive("E", "A1", "alpha1", "A2", "alpha2"),
        derived={"alpha_ratio": "alpha2/alpha1"},
        name="double_power",
        description="Two power laws that add up: the slow one, alpha1, rules at large x.",
        units={"x": SIZE, "E": "units of y"},
        notes="The two come back in ascending order of the exponent. With alpha_ratio below 2 they "
        "can hardly be told apart at any noise.",
        cite="a standard alternative in tests of power laws; compare Clauset et al. 2009, arXiv:0706.1062",
        needs=(
            Need("rows", 8),
            Need("decades", 3, "x", because="E, alpha1 and alpha2 cannot be told apart"),
        ),
    )


def power_log() -> Law:
    """Return the power law with a logarithmic correction, E + A x^-alpha (1 + ln(1 + x))^gamma.

    Examples
    --------
    >>> list(power_log().params)
    ['E', 'A', 'alpha', 'gamma']
    """
    return Law(
        "E + A*x**(-alpha)*(1 + log(1 + x))**gamma",
        columns=("x",),
        params=positive("E", "A", "alpha") | {"gamma": Param(lower=-10, upper=10)},
        name="power_log",
        description="A power law whose local exponent drifts with ln x.",
        units={"x": f"{SIZE}, in units in which 1 is small", "E": "units of y"},
        notes="gamma and alpha trade off: over few decades the logarithm is a small power. "
        "x = 1 is special here, so the parameters depend on the unit of x.",
        cite="a standard alternative in tests of power laws, after corrections of kernel regression",
        needs=(
            Need("rows", 8),
            Need("decades", 3, "x", because="gamma cannot be told apart from alpha"),
        ),
    )

"""Laws of one power: the straight line in log-log axes, and the same with a floor."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.param import Param

__all__ = ["power", "power_offset"]


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
        units={"x": "any size: parameters, tokens, FLOP", "A": "y at x = 1"},
        notes="No floor: it extrapolates to 0. Compare it with power_offset before believing it. "
        "doubling is the factor by which y changes when x doubles.",
        cite="Alabdulmohsin, Neyshabur and Zhai 2022, arXiv:2209.06640 (their M1)",
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
        params={"E": Param(lower=0), "A": Param(lower=0), "alpha": Param(lower=0)},
        name="power_offset",
        description="A power law above a floor E that no scale removes.",
        units={"x": "any size: parameters, tokens, FLOP", "E": "units of y"},
        notes="Five points over one decade do not identify E: the range counts, not the number.",
        cite="Alabdulmohsin, Neyshabur and Zhai 2022, arXiv:2209.06640 (their M2)",
        published={
            "dey2023": {
                # (C/5.984e22)**-0.0737 in the form A*x**(-alpha), A = 5.984e22**0.0737.
                "params": {"E": 0.5066, "A": 5.984e22**0.0737, "alpha": 0.0737},
                "cite": "Dey et al. 2023, arXiv:2304.03208: Cerebras-GPT on the Pile, x in FLOP",
                "verified": True,
            }
        },
    )

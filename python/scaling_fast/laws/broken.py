"""Smoothly broken power laws: straight pieces in log-log axes, joined by bends."""

from __future__ import annotations

from scaling_fast.errors import ParameterError, shown
from scaling_fast.laws.law import Law
from scaling_fast.laws.param import Param

__all__ = ["bnsl"]

MOST_BREAKS = 8  # 3 parameters a break: 27 with 8, more than any published curve identifies


def bnsl(*, breaks: int = 1) -> Law:
    """Return the broken neural scaling law with so many breaks.

    E + B x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i), written with logarithms, so that a sharp
    break (small f) does not overflow. c_i is the change of slope at d_i, of either sign.

    Parameters
    ----------
    breaks
        The number of breaks, 1 to 8.

    Raises
    ------
    ParameterError
        For another number.

    Examples
    --------
    >>> list(bnsl(breaks=2).params)
    ['E', 'B', 'c0', 'c1', 'f1', 'd1', 'c2', 'f2', 'd2']
    """
    if type(breaks) is not int or not 1 <= breaks <= MOST_BREAKS:
        raise ParameterError(
            f"breaks must be a whole number from 1 to {MOST_BREAKS}, got {shown(breaks)}",
            code="breaks",
            param="breaks",
        )
    numbers = range(1, breaks + 1)
    bends = "".join(f" - c{i}*f{i}*softplus((log(x) - log(d{i}))/f{i})" for i in numbers)
    params = {"E": Param(lower=0), "B": Param(lower=0), "c0": Param()}
    for i in numbers:
        params |= {f"c{i}": Param(), f"f{i}": Param(lower=0), f"d{i}": Param(lower=0)}
    published = {
        "caballero2023_addition": {
            "params": {
                "E": 0.413884,
                "B": 2.277272,
                "c0": 0.0550773,
                "c1": 5.662903,
                "f1": 0.0591930,
                "d1": 612.5836,
            },
            "cite": "Caballero et al. 2023, arXiv:2210.14891: 4-digit addition, the first 14 "
            "points, squares of ln(1 + f) - ln(1 + y)",
            "verified": True,
        }
    }
    return Law(
        f"E + B*exp(-c0*log(x){bends})",
        columns=("x",),
        params=params,
        derived={f"slope{i}": " + ".join(f"c{j}" for j in range(i + 1)) for i in numbers},
        name="bnsl" if breaks == 1 else f"bnsl(breaks={breaks})",
        description="Power-law pieces joined by smooth bends; may rise again (double descent).",
        units={"x": "any size: parameters, tokens, FLOP", "E": "units of y"},
        notes="d is where a break lies, f how wide it is (0 is a corner), c the change of slope; "
        "slope1 is the exponent beyond the first break. A break outside the data is not "
        "identified; each needs three points on either side.",
        cite="Caballero et al. 2023, arXiv:2210.14891",
        published=published if breaks == 1 else {},
    )

"""Smoothly broken power laws: straight pieces in log-log axes, joined by bends."""

from __future__ import annotations

from scaling_fast.errors import ParameterError, quote
from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param, positive
from scaling_fast.laws.powers import SIZE

__all__ = ["bnsl", "hinge_power"]

MOST_BREAKS = 8
"""Each break has 3 parameters: with 8 there are 27, more than any published curve identifies."""


def bnsl(*, breaks: int = 1) -> Law:
    """Return the broken neural scaling law with a given number of breaks.

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
    numbers = _numbers(breaks)
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
        units={"x": SIZE, "E": "units of y"} | {f"d{i}": "unit of x" for i in numbers},
        notes="d is where a break lies, f how wide it is (0 is a corner), c the change of slope; "
        "slope1 is the exponent beyond the first break. A break outside the data is not "
        "identified; each needs three points on either side.",
        cite="Caballero et al. 2023, arXiv:2210.14891",
        needs=(Need("rows", 3 * breaks + 4), *_either_side([f"d{i}" for i in numbers], "x")),
        published=published if breaks == 1 else {},
    )


def hinge_power(*, breaks: int = 1) -> Law:
    """Return the power law with corners, straight pieces in log-log axes over a floor.

    exp(c0 - alpha0 ln x - sum_i c_i max(ln x - d_i, 0)) + E: the limit of `bnsl` for sharp breaks.

    Parameters
    ----------
    breaks
        The number of corners, 1 to 8.

    Raises
    ------
    ParameterError
        For another number.

    Examples
    --------
    >>> list(hinge_power().params)
    ['c0', 'alpha0', 'c1', 'd1', 'E']
    """
    numbers = _numbers(breaks)
    bends = "".join(f" - c{i}*max(log(x) - d{i}, 0)" for i in numbers)
    params = positive("E") | {"c0": Param(), "alpha0": Param()}
    for i in numbers:
        params |= {f"c{i}": Param(), f"d{i}": Param()}
    derived = {f"break{i}": f"exp(d{i})" for i in numbers}
    derived |= {
        f"slope{i}": " + ".join(("alpha0", *(f"c{j}" for j in range(1, i + 1)))) for i in numbers
    }
    return Law(
        f"exp(c0 - alpha0*log(x){bends}) + E",
        columns=("x",),
        params=params,
        derived=derived,
        name="hinge_power" if breaks == 1 else f"hinge_power(breaks={breaks})",
        description="Power-law pieces that meet in corners: segmented regression.",
        units={"x": SIZE, "E": "units of y"} | {f"d{i}": "ln of x" for i in numbers},
        notes="d is the logarithm of where a corner lies, break its place, c the change of slope; "
        "slope1 is the exponent beyond the first corner. A corner is a kink of the objective: "
        "its position has no standard error where it coincides with a row.",
        cite="Muggeo 2003, Statistics in Medicine 22, 3055; the sharp limit of Caballero et al. 2023",
        needs=(Need("rows", 2 * breaks + 5), *_either_side([f"d{i}" for i in numbers], "log(x)")),
    )


def _numbers(breaks: int) -> range:
    """Return the numbers of the breaks, from 1."""
    if type(breaks) is not int or not 1 <= breaks <= MOST_BREAKS:
        raise ParameterError(
            f"breaks must be a whole number from 1 to {MOST_BREAKS}, got {quote(breaks)}",
            code="breaks",
            param="breaks",
        )
    return range(1, breaks + 1)


def _either_side(breaks: list[str], scale: str) -> list[Need]:
    """Return the needs of three rows on either side of each break."""
    sides = [(f"{place} - {scale}", f"below {place}") for place in breaks]
    sides += [(f"{scale} - {place}", f"above {place}") for place in breaks]
    because = "the place of the break and the slopes beside it trade off"
    return [Need("positive", 3, of, label=label, because=because) for of, label in sides]

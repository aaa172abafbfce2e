"""Numbers that a caller gives: one check and one sentence for each kind."""

from __future__ import annotations

import math
import secrets
from numbers import Real
from typing import Any

import numpy as np

from scaling_fast.errors import ParameterError, quote

__all__ = [
    "checked_failures",
    "checked_level",
    "checked_seed",
    "finite_number",
    "non_negative_number",
    "number",
    "number_between",
    "positive_number",
    "whole_number",
]


EXACT_BELOW = 2.0**53
"""Below it a double that is whole stands for that number alone."""


def whole_number(value: object, name: str, lowest: int, highest: int | None = None) -> int:
    """Return an int between two limits, both included; a float that is whole, such as 1e4, is one.

    Raises
    ------
    ParameterError
        For anything else: booleans, text, fractions, and floats too large to be exact.
    """
    if isinstance(value, float | np.floating) and abs(double := float(value)) < EXACT_BELOW:
        value = int(double) if double.is_integer() else value
    index = getattr(type(value), "__index__", None)
    if index is None or isinstance(value, bool):
        raise ParameterError(
            f"{name} must be a whole number, got {quote(value)} of type {type(value).__name__}",
            code="not_whole",
            param=name,
        )
    try:
        whole = int(index(value))
    except TypeError as error:
        raise ParameterError(
            f"{name} must be one whole number, got {quote(value)}", code="not_whole", param=name
        ) from error
    if whole < lowest:
        raise ParameterError(
            f"{name} must be at least {lowest}, got `{whole}`", code="too_small", param=name
        )
    if highest is not None and whole > highest:
        raise ParameterError(
            f"{name} must be at most {highest if highest < 10_000 else f'{highest:,}'}, got {quote(value)}",
            code="too_large",
            param=name,
        )
    return whole


def number(value: object, param: str, what: str = "") -> float:
    """Return a float, which may be infinite; booleans, text and NaN are refused.

    Parameters
    ----------
    value
        The caller's value.
    param
        The parameter or option concerned.
    what
        What messages call it, where `param` does not say enough.

    Raises
    ------
    ParameterError
        For anything that is not a number, and a number too large for a double.
    """
    what = what or param
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise ParameterError(
            f"{what} must be a number, got {quote(value)} of type {type(value).__name__}",
            code="not_a_number",
            param=param,
        )
    try:
        double = float(value)
    except OverflowError as error:
        raise ParameterError(  # without the number, which may have more digits than Python prints
            f"{what} must be a number that a double can hold, below 1.8e308 in size",
            code="overflow",
            param=param,
        ) from error
    if math.isnan(double):
        raise ParameterError(f"{what} must be a number, got `nan`", code="nan", param=param)
    return double


def finite_number(value: object, name: str) -> float:
    """Return a float that is finite.

    Raises
    ------
    ParameterError
        For anything else.
    """
    double = number(value, name)
    if not math.isfinite(double):
        raise ParameterError(
            f"{name} must be finite, got `{double:g}`", code="not_finite", param=name
        )
    return double


def positive_number(value: object, name: str) -> float:
    """Return a float that is positive and finite.

    Raises
    ------
    ParameterError
        For anything else.
    """
    double = number(value, name)
    if not (math.isfinite(double) and double > 0.0):
        raise ParameterError(
            f"{name} must be positive and finite, got `{double:g}`", code="not_positive", param=name
        )
    return double


def non_negative_number(value: object, name: str) -> float:
    """Return a float from 0 that is finite.

    Raises
    ------
    ParameterError
        For anything else.
    """
    double = number(value, name)
    if not (math.isfinite(double) and double >= 0.0):
        raise ParameterError(
            f"{name} must be finite and not negative, got `{double:g}`", code="negative", param=name
        )
    return double


def number_between(value: Any, name: str, *, above: float = 0.0, below: float = math.inf) -> float:
    """Return a float strictly between two limits; the message names them, whatever is wrong.

    Raises
    ------
    ParameterError
        For anything else.
    """
    try:
        double = number(value, name)
    except ParameterError:
        double = math.nan
    if not above < double < below:
        limit = f"above {above:g}" if below == math.inf else f"between {above:g} and {below:g}"
        raise ParameterError(
            f"{name} must be a number {limit}, got {quote(value)}", code=name, param=name
        )
    return double


def checked_seed(seed: object) -> int:
    """Return a seed below 2**64; None draws one, which the result remembers so that it can be repeated.

    Raises
    ------
    ParameterError
        For anything but a whole number from 0 to 2**64 - 1.
    """
    if seed is None:
        return secrets.randbits(63)
    value = whole_number(seed, "seed", 0)
    if value >= 2**64:
        raise ParameterError(
            f"seed must be below 2**64, got {quote(value)}", code="too_large", param="seed"
        )
    return value


def checked_failures(share: object) -> float:
    """Return the share of replicates that may be unusable, from 0 to 1.

    Raises
    ------
    ParameterError
        For anything else.
    """
    try:
        value = number(share, "max_failures")
    except ParameterError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise ParameterError(
            f"max_failures must be a share between 0 and 1, got {quote(share)}",
            code="max_failures",
            param="max_failures",
        )
    return value


def checked_level(level: object) -> float:
    """Return a confidence level between 0 and 1.

    Raises
    ------
    ParameterError
        For anything else, with the value that was probably meant.
    """
    if isinstance(level, bool) or not isinstance(level, int | float | np.floating | np.integer):
        raise ParameterError(
            f"level must be a number, got {quote(level)}", code="level", param="level"
        )
    try:
        value = float(level)
    except OverflowError:
        value = math.inf
    if not 0.0 < value < 1.0:
        meant = f"; did you mean {value / 100:g}?" if 1.0 < value < 100.0 else ""
        raise ParameterError(
            f"level must lie between 0 and 1, got `{value:g}`{meant}", code="level", param="level"
        )
    if 0.5 + value / 2.0 == 1.0:
        raise ParameterError(
            f"level is {quote(repr(value))}, too close to 1 for double precision; use at most 0.999999",
            code="level",
            param="level",
        )
    return value

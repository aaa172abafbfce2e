"""Numbers that a caller gives: one check and one sentence for each kind."""

from __future__ import annotations

import math
import secrets
from numbers import Real
from typing import Any

import numpy as np

from scaling_fast.errors import ParameterError, ResourceError, quote

__all__ = [
    "MOST_POINTS",
    "checked_failures",
    "checked_level",
    "checked_seed",
    "number",
    "number_between",
    "number_of_points",
    "whole_number",
]


def whole_number(value: object, name: str, lowest: int) -> int:
    """Return an int of at least `lowest`; booleans, text and fractions are refused by name.

    Raises
    ------
    ParameterError
        For anything else.
    """
    index = getattr(type(value), "__index__", None)
    if index is None or isinstance(value, bool):
        raise ParameterError(
            f"{name} must be a whole number, got {quote(value)} of type {type(value).__name__}",
            code="not_whole",
            param=name,
        )
    try:
        number = int(index(value))
    except TypeError as error:
        raise ParameterError(
            f"{name} must be one whole number, got {quote(value)}", code="not_whole", param=name
        ) from error
    if number < lowest:
        raise ParameterError(
            f"{name} must be at least {lowest}, got `{number}`", code="too_small", param=name
        )
    return number


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
    """Return a share of replicates that may be unusable, from 0 to 1.

    Raises
    ------
    ParameterError
        For anything else.
    """
    number = isinstance(share, int | float | np.floating | np.integer)
    if not number or isinstance(share, bool) or not 0.0 <= share <= 1.0:  # type: ignore[operator]
        raise ParameterError(
            f"max_failures must be a share between 0 and 1, got {quote(share)}",
            code="max_failures",
            param="max_failures",
        )
    return float(share)  # type: ignore[arg-type]


def checked_level(level: object) -> float:
    """Return a level between 0 and 1.

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
            f"level is {quote(repr(value))}, which no double tells from 1 when it is halved; take 0.999999 "
            "at most",
            code="level",
            param="level",
        )
    return value


def number(value: object, param: str, what: str) -> float:
    """Return a float; booleans, text and NaN are refused by name."""
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


MOST_POINTS = 1_000_000
"""Points of a curve that a recipe draws."""


def number_between(value: Any, name: str, *, above: float = 0.0, below: float = math.inf) -> float:
    """Return a number strictly between two limits.

    Raises
    ------
    ParameterError
        For anything else, naming the limits.
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    try:
        legal = real and above < float(value) < below
    except OverflowError:
        legal = False
    if not legal:
        limit = f"above {above:g}" if below == math.inf else f"between {above:g} and {below:g}"
        raise ParameterError(
            f"{name} must be a number {limit}, got {quote(value)}", code=name, param=name
        )
    return float(value)


def number_of_points(value: Any, lowest: int) -> int:
    """Return how many points a curve has.

    Raises
    ------
    ParameterError
        For anything but a whole number of at least `lowest`.
    ResourceError
        For more than a million, before anything is computed.
    """
    points = whole_number(value, "points", lowest)
    if points > MOST_POINTS:
        raise ResourceError(
            f"points must be at most {MOST_POINTS:,}, got {quote(points)}; more change no digit",
            code="too_many",
            param="points",
        )
    return points


def number_field(loss: object, name: str) -> float:
    """Return the field as a float; booleans, text and arrays are refused."""
    value = getattr(loss, name)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ParameterError(
            f"{name} must be a number, got {quote(value)} of type {type(value).__name__}",
            code="not_a_number",
            param=name,
        )
    try:
        double = float(value)
    except OverflowError:
        double = math.inf  # refused as such
    object.__setattr__(loss, name, double)
    return double


def positive_field(loss: object, name: str) -> None:
    value = number_field(loss, name)
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(
            f"{name} must be positive and finite, got {quote(f'{value:g}')}",
            code="not_positive",
            param=name,
        )

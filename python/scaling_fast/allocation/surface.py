"""A Chinchilla surface as a caller gives it, a fit or a mapping, and how many points are taken on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scaling_fast.errors import ParameterError, ResourceError, quote
from scaling_fast.fitting.result import Fit
from scaling_fast.validation import number_between, whole_number

__all__ = ["number_of_points", "surface_exponents", "surface_params"]

STEEPEST = 10.0
"""An exponent above it is not an exponent of a loss."""

MOST_POINTS = 1_000_000
"""Points of a curve beyond which no digit changes."""


def surface_params(surface: Any) -> Mapping[str, Any]:
    """Return the parameters of a Chinchilla fit or of a mapping, by name.

    Raises
    ------
    ParameterError
        For anything else.
    """
    values = surface.params if isinstance(surface, Fit) else surface
    if not isinstance(values, Mapping):
        raise ParameterError(
            f"the surface must be a fit of the Chinchilla law or a mapping with alpha and beta, got "
            f"{quote(surface)}",
            code="surface",
            param="surface",
        )
    return values


def surface_exponents(surface: Any) -> tuple[float, float]:
    """Return alpha and beta of a Chinchilla fit or of a mapping.

    Raises
    ------
    ParameterError
        For another kind of surface, or exponents that are not between 0 and 10.
    """
    values = surface_params(surface)
    alpha, beta = (
        number_between(values.get(name), name, below=STEEPEST) for name in ("alpha", "beta")
    )
    return alpha, beta


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

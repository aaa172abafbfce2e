"""The rival laws in the coordinates in which a forecast's range is computed: linear given one or two shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["ONE_INPUT", "SPECIAL_CASES", "TWO_INPUTS", "Family", "Points", "Reference"]

Basis: TypeAlias = (
    "Callable[[list[NDArray[np.float64]], Points, Reference], list[NDArray[np.float64]]]"
)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Logarithms of the inputs of some points.

    Attributes
    ----------
    size
        ln x of the only input, or ln N, shape (points,).
    data
        ln D where there are two inputs, shape (points,); else the same as `size`.
    """

    size: NDArray[np.float64]
    data: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reference:
    """What the inputs are counted from, so that no power of them is huge.

    Attributes
    ----------
    size, data
        ln x of the first row and of the last (one input); the means of ln N and ln D (two inputs).
    target
        Mean of ln y.
    """

    size: float
    data: float
    target: float

    @classmethod
    def of(cls, rows: Points, log_target: NDArray[np.float64], inputs: int) -> Reference:
        """Return the reference of some rows."""
        target = float(log_target.mean())
        if inputs == 1:
            return cls(float(rows.size.min()), float(rows.size.max()), target)
        return cls(float(rows.size.mean()), float(rows.data.mean()), target)

    @property
    def middle(self) -> float:
        """Half the range of ln x, for one input."""
        return (self.data - self.size) / 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A law that is a sum of columns with coefficients, once its shapes are given.

    Attributes
    ----------
    name
        Its name, as messages and tables print it.
    parameters
        Their number k: coefficients and shapes.
    offset
        Whether a constant E of at least 0 is one of the coefficients.
    axes
        Range and number of points of the first grid, for each shape; a shape is a logarithm.
    basis
        Function from shapes, each (shapes, 1), points and reference to the columns beside the constant,
        each (shapes, points). Their coefficients are positive.
    power
        Function from shapes to q where y^q is what is linear, shape (shapes, 1); None for y itself.
    from_above
        Least value that ln x, ln N and ln D must exceed.
    """

    name: str
    parameters: int
    offset: bool
    axes: tuple[tuple[float, float, int], ...]
    basis: Basis
    power: Callable[[list[NDArray[np.float64]]], NDArray[np.float64]] | None = None
    from_above: float = -np.inf


def _power(
    shapes: list[NDArray[np.float64]], at: Points, ref: Reference
) -> list[NDArray[np.float64]]:
    return [np.exp(-np.exp(shapes[0]) * (at.size - ref.size))]


def _log_power(
    shapes: list[NDArray[np.float64]], at: Points, ref: Reference
) -> list[NDArray[np.float64]]:
    return [np.exp(-np.exp(shapes[0]) * np.log(at.size / ref.size))]


def _stretched(
    shapes: list[NDArray[np.float64]], at: Points, ref: Reference
) -> list[NDArray[np.float64]]:
    """exp(-(x/tau)^kappa), by kappa and the local exponent in the middle of the rows, along which ridges run."""
    kappa, slope = np.exp(shapes[0]), np.exp(shapes[1])
    rate = slope / kappa * np.exp(-kappa * ref.middle)
    return [np.exp(-rate * np.expm1(np.minimum(kappa * (at.size - ref.size), 600.0)))]


def _shifted(
    shapes: list[NDArray[np.float64]], at: Points, ref: Reference
) -> list[NDArray[np.float64]]:
    """(x + s)^-alpha, by s in units of the first x and the local exponent in the middle of the rows."""
    shift, slope = np.exp(shapes[0]), np.exp(shapes[1])
    alpha = slope * (1.0 + shift * np.exp(-ref.middle))
    return [np.exp(-alpha * np.log((np.exp(at.size - ref.size) + shift) / (1.0 + shift)))]


def _two_powers(
    shapes: list[NDArray[np.float64]], at: Points, ref: Reference
) -> list[NDArray[np.float64]]:
    """Two powers of one input, by how much the exponents differ, along which valleys run, and the smaller one."""
    slow = np.exp(-np.exp(shapes[1]) * (at.size - ref.size))
    return [slow, slow * np.exp(-np.exp(shapes[0]) * (at.size - ref.size))]


def _pair(
    shapes: list[NDArray[np.float64]], at: Points, ref: Reference
) -> list[NDArray[np.float64]]:
    size = np.exp(-np.exp(shapes[0]) * (at.size - ref.size))
    return [size, np.exp(-np.exp(shapes[-1]) * (at.data - ref.data))]


def _log_pair(
    shapes: list[NDArray[np.float64]], at: Points, ref: Reference
) -> list[NDArray[np.float64]]:
    size = np.exp(-np.exp(shapes[0]) * np.log(at.size / ref.size))
    return [size, np.exp(-np.exp(shapes[1]) * np.log(at.data / ref.data))]


def _kaplan(
    shapes: list[NDArray[np.float64]], at: Points, ref: Reference
) -> list[NDArray[np.float64]]:
    """y^q = A N^-p + B/D with p = alpha_N/alpha_D and q = 1/alpha_D."""
    size = np.exp(-np.exp(shapes[0]) * (at.size - ref.size))
    return [size, np.broadcast_to(np.exp(ref.data - at.data), size.shape)]


def _kaplan_power(shapes: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.exp(shapes[1])


def _axis(low: float, high: float, points: int) -> tuple[float, float, int]:
    return (float(np.log(low)), float(np.log(high)), points)


ONE_INPUT: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("power_offset", 3, offset=True, axes=(_axis(0.003, 8.0, 121),), basis=_power),
        Family("power", 2, offset=False, axes=(_axis(0.001, 8.0, 121),), basis=_power),
        Family(
            "log_power",
            3,
            offset=True,
            axes=(_axis(0.05, 60.0, 121),),
            basis=_log_power,
            from_above=0.0,
        ),
        Family(
            "stretched_exp",
            4,
            offset=True,
            axes=(_axis(0.001, 2.5, 41), _axis(0.002, 40.0, 41)),
            basis=_stretched,
        ),
        Family(
            "shifted_power",
            4,
            offset=True,
            axes=(_axis(0.002, 3000.0, 33), _axis(0.003, 12.0, 41)),
            basis=_shifted,
        ),
        Family(
            "double_power",
            5,
            offset=True,
            axes=(_axis(0.02, 3.0, 33), _axis(0.003, 1.5, 49)),
            basis=_two_powers,
        ),
    )
}
"""Rivals of one input by name; `log_quadratic`, linear in its parameters, is the seventh."""

TWO_INPUTS: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "chinchilla",
            5,
            offset=True,
            axes=(_axis(0.01, 4.0, 33), _axis(0.01, 4.0, 33)),
            basis=_pair,
        ),
        Family(
            "chinchilla, E = 0",
            4,
            offset=False,
            axes=(_axis(0.005, 4.0, 33), _axis(0.005, 4.0, 33)),
            basis=_pair,
        ),
        Family("chinchilla_tied", 4, offset=True, axes=(_axis(0.01, 4.0, 121),), basis=_pair),
        Family(
            "log_power pair",
            5,
            offset=True,
            axes=(_axis(0.3, 60.0, 33), _axis(0.3, 60.0, 33)),
            basis=_log_pair,
            from_above=0.0,
        ),
        Family(
            "kaplan",
            4,
            offset=False,
            axes=(_axis(0.03, 4.0, 33), _axis(1.2, 60.0, 33)),
            basis=_kaplan,
            power=_kaplan_power,
        ),
    )
}
"""Rivals of a size and an amount of data; `log_quadratic`, a surface in ln N and ln D, is the sixth."""

SPECIAL_CASES: Mapping[str, frozenset[str]] = {
    "power_offset": frozenset({"power"}),
    "shifted_power": frozenset({"power", "power_offset"}),
    "double_power": frozenset({"power", "power_offset"}),
    "log_quadratic": frozenset({"power"}),
    "chinchilla": frozenset({"chinchilla, E = 0", "chinchilla_tied"}),
}
"""Law -> the rivals that it becomes at special values, which do not set the mark it is measured by."""

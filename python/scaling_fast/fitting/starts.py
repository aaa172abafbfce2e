"""Where a fit begins: a number of searched starts, given starts, or a grid of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import DataError, ParameterError, quote, quoted, suggestion
from scaling_fast.frames import as_frame, to_float64
from scaling_fast.validation import number, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

__all__ = ["Grid", "starting_points"]

MOST_STARTS = 1_000_000
"""Starts of one fit; a larger number is a slip, and its table would fill the memory."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Every combination of given values as a start, such as the 4,500 of Hoffmann et al. (2022).

    Parameters
    ----------
    values
        Parameter -> list of its starting values, in natural units, for every parameter of the law
        that is not fixed; at most 1,000,000 combinations.

    Examples
    --------
    >>> Grid({"A": [1.0, 10.0], "alpha": [0.1, 0.5, 1.0]}).size
    6
    """

    values: Any

    def __post_init__(self) -> None:
        if not isinstance(self.values, Mapping) or not self.values:
            raise ParameterError(
                "a Grid is a mapping of parameter to values, such as Grid({'alpha': [0.1, 0.5]})",
                code="grid",
                param="starts",
            )
        checked = {name: _numbers(name, values) for name, values in self.values.items()}
        object.__setattr__(self, "values", checked)
        if self.size == 0 or self.size > MOST_STARTS:
            raise ParameterError(
                f"a Grid needs 1 to {MOST_STARTS:,} starts, got {self.size:,}",
                code="grid",
                param="starts",
            )

    @property
    def size(self) -> int:
        """The number of starts."""
        return math.prod(len(values) for values in self.values.values())


def _numbers(name: object, values: Any) -> list[float]:
    """Return the values of one parameter of a Grid; anything but a list of numbers is refused by name."""
    bad = values
    if not isinstance(values, str | bytes | Mapping):
        try:
            out: list[float] = []
            for value in values:
                bad = value
                if isinstance(value, str | bytes):
                    break
                if len(out) == MOST_STARTS:  # an endless iterator is not read to its end
                    raise ParameterError(
                        f"a Grid needs 1 to {MOST_STARTS:,} starts; {quote(name)} alone has more values",
                        code="grid",
                        param="starts",
                    )
                out.append(float(value))
            else:
                return out
        except ParameterError:
            raise
        except (TypeError, ValueError, OverflowError):
            pass
    raise ParameterError(
        f"a Grid gives each parameter a list of numbers, such as [0.1, 0.5]; {quote(name)} holds "
        f"{quote(bad)}",
        code="grid",
        param="starts",
    )


def starting_points(starts: Any, request: Request) -> int | NDArray[np.float64] | None:
    """Return None for automatic starts, the number of searched starts, or one row per given start."""
    if isinstance(starts, str):
        if starts != "auto":
            raise ParameterError(
                f'starts must be "auto", a number, a mapping, a Grid or a frame, got {quote(starts)}',
                code="starts",
                param="starts",
            )
        return None
    free = request.free
    if isinstance(starts, Grid):
        _same_names(starts.values, free)
        product = itertools.product(*(starts.values[name] for name in free))
        return _points(np.array(list(product), dtype=np.float64), free, request)
    if isinstance(starts, Mapping) and all(np.ndim(value) == 0 for value in starts.values()):
        _same_names(starts, free)
        # `number` refuses text, None and NaN by name.
        point = [number(starts[name], name, f"the start of {quote(name)}") for name in free]
        return _points(np.array([point]), free, request)
    if isinstance(starts, Mapping) or hasattr(starts, "columns"):
        table = as_frame(starts, free)
        if table.height == 0:
            raise ParameterError("the frame of starts has no rows", code="starts", param="starts")
        _same_names(dict.fromkeys(table.columns), free)
        try:
            columns = [to_float64(table[name], name).to_numpy() for name in free]
        except DataError as error:
            raise ParameterError(
                f"a start is not a number: {error}", code="starts", param=error.column
            ) from error
        return _points(np.column_stack(columns), free, request)
    count = whole_number(starts, "starts", 1)
    if count > MOST_STARTS:
        raise ParameterError(
            f"starts must be at most {MOST_STARTS:,}, got `{count}`", code="starts", param="starts"
        )
    return count


def _same_names(given: Mapping[Any, Any], free: Sequence[str]) -> None:
    for name in given:
        if not isinstance(name, str) or name not in free:
            raise ParameterError(
                f"starts names {quote(name)}, which is not a free parameter"
                f"{suggestion(name, free, kind='parameters')}",
                code="unknown_name",
                param=name,
            )
    for name in free:
        if name not in given:
            raise ParameterError(
                f"starts gives no value for {quote(name)}; give all of {quoted(free)}",
                code="missing_parameter",
                param=name,
            )


def _points(
    free_values: NDArray[np.float64], free: Sequence[str], request: Request
) -> NDArray[np.float64]:
    """Return starts in the law's order, fixed parameters filled in; each checked against the bounds."""
    out = np.empty((len(free_values), len(request.names)))
    positive = set(request.program.positive)
    for place, name in enumerate(request.names):
        param = request.law.params[name]
        if param.fixed is not None:
            out[:, place] = param.fixed
            continue
        values = free_values[:, list(free).index(name)]
        bad = ~np.isfinite(values) | (values < param.lower) | (values > param.upper)
        legal = f"between {param.lower:g} and {param.upper:g}"
        if name in positive:
            bad |= values <= 0.0
            legal = f"positive and {legal}"
        if bad.any():
            raise ParameterError(
                f"the start of {quote(name)} must be {legal}, got `{values[int(np.argmax(bad))]:g}`",
                code="start",
                param=name,
            )
        out[:, place] = values
    return out

"""Where a fit begins: a number of searched starts, given ones, or a grid of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import DataError, ParameterError, quote, suggestion
from scaling_fast.frames import as_frame, to_float64
from scaling_fast.validation import number, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

__all__ = ["Grid", "starting_points"]

MOST_STARTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """Starts on the product of given values, such as the 4,500 of Hoffmann et al. (2022).

    Parameters
    ----------
    values
        Parameter -> its values, for every parameter of the law that is not fixed.

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
        object.__setattr__(self, "values", {k: _numbers(k, one) for k, one in self.values.items()})
        if self.size == 0 or self.size > MOST_STARTS:
            raise ParameterError(
                f"a Grid needs 1 to {MOST_STARTS:,} starts, got {self.size:,}",
                code="grid",
                param="starts",
            )

    @property
    def size(self) -> int:
        """The number of starts."""
        return math.prod(len(one) for one in self.values.values())


def _numbers(name: object, values: Any) -> list[float]:
    """Return the values of one parameter of a Grid; what is no row of numbers is refused by name."""
    bad = values
    if not isinstance(values, str | bytes | Mapping):
        try:
            out: list[float] = []
            for value in values:
                bad = value
                if isinstance(value, str | bytes):
                    break
                if len(out) == MOST_STARTS:  # an endless row is never listed to its end
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
    """Return None for automatic starts, their number, or one row a start."""
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
        product = itertools.product(*(starts.values[one] for one in free))
        return _points(np.array(list(product), dtype=np.float64), free, request)
    if isinstance(starts, Mapping) and all(np.ndim(one) == 0 for one in starts.values()):
        _same_names(starts, free)
        # `number` refuses text, None and NaN by name.
        point = [number(starts[one], one, f"the start of {quote(one)}") for one in free]
        return _points(np.array([point]), free, request)
    if isinstance(starts, Mapping) or hasattr(starts, "columns"):
        table = as_frame(starts, free)
        if table.height == 0:
            raise ParameterError("the frame of starts has no rows", code="starts", param="starts")
        _same_names(dict.fromkeys(table.columns), free)
        try:
            columns = [to_float64(table[one], one).to_numpy() for one in free]
        except DataError as error:
            raise ParameterError(
                f"a start is no number: {error}", code="starts", param=error.column
            ) from error
        return _points(np.column_stack(columns), free, request)
    count = whole_number(starts, "starts", 1)
    if count > MOST_STARTS:
        raise ParameterError(
            f"starts must be at most {MOST_STARTS:,}, got `{count}`", code="starts", param="starts"
        )
    return count


def _same_names(given: Mapping[Any, Any], free: Sequence[str]) -> None:
    for one in given:
        if not isinstance(one, str) or one not in free:
            raise ParameterError(
                f"starts names {quote(one)}, which is no free parameter{suggestion(one, free, kind='parameters')}",
                code="unknown_name",
                param=one,
            )
    for one in free:
        if one not in given:
            raise ParameterError(
                f"starts gives no value for {quote(one)}; give all of {quote(list(free), 200)}",
                code="missing_parameter",
                param=one,
            )


def _points(
    free_values: NDArray[np.float64], free: Sequence[str], request: Request
) -> NDArray[np.float64]:
    """Return starts in the law's order, fixed parameters filled in; each checked against the bounds."""
    out = np.empty((len(free_values), len(request.names)))
    positive = set(request.program.positive)
    for j, one in enumerate(request.names):
        param = request.law.params[one]
        if param.fixed is not None:
            out[:, j] = param.fixed
            continue
        values = free_values[:, list(free).index(one)]
        bad = ~np.isfinite(values) | (values < param.lower) | (values > param.upper)
        legal = f"between {param.lower:g} and {param.upper:g}"
        if one in positive:
            bad |= values <= 0.0
            legal = f"positive and {legal}"
        if bad.any():
            raise ParameterError(
                f"the start of {quote(one)} must be {legal}, got `{values[int(np.argmax(bad))]:g}`",
                code="start",
                param=one,
            )
        out[:, j] = values
    return out

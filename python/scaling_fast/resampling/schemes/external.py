"""Schemes whose draws were made elsewhere: row numbers or weights, one row per replicate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scaling_fast.errors import ParameterError, quote
from scaling_fast.runtime.memory import ask_first

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Indices", "Weights"]


def _table(value: Any, param: str, kinds: str, wanted: str) -> NDArray[Any]:
    """Return a 2-D array, one row per replicate; ragged, empty and non-numeric input is refused."""
    try:
        table = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ParameterError(
            f"{param} must be a 2-D array of {wanted}, one row per replicate: {error}",
            code="not_an_array",
            param=param,
        ) from error
    if table.dtype.kind not in kinds:
        raise ParameterError(
            f"{param} must be a 2-D array of {wanted}, got dtype {quote(table.dtype)}",
            code="dtype",
            param=param,
        )
    if table.ndim != 2 or 0 in table.shape:
        raise ParameterError(
            f"{param} must be 2-D, one row per replicate, with at least one row and column, "
            f"got shape {quote(table.shape)}",
            code="shape",
            param=param,
        )
    return table


def _refuse(table: NDArray[Any], bad: NDArray[np.bool_], param: str, rule: str) -> None:
    """Raise for the first bad entry, named by replicate and place."""
    if bad.any():
        replicate, place = np.argwhere(bad)[0].tolist()
        raise ParameterError(
            f"{param} must be {rule}, got {quote(table[replicate, place])} "
            f"in replicate {replicate}, place {place}",
            code="out_of_range",
            param=param,
            row=replicate,
        )


def _frozen(table: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """Return a contiguous copy that cannot be written to."""
    copy = np.array(table, dtype=dtype, order="C", copy=True)
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Indices:
    """Rows of each replicate given as numbers: for draws made elsewhere, such as by another program.

    Parameters
    ----------
    array
        2-D array of integers, one row per replicate: the rows of the frame that it holds, counted
        from 0, with repetition. Kept as a read-only int64 copy.

    Raises
    ------
    ParameterError
        For another shape or dtype, or a negative index. `bootstrap`, which has the frame, refuses
        indices past its last row.

    Examples
    --------
    >>> Indices([[0, 0, 2], [1, 2, 2]])
    Indices(2 replicates of 3 rows)
    """

    array: ArrayLike

    name: ClassVar[str] = "indices"

    @ask_first
    def __post_init__(self) -> None:
        table = _table(self.array, "array", "iu", "integers")
        _refuse(table, table < 0, "array", "row numbers from 0")
        if table.dtype.kind == "u":
            _refuse(table, table > np.iinfo(np.int64).max, "array", "row numbers below 2**63")
        object.__setattr__(self, "array", _frozen(table, np.int64))

    @property
    def replicates(self) -> int:
        """The number of replicates; `bootstrap` takes it as `n`."""
        return int(np.shape(self.array)[0])

    def __repr__(self) -> str:
        return "Indices({} replicates of {} rows)".format(*np.shape(self.array))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Indices):
            return NotImplemented
        return np.array_equal(np.asarray(self.array), np.asarray(other.array))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return (Indices, (np.asarray(self.array),))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Weights:
    """Weights of each replicate given as numbers: for any scheme of your own.

    Parameters
    ----------
    array
        2-D array of finite, non-negative numbers, one row per replicate and one column per row of the
        frame. Kept as a read-only float64 copy.

    Raises
    ------
    ParameterError
        For another shape or dtype, a negative, infinite or NaN weight, or a replicate of zeros.

    Examples
    --------
    >>> Weights([[1.0, 0.0, 2.0]])
    Weights(1 replicates of 3 rows)
    """

    array: ArrayLike

    name: ClassVar[str] = "weights"

    @ask_first
    def __post_init__(self) -> None:
        table = _table(self.array, "array", "iuf", "numbers")
        _refuse(table, ~(np.isfinite(table) & (table >= 0)), "array", "finite and non-negative")
        empty = ~(table > 0).any(axis=1)
        if empty.any():
            replicate = int(np.argmax(empty))
            raise ParameterError(
                f"replicate {replicate} of array has no positive weight, so no row is in it",
                code="all_zero",
                param="array",
                row=replicate,
            )
        object.__setattr__(self, "array", _frozen(table, np.float64))

    @property
    def replicates(self) -> int:
        """The number of replicates; `bootstrap` takes it as `n`."""
        return int(np.shape(self.array)[0])

    def __repr__(self) -> str:
        return "Weights({} replicates of {} rows)".format(*np.shape(self.array))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Weights):
            return NotImplemented
        return np.array_equal(np.asarray(self.array), np.asarray(other.array))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return (Weights, (np.asarray(self.array),))

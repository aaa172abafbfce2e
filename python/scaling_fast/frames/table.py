"""The table that a law is fitted to: finite doubles sorted by group, and the caller's row of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import quote
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.runtime.archive import Entry, Frames

__all__ = ["Table", "read_only"]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A copy of the caller's frame as the core takes it, sorted by group.

    Attributes
    ----------
    arrays
        Name in the law -> float64 values, contiguous and read-only, shape (rows,).
    target, weights, sigma
        The same for the target and, if given, the weights and the standard deviations.
    offsets
        Starts of the groups and the end of the last, int64.
    keys
        One row per group, sorted by key; no columns without `by`.
    order
        Row of the table -> row of the caller's frame, int64.
    extra
        Other columns that were asked for, such as clusters, with their dtypes and the rows of `arrays`.
    sources
        Name in the law -> the column of the frame it came from, or the text of the expression.
    target_name
        The name of the target.
    dropped, zero_weight
        How many rows were left out for a null or NaN, and for a weight of 0.
    lost
        The same two numbers for each group, shape (2, groups); None where no row of a group was left out.
    frame
        The caller's whole frame, in polars.
    findings
        Warnings that are not errors.
    """

    arrays: Mapping[str, NDArray[np.float64]]
    target: NDArray[np.float64]
    weights: NDArray[np.float64] | None
    sigma: NDArray[np.float64] | None
    offsets: NDArray[np.int64]
    keys: pl.DataFrame
    order: NDArray[np.int64]
    extra: pl.DataFrame
    sources: Mapping[str, str]
    target_name: str
    dropped: int
    zero_weight: int
    frame: pl.DataFrame
    findings: tuple[Finding, ...]
    lost: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for name in ("arrays", "sources"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def rows(self) -> int:
        """The number of rows that count."""
        return int(self.target.size)

    @property
    def weight_sum(self) -> float:
        """The sum of the weights; the number of rows where there are none."""
        return float(self.rows if self.weights is None else self.weights.sum())

    @property
    def groups(self) -> int:
        """The number of groups, 1 without `by`."""
        return int(self.offsets.size - 1)

    def of_group(self, group: int) -> Table:
        """Return the rows of one group, by its number, as they are where only they are read.

        The frame keeps the rows of the group that were left out; warnings are those of the whole frame.
        """
        rows = slice(int(self.offsets[group]), int(self.offsets[group + 1]))
        places = self.order[rows]
        lost = np.zeros(2, dtype=np.int64) if self.lost is None else self.lost[:, group]
        kept = self._frame_rows(group) if lost.any() else np.sort(places)

        def part(values: NDArray[np.float64] | None) -> Any:
            return None if values is None else read_only(np.array(values[rows]))

        return Table(
            arrays={name: part(values) for name, values in self.arrays.items()},
            target=part(self.target),
            weights=part(self.weights),
            sigma=part(self.sigma),
            offsets=read_only(np.array([0, places.size], dtype=np.int64)),
            keys=pl.DataFrame(),
            order=read_only(np.searchsorted(kept, places).astype(np.int64)),
            extra=self.extra[rows] if self.extra.width else pl.DataFrame(),
            sources=self.sources,
            target_name=self.target_name,
            dropped=int(lost[0]),
            zero_weight=int(lost[1]),
            frame=_rows(self.frame, kept),
            findings=self.findings,
        )

    def _frame_rows(self, group: int) -> NDArray[np.int64]:
        """Return the rows of the caller's frame that have the key of a group, those left out among them."""
        same = np.ones(self.frame.height, dtype=bool)
        for name in self.keys.columns:
            # By series, not by name: polars takes some names for patterns. Categories compare as text.
            column, key = self.frame[name].alias("v"), self.keys[name].alias("v")[group : group + 1]
            if column.dtype == pl.Categorical:
                column, key = column.cast(pl.String), key.cast(pl.String)
            same &= (column == key).fill_null(value=False).to_numpy()
        return np.flatnonzero(same)

    def key_text(self, group: int) -> str:
        """Return how messages name a group, by its number: its key columns with their values."""
        return ", ".join(
            f"{quote(name)} = {quote(value)}"
            for name, value in zip(self.keys.columns, self.keys.row(group), strict=True)
        )

    def within_group(self, row: int) -> str:
        """Return the end of a sentence that names the group of a row of the caller's frame, if there are groups."""
        if not self.keys.width:
            return ""
        place = int(np.flatnonzero(self.order == row)[0])
        group = int(np.searchsorted(self.offsets, place, side="right")) - 1
        return f", in the group {self.key_text(group)}"

    def archive_entry(self) -> tuple[Entry, Frames]:
        """Return the table as JSON and Arrow hold it, without `extra`: clusters are read from the frame."""
        entry = {
            "target": self.target_name,
            "sources": dict(self.sources),
            "dropped": self.dropped,
            "zero_weight": self.zero_weight,
            "table_findings": [finding.as_dict() for finding in self.findings],
        }
        rows: dict[str, Any] = {f"x:{name}": values for name, values in self.arrays.items()}
        rows |= {"target": self.target, "order": self.order}
        optional = {"weights": self.weights, "sigma": self.sigma}
        rows |= {name: values for name, values in optional.items() if values is not None}
        lost = (
            {}
            if self.lost is None
            else {"lost": pl.DataFrame({"dropped": self.lost[0], "zero_weight": self.lost[1]})}
        )
        return entry, lost | {
            "rows": pl.DataFrame(rows),
            "offsets": pl.DataFrame({"offsets": self.offsets}),
            "keys": self.keys,
            "frame": self.frame,
        }

    @classmethod
    def from_archive_entry(
        cls, entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
    ) -> Table:
        """Return the table that `archive_entry` wrote."""
        rows = frames["rows"]

        def array(name: str) -> Any:
            return rows[name].to_numpy() if name in rows.columns else None

        inputs = [name for name in rows.columns if name.startswith("x:")]
        return cls(
            arrays={name.removeprefix("x:"): array(name) for name in inputs},
            target=array("target"),
            weights=array("weights"),
            sigma=array("sigma"),
            offsets=frames["offsets"]["offsets"].to_numpy(),
            keys=frames["keys"],
            order=array("order"),
            extra=pl.DataFrame(),
            sources=entry["sources"],
            target_name=entry["target"],
            dropped=entry["dropped"],
            zero_weight=entry["zero_weight"],
            frame=frames["frame"],
            findings=tuple(Finding(**finding) for finding in entry["table_findings"]),
            lost=frames["lost"].to_numpy().T if "lost" in frames else None,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        values = [getattr(self, name) for name in self.__slots__]
        return (_rebuilt, ([dict(v) if isinstance(v, Mapping) else v for v in values],))


def _rows(frame: pl.DataFrame, places: NDArray[np.int64]) -> pl.DataFrame:
    """Return ascending rows of a frame, a part of it where they are neighbours."""
    if places.size and places[-1] - places[0] == places.size - 1:
        return frame[int(places[0]) : int(places[-1]) + 1]
    return frame[pl.Series(places)]


def _rebuilt(values: list[Any]) -> Table:
    """Return the table a pickle holds; numpy forgets that an array was read-only."""
    fields = dict(zip(Table.__slots__, values, strict=True))
    fields["arrays"] = {name: read_only(array) for name, array in fields["arrays"].items()}
    for name in ("target", "weights", "sigma", "offsets", "order"):
        fields[name] = None if fields[name] is None else read_only(fields[name])
    return Table(**fields)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return the same array, which can no longer be written to."""
    array.setflags(write=False)
    return array

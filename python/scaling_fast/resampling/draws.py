"""The table of replicates: made from columns, split by group, filtered, digested."""

from __future__ import annotations

import functools
import hashlib
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.errors import ConvergenceError, ParameterError
from scaling_fast.fitting.status import status_code, status_column
from scaling_fast.fitting.table import with_keys
from scaling_fast.laws.quantities import evaluate
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.validation import checked_failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

__all__ = ["UNFINISHED", "Draws", "require_usable"]

UNFINISHED = "unfinished"
"""Status of a replicate that Ctrl-C came before."""

CANONICAL_NAN = np.uint64(0x7FF8000000000000)
"""The bits that stand for every NaN in a digest."""


@dataclass(frozen=True, eq=False)
class Draws:
    """The replicates of a fit, one row each.

    Attributes
    ----------
    request
        The question that was refitted.
    frame
        Group keys, replicate, status, objective, parameters, derived quantities.
    requested
        Number of replicates per group that were asked for; fewer have a row only after Ctrl-C.
    """

    request: Request
    frame: pl.DataFrame
    requested: int

    @classmethod
    def of(
        cls,
        request: Request,
        status: NDArray[np.uint8],
        objective: NDArray[np.float64],
        params: Sequence[NDArray[np.float64]],
        count: int,
    ) -> Draws:
        """Return `count` replicates per group as a table.

        Parameters
        ----------
        request
            The question that was refitted.
        status, objective
            Code of each status, and objective, group after group; shape (groups * count,).
        params
            One such array per parameter, natural units.
        count
            Number of replicates per group.
        """
        keys = request.table.keys
        groups = request.table.groups
        values = dict(zip(request.names, params, strict=True))
        derived = {label: evaluate(text, values) for label, text in request.law.derived.items()}
        name = functools.partial(_column, request)
        columns = [
            pl.Series(name("replicate"), np.tile(np.arange(count, dtype=np.int64), groups)),
            status_column(status).alias(name("status")),
            pl.Series(name("objective"), objective),
            *(pl.Series(label, column) for label, column in (values | derived).items()),
        ]
        frame = with_keys(keys, np.repeat(np.arange(groups), count), columns)
        return cls(request, frame, count)

    def column(self, name: str) -> str:
        """Return the label of a column: its own name, or `draw_...` where the law or a key uses that name."""
        return _column(self.request, name)

    def finished(self) -> Draws:
        """Return the replicates that were finished before Ctrl-C."""
        # Column by column: a forked child has no threads of polars to filter a frame with.
        kept = self.frame[self.column("status")] != UNFINISHED
        columns = [column.filter(kept) for column in self.frame.get_columns()]
        return Draws(self.request, pl.DataFrame(columns), self.requested)

    def of_group(self, group: int) -> pl.DataFrame:
        """Return the rows of one group, by its number."""
        keys = self.request.table.keys
        if not keys.width:
            return self.frame
        if self.frame.height == self.requested * keys.height:
            return self.frame[group * self.requested : (group + 1) * self.requested]
        require_usable_process()
        # By series, not by name: polars takes some names for patterns.
        same = [
            self.frame[name].alias("v").eq_missing(value)
            for name, value in zip(keys.columns, keys.row(group), strict=True)
        ]
        return self.frame.filter(functools.reduce(operator.and_, same))

    def usable(self, group: int, max_failures: float) -> dict[str, NDArray[np.float64]]:
        """Return parameter -> values over the usable replicates of one group.

        Parameters
        ----------
        group
            Number of the group, from 0.
        max_failures
            Largest share of unusable replicates that is accepted, from 0 to 1.

        Raises
        ------
        ConvergenceError, ParameterError
            As in `require_usable`.
        """
        max_failures = checked_failures(max_failures)
        part, good = self._converged(group)
        require_usable(int(good.sum()), part.height, max_failures)
        return {name: part[name].to_numpy()[good] for name in self.request.names}

    def objectives(self, group: int) -> NDArray[np.float64]:
        """Return the objectives of the usable replicates of one group, by its number."""
        part, good = self._converged(group)
        return part[self.column("objective")].to_numpy()[good]

    def _converged(self, group: int) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
        """Return the rows of one group, and which of them are usable."""
        part = self.of_group(group)
        if part.height == self.requested and self.frame.height == self.requested * self.groups:
            start = group * self.requested
            return part, self._usable_rows[start : start + self.requested]
        return part, _are_usable(part[self.column("status")])

    @functools.cached_property
    def _usable_rows(self) -> NDArray[np.bool_]:
        """Which replicates of all groups are usable, shape (rows,): looked up once, not group by group."""
        return _are_usable(self.frame[self.column("status")])

    @property
    def groups(self) -> int:
        """The number of groups."""
        return self.request.table.groups

    def groups_of_rows(self) -> NDArray[np.int64]:
        """Return the number of the group of each row, from 0, shape (rows,)."""
        table = self.request.table
        per_group = self.frame.height // max(table.groups, 1)
        groups = np.repeat(np.arange(table.groups, dtype=np.int64), per_group)
        if len(groups) == self.frame.height == table.groups * self.requested:
            return groups
        if not table.keys.width:
            return np.zeros(self.frame.height, dtype=np.int64)
        require_usable_process()
        order = table.keys.with_row_index("__group")
        joined = self.frame.join(order, on=table.keys.columns, how="left", nulls_equal=True)
        return joined["__group"].to_numpy().astype(np.int64)

    def digest(self) -> str:
        """Return the sha256 of the draws, equal for equal draws whatever computed them.

        Over group index and replicate (u64), status code (u8), objective and the parameters in the
        law's order (f64): whole columns one after the other, little-endian, every NaN the same.
        """
        hasher = hashlib.sha256()
        hasher.update(self.groups_of_rows().astype("<u8").tobytes())
        hasher.update(self.frame[self.column("replicate")].to_numpy().astype("<u8").tobytes())
        codes = self.frame[self.column("status")].to_physical().to_numpy()
        hasher.update(codes.astype("u1").tobytes())
        for name in (self.column("objective"), *self.request.names):
            values = np.array(self.frame[name].to_numpy(), dtype="<f8")
            bits = values.view("<u8")
            bits[np.isnan(values)] = CANONICAL_NAN
            hasher.update(bits.tobytes())
        return hasher.hexdigest()


def _are_usable(status: pl.Series) -> NDArray[np.bool_]:
    # In numpy: a forked child has no threads of polars to filter with.
    return np.asarray(status.to_physical().to_numpy() == status_code("converged"))


def require_usable(usable: int, total: int, max_failures: float) -> None:
    """Refuse too few usable replicates for an interval.

    Parameters
    ----------
    usable, total
        Numbers of replicates of a group.
    max_failures
        Largest share of unusable replicates that is accepted, from 0 to 1.

    Raises
    ------
    ConvergenceError
        When a larger share than `max_failures` is unusable.
    ParameterError
        For fewer than two replicates, none of which failed.
    """
    failed = total - usable
    if failed == 0 and total < 2:
        raise ParameterError(
            f"an interval needs at least 2 replicates, got {total}; ask for a larger n",
            code="too_few",
            param="n",
        )
    if failed > max_failures * total or usable < 2:
        raise ConvergenceError(
            f"{failed} of {total} replicates are unusable (see `.failures`), more than max_failures="
            f'{max_failures:g} allows; the design may not identify the law: try starts="multi", fix a '
            "parameter, or pass a larger max_failures and report the count",
            code="failures",
        )


def _column(request: Request, name: str) -> str:
    taken = [*request.law.params, *request.law.derived, *request.table.keys.columns]
    return f"draw_{name}" if name in taken else name

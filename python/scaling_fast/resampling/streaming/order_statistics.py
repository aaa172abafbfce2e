"""The k-th smallest of replicates that were not kept: narrowed down bin by bin, then read exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.laws.quantities import evaluate
from scaling_fast.resampling.execution.shards import blocks
from scaling_fast.resampling.streaming.moments import FIRST_SHIFT, edge, keys_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.resampling.execution.jobs import Job
    from scaling_fast.resampling.execution.shards import ExecutionPlan
    from scaling_fast.resampling.streaming.moments import StreamingMoments

__all__ = ["Rerun", "order_statistics"]

MOST_HELD = 2**20
"""Values of one bin that are held at once; a fuller bin is split in another pass."""

NARROWER = 12
"""Bits by which such a pass splits a bin: into 4096."""

WHOLE = 64
"""The shift of the one bin that holds everything."""


@dataclass(slots=True)
class _Bin:
    """A range of values, how many lie below it and within, and the places in order that are asked for."""

    group: int
    name: str
    shift: int
    prefix: int
    below: int
    count: int
    places: set[int]

    def parts(self, counts: Mapping[int, int], shift: int) -> list[_Bin]:
        """Return the narrower bins that hold a place asked for."""
        found, below = [], self.below
        for prefix, count in sorted(counts.items()):
            inside = {one for one in self.places if below <= one < below + count}
            if inside:
                found.append(_Bin(self.group, self.name, shift, prefix, below, count, inside))
            below += count
        return found


@dataclass(frozen=True, slots=True)
class Rerun:
    """The replicates once more.

    Attributes
    ----------
    job, count
        What is resampled, and the number of replicates per group.
    formulas
        Name -> formula of parameters.
    execution, watch
        How they are computed, and who is told of progress.
    """

    job: Job
    count: int
    formulas: Mapping[str, str]
    execution: ExecutionPlan
    watch: Any

    def keys(self, bins: list[_Bin]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Give (place of the bin, the keys within it) of every block of replicates."""
        for block in blocks(self.job, self.count, self.execution, self.watch):
            groups = list(block.groups())
            known: dict[tuple[int, str], NDArray[np.int64]] = {}
            for place, one in enumerate(bins):
                at = (one.group, one.name)
                if at not in known:
                    known[at] = keys_of(evaluate(self.formulas[one.name], groups[one.group]))
                keys = known[at]
                yield place, keys if one.shift == WHOLE else keys[keys >> one.shift == one.prefix]


def order_statistics(
    rerun: Rerun,
    moments: Sequence[StreamingMoments],
    wanted: Mapping[tuple[int, str], set[int]],
) -> dict[tuple[int, str], dict[int, float]]:
    """Return the values at given places in ascending order.

    Parameters
    ----------
    rerun
        The replicates, computed again as often as it takes.
    moments
        The streaming moments of each group.
    wanted
        (group, name) -> places from 0 among the usable replicates.
    """
    bins: list[_Bin] = []
    for (group, name), places in wanted.items():
        known = moments[group]
        whole = _Bin(group, name, WHOLE, 0, 0, known.count, set(places))
        if name in known.names:
            bins += whole.parts(known.bins[known.names.index(name)], FIRST_SHIFT)
        else:
            bins.append(whole)
    while any(_is_full(one) for one in bins):
        full = [one for one in bins if _is_full(one)]
        counted = _counted(rerun, full)
        bins = [one for one in bins if not _is_full(one)]
        for one, counts in zip(full, counted, strict=True):
            bins += one.parts(counts, _narrower(one))
    return _read(rerun, bins)


def _is_full(one: _Bin) -> bool:
    return one.count > MOST_HELD and one.shift > 0


def _narrower(one: _Bin) -> int:
    return FIRST_SHIFT if one.shift == WHOLE else max(one.shift - NARROWER, 0)


def _counted(rerun: Rerun, bins: list[_Bin]) -> list[Counter[int]]:
    counts: list[Counter[int]] = [Counter() for _ in bins]
    for place, keys in rerun.keys(bins):
        found, numbers = np.unique(keys >> _narrower(bins[place]), return_counts=True)
        counts[place].update(dict(zip(found.tolist(), numbers.tolist(), strict=True)))
    return counts


def _read(rerun: Rerun, bins: list[_Bin]) -> dict[tuple[int, str], dict[int, float]]:
    found: dict[tuple[int, str], dict[int, float]] = {}
    held: list[list[Any]] = [[] for _ in bins]
    # A bin of one key alone is known already, however many replicates share it.
    open_bins = [one for one in bins if one.shift > 0]
    places = [place for place, one in enumerate(bins) if one.shift > 0]
    if open_bins:
        for place, keys in rerun.keys(open_bins):
            held[places[place]].append(keys)
    for one, parts in zip(bins, held, strict=True):
        values = found.setdefault((one.group, one.name), {})
        if one.shift == 0:
            values.update(dict.fromkeys(one.places, edge(one.prefix)))
            continue
        ordered = np.sort(np.concatenate(parts))
        values.update({place: edge(int(ordered[place - one.below])) for place in one.places})
    return found

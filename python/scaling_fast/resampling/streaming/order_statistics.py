"""The k-th smallest of replicates that were not kept: narrowed down bin by bin, then found exactly.

The first pass has counted replicates in bins of their leading bits. Refitting once more and keeping the
values of the few bins that hold the places asked for gives these exactly; a bin too full for memory is
first split by counting its next bits.
"""

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

MOST_KEPT = 2**20
"""Values of one bin that are kept in memory; a fuller bin is split in another pass."""

NARROWER = 12
"""Bits by which such a pass splits a bin, into 4096."""

WHOLE = 64
"""The shift of the one bin that contains every value."""


@dataclass(slots=True)
class _Bin:
    """A range of values: the keys whose bits above `shift` are `prefix`.

    Attributes
    ----------
    group, name
        Number of the group, from 0, and quantity.
    shift, prefix
        Bits of a key that are ignored, and what the others are.
    below, count
        Numbers of usable replicates below the bin and in it.
    places
        Places in ascending order, from 0 over all usable replicates, that are wanted and lie in it.
    """

    group: int
    name: str
    shift: int
    prefix: int
    below: int
    count: int
    places: set[int]

    def parts(self, counts: Mapping[int, int], shift: int) -> list[_Bin]:
        """Return the narrower bins that contain a wanted place, from the counts of their prefixes."""
        found, below = [], self.below
        for prefix, count in sorted(counts.items()):
            inside = {place for place in self.places if below <= place < below + count}
            if inside:
                found.append(_Bin(self.group, self.name, shift, prefix, below, count, inside))
            below += count
        return found

    @property
    def is_full(self) -> bool:
        """Whether it holds more values than are kept, and has bits left to split by."""
        return self.count > MOST_KEPT and self.shift > 0

    @property
    def next_shift(self) -> int:
        """The shift of the bins that it is split into."""
        return FIRST_SHIFT if self.shift == WHOLE else max(self.shift - NARROWER, 0)

    def select(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the keys that lie in the bin."""
        return keys if self.shift == WHOLE else keys[keys >> self.shift == self.prefix]


@dataclass(frozen=True, slots=True)
class Rerun:
    """What it takes to compute the replicates once more.

    Attributes
    ----------
    job, count
        What is resampled, and the number of replicates per group.
    formulas
        Name of the quantity -> formula of parameters.
    execution, watch
        How they are computed, and the function called with (done, total), or None.
    """

    job: Job
    count: int
    formulas: Mapping[str, str]
    execution: ExecutionPlan
    watch: Any

    def keys(self, bins: list[_Bin]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Give (place of the bin, the keys within it) for every block of replicates and every bin."""
        for block in blocks(self.job, self.count, self.execution, self.watch):
            groups = list(block.groups())
            known: dict[tuple[int, str], NDArray[np.int64]] = {}
            for place, wanted in enumerate(bins):
                at = (wanted.group, wanted.name)
                if at not in known:
                    formula = self.formulas[wanted.name]
                    known[at] = keys_of(evaluate(formula, groups[wanted.group]))
                yield place, wanted.select(known[at])


def order_statistics(
    rerun: Rerun,
    moments: Sequence[StreamingMoments],
    wanted: Mapping[tuple[int, str], set[int]],
) -> dict[tuple[int, str], dict[int, float]]:
    """Return (group, name) -> place -> the value at that place in ascending order.

    Parameters
    ----------
    rerun
        The replicates, computed again as often as it takes.
    moments
        The streaming moments of each group, in order.
    wanted
        (Number of the group, name of the quantity) -> places, from 0 over its usable replicates.
    """
    bins: list[_Bin] = []
    for (group, name), places in wanted.items():
        known = moments[group]
        whole = _Bin(group, name, WHOLE, 0, 0, known.count, set(places))
        if name in known.names:
            bins += whole.parts(known.bins[known.names.index(name)], FIRST_SHIFT)
        else:
            bins.append(whole)  # a formula of which the first pass kept no bins
    while full := [wide for wide in bins if wide.is_full]:
        counted = _counted(rerun, full)
        bins = [narrow for narrow in bins if not narrow.is_full]
        for wide, counts in zip(full, counted, strict=True):
            bins += wide.parts(counts, wide.next_shift)
    return _read(rerun, bins)


def _counted(rerun: Rerun, bins: list[_Bin]) -> list[Counter[int]]:
    """Return for each bin the number of values under each prefix that it is split into."""
    counts: list[Counter[int]] = [Counter() for _ in bins]
    for place, keys in rerun.keys(bins):
        found, numbers = np.unique(keys >> bins[place].next_shift, return_counts=True)
        counts[place].update(dict(zip(found.tolist(), numbers.tolist(), strict=True)))
    return counts


def _read(rerun: Rerun, bins: list[_Bin]) -> dict[tuple[int, str], dict[int, float]]:
    """Return the values at the wanted places of bins that fit into memory."""
    found: dict[tuple[int, str], dict[int, float]] = {}
    # A bin of a single key is known already, however many replicates share it.
    open_bins = [unread for unread in bins if unread.shift > 0]
    parts: list[list[NDArray[np.int64]]] = [[] for _ in open_bins]
    if open_bins:
        for place, keys in rerun.keys(open_bins):
            parts[place].append(keys)
    for closed in bins:
        if closed.shift == 0:
            values = found.setdefault((closed.group, closed.name), {})
            values.update(dict.fromkeys(closed.places, edge(closed.prefix)))
    for unread, keys_within in zip(open_bins, parts, strict=True):
        ordered = np.sort(np.concatenate(keys_within))
        values = found.setdefault((unread.group, unread.name), {})
        values.update({place: edge(int(ordered[place - unread.below])) for place in unread.places})
    return found

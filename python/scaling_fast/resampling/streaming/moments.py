"""Streaming moments: counts, means, covariances and bins of replicates that are not kept.

Blocks of a fixed number of replicates are summed exactly and merged in order, so that the bits do not
depend on threads or shards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "FIRST_SHIFT",
    "StreamingMoments",
    "edge",
    "from_frames",
    "keys_of",
    "logarithmic_spread",
    "to_frames",
    "type_seven",
]


FIRST_SHIFT = 40
"""Low bits of a double that a bin ignores: 12 of the mantissa stay, so a bin is 1/4096 of its power of two wide."""

BELOW_SIGN = np.int64(0x7FFF_FFFF_FFFF_FFFF)
"""Every bit of a double but its sign."""


def keys_of(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return whole numbers in the order of the doubles: NaN above all, both zeros the same."""
    # The bits of a positive double ascend with it as whole numbers; those of a negative one descend, so
    # all but the sign are flipped. Adding 0.0 turns -0.0 into 0.0.
    plain = np.asarray(values, dtype=np.float64) + 0.0
    bits = np.where(np.isnan(plain), np.nan, plain).view(np.int64)
    return np.where(bits < 0, bits ^ BELOW_SIGN, bits)


def edge(key: int) -> float:
    """Return the double whose key in `keys_of` this is."""
    bits = np.array([key], dtype=np.int64)
    return float(np.where(bits < 0, bits ^ BELOW_SIGN, bits).view(np.float64)[0])


def type_seven(below: float, above: float, count: int, level: float) -> float:
    """Return the quantile between two neighbours in ascending order, with the bits of `numpy.quantile`.

    Parameters
    ----------
    below, above
        The two order statistics.
    count
        Number of values, 1 or more.
    level
        Level of the quantile, from 0 to 1.
    """
    if math.isnan(below) or math.isnan(above):
        return math.nan
    position = (count - 1) * level
    fraction = position - math.floor(position)
    if below == above or fraction == 0.0:
        return below
    # From the nearer neighbour, as numpy does, so that rounding is the same.
    if fraction >= 0.5:
        return above - (above - below) * (1.0 - fraction)
    return below + (above - below) * fraction


@dataclass(slots=True, eq=False)
class StreamingMoments:
    """Counts, mean, sums of products and bins of some quantities over the usable replicates of a group.

    Attributes
    ----------
    names
        The quantities: parameters and derived quantities.
    statuses
        Status code -> number of replicates.
    count
        Number of usable replicates.
    mean
        Mean of each quantity, shape (quantities,).
    products
        Sums of products of distances from the mean, shape (quantities, quantities).
    least, greatest
        Range of each quantity, shape (quantities,).
    bins
        One mapping per quantity: key of `keys_of`, shifted by `FIRST_SHIFT`, -> count.
    """

    names: list[str]
    statuses: dict[int, int] = field(default_factory=dict)
    count: int = 0
    mean: NDArray[np.float64] = field(init=False)
    products: NDArray[np.float64] = field(init=False)
    least: NDArray[np.float64] = field(init=False)
    greatest: NDArray[np.float64] = field(init=False)
    bins: list[dict[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        size = len(self.names)
        self.mean, self.products = np.zeros(size), np.zeros((size, size))
        self.least, self.greatest = np.full(size, np.inf), np.full(size, -np.inf)
        self.bins = [{} for _ in self.names]

    def add(self, codes: NDArray[np.uint8], values: Mapping[str, NDArray[np.float64]]) -> None:
        """Add one block.

        Parameters
        ----------
        codes
            Status code of each of its replicates.
        values
            Quantity -> its values in the usable replicates.
        """
        for code, number in zip(*np.unique(codes, return_counts=True), strict=True):
            self.statuses[int(code)] = self.statuses.get(int(code), 0) + int(number)
        table = np.array([values[name] for name in self.names], dtype=np.float64)
        count = table.shape[1]
        if count == 0:
            return
        mean = np.array([_total(row) / count for row in table])
        with np.errstate(all="ignore"):
            deviations = table - mean[:, None]
            products = np.array([[_total(a * b) for b in deviations] for a in deviations])
            # The sums of two sets of rows from those of each, without cancellation (Chan, Golub and
            # LeVeque 1979): the textbook sum of squares less n times the squared mean would lose digits.
            both = self.count + count
            step = mean - self.mean
            self.products = (
                self.products + products + np.outer(step, step) * (self.count * count / both)
            )
            self.mean = self.mean + step * (count / both)
            self.least = np.minimum(self.least, table.min(axis=1))
            self.greatest = np.maximum(self.greatest, table.max(axis=1))
        self.count = both
        for bins, keys in zip(self.bins, keys_of(table) >> FIRST_SHIFT, strict=True):
            for key, number in zip(*np.unique(keys, return_counts=True), strict=True):
                bins[int(key)] = bins.get(int(key), 0) + int(number)

    def to_bytes(self) -> bytes:
        """Return counts, bins, then mean, products and range; little-endian, every NaN the same."""
        whole = [
            np.array(sorted(self.statuses.items()), dtype="<i8"),
            np.array([self.count], dtype="<i8"),
            *(np.array(sorted(bins.items()), dtype="<i8") for bins in self.bins),
        ]
        real = [
            np.where(np.isnan(values), np.nan, values).astype("<f8")
            for values in (self.mean, self.products, self.least, self.greatest)
        ]
        return b"".join([values.tobytes() for values in [*whole, *real]])

    def covariance(self) -> NDArray[np.float64]:
        """Return the covariance (ddof 1), shape (quantities, quantities)."""
        with np.errstate(all="ignore"):
            return np.asarray(self.products / (self.count - 1))


NARROW = 1e-2
"""Standard deviation beside the mean below which it is that of the logarithm, to a relative 1e-4."""


def logarithmic_spread(moments: StreamingMoments, place: int) -> float:
    """Return the standard deviation (ddof 1) of the logarithm of a quantity that is positive in every replicate.

    Where it is not narrow, the values in a bin count as its middle.

    Parameters
    ----------
    moments
        The moments of one group.
    place
        Which of its quantities.
    """
    with np.errstate(all="ignore"):
        narrow = math.sqrt(max(moments.covariance()[place, place], 0.0)) / float(
            moments.mean[place]
        )
    if narrow < NARROW:
        return narrow
    bins = sorted(moments.bins[place].items())
    numbers = np.array([number for _, number in bins], dtype=np.float64)
    ends = [(edge(key << FIRST_SHIFT), edge((key + 1) << FIRST_SHIFT)) for key, _ in bins]
    middles = np.array([math.log(0.5 * low + 0.5 * high) for low, high in ends])
    mean = _total(numbers * middles) / moments.count
    return math.sqrt(_total(numbers * (middles - mean) ** 2) / (moments.count - 1))


def to_frames(groups: Sequence[StreamingMoments]) -> dict[str, pl.DataFrame]:
    """Return the moments of every group as three tables: "statuses", "moments" and "bins"."""
    integers = dict.fromkeys(("group", "place", "key", "number"), pl.Int64)
    counts = [
        (group, int(code), number)
        for group, moments in enumerate(groups)
        for code, number in moments.statuses.items()
    ]
    bins = [
        (group, place, key, number)
        for group, moments in enumerate(groups)
        for place, numbers in enumerate(moments.bins)
        for key, number in numbers.items()
    ]
    columns: dict[str, Any] = {
        "group": [group for group, moments in enumerate(groups) for _ in moments.names],
        "name": [name for moments in groups for name in moments.names],
        "count": [moments.count for moments in groups for _ in moments.names],
    }
    for column in ("mean", "least", "greatest"):
        columns[column] = np.concatenate([getattr(moments, column) for moments in groups])
    products = np.concatenate([moments.products for moments in groups])
    columns |= {f"products {place}": column for place, column in enumerate(products.T)}
    narrow = {name: integers[name] for name in ("group", "key", "number")}
    return {
        "statuses": pl.DataFrame(counts, schema=narrow, orient="row"),
        "moments": pl.DataFrame(columns),
        "bins": pl.DataFrame(bins, schema=integers, orient="row"),
    }


def from_frames(frames: Mapping[str, pl.DataFrame], groups: int) -> tuple[StreamingMoments, ...]:
    """Return the moments of every group that `to_frames` wrote down."""
    return tuple(_group_from_frames(frames, group) for group in range(groups))


def _group_from_frames(frames: Mapping[str, pl.DataFrame], group: int) -> StreamingMoments:
    statuses, moments, bins = (
        frames[name].filter(pl.col("group") == group) for name in ("statuses", "moments", "bins")
    )
    found = StreamingMoments(moments["name"].to_list())
    found.statuses = dict(statuses.select("key", "number").iter_rows())
    found.count = int(moments["count"][0])
    found.mean = moments["mean"].to_numpy().copy()
    found.least = moments["least"].to_numpy().copy()
    found.greatest = moments["greatest"].to_numpy().copy()
    size = len(found.names)
    found.products = moments.select(f"products {place}" for place in range(size)).to_numpy().copy()
    for place, key, number in bins.select("place", "key", "number").iter_rows():
        found.bins[place][key] = number
    return found


def _total(values: NDArray[np.float64]) -> float:
    """Return the correctly rounded sum, the same in any order and on any processor."""
    try:
        return math.fsum(values.tolist())
    except (OverflowError, ValueError):  # an overflow, or infinities of both signs
        with np.errstate(all="ignore"):
            return float(np.sum(values))

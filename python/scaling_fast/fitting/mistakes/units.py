"""Columns in other units than the law takes, and sizes and data that were exchanged."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.fitting.mistakes.roles import is_called_loss, role_of_name
from scaling_fast.fitting.mistakes.sample import amber, listed_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.mistakes.sample import Sample

    Floats = NDArray[np.float64]

__all__ = ["exchanged", "other_units"]

WORD = {"size": "parameters", "data": "tokens", "compute": "FLOP"}

SMALLEST = {"size": 1e5, "data": 1e6, "compute": 1e14}
"""What the largest run of any study exceeds."""

PLAUSIBLE = {"size": (1e5, 3e12), "data": (1e6, 1e14), "compute": (1e15, 1e27)}
"""Where the runs of a study lie, by which the unit is guessed."""

FAR_BELOW = 100.0
"""Factor between rows of two units: what a designed column leaves out between two values, at least, is less."""

SCALES = {
    "size": ((1e9, "billions"), (1e6, "millions"), (1e3, "thousands")),
    "data": ((1e9, "billions"), (1e6, "millions"), (1e12, "trillions"), (1e3, "thousands")),
    "compute": (
        (1e21, "units of 1e21"),
        (8.64e19, "petaFLOP-days"),
        (1e18, "units of 1e18"),
        (1e15, "units of 1e15"),
    ),
}
"""Units that tables are written in, the most common first."""

BASES = ((10.0, "10 ** {}"), (math.e, "exp({})"), (2.0, "2 ** {}"))
"""Bases of logarithms, the most common first, and what takes them back."""

NARROW = 3.0
"""Largest over smallest value of a column of logarithms, at most; scales that are worth a law vary by more."""

STEEP = 3.0
"""Exponent beyond which a power law of a column between 4 and 30 is one of its exponential."""

UNIT_IN_NAME = re.compile(
    r"_([kmbt]|1e\d+|millions?|billions?|trillions?|thousands?)$|(^|_)(log|ln)", re.IGNORECASE
)
"""Names that say the unit themselves."""

IMPOSSIBLE = 12.5
"""Largest loss in nats per token of a model that knows nothing: ln of a vocabulary of 256,000."""

THOUSANDS = ((1e3, 1.0), (1.0, 1e3), (1e3, 1e3))
"""Factors of sizes and of data that tables in thousands lack."""

UPPER = 0.9
"""Share of the rows below the value that is compared with IMPOSSIBLE: a diverged run is no perplexity."""

MOST_PERPLEXED = 100.0
"""Perplexity that the best run of any study is below."""

SURFACE = (1.8169, 482.0, 0.3478, 2085.4, 0.3658)
"""E, A, alpha, B, beta of Besiroglu et al. 2024: what losses in nats per token are roughly like."""

ROUGHLY = 0.12
"""Distance in ln loss within which corpora and tokenisers differ from SURFACE, in the middle of the runs."""

CLEARLY = 0.3
"""Distance in ln loss beyond which runs are not what SURFACE says."""

BITS = 1 / np.log(2.0)

FEWER_TOKENS = 0.5
"""Tokens per parameter below which, in the middle of the runs, size and data may have been exchanged."""


def exchanged(sample: Sample) -> list[Finding]:
    """Return the finding of a column of sizes that holds data, and the other way round."""
    names = _size_and_data(sample)
    if names is None:
        return []
    size, data = names
    sources = sample.request.table.sources
    crossed = role_of_name(sources[size]) == "data" and role_of_name(sources[data]) == "size"
    arrays = sample.request.table.arrays
    ratio = _median(arrays[data] / arrays[size])
    if not crossed:
        if ratio >= FEWER_TOKENS or not _like_losses(sample):
            return []
        target = np.log(sample.request.table.target)
        as_is = target - _surface(arrays[size], arrays[data])
        turned = target - _surface(arrays[data], arrays[size])
        thousands = target - _surface(arrays[size], 1e3 * arrays[data])
        # The shape decides: corpora differ in their level.
        if not _scatter(turned) < 0.5 * min(_scatter(as_is), _scatter(thousands)):
            return []
    return [
        amber(
            "swapped",
            f"the median run has {ratio:.2g} tokens per parameter with {sample.label(size)} as its parameters and "
            f"{sample.label(data)} as its tokens: they are exchanged",
            f'map them the other way round, columns={{"{size}": {sources[data]!r}, "{data}": {sources[size]!r}}}',
            statistic=ratio,
            threshold=FEWER_TOKENS,
            evidence={"size": sources[size], "data": sources[data]},
        )
    ]


def other_units(sample: Sample) -> list[Finding]:
    """Return the findings of columns, and of a target, in units that the law does not take."""
    found: list[Finding] = []
    target = sample.request.table.target
    if target.min() == target.max():  # no losses of runs, of whatever unit
        return found
    for name, role in sample.roles.items():
        if not _is_meant(sample, name):
            found += _of_column(sample, name, role)
    if not found:
        found += _of_a_logarithm(sample)
    if not found:
        found += _of_thousands(sample)
    return found + _of_target(sample)


def _is_meant(sample: Sample, name: str) -> bool:
    """Return whether the caller chose the unit: by an expression, or in a name where the law has no unit."""
    if isinstance(sample.request.columns.get(name), pl.Expr):
        return True
    source = sample.request.table.sources.get(name, name)
    return not sample.request.law.units.get(name) and UNIT_IN_NAME.search(source) is not None


def _of_column(sample: Sample, name: str, role: str) -> list[Finding]:
    """Return the finding of sizes, data or compute too small for any study."""
    values = sample.request.table.arrays[name]
    low, high = float(values.min()), float(values.max())
    if low <= 0.0:
        return []
    if high >= SMALLEST[role]:
        return _of_some_rows(sample, name, role)
    least, most = PLAUSIBLE[role]
    source = sample.request.table.sources.get(name, name)
    for base, back in BASES if high < NARROW * low else ():
        if np.log(least) <= low * np.log(base) and high * np.log(base) <= np.log(most):
            return [
                _finding(
                    sample,
                    name,
                    f"{sample.label(name)} holds {low:.3g} to {high:.3g}, logarithms of {WORD[role]}",
                    f"give the law the {WORD[role]} themselves, for example {back.format(source)}",
                    high,
                )
            ]
    return [
        _finding(
            sample,
            name,
            f"{sample.label(name)} holds {low:.3g} to {high:.3g}, presumably {_in_unit(values, role)}",
            f"give the law the {WORD[role]} themselves, or else its constants and budgets are in your unit",
            high,
        )
    ]


def _in_unit(values: Floats, role: str) -> str:
    """Return what a column holds in the units in which all values are plausible, or most are.

    Parameters
    ----------
    values
        The column, positive, shape (rows,).
    role
        What it holds.
    """
    least, most = PLAUSIBLE[role]
    shares = [
        (float(np.mean((least <= scale * values) & (scale * values <= most))), scale, word)
        for scale, word in SCALES[role]
    ]
    best = max(share for share, _, _ in shares)
    if best == 0.0:
        return f"{WORD[role]} in another unit"
    fitting = [(scale, word) for share, scale, word in shares if share == best]
    if best < 1.0:  # no unit is plausible for all: the most common
        fitting = fitting[:1]
    words = [word for _, word in sorted(fitting)]
    if len(words) == 1:
        return f"{words[0]} of {WORD[role]}"
    return f"{WORD[role]} in {', '.join(words[:-1])} or {words[-1]}"


def _of_some_rows(sample: Sample, name: str, role: str) -> list[Finding]:
    """Return the finding of a few rows in another unit than the others, far below them."""
    values = sample.request.table.arrays[name]
    if values.min() >= SMALLEST[role] / FAR_BELOW:
        return []
    logs = np.sort(np.log10(values))
    place = int(np.argmax(np.diff(logs)))
    if logs[place + 1] - logs[place] < np.log10(FAR_BELOW):
        return []
    rows = np.flatnonzero(values < 10.0 ** (logs[place] + 1.0))
    listed = listed_rows(sorted(sample.request.table.order[rows].tolist()))
    return [
        _finding(
            sample,
            name,
            f"{sample.label(name)} is {10.0 ** logs[place]:.3g} or less in {listed} and "
            f"{10.0 ** logs[place + 1]:.3g} or more in the others: two units in one column",
            f"give {WORD[role]} in one unit in all rows",
            float(values.min()),
        )
    ]


def _of_a_logarithm(sample: Sample) -> list[Finding]:
    """Return the finding of a power law of what is a logarithm already."""
    for name, _, exponents in sample.request.program.powers:
        values = sample.inputs.get(name)
        if (
            values is None
            or not 4.0 <= values.min() < values.max() <= 65.0
            or values.max() > NARROW * values.min()
        ):
            continue
        steep = [param for param in exponents if not abs(sample.point[param]) < STEEP]
        if steep or "log" in sample.request.table.sources.get(name, name).lower():
            return [
                _finding(
                    sample,
                    name,
                    f"{sample.label(name)} holds {values.min():.3g} to {values.max():.3g}, as logarithms do, and "
                    "the law takes a power of it",
                    "give the law the numbers themselves, for example "
                    f"10 ** {sample.request.table.sources.get(name, name)}",
                    float(values.max()),
                )
            ]
    return []


def _of_thousands(sample: Sample) -> list[Finding]:
    """Return the finding of runs whose losses are those of models a thousand times as large, or of more data."""
    names = _size_and_data(sample)
    if names is None or not _like_losses(sample):
        return []
    size, data = names
    arrays, target = sample.request.table.arrays, np.log(sample.request.table.target)
    if any(isinstance(sample.request.columns.get(name), pl.Expr) for name in names):
        return []
    as_is = _distance(target - _surface(arrays[size], arrays[data]))
    if as_is <= CLEARLY:
        return []
    distances = {
        pair: _distance(target - _surface(pair[0] * arrays[size], pair[1] * arrays[data]))
        for pair in THOUSANDS
    }
    best = min(distances, key=lambda pair: distances[pair])
    if not distances[best] < ROUGHLY:
        return []
    what = [name for name, factor in zip(names, best, strict=True) if factor > 1.0]
    told = " and ".join(sample.label(name) for name in what)
    return [
        _finding(
            sample,
            what[0],
            f"losses like these belong to runs with a thousand times the {told}, which are presumably in thousands",
            "give the law parameters and tokens themselves",
            as_is,
        )
    ]


def _of_target(sample: Sample) -> list[Finding]:
    """Return the finding of a target in bits, or of a perplexity."""
    table = sample.request.table
    if not is_called_loss(table.target_name):
        if re.search(r"(^|_)(ppl|perplexity)($|_)", table.target_name, re.IGNORECASE):
            return [_perplexity(sample)]
        return []
    low, high = (
        float(table.target.min()),
        float(np.sort(table.target)[int(UPPER * (table.rows - 1))]),
    )
    names = _size_and_data(sample)
    like = None
    if names is not None and low > 1.0:
        like = _surface(table.arrays[names[0]], table.arrays[names[1]])
    if high > IMPOSSIBLE and 2.0 < low < MOST_PERPLEXED:
        return [_perplexity(sample)]
    if like is None or high > IMPOSSIBLE:
        return []
    logs = np.log(table.target)
    if _distance(logs - like) > CLEARLY and _distance(np.log(logs) - like) < ROUGHLY:
        return [_perplexity(sample)]
    off = logs - like
    middle = _median(off)
    if abs(middle - np.log(BITS)) < 0.07 and _scatter(off) < 0.05:
        return [
            _finding(
                sample,
                "",
                f"{sample.label(table.target_name)} is {np.exp(middle):.2f} times what runs like these have in "
                "nats, as losses in bits are",
                "multiply it by ln 2 to compare E with other laws in nats",
                middle,
            )
        ]
    return []


def _perplexity(sample: Sample) -> Finding:
    table = sample.request.table
    return _finding(
        sample,
        "",
        f"{sample.label(table.target_name)} reaches {table.target.max():.3g}, which is a perplexity and not a "
        "loss in nats",
        "fit its logarithm, which is the loss in nats per token",
        float(table.target.max()),
    )


def _finding(sample: Sample, name: str, sentence: str, advice: str, statistic: float) -> Finding:
    table = sample.request.table
    column = table.sources.get(name, name) if name else table.target_name
    return amber("units", sentence, advice, statistic=statistic, evidence={"column": column})


def _size_and_data(sample: Sample) -> tuple[str, str] | None:
    """Return the column of sizes and that of data, all positive; None where the law has not one of each."""
    arrays = sample.request.table.arrays
    named = {
        role: name for name, role in reversed(sample.roles.items()) if arrays[name].min() > 0.0
    }
    return (named["size"], named["data"]) if {"size", "data"} <= set(named) else None


def _like_losses(sample: Sample) -> bool:
    """Return whether the target may be losses in nats per token."""
    target = sample.request.table.target
    return bool(target.min() > 1.0 and target.max() < IMPOSSIBLE)


def _surface(size: Floats, data: Floats) -> Floats:
    """Return ln of the loss that runs of this size and data have roughly."""
    floor, a, alpha, b, beta = SURFACE
    return np.asarray(np.log(floor + a * size**-alpha + b * data**-beta))


def _distance(logs: Floats) -> float:
    return _median(np.abs(logs))


def _scatter(logs: Floats) -> float:
    return _median(np.abs(logs - _median(logs)))


def _median(values: Floats) -> float:
    """Return the median; half as long as numpy's, which matters to one fit of many."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2.0

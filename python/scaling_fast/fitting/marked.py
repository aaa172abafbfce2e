"""Findings with the groups that they concern: codes for each row of the table, and names in the evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from scaling_fast.errors import quote
from scaling_fast.findings import PRECEDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.findings import Finding, Severity

__all__ = ["MOST_NAMED", "Marked", "code_lists", "name_lists", "named_groups", "naming_groups"]

MOST_NAMED = 10
"""Groups that a finding names."""


MOST_SHOWN = 3
"""Groups that its sentence names."""


class Marked(NamedTuple):
    """A finding and the groups that it concerns.

    Attributes
    ----------
    finding
        The finding of all of them.
    groups
        Which groups it concerns, shape (groups,).
    """

    finding: Finding
    groups: NDArray[np.bool_]


def naming_groups(marked: Marked, keys: pl.DataFrame) -> Finding:
    """Return the finding with the keys of the first groups that it concerns, and how many these are.

    The evidence has ten of them, and the sentence three, unless it concerns all groups.

    Parameters
    ----------
    marked
        The finding and its groups.
    keys
        The key of each group, one row per group.
    """
    finding, groups = marked
    own = named_groups(groups, keys)
    named, count = own["groups"], own["count"]
    sentence = finding.sentence
    if count < groups.size:
        shown = [quote(", ".join(map(str, key))) for key in named[:MOST_SHOWN]]
        more = f" and {count - MOST_SHOWN} more" if count > MOST_SHOWN else ""
        sentence += f" ({', '.join(shown)}{more})"
    return replace(finding, sentence=sentence, evidence={**finding.evidence, **own})


def named_groups(groups: NDArray[np.bool_], keys: pl.DataFrame) -> dict[str, Any]:
    """Return the keys of the first groups of some, at most ten, and the count of these, as evidence holds them.

    Parameters
    ----------
    groups
        Which groups are meant, shape (groups,).
    keys
        The key of each group, one row per group.
    """
    places = np.flatnonzero(groups)
    named = [list(keys.row(place)) for place in places[:MOST_NAMED].tolist()]
    return {"groups": named, "count": int(places.size)}


def code_lists(marks: Sequence[tuple[Severity, str, NDArray[np.bool_]]], groups: int) -> pl.Series:
    """Return the codes of each group's findings, one list per group, each code once, the most severe first.

    Parameters
    ----------
    marks
        Severity and code of a finding of a group alone, and which groups it concerns, shape (groups,), in
        the order of the lists within a severity.
    groups
        Number of groups.
    """
    by_code: dict[tuple[Severity, str], NDArray[np.bool_]] = {}
    for severity, code, mark in sorted(marks, key=lambda each: PRECEDENCE.index(each[0])):
        if mark.any():
            key = severity, code
            by_code[key] = by_code[key] | mark if key in by_code else mark
    flags = np.zeros((groups, len(by_code)), dtype=bool)
    for place, mark in enumerate(by_code.values()):
        flags[:, place] = mark
    return name_lists(flags, [code for _, code in by_code])


def name_lists(flags: NDArray[np.bool_], names: Sequence[str]) -> pl.Series:
    """Return the names that carry a flag, one list per row, shape (rows,).

    Parameters
    ----------
    flags
        Which names each row has, shape (rows, names).
    names
        The names.
    """
    kind = pl.List(pl.String)
    if not flags.any():
        return pl.Series([[]], dtype=kind).new_from_index(0, len(flags))
    # Few combinations occur: each is a list once, and a row the number of a list.
    packed = np.packbits(flags, axis=1)
    whole = packed[:, 0] if packed.shape[1] == 1 else packed
    _, first, which = np.unique(whole, axis=0, return_index=True, return_inverse=True)
    lists = [
        [name for name, flag in zip(names, row, strict=True) if flag]
        for row in flags[first].tolist()
    ]
    return pl.Series(lists, dtype=kind).gather(pl.Series(which.ravel()))

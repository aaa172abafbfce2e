"""Which group is meant: keys as a caller writes them, looked up among those of a fit."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import LISTED_NAMES, ParameterError, nearest, quote, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

__all__ = ["group_with_keys"]


def group_with_keys(groups: pl.DataFrame, keys: Mapping[str, Any]) -> int:
    """Return the number of the group that keys name.

    Parameters
    ----------
    groups
        The key of each group, one row per group.
    keys
        Key column -> its value; columns may be left out where the others name one group.

    Raises
    ------
    ParameterError
        For no groups, an unknown column or value, no keys, or keys that several groups have.
    """
    if not groups.width:
        raise ParameterError(
            "`select` names a group, and this fit was made without by=; it is a single fit already",
            code="not_grouped",
            param="select",
        )
    for name in keys:
        if name not in groups.columns:
            raise ParameterError(
                f"{quote(name)} is not a group column{suggestion(name, groups.columns, kind='group columns')}",
                code="unknown_name",
                param=name,
            )
    if not keys:
        raise ParameterError(
            f"`select` needs the key of a group: {_call(groups, 0)}; {_groups_with(groups, range(groups.height))}",
            code="missing_key",
            param="select",
        )
    left = list(range(groups.height))
    for name, value in keys.items():
        found = _having(groups[name].to_list(), value, left)
        if not found:
            raise _unknown(groups, keys, name, left)
        left = found
    if len(left) > 1:
        missing = [name for name in groups.columns if name not in keys]
        raise ParameterError(
            f"{_named(keys)} names {len(left)} groups; give {quote(missing, 200)} too: "
            f"{_groups_with(groups, left)}",
            code="ambiguous",
            param=missing[0],
        )
    return left[0]


def _having(values: Sequence[Any], asked: Any, among: Sequence[int]) -> list[int]:
    """Return the groups with a key: text is text, and a number is a number."""
    if isinstance(asked, np.generic):
        asked = asked.item()
    if not isinstance(asked, Hashable):  # a list, an array, a frame
        return []
    try:
        return [group for group in among if values[group] == asked]
    except (TypeError, ValueError):
        return []


def _unknown(
    groups: pl.DataFrame, keys: Mapping[str, Any], name: str, left: Sequence[int]
) -> ParameterError:
    """Return the error of a value that no group has, or none beside the keys before it."""
    value = keys[name]
    column = groups[name].to_list()
    values = list(dict.fromkeys(column[group] for group in left))
    before = dict(list(keys.items())[: list(keys).index(name)])
    beside = f" among those with {_named(before)}" if before else ""
    meant = next((known for known in values if str(known) == str(value)), None)
    if meant is not None:
        hint = f"; the keys are of type {type(meant).__name__}: {name}={meant!r}"
    else:
        near = nearest(str(value), [str(known) for known in values])
        hint = "" if near is None else f"; did you mean {quote(near)}?"
    return ParameterError(
        f"no group has {quote(name)} = {quote(value)}{beside}{hint}; there {_listed(values)}",
        code="unknown_group",
        param=name,
    )


def _listed(values: Sequence[Any]) -> str:
    shown = ", ".join(quote(value) for value in values[:LISTED_NAMES])
    more = f" and {len(values) - LISTED_NAMES} more" if len(values) > LISTED_NAMES else ""
    return f"{'is' if len(values) == 1 else 'are'} {shown}{more}"


def _groups_with(groups: pl.DataFrame, places: Sequence[int]) -> str:
    shown = "; ".join(
        _named(dict(zip(groups.columns, groups.row(place), strict=True)))
        for place in islice(places, LISTED_NAMES)
    )
    more = f" and {len(places) - LISTED_NAMES} more" if len(places) > LISTED_NAMES else ""
    return f"there {'is' if len(places) == 1 else 'are'} {shown}{more}"


def _named(keys: Mapping[str, Any]) -> str:
    return ", ".join(f"{quote(name)} = {quote(value)}" for name, value in keys.items())


def _call(groups: pl.DataFrame, place: int) -> str:
    """Return a call of `select` that works."""
    row = zip(groups.columns, groups.row(place), strict=True)
    return quote(f"select({', '.join(f'{name}={value!r}' for name, value in row)})", 200)

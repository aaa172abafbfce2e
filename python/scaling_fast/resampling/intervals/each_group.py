"""Answers of many groups: one that has none says why, and takes nothing from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from scaling_fast.errors import ScalingError
from scaling_fast.fitting.status import status_column

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaling_fast.fitting.result import Fit

__all__ = ["each_group"]

T = TypeVar("T")


def each_group(fit: Fit, compute: Callable[[int], T]) -> tuple[list[T | None], list[str]]:
    """Return the answer of each group, None where it is refused, and a status for each.

    The status is how the fit of the group ended; where it converged and the answer is refused, the code
    of the refusal.

    Parameters
    ----------
    fit
        The fit, single or of groups.
    compute
        Function from the number of a group, from 0, to its answer.

    Raises
    ------
    ScalingError
        The refusal of a single fit; where every group is refused, that of the first, which it names.
    """
    table = fit.request.table
    status = status_column(fit.answer.status).to_list()
    if not table.keys.width:
        return [compute(0)], status
    values: list[T | None] = []
    first: ScalingError | None = None
    for group, word in enumerate(status):
        try:
            values.append(compute(group))
        except ScalingError as error:
            values.append(None)
            if word == "converged":
                status[group] = error.code or "refused"
            if first is None:
                first = error
                first.args = (f"{table.key_text(group)}: {error}", *error.args[1:])
    if first is not None and all(value is None for value in values):
        raise first
    return values, status

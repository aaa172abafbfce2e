"""Budgets, and the origins of a back-test: which rows a law is fitted to, and which it is then asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.fitting.mistakes.roles import roles_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit
    from scaling_fast.stress.scale import Scale

    Floats = NDArray[np.float64]

__all__ = ["Origin", "budgets", "fewest_designs", "last_of_runs", "origins", "shortfall"]

WIDTHS, MOST_BUDGETS = (0.1, 0.3), 12
"""Decades that a budget spans at most; the second where the first makes more budgets than these."""

AHEAD = 0.3
"""Decades that a held-out row lies beyond its origin: nearer ones ask nothing of the law's form."""

SPAN_ONE, SPAN_BUDGETS, SPAN_RATIO = 1.5, 1.2, 0.7
"""Decades that the rows of an origin span: of one input, of budgets, and of data per parameter."""

FEWEST_BUDGETS = 3
"""Budgets of an origin."""

FEWEST_SIZES = 5
"""Different sizes of an origin with one input; at least two more than parameters in any case."""

MOST_ORIGINS, FEWEST_ORIGINS = 12, 3
"""Origins of one back-test: neighbouring ones hold nearly the same rows."""

MOST_ROWS = 20_000
"""Rows that all origins hold together, above which there are fewer of them, to the three that bound the time."""

ROUNDING = 1e-6
"""Decades by which rounding may miss a limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """One place from which the law looks ahead.

    Attributes
    ----------
    position
        Position of the last fitted row along the scale.
    fitted, held_out
        Places of the rows that are fitted, and of those beyond that are asked for.
    distance
        Position of each held-out row less that of the origin, shape (len(held_out),).
    places
        Number of different sizes held out, of budgets where there are several inputs.
    """

    position: float
    fitted: NDArray[np.intp]
    held_out: NDArray[np.intp]
    distance: Floats
    places: int


def budgets(position: Floats) -> NDArray[np.intp]:
    """Return the budget of each row, 0 the largest.

    From the top down, a new budget begins at the first row more than .1 decades below the largest of the
    current one; .3 decades where .1 makes more than 12 budgets.

    Parameters
    ----------
    position
        log10 of compute, or another position in decades; shape (rows,).

    Examples
    --------
    >>> import numpy as np
    >>> budgets(np.array([18.0, 18.02, 19.0, 19.05, 20.0])).tolist()
    [2, 2, 1, 1, 0]
    """
    order = np.argsort(-position, kind="stable")
    label = np.zeros(position.size, dtype=np.intp)
    for width in WIDTHS:
        top, budget = float(position[order[0]]), 0
        for place in order:
            if top - position[place] > width + ROUNDING:
                top, budget = float(position[place]), budget + 1
            label[place] = budget
        if budget + 1 <= MOST_BUDGETS:
            break
    return label


def origins(
    refit: RobustRefit,
    scale: Scale,
    runs: NDArray[np.integer] | None = None,
    diverged: NDArray[np.bool_] | None = None,
) -> tuple[Origin, ...]:
    """Return the origins of a back-test, from the smallest to the largest.

    With one input an origin holds all rows up to a size: at least max(5, k + 2) different sizes over at least
    1.5 decades. With more it holds whole budgets: at least three over 1.2 decades, k + 2 different designs and,
    where the law has a size and its data, .7 decades of data per parameter. Rows at least .3 decades
    beyond are held out. There are at most 12, spread evenly, and fewer where the rows are many thousands.

    Parameters
    ----------
    refit
        The law and its rows.
    scale
        Where the rows lie.
    runs
        The run of each row: runs are fitted or held out whole, each placed by its last row.
    diverged
        Rows that no origin is fitted to.
    """
    position = last_of_runs(scale.position, runs)
    kept = np.ones(position.size, dtype=bool) if diverged is None else ~diverged
    single = len(refit.columns) == 1
    place = position if single else budgets(position)
    find = _by_size if single else _by_budget
    found = []
    for fitted in find(refit, position, kept):
        cut = float(position[fitted].max())
        ahead = (position > cut) & (scale.position >= cut + AHEAD - ROUNDING)
        if (ahead & kept).any():
            held_out = np.flatnonzero(ahead)
            distance = scale.position[held_out] - cut
            count = len(np.unique(place[ahead & kept]))
            found.append(Origin(cut, np.flatnonzero(fitted), held_out, distance, count))
    return _thinned(found)


def _thinned(found: Sequence[Origin]) -> tuple[Origin, ...]:
    """Return at most 12 of the origins, spread from the first to the last, fewer where they hold many rows."""
    mean = sum(len(origin.fitted) for origin in found) / max(len(found), 1)
    most = min(MOST_ORIGINS, max(FEWEST_ORIGINS, int(MOST_ROWS / max(mean, 1.0))))
    if len(found) <= most:
        return tuple(found)
    chosen = np.round(np.linspace(0, len(found) - 1, most)).astype(int)
    return tuple(found[number] for number in chosen)


def last_of_runs(position: Floats, runs: NDArray[np.integer] | None) -> Floats:
    """Return the position of the last row of each row's run."""
    if runs is None:
        return position
    last = np.full(int(runs.max()) + 1, -np.inf)
    np.maximum.at(last, runs, position)
    return np.asarray(last[runs])


def fewest_designs(refit: RobustRefit) -> int:
    """Return how many different sizes, or designs, an origin has at least."""
    return max(FEWEST_SIZES if len(refit.columns) == 1 else 0, refit.parameters + 2)


def shortfall(refit: RobustRefit, scale: Scale, runs: NDArray[np.integer] | None) -> str:
    """Return why the rows have no origins, or too few, as the end of a sentence."""
    position = last_of_runs(scale.position, runs)
    count, least = len(np.unique(_designs(refit))), fewest_designs(refit)
    if runs is not None and len(np.unique(runs)) == 1:
        return "all rows belong to one run, and runs are held out whole"
    if np.ptp(position) <= 0.0:
        whose = "rows" if runs is None else "runs"
        return f"all {whose} lie at one place of {scale.name}"
    if count <= least:
        return (
            f"{count} different sizes or designs leave none beyond the {least} that an origin needs"
        )
    single = len(refit.columns) == 1
    have = int(budgets(position).max()) + 1
    if not single and have <= FEWEST_BUDGETS:
        return f"the budgets are {have}, and an origin needs {FEWEST_BUDGETS} below the last"
    spans = SPAN_ONE if single else SPAN_BUDGETS
    if np.ptp(position) < spans + AHEAD - ROUNDING:
        what = "rows span" if runs is None else "runs, each placed by its last row, span"
        return (
            f"the {what} {np.ptp(position):.2g} decades of {scale.name}, and an origin needs {spans:g} "
            f"with runs at least {AHEAD:g} beyond"
        )
    ratio = None if single else _ratio(refit)
    if ratio is not None and np.ptp(ratio) < SPAN_RATIO - ROUNDING:
        return (
            f"data per parameter spans {np.ptp(ratio):.2g} decades, and an origin needs {SPAN_RATIO:g} to tell the "
            "two apart"
        )
    return (
        f"too few runs lie {AHEAD:g} decades or more beyond rows that span {spans:g} decades and hold "
        f"{least} designs"
    )


def _by_size(
    refit: RobustRefit, position: Floats, kept: NDArray[np.bool_]
) -> Iterator[NDArray[np.bool_]]:
    """Give the rows up to each size that is an origin."""
    designs = _designs(refit)
    first = np.full(int(designs.max()) + 1, np.inf)
    np.minimum.at(first, designs[kept], position[kept])
    first.sort()
    least, low = fewest_designs(refit), float(position[kept].min())
    for cut in np.unique(position[kept]):
        count = np.searchsorted(first, cut, side="right")
        if count >= least and cut - low >= SPAN_ONE - ROUNDING:
            yield kept & (position <= cut)


def _by_budget(
    refit: RobustRefit, position: Floats, kept: NDArray[np.bool_]
) -> Iterator[NDArray[np.bool_]]:
    """Give the rows of the budgets from the smallest up to each that is an origin."""
    label, designs, ratio = budgets(position), _designs(refit), _ratio(refit)
    for budget in range(int(label.max()), 0, -1):
        fitted = kept & (label >= budget)
        if not fitted.any():
            continue
        if (
            len(np.unique(label[fitted])) >= FEWEST_BUDGETS
            and np.ptp(position[fitted]) >= SPAN_BUDGETS - ROUNDING
            and len(np.unique(designs[fitted])) >= fewest_designs(refit)
            and (ratio is None or np.ptp(ratio[fitted]) >= SPAN_RATIO - ROUNDING)
        ):
            yield fitted


def _designs(refit: RobustRefit) -> NDArray[np.intp]:
    """Return the number of each row's combination of inputs."""
    inputs = np.column_stack(list(refit.columns.values()))
    return np.unique(inputs, axis=0, return_inverse=True)[1].reshape(-1)


def _ratio(refit: RobustRefit) -> Floats | None:
    """Return log10 of data per parameter, where the law has both and they are positive."""
    by_role: dict[str, list[str]] = {"size": [], "data": []}
    for name, role in roles_of(refit.request).items():
        by_role.setdefault(role, []).append(name)
    if len(by_role["size"]) != 1 or len(by_role["data"]) != 1:
        return None
    size, data = (refit.columns[by_role[role][0]] for role in ("size", "data"))
    if not ((size > 0.0).all() and (data > 0.0).all()):
        return None
    return np.asarray(np.log10(data) - np.log10(size))

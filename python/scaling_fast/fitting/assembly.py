"""From the core's columns to the fields of a fit: its table, its findings, and what is claimed of its optima."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
import polars as pl

from scaling_fast.fitting.diagnostics import fit_findings, on_the_margin
from scaling_fast.fitting.group_findings import group_findings
from scaling_fast.fitting.marked import name_lists
from scaling_fast.fitting.proof import Proof
from scaling_fast.fitting.status import status_column
from scaling_fast.fitting.table import DIAGNOSTICS, column_name
from scaling_fast.frames.room import require_room_for_rows
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.request import Request

__all__ = ["FitFields", "Search", "assembled", "of_one_group"]

Search: TypeAlias = Literal["auto", "starts", "local"]
"""How optima were searched: automatically, from several starts of the caller, or from a single one."""


class FitFields(NamedTuple):
    """The fields of a fit, in the order in which `Fit` takes them.

    Attributes
    ----------
    request, table, findings, measured_scale, seed, answer, search, global_groups,
    proof
        As in `Fit`.
    """

    request: Request
    table: pl.DataFrame
    findings: tuple[Finding, ...]
    measured_scale: float | None
    seed: int
    answer: FitColumns
    search: Search
    global_groups: NDArray[np.bool_]
    proof: Proof


def assembled(
    request: Request,
    answer: FitColumns,
    *,
    scale: float | None,
    seed: int,
    search: Search,
    proof: Proof | None = None,
    threads: int | None = None,
) -> FitFields:
    """Return the fields of a fit.

    Parameters
    ----------
    request, answer
        The question, and the columns that the core answered.
    scale
        The scale that was measured, or None.
    seed, search
        As in `Fit`.
    proof
        What is proven already; None for what the core proved while it fitted.
    threads
        Number of threads of proofs that are looked for later; None for those of this process.
    """
    table = request.table
    require_room_for_rows("a table of fits", table.groups, 2 * len(request.names) + 12, 4)
    single = table.groups == 1 and not table.keys.width
    if single and request.is_likelihood:
        scale = float(answer.scale[0])
    is_global = answer.is_global(searched=search != "local") & ~on_the_margin(request, answer)
    disagreed = ~is_global & (search == "auto")
    status = status_column(answer.status)
    local = search == "local"
    if single:
        found = fit_findings(request, answer, status[0], disagreed=bool(disagreed[0]), local=local)
        codes = None
    else:
        found, codes = group_findings(request, answer, status, disagreed=disagreed, local=local)
    return FitFields(
        request,
        _table_of_fits(request, answer, status, is_global, codes),
        found,
        scale,
        seed,
        answer,
        search,
        is_global,
        proof or Proof.of(request, answer, is_global, threads),
    )


def of_one_group(fields: FitFields, group: int) -> FitFields:
    """Return the fields of the fit of one group, by its number, as those of a single fit.

    Parameters
    ----------
    fields
        The fields of a grouped fit.
    group
        Number of the group, from 0.
    """
    request, answer = fields.request.of_group(group), fields.answer.of_group(group)
    return assembled(
        request,
        answer,
        scale=fields.measured_scale,
        seed=fields.seed,
        search=fields.search,
        proof=fields.proof.of_group(group, request, answer),
    )


def _table_of_fits(
    request: Request,
    answer: FitColumns,
    status: pl.Series,
    is_global: NDArray[np.bool_],
    codes: pl.Series | None,
) -> pl.DataFrame:
    """Return one row per group: keys, parameters, derived quantities, diagnostics.

    What a single fit says as `.is_global` and `.findings` are columns where there are groups.
    """
    law, keys = request.law, request.table.keys
    values = {
        name: np.ascontiguousarray(answer.params[:, place])
        for place, name in enumerate(request.names)
    }
    derived = {label: evaluate(text, values) for label, text in law.derived.items()}
    diagnostics = {
        name: pl.Series(getattr(answer, name))
        for name in ("objective", "n", "n_starts", "agreement", "gradient", "condition")
    }
    diagnostics["status"] = status
    if codes is not None:
        diagnostics |= {"is_global": pl.Series(is_global), "findings": codes}
    if request.is_likelihood:
        diagnostics["scale"] = pl.Series(answer.scale)
    diagnostics["at_bound"] = name_lists(answer.at_bound, request.names)
    taken = [*keys.columns, *values, *derived]
    return pl.DataFrame(
        [
            *keys.get_columns(),
            *(pl.Series(name, column) for name, column in (values | derived).items()),
            *(
                diagnostics[name].alias(column_name(name, taken))
                for name in DIAGNOSTICS
                if name in diagnostics
            ),
        ]
    )

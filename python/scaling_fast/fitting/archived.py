"""A fit in an archive: what is written of it, and the fields that are read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.findings import Finding
from scaling_fast.fitting.assembly import FitFields
from scaling_fast.fitting.columns import FitColumns
from scaling_fast.fitting.diagnostics import LOCAL_START
from scaling_fast.fitting.proof import Proof
from scaling_fast.fitting.request import Request
from scaling_fast.fitting.status import status_code, with_status_type
from scaling_fast.fitting.table import column_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.runtime.archive import Entry, Frames

__all__ = ["entry_of", "fields_of"]


def entry_of(fields: FitFields) -> tuple[Entry, Frames]:
    """Return the fields of a fit as an entry for JSON and tables for Arrow."""
    entry, frames = fields.request.archive_entry()
    own = {
        "scale": fields.measured_scale,
        "seed": fields.seed,
        "search": fields.search,
        "findings": [finding.as_dict() for finding in fields.findings],
    }
    proof = {"global": fields.global_groups, "proven": fields.proof.groups}
    tables = {
        "table": fields.table,
        "answer": fields.answer.to_frame(),
        "proof": pl.DataFrame(proof),
    }
    return entry | own, frames | tables


def fields_of(entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]) -> FitFields:
    """Return the fields that `entry_of` wrote."""
    request = Request.from_archive_entry(entry, frames)
    taken = [*request.law.params, *request.law.derived, *request.table.keys.columns]
    table = with_status_type(frames["table"], taken)
    findings = tuple(Finding(**finding) for finding in entry["findings"])
    is_global = frames["proof"]["global"]
    if "answer" in frames:
        answer = FitColumns.from_frame(frames["answer"])
        proof = Proof(frames["proof"]["proven"].to_numpy())
        return FitFields(
            request, table, findings, entry["scale"], entry["seed"], answer, entry["search"],
            is_global.to_numpy(), proof,
        )  # fmt: skip
    # Files of earlier versions hold less: what they leave open is read as absent.
    return FitFields(
        request,
        table,
        findings,
        entry["scale"],
        entry["seed"],
        _answer_of_table(request, table, frames["proof"]),
        "local" if LOCAL_START in findings else "starts",
        is_global.to_numpy(),
        Proof(np.zeros(table.height, dtype=bool)),
    )


def _answer_of_table(request: Request, table: pl.DataFrame, proof: pl.DataFrame) -> FitColumns:
    """Return what the core answered, as far as a table of fits says it."""
    names, groups = request.names, table.height
    taken = [*names, *request.law.derived, *request.table.keys.columns]

    def column(label: str) -> Any:
        return table[column_name(label, taken)].to_numpy()

    shape = (groups, len(names))

    bounds = table[column_name("at_bound", taken)].to_list()
    status = table[column_name("status", taken)].to_list()
    return FitColumns(
        status=np.array([status_code(word) for word in status], dtype=np.uint8),
        objective=column("objective"),
        scale=column("scale") if request.is_likelihood else np.full(groups, np.nan),
        gradient=proof["c0"].to_numpy(),
        decrease=proof["c1"].to_numpy(),
        multiplier=proof["c2"].to_numpy(),
        condition=column("condition"),
        n=column("n"),
        n_starts=column("n_starts"),
        agreement=column("agreement"),
        doubtful=np.zeros(groups, dtype=bool),
        exhaustive=proof["global"].to_numpy(),
        proven=np.zeros(groups, dtype=bool),
        evaluations=np.zeros(groups, dtype=np.int64),
        params=np.column_stack([table[name].to_numpy() for name in names]),
        at_bound=np.array([[name in bound for name in names] for bound in bounds]),
        unidentified=np.zeros(shape, dtype=bool),
        level=np.zeros(shape, dtype=bool),
        runs_off=np.zeros(shape, dtype=np.uint8),
        level_lower=np.full(shape, np.nan),
        level_upper=np.full(shape, np.nan),
    )

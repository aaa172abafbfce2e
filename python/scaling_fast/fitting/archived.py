"""A fit in an archive: what is written of it, and the fields that are read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from scaling_fast.findings import Finding
from scaling_fast.fitting.proof import Proof
from scaling_fast.fitting.request import Request
from scaling_fast.fitting.status import with_status_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.runtime.archive import Entry, Frames

__all__ = ["ArchivedFit"]


class ArchivedFit(NamedTuple):
    """The fields of a fit, in the order in which `Fit` takes them.

    Attributes
    ----------
    request, table, findings, measured_scale, seed, certificates, global_groups,
    proof
        As in `Fit`.
    """

    request: Request
    table: pl.DataFrame
    findings: tuple[Finding, ...]
    measured_scale: float | None
    seed: int
    certificates: NDArray[np.float64]
    global_groups: NDArray[np.bool_]
    proof: Proof

    def archive_entry(self) -> tuple[Entry, Frames]:
        """Return the fields as an entry for JSON and tables for Arrow."""
        entry, frames = self.request.archive_entry()
        own = {
            "scale": self.measured_scale,
            "seed": self.seed,
            "findings": [finding.as_dict() for finding in self.findings],
        }
        proof = {f"c{place}": self.certificates[:, place] for place in range(3)}
        tables = {
            "table": self.table,
            "proof": pl.DataFrame(
                proof | {"global": self.global_groups, "proven": self.proof.groups}
            ),
        }
        return entry | own, frames | tables

    @classmethod
    def from_archive_entry(
        cls, entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
    ) -> ArchivedFit:
        """Return the fields that `archive_entry` wrote."""
        request = Request.from_archive_entry(entry, frames)
        proof = frames["proof"]
        taken = [*request.law.params, *request.law.derived, *request.table.keys.columns]
        return cls(
            request,
            with_status_type(frames["table"], taken),
            tuple(Finding(**finding) for finding in entry["findings"]),
            entry["scale"],
            entry["seed"],
            proof.select("c0", "c1", "c2").to_numpy(),
            proof["global"].to_numpy(),
            # Files of earlier versions say only what is called global.
            Proof(
                np.zeros(proof.height, dtype=bool)
                if "proven" not in proof.columns
                else proof["proven"].to_numpy()
            ),
        )

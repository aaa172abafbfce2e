"""A scheme as an entry for JSON and tables for Arrow, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import CheckpointError, quote
from scaling_fast.resampling.schemes import (
    Bayesian,
    Blocks,
    Clusters,
    Indices,
    Jackknife,
    Pairs,
    Parametric,
    Residuals,
    Strata,
    Subsample,
    Weights,
    Wild,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.resampling.schemes import Scheme
    from scaling_fast.runtime.archive import Entry, Frames

__all__ = ["scheme_from_entry", "scheme_to_entry"]

FIELDS = ("by", "cluster", "length", "within", "m", "signs", "leverage", "sd")
"""The options of the schemes, beside their names; arrays become tables."""


def scheme_to_entry(scheme: Scheme) -> tuple[Entry, Frames]:
    """Return a scheme as an entry for JSON and tables for Arrow."""
    entry: dict[str, Any] = {"name": scheme.name}
    entry |= {field: getattr(scheme, field) for field in FIELDS if hasattr(scheme, field)}
    frames: Frames = {}
    if isinstance(scheme, Indices | Weights):
        array = np.asarray(scheme.array)
        columns = {f"{place}": array[:, place] for place in range(array.shape[1])}
        frames["scheme"] = pl.DataFrame(columns)
    return {"scheme": entry}, frames


def scheme_from_entry(entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]) -> Scheme:
    """Return the scheme that `scheme_to_entry` wrote.

    Raises
    ------
    CheckpointError
        For a scheme that this version does not know.
    """
    saved = entry["scheme"]
    match saved["name"]:
        case "pairs":
            return Pairs()
        case "clusters":
            return Clusters(saved["by"])
        case "bayesian":
            return Bayesian(saved["cluster"])
        case "jackknife":
            return Jackknife(saved["cluster"])
        case "strata":
            return Strata(saved["by"])
        case "blocks":
            return Blocks(saved["length"], saved["within"])
        case "subsample":
            return Subsample(saved["m"])
        case "residuals":
            return Residuals()
        case "wild":
            return Wild(saved["signs"], saved["cluster"], saved["leverage"])
        case "parametric":
            return Parametric(saved["sd"])
        case "indices":
            return Indices(frames["scheme"].to_numpy())
        case "weights":
            return Weights(frames["scheme"].to_numpy())
        case other:
            raise CheckpointError(
                f"this version does not know the scheme {quote(other)}", code="scheme"
            )

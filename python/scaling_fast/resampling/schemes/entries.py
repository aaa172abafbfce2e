"""A scheme as JSON holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaling_fast.errors import CheckpointError, quote
from scaling_fast.resampling import schemes

if TYPE_CHECKING:
    import polars as pl

__all__ = []


def scheme_entry(scheme: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": scheme.name}
    for field in ("by", "cluster", "length", "within", "m", "signs", "leverage", "sd"):
        if hasattr(scheme, field):
            entry[field] = getattr(scheme, field)
    return entry


def scheme_from_entry(entry: dict[str, Any], frames: dict[str, pl.DataFrame]) -> Any:
    match entry["name"]:
        case "pairs":
            return schemes.Pairs()
        case "clusters":
            return schemes.Clusters(entry["by"])
        case "bayesian":
            return schemes.Bayesian(entry["cluster"])
        case "jackknife":
            return schemes.Jackknife(entry["cluster"])
        case "strata":
            return schemes.Strata(entry["by"])
        case "blocks":
            return schemes.Blocks(entry["length"], entry["within"])
        case "subsample":
            return schemes.Subsample(entry["m"])
        case "residuals":
            return schemes.Residuals()
        case "wild":
            return schemes.Wild(entry["signs"], entry["cluster"], entry["leverage"])
        case "parametric":
            return schemes.Parametric(entry["sd"])
        case "indices":
            return schemes.Indices(frames["scheme"].to_numpy())
        case "weights":
            return schemes.Weights(frames["scheme"].to_numpy())
        case other:
            raise CheckpointError(
                f"the scheme {quote(other)} is unknown to this version", code="scheme"
            )

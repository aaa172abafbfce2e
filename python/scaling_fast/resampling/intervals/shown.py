"""The intervals of a single fit as lines of a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.errors import ScalingError

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from scaling_fast.resampling.schemes import Scheme

__all__ = ["interval_lines"]


def interval_lines(interval: Callable[..., pl.DataFrame], scheme: Scheme) -> list[str]:
    """Return percentile (or jackknife) intervals as text, or why there are none.

    Parameters
    ----------
    interval
        `Bootstrap.interval` of a single fit.
    scheme
        Its scheme.
    """
    method = "normal" if scheme.name == "jackknife" else "percentile"
    try:
        table = interval(method=method)
    except ScalingError as error:
        # Too few replicates after an interruption, or n = p: the summary shows why.
        return [str(error)]
    return [f"95 % {method} intervals"] + [
        f"  {name:<12} {estimate:>14.6g}  [{lower:.6g}, {upper:.6g}]"
        for name, estimate, lower, upper in table.iter_rows()
    ]

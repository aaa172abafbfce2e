"""The table of replicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.fitting.status import status_column
from scaling_fast.frames.values import rows_of
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit

__all__ = ["UNFINISHED"]


UNFINISHED = "unfinished"


def replicate_table(
    fit: Fit,
    status: NDArray[np.uint8],
    objective: NDArray[np.float64],
    params: Sequence[NDArray[np.float64]],
    count: int,
) -> pl.DataFrame:
    names, law, keys = fit.request.names, fit.law, fit.request.table.keys
    values = dict(zip(names, params, strict=True))
    derived = {label: evaluate(text, values) for label, text in law.derived.items()}
    taken = [*names, *derived, *keys.columns]
    label = {
        one: f"draw_{one}" if one in taken else one for one in ("replicate", "status", "objective")
    }
    replicate = np.tile(np.arange(count, dtype=np.int64), fit.groups)
    columns = [
        pl.Series(label["replicate"], replicate),
        status_column(status).alias(label["status"]),
        pl.Series(label["objective"], objective),
        *(pl.Series(one, column) for one, column in (values | derived).items()),
    ]
    places = np.repeat(np.arange(fit.groups), count)
    return pl.DataFrame([*(rows_of(one, places) for one in keys.get_columns()), *columns])

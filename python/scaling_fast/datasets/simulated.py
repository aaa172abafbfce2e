"""Runs drawn from a known law, to test a method against the truth."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, ParameterError, quote, suggestion
from scaling_fast.frames import as_frame, to_float64
from scaling_fast.frames.room import require_room_for_rows
from scaling_fast.laws import as_law
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.laws import Law

__all__ = ["simulate"]

KINDS = ("normal", "t3")


@ask_first
def simulate(
    law: Law | str,
    params: Mapping[str, float],
    design: Any,
    noise: float | Mapping[str, Any] = 0.0,
    seed: int = 0,
    *,
    target: str = "loss",
) -> pl.DataFrame:
    """Return a design with a target drawn from a law, one row per row of the design.

    The target is f exp(sd z), so the noise is that of the log residual. z is standard normal, or
    Student's t with 3 degrees of freedom scaled to unit variance.

    Parameters
    ----------
    law
        A Law, a catalogue name or a formula.
    params
        The true parameters, by name.
    design
        Any frame with the law's columns; its other columns are kept.
    noise
        Standard deviation of the log residual, not negative, or {"sd": 0.01, "kind": "normal" or
        "t3"}.
    seed
        Seed, a whole number from 0; the same seed gives the same runs.
    target
        Name of the drawn column; the law's own target has precedence.

    Raises
    ------
    DataError
        For a design without the law's columns, or a law that is not positive and finite there.
    ParameterError
        For missing parameters, negative noise, or a target that the design already has.

    Examples
    --------
    >>> truth = {"E": 1.8, "A": 400.0, "alpha": 0.34}
    >>> runs = simulate("power_offset", truth, {"x": [1e7, 1e8, 1e9]}, noise=0.0, seed=0)
    >>> runs.columns, runs["loss"].round(3).to_list()
    (['x', 'loss'], [3.467, 2.562, 2.148])
    """
    sd, kind = _checked_noise(noise)
    seed = whole_number(seed, "seed", 0)
    bound = as_law(law)
    frame = as_frame(design, bound.columns or ())
    if bound.columns is None:
        bound = bound.bind_frame(frame.columns)
    used = bound.columns or ()
    if not set(used) <= set(frame.columns):  # a mapping leaves unreadable columns out
        frame = as_frame(design, used)
    name = bound.target or target
    if not isinstance(name, str):
        raise ParameterError(
            f"target must be a column's name, got {quote(target)}", code="target", param="target"
        )
    if name in frame.columns:
        raise ParameterError(
            f"the design already has a column {quote(name)}; name another with target=",
            code="name_clash",
            param="target",
        )
    require_room_for_rows("the runs", frame.height, len(used) + 2)
    columns = {column: to_float64(frame[column], column).to_numpy() for column in used}
    values = bound.evaluate(columns, params)
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any() and sd > 0:
        row = int(np.argmax(bad))
        raise DataError(
            f"the law is {quote(values[row])} in row {row} of the design; log residuals need "
            "positive, finite values",
            code="not_positive",
            row=row,
        )
    drawn = _with_noise(values, sd, kind, seed) if sd > 0 else values
    return frame.with_columns(pl.Series(name, drawn))


def _with_noise(
    values: NDArray[np.float64], sd: float, kind: str, seed: int
) -> NDArray[np.float64]:
    """Return the values with noise on their logarithms.

    Raises
    ------
    ParameterError
        For noise that takes a value out of the range of doubles.
    """
    with np.errstate(over="ignore", under="ignore"):
        drawn = values * np.exp(sd * _standard(kind, values.size, seed))
    lost = ~(np.isfinite(drawn) & (drawn > 0))
    if lost.any():
        row = int(np.argmax(lost))
        raise ParameterError(
            f"noise of `{sd:g}` makes the target of row {row} {quote(drawn[row])}, outside the range of "
            "doubles; noise is a standard deviation of logarithms, such as 0.01",
            code="noise",
            param="noise",
        )
    return np.asarray(drawn, dtype=np.float64)


def _checked_noise(noise: Any) -> tuple[float, str]:
    options = dict(noise) if isinstance(noise, Mapping) else {"sd": noise}
    for option in options:
        if option not in ("sd", "kind"):
            raise ParameterError(
                f"noise has no option {quote(option)}"
                f"{suggestion(str(option), ('sd', 'kind'), kind='options')}",
                code="noise",
                param="noise",
            )
    sd, kind = options.get("sd", 0.0), options.get("kind", "normal")
    real = isinstance(sd, Real) and not isinstance(sd, bool)
    if not real or not 0 <= sd <= sys.float_info.max:
        raise ParameterError(
            "noise must be a standard deviation of log residuals, finite and not negative, "
            f"got {quote(sd)}",
            code="noise",
            param="noise",
        )
    if kind not in KINDS:
        raise ParameterError(
            f'kind of noise must be "normal" or "t3", got {quote(kind)}',
            code="noise",
            param="noise",
        )
    return float(sd), str(kind)


def _standard(kind: str, rows: int, seed: int) -> NDArray[np.float64]:
    """Return draws of mean 0 and variance 1."""
    generator = np.random.Generator(np.random.Philox(seed))
    if kind == "t3":
        # The variance of Student's t with 3 degrees of freedom is 3.
        return generator.standard_t(3, rows) / math.sqrt(3)
    return generator.standard_normal(rows)

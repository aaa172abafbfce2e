"""How the best split of a cost moves with the parameters of a law: the derivatives of its minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from scaling_fast._core import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.laws.optima.minimum import ConstrainedMinimum

__all__ = ["Slopes", "optimum_slopes"]

Floats: TypeAlias = "NDArray[np.float64]"

ALONG_COST = 1e-4
"""Half the distance over which the slope of a run of equal cost is taken."""

ALONG_LOSS = 1e-3
"""Half the distance over which derivatives of the loss, which are exact, are differentiated once more."""


class Slopes(NamedTuple):
    """Derivatives by the parameters in the law's order, shape (parameters,) each.

    Attributes
    ----------
    ln_size, ln_data, ln_flops, loss
        Of the best run: logarithms of N, D and its cost, and the law in the units of its target.
    """

    ln_size: Floats
    ln_data: Floats
    ln_flops: Floats
    loss: Floats


def optimum_slopes(
    minimum: ConstrainedMinimum,
    params: Mapping[str, float],
    *,
    w: float,
    ln_flops: float,
    inverse: bool,
) -> Slopes:
    """Return the derivatives of an optimum in a valley, by the implicit function theorem.

    Along the runs of equal cost the slope F(w, theta) of the loss is zero at the optimum, so
    dw = -F_theta/F_w; the least loss itself moves as the law does there (the envelope theorem). Of the
    inverse the loss stays and the cost moves: d ln C = -f_theta / f_lnC.

    Parameters
    ----------
    minimum
        The law and the cost.
    params
        Parameter -> value.
    w, ln_flops
        ln(N/D) and ln C of the optimum.
    inverse
        Whether the loss is given, and the cost follows from it.
    """
    cost = minimum.cost
    program = Program(minimum.right_side, [])
    places = [program.params.index(name) for name in (cost.size, cost.data)]
    known = [
        program.params.index(name) if name in program.params else -1 for name in minimum.params
    ]

    def size(at: float, ln_c: float) -> float:
        return float(cost.ln_size(np.array(at), np.array(ln_c)))

    def along(at: float, ln_c: float) -> tuple[float, float]:
        """Return how ln N moves with w, and with ln C."""
        h = ALONG_COST
        by_w = (size(at + h, ln_c) - size(at - h, ln_c)) / (2.0 * h)
        return by_w, (size(at, ln_c + h) - size(at, ln_c - h)) / (2.0 * h)

    def law(at: float, ln_c: float) -> tuple[float, float, Floats, float]:
        """Return the derivatives by w, ln C and the parameters, and the value."""
        u = size(at, ln_c)
        inputs = {cost.size: float(np.exp(u)), cost.data: float(np.exp(u - at))}
        value, slopes = program.gradient(
            [inputs.get(name, params.get(name, 0.0)) for name in program.params]
        )
        by_size, by_data = (slopes[place] * inputs[name]
                            for place, name in zip(places, (cost.size, cost.data), strict=True))  # fmt: skip
        by_w, by_c = along(at, ln_c)
        own = np.array([slopes[place] if place >= 0 else 0.0 for place in known])
        return by_size * by_w + by_data * (by_w - 1.0), (by_size + by_data) * by_c, own, value

    h = ALONG_LOSS
    with np.errstate(all="ignore"):
        _, by_c, own, value = law(w, ln_flops)
        up, down = law(w + h, ln_flops), law(w - h, ln_flops)
        bend = (up[0] - down[0]) / (2.0 * h)
        shift = -(up[2] - down[2]) / (2.0 * h) / bend
        size_by_w, size_by_c = along(w, ln_flops)
        rise = np.zeros(own.size)
        if inverse:
            rise = -own / by_c
            turn = (law(w, ln_flops + h)[0] - law(w, ln_flops - h)[0]) / (2.0 * h)
            shift = shift - turn / bend * rise
        ln_size = size_by_w * shift + size_by_c * rise
        loss = np.zeros(own.size) if inverse else own * _scale(minimum, value)
        return Slopes(ln_size, ln_size - shift, rise, loss)


def _scale(minimum: ConstrainedMinimum, value: float) -> float:
    """Return how the target moves with the right side of the formula."""
    step = 1e-6 * max(abs(value), 1e-6)
    low, high = minimum.in_target_units(np.array([value - step, value + step])).tolist()
    return float(high - low) / (2.0 * step)

"""Losses that are plain sums over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from scaling_fast.errors import ParameterError, quote
from scaling_fast.validation import number, positive_number

__all__ = [
    "NARROWEST",
    "WIDEST",
    "WIDEST_SQUARE",
    "Absolute",
    "Cauchy",
    "Huber",
    "LogCosh",
    "Pinball",
    "SoftL1",
    "Squared",
    "Tukey",
]


@dataclass(frozen=True, slots=True)
class Squared:
    """The loss r²/2: least squares, half the usual sum.

    Correspondence: `scipy.optimize.least_squares(loss="linear")`, its `cost`. Use it when the
    residuals are near normal and no run failed: it is the most efficient loss then, and the least
    robust otherwise.

    Examples
    --------
    >>> Squared().spec()
    ('squared', 0.0)
    """

    name: ClassVar[str] = "squared"

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss."""
        return (self.name, 0.0)


@dataclass(frozen=True, slots=True)
class Absolute:
    """The loss |r|: least absolute deviations, the median regression.

    scipy has no such loss in `least_squares`; it is the limit of Huber(delta)/delta as delta
    goes to 0, and twice Pinball(0.5). Use it when up to half the targets may be wrong, and report
    bootstrap intervals, not sandwich ones, which need the density of the residuals at 0.

    Examples
    --------
    >>> Absolute().spec()
    ('absolute', 0.0)
    """

    name: ClassVar[str] = "absolute"

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss."""
        return (self.name, 0.0)


NARROWEST, WIDEST = 1e-30, 1e150
"""A narrower Huber loss is the absolute loss to every digit, a wider one the squared loss."""

WIDEST_SQUARE = 1e100
"""Above it the square of r/width has no digits left, and a smooth loss made of it is the squared loss."""


def _set_width(loss: object, name: str, narrow: str) -> None:
    """Refuse a width at which the loss would be lost to rounding."""
    value = positive_number(getattr(loss, name), name)
    object.__setattr__(loss, name, value)
    if not NARROWEST <= value <= WIDEST_SQUARE:
        other = narrow if value < 1 else "use Squared()"
        raise ParameterError(
            f"{name} must lie between {NARROWEST:g} and {WIDEST_SQUARE:g}, got `{value:g}`; {other}",
            code=name,
            param=name,
        )


@dataclass(frozen=True, slots=True)
class Huber:
    """The loss r²/2 for |r| <= delta and delta(|r| - delta/2) beyond.

    Correspondence: `least_squares(loss="huber", f_scale=delta)`, its `cost`; torch's
    `HuberLoss(delta, reduction="sum")`. Use it for scaling laws by default: the pull of an
    outlier is bounded. With log residuals and delta = 1e-3 nearly every run is beyond delta, and the
    fit is nearly that of `Absolute`.

    Parameters
    ----------
    delta
        Where the loss turns from a parabola to a line, in units of the residual, from 1e-30 to
        1e150. With `scale="mad"`, in units of the residuals' scale.
    scale
        None, or "mad" to multiply delta by a robust scale of the fit itself, found by iteration as in
        nlrob of R's robustbase: 1.4826 x median |r| x sqrt(n/(n - p)). Replicates of a bootstrap hold
        it; simulated data sets measure it anew.

    Raises
    ------
    ParameterError
        For a delta that is not positive and finite, or another scale.

    Examples
    --------
    >>> Huber(1e-3).spec()
    ('huber', 0.001)
    """

    delta: float
    scale: Literal["mad"] | None = None

    name: ClassVar[str] = "huber"

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", positive_number(self.delta, "delta"))
        if not NARROWEST <= self.delta <= WIDEST:
            other = "Absolute()" if self.delta < 1 else "Squared()"
            raise ParameterError(
                f"delta must lie between {NARROWEST:g} and {WIDEST:g}, got `{self.delta:g}`; use {other}",
                code="delta",
                param="delta",
            )
        if self.scale not in (None, "mad"):
            raise ParameterError(
                f'scale must be None or "mad", got {quote(self.scale)}',
                code="unknown_scale",
                param="scale",
            )

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss; `scale` is passed separately."""
        return (self.name, self.delta)


@dataclass(frozen=True, slots=True)
class SoftL1:
    """The loss delta²(sqrt(1 + (r/delta)²) - 1): Huber's with a smooth corner.

    Correspondence: `least_squares(loss="soft_l1", f_scale=delta)`, its `cost`; also called
    pseudo-Huber or Charbonnier. Use it instead of Huber if second derivatives must be continuous.

    Parameters
    ----------
    delta
        The residual at which the loss leaves the parabola; positive.

    Examples
    --------
    >>> SoftL1(0.01).spec()
    ('soft_l1', 0.01)
    """

    delta: float

    name: ClassVar[str] = "soft_l1"

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", positive_number(self.delta, "delta"))

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss."""
        return (self.name, self.delta)


@dataclass(frozen=True, slots=True)
class Cauchy:
    """The loss (delta²/2) ln(1 + (r/delta)²): outliers pull less the further they are.

    Correspondence: `least_squares(loss="cauchy", f_scale=delta)`, its `cost`. Not convex: several
    optima may exist, so look at `agreement`. Use it when some runs are simply wrong.

    Parameters
    ----------
    delta
        The residual with the strongest pull, from 1e-30 to 1e100.

    Examples
    --------
    >>> Cauchy(0.01).spec()
    ('cauchy', 0.01)
    """

    delta: float

    name: ClassVar[str] = "cauchy"

    def __post_init__(self) -> None:
        _set_width(self, "delta", "use a larger one")

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss."""
        return (self.name, self.delta)


@dataclass(frozen=True, slots=True)
class Tukey:
    """The loss (c²/6)(1 - (1 - (r/c)²)³) for |r| <= c and the constant c²/6 beyond.

    scipy has no such loss; it is statsmodels' `TukeyBiweight(c)`. Runs beyond c have no influence
    at all. Not convex, and flat far from an optimum: fit with Huber first and compare. For normal
    residuals of standard deviation s, c = 4.685 s has 95 % efficiency.

    Parameters
    ----------
    c
        The residual beyond which a run is ignored, from 1e-30 to 1e100.

    Examples
    --------
    >>> Tukey(0.05).spec()
    ('tukey', 0.05)
    """

    c: float

    name: ClassVar[str] = "tukey"

    def __post_init__(self) -> None:
        _set_width(self, "c", "use a larger one")

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss."""
        return (self.name, self.c)


@dataclass(frozen=True, slots=True)
class LogCosh:
    """The loss scale² ln cosh(r/scale): a parabola near 0, a line far away, smooth everywhere.

    scipy has no such loss. Use it like SoftL1; it approaches the line exponentially.

    Parameters
    ----------
    scale
        The residual at which the loss leaves the parabola, from 1e-30 to 1e100.

    Examples
    --------
    >>> LogCosh(0.01).spec()
    ('log_cosh', 0.01)
    """

    scale: float

    name: ClassVar[str] = "log_cosh"

    def __post_init__(self) -> None:
        _set_width(self, "scale", "use Absolute()")

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss."""
        return (self.name, self.scale)


@dataclass(frozen=True, slots=True)
class Pinball:
    """The loss max(-tau r, (1 - tau) r), which makes the law the tau-quantile of the target.

    Residuals are fitted minus observed, so a run above the curve (r < 0) costs tau |r|.
    Correspondence: `sklearn.linear_model.QuantileRegressor(quantile=tau)`, as a sum. Use it for
    frontiers: the best run at each size is a low quantile of the loss.

    Parameters
    ----------
    tau
        The quantile, strictly between 0 and 1.

    Examples
    --------
    >>> Pinball(0.1).spec()
    ('pinball', 0.1)
    """

    tau: float

    name: ClassVar[str] = "pinball"

    def __post_init__(self) -> None:
        value = number(self.tau, "tau")
        object.__setattr__(self, "tau", value)
        if not 0 < value < 1:
            hint = f"; did you mean `{value / 100:g}`?" if 1 < value < 100 else ""
            raise ParameterError(
                f"tau must lie strictly between 0 and 1, got {quote(f'{value:g}')}{hint}",
                code="not_a_quantile",
                param="tau",
            )

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss."""
        return (self.name, self.tau)

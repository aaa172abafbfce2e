"""Losses whose scale is estimated with the law: negative log-likelihoods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scaling_fast.errors import ParameterError
from scaling_fast.validation import positive_number

__all__ = ["LEAST_DELTA", "LEAST_NU", "MOST_DELTA", "MOST_NU", "ScaledHuber", "StudentT"]


LEAST_DELTA, MOST_DELTA = 1e-4, 1e6
"""Beyond these limits a scaled Huber density is Laplace's or the normal one to every digit that matters."""


LEAST_NU, MOST_NU = 0.1, 1e9
"""Smaller: tails too heavy for any data. Larger: Student's distribution is the normal one."""


@dataclass(frozen=True, slots=True)
class ScaledHuber:
    """The likelihood of residuals r = s u, where u has density exp(-rho(u))/Z, rho being Huber's.

    The scale s is estimated together with the law and is `fit.scale`. The objective is the negative
    log-likelihood: the sum of rho(r/s) + ln s + ln Z, Z = sqrt(2 pi) (1 - 2 Phi(-delta)) +
    2 exp(-delta²/2)/delta. Besiroglu et al. (2024) fit with delta = 1e-3, which is Laplace's
    likelihood to every digit: their law is that of `Absolute`. With delta near 1.345 the pull of
    an outlier is bounded, and you need not choose a scale; gross outliers do inflate the estimated
    scale, and `StudentT` is better for them. The difference of two objectives on the same rows is a
    log-likelihood ratio, also between ScaledHuber and StudentT.

    Parameters
    ----------
    delta
        Where normal residuals end and exponential tails begin, in units of s, from 1e-4 to 1e6.

    Examples
    --------
    >>> ScaledHuber(1.345).spec()
    ('scaled_huber', 1.345)
    """

    delta: float

    name: ClassVar[str] = "scaled_huber"

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", positive_number(self.delta, "delta"))
        if not LEAST_DELTA <= self.delta <= MOST_DELTA:
            other = "Absolute()" if self.delta < 1 else "Squared()"
            raise ParameterError(
                f"delta must lie between {LEAST_DELTA:g} and {MOST_DELTA:g}, got `{self.delta:g}`; use {other}",
                code="delta",
                param="delta",
            )

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss."""
        return (self.name, self.delta)


@dataclass(frozen=True, slots=True)
class StudentT:
    """The likelihood of residuals r = s t, where t has Student's distribution with nu degrees of freedom.

    The scale s is estimated together with the law and is `fit.scale`; the objective is the negative
    log-likelihood. Outliers pull less the further they are, so several optima may exist: look at
    `agreement`. With n <= p (nu + 1)/nu rows the likelihood is unbounded: it grows without limit as the
    curve passes through p rows. Such a fit has the status "degenerate".

    Parameters
    ----------
    nu
        Degrees of freedom, from 0.1 to 1e9: 1 is Cauchy's distribution, 3 to 5 are usual, 1e6 is normal.

    Examples
    --------
    >>> StudentT(4).spec()
    ('student_t', 4.0)
    """

    nu: float

    name: ClassVar[str] = "student_t"

    def __post_init__(self) -> None:
        object.__setattr__(self, "nu", positive_number(self.nu, "nu"))
        if not LEAST_NU <= self.nu <= MOST_NU:
            other = "more" if self.nu < 1 else "Squared()"
            raise ParameterError(
                f"nu must lie between {LEAST_NU:g} and {MOST_NU:g}, got `{self.nu:g}`; use {other}",
                code="nu",
                param="nu",
            )

    def spec(self) -> tuple[str, float]:
        """Return (kind, parameter), as the core takes the loss."""
        return (self.name, self.nu)

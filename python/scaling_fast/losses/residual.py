"""Residuals that need more than a word to describe: logarithms of the distance to a floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from scaling_fast.errors import ParameterError, quote
from scaling_fast.losses.registry import WITH_SCALE

__all__ = [
    "ALLOWED",
    "LogExcess",
    "is_likelihood",
    "residual_entry",
    "residual_from_entry",
    "residual_word",
]


ALLOWED = ("squared", *WITH_SCALE)
"""The losses under which a log-excess residual has a likelihood."""


@dataclass(frozen=True, slots=True)
class LogExcess:
    """The residual ln(f - E) - ln(y - E): law and target are compared by their distance to the floor E.

    E is a parameter of the law, estimated with the others and always below the smallest target.
    Sums of squares of such residuals cannot be compared between different E, because the target
    is transformed with E. With `jacobian=True` the sum of ln(y - E) enters the negative
    log-likelihood, which makes it one of y: under `Squared` the objective is then
    n/2 ln(RSS) + sum ln(y - E), with n the sum of the weights, and `fit.scale` is sqrt(RSS/n). Add
    n/2 (1 + ln(2 pi) - ln n) before it is compared with the objective of another loss.
    Without it the objective is that of the loss alone, as in published fits; it often has its
    minimum at E = 0 although a sensible E is a minimum too. The loss must be Squared, ScaledHuber or
    StudentT: others have no likelihood to correct.

    With the Jacobian the likelihood grows without limit as E approaches the smallest target (Hill
    1963): the optimum that is meant, and returned, is the local one below. If few rows leave none,
    the fit ends a millionth of the targets' range below the smallest target, is not global, and a
    finding says so.

    Parameters
    ----------
    param
        The parameter that is the floor, such as "E".
    jacobian
        Whether the sum of ln(y - E) is added.

    Raises
    ------
    ParameterError
        For a name that is not text, or a jacobian that is neither True nor False.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> runs = {"x": [1.0, 10.0, 100.0, 1000.0, 1e4], "loss": [3.0, 2.1, 1.5, 1.24, 1.13]}
    >>> fit = sf.fit(runs, "power_offset", residual=LogExcess("E"), loss=sf.Squared())
    >>> fit.converged, fit.params["E"] < 1.13
    (True, True)
    """

    param: str
    jacobian: bool = True

    def __post_init__(self) -> None:
        param, jacobian = cast("tuple[object, object]", (self.param, self.jacobian))
        if not isinstance(param, str) or not param:
            raise ParameterError(
                f'param of LogExcess must be the name of a parameter, such as "E", got {quote(self.param)}',
                code="residual",
                param="residual",
            )
        if not isinstance(jacobian, bool):
            raise ParameterError(
                f"jacobian must be True or False, got {quote(self.jacobian)}",
                code="jacobian",
                param="jacobian",
            )


def residual_word(residual: str | LogExcess) -> str:
    """Return the one word by which the core knows a residual."""
    return "log_excess" if isinstance(residual, LogExcess) else residual


def is_likelihood(loss_name: str, residual: str | LogExcess) -> bool:
    """Return whether the objective is a negative log-likelihood with an estimated scale."""
    corrected = isinstance(residual, LogExcess) and residual.jacobian
    return loss_name in WITH_SCALE or (corrected and loss_name == "squared")


def residual_entry(residual: str | LogExcess) -> str | list[Any]:
    """Return a residual as JSON holds it."""
    return residual if isinstance(residual, str) else [residual.param, residual.jacobian]


def residual_from_entry(entry: str | list[Any]) -> str | LogExcess:
    """Return the residual that `residual_entry` wrote."""
    return entry if isinstance(entry, str) else LogExcess(entry[0], jacobian=entry[1])

"""What proves a point to be an optimum, and what its being the best one rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Certificate"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The proof that a point is an optimum, in three numbers, and why it may be called the best one.

    Attributes
    ----------
    gradient
        Largest |J_j' psi| / (||J_j|| ||psi||) over free parameters; must be at most 1e-8.
    decrease
        Predicted decrease of the next step relative to the objective; at most 1e-14.
    multiplier
        Largest multiplier of a row on the kink of the loss relative to its legal interval; at most 1.
    basis
        What `is_global` rests on: "proven" where a bound excludes every better fit, "agreed" where
        enough starts ended at this optimum or every valley was searched; None where the fit is not
        called global.
    """

    gradient: float
    decrease: float
    multiplier: float
    basis: Literal["proven", "agreed"] | None

    @classmethod
    def of(
        cls, numbers: NDArray[np.float64], is_global: np.bool_, is_proven: np.bool_
    ) -> Certificate:
        """Return the certificate of three numbers and of what is claimed of the optimum."""
        gradient, decrease, multiplier = numbers.tolist()
        if not is_global:
            return cls(gradient, decrease, multiplier, None)
        return cls(gradient, decrease, multiplier, "proven" if is_proven else "agreed")

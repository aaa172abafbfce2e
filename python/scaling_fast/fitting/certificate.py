"""The numbers that prove a point to be an optimum."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Certificate"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The proof that a point is an optimum, in three numbers.

    Attributes
    ----------
    gradient
        Largest |J_j' psi| / (||J_j|| ||psi||) over free parameters; must be at most 1e-8.
    decrease
        Predicted decrease of the next step relative to the objective; at most 1e-14.
    multiplier
        Largest multiplier of a row on the kink of the loss relative to its legal interval; at most 1.
    """

    gradient: float
    decrease: float
    multiplier: float

"""The loss of a language model of N parameters on D tokens, as Kaplan et al. wrote it."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.param import Param

__all__ = ["kaplan"]


def kaplan() -> Law:
    """Return the law ((Nc/N)^(alpha_N/alpha_D) + Dc/D)^alpha_D with its optimal exponents.

    Under a budget C = 6 N D the optimal size grows as C^a with a = alpha_D/(alpha_N + alpha_D).

    Examples
    --------
    >>> kaplan().derived["a"]
    'alpha_D/(alpha_N + alpha_D)'
    """
    return Law(
        "((Nc/N)**(alpha_N/alpha_D) + Dc/D)**alpha_D",
        columns=("N", "D"),
        params={name: Param(lower=0) for name in ("Nc", "alpha_N", "alpha_D", "Dc")},
        derived={
            "a": "alpha_D/(alpha_N + alpha_D)",
            "b": "alpha_N/(alpha_N + alpha_D)",
            "gamma": "alpha_N*alpha_D/(alpha_N + alpha_D)",
        },
        name="kaplan",
        description="Loss from non-embedding parameters and tokens, without a floor.",
        units={
            "N": "parameters without embeddings",
            "D": "tokens",
            "Nc": "parameters",
            "Dc": "tokens",
        },
        notes="No floor: the loss goes to 0. The exponent a of this law differs from the paper's "
        "headline one, which comes from its law in size and steps. Count N as the source does.",
        cite="Kaplan et al. 2020, arXiv:2001.08361, equation 1.5",
        published={
            "kaplan2020": {
                "params": {"Nc": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "Dc": 1.8e13},
                "cite": "Kaplan et al. 2020, arXiv:2001.08361, table 2; not checked against the paper",
                "verified": False,
            }
        },
    )

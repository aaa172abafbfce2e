"""The loss of a language model of N parameters on D tokens, as Hoffmann et al. wrote it."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.param import Param

__all__ = ["chinchilla"]


def chinchilla() -> Law:
    """Return the law E + A/N^alpha + B/D^beta with its compute-optimal exponents.

    Under a budget C = 6 N D the optimal size is G (C/6)^a and the optimal number of tokens
    (C/6)^b / G; the reducible loss then falls as (C/6)^-gamma.

    Examples
    --------
    >>> law = chinchilla()
    >>> law.columns, law.derived["a"]
    (('N', 'D'), 'beta/(alpha + beta)')
    """
    return Law(
        "E + A/N**alpha + B/D**beta",
        columns=("N", "D"),
        params={name: Param(lower=0) for name in ("E", "A", "alpha", "B", "beta")},
        derived={
            "a": "beta/(alpha + beta)",
            "b": "alpha/(alpha + beta)",
            "G": "(alpha*A/(beta*B))**(1/(alpha + beta))",
            "gamma": "alpha*beta/(alpha + beta)",
        },
        name="chinchilla",
        description="Loss from parameters and tokens: a floor, a term for size, a term for data.",
        units={"N": "parameters", "D": "tokens", "E": "nats per token"},
        notes="(A, alpha) and (B, beta) are strongly correlated pairs: the exponent a is known far "
        "better than any of the four, where tokens per parameter vary at each budget.",
        cite="Hoffmann et al. 2022, arXiv:2203.15556 (approach 3)",
        published={
            "hoffmann2022": {
                "params": {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28},
                "cite": "Hoffmann et al. 2022, arXiv:2203.15556, as printed (rounded)",
                "verified": True,
            },
            "hoffmann2022_source": {
                "params": {
                    "E": 1.6933736809989528,  # exp(.5267228)
                    "A": 406.4010175194737,  # exp(6.0073404)
                    "alpha": 0.33917084,
                    "B": 410.7228269450398,  # exp(6.0179186)
                    "beta": 0.2849083,
                },
                "cite": "Hoffmann et al. 2022, arXiv:2203.15556, from the source of the paper",
                "verified": True,
            },
            "besiroglu2024": {
                "params": {
                    "E": 1.816864,
                    "A": 482.006,
                    "alpha": 0.347813,
                    "B": 2085.436,
                    "beta": 0.365854,
                },
                "cite": "Besiroglu et al. 2024, arXiv:2404.10102, unrounded notebook values",
                "verified": True,
            },
        },
    )

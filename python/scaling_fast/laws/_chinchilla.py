"""Loss from parameters and tokens over a floor, as Hoffmann et al. wrote it, and with tied exponents."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import positive

__all__ = ["chinchilla", "chinchilla_tied", "gadre"]


def _design(beta: str) -> tuple[Need, ...]:
    """Return what both laws need, with the name of the exponent of D.

    Besiroglu et al. 2024: at a fixed budget the exponents are known by the spread of D/N alone.
    """
    apart = (
        f"A and alpha cannot be told apart from B and {beta}"
        if beta != "alpha"
        else "A cannot be told apart from B"
    )
    return (
        Need("levels", 4, "N", because="A cannot be told apart from alpha"),
        Need("levels", 4, "D", because=f"B cannot be told apart from {beta}"),
        Need("levels", 4, "D/N", because=apart),
        Need("decades", 1.5, "D/N", because=apart),
    )


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
        params=positive("E", "A", "alpha", "B", "beta"),
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
        needs=(Need("rows", 9, because="five parameters need more rows"), *_design("beta")),
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


def chinchilla_tied() -> Law:
    """Return the law with one exponent for size and data, E + A/N^alpha + B/D^alpha.

    The optimal size is then G (C/6)^(1/2) and tokens per parameter are the same at every budget.

    Examples
    --------
    >>> chinchilla_tied().derived["tokens_per_parameter"]
    '(B/A)**(1/alpha)'
    """
    return Law(
        "E + A/N**alpha + B/D**alpha",
        columns=("N", "D"),
        params=positive("E", "A", "alpha", "B"),
        derived={
            "G": "(A/B)**(1/(2*alpha))",
            "tokens_per_parameter": "(B/A)**(1/alpha)",
            "gamma": "alpha/2",
        },
        name="chinchilla_tied",
        description="Chinchilla's law with equal exponents: size and data grow in proportion.",
        units={"N": "parameters", "D": "tokens", "E": "nats per token"},
        notes="It assumes what chinchilla estimates: test alpha = beta there before using it here.",
        cite="Muennighoff et al. 2023, arXiv:2305.16264; Gadre et al. 2024, arXiv:2403.08540",
        needs=_design("alpha"),
        published={
            "muennighoff2023": {
                "params": {
                    "E": 1.8691436784054858,  # exp(.6254804)
                    "A": 520.8249516599187,  # exp(6.255414)
                    "alpha": 0.3526596,
                    "B": 1487.716093782861,  # exp(7.3049974)
                },
                "cite": "Muennighoff et al. 2023, arXiv:2305.16264, constants of their code",
                "verified": True,
            }
        },
    )


def gadre() -> Law:
    """Return the loss from compute and over-training, E + (A M^eta + B M^-eta) C^-eta.

    M is tokens per parameter. It is chinchilla_tied in other variables.

    Examples
    --------
    >>> gadre().derived["M_best"]
    '(B/A)**(1/(2*eta))'
    """
    return Law(
        "E + (A*M**eta + B*M**(-eta))*C**(-eta)",
        columns=("C", "M"),
        params=positive("E", "A", "eta", "B"),
        derived={"M_best": "(B/A)**(1/(2*eta))"},
        name="gadre",
        description="Loss of over-trained models: equal exponents, so curves at any M are parallel.",
        units={"C": "FLOP", "M": "tokens per parameter", "E": "nats per token"},
        notes="M_best is the number of tokens per parameter that is optimal at every budget. The "
        "authors fit four parameters to five runs, which leaves one residual degree of freedom.",
        cite="Gadre et al. 2024, arXiv:2403.08540",
        needs=(
            Need("rows", 7, because="three residual degrees of freedom are the least"),
            Need("levels", 3, "M", because="A cannot be told apart from B"),
            Need("decades", 1.5, "C", because="E cannot be told apart from eta"),
        ),
    )

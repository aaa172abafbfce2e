"""Loss when data run out and are repeated."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param

__all__ = ["data_constrained"]

UNIQUE = "min(U, D)"
G = "((alpha*A)/(beta*B))**(1/(alpha + beta))"
"""The optimal size of the law of unique data is G (C/6)^a."""
NEEDED = f"min(N, ({UNIQUE}*{G})**(beta/alpha)*{G})"
"""Parameters that U unique tokens can use: the optimal size for them."""
SIZE = f"{NEEDED}*(1 + R_N*(1 - exp(-max(N/{NEEDED} - 1, 0)/R_N)))"
DATA = f"{UNIQUE}*(1 + R_D*(1 - exp(-max(D/U - 1, 0)/R_D)))"

PUBLISHED = {
    "muennighoff2023": {
        "params": {
            "E": 1.8691436784054858,  # exp(.6254804)
            "A": 520.8249516599187,  # exp(6.255414)
            "alpha": 0.3526596,
            "B": 1487.716093782861,  # exp(7.3049974)
            "beta": 0.3526596,
            "R_N": 5.309743,
            "R_D": 15.387756,
        },
        "cite": "Muennighoff et al. 2023, arXiv:2305.16264, constants of their code",
        "verified": True,
    }
}


def data_constrained() -> Law:
    """Return the law of repeated data, E + A/N'^alpha + B/D'^beta.

    D' is what D tokens, of which U are unique, are worth: U (1 + R_D (1 - exp(-r/R_D))) with
    r = D/U - 1 repetitions. N' discounts in the same way parameters beyond those that U unique
    tokens can use.

    Examples
    --------
    >>> data_constrained().columns
    ('N', 'U', 'D')
    """
    return Law(
        f"E + A/({SIZE})**alpha + B/({DATA})**beta",
        columns=("N", "D", "U"),
        params={
            "E": Param(start=1.9, lower=0),
            "A": Param(start=500, lower=0),
            "alpha": Param(start=0.35, lower=0.01, upper=3),
            "B": Param(start=1500, lower=0),
            "beta": Param(start=0.35, lower=0.01, upper=3),
            "R_N": Param(start=5, lower=0.05, upper=1e4),
            "R_D": Param(start=15, lower=0.05, upper=1e4),
        },
        derived={
            "a": "beta/(alpha + beta)",
            "G": G,
            "gamma": "alpha*beta/(alpha + beta)",
        },
        name="data_constrained",
        description="Chinchilla's law where tokens repeat: repeats and excess parameters fade.",
        units={
            "N": "parameters",
            "D": "tokens trained on, repeats counted",
            "U": "unique tokens",
            "E": "nats per token",
            "R_D": "repetitions",
            "R_N": "excess parameters, as a multiple of those U tokens can use",
        },
        notes="a, G and gamma are the optimum of unique data; with repeats there is no closed form. "
        "R_D is the number of repetitions after which a further one is worth 1/e of a new token. "
        "The authors fit the unique runs first, then R_D and R_N, and set alpha = beta.",
        cite="Muennighoff et al. 2023, arXiv:2305.16264",
        needs=(
            Need("levels", 4, "N", because="A cannot be told apart from alpha"),
            Need("levels", 4, "D", because="B cannot be told apart from beta"),
            Need("levels", 4, "D/N", because="A and alpha cannot be told apart from B and beta"),
            Need(
                "largest",
                2,
                "(D/U - 1)/R_D",
                label="repetitions over R_D",
                because="R_D has no upper end",
            ),
            Need(
                "largest",
                1,
                f"(N/({NEEDED}) - 1)/R_N",
                label="excess parameters over R_N",
                because="R_N has no upper end",
            ),
        ),
        published=PUBLISHED,
    )

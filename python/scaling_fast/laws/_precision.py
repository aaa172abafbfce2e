"""Loss of models trained at low precision, or rounded after training."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param, positive

__all__ = ["precision", "precision_ptq"]

PAPER = "Kumar et al. 2024, arXiv:2411.04330"
PARTS = ("w", "a", "kv")
EFFECTIVE = "N" + "".join(f"*(1 - exp(-P_{part}/gamma_{part}))" for part in PARTS)
TRAINED = f"A*({EFFECTIVE})**(-alpha) + B*D**(-beta) + E"
BITS = {
    "P_w": "bits of the weights in training",
    "P_a": "bits of the activations in training",
    "P_kv": "bits of the key-value cache in training",
}


def _bits() -> dict[str, Param]:
    """Return the bits over which each part loses its worth: 16 bits always suffice."""
    return {f"gamma_{part}": Param(lower=0.05, upper=16) for part in PARTS}


def _levels(columns: tuple[str, ...], least: int) -> tuple[Need, ...]:
    return tuple(
        Need(
            "levels",
            least,
            f"exp({column})",  # one more bit is another level, at any number of bits
            label=column,
            because=f"{column.replace('P_', 'gamma_')} is not identified",
        )
        for column in columns
    )


def precision() -> Law:
    """Return the loss of low-precision training: Chinchilla's law with an effective size.

    The effective size is N (1 - e^(-P_w/gamma_w)) (1 - e^(-P_a/gamma_a)) (1 - e^(-P_kv/gamma_kv)).

    Examples
    --------
    >>> precision().columns
    ('N', 'P_w', 'P_a', 'P_kv', 'D')
    """
    return Law(
        TRAINED,
        columns=("N", "D", "P_w", "P_a", "P_kv"),
        params=positive("A", "alpha", "B", "beta", "E") | _bits(),
        derived={"a": "beta/(alpha + beta)", "gamma": "alpha*beta/(alpha + beta)"},
        name="precision",
        description="Loss from size, tokens and the bits of weights, activations and cache.",
        units={"N": "parameters", "D": "tokens", **BITS, "E": "nats per token"},
        notes="gamma_w, gamma_a and gamma_kv are in bits: at P = gamma a part keeps 63 % of the size. "
        "They are told apart only where the three are varied separately. a and gamma are the "
        "optimum at a fixed precision.",
        cite=PAPER,
        needs=(
            Need("levels", 3, "N", because="A cannot be told apart from alpha"),
            Need("levels", 3, "D", because="B cannot be told apart from beta"),
            Need("levels", 3, "D/N", because="A and alpha cannot be told apart from B and beta"),
            *_levels(tuple(BITS), 4),
        ),
        published={
            "kumar2024": {
                "params": {
                    "A": 4.299e3,
                    "alpha": 0.4965,
                    "B": 1.806e4,
                    "beta": 0.4965,
                    "E": 2.7648,
                    "gamma_w": 2.6745,
                    "gamma_a": 2.2102,
                    "gamma_kv": 0.9578,
                },
                "cite": f"{PAPER}, appendix K, whose fit has offsets inside the exponentials besides "
                "(n_w 0.3037, n_a 1.4072, n_kv 2.4185): in this form, without them, the values do not "
                "give the authors' surface",
                "verified": True,
            }
        },
    )


def precision_ptq() -> Law:
    """Return the loss of low-precision training and rounding to P_post bits afterwards.

    To `precision` it adds C_T D^gamma_D / N_eff^gamma_N e^(-P_post/gamma_post) and a factor
    1 - e^(-C_x (P_x - P_post)) for each part: the more a model was trained, the more it loses.

    Examples
    --------
    >>> precision_ptq().columns[-1]
    'P_post'
    """
    factors = "".join(f"*(1 - exp(-C_{part}*(P_{part} - P_post)))" for part in PARTS)
    return Law(
        f"{TRAINED} + C_T*D**gamma_D/({EFFECTIVE})**gamma_N*exp(-P_post/gamma_post){factors}",
        columns=("N", "D", "P_w", "P_a", "P_kv", "P_post"),
        params=positive("A", "alpha", "B", "beta", "E", "C_T", "gamma_D", "gamma_N")
        | _bits()
        | {"gamma_post": Param(lower=0.05, upper=16)}
        | {f"C_{part}": Param(lower=1e-3, upper=10) for part in PARTS},
        derived={"a": "beta/(alpha + beta)"},
        name="precision_ptq",
        description="The same after rounding the weights: more training can then raise the loss.",
        units={
            "N": "parameters",
            "D": "tokens",
            **BITS,
            "P_post": "bits after rounding, at most those of training",
            "E": "nats per token",
        },
        notes="A row without rounding has P_post = P_w. The loss has a minimum in D. Fit precision to "
        "the rows without rounding first and give its values as starts.",
        cite=PAPER,
        needs=(
            Need("rows", 45, because="fifteen parameters need more rows"),
            Need("levels", 3, "N", because="gamma_N cannot be told apart from C_T"),
            Need("levels", 3, "D", because="gamma_D cannot be told apart from C_T"),
            Need("levels", 3, "D/N", because="A and alpha cannot be told apart from B and beta"),
            *_levels((*BITS, "P_post"), 4),
        ),
    )

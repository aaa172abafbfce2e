"""The laws of Kaplan et al.: loss from size, data, compute or steps, without a floor."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import positive

__all__ = ["kaplan", "kaplan_c", "kaplan_d", "kaplan_n", "kaplan_steps"]

PAPER = "Kaplan et al. 2020, arXiv:2001.08361"
UNCHECKED = f"{PAPER}; not checked against the paper"
NO_FLOOR = "No floor: the loss goes to 0. Fit power_offset beside it. "


def _single_column(
    size: str, symbol: str, unit: str, scale: float, exponent: float, equation: str
) -> Law:
    """Return the law of one column in Kaplan's form, (size_c/size)^alpha."""
    critical, alpha = f"{size}c", f"alpha_{size}"
    return Law(
        f"({critical}/{size})**{alpha}",
        columns=(size,),
        params=positive(critical, alpha),
        derived={"doubling": f"2**(-{alpha})"},
        name=f"kaplan_{size.lower()}",
        description=f"Loss from {symbol} alone, the others not limiting; without a floor.",
        units={size: unit, critical: unit},
        notes=f"{NO_FLOOR}{critical} is where the line would reach a loss of 1, far outside any "
        f"data, and trades off with {alpha}; doubling is what twice {size} does to the loss.",
        cite=f"{PAPER}, equation {equation}",
        needs=(
            Need("rows", 3),
            Need("levels", 2, size, because=f"{alpha} cannot be told apart from {critical}"),
        ),
        published={
            "kaplan2020": {
                "params": {critical: scale, alpha: exponent},
                "cite": f"{PAPER}, equation {equation}",
                "verified": True,
            }
        },
    )


def kaplan_n() -> Law:
    """Return the loss of a converged model of N parameters, (Nc/N)^alpha_N.

    Examples
    --------
    >>> kaplan_n().formula
    '(Nc/N)**alpha_N'
    """
    return _single_column("N", "the size", "parameters without embeddings", 8.8e13, 0.076, "1.1")


def kaplan_d() -> Law:
    """Return the loss of a large model stopped early on D tokens, (Dc/D)^alpha_D.

    Examples
    --------
    >>> kaplan_d().columns
    ('D',)
    """
    return _single_column("D", "the data", "tokens", 5.4e13, 0.095, "1.2")


def kaplan_c() -> Law:
    """Return the loss of the best use of a compute C, (Cc/C)^alpha_C.

    Examples
    --------
    >>> kaplan_c().units["C"]
    'PF-days of 8.64e19 FLOP, at the smallest batch (C_min)'
    """
    unit = "PF-days of 8.64e19 FLOP, at the smallest batch (C_min)"
    return _single_column("C", "compute", unit, 3.1e8, 0.050, "1.3")


def kaplan() -> Law:
    """Return the law ((Nc/N)^(alpha_N/alpha_D) + Dc/D)^alpha_D with its optimal exponents.

    Under a budget C = 6 N D the optimal size is G (C/6)^a and the optimal number of tokens
    (C/6)^b / G, with a = alpha_D/(alpha_N + alpha_D).

    Examples
    --------
    >>> kaplan().derived["a"]
    'alpha_D/(alpha_N + alpha_D)'
    """
    return Law(
        "((Nc/N)**(alpha_N/alpha_D) + Dc/D)**alpha_D",
        columns=("N", "D"),
        params=positive("Nc", "alpha_N", "alpha_D", "Dc"),
        derived={
            "a": "alpha_D/(alpha_N + alpha_D)",
            "b": "alpha_N/(alpha_N + alpha_D)",
            "G": "(alpha_N/alpha_D*Nc**(alpha_N/alpha_D)/Dc)**(alpha_D/(alpha_N + alpha_D))",
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
        cite=f"{PAPER}, equation 1.5",
        needs=(
            Need("levels", 3, "N", because="Nc cannot be told apart from alpha_N"),
            Need("levels", 3, "D", because="Dc cannot be told apart from alpha_D"),
            Need(
                "levels",
                3,
                "D/N",
                because="Nc and alpha_N cannot be told apart from Dc and alpha_D",
            ),
            Need(
                "positive",
                1,
                "1 - abs(alpha_N/alpha_D*log10(Nc/N) - log10(Dc/D))",
                label="where the terms of N and of D are within a factor of 10",
                because="Nc and alpha_N, or Dc and alpha_D, are never seen",
            ),
        ),
        published={
            "kaplan2020": {
                "params": {"Nc": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "Dc": 1.8e13},
                "cite": f"{PAPER}, table 2",
                "verified": True,
            }
        },
    )


def kaplan_steps() -> Law:
    """Return the loss of N parameters after S steps, (Nc/N)^alpha_N + (Sc/S)^alpha_S.

    Examples
    --------
    >>> kaplan_steps().columns
    ('N', 'S')
    """
    return Law(
        "(Nc/N)**alpha_N + (Sc/S)**alpha_S",
        columns=("N", "S"),
        params=positive("Nc", "alpha_N", "Sc", "alpha_S"),
        name="kaplan_steps",
        description="Loss along a training curve: a term for size, a term for steps.",
        units={
            "N": "parameters without embeddings",
            "S": "steps at a large batch, S_min = S/(1 + B_crit/B)",
            "Nc": "parameters",
            "Sc": "steps",
        },
        notes="Each term trades its scale against its exponent. Rows of one curve are not "
        "independent: resample curves, not rows.",
        cite=f"{PAPER}, equation 1.6",
        needs=(
            Need("levels", 3, "N", because="Nc cannot be told apart from alpha_N"),
            Need("levels", 4, "S", within="N", because="Sc cannot be told apart from alpha_S"),
            Need("decades", 1, "S", because="Sc cannot be told apart from alpha_S"),
        ),
        published={
            "kaplan2020": {
                "params": {"Nc": 6.5e13, "alpha_N": 0.077, "Sc": 2.1e3, "alpha_S": 0.76},
                "cite": UNCHECKED,
                "verified": False,
            }
        },
    )

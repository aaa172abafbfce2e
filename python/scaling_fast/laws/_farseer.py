"""Loss from parameters and tokens where the exponent of the data changes with the size."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param

__all__ = ["farseer"]


def farseer() -> Law:
    """Return the law exp(s N^q + S) + exp(B N^b + Q) D^-exp(A N^a + E).

    Examples
    --------
    >>> list(farseer().params)
    ['s', 'q', 'S', 'B', 'b', 'Q', 'A', 'a', 'E']
    """
    return Law(
        "exp(s*N**q + S) + exp(B*N**b + Q)*D**(-exp(A*N**a + E))",
        columns=("N", "D"),
        params={
            "s": Param(start=-0.05, upper=0),
            "q": Param(start=0.13, lower=0.01, upper=1),
            "S": Param(start=0, lower=-5, upper=20),
            "B": Param(start=200, lower=0),
            "b": Param(start=-0.17, lower=-1, upper=-0.01),
            "Q": Param(start=-1.5, lower=-20, upper=20),
            "A": Param(start=-1.7, upper=0),
            "a": Param(start=0.045, lower=0.005, upper=1),
            "E": Param(start=3, lower=-5, upper=20),
        },
        name="farseer",
        description="Chinchilla's form at each size, with floor, scale and exponent smooth in N.",
        units={"N": "parameters", "D": "tokens"},
        notes="Nine parameters in three triples of scale, shift and power, each nearly flat along a "
        "ridge: read predictions, not parameters, and only inside the range of N. The starts are for "
        "N and D in parameters and tokens, and a fit may end at the iteration limit along a ridge. "
        "No closed-form optimum.",
        cite="Li et al. 2025, arXiv:2506.10972",
        needs=(
            Need("rows", 48, because="nine parameters on ridges need a grid"),
            Need("levels", 8, "N", because="s, q and S, B, b and Q, A, a and E trade off"),
            Need("levels", 6, "D", within="N", because="S, Q and E at a size are not known"),
        ),
        published={
            "li2025": {
                "params": {
                    "s": -0.062465473,
                    "q": 0.13,
                    "S": 0.1284880679442551,
                    "B": 230.73437075885855,
                    "b": -0.1729,
                    "Q": -1.544209554,
                    "A": -1.665630816,
                    "a": 0.0458999999999619,
                    "E": 3.133347198805445,
                },
                "cite": "Li et al. 2025, arXiv:2506.10972: English web text, bits per character",
                "verified": True,
            }
        },
    )

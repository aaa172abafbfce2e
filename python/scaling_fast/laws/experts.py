"""Loss of models that use only a part of their parameters for each token: mixtures of experts, sparsity."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param, positive

__all__ = ["abnar", "clark", "krajewski", "ludziejewski"]

EFFECTIVE = "1/(1/(experts - 1 + 1/(1/E_s - 1/E_m)) + 1/E_m)"
"""Clark's saturated number of experts: E_s for a single one, E_m at most."""


def clark() -> Law:
    """Return the loss of a routed model, bilinear in the logarithms of size and experts.

    log10 of the loss is a n + b e + c n e + d, with n = log10 N and e the log10 of a number of
    experts that begins at E_s and saturates at E_m.

    Examples
    --------
    >>> clark().columns
    ('N', 'experts')
    """
    return Law(
        f"10**(a*log10(N) + b*log10({EFFECTIVE}) + c*log10(N)*log10({EFFECTIVE}) + d)",
        columns=("N", "experts"),
        params={
            **{name: Param() for name in "abcd"},
            "E_s": Param(lower=1, upper=10),
            "E_m": Param(lower=10, upper=1e5),
        },
        derived={"N_cutoff": "10**(-b/c)"},
        name="clark",
        description="Loss of a mixture of experts from the size of its dense part and their number.",
        units={
            "N": "parameters of the model without routing",
            "experts": "experts per layer, 1 for a dense model",
            "E_s": "experts",
            "E_m": "experts",
        },
        notes="N_cutoff is the size beyond which more experts no longer help. Values of c that differ "
        "from 0 by less than their error leave it undefined.",
        cite="Clark et al. 2022, arXiv:2202.01169",
        needs=(
            Need("levels", 4, "N", because="a cannot be told apart from d"),
            Need("levels", 6, "experts", because="b cannot be told apart from E_s and E_m"),
            Need("largest", 0.5, "experts/E_m", because="E_m has no upper end"),
        ),
    )


def krajewski() -> Law:
    """Return the loss of fine-grained experts, c + (g/G^gamma + a) N^-alpha + b D^-beta.

    Examples
    --------
    >>> krajewski().columns
    ('G', 'N', 'D')
    """
    return Law(
        "c + (g/G**gamma + a)*N**(-alpha) + b*D**(-beta)",
        columns=("N", "D", "G"),
        params=positive("c", "g", "gamma", "a", "alpha", "b", "beta"),
        derived={"exponent": "beta/(alpha + beta)"},
        name="krajewski",
        description="Loss of a mixture of experts from size, tokens and granularity.",
        units={
            "N": "total parameters without embeddings, all experts counted (64 times the active "
            "ones in the paper)",
            "D": "tokens",
            "G": "granularity: width of a feed-forward layer over width of an expert",
            "c": "nats per token",
        },
        notes="exponent is that of the optimal size in compute at equal granularity. The number of "
        "experts must be the same in all rows.",
        cite="Krajewski et al. 2024, arXiv:2402.07871",
        needs=(
            Need("levels", 4, "G", because="g cannot be told apart from gamma"),
            Need("levels", 4, "N", because="a cannot be told apart from alpha"),
            Need("levels", 4, "D", because="b cannot be told apart from beta"),
            Need("levels", 4, "D/N", because="a and alpha cannot be told apart from b and beta"),
            Need("decades", 1, "D/N", because="a and alpha cannot be told apart from b and beta"),
        ),
        published={
            "krajewski2024": {
                "params": {
                    "c": 0.47,
                    "g": 2.1,
                    "gamma": 0.58,
                    "a": 18.1,
                    "alpha": 0.115,
                    "b": 30.8,
                    "beta": 0.147,
                },
                "cite": "Krajewski et al. 2024, arXiv:2402.07871, table 1, 64 experts",
                "verified": True,
            }
        },
    )


def ludziejewski() -> Law:
    """Return the joint law of active parameters, tokens and experts.

    a E^delta N^(alpha + gamma ln E) + b E^omega D^(beta + zeta ln E) + c, with E the transformed
    number of experts: alpha and beta are negative.

    Examples
    --------
    >>> ludziejewski().columns
    ('E_hat', 'N_act', 'D')
    """
    return Law(
        "a*E_hat**delta*N_act**(alpha + gamma*log(E_hat))"
        " + b*E_hat**omega*D**(beta + zeta*log(E_hat)) + c",
        columns=("N_act", "D", "E_hat"),
        params={
            **positive("a", "b", "c"),
            "alpha": Param(lower=-2, upper=0),
            "beta": Param(lower=-2, upper=0),
            "delta": Param(lower=-3, upper=3),
            "omega": Param(lower=-3, upper=3),
            "gamma": Param(lower=-0.5, upper=0.5),
            "zeta": Param(lower=-0.5, upper=0.5),
        },
        derived={"exponent_at_one": "beta/(alpha + beta)"},
        name="ludziejewski",
        description="Loss of dense and mixture-of-experts models in one: exponents move with ln E.",
        units={
            "N_act": "active parameters with embedding and unembedding: 2 d V + 13 n d^2 for width d, "
            "vocabulary V and n layers (appendix A.1)",
            "D": "tokens",
            "E_hat": "experts, saturated as clark does it: E_start, not 1, for a dense model",
            "c": "nats per token",
        },
        notes="exponent_at_one is that of the optimal active size in compute at E_hat = 1. A dense model "
        "of the paper has E_hat = E_start = 2.0732; at any E_hat the exponent is (beta + zeta ln "
        "E_hat)/(alpha + beta + (gamma + zeta) ln E_hat). With E experts, E_hat = 1/(1/(E - 1 + "
        "1/(1/E_start - 1/E_max)) + 1/E_max).",
        cite="Ludziejewski et al. 2025, arXiv:2502.05172",
        needs=(
            Need("rows", 20),
            Need(
                "levels",
                4,
                "E_hat",
                because="gamma and zeta cannot be told apart from delta and omega",
            ),
            Need(
                "levels",
                4,
                "N_act",
                within="E_hat",
                because="alpha cannot be told apart from gamma",
            ),
            Need("levels", 4, "D", within="E_hat", because="beta cannot be told apart from zeta"),
            Need(
                "decades", 1, "D/N_act", because="a and alpha cannot be told apart from b and beta"
            ),
        ),
        published={
            "ludziejewski2025": {
                "params": {
                    "a": 35.91,
                    "alpha": -0.1889,
                    "delta": -0.2285,
                    "gamma": 0.0098,
                    "b": 35.98,
                    "beta": -0.1775,
                    "omega": 0.5529,
                    "zeta": -0.0259,
                    "c": 1.3637,
                },
                "cite": "Ludziejewski et al. 2025, arXiv:2502.05172, table 3, with E_start = 2.0732 "
                "and E_max = 290.4521 in E_hat",
                "verified": True,
            }
        },
    )


def abnar() -> Law:
    """Return the loss from total size, tokens and sparsity S, the share of inactive parameters.

    a/N^alpha + b/D^beta + c/(1 - S)^lam + d/((1 - S)^delta N^gamma) + e.

    Examples
    --------
    >>> abnar().columns
    ('N', 'D', 'S')
    """
    return Law(
        "a/N**alpha + b/D**beta + c/(1 - S)**lam + d/((1 - S)**delta*N**gamma) + e",
        columns=("N", "D", "S"),
        params={
            **positive("a", "alpha", "b", "beta", "c", "d", "gamma", "e"),
            "lam": Param(lower=-3, upper=3),
            "delta": Param(lower=-3, upper=3),
        },
        name="abnar",
        description="Loss of sparse models: a cost of sparsity that fades with size.",
        units={
            "N": "parameters in total",
            "D": "tokens",
            "S": "inactive over total parameters, from 0 to below 1",
            "e": "nats per token",
        },
        notes="lam stands for the lambda of the paper. a/N^alpha and d/N^gamma are told apart by the "
        "dependence on S alone, and c from e in the same way.",
        cite="Abnar et al. 2025, arXiv:2501.12370",
        needs=(
            Need("rows", 30),
            Need("levels", 5, "1 - S", label="S", because="lam and delta cannot be told apart"),
            Need("levels", 5, "N", within="S", because="alpha cannot be told apart from gamma"),
            Need("levels", 4, "D", because="b cannot be told apart from beta"),
            Need("decades", 1, "1 - S", because="c cannot be told apart from e"),
        ),
    )

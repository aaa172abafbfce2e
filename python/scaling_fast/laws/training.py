"""Laws of how a model is trained: transfer, the schedule of the learning rate, its best value, the batch."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param, positive

__all__ = ["annealing", "step_law_batch", "step_law_lr", "transfer"]

STEP_LAW = "Li et al. 2025, arXiv:2503.04715 (step law)"


def transfer() -> Law:
    """Return the effective data transferred by pre-training, k D_F^alpha N^beta.

    Examples
    --------
    >>> transfer().columns
    ('D_F', 'N')
    """
    return Law(
        "k*D_F**alpha*N**beta",
        columns=("D_F", "N"),
        params={"k": Param(lower=0), "alpha": Param(), "beta": Param()},
        name="transfer",
        description="What pre-training is worth, in tokens of the fine-tuning data.",
        units={
            "D_F": "tokens of fine-tuning",
            "N": "parameters without embeddings",
            "k": "tokens, at D_F = N = 1",
        },
        notes="The target is the data that a model from scratch needs for the same loss, less D_F.",
        cite="Hernandez et al. 2021, arXiv:2102.01293",
        needs=(
            Need("rows", 5),
            Need("levels", 2, "D_F", because="alpha is not identified"),
            Need("levels", 2, "N", because="beta is not identified"),
            Need(
                "independence",
                0.1,
                "log(D_F)",
                within="log(N)",
                because="alpha cannot be told apart from beta",
            ),
        ),
        published={
            "hernandez2021_text": {
                "params": {"k": 1.9e4, "alpha": 0.18, "beta": 0.38},
                "cite": "Hernandez et al. 2021, arXiv:2102.01293: text to Python; not checked "
                "against the paper",
                "verified": False,
            },
            "hernandez2021_mix": {
                "params": {"k": 2.1e5, "alpha": 0.096, "beta": 0.38},
                "cite": "Hernandez et al. 2021, arXiv:2102.01293: half text and half code to "
                "Python; not checked against the paper",
                "verified": False,
            },
        },
    )


def annealing() -> Law:
    """Return the loss along a schedule of the learning rate, L0 + A S1^-alpha - C S2.

    S1 is the sum of the learning rates so far, S2 the sum over steps of what annealing has
    gathered: m_i = lambda m_(i-1) + (eta_(i-1) - eta_i), S2 = sum m_i.

    Examples
    --------
    >>> annealing().columns
    ('S1', 'S2')
    """
    return Law(
        "L0 + A*S1**(-alpha) - C*S2",
        columns=("S1", "S2"),
        params=positive("L0", "A", "alpha", "C"),
        name="annealing",
        description="Loss at any step of any schedule, from two sums over its learning rates.",
        units={
            "S1": "sum of learning rates",
            "S2": "annealing area, at a fixed decay such as 0.999",
            "L0": "nats per token",
        },
        notes="The decay of S2 is chosen before the fit. Rows of one run are not independent: "
        "resample runs, not rows.",
        cite="Tissue, Wang and Wang 2024, arXiv:2408.11029",
        needs=(
            Need("rows", 6),
            Need("decades", 1, "S1", because="L0 cannot be told apart from alpha"),
            Need("levels", 3, "S2", because="C is not identified by runs without annealing"),
            Need(
                "independence",
                0.02,
                "S2",
                within="S1",
                because="C cannot be told apart from A: one schedule",
            ),
        ),
    )


def step_law_lr() -> Law:
    """Return the best peak learning rate, c N^a D^b.

    Examples
    --------
    >>> step_law_lr().published["li2025"]["params"]["a"]
    -0.713
    """
    return Law(
        "c*N**a*D**b",
        columns=("N", "D"),
        params={"c": Param(lower=0), "a": Param(), "b": Param()},
        name="step_law_lr",
        description="The best peak learning rate of a model of N parameters on D tokens.",
        units={"N": "parameters without embeddings", "D": "tokens", "c": "learning rate"},
        notes="The target is a learning rate found by a sweep, known to half a step of its grid.",
        cite=STEP_LAW,
        needs=(
            Need("rows", 5),
            Need("levels", 2, "N", because="a is not identified"),
            Need("levels", 2, "D", because="b is not identified"),
            Need(
                "independence",
                0.1,
                "log(D)",
                within="log(N)",
                because="a cannot be told apart from b",
            ),
        ),
        published={
            "li2025": {
                "params": {"c": 1.79, "a": -0.713, "b": 0.307},
                "cite": STEP_LAW,
                "verified": True,
            }
        },
    )


def step_law_batch() -> Law:
    """Return the best batch, c D^b.

    Examples
    --------
    >>> step_law_batch().columns
    ('D',)
    """
    return Law(
        "c*D**b",
        columns=("D",),
        params={"c": Param(lower=0), "b": Param()},
        name="step_law_batch",
        description="The best batch on D tokens, whatever the size of the model.",
        units={"D": "tokens", "c": "tokens a batch"},
        notes="The target is a batch size found by a sweep, known to half a step of its grid.",
        cite=STEP_LAW,
        needs=(Need("rows", 3), Need("levels", 2, "D", because="b is not identified")),
        published={
            "li2025": {"params": {"c": 0.58, "b": 0.571}, "cite": STEP_LAW, "verified": True}
        },
    )

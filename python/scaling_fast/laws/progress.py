"""How algorithms improve: less compute each year for the same loss."""

from __future__ import annotations

from scaling_fast.laws.law import Law
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param

__all__ = ["algorithmic_progress"]

DUMMIES = ("ptb", "wt2")
YEARS_OF_SIZE = "alpha_p/alpha_year*log(2)"
YEARS_OF_DATA = "beta_d/beta_year*log(2)"


def algorithmic_progress() -> Law:
    """Return the log perplexity from size, data and year of publication, with two benchmarks.

    exp(alpha_c + dummies - alpha_year (t - t0) - alpha_p ln(N/N0)) and the same in the data.

    Examples
    --------
    >>> algorithmic_progress().columns
    ('ptb', 'wt2', 't', 'N', 'D')
    """
    size = "alpha_c + alpha_ptb*ptb + alpha_wt2*wt2 - alpha_year*(t - t0) - alpha_p*log(N/N0)"
    data = "beta_c + beta_ptb*ptb + beta_wt2*wt2 - beta_year*(t - t0) - beta_d*log(D/D0)"
    constants = {"t0": Param(fixed=2012), "N0": Param(fixed=1e6), "D0": Param(fixed=1e6)}
    return Law(
        f"exp({size}) + exp({data})",
        columns=("N", "D", "t", *DUMMIES),
        params=constants
        | {f"{term}_{suffix}": Param() for term in ("alpha", "beta") for suffix in ("c", *DUMMIES)}
        | {
            name: Param(lower=-1, upper=1)
            for name in ("alpha_year", "beta_year", "alpha_p", "beta_d")
        },
        derived={
            "years_size": YEARS_OF_SIZE,
            "years_data": YEARS_OF_DATA,
            "years": f"1/(1/({YEARS_OF_SIZE}) + 1/({YEARS_OF_DATA}))",
        },
        name="algorithmic_progress",
        description="Log perplexity of published models: size and data are worth more each year.",
        units={
            "N": "parameters",
            "D": "tokens",
            "t": "year of publication, with its fraction",
            "ptb": "1 for the Penn Treebank, else 0",
            "wt2": "1 for WikiText-2, else 0 (0 and 0 is WikiText-103)",
            "t0": "year",
            "N0": "parameters",
            "D0": "tokens",
            "alpha_year": "1 / year",
            "beta_year": "1 / year",
        },
        notes="years is the time in which algorithms halve the compute for a loss, years_size and "
        "years_data the two parts, of which only the sum of rates is identified. t0, N0 and D0 are "
        "fixed: they shift alpha_c and beta_c and nothing else. The target is the logarithm of the "
        "perplexity, residuals raw. The authors add an l1 penalty, which is not part of the law.",
        cite="Ho et al. 2024, arXiv:2403.05812 (their model 7)",
        needs=(
            Need("rows", 30, because="ten parameters on a ridge need more rows"),
            Need("levels", 2, "ptb", because="alpha_ptb and beta_ptb are not identified"),
            Need("levels", 2, "wt2", because="alpha_wt2 and beta_wt2 are not identified"),
            Need(
                "independence",
                0.1,
                "t",
                within="log(N*D)",
                because="alpha_year and beta_year cannot be told apart from alpha_p and beta_d",
            ),
            Need("levels", 4, "D/N", because="alpha_p and beta_d cannot be told apart"),
            Need("decades", 1.5, "D/N", because="alpha_p and beta_d cannot be told apart"),
        ),
    )

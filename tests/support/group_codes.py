"""The codes that a group has in the table of fits: those of a single fit without the checks of its rows."""

from __future__ import annotations

OF_ROWS = {
    *("units", "swapped", "duplicates", "checkpoints", "replicates_disagree", "outliers"),
    *("one_budget", "collinear", "weak", "autocorrelated", "lack_of_fit"),
}
"""Codes that only single fits are checked for, as the checks take longer than a fit."""


def codes_of_the_fit(fit):
    """Return the codes of a single fit's findings, each once, without those about its rows."""
    return list(dict.fromkeys(f.code for f in fit.findings if f.code not in OF_ROWS))

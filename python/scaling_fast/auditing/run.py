"""Audit a claim: gather the evidence, run the checks, keep the report as one table of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaling_fast.auditing.checks import CHECKS
from scaling_fast.auditing.checks.check import run_checks
from scaling_fast.auditing.claim.reading import Paper, load_paper
from scaling_fast.auditing.evidence.case import gather
from scaling_fast.auditing.report import full_report
from scaling_fast.auditing.result import Audit
from scaling_fast.errors import ParameterError, quote
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.validation import checked_seed, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scaling_fast.auditing.checks.check import Check
    from scaling_fast.auditing.evidence.refits import Progress

__all__ = ["audit", "audit_with"]

FEWEST, MOST = 20, 10_000_000  # replicates: a p-value needs some, a laptop's memory limits them


@ask_first
def audit(
    paper: str | Path | Paper,
    *,
    data: Any = None,
    n: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Return the audit of a published claim.

    Parameters
    ----------
    paper
        Name of an embedded claim (`"hoffmann2022"`, `"cerebras2023"`), path of a claim file, or a
        `Paper`.
    data
        Rows to use instead of those the claim file names: a frame, a mapping of arrays, or the
        path of a CSV, Parquet or Arrow file. Without rows, only the paper's own numbers are
        audited.
    n
        Number of replicates, from 20 to 10,000,000; None takes the claim file's number.
    seed
        Seed of the resamples, from 0 to 2**64 - 1. The same seed gives the same report, byte for
        byte.
    threads
        Number of threads; the result does not depend on it.
    progress
        Function that is called with a few words and the share done, between 0 and 1.

    Raises
    ------
    DataError
        If the claim file or the data are malformed.
    ParameterError
        If `n` or `seed` are out of range.

    Examples
    --------
    >>> result = audit("cerebras2023", n=50)
    >>> result.verdict in ("green", "amber", "red", "grey")
    True
    >>> result.letter().startswith("#")
    True
    """
    return audit_with(CHECKS, paper, data=data, n=n, seed=seed, threads=threads, progress=progress)


@ask_first
def audit_with(
    checks: Sequence[Check[Any]],
    paper: str | Path | Paper,
    *,
    data: Any = None,
    n: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Return the audit of a claim by the given checks; `audit` takes all of `CHECKS`."""
    require_usable_process()
    claim = load_paper(paper)
    replicates = whole_number(claim.settings.n if n is None else n, "n", FEWEST)
    if replicates > MOST:
        raise ParameterError(
            f"n must be at most {MOST:,}, got {quote(replicates)}", code="too_large", param="n"
        )
    case = gather(
        claim,
        data=data,
        n=replicates,
        seed=checked_seed(whole_number(seed, "seed", 0)),
        threads=threads,
        progress=progress,
    )
    return Audit(full_report(case, checks, run_checks(checks, case)))

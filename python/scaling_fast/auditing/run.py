"""Audit a claim: gather the evidence, run the checks, keep the report as one table of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.auditing.checks import CHECKS
from scaling_fast.auditing.checks.check import joined
from scaling_fast.auditing.claim.reading import Paper, load_paper
from scaling_fast.auditing.evidence.case import gather
from scaling_fast.auditing.report import full_report
from scaling_fast.auditing.result import Audit
from scaling_fast.errors import ParameterError, quote
from scaling_fast.reporting.files import json_ready
from scaling_fast.runtime.process import require_usable_process

if TYPE_CHECKING:
    from pathlib import Path

    from scaling_fast.auditing.evidence.refits import Progress

FEWEST, MOST = 20, 10_000_000  # replicates: a p-value needs some, a laptop's memory some fewer


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
        An embedded claim (`"hoffmann2022"`, `"cerebras2023"`), the path of a claim file, or a
        `Paper`.
    data
        Rows to use instead of those the claim file names: a frame, a mapping of arrays, or the
        path of a CSV, Parquet or Arrow file. Rows that cannot be found make a table-only audit.
    n
        Replicates; None takes the claim file's number.
    seed
        Seed of the resamples. The same seed gives the same report, byte for byte.
    threads
        Threads of the engine; the result does not depend on them.
    progress
        Called with a few words and the share done, for a progress bar.

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
    require_usable_process()
    claim = load_paper(paper)
    replicates: Any = claim.settings.n if n is None else n
    number: Any = seed
    if isinstance(replicates, bool) or not isinstance(replicates, int | np.integer):
        raise ParameterError(f"n must be a whole number, got {quote(replicates)}", param="n")
    if not FEWEST <= replicates <= MOST:
        raise ParameterError(
            f"n must be between {FEWEST} and {MOST:,}, got {quote(replicates)}", param="n"
        )
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or not 0 <= number < 2**63:
        raise ParameterError(
            f"seed must be a whole number from 0 to 2**63 - 1, got {quote(seed)}", param="seed"
        )
    case = gather(
        claim, data=data, n=int(replicates), seed=int(seed), threads=threads, progress=progress
    )
    outcome = joined([check(case) for check in CHECKS])
    return Audit(json_ready(full_report(case, outcome)))

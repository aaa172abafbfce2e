"""Exit codes of the command, and what a set of findings makes of them."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from scaling_fast.findings import PRECEDENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scaling_fast.findings import Finding

__all__ = ["FAIL_ON", "SEVERITIES", "Exit", "after_findings"]

SEVERITIES = PRECEDENCE[:-1]  # what --fail-on takes, worst first: green never fails
FAIL_ON = (
    "Exit 1 on a finding of this severity or a worse one. Worst first: red (fails), grey (could "
    "not be assessed), amber (doubtful). Advisory findings do not count."
)


class Exit(IntEnum):
    """What the command's exit code says; the shell's own conventions beyond 3."""

    FINE = 0
    FINDINGS = 1
    CANNOT_ASK = 2
    NO_USABLE_FIT = 3
    INTERRUPTED = 130  # 128 + SIGINT
    READER_LEFT = 141  # 128 + SIGPIPE


def after_findings(findings: Iterable[Finding], fail_on: str | None) -> Exit:
    """Return FINDINGS when one is at or above `fail_on`; None never fails."""
    if fail_on is None:
        return Exit.FINE
    counted = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return Exit.FINDINGS if any(f.severity in counted for f in findings) else Exit.FINE

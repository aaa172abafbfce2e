"""Exit codes of the command, and what a set of findings makes of them."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from scaling_fast.findings import PRECEDENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scaling_fast.findings import Finding

__all__ = ["FAIL_ON", "SEVERITIES", "Exit", "after_findings"]

SEVERITIES = tuple(severity for severity in PRECEDENCE if severity != "green")
"""What --fail-on takes, worst first."""
FAIL_ON = (
    "Exit with 1 on a finding of this severity or worse. Worst first: red (fails), grey (could not "
    "be assessed), amber (doubtful). Advisory findings do not count."
)


class Exit(IntEnum):
    """Meaning of each exit code of the command; those above 3 follow the shell's conventions."""

    SUCCESS = 0
    FINDINGS = 1
    BAD_INPUT = 2
    NO_USABLE_FIT = 3
    INTERRUPTED = 130  # 128 + SIGINT
    BROKEN_PIPE = 141  # 128 + SIGPIPE


def after_findings(findings: Iterable[Finding], fail_on: str | None) -> Exit:
    """Return FINDINGS where a finding is as severe as `fail_on` or worse; None never fails."""
    if fail_on is None:
        return Exit.SUCCESS
    counted = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return (
        Exit.FINDINGS if any(finding.severity in counted for finding in findings) else Exit.SUCCESS
    )

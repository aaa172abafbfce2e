"""Audit published scaling laws: claim files, checks, verdicts."""

from __future__ import annotations

from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.claim.reading import Paper, load_paper, paper_names
from scaling_fast.auditing.result import Audit
from scaling_fast.auditing.run import audit

__all__ = ["Audit", "Paper", "Printed", "audit", "load_paper", "paper_names"]

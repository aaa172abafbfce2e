"""Stress tests: what a fit, its design and its intervals hold up to; each from a Fit to a `Stress`."""

from __future__ import annotations

from scaling_fast.stress._coverage import COVERED as COVERED
from scaling_fast.stress._coverage import coverage
from scaling_fast.stress.result import Stress

__all__ = ["Stress", "coverage"]

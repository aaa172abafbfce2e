"""Stress tests of a fit, its design and its intervals: each takes a `Fit` and returns a `Stress`."""

from __future__ import annotations

from scaling_fast.stress._backtest import backtest
from scaling_fast.stress._coverage import coverage
from scaling_fast.stress.result import Stress

__all__ = ["Stress", "backtest", "coverage"]

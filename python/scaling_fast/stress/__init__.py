"""Stress tests of a fit, its design and its intervals: what they hold up to, inside the runs and beyond."""

from __future__ import annotations

from scaling_fast.stress._allowance import allowance
from scaling_fast.stress._backtest import backtest
from scaling_fast.stress._coverage import coverage
from scaling_fast.stress.result import Stress

__all__ = ["Stress", "allowance", "backtest", "coverage"]

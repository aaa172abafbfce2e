"""Profiles of published learning curves: no fit with a parameter held at a finite end lies below the threshold."""

from __future__ import annotations

import math

import polars as pl
import pytest

import scaling_fast as sf

COLUMNS = {"x": "seen_examples"}
TASKS = ["('ling', '1-shot')", "('mult', '2-shot')", "('date', '1-shot')"]


@pytest.mark.parametrize("law", ["power_offset", "m3", "bnsl"])
@pytest.mark.parametrize("task", TASKS)
def test_ends_are_those_of_the_lowest_basin(reference, task, law):
    curves = pl.read_csv(reference("alabdulmohsin_curves.csv"))
    curve = curves.filter(pl.col("task") == task, pl.col("training") == 1)
    fit = sf.fit(curve, law, columns=COLUMNS, loss=sf.Squared())
    for name in list(fit.law.params)[:3] if fit.converged else ():
        found = sf.profile(fit, name)
        for end in (found.lower, found.upper):
            if math.isfinite(end):
                params = {name: sf.Param(fixed=end)}
                held = sf.fit(curve, law, columns=COLUMNS, loss=sf.Squared(), params=params)
                freedom = fit.n - sum(fit.is_free(name) for name in fit.law.params)
                statistic = (held.objective / fit.objective - 1.0) * freedom
                assert statistic >= found.threshold * (1.0 - 1e-3)
            else:
                assert [finding for finding in found.findings if finding.code == "open_end"]

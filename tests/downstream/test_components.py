"""Benchmark components: the eigenvalues of complete tables, gaps that follow them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf


def test_components_of_complete_rows_are_an_eigenvalue_decomposition():
    rng = np.random.default_rng(11)
    table = rng.standard_normal((40, 1)) @ [[3.0, 2.0, 1.0]] + 0.3 * rng.standard_normal((40, 3))
    frame = pl.DataFrame(table, schema=["a", "b", "c"])
    found = sf.downstream.benchmark_components(frame, columns=["a", "b", "c"], components=2)
    values = np.sort(np.linalg.eigvalsh(np.cov(table.T)))[::-1]
    assert found.shares == pytest.approx(values / values.sum(), rel=1e-10)
    assert found.loadings @ found.loadings.T == pytest.approx(np.eye(2), abs=1e-12)
    again = found.transform(frame)
    assert again.to_numpy() == pytest.approx(found.scores.to_numpy(), abs=1e-12)


def test_held_out_rows_touch_no_loading_and_gaps_follow_the_first_component():
    line = np.linspace(0.1, 0.9, 9)
    frame = {"a": line, "b": 0.5 * line, "c": 1 - line}
    found = sf.downstream.benchmark_components(frame, columns=["a", "b", "c"], components=1)
    whole = found.transform({"a": [0.45], "b": [0.225], "c": [0.55]})
    gap = found.transform({"a": [None], "b": [0.225], "c": [None]})
    assert gap["PC1"].item() == pytest.approx(whole["PC1"].item(), abs=1e-12)


def test_filled_gaps_lie_on_the_component_of_the_filled_table():
    rng = np.random.default_rng(12)
    table = rng.standard_normal((30, 1)) @ [[1.0, 2.0, 1.5, 0.5]] + 0.2 * rng.standard_normal(
        (30, 4)
    )
    table[rng.uniform(size=table.shape) < 0.15] = np.nan
    table[np.isnan(table).all(axis=1), 0] = 0.0
    found = sf.downstream.benchmark_components(
        pl.DataFrame(table, schema=list("abcd")), columns=list("abcd"), components=1
    )
    plane = found.means + found.scores["PC1"].to_numpy()[:, None] * found.loadings[0]
    gap = np.isnan(table)
    assert found.gaps == gap.sum() > 0
    assert found.filled.to_numpy()[gap] == pytest.approx(plane[gap], abs=1e-8)
    assert (found.filled.to_numpy()[~gap] == table[~gap]).all()
    with pytest.raises(sf.errors.DataError, match="row 1 has no score at all"):
        sf.downstream.benchmark_components(
            {"a": [1.0, None], "b": [2.0, None]}, columns=["a", "b"], components=1
        )

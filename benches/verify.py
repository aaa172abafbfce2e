"""Is every fast refit at its own optimum? Warm replicates beside slow ones searched from many starts.

    python benches/verify.py [--replicates 100000] [--chunk 2000]

The slow side refits the same replicates with `starts="multi"` and the law written so that no short
cut recognises it. Objectives are recomputed from the returned parameters. Prints the share within
1e-9 relative of the better of the two and the worst excess; ends with 1 when fewer than 99.99 % are,
one is off by more than 1e-3, or a reported objective is not the recomputed one to 1e-11.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

import scaling_fast as sf
from tasks.chinchilla import COLUMNS, DELTA, reference
from tasks.common import huber

if TYPE_CHECKING:
    import polars as pl

PLAIN = "abs(E) + A/N**alpha + B/D**beta"


def recomputed(draws: pl.DataFrame, runs: pl.DataFrame, index: np.ndarray) -> np.ndarray:
    """Return the objective of every replicate from its returned parameters, in numpy alone."""
    floor, a, b, alpha, beta = draws.select("E", "A", "B", "alpha", "beta").to_numpy().T[:, :, None]
    n, d, loss = (runs[one].to_numpy()[None] for one in (*COLUMNS.values(), "loss"))
    with np.errstate(all="ignore"):
        values = np.abs(floor) + a * n**-alpha + b * d**-beta
        terms = huber(np.log(values) - np.log(loss), DELTA)
    return np.take_along_axis(terms, index, axis=1).sum(axis=1)


def excesses(first: int, count: int) -> tuple[np.ndarray, float]:
    """Return how far warm objectives lie above the best known, relative; failures are infinite.

    Also returns the largest relative difference of reported and recomputed objectives.
    """
    runs, _ = reference()
    loss = sf.Huber(DELTA)
    quick = sf.fit(runs, "chinchilla", columns=COLUMNS, loss=loss)
    params = dict(sf.laws.get("chinchilla").params)
    slow = sf.fit(
        runs, PLAIN, target="loss", columns=COLUMNS, loss=loss, residual="log", params=params
    )
    index = np.random.default_rng(first).integers(0, runs.height, (count, runs.height))
    scheme = sf.Indices(index)
    warm = sf.bootstrap(quick, scheme, progress=False).draws
    multi = sf.bootstrap(slow, scheme, starts="multi", progress=False).draws
    ours, searched = (recomputed(one, runs, index) for one in (warm, multi))
    best = np.fmin(ours, searched)
    said = [
        np.abs(one["objective"].to_numpy() - found) / found
        for one, found in ((warm, ours), (multi, searched))
    ]
    good = (warm["status"] == "converged").to_numpy() & np.isfinite(ours)
    return np.where(good, (ours - best) / best, np.inf), float(np.nanmax(said))


def main() -> None:
    parser = argparse.ArgumentParser(description="warm refits beside slow searched ones")
    parser.add_argument("--replicates", type=int, default=100_000)
    parser.add_argument("--chunk", type=int, default=2_000)
    options = parser.parse_args()
    console = Console(highlight=False)
    parts, untrue = [], 0.0
    for first in range(0, options.replicates, options.chunk):
        part, said = excesses(first, min(options.chunk, options.replicates - first))
        parts.append(part)
        untrue = max(untrue, said)
        gaps = np.concatenate(parts)
        console.print(
            f"{len(gaps):,}: {np.mean(gaps <= 1e-9):.4%} within 1e-9, worst {gaps.max():.2e}, "
            f"reported beside recomputed {untrue:.1e}"
        )
    sys.exit(int(np.mean(gaps <= 1e-9) < 0.9999 or gaps.max() > 1e-3 or untrue > 1e-11))


if __name__ == "__main__":
    main()

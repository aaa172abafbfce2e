"""Is every fast refit at its own optimum? Warm replicates beside slow ones searched from many starts.

    python benches/verify.py [--replicates 100000] [--chunk 2000]

The slow side refits the same replicates with `starts="multi"` and the law written so that no short
cut recognises it. Prints the share within 1e-9 relative of the better of the two and the worst
excess; ends with 1 when fewer than 99.99 % are, or one is off by more than 1e-3.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from rich.console import Console

import scaling_fast as sf
from tasks.chinchilla import COLUMNS, DELTA, reference

PLAIN = "abs(E) + A/N**alpha + B/D**beta"


def excesses(first: int, count: int) -> np.ndarray:
    """Return how far warm objectives lie above the best known, relative; failures are infinite."""
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
    ours, best = warm["objective"].to_numpy(), multi["objective"].to_numpy()
    best = np.fmin(ours, best)
    good = (warm["status"] == "converged").to_numpy() & np.isfinite(ours)
    return np.where(good, (ours - best) / best, np.inf)


def main() -> None:
    parser = argparse.ArgumentParser(description="warm refits beside slow searched ones")
    parser.add_argument("--replicates", type=int, default=100_000)
    parser.add_argument("--chunk", type=int, default=2_000)
    options = parser.parse_args()
    console = Console(highlight=False)
    parts = []
    for first in range(0, options.replicates, options.chunk):
        parts.append(excesses(first, min(options.chunk, options.replicates - first)))
        gaps = np.concatenate(parts)
        console.print(
            f"{len(gaps):,}: {np.mean(gaps <= 1e-9):.4%} within 1e-9, worst {gaps.max():.2e}"
        )
    sys.exit(int(np.mean(gaps <= 1e-9) < 0.9999 or gaps.max() > 1e-3))


if __name__ == "__main__":
    main()

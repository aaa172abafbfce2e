"""What the questions about a forecast cost, and what they say of sixty runs.

    python benches/forecasts.py [--repeat 7] [--test]

Sixty runs of a Chinchilla law on six budgets, noise 0.5 %, under the loss that suits one's own data; draws and
replicates as a study takes them. Each line is the median of some runs in seconds, after one that is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

import scaling_fast as sf

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET = 1e23
STUDY = 99
"""Data sets and replicates of a study."""


def sixty_runs(seed: int) -> sf.Fit:
    """Return the fit of sixty simulated runs."""
    compute, ratio = (
        axis.ravel()
        for axis in np.meshgrid(np.geomspace(1e18, 10**20.5, 6), np.geomspace(1, 1e3, 10))
    )
    size = np.sqrt(compute / (6.0 * ratio))
    noise = 0.005 * np.random.default_rng(seed).standard_normal(60)
    loss = (1.8 + 480.0 * size**-0.35 + 2100.0 * (ratio * size) ** -0.37) * np.exp(noise)
    runs = {"N": size, "D": ratio * size, "loss": loss}
    return sf.fit(runs, "chinchilla", loss=sf.Huber(1.345, scale="mad"))


def median_time(ask: Callable[[], object], repeat: int) -> float:
    """Return the median time of a question in seconds."""
    ask()
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Print one line per question, and their sum."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=7, help="how often each question is timed")
    parser.add_argument("--seed", type=int, default=1, help="seed of the noise of the runs")
    parser.add_argument("--test", action="store_true", help="ask each question once")
    given = parser.parse_args()
    fit = sixty_runs(given.seed)
    boot = sf.bootstrap(fit, n=STUDY if given.test else 2_000)
    questions: dict[str, Callable[[], object]] = {
        "optimum, 2,000 draws": lambda: sf.optimum(boot, BUDGET),
        "allowance": lambda: sf.stress.allowance(fit, BUDGET),
        "compare, n = 99": lambda: sf.compare(fit, at=BUDGET, n=STUDY),
        "backtest, n = 99": lambda: sf.stress.backtest(fit, n=STUDY),
    }
    total = 0.0
    for name, ask in questions.items():
        if given.test:
            ask()
            print(f"{name:22} answered")
            continue
        seconds = median_time(ask, given.repeat)
        total += 0.0 if name.startswith("optimum") else seconds
        print(f"{name:22} {seconds:.3f} s")
    if not given.test:
        print(f"{'the last three':22} {total:.3f} s")
        print(sf.stress.allowance(fit, BUDGET)["sentence"][0])


if __name__ == "__main__":
    main()

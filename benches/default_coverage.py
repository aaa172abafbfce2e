"""Coverage of nominal 90 % intervals under the default loss and beside it, as a table in Markdown.

    python benches/default_coverage.py [--simulations 500] [--replicates 399] [--seed 0] [--design po/20 ...]

Truths are E = 1.8, A = 480, alpha = 0.35 over x = 1e7 to 1e10 (po), and with B = 2100, beta = 0.37 on budgets of
1e18 to 1e21 FLOP times sizes from a quarter to four times the best one (ch); log residuals, normal noise of 0.5 %.
Each cell shows the coverage for alpha, and for the curve one and two decades beyond the rows.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import scaling_fast as sf

TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
NOISE = 0.005
BUDGETS = {20: 4, 40: 5, 60: 6}
"""Rows of a Chinchilla design -> its budgets."""

ROBUST = sf.Huber(1.345, scale="mad")
CELLS = (
    (sf.Huber(1e-3), ("percentile", "basic", "normal", "bc", "bca", "delta")),
    (ROBUST, ("percentile", "normal", "delta")),
    (sf.Squared(), ("percentile", "delta")),
)
"""Loss -> the methods that are measured under it, with draws of `Pairs`."""


def designed(name: str, loss: object, seed: int) -> tuple[sf.Fit, list[str], dict[str, float]]:
    """Return a fit whose rows are a design, the formulas that are asked of it, and the truth."""
    kind, rows = name.split("/")
    rng = np.random.default_rng([seed, int(rows)])
    noise = np.exp(NOISE * rng.standard_normal(int(rows)))
    if kind == "po":
        truth = {key: TRUTH[key] for key in ("E", "A", "alpha")}
        x = np.geomspace(1e7, 1e10, int(rows))
        frame = {"x": x, "loss": (truth["E"] + truth["A"] * x ** -truth["alpha"]) * noise}
        formulas = ["alpha", "E + A*1e11**(-alpha)", "E + A*1e12**(-alpha)"]
        return sf.fit(frame, "power_offset", loss=loss), formulas, truth
    budgets = np.geomspace(1e18, 1e21, BUDGETS[int(rows)])
    sizes = np.geomspace(0.25, 4.0, int(rows) // len(budgets))
    flops = np.repeat(budgets, len(sizes))
    n = np.sqrt(flops / 120.0) * np.tile(sizes, len(budgets))
    d = flops / (6.0 * n)
    curve = TRUTH["E"] + TRUTH["A"] * n ** -TRUTH["alpha"] + TRUTH["B"] * d ** -TRUTH["beta"]
    frame = {"N": n, "D": d, "loss": curve * noise}
    formulas = ["alpha"]
    for beyond in (1e22, 1e23):
        size = (beyond / 120.0) ** 0.5
        formulas.append(f"E + A*{size:.6e}**(-alpha) + B*{beyond / 6.0 / size:.6e}**(-beta)")
    return sf.fit(frame, "chinchilla", loss=loss), formulas, TRUTH


def lines_of(name: str, simulations: int, replicates: int, seed: int) -> list[str]:
    """Return the lines of one design."""
    lines = []
    for loss, methods in CELLS:
        fit, formulas, truth = designed(name, loss, seed)
        stress = sf.stress.coverage(
            fit,
            sf.Pairs(),
            list(methods),
            n_sim=simulations,
            n=replicates,
            truth=truth,
            sd=NOISE,
            of=formulas,
            seed=seed,
            progress=False,
        )
        label = 'Huber(1.345, "mad")' if loss is ROBUST else repr(loss).replace(", scale=None", "")
        for method in methods:
            rows = stress.table.filter(stress.table["method"] == method)
            share = " / ".join(f"{value:.3f}" for value in rows["coverage"])
            lines.append(f"| {name} | {label} | {method} | {share} | {rows['refused'].max()} |")
    return lines


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=399)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--design", action="append", metavar="po/ROWS|ch/ROWS")
    asked = parser.parse_args()
    print(
        "| design | loss | method | alpha / 1 / 2 decades beyond | refused |\n|---|---|---|---|---|"
    )
    began = time.monotonic()
    for name in asked.design or ["po/10", "po/20", "po/60", "ch/20", "ch/40", "ch/60"]:
        for line in lines_of(name, asked.simulations, asked.replicates, asked.seed):
            print(line, flush=True)
    print(f"\n{time.monotonic() - began:.0f} s, scaling_fast {sf.__version__}")


if __name__ == "__main__":
    main()

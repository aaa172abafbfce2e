"""A league of laws: fitted to the first part of 17 published learning curves, judged on the rest.

    python benches/league.py [--test] [--out benches/results]

Curves and split are those of Alabdulmohsin et al. 2022 (CC BY 4.0), found through
SCALING_FAST_DATA. Each law is fitted by least squares of log residuals; the figure is the root
mean squared log error on the held-out points. Every fit says whether its optimum is certified: an
extrapolation of a fit that is not is a figure of the optimiser. `--test` takes three curves and
writes nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console

import scaling_fast as sf

CURVES = "alabdulmohsin_curves.csv"
KEYS = ["domain", "task", "model"]

LAWS: dict[str, str | sf.Law] = {
    "M1": "power",
    "M2": "power_offset",
    "M3": "m3",
    "M4": "m4",
    "BNSL": "bnsl",
}
"""A new contender is one line: a name of the catalogue, or a law of the column x."""


def league(curves: pl.DataFrame) -> pl.DataFrame:
    """Return one row a curve and law: objective, status, and the error on the held-out points."""
    rows = []
    for key, curve in curves.group_by(KEYS, maintain_order=True):
        seen, held = curve.filter(training=1), curve.filter(training=0)
        for name, law in LAWS.items():
            fit = sf.fit(seen, law, columns={"x": "seen_examples"}, loss=sf.Squared())
            error = None  # a fit without an optimum predicts nothing
            if fit.converged:
                ratio = fit.predict(held)["prediction"].to_numpy() / held["loss"].to_numpy()
                error = float(np.sqrt(np.mean(np.log(ratio) ** 2)))
            rows.append(
                dict(zip(KEYS, key, strict=True))
                | {"law": name, "n": seen.height, "held": held.height}
                | {"objective": fit.objective, "status": fit.status, "is_global": fit.is_global}
                | {"rmsle": error}
            )
    return pl.DataFrame(rows)


def markdown(table: pl.DataFrame) -> str:
    """Return the table: a row a curve, the error of each law; `?` where none is certified."""
    lines = [
        "# Extrapolation league",
        "",
        "Root mean squared log error on held-out points, after a least-squares fit of log residuals "
        "to the first part of each curve (Alabdulmohsin et al. 2022). The lowest is bold; `?` stands "
        "for a fit without a certified optimum, mostly a break that the points do not identify.",
        "",
        "| curve | points | held out | " + " | ".join(LAWS) + " |",
        "|---|---|---|" + "---|" * len(LAWS),
    ]
    for key, rows in table.group_by(KEYS, maintain_order=True):
        best = rows["rmsle"].min()
        cells = [
            "?"
            if one["rmsle"] is None
            else ("**{:.5f}**" if one["rmsle"] == best else "{:.5f}").format(one["rmsle"])
            for one in rows.iter_rows(named=True)
        ]
        curve = ", ".join(str(one) for one in key)
        lines.append(
            f"| {curve} | {rows['n'][0]} | {rows['held'][0]} | " + " | ".join(cells) + " |"
        )
    means = table.group_by("domain", "law", maintain_order=True).agg(pl.col("rmsle").mean())
    for domain, rows in means.group_by("domain", maintain_order=True):
        cells = " | ".join("?" if mean is None else f"{mean:.4f}" for mean in rows["rmsle"])
        lines.append(f"| mean of {domain[0]} | | | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test", action="store_true", help="three curves, nothing written")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    console = Console()
    path = Path(os.environ.get("SCALING_FAST_DATA", "")) / CURVES
    if not path.is_file():
        console.print(f"{CURVES} is not in SCALING_FAST_DATA: nothing to compare")
        return 0
    curves = pl.read_csv(path)
    if options.test:
        curves = curves.join(curves.select(KEYS).unique(maintain_order=True).head(3), on=KEYS)
    text = markdown(league(curves))
    console.print(text, markup=False, soft_wrap=True)
    if not options.test:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"league-{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}.md").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

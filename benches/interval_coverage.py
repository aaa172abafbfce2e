"""Coverage of every method beside the reference table, as a page in benches/results.

    python benches/interval_coverage.py [--simulations 2000] [--cell normal/8 ...] [--out PATH]

The truth is E = 1.8, A = 400, alpha = 0.34 at rows spread evenly in ln x over 1e7 to 1e10, log residuals, least
squares, noise of 1 %, 499 replicates, 90 % intervals of E, alpha and the loss at x = 1e12.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import time
from pathlib import Path

import numpy as np
import polars as pl

import scaling_fast as sf

TRUTH = {"E": 1.8, "A": 400.0, "alpha": 0.34}
QUANTITIES = ["E", "alpha", "E + A*1e12**(-alpha)"]
REFERENCE = {
    "delta-t": ("pairs", "delta"),
    "pairs percentile": ("pairs", "percentile"),
    "pairs basic": ("pairs", "basic"),
    "pairs normal": ("pairs", "normal"),
    "pairs BCa": ("pairs", "bca"),
    "resid percentile": ("residuals", "percentile"),
    "resid normal": ("residuals", "normal"),
}
"""Methods of the reference table -> scheme and method here."""

OTHERS = {
    "pairs studentized": ("pairs", "studentized"),
    "resid studentized": ("residuals", "studentized"),
    "wild percentile": ("wild", "percentile"),
    "wild studentized": ("wild", "studentized"),
    "pairs percentile, small_sample": ("pairs widened", "percentile"),
    "pairs normal, small_sample": ("pairs widened", "normal"),
    "resid percentile, small_sample": ("residuals widened", "percentile"),
}
"""Methods that the reference table does not have."""

BANDS = {600: 0.05, 300: 0.065}
"""How far a coverage may lie from the reference, whose own error is .012 (600 simulations) or .017 (300)."""


def design(rows: int) -> sf.Fit:
    """Return a fit whose rows are the design of the table."""
    x = np.geomspace(1e7, 1e10, rows)
    loss = TRUTH["E"] + TRUTH["A"] * x ** -TRUTH["alpha"]
    return sf.fit(
        {"x": x, "loss": loss}, "E + A*x**(-alpha)", columns={"x": "x"}, loss=sf.Squared()
    )


def cell(noise: str, rows: int, simulations: int, *, others: bool) -> dict[str, pl.DataFrame]:
    """Return method of the table -> its three rows, for one noise and one number of rows."""
    fit = design(rows)
    schemes = {"pairs": sf.Pairs(), "residuals": sf.Residuals(), "wild": sf.Wild()}
    wanted = REFERENCE | (OTHERS if others else {})
    out = {}
    for run in sorted({scheme for scheme, _ in wanted.values()}):
        methods = sorted({method for scheme, method in wanted.values() if scheme == run})
        stress = sf.stress.coverage(
            fit,
            schemes[run.removesuffix(" widened")],
            methods,
            n_sim=simulations,
            noise=noise,
            truth=TRUTH,
            sd=0.01,
            of=QUANTITIES,
            small_sample=run.endswith("widened"),
            progress=False,
        )
        for label, (scheme, method) in wanted.items():
            if scheme == run:
                out[label] = stress.table.filter(pl.col("method") == method)
    return out


def page(
    cells: list[str], simulations: int, reference: dict[str, dict[str, list[list[float]]]]
) -> str:
    """Return the Markdown page, one table a cell."""
    began = time.monotonic()
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    lines = [
        "# Coverage of nominal 90 % intervals",
        "",
        f"{today}, scaling_fast {sf.__version__}, {simulations:,} simulations a cell, 499 replicates, seed 0. Ours "
        "beside the reference (in brackets), for E, alpha and the loss at x = 1e12. A cell agrees within .05 of a "
        "reference of 600 simulations, .065 of one of 300. The reference itself carries .012 or .017.",
    ]
    worst, outside = 0.0, 0
    for name in cells:
        noise, rows = name.split("/")
        key = next(one for one in reference if one.startswith(f"{noise}/n={rows}/"))
        band = BANDS[int(key.rsplit("=", 1)[1])]
        lines += ["", f"## {noise} noise, {rows} rows", ""]
        lines += ["| method | coverage | median width |", "|---|---|---|"]
        for label, table in cell(noise, int(rows), simulations, others=True).items():
            ours, widths = table["coverage"].to_list(), table["width"].to_list()
            theirs = reference[key].get(label)
            said = [
                "  ".join(f"{one:.3f}" for one in ours),
                "  ".join(f"{one:.4f}" for one in widths),
            ]
            if theirs is not None:
                gaps = [abs(one - other) for one, other in zip(ours, theirs[0], strict=True)]
                worst = max(worst, *gaps)
                outside += sum(gap > band for gap in gaps)
                said[0] += "  [" + "  ".join(f"{one:.3f}" for one in theirs[0]) + "]"
                said[1] += "  [" + "  ".join(f"{one:.4f}" for one in theirs[1]) + "]"
            lost = int(table["refused"].sum())
            lines.append(
                f"| {label}{f' ({lost} refused)' if lost else ''} | {said[0]} | {said[1]} |"
            )
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    lines += [
        "",
        f"Largest difference of a coverage from the reference: {worst:.3f}; outside its band: {outside}. "
        f"{time.monotonic() - began:.0f} s on {os.environ.get('SCALING_FAST_THREADS', 'all')} thread(s).",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--cell", action="append", metavar="NOISE/ROWS")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    folder = Path(os.environ["SCALING_FAST_DATA"])
    reference = json.loads((folder / "coverage_reference.json").read_text(encoding="utf-8"))
    cells = asked.cell or [
        f"{noise}/{rows}" for noise in ("normal", "t3") for rows in (8, 12, 30, 100)
    ]
    results = Path(__file__).parent / "results"
    out = asked.out or results / f"coverage-{dt.datetime.now(tz=dt.UTC).date().isoformat()}.md"
    out.write_text(page(cells, asked.simulations, reference), encoding="utf-8")
    print(out)


if __name__ == "__main__":
    main()

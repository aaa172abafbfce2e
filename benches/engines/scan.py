"""Peak memory of a scan of many Parquet files, held as a whole and in parts: `python benches/engines/scan.py`."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import scaling_fast as sf

FILES, CURVES, ROWS = 40, 10_000, 20


def write(folder: Path) -> None:
    x = np.tile(np.geomspace(1.0, 1e4, ROWS), CURVES)
    for k in range(FILES):
        rng = np.random.default_rng(k)
        task = np.repeat(np.arange(CURVES) + k * CURVES, ROWS)
        loss = (1.5 + 3 * x**-0.4) * np.exp(0.01 * rng.normal(size=x.size))
        pl.DataFrame({"task": task, "x": x, "loss": loss}).write_parquet(
            folder / f"{k:03d}.parquet"
        )


def fitted(way: str, folder: Path) -> None:
    """Fit in one way and print the curves, the largest resident set before and after, in MB."""
    scan = pl.scan_parquet(folder / "*.parquet")
    options = {"columns": {"x": "x"}, "loss": sf.Squared(), "residual": "raw", "by": "task"}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if way == "parts":
        table = sf.arrow.fit_scan(scan, "power_offset", **options)
    elif way == "whole":
        table = sf.fit(scan, "power_offset", **options).table
    else:
        table = scan.collect()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{way}: {table.height:,} rows of result, {before:.0f} MB before, {after:.0f} MB at most")


def main() -> None:
    if len(sys.argv) == 3:
        fitted(sys.argv[1], Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        write(Path(name))
        print(
            f"{FILES} files, {FILES * CURVES:,} curves, {FILES * CURVES * ROWS:,} rows", flush=True
        )
        for way in ("data alone", "whole", "parts"):
            subprocess.run([sys.executable, __file__, way, name], check=True)


if __name__ == "__main__":
    main()

"""Fit 2,000 curves on Ray Data: `pip install "ray[data]"`, then `python benches/engines/rays.py`."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import ray

import scaling_fast as sf

CURVES, ROWS = 2_000, 20


def curves() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    x = np.tile(np.geomspace(1.0, 1e4, ROWS), CURVES)
    task = np.repeat(np.arange(CURVES), ROWS)
    loss = (1 + 1e-3 * task + 3 * x**-0.4) * np.exp(0.01 * rng.normal(size=x.size))
    return pl.DataFrame({"task": task, "x": x, "loss": loss})


def main() -> None:
    frame = curves()
    want = sf.fit(frame, "power_offset", columns={"x": "x"}, by="task").table
    fitter = sf.arrow.batch_fitter("power_offset", by="task", columns={"x": "x"})
    ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1")
    # Whole curves a block: the frame is cut between curves.
    parts = [frame[k : k + 250 * ROWS].to_arrow() for k in range(0, frame.height, 250 * ROWS)]
    began = time.perf_counter()
    out = ray.data.from_arrow(parts).map_batches(fitter, batch_format="pyarrow", batch_size=None)
    got = pl.DataFrame(out.to_pandas()).sort("task")
    seconds = time.perf_counter() - began
    worst = float(np.max(np.abs(got["alpha"].to_numpy() / want["alpha"].to_numpy() - 1)))
    print(f"ray {ray.__version__}: {got.height} of {CURVES} curves in {seconds:.1f} s")
    print(f"largest relative difference of alpha from one call: {worst:.1e}")
    ray.shutdown()


if __name__ == "__main__":
    main()

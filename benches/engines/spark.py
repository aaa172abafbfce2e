"""Fit 2,000 curves on Spark: `pip install pyspark pyarrow`, a Java runtime, `python benches/engines/spark.py`."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
from pyspark.sql import SparkSession

import scaling_fast as sf

CURVES, ROWS = 2_000, 20


def curves() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    x = np.tile(np.geomspace(1.0, 1e4, ROWS), CURVES)
    task = np.repeat(np.arange(CURVES), ROWS)
    loss = (1 + 1e-3 * task + 3 * x**-0.4) * np.exp(0.01 * rng.normal(size=x.size))
    frame = pl.DataFrame({"task": task, "x": x, "loss": loss})
    return frame.sample(fraction=1.0, shuffle=True, seed=1)


def main() -> None:
    frame = curves()
    want = sf.fit(frame, "power_offset", columns={"x": "x"}, by="task").table
    fitter = sf.arrow.batch_fitter("power_offset", by="task", columns={"x": "x"})
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    runs = spark.createDataFrame(frame.to_pandas())
    began = time.perf_counter()
    out = (
        runs.repartition(8, "task")
        .sortWithinPartitions("task", "x")
        .mapInArrow(fitter, fitter.ddl("task bigint"))
    )
    got = pl.DataFrame(out.toPandas()).sort("task")
    seconds = time.perf_counter() - began
    # The order of a curve's rows differs, so the last digits may; the optimum does not.
    worst = float(np.max(np.abs(got["alpha"].to_numpy() / want["alpha"].to_numpy() - 1)))
    print(f"spark {spark.version}: {got.height} of {CURVES} curves in {seconds:.1f} s")
    print(f"largest relative difference of alpha from one call: {worst:.1e}")
    spark.stop()


if __name__ == "__main__":
    main()

"""A claim about a power law with a floor, and rows that it is true of."""

from __future__ import annotations

import numpy as np
import polars as pl

KEYS = ["check", "quantity", "view"]
FEW = 60

CLAIM = """
schema = "scaling-claim/1"
[paper]
id = "x:1"
title = "A law"
[data]
columns = {{ x = "size", y = "loss" }}
{data}
[fit]
law = "power_offset"
residual = "log"
loss = "squared"
[reported]
n = "40"
params = {{ E = "{E}", A = "{A}", alpha = "{alpha}" }}
intervals = [ {{ of = "alpha", level = 0.9, lower = "{lower}", upper = "{upper}" }} ]
[[claims]]
id = "slope"
kind = "exponent"
expr = "alpha"
value = "{alpha}"
[[claims]]
id = "large"
kind = "extrapolation"
at = {{ x = 1e6 }}
value = "{large}"
"""


def rows(n=40, seed=3, noise=0.003):
    generator = np.random.default_rng(seed)
    size = np.geomspace(1e1, 1e4, n)
    loss = (1.5 + 4.0 * size**-0.4) * np.exp(noise * generator.standard_normal(n))
    return pl.DataFrame({"size": size, "loss": loss})


def claim(tmp_path, *, data="", E="1.500", A="4.00", alpha="0.400", lower="0.39", upper="0.41",
          large="1.516"):  # fmt: skip
    text = CLAIM.format(data=data, E=E, A=A, alpha=alpha, lower=lower, upper=upper, large=large)
    path = tmp_path / "claim.toml"
    path.write_text(text)
    return path

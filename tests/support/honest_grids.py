"""Full grids of separate runs that look like checkpoints or move together only at first sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from faulty_runs import NOISE, Runs, draws, surface

import scaling_fast as sf

if TYPE_CHECKING:
    from collections.abc import Callable


def _full_grid(
    rng: np.random.Generator, data: np.ndarray, law: str = "chinchilla", sizes: int = 6, **more: Any
) -> Runs:
    """Return runs of every size on the same data, with columns `params` and `tokens`.

    `scale` takes a column to the unit that is written down; `options` go to the fit; `rates` is a column
    `lr` of one value for each size, which moves the loss by 2 %.
    """
    n = np.repeat(np.logspace(7, 9.5, sizes), data.size)
    d = np.tile(data, sizes)
    loss = surface(n, d) * np.exp(NOISE * draws(rng, n.size))
    frame = {"params": n, "tokens": d}
    if more.get("rates"):
        rates = np.repeat(np.logspace(-4, -2, sizes)[rng.permutation(sizes)], data.size)
        loss *= np.exp(0.02 * (np.log10(rates) + 3) ** 2)
        frame["lr"] = rates
    scale = more.get("scale")
    if scale is not None:
        frame |= {"params": scale(n), "tokens": scale(d)}
    names = {"N": "params", "D": "tokens"}
    columns = {name: names[name] for name in names if law == "chinchilla" or f"{name}**" in law}
    options = {"columns": columns, **more.get("options", {})}
    return Runs(pl.DataFrame(frame | {"loss": loss}), law, options)


ALONE = "E + A/N**alpha"
DATA = np.logspace(9, 11.5, 6)
MORE_DATA = np.logspace(9, 11.5, 10)

HONEST: dict[str, Callable[[np.random.Generator], Runs]] = {
    "6 sizes x 4 evenly spaced budgets": lambda rng: _full_grid(rng, 1e10 * np.arange(1, 5)),
    "6 sizes x 8 evenly spaced budgets": lambda rng: _full_grid(rng, 1e10 * np.arange(1, 9)),
    "data left out of the law, 6 x 6": lambda rng: _full_grid(rng, DATA, ALONE),
    "data left out of the law, 6 x 4 evenly spaced": lambda rng: _full_grid(
        rng, 1e10 * np.arange(1, 5), ALONE
    ),
    "learning rates left out of the law, 12 x 6": lambda rng: _full_grid(
        rng, DATA, sizes=12, rates=True
    ),
    "log10 of N and D, 6 x 6": lambda rng: _full_grid(rng, DATA, scale=np.log10),
    "log10 of N and D, 8 x 10": lambda rng: _full_grid(rng, MORE_DATA, sizes=8, scale=np.log10),
    "ln of N and D, 8 x 10": lambda rng: _full_grid(rng, MORE_DATA, sizes=8, scale=np.log),
    "log2 of N and D, 8 x 10": lambda rng: _full_grid(rng, MORE_DATA, sizes=8, scale=np.log2),
    "E fixed at -1, 6 x 6": lambda rng: _full_grid(
        rng, DATA, options={"params": {"E": sf.Param(fixed=-1.0)}}
    ),
    "E fixed at -1, 12 x 10": lambda rng: _full_grid(
        rng, MORE_DATA, sizes=12, options={"params": {"E": sf.Param(fixed=-1.0)}}
    ),
}
"""Full grids of separate runs, some under a law or in a unit that does not fit them, which are no checkpoints."""

"""Refit and resample the rows of a claim: everything that asks the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast._core import Purpose
from scaling_fast.auditing.evidence.formulas import LawView, law_values
from scaling_fast.errors import ScalingError
from scaling_fast.fitting.near_absolute import is_nearly_absolute
from scaling_fast.fitting.run import fit
from scaling_fast.laws import Param
from scaling_fast.losses import Absolute
from scaling_fast.resampling.counts import drawn_units, unit_counts
from scaling_fast.resampling.run import bootstrap
from scaling_fast.resampling.schemes import Weights
from scaling_fast.runtime.streams import philox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

Progress = Callable[[str, float], None]

TARGET = "observed"
SMALL_N = 30  # below it pairs degenerate; Exp(1) weights instead (Rubin 1981)
CHUNK_CELLS = 2_000_000  # rows times replicates at a time: 16 MB an array
NOISE_FREE_RSS = 1e-20  # residual over total sum of squares that is rounding, not noise
NOISE_FREE_SD = 1e-12  # residual deviation over the observations' size, likewise


@dataclass(frozen=True, slots=True)
class Resampled:
    """Refits of one kind of resampling.

    Attributes
    ----------
    draws
        Usable replicates, natural parameters.
    ratio
        Likelihood ratio of each usable replicate against the full-data optimum, on its own rows.
    """

    kind: str
    draws: dict[str, Floats]
    ratio: Floats
    requested: int

    @property
    def label(self) -> str:
        """The kind, as it stands before the word refits."""
        return "cluster" if self.kind == "clusters" else self.kind

    @property
    def usable(self) -> int:
        """Replicates that came back converged."""
        return int(self.ratio.size)

    @property
    def failed(self) -> int:
        """Replicates that did not."""
        return self.requested - self.usable


@dataclass(frozen=True, slots=True)
class View:
    """One set of rows and what was fitted to it.

    Attributes
    ----------
    stated
        `Fit` of the stated objective.
    absolute
        `Fit` of least absolute deviations, when the stated loss is near it.
    boxed
        Best point for the stated objective among the numbers that print as the reported ones.
    nearly_absolute
        Whether sums of absolute residuals (Laplace), not of squares (Gauss), are compared.
    """

    label: str
    claim: str | None
    rule: str
    x: dict[str, Floats]
    y: Floats
    size_axis: tuple[str, Floats]
    codes: Codes | None
    residual: str
    nearly_absolute: bool
    stated: Any
    absolute: Any | None = None
    boxed: dict[str, float] | None = None
    pairs: Resampled | None = None
    clusters: Resampled | None = None

    @property
    def n(self) -> int:
        """Rows fitted."""
        return int(self.y.size)

    @property
    def groups(self) -> int:
        """Clusters among the rows; 0 without a cluster rule."""
        return 0 if self.codes is None else int(self.codes.max()) + 1

    @property
    def estimates(self) -> dict[str, float]:
        """Natural parameters at the optimum of the stated objective."""
        return {name: float(value) for name, value in self.stated.params.items()}

    @property
    def best(self) -> dict[str, float]:
        """The optimum that likelihoods compare: of absolute residuals where the loss is near them."""
        if self.absolute is None or not self.absolute.converged:
            return self.estimates
        return {name: float(value) for name, value in self.absolute.params.items()}

    @property
    def resamples(self) -> tuple[Resampled, ...]:
        """What was resampled, rows first."""
        return tuple(
            resampled for resampled in (self.pairs, self.clusters) if resampled is not None
        )

    def residuals(self, law: LawView, params: Mapping[str, Any]) -> Floats:
        """Fitted minus observed on the residual scale."""
        return residuals(law, self.x, self.y, self.residual, params)

    def noise_free(self, law: LawView) -> bool:
        """Whether the refit leaves nothing over but rounding: no spread to judge by."""
        r = self.residuals(law, self.estimates)
        seen = np.log(self.y) if self.residual == "log" else self.y
        unit = 1.0 if self.residual == "log" else float(np.max(np.abs(seen)))
        total = float(np.sum((seen - np.mean(seen)) ** 2))
        rms = float(np.sqrt(np.mean(r * r)))
        return bool(np.sum(r * r) <= NOISE_FREE_RSS * total or rms < NOISE_FREE_SD * unit)

    def size(self, r: Floats) -> float:
        """Sum of absolute or squared residuals: what the likelihood compares."""
        return float(np.sum(np.abs(r) if self.nearly_absolute else r * r))

    def ratio(self, law: LawView, params: Mapping[str, float], best: Mapping[str, float]) -> float:
        """Likelihood ratio of two points, the scale re-estimated at both.

        2 n ln(S/S_best) for Laplace, n ln(S/S_best) for Gauss.
        """
        factor = (2.0 if self.nearly_absolute else 1.0) * self.n
        smaller = self.size(self.residuals(law, best))
        larger = self.size(self.residuals(law, params))
        return float(factor * np.log(larger / smaller)) if smaller > 0.0 else float("nan")


def residuals(
    law: LawView, x: Mapping[str, Floats], y: Floats, scale: str, params: Mapping[str, Any]
) -> Floats:
    """Return fitted minus observed, of logs or raw."""
    fitted = law_values(law, dict(x), params)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(fitted) - np.log(y) if scale == "log" else fitted - y


def refit(
    law: LawView,
    x: dict[str, Floats],
    y: Floats,
    *,
    residual: str,
    loss: Any,
    box: Mapping[str, tuple[float, float]] | None,
    centre: Mapping[str, float] | None,
    threads: int | None,
) -> tuple[Any, Any | None, dict[str, float] | None, bool]:
    """Return the stated fit, the least-absolute one, the best point in the box, nearly_absolute."""
    frame = pl.DataFrame({**x, TARGET: y})
    ask: dict[str, Any] = {
        "target": TARGET,
        "columns": {name: name for name in law.columns},
        "residual": residual,
        "threads": threads,
    }
    stated = fit(frame, law.question, loss=loss, **ask)
    near = is_nearly_absolute(stated.request, stated.params)
    absolute = fit(frame, law.question, loss=Absolute(), **ask) if near else None
    boxed = None
    if box is not None and centre is not None:
        boxed = _best_inside(stated, box, centre, frame=frame, law=law, loss=loss, ask=ask)
    return stated, absolute, boxed, near


def _best_inside(
    stated: Any,
    box: Mapping[str, tuple[float, float]],
    centre: Mapping[str, float],
    *,
    frame: pl.DataFrame,
    law: LawView,
    loss: Any,
    ask: Mapping[str, Any],
) -> dict[str, float] | None:
    """Return the best point of a box: the optimum itself where it lies inside, else a bounded fit."""
    found = {name: float(value) for name, value in stated.params.items()}
    if stated.converged and _within(found, box):
        return found
    try:
        bounds = {name: Param(lower=low, upper=high) for name, (low, high) in box.items()}
        inside = fit(frame, law.question, loss=loss, params=bounds, starts=dict(centre), **ask)
    except ScalingError:
        return None
    found = {name: float(value) for name, value in inside.params.items()}
    return found if _within(found, box) else None


def _within(point: Mapping[str, float], box: Mapping[str, tuple[float, float]]) -> bool:
    slack = 1e-12
    return all(
        low - slack * abs(low) <= point[name] <= high + slack * abs(high)
        for name, (low, high) in box.items()
    )


def resample(
    law: LawView,
    view: View,
    *,
    codes: Codes | None,
    replicates: int,
    seed: int,
    threads: int | None,
    say: Progress,
) -> Resampled:
    """Return refits under random weights: rows, or whole clusters when `codes` are given.

    Fewer than `SMALL_N` units take Exp(1) weights, since pairs would leave too few distinct rows.
    """
    groups = view.n if codes is None else int(codes.max()) + 1
    bayesian = codes is None and groups < SMALL_N
    kind = "clusters" if codes is not None else "Bayesian" if bayesian else "pairs"
    purpose = Purpose.AUDIT_ROWS if codes is None else Purpose.AUDIT_CLUSTERS
    stream = np.random.Generator(philox(seed, purpose))
    step = max(1, min(replicates, CHUNK_CELLS // max(view.n, 1)))
    names = list(law.params)
    draws: list[Floats] = []
    ratios: list[Floats] = []
    at_estimates = view.residuals(law, view.estimates)
    for start in range(0, replicates, step):
        say(f"{kind} refits", start / replicates)
        count = min(step, replicates - start)
        weights = _weights(stream, count, groups, bayesian=bayesian)
        if codes is not None:
            weights = weights[:, codes]
        boot = bootstrap(
            view.stated, Weights(weights), n=count, seed=seed, threads=threads, progress=False
        )
        good = usable(boot.draws)
        table = boot.draws.select(names).to_numpy()[good]
        draws.append(table)
        ratios.append(_ratios(law, view, weights[good], table, at_estimates))
    table = np.concatenate(draws)
    return Resampled(
        kind=kind,
        draws={name: np.ascontiguousarray(table[:, j]) for j, name in enumerate(names)},
        ratio=np.concatenate(ratios),
        requested=replicates,
    )


def usable(draws: pl.DataFrame) -> NDArray[np.bool_]:
    """Return which replicates converged."""
    return draws["status"].cast(pl.String).str.starts_with("converged").to_numpy()


def _weights(stream: np.random.Generator, count: int, groups: int, *, bayesian: bool) -> Floats:
    """Return the weights of replicates, all from one stream that goes on from part to part."""
    if bayesian:
        raw = stream.standard_exponential((count, groups))
        return np.asarray(raw * (groups / raw.sum(axis=1, keepdims=True)), dtype=np.float64)
    return unit_counts(drawn_units(repeat(stream, count), groups), groups)


def _ratios(
    law: LawView, view: View, weights: Floats, table: Floats, at_estimates: Floats
) -> Floats:
    """Return the likelihood ratio of each refit against the full-data optimum, on its rows."""
    if not table.size:
        return np.empty(0)
    params = {name: table[:, j : j + 1] for j, name in enumerate(law.params)}
    x = {name: value[None, :] for name, value in view.x.items()}
    at_draw = residuals(law, x, view.y[None, :], view.residual, params)
    power = 1 if view.nearly_absolute else 2
    ours = np.sum(weights * np.abs(at_draw) ** power, axis=1)
    full = weights @ (np.abs(at_estimates) ** power)
    factor = (2.0 if view.nearly_absolute else 1.0) * weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(factor * np.log(full / ours), dtype=np.float64)

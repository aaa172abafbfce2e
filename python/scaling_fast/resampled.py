"""What a bootstrap is: a table of one row a replicate, summarised but never thinned."""

from __future__ import annotations

import functools
import hashlib
import html
import math
import operator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast import _core
from scaling_fast.asking import checked_level, column_name, named_formulas
from scaling_fast.errors import ConvergenceError, ParameterError, shown
from scaling_fast.options import require_usable_process
from scaling_fast.request import evaluate
from scaling_fast.residuals import LogExcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from scaling_fast.fitted import Fit
    from scaling_fast.schemes import Scheme

__all__ = ["METHODS", "Bootstrap"]

METHODS = ("percentile", "basic", "normal", "bc", "bca")

MOST_FAILURES = 0.05
"""Share of unusable replicates above which an interval would describe another population than the data's."""

CANONICAL_NAN = np.uint64(0x7FF8000000000000)


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """A fit refitted many times.

    Attributes
    ----------
    fit
        The fit that was resampled.
    scheme
        How the rows were reweighted.
    seed
        The seed; None was replaced by the one drawn.
    draws
        One row a replicate: group keys, replicate, status, objective, parameters, derived
        quantities. Unusable replicates keep their row.
    requested
        Replicates asked for a group; `.draws` has fewer only after Ctrl-C.
    """

    fit: Fit
    scheme: Scheme
    seed: int
    draws: pl.DataFrame
    requested: int

    @property
    def n(self) -> int:
        """Replicates a group."""
        return self.requested

    @cached_property
    def failures(self) -> pl.DataFrame:
        """Unusable replicates: group keys, status, count. Empty when there are none."""
        require_usable_process()
        keys = self.fit.request.table.keys.columns
        return (
            self.draws.filter(pl.col(self._column("status")) != "converged")
            .group_by([*keys, self._column("status")], maintain_order=True)
            .len(name="count")
        )

    def _column(self, name: str) -> str:
        """Return the name of a column of `.draws` that the law may have taken for itself."""
        taken = [*self.fit.law.params, *self.fit.law.derived, *self.fit.request.table.keys.columns]
        return f"draw_{name}" if name in taken else name

    @cached_property
    def digest(self) -> str:
        """sha256 of the draws, equal for equal draws whatever computed them.

        Over group index and replicate (u64), status code (u8), objective and the parameters in the
        law's order (f64): whole columns one after the other, little-endian, every NaN the same.
        """
        table = self.fit.request.table
        hasher = hashlib.sha256()
        per_group = self.draws.height // max(table.groups, 1)
        groups = np.repeat(np.arange(table.groups, dtype="<u8"), per_group)
        if len(groups) != self.draws.height:
            order = table.keys.with_row_index("__group")
            groups = (
                self.draws.join(order, on=table.keys.columns, how="left")["__group"]
                .to_numpy()
                .astype("<u8")
            )
        hasher.update(groups.tobytes())
        hasher.update(self.draws[self._column("replicate")].to_numpy().astype("<u8").tobytes())
        codes = self.draws[self._column("status")].to_physical().to_numpy()
        hasher.update(codes.astype("u1").tobytes())
        for name in (self._column("objective"), *self.fit.request.names):
            values = np.array(self.draws[name].to_numpy(), dtype="<f8")
            bits = values.view("<u8")
            bits[np.isnan(values)] = CANONICAL_NAN
            hasher.update(bits.tobytes())
        return hasher.hexdigest()

    # -- summaries ------------------------------------------------------------------------------

    def interval(
        self,
        level: float = 0.95,
        method: str = "percentile",
        of: str | Sequence[str] | None = None,
        *,
        max_failures: float = MOST_FAILURES,
    ) -> pl.DataFrame:
        """Return intervals: group keys, name, estimate, lower, upper.

        Parameters
        ----------
        level
            Between 0 and 1: 0.95, not 95.
        method
            "percentile", "basic", "normal", "bc" or "bca". Quantiles are of type 7, as numpy's. "bca" refits
            without each row (each cluster, under `Clusters`) for its acceleration. Nominal 90 %
            percentile intervals of scaling-law parameters cover 86 to 90 % with 12 rows or more,
            and "bca" no better.
        of
            Formulas of parameters, such as "beta/(alpha+beta)"; the default is every parameter and
            derived quantity.
        max_failures
            Share of unusable replicates that is still accepted.

        Raises
        ------
        ConvergenceError
            When more replicates are unusable.
        ParameterError
            For a level or method outside what is legal, or quantiles of a jackknife.
        """
        require_usable_process()
        level = checked_level(level)
        if method not in METHODS:
            raise ParameterError(
                f"method must be one of {shown(list(METHODS), 200)}, got {shown(method)}",
                code="method",
                param="method",
            )
        if self.scheme.name == "jackknife" and method != "normal":
            raise ParameterError(
                'jackknife replicates are not draws of an estimate: only method="normal" is defined',
                code="method",
                param="method",
            )
        jackknife = self._jackknife() if method == "bca" else None
        formulas = named_formulas(self.fit.law, self.fit.request.names, of)
        rows = []
        for group in range(self.fit.groups):
            draws = self._usable(group, max_failures)
            point = {one: np.array([value]) for one, value in self.fit._point(group).items()}
            for name, formula in formulas.items():
                estimate = float(evaluate(formula, point)[0])
                values = evaluate(formula, draws)
                left_out = (
                    None
                    if jackknife is None
                    else evaluate(formula, jackknife._usable(group, max_failures))
                )
                ends = self._ends(method, level, estimate, values, left_out)
                rows.append((name, estimate, *ends))
        keys = self.fit.request.table.keys
        labels = [column_name(one, keys.columns) for one in ("name", "estimate", "lower", "upper")]
        frame = pl.DataFrame(rows, schema=labels, orient="row")
        if not keys.width:
            return frame
        repeated = keys[pl.Series(np.repeat(np.arange(keys.height), len(formulas)))]
        return pl.concat([repeated, frame], how="horizontal")

    def _ends(
        self,
        method: str,
        level: float,
        estimate: float,
        values: NDArray[np.float64],
        left_out: NDArray[np.float64] | None,
    ) -> tuple[float, float]:
        if self.scheme.name == "jackknife":
            from scipy.special import ndtri

            half = float(ndtri(0.5 + level / 2)) * _jackknife_error(values)
            return estimate - half, estimate + half
        ends: tuple[float, float] = _core.interval(method, level, estimate, values, left_out)
        return ends

    def _jackknife(self) -> Bootstrap:
        from scaling_fast.resampling import bootstrap
        from scaling_fast.schemes import Bayesian, Clusters, Jackknife

        cluster = self.scheme.by if isinstance(self.scheme, Clusters) else None
        if isinstance(self.scheme, Bayesian):
            cluster = self.scheme.cluster
        return bootstrap(self.fit, Jackknife(cluster), progress=False)

    def cov(self, *, log: bool = False, max_failures: float = MOST_FAILURES) -> pl.DataFrame:
        """Return the covariance (ddof 1) of the draws as a square frame, in the law's order.

        Parameters
        ----------
        log
            Of the logarithms of the parameters, for those that are positive in every draw.
        max_failures
            Share of unusable replicates that is still accepted.
        """
        require_usable_process()
        if self.fit.groups != 1:
            raise ParameterError(
                "cov() belongs to one fit; filter `.draws` by group", code="grouped", param="cov"
            )
        draws = self._usable(0, max_failures)
        if log:
            for one, values in draws.items():
                if not (values > 0).all():
                    raise ParameterError(
                        f"{shown(one)} is not positive in every draw, so it has no logarithm",
                        code="log",
                        param=one,
                    )
            draws = {one: np.log(values) for one, values in draws.items()}
        with np.errstate(all="ignore"):
            matrix = np.atleast_2d(np.cov(np.array(list(draws.values())), ddof=1))
        if self.scheme.name == "jackknife":
            count = len(next(iter(draws.values())))
            matrix = matrix * (count - 1) ** 2 / count
        return pl.DataFrame(
            {"parameter": list(draws)} | {one: matrix[:, j] for j, one in enumerate(draws)}
        )

    def _usable(self, group: int, max_failures: float) -> dict[str, NDArray[np.float64]]:
        """Return parameter -> values over the usable replicates of one group."""
        keys = self.fit.request.table.keys
        part = self.draws
        if keys.width:
            # By place, not by name: polars takes some names for patterns.
            same = [
                part[one].alias("v").eq_missing(value)
                for one, value in zip(keys.columns, keys.row(group), strict=True)
            ]
            part = part.filter(functools.reduce(operator.and_, same))
        good = part.filter(part[self._column("status")] == "converged")
        failed = part.height - good.height
        if failed == 0 and part.height < 2:
            raise ParameterError(
                f"an interval needs at least 2 replicates, got {part.height}; ask for a larger n",
                code="too_few",
                param="n",
            )
        if part.height == 0 or failed > max_failures * part.height or good.height < 2:
            raise ConvergenceError(
                f"{failed} of {part.height} replicates are unusable (see `.failures`), more than max_failures="
                f'{max_failures:g} allows; the design may not identify the law: try starts="multi", fix a '
                "parameter, or pass a larger max_failures and report the count",
                code="failures",
            )
        return {one: good[one].to_numpy() for one in self.fit.request.names}

    def predict(
        self,
        frame: Any = None,
        *,
        interval: str = "confidence",
        level: float = 0.95,
        max_failures: float = MOST_FAILURES,
    ) -> pl.DataFrame:
        """Return the law's columns with prediction, lower, upper and decades_beyond.

        Parameters
        ----------
        frame
            Any frame with the law's columns; the fitted one by default.
        interval
            "confidence": percentile interval of the curve. "prediction": of a new run, the curve's
            draws plus residuals of the fit drawn at random, widened by sqrt(n/(n - p)).
        level
            Between 0 and 1.
        max_failures
            Share of unusable replicates that is still accepted.
        """
        require_usable_process()
        level = checked_level(level)
        if interval not in ("confidence", "prediction"):
            raise ParameterError(
                f'interval must be "confidence" or "prediction", got {shown(interval)}',
                code="interval",
                param="interval",
            )
        if self.fit.groups != 1:
            raise ParameterError(
                "predict() of a bootstrap belongs to one fit", code="grouped", param="predict"
            )
        if self.scheme.name == "jackknife":
            raise ParameterError(
                "jackknife replicates are not draws of a curve, so they have no quantiles; use Pairs(), "
                'or interval(method="normal") for a parameter',
                code="method",
                param="scheme",
            )
        base = self.fit.predict(frame)
        request = self.fit.request
        draws = self._usable(0, max_failures)
        columns = {one: base[one].to_numpy() for one in request.program.columns}
        count = len(next(iter(draws.values())))
        noise = np.zeros(count)
        if interval == "prediction":
            noise = self._noise(count)
        tail = (1.0 - level) / 2.0
        ends = np.empty((base.height, 2))
        for row in range(base.height):
            # One row of columns against every draw: the law's formula with parameters as columns.
            values = self._curve(
                {one: float(values[row]) for one, values in columns.items()}, draws
            )
            if interval == "prediction":
                values = self._with_noise(values, noise, draws)
            ends[row] = _core.quantiles(np.ascontiguousarray(values), [tail, 1.0 - tail])
        taken = base.columns
        return pl.DataFrame(
            [
                *base.get_columns()[:-1],
                pl.Series(column_name("lower", taken), ends[:, 0]),
                pl.Series(column_name("upper", taken), ends[:, 1]),
                base.get_columns()[-1],
            ]
        )

    def _curve(
        self, at: dict[str, float], draws: dict[str, NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        program = self.fit.request.program
        everything = draws | {
            one: np.full(len(next(iter(draws.values()))), value) for one, value in at.items()
        }
        swapped = _core.Program(self.fit.law.formula, list(everything))
        values = swapped.evaluate(
            [np.ascontiguousarray(everything[one]) for one in swapped.columns], []
        )
        return np.asarray(program.invert_target(np.asarray(values)))

    def _noise(self, count: int) -> NDArray[np.float64]:
        """Residuals of the fit drawn at random by their weights; numpy's Philox keyed by the seed.

        They are not centred: where zero lies among them is what the loss decided.
        """
        table = self.fit.request.table
        if table.sigma is not None:
            raise ParameterError(
                "a fit with sigma= says how precise each of its rows is, and nothing of a new run's "
                'precision; use interval="confidence"',
                code="sigma",
                param="interval",
            )
        residuals = self.fit.residuals()
        weights = None
        total = float(len(residuals))
        if table.weights is not None:
            weights = table.weights[np.argsort(table.order, kind="stable")]
            total = float(weights.sum())
            weights = weights / total
        free = sum(self.fit._moves(one) for one in self.fit.law.params)
        inflate = math.sqrt(total / (total - free)) if total > free else math.nan
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, 2], dtype=np.uint64)))
        return inflate * rng.choice(residuals, size=count, p=weights)

    def _with_noise(
        self,
        values: NDArray[np.float64],
        noise: NDArray[np.float64],
        draws: Mapping[str, NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Return new runs: residuals are fitted minus observed on the residual's own scale."""
        program, residual = self.fit.request.program, self.fit.request.residual
        if program.transform is not None:
            return np.asarray(
                program.invert_target(np.asarray(program.transform_target(values)) - noise)
            )
        if residual == "log":
            return values * np.exp(-noise)
        if residual == "logit":
            logit = np.log(values / (1.0 - values)) - noise
            return 1.0 / (1.0 + np.exp(-logit))
        if isinstance(residual, LogExcess):
            floor = draws[residual.param]
            return np.asarray(floor + (values - floor) * np.exp(-noise))
        return values - noise

    # -- showing --------------------------------------------------------------------------------

    def summary(self) -> str:
        """Return the scheme, the counts and percentile (or jackknife) intervals as text."""
        failed = int(self.failures["count"].sum()) if self.failures.height else 0
        lines = [
            f"scheme     {self.scheme!r}   seed {self.seed}",
            f"replicates {self.draws.height:,} of {self.requested * self.fit.groups:,}   unusable {failed:,}",
        ]
        if self.fit.groups == 1:
            method = "normal" if self.scheme.name == "jackknife" else "percentile"
            try:
                table = self.interval(method=method)
            except (ConvergenceError, ParameterError) as error:
                # What an interrupted run left may be too little for an interval; the summary says so.
                lines.append(str(error))
            else:
                lines.append(f"95 % {method} intervals")
                lines += [
                    f"  {n:<12} {e:>14.6g}  [{a:.6g}, {b:.6g}]" for n, e, a, b in table.iter_rows()
                ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Bootstrap>\n{self.summary()}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write draws, fit and question to one file that `scaling_fast.load` reads back."""
        from scaling_fast.saving import save

        save(self, path, force=force)


def _jackknife_error(values: NDArray[np.float64]) -> float:
    count = len(values)
    with np.errstate(all="ignore"):
        return math.sqrt((count - 1) / count * float(np.sum((values - values.mean()) ** 2)))

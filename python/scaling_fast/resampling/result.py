"""What a bootstrap is: a table of one row a replicate, summarised but never thinned."""

from __future__ import annotations

import functools
import hashlib
import html
import operator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import ConvergenceError, ParameterError, quote
from scaling_fast.findings import format_findings
from scaling_fast.fitting.status import status_code
from scaling_fast.laws.quantities import evaluate, named_formulas
from scaling_fast.resampling.diagnostics import of_failures, of_scheme
from scaling_fast.resampling.intervals.bands import band
from scaling_fast.resampling.intervals.methods import (
    METHODS,
    MOST_FAILURES,
    Replicates,
    check_method,
    intervals,
)
from scaling_fast.resampling.intervals.small_sample import shrinkage, widening
from scaling_fast.resampling.intervals.studentized import pivots_of
from scaling_fast.resampling.multistart import multistart_check
from scaling_fast.resampling.plan import cluster_columns
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.validation import checked_failures, checked_level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.result import Fit
    from scaling_fast.resampling.multistart import MultistartCheck
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["METHODS", "MOST_FAILURES", "Bootstrap"]

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
    starts
        Starts searched in each replicate beside the warm one; 0 is the warm one alone.
    """

    fit: Fit
    scheme: Scheme
    seed: int
    draws: pl.DataFrame
    requested: int
    starts: int = 0

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

    @cached_property
    def disagreement(self) -> MultistartCheck | None:
        """What a sample of replicates gains from more starts; None where every replicate had them.

        Up to 64 replicates, chosen by the seed, are solved again from the warm start and from nine
        searched ones. It is found when first asked for, by `.findings` and the summary too, and
        changes no draw.
        """
        require_usable_process()
        if self.starts:
            return None
        return multistart_check(self.fit, self.scheme, self.seed, self.requested)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is worth knowing before an interval is used: unusable replicates, lower optima, few clusters."""
        unusable = int(self.failures["count"].sum()) if self.failures.height else 0
        lower = self.disagreement and self.disagreement.finding()
        return (
            *of_failures(unusable, self.draws.height),
            *([lower] if lower else []),
            *of_scheme(self.fit, self.scheme),
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
        hasher = hashlib.sha256()
        groups = self._group_of_draws().astype("<u8")
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
        small_sample: bool = False,
        max_failures: float = MOST_FAILURES,
    ) -> pl.DataFrame:
        """Return intervals: group keys, name, estimate, lower, upper.

        Parameters
        ----------
        level
            Between 0 and 1: 0.95, not 95.
        method
            "percentile", "basic", "normal", "bc", "bca" or "studentized". Quantiles are of type 7, as
            numpy's. "bca" refits without each row (each cluster, under `Clusters`) for its
            acceleration. "studentized" divides each draw by its own standard error: s² (J'WJ)⁻¹ under
            `Squared` with `Residuals` and `Parametric`, the sandwich elsewhere, which is 30 % off under
            losses that are nearly absolute; not there. Nominal 90 % percentile intervals of
            scaling-law parameters cover 86 to 90 % with 12 rows or more, and "bca" no better.
        of
            Formulas of parameters, such as "beta/(alpha+beta)"; the default is every parameter and
            derived quantity.
        small_sample
            Whether "normal", "percentile" and "basic" are widened for few rows or clusters: by t
            quantiles with n - p (G - 1) degrees of freedom and sqrt(n/(n - p)) (sqrt(G/(G - 1))) on the
            standard error; quantiles move out to the level that makes them as wide (Hesterberg 2015).
            The second factor is 1 for schemes that replace targets, which corrected their residuals.
            Below 20 rows draws of `Pairs` spread widely already and this makes them too wide: 95 %
            or more for a nominal 90.
        max_failures
            Share of unusable replicates that is still accepted.

        Raises
        ------
        ConvergenceError
            When more replicates are unusable.
        ParameterError
            For a level or method outside what is legal, or quantiles of a jackknife.
        """
        level = checked_level(level)
        check_method(method, self.scheme, small_sample=small_sample)
        formulas = named_formulas(self.fit.law, self.fit.request.names, of)
        for one in formulas.values():  # refused by its name before anything is drawn
            evaluate(one, {name: np.ones(1) for name in self.fit.request.names})
        jackknife = self._jackknife() if method == "bca" else None
        pivots = self._pivots(formulas) if method == "studentized" else None
        widen = widening(self.fit, self.scheme) if small_sample else None
        shrink = shrinkage(self.fit, self.scheme)

        def drawn(group: int) -> Replicates:
            return Replicates(
                self._usable(group, max_failures),
                None if jackknife is None else jackknife._usable(group, max_failures),
                None if pivots is None else pivots(group),
                shrink[group],
                None if widen is None else widen[group],
            )

        return intervals(
            self.fit,
            formulas,
            method=method,
            level=level,
            drawn=drawn,
            left_out_only=self.scheme.name == "jackknife",
            max_failures=max_failures,
        )

    def _jackknife(self) -> Bootstrap:
        from scaling_fast.resampling.run import bootstrap
        from scaling_fast.resampling.schemes import Jackknife

        return bootstrap(self.fit, Jackknife(cluster_columns(self.scheme)), progress=False)

    def _pivots(
        self, formulas: Mapping[str, str]
    ) -> Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return group -> standard errors of the estimates and of the usable draws."""
        status = self._column("status")
        return pivots_of(
            self.fit,
            self.scheme,
            self.seed,
            self.requested,
            formulas,
            draws=self.draws.select(self.fit.request.names).to_numpy(),
            group=self._group_of_draws(),
            replicate=self.draws[self._column("replicate")].to_numpy().astype(np.int64),
            good=(self.draws[status] == "converged").to_numpy(),
        )

    def _group_of_draws(self) -> NDArray[np.int64]:
        """Return the group of each row of `.draws`."""
        table = self.fit.request.table
        per_group = self.draws.height // max(table.groups, 1)
        groups = np.repeat(np.arange(table.groups, dtype=np.int64), per_group)
        if len(groups) != self.draws.height or self.draws.height != table.groups * self.requested:
            if not table.keys.width:
                return np.zeros(self.draws.height, dtype=np.int64)
            require_usable_process()
            order = table.keys.with_row_index("__group")
            joined = self.draws.join(order, on=table.keys.columns, how="left", nulls_equal=True)
            return joined["__group"].to_numpy().astype(np.int64)
        return groups

    def cov(self, *, log: bool = False, max_failures: float = MOST_FAILURES) -> pl.DataFrame:
        """Return the covariance (ddof 1) of the draws as a square frame, in the law's order.

        Parameters
        ----------
        log
            Of the logarithms of the parameters, for those that are positive in every draw.
        max_failures
            Share of unusable replicates that is still accepted.
        """
        if self.fit.groups != 1:
            raise ParameterError(
                "cov() belongs to one fit; filter `.draws` by group", code="grouped", param="cov"
            )
        draws = self._usable(0, max_failures)
        if log:
            for one, values in draws.items():
                if not (values > 0).all():
                    raise ParameterError(
                        f"{quote(one)} is not positive in every draw, so it has no logarithm",
                        code="log",
                        param=one,
                    )
            draws = {one: np.log(values) for one, values in draws.items()}
        with np.errstate(all="ignore"):
            matrix = np.atleast_2d(np.cov(np.array(list(draws.values())), ddof=1))
        if self.scheme.name == "jackknife":
            count = len(next(iter(draws.values())))
            matrix = matrix * (count - 1) ** 2 / count
        matrix = matrix * shrinkage(self.fit, self.scheme)[0] ** 2
        return pl.DataFrame(
            {"parameter": list(draws)} | {one: matrix[:, j] for j, one in enumerate(draws)}
        )

    def _usable(self, group: int, max_failures: float) -> dict[str, NDArray[np.float64]]:
        """Return parameter -> values over the usable replicates of one group."""
        max_failures = checked_failures(max_failures)
        part = self._of_group(group)
        # In numpy: a forked child has no threads of polars to filter with.
        codes = part[self._column("status")].to_physical().to_numpy()
        good = codes == status_code("converged")
        failed = int(part.height - good.sum())
        if failed == 0 and part.height < 2:
            raise ParameterError(
                f"an interval needs at least 2 replicates, got {part.height}; ask for a larger n",
                code="too_few",
                param="n",
            )
        if part.height == 0 or failed > max_failures * part.height or good.sum() < 2:
            raise ConvergenceError(
                f"{failed} of {part.height} replicates are unusable (see `.failures`), more than max_failures="
                f'{max_failures:g} allows; the design may not identify the law: try starts="multi", fix a '
                "parameter, or pass a larger max_failures and report the count",
                code="failures",
            )
        return {one: part[one].to_numpy()[good] for one in self.fit.request.names}

    def _of_group(self, group: int) -> pl.DataFrame:
        """Return the rows of one group."""
        keys = self.fit.request.table.keys
        if not keys.width:
            return self.draws
        if self.draws.height == self.requested * keys.height:
            return self.draws[group * self.requested : (group + 1) * self.requested]
        require_usable_process()
        # By place, not by name: polars takes some names for patterns.
        same = [
            self.draws[one].alias("v").eq_missing(value)
            for one, value in zip(keys.columns, keys.row(group), strict=True)
        ]
        return self.draws.filter(functools.reduce(operator.and_, same))

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
                f'interval must be "confidence" or "prediction", got {quote(interval)}',
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
        return band(
            self.fit,
            self._usable(0, max_failures),
            frame,
            level=level,
            noise=self.seed if interval == "prediction" else None,
            shrink=shrinkage(self.fit, self.scheme)[0],
        )

    # -- showing --------------------------------------------------------------------------------

    def summary(self) -> str:
        """Return the scheme, the counts and percentile (or jackknife) intervals as text."""
        failed = int(self.failures["count"].sum()) if self.failures.height else 0
        checked = f"{self.starts} searched starts in each replicate"
        lines = [
            f"scheme     {self.scheme!r}   seed {self.seed}",
            f"replicates {self.draws.height:,} of {self.requested * self.fit.groups:,}   unusable {failed:,}",
            f"starts     {self.disagreement or checked}",
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
        lines += format_findings(self.findings)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Bootstrap>\n{self.summary()}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write draws, fit and question to one file that `scaling_fast.load` reads back."""
        from scaling_fast.loading import save

        save(self, path, force=force)

"""Fits of streams of Arrow record batches: for Spark, Ray Data, and scans larger than memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.fitting.fields import result_fields
from scaling_fast.fitting.run import fit
from scaling_fast.frames.containers import UNREADABLE
from scaling_fast.frames.room import require_room_for_scan, row_bytes
from scaling_fast.runtime.memory import ask_first, require_memory, resource_error
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.laws import Law

__all__ = ["BatchFitter", "batch_fitter", "fit_scan"]

ROWS = 100_000
"""Rows collected before the complete curves among them are fitted in one call."""

SPARK = {
    pl.Boolean: "boolean",
    pl.Int64: "bigint",
    pl.Float64: "double",
    pl.String: "string",
}
"""Types of the result in Spark's words."""


@ask_first
def batch_fitter(
    law: Law | str,
    *,
    by: str | Sequence[str],
    columns: Mapping[str, str] | None = None,
    target: str | None = None,
    rows: int = ROWS,
    **options: Any,
) -> BatchFitter:
    """Return a picklable function that fits an iterator of Arrow record batches, one row per curve.

    The rows of a curve must be adjacent, as they are after a sort by `by`; a batch may end
    anywhere. At most `rows` rows, one batch and one curve are in memory at a time.

    Parameters
    ----------
    law
        A `Law`, a name of the catalogue, or a formula.
    by
        Columns whose equal values make a curve.
    columns
        Name in the law -> name of a column; not expressions, which may not be picklable.
    target
        The column to be explained.
    rows
        Number of rows collected before a call of the solver, at least 1.
    options
        Other options of `scaling_fast.fit`: loss, residual, weights, sigma, starts, params, nulls,
        threads (1 by default: Spark and Ray run one task per core).

    Returns
    -------
    BatchFitter
        Of an iterator of `pyarrow.RecordBatch` (Spark's `mapInArrow`) it makes an iterator of them;
        of a `pyarrow.Table` of whole curves (Ray Data's `map_groups` and `map_batches` with
        `batch_format="pyarrow"`) a table. `.ddl("curve bigint")` is the schema that Spark needs.

    Raises
    ------
    ParameterError
        For an illegal option.

    Examples
    --------
    >>> import pyarrow as pa, scaling_fast as sf
    >>> runs = pa.table(
    ...     {"task": ["a"] * 4, "x": [1.0, 10.0, 100.0, 1000.0], "loss": [3.0, 2.0, 1.5, 1.25]}
    ... )
    >>> fitter = sf.arrow.batch_fitter("E + A*x**(-alpha)", by="task", columns={"x": "x"})
    >>> [out] = fitter(iter(runs.to_batches(max_chunksize=3)))
    >>> out.num_rows, out.column("status")[0].as_py()
    (1, 'converged')
    """
    listed: Any = (by,) if isinstance(by, str) else by
    keys = tuple(listed) if isinstance(listed, Iterable) else ()
    if not keys or not all(isinstance(key, str) for key in keys):
        raise ParameterError(
            f"by must name the columns that tell curves apart, got {quote(by)}",
            code="by",
            param="by",
        )
    whole_number(rows, "rows", 1)
    given = dict(columns) if columns is not None else None
    if given and not all(isinstance(source, str) for source in given.values()):
        raise ParameterError(
            "columns must map names of the law to names of columns here",
            code="columns",
            param="columns",
        )
    options.setdefault("threads", 1)
    return BatchFitter(law, keys, given, target, rows, options)


@ask_first
def fit_scan(
    scan: pl.LazyFrame,
    law: Law | str,
    *,
    by: str | Sequence[str],
    columns: Mapping[str, str] | None = None,
    target: str | None = None,
    rows: int = ROWS,
    **options: Any,
) -> pl.DataFrame:
    """Return the table of fits of a scan that is never in memory as a whole, one row per curve.

    It is `scaling_fast.fit(scan, law, by=...).table`, for files larger than memory. The rows of a
    curve must be adjacent: files of whole curves, or a scan sorted by `by`.

    Parameters
    ----------
    scan
        For example `pl.scan_parquet("curves/*.parquet")`.
    law, by, columns, target, rows, options
        As in `batch_fitter`, but with all threads by default.

    Raises
    ------
    DataError
        For a curve whose rows are not adjacent, and for whatever `scaling_fast.fit` refuses.

    Examples
    --------
    >>> import polars as pl, scaling_fast as sf
    >>> runs = pl.LazyFrame(
    ...     {"task": ["a"] * 4, "x": [1.0, 10.0, 100.0, 1000.0], "loss": [3.0, 2.0, 1.5, 1.25]}
    ... )
    >>> sf.arrow.fit_scan(runs, "power_offset", by="task")["status"].to_list()
    ['converged']
    """
    options.setdefault("threads", None)
    fitter = batch_fitter(law, by=by, columns=columns, target=target, rows=rows, **options)
    if not isinstance(scan, pl.LazyFrame):
        raise ParameterError(
            f"scan must be a polars LazyFrame, got {quote(type(scan).__name__)}",
            code="scan",
            param="scan",
        )
    require_room_for_scan(scan, rows)
    tables = list(fitter.tables(_readable(_batches(scan, rows))))
    if not tables:
        # Some versions of polars end a scan silently where a file is damaged.
        _require_empty(scan)
        raise DataError("the scan has no rows", code="empty")
    return pl.concat(tables)


def _readable(batches: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the batches; one that cannot be read is an error of the data."""
    try:
        yield from batches
    except UNREADABLE as error:
        if (refused := resource_error(error)) is not None:
            raise refused from error
        raise DataError(
            f"the scan cannot be read: {quote(str(error), 300)}; fix or leave out the file",
            code="lazy",
        ) from error


def _require_empty(scan: pl.LazyFrame) -> None:
    """Return None for a scan without rows, counted in another way."""
    try:
        rows = scan.select(pl.len()).collect().item()
    except UNREADABLE as error:
        raise DataError(
            f"the scan cannot be read: {quote(str(error), 300)}", code="lazy"
        ) from error
    if rows:
        raise DataError(
            f"the scan says it has {rows:,} rows and gives none: a file is damaged; fix it or leave it out",
            code="lazy",
        )


def _batches(scan: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of a scan in their order, some at a time."""
    if hasattr(scan, "collect_batches"):
        yield from scan.collect_batches(chunk_size=rows, maintain_order=True)
        return
    # Older versions of polars cannot yield batches: take one window after another.
    start = 0
    while (part := scan.slice(start, rows).collect(engine="streaming")).height:
        yield part
        start += part.height


@dataclass(frozen=True, slots=True)
class BatchFitter:
    """What `batch_fitter` returns: picklable and without state.

    Attributes
    ----------
    law, by, columns, target, rows, options
        The arguments of `batch_fitter`.
    """

    law: Law | str
    by: tuple[str, ...]
    columns: dict[str, str] | None
    target: str | None
    rows: int
    options: dict[str, Any] = field(default_factory=dict)

    @ask_first
    def __call__(self, batches: Any) -> Any:
        """Return the fits of an iterator of record batches as an iterator, or those of a table as a table."""
        if hasattr(batches, "to_batches"):
            found = pl.concat(list(self.tables(iter([_frame(batches)]))))
            return _plain(found).to_arrow(compat_level=pl.CompatLevel.oldest())
        if not isinstance(batches, Iterable):
            raise ParameterError(
                "batches must be an iterator of Arrow record batches or a table, "
                f"got {quote(type(batches).__name__)}",
                code="batches",
                param="batches",
            )
        return self._record_batches(batches)

    def _record_batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        for table in self.tables(_frame(batch) for batch in batches):
            yield from _plain(table).to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()

    def tables(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield tables of fits, in the form of `Fit.table`, of the curves in a sequence of frames.

        Raises
        ------
        DataError
            For a curve that continues after another has begun.
        """
        waiting: list[pl.DataFrame] = []
        count = 0
        seen: set[tuple[Any, ...]] = set()
        for frame in frames:
            if not frame.height:
                continue
            self._require_keys(frame)
            waiting.append(_alike(frame, waiting[0] if waiting else frame))
            count += frame.height
            if count < self.rows:
                continue
            # A curve is joined as a whole before it is fitted, and so is what was read of the next.
            require_memory(f"a curve of {count:,} rows", 2 * count * row_bytes(frame.schema))
            whole = pl.concat(waiting)
            # The last curve may continue in the next batch.
            start = self._starts(whole)[-1]
            if start:
                yield self._fitted(whole[:start], seen)
            waiting = [whole[start:]]
            count = whole.height - start
        if waiting:
            yield self._fitted(pl.concat(waiting), seen)

    @ask_first
    def _fitted(self, frame: pl.DataFrame, seen: set[tuple[Any, ...]]) -> pl.DataFrame:
        keys = frame[self._starts(frame)].select(self.by).rows()
        for key in keys:
            if key in seen:
                raise DataError(
                    f"the curve {quote(key)} continues after another has begun; sort by {list(self.by)} first, so "
                    "that the rows of a curve are adjacent",
                    code="split_curve",
                    column=self.by[0],
                )
            seen.add(key)
        found = fit(
            frame,
            self.law,
            by=list(self.by),
            columns=self.columns,
            target=self.target,
            **self.options,
        ).table
        return found

    @ask_first
    def _starts(self, frame: pl.DataFrame) -> list[int]:
        """Return the rows at which a curve begins."""
        keys = frame.select(pl.col(name).alias(f"k{j}") for j, name in enumerate(self.by))
        changed = keys.select(pl.any_horizontal(pl.all().ne_missing(pl.all().shift(1))))
        starts = set(changed.to_series().arg_true().to_list()) | {0}
        return sorted(starts)

    def _require_keys(self, frame: pl.DataFrame) -> None:
        for name in self.by:
            if name not in frame.columns:
                raise DataError(
                    f"column {quote(name)} not found among {quote(frame.columns, 200)}",
                    code="missing_column",
                    column=name,
                )

    def ddl(self, keys: str) -> str:
        """Return the schema of the result, as Spark's `mapInArrow` needs it.

        Parameters
        ----------
        keys
            Key columns and their types: "curve bigint", or "task string, seed int".

        Examples
        --------
        >>> batch_fitter("power", by="task").ddl("task string")[:35]
        'task string, A double, alpha double'
        """
        fields = result_fields(self.law, self.columns, self.options)
        kinds = {name: SPARK.get(kind, "string") for name, kind in fields.items()}
        return ", ".join([keys, *(f"{name} {kind}" for name, kind in kinds.items())])


def _frame(batch: Any) -> pl.DataFrame:
    try:
        frame = pl.from_arrow(batch)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"each of the batches must be an Arrow record batch, got {quote(type(batch).__name__)}",
            code="batches",
        ) from error
    assert isinstance(frame, pl.DataFrame)  # a batch has columns
    return frame


def _alike(frame: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """Return a batch with its columns in the order of the first batch.

    Raises
    ------
    DataError
        If its columns or their types are not those of the first.
    """
    if frame.schema == first.schema:
        return frame
    for name, dtype in first.schema.items():
        if frame.schema.get(name) != dtype:
            raise DataError(
                f"column {quote(name)} has dtype {quote(dtype)} in one batch and "
                f"{quote(frame.schema.get(name, 'is missing'))} in a later one; give every batch one schema",
                code="schema",
                column=name,
            )
    return frame.select(first.columns)


def _plain(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with enums as text and lists joined by commas, which every engine accepts."""
    lists = [name for name, kind in table.schema.items() if kind == pl.List(pl.String)]
    words = [name for name, kind in table.schema.items() if isinstance(kind, pl.Enum)]
    return table.with_columns(
        *(pl.col(name).list.join(",") for name in lists),
        *(pl.col(name).cast(pl.String) for name in words),
    )

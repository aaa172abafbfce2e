"""Find, read, name and filter the rows that a claim speaks of."""

from __future__ import annotations

import difflib
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast import datasets
from scaling_fast.auditing.claim.schema import Filter
from scaling_fast.auditing.evidence.formulas import LawView, require_names
from scaling_fast.errors import DataError, ResourceError, ScalingError, quote, suggestion
from scaling_fast.frames.clusters import numbered
from scaling_fast.frames.file_sizes import require_room_for_file
from scaling_fast.frames.room import require_room_for_arrays, require_room_for_lazy
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.auditing.claim.reading import Paper
    from scaling_fast.findings import Severity

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Note:
    """Something found while reading that a reader of the report must know."""

    code: str
    severity: Severity
    sentence: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of a claim, or why there are none."""

    frame: pl.DataFrame | None
    label: str
    absent: str | None = None
    why: str = ""
    notes: tuple[Note, ...] = ()
    unavailable: bool = False  # named or released, but not within this audit's reach


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows to fit: under one filter, with one column of observations."""

    label: str
    claim: str | None
    target: str
    rule: str
    rows: pl.DataFrame
    headline: bool


def find(paper: Paper, data: Any) -> Source:
    """Return the rows of the claim: the caller's, the data set's or the file's."""
    if data is not None:
        if isinstance(data, (str, Path)):
            path = Path(data)
            if not _is_file(path):
                raise DataError(f"data file {quote(path, 200)} not found")
            frame, notes = _read(path, None)
            return Source(frame, f"file {path.name}", notes=notes)
        return Source(as_polars(data), "rows given by the caller")
    if paper.data.dataset is not None:
        name = paper.data.dataset
        try:
            return Source(datasets.load(name), f"data set {name}")
        except (ScalingError, OSError, ValueError) as error:
            if isinstance(error, ResourceError) and error.code == "memory":
                raise
            absent = f"the data set `{name}` is not available to this audit"
            return Source(None, "none", absent, str(error), unavailable=True)
    if paper.data.file is not None:
        path = Path(paper.data.file)
        path = path if path.is_absolute() or paper.folder is None else paper.folder / path
        if not _is_file(path):
            absent = f"the file {quote(paper.data.file, 200)} is not available to this audit"
            return Source(None, "none", absent, unavailable=True)
        frame, notes = _read(path, paper.data.sha256)
        return Source(frame, f"file {path.name}", notes=notes)
    released = paper.disclosure.get("data_released", "").strip().lower() == "yes"
    return Source(None, "none", "no rows are given", unavailable=released)


def _is_file(path: Path) -> bool:
    """Return whether a path leads to a file; a path no system can hold leads to none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _read(path: Path, sha256: str | None) -> tuple[pl.DataFrame, tuple[Note, ...]]:
    """Return the rows in the very bytes whose digest was compared: the path is read once."""
    notes: tuple[Note, ...] = ()
    try:
        content = path.read_bytes()
        if sha256 is not None:
            found = hashlib.sha256(content).hexdigest()
            if found != sha256.lower():
                notes = (
                    Note(
                        "data.sha256",
                        "amber",
                        f"The data file has sha256 {found[:12]}..., and {sha256[:12]}... was expected: "
                        "these are not the rows that the claim was written for.",
                        "Fetch the expected file, or write the new digest into the claim file.",
                    ),
                )
        require_room_for_file(quote(path.name, 60), path.suffix or ".csv", content)
        if path.suffix == ".parquet":
            return pl.read_parquet(io.BytesIO(content)), notes
        if path.suffix in {".arrow", ".feather", ".ipc"}:
            return pl.read_ipc(io.BytesIO(content)), notes
        return pl.read_csv(io.BytesIO(content), infer_schema_length=None), notes
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"data file `{path}` cannot be read: {error}") from error


def as_polars(data: Any) -> pl.DataFrame:
    """Return any frame, or a mapping of arrays, as a polars frame."""
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        require_room_for_lazy(data)
        return data.collect()
    if isinstance(data, Mapping):
        require_room_for_arrays(data.values())
        return pl.DataFrame({str(name): np.asarray(values) for name, values in data.items()})
    import narwhals as nw

    try:
        frame = nw.from_native(data, eager_only=True)
    except TypeError as error:
        raise DataError(
            f"data of type `{type(data).__name__}` is not a frame, a path or a mapping of arrays"
        ) from error
    return pl.DataFrame({name: frame[name].to_numpy() for name in frame.columns})


def name_columns(paper: Paper, law: LawView, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with the claim's own names (N, D, C, y ...) beside the source's."""
    spec = dict(paper.data.columns)
    spec.setdefault("y", "loss")
    derived = paper.data.derive
    for name in law.columns:
        if name not in spec and name not in derived:
            spec[name] = name
    # A claim of kind `fit` names its own observations; without one they are y's.
    own = any(claim.kind == "fit" for claim in paper.claims)
    needed = {*law.columns} if own else {*law.columns, "y"}
    out = frame
    for symbol, source in spec.items():
        if source in frame.columns:
            out = out.with_columns(frame[source].alias(symbol))
        elif symbol in needed and symbol not in derived:
            near = difflib.get_close_matches(source, frame.columns, n=1)
            hint = f"did you mean `{near[0]}`? " if near else ""
            example = near[0] if near else "the column's name"
            raise DataError(
                f"column `{source}` (the claim's {symbol}) not found in the data; {hint}"
                f"the columns are {', '.join(frame.columns[:20])}; say which is which in the claim "
                f'file: under [data], columns = {{ {symbol} = "{example}" }}',
                column=source,
            )
    for symbol, formula in derived.items():
        has = next((name for name in (symbol, spec.get(symbol)) if name in frame.columns), None)
        if has is not None:
            raise DataError(
                f"`data.derive` makes {quote(symbol)}, which the data have as the column "
                f"{quote(has)}; leave one of the two out",
                column=has,
            )
        given = {
            column: numbers(out, column)
            for column in spec
            if column in out.columns and column != symbol
        }
        require_names(formula, given, f"data.derive.{symbol}")
        out = out.with_columns(pl.Series(symbol, evaluate(formula, given)))
    return out


def numbers(frame: pl.DataFrame, column: str) -> Floats:
    """Return a column as float64; text and nulls are refused by name and row."""
    if column not in frame.columns:
        near = difflib.get_close_matches(column, frame.columns, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise DataError(f"column `{column}` not found in the data{hint}", column=column)
    series = frame[column]
    if not series.dtype.is_numeric():
        raise DataError(
            f"column `{column}` holds {series.dtype}, not numbers; cast it first", column=column
        )
    if series.null_count():
        row = int(series.is_null().arg_max() or 0)
        raise DataError(
            f"column `{column}` has a null in row {row}; drop or fill it first",
            column=column,
            row=row,
        )
    return series.cast(pl.Float64).to_numpy()


def digest(frame: pl.DataFrame) -> str:
    """Return the sha256 of the numeric columns: names sorted, values little-endian, row order."""
    out = hashlib.sha256()
    for name in sorted(frame.columns):
        if frame[name].dtype.is_numeric():
            out.update(name.encode() + b"\0")
            values = frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            out.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return out.hexdigest()


def clusters(paper: Paper, frame: pl.DataFrame) -> NDArray[np.int64] | None:
    """Return a group number for each row, by the claim file's rule."""
    rule = paper.data.cluster
    if rule is None:
        return None
    if rule.log_round is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            rounded = np.round(np.log(numbers(frame, rule.log_round)), rule.digits)
        return numbered([pl.Series(rounded + 0.0)])  # -0 and 0 are one size
    column = str(rule.column)
    if column not in frame.columns:
        raise DataError(
            f"cluster column {quote(column)} not found in the data"
            f"{suggestion(column, frame.columns, kind='columns')}",
            column=column,
        )
    if frame[column].null_count():
        raise DataError(
            f"cluster column {quote(column)} holds a null, which belongs to no cluster; "
            "drop those rows or name their clusters",
            column=column,
        )
    return numbered([frame[column]])


def select(paper: Paper, frame: pl.DataFrame) -> tuple[list[Selection], list[Note]]:
    """Return the rows to fit, headline first, and notes on filters that could not be applied."""
    kept: dict[str, tuple[str, pl.DataFrame]] = {}
    notes: list[Note] = []
    filters = paper.data.filters or [Filter(name="all")]
    for one_filter in filters:
        rule, rows, note = _apply(one_filter, paper, frame)
        if note is not None:
            notes.append(note)
        if rows is not None:
            kept[one_filter.name] = (rule, rows)
    wanted = paper.data.headline_filter or filters[0].name
    head = wanted if wanted in kept else next(iter(kept), "all")
    rule, rows = kept.get(head, ("all rows", frame))
    chosen: list[Selection] = []
    for claim in paper.claims:
        if claim.kind != "fit" or claim.y is None:
            continue
        if claim.y in frame.columns:
            chosen.append(Selection(claim.id, claim.id, claim.y, rule, rows, headline=True))
        else:
            sentence = f"The claim `{claim.id}` is about the column `{claim.y}`, which the data do not have."
            notes.append(Note("data.column", "grey", sentence))
    if not chosen:
        chosen.append(Selection(head, None, "y", rule, rows, headline=True))
        chosen += [
            Selection(name, None, "y", other_rule, other_rows, headline=False)
            for name, (other_rule, other_rows) in kept.items()
            if name != head
        ]
    return chosen, notes


def _apply(
    one_filter: Filter, paper: Paper, frame: pl.DataFrame
) -> tuple[str, pl.DataFrame | None, Note | None]:
    """Return what a filter does and the rows it keeps, or a note why it cannot be applied."""
    if one_filter.drop_largest is None or one_filter.column is None:
        return "all rows", frame, None
    values = numbers(frame, one_filter.column)
    k, column = one_filter.drop_largest, one_filter.column
    said = paper.data.columns.get(column, column)  # the source's own name: y says nothing
    rule = f"without the {k} largest values of {said}"
    if k >= values.size:
        raise DataError(
            f"filter {quote(one_filter.name)} drops {k} of {values.size} rows, so none is left; "
            "make `drop_largest` smaller"
        )
    order = np.sort(values)[::-1]
    if order[k - 1] == order[k]:
        note = Note(
            "filter.ties",
            "grey",
            f"The filter `{one_filter.name}` was not applied: rows {k} and {k + 1} in order of "
            f"{said} are tied at {order[k]:g}, so it is not determined which {k} are the largest.",
            "Choose a filter whose cut falls between two different values.",
        )
        return rule, None, note
    return rule, frame.filter(pl.Series(values < order[k - 1])), None

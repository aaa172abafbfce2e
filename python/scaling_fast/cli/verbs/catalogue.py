"""The verbs `laws` and `datasets`: a list of what there is, or one of them in full."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import polars as pl

from scaling_fast import datasets as dataset_index
from scaling_fast import laws as law_catalogue
from scaling_fast.cli import files, output, streams

if TYPE_CHECKING:
    from scaling_fast.laws import Law, Param


def _two_columns(pairs: list[tuple[str, Any]]) -> pl.DataFrame:
    """Return (name, value) pairs as a table, without those that are empty."""
    rows = [(name, str(value)) for name, value in pairs if value not in (None, "", {})]
    return pl.DataFrame(rows, schema={"name": pl.String(), "value": pl.String()}, orient="row")


@click.command(
    short_help="List the laws of the catalogue, or show one.",
    epilog="""\b
Examples:
  scaling-fast laws
  scaling-fast laws chinchilla
  scaling-fast laws "bnsl(breaks=2)" --json
""",
)
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
def laws(*, name: str | None, as_json: bool) -> None:
    """List the laws of the catalogue, or show one: formula, parameters, published values."""
    if name is not None:
        _print_law(law_catalogue.get(name), as_json=as_json)
        return
    found = [law_catalogue.get(name) for name in law_catalogue.names()]
    if as_json:
        output.emit_json({"laws": [law.to_dict() for law in found]})
        return
    rows = [
        (
            law.name,
            law.formula,
            ", ".join(law.columns or ()),
            law.description,
            ", ".join(law.params),
            law.cite,
        )
        for law in found
    ]
    names = ("name", "formula", "columns", "for", "parameters", "source")
    table = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")
    if streams.on_terminal():
        # A person picks a law by what it is for; a script also gets formulas of up to 400 characters.
        output.emit_table(table.select("name", "columns", "for"))
        output.print_sentence(
            "`scaling-fast laws NAME` shows a law's formula, parameters, needs and published values"
        )
    else:
        output.emit_table(table)


def _print_law(law: Law, *, as_json: bool) -> None:
    if as_json:
        output.emit_json(law.to_dict())
        return
    pairs: list[tuple[str, Any]] = [
        ("name", law.name),
        ("formula", law.formula),
        ("for", law.description),
    ]
    pairs += [(f"column {name}", law.units.get(name, "any unit")) for name in law.columns or ()]
    pairs += [
        (f"parameter {name}", _domain(param, law.units.get(name)))
        for name, param in law.params.items()
    ]
    pairs += [(f"derived {name}", formula) for name, formula in law.derived.items()]
    pairs += [("needs", need.says + _otherwise(need.because)) for need in law.needs]
    for label, entry in law.published.items():
        values = ", ".join(f"{name}={value!r}" for name, value in entry["params"].items())
        checked = "verified" if entry.get("verified") else "unverified"
        pairs.append((f"published {label}", f"{values} ({checked}: {entry.get('cite', '')})"))
    pairs += [("notes", law.notes), ("source", law.cite)]
    output.emit_table(_two_columns(pairs))


def _otherwise(because: str) -> str:
    return f"; otherwise {because}" if because else ""


def _domain(param: Param, unit: str | None) -> str:
    """Return the domain of a parameter in words, and its unit."""
    values = param.to_dict()
    lower, upper = values["lower"], values["upper"]
    if values["fixed"] is not None:
        domain = f"fixed at {values['fixed']:g}"
    elif lower is None and upper is None:
        domain = "any number"
    elif upper is None:
        domain = f"at least {lower:g}"
    elif lower is None:
        domain = f"at most {upper:g}"
    else:
        domain = f"from {lower:g} to {upper:g}"
    if values["start"] is not None:
        domain += f", one start at {values['start']:g}"
    return domain + (f" ({unit})" if unit else "")


@click.command(
    short_help="List the datasets, or show one.",
    epilog="""\b
Examples:
  scaling-fast datasets
  scaling-fast datasets chinchilla
  scaling-fast datasets chinchilla --csv chinchilla.csv
""",
)
@click.argument("name", required=False)
@click.option(
    "--download", is_flag=True, help="Download it into the cache, for work without a network."
)
@click.option("--csv", "csv", type=Path, metavar="PATH", help="Write its rows to PATH as CSV.")
@click.option("--force", is_flag=True, help="Replace a file that exists already.")
@click.option("--raw-cells", is_flag=True, help=files.RAW_CELLS)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
def datasets(
    *,
    name: str | None,
    download: bool,
    csv: Path | None,
    force: bool,
    raw_cells: bool,
    as_json: bool,
) -> None:
    """List the datasets, or show one: source, licence and units."""
    if name is None:
        if download or csv is not None:
            raise click.UsageError("--download and --csv need the name of a dataset")
        _print_datasets(as_json=as_json)
        return
    about = _fields(dataset_index.about(name))
    if csv is not None:
        files.refuse_unwritable(csv, force=force, suffixes=(".csv",))
    if download or csv is not None:
        frame = dataset_index.load(name)
        about["rows"] = frame.height
        if csv is not None:
            files.write_frame(frame, csv, force=force, raw=raw_cells)
            about["csv"] = str(csv.resolve())
    if as_json:
        output.emit_json(about)
    else:
        units = about.pop("units")
        pairs = [*about.items(), *((f"unit of {column}", unit) for column, unit in units.items())]
        output.emit_table(_two_columns(pairs))


def _print_datasets(*, as_json: bool) -> None:
    found = [_fields(dataset_index.about(name)) for name in dataset_index.names()]
    if as_json:
        output.emit_json({"datasets": found})
        return
    wanted = ("name", "rows", "title", "citation", "licence")
    rows = [[str(entry[key]) for key in wanted] for entry in found]
    output.emit_table(pl.DataFrame(rows, schema=dict.fromkeys(wanted, pl.String()), orient="row"))


def _fields(about: Any) -> dict[str, Any]:
    """Return what is known of a dataset as a mapping."""
    return {field.name: getattr(about, field.name) for field in fields(about)}

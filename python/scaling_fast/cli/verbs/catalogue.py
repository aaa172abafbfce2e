"""The verbs `laws` and `datasets`: what there is, and what is known of each."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaling_fast.cli import files, output

if TYPE_CHECKING:
    import polars as pl


def _two_columns(pairs: list[tuple[str, Any]]) -> pl.DataFrame:
    import polars as pl

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
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def laws(*, name: str | None, as_json: bool) -> None:
    """List the laws of the catalogue, or show one: parameters, derived and published values."""
    from scaling_fast import laws as catalogue

    if name is not None:
        _one_law(catalogue.get(name), as_json=as_json)
        return
    found = [catalogue.get(one) for one in catalogue.names()]
    if as_json:
        output.emit_json({"laws": [one.to_dict() for one in found]})
        return
    import polars as pl

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
    if output.on_terminal():
        # A person picks a law by what it is for; a script gets the formulas, up to 400 characters.
        output.emit_table(table.select("name", "columns", "for"))
        output.say("scaling-fast laws NAME shows one: its formula, parameters, needs and values")
    else:
        output.emit_table(table)


def _one_law(law: Any, *, as_json: bool) -> None:
    if as_json:
        output.emit_json(law.to_dict())
        return
    pairs: list[tuple[str, Any]] = [
        ("name", law.name),
        ("formula", law.formula),
        ("for", law.description),
    ]
    pairs += [(f"column {one}", law.units.get(one, "any unit")) for one in law.columns or ()]
    pairs += [
        (f"parameter {one}", _param(param, law.units.get(one))) for one, param in law.params.items()
    ]
    pairs += [(f"derived {one}", formula) for one, formula in law.derived.items()]
    pairs += [("needs", need.says + _otherwise(need.because)) for need in law.needs]
    for label, entry in law.published.items():
        values = ", ".join(f"{one}={value!r}" for one, value in entry["params"].items())
        checked = "verified" if entry.get("verified") else "unverified"
        pairs.append((f"published {label}", f"{values} ({checked}: {entry.get('cite', '')})"))
    pairs += [("notes", law.notes), ("source", law.cite)]
    output.emit_table(_two_columns(pairs))


def _otherwise(because: str) -> str:
    return f"; otherwise {because}" if because else ""


def _param(param: Any, unit: str | None) -> str:
    """Return the domain of a parameter in words, and its unit."""
    said = param.to_dict()
    lower, upper = said["lower"], said["upper"]
    if said["fixed"] is not None:
        domain = f"fixed at {said['fixed']:g}"
    elif lower is None and upper is None:
        domain = "any number"
    elif upper is None:
        domain = f"at least {lower:g}"
    elif lower is None:
        domain = f"at most {upper:g}"
    else:
        domain = f"from {lower:g} to {upper:g}"
    if said["start"] is not None:
        domain += f", one start at {said['start']:g}"
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
@click.option("--download", is_flag=True, help="Fetch it into the cache, for work without network.")
@click.option("--csv", "csv", type=Path, metavar="PATH", help="Write its rows to PATH.")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.option("--raw-cells", is_flag=True, help=files.RAW_CELLS)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def datasets(
    *,
    name: str | None,
    download: bool,
    csv: Path | None,
    force: bool,
    raw_cells: bool,
    as_json: bool,
) -> None:
    """List the datasets, or show one: source, licence, units."""
    from scaling_fast import datasets as sets

    if name is None:
        if download or csv is not None:
            raise click.UsageError("--download and --csv need the name of a dataset")
        _all_datasets(sets, as_json=as_json)
        return
    about = _fields(sets.about(name))
    if csv is not None:
        files.refuse_unwritable(csv, force=force, suffixes=(".csv",))
    if download or csv is not None:
        frame = sets.load(name)
        about["rows"] = frame.height
        if csv is not None:
            files.write_frame(frame, csv, force=force, raw=raw_cells)
            about["csv"] = str(csv.resolve())
    if as_json:
        output.emit_json(about)
    else:
        units = about.pop("units")
        pairs = [*about.items(), *((f"unit of {one}", unit) for one, unit in units.items())]
        output.emit_table(_two_columns(pairs))


def _all_datasets(sets: Any, *, as_json: bool) -> None:
    found = [_fields(sets.about(one)) for one in sets.names()]
    if as_json:
        output.emit_json({"datasets": found})
        return
    import polars as pl

    wanted = ("name", "rows", "title", "citation", "licence")
    rows = [[str(one[key]) for key in wanted] for one in found]
    output.emit_table(pl.DataFrame(rows, schema=dict.fromkeys(wanted, pl.String()), orient="row"))


def _fields(about: Any) -> dict[str, Any]:
    """Return what a dataset says of itself as a mapping."""
    return {one.name: getattr(about, one.name) for one in fields(about)}

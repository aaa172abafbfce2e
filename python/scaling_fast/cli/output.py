"""What the command prints: tables and JSON on stdout, notes and errors on stderr."""

from __future__ import annotations

import json
import re
import sys
import traceback
import unicodedata
from typing import TYPE_CHECKING, Any

import click

from scaling_fast.cli import streams
from scaling_fast.cli.exit_codes import Exit
from scaling_fast.cli.messages import with_options
from scaling_fast.errors import ConvergenceError, ScalingError
from scaling_fast.findings import json_ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from scaling_fast.findings import Finding

SIGNIFICANT = 6  # digits that a terminal shows; a pipe gets all 17
COLOURS = {"green": "green", "amber": "yellow", "red": "red", "grey": "bright_black"}
ADVISORY = " (advisory)"  # follows the severity of a finding that does not count in the verdict
# Controls, format characters (bidirectional overrides among them), surrogates, line separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_WHERE = ("code", "column", "row", "param", "position")


def clean(text: object) -> str:
    """Return the text without characters that could move a cursor or reverse a line."""
    plain = str(text)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(
        " " if character in "\n\t\r" else character
        for character in plain
        if character in "\n\t\r" or unicodedata.category(character) not in _HIDDEN
    )


# --- stderr -------------------------------------------------------------------------------


def print_to_stderr(text: str) -> None:
    """Print to stderr; where that is impossible, the exit code has to say it alone."""
    try:
        click.echo(text, err=True)
    except (OSError, ValueError):
        streams.abandon(sys.stderr)


def note(sentence: str) -> None:
    """Print a note to stderr."""
    print_to_stderr(clean(sentence))


def note_findings(findings: Iterable[Finding]) -> None:
    """Print the findings of a fit to stderr, one per line, each with its severity as a word."""
    for finding in findings:
        advice = f" ({finding.advice})" if finding.advice else ""
        note(f"{finding.severity}: {with_options(finding.sentence)}{with_options(advice)}")


def report_usage_error(error: click.ClickException, *, as_json: bool) -> None:
    """Print how the command line was wrong."""
    message = error.format_message()
    if as_json:
        param = getattr(getattr(error, "param", None), "name", None)
        _print_error_object({"code": "usage", "message": message, "param": param})
        return
    context = getattr(error, "ctx", None)
    if context is not None:
        print_to_stderr(clean(context.get_usage()))
    note(f"error: {message}")
    if context is not None:
        note(f"try: {context.command_path} --help")


def report_error(error: Exception, *, as_json: bool) -> Exit:
    """Print an exception in one sentence and return its exit code; a bug shows its traceback."""
    expected = isinstance(error, ScalingError | OSError)
    where = {name: getattr(error, name, None) for name in _WHERE}
    message = str(error) or type(error).__name__
    if isinstance(error, ScalingError):
        message = with_options(message, error.param)
    if isinstance(error, OSError):
        where["code"] = "file"
        place = f"`{error.filename}`: " if error.filename else ""
        message = f"{place}{error.strerror or error}"
    elif not expected:
        where["code"] = where["code"] or "internal"
        message = (
            f"{type(error).__name__}: {message}; this is a bug in scaling_fast, please report it"
        )
    if as_json:
        _print_error_object({"message": message, **where, "code": where["code"] or _kind(error)})
    else:
        if not expected:
            print_to_stderr("".join(traceback.format_exception(error)).rstrip("\n"))
        note(f"error: {message}")
    if isinstance(error, ConvergenceError) or not expected:
        return Exit.NO_USABLE_FIT
    return Exit.BAD_INPUT


def _kind(error: Exception) -> str:
    return type(error).__name__.removesuffix("Error").lower()


def _print_error_object(entry: Mapping[str, Any]) -> None:
    full = {"code": None, "message": "", **dict.fromkeys(_WHERE[1:]), **entry}
    print_to_stderr(json.dumps({"error": json_ready(full)}, allow_nan=False))


def interruption(error: BaseException) -> str:
    """Return the sentence for Ctrl-C, with the number of replicates that were finished."""
    partial = getattr(error, "partial", None) or getattr(error.__cause__, "partial", None)
    draws = getattr(partial, "draws", None)
    return "interrupted" if draws is None else f"interrupted after {len(draws):,} replicates"


# --- stdout -------------------------------------------------------------------------------


def emit_json(value: Any) -> None:
    """Print one JSON object to stdout; floats round-trip, other than ASCII is escaped."""
    click.echo(json.dumps(json_ready(value), allow_nan=False, indent=1))


def json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a frame as JSON has it: one object per row, times in ISO 8601."""
    return [
        {
            name: value.isoformat() if hasattr(value, "isoformat") else value
            for name, value in row.items()
        }
        for row in frame.iter_rows(named=True)
    ]


def format_cell(value: Any, digits: int | None = SIGNIFICANT) -> str:
    """Return a value as a table shows it; None for `digits` keeps all of them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if digits is None else f"{value:.{digits}g}"
    if isinstance(value, list):
        return clean(", ".join(format_cell(item, digits) for item in value))
    if isinstance(value, tuple):  # the lines of one cell; a frame holds none
        return "\n".join(format_cell(line, digits) for line in value)
    return clean(value)


def emit_table(
    frame: pl.DataFrame,
    *,
    title: str | None = None,
    essential: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> list[str]:
    """Print a frame: aligned on a terminal, tab-separated with all digits elsewhere.

    Parameters
    ----------
    frame
        Table to print; one line per row.
    title
        Line above the table, on a terminal only.
    essential
        Columns that a terminal shows when it is too narrow for all of them, by default all; in several
        tables where even these do not fit beside each other.
    keys
        Columns that each of several tables repeats.

    Returns
    -------
    list
        Names of the columns that were left out.
    """
    if not streams.on_terminal():
        lines = ["\t".join(clean(name) for name in frame.columns)]
        lines += ["\t".join(format_cell(value, None) for value in row) for row in frame.iter_rows()]
        click.echo("\n".join(lines))
        return []
    names = list(frame.columns)
    if _width(frame, names) <= _console().width:
        print_table(names, frame.rows(), title=title)
        return []
    # A number that is cut off is another number: what does not fit beside goes below.
    wanted = [name for name in names if name in essential] if essential else names
    for part in _parts(frame, wanted, keys):
        print_table(part, frame.select(part).rows(), title=title)
        title = None
    return [name for name in names if name not in wanted]


def _width(frame: pl.DataFrame, names: Sequence[str]) -> int:
    """Return the characters that a table of these columns takes: a bar and two blanks per column."""
    from rich.cells import cell_len

    widest = [
        max(cell_len(text) for text in (clean(name), *map(format_cell, frame[name].to_list())))
        for name in names
    ]
    return sum(widest) + 3 * len(widest) + 1


def _parts(frame: pl.DataFrame, names: Sequence[str], keys: Sequence[str]) -> list[list[str]]:
    """Return the columns in parts that fit the terminal, the keys in each."""
    first = [name for name in names if name in keys]
    parts = [list(first)]
    for name in (name for name in names if name not in keys):
        if len(parts[-1]) > len(first) and _width(frame, [*parts[-1], name]) > _console().width:
            parts.append(list(first))
        parts[-1].append(name)
    return parts


def print_table(
    names: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str | None = None
) -> None:
    """Print an aligned table for a person; a number is never broken over two lines."""
    from rich.table import Table
    from rich.text import Text

    table = Table()
    numeric = [
        all(value is None or isinstance(value, int | float) for value in column)
        for column in zip(*rows, strict=True)
    ] or [False] * len(names)
    for name, is_number in zip(names, numeric, strict=True):
        table.add_column(
            Text(clean(name)),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_coloured(format_cell(value)) for value in row))
    console = _console()
    if title is not None:
        console.print(Text(clean(title)))
    console.print(table)


def print_sentence(sentence: str, *, severity: str = "") -> None:
    """Print a sentence to stdout, on a terminal in the colour of a severity."""
    from rich.text import Text

    _console().print(Text(clean(sentence), style=COLOURS.get(severity, "")))


def _coloured(text: str) -> Any:
    """Return a cell; the four severities carry a colour besides their word."""
    from rich.text import Text

    # A severity stands alone, before " (advisory)", or in brackets after its word.
    shown = re.fullmatch(r"(?:[A-Z][a-z ]+ \()?([a-z]+)\)?", text.removesuffix(ADVISORY))
    return Text(text, style=COLOURS.get(shown[1], "") if shown else "")


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)

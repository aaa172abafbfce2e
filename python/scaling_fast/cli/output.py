"""What the command writes: tables and JSON on stdout, notes and errors on stderr."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import traceback
import unicodedata
from typing import TYPE_CHECKING, Any

import click

from scaling_fast.cli import parsing as words
from scaling_fast.cli.exit_codes import Exit
from scaling_fast.findings import json_ready

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    import polars as pl

    from scaling_fast.findings import Finding

SIGNIFICANT = 6  # digits a terminal shows; a pipe gets all 17
WORDS = {"green": "green", "amber": "yellow", "red": "red", "grey": "bright_black"}
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
        " " if one in "\n\t\r" else one
        for one in plain
        if one in "\n\t\r" or unicodedata.category(one) not in _HIDDEN
    )


def tolerate_any_encoding() -> None:
    """Let a stream that cannot write a Greek letter escape it instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write out what is buffered, while a failure can still be said.

    Raises
    ------
    OSError
        If it cannot be written, or stdout is closed.
    """
    if sys.stdout is None or sys.stdout.closed:
        raise OSError(errno.EBADF, "stdout is closed, so the answer is lost")
    sys.stdout.flush()


def hold_streams() -> None:
    """Open closed standard descriptors to nothing, so that no file opened later becomes one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # the lowest that is free


def abandon(stream: Any) -> None:
    """Point a stream at nothing, so that the interpreter's last flush says nothing either."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(text: str) -> None:
    """Print to stderr; where nobody can read it the exit code says it alone."""
    try:
        click.echo(text, err=True)
    except (OSError, ValueError):
        abandon(sys.stderr)


def note(sentence: str) -> None:
    """Print a note to stderr."""
    complain(clean(sentence))


def emit_json(value: Any) -> None:
    """Print one JSON object on stdout; floats round-trip, text is ASCII with escapes."""
    click.echo(json.dumps(json_ready(value), allow_nan=False, indent=1))


def cell(value: Any, digits: int | None = SIGNIFICANT) -> str:
    """Return a value as a table shows it; None for `digits` keeps all of them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if digits is None else f"{value:.{digits}g}"
    if isinstance(value, list):
        return clean(", ".join(cell(one, digits) for one in value))
    if isinstance(value, tuple):  # the lines of one cell; a frame holds none
        return "\n".join(cell(one, digits) for one in value)
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
        What to print; one row a line.
    title
        Shown above the table on a terminal only.
    essential
        Columns that a terminal shows which is too narrow for all of them; in several tables
        where even these do not fit beside each other.
    keys
        Columns that each of several tables repeats.

    Returns
    -------
    list
        The columns that were left out.
    """
    if not on_terminal():
        click.echo("\t".join(clean(name) for name in frame.columns))
        for row in frame.iter_rows():
            click.echo("\t".join(cell(one, None) for one in row))
        return []
    names = list(frame.columns)
    if not essential or _width(frame, names) <= _console().width:
        print_table(names, frame.rows(), title=title)
        return []
    for part in _parts(frame, [one for one in names if one in essential], keys):
        print_table(part, frame.select(part).rows(), title=title)
        title = None
    return [one for one in names if one not in essential]


def _width(frame: pl.DataFrame, names: Sequence[str]) -> int:
    """Return the characters a table of these columns takes: a bar and two blanks a column."""
    from rich.cells import cell_len

    widest = [
        max(cell_len(text) for text in (clean(name), *map(cell, frame[name].to_list())))
        for name in names
    ]
    return sum(widest) + 3 * len(widest) + 1


def _parts(frame: pl.DataFrame, names: Sequence[str], keys: Sequence[str]) -> list[list[str]]:
    """Return the columns in parts that fit the terminal, the keys in each."""
    first = [one for one in names if one in keys]
    parts = [list(first)]
    for name in (one for one in names if one not in keys):
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
        all(one is None or isinstance(one, int | float) for one in column)
        for column in zip(*rows, strict=True)
    ] or [False] * len(names)
    for name, number in zip(names, numeric, strict=True):
        table.add_column(
            Text(clean(name)),
            justify="right" if number else "left",
            no_wrap=number,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(coloured(cell(one)) for one in row))
    console = _console()
    if title is not None:
        console.print(Text(clean(title)))
    console.print(table)


def say(sentence: str, *, colour: str = "") -> None:
    """Print a sentence on stdout, in the colour of a severity on a terminal."""
    from rich.text import Text

    _console().print(Text(clean(sentence), style=WORDS.get(colour, "")))


def coloured(text: str) -> Any:
    """Return a cell; the four severities carry a colour besides their word."""
    from rich.text import Text

    return Text(text, style=WORDS.get(text.removesuffix(ADVISORY), ""))


def _console(*, stderr: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def on_terminal(*, stderr: bool = False) -> bool:
    """Return whether a person watches the stream."""
    stream = sys.stderr if stderr else sys.stdout
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def findings_frame(
    findings: Iterable[Finding], titles: Mapping[str, str], advisory: Container[str]
) -> pl.DataFrame:
    """Return the findings as a table: severity, title of the check, what was found, what to do."""
    import polars as pl

    names = ("severity", "check", "sentence", "advice")
    rows = [
        [
            finding.severity + ADVISORY * (finding.check in advisory),
            titles[finding.check],
            finding.sentence,
            finding.advice,
        ]
        for finding in findings
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")


def note_findings(findings: Iterable[Finding]) -> None:
    """Say the findings of a fit on stderr, one a line, its severity as a word."""
    for one in findings:
        advice = f" ({one.advice})" if one.advice else ""
        note(f"{one.severity}: {words.spoken(one.sentence)}{words.spoken(advice)}")


def refuse_usage(error: click.ClickException, *, as_json: bool) -> None:
    """Say how the command line was wrong."""
    message = error.format_message()
    if as_json:
        param = getattr(getattr(error, "param", None), "name", None)
        _error_object({"code": "usage", "message": message, "param": param})
        return
    context = getattr(error, "ctx", None)
    if context is not None:
        complain(clean(context.get_usage()))
    note(f"error: {message}")
    if context is not None:
        note(f"try: {context.command_path} --help")


def refuse(error: Exception, *, as_json: bool) -> Exit:
    """Say an exception in one sentence and return its exit code; a bug shows its traceback."""
    from scaling_fast.errors import ConvergenceError, ScalingError

    expected = isinstance(error, ScalingError | OSError)
    where = {name: getattr(error, name, None) for name in _WHERE}
    message = str(error) or type(error).__name__
    if isinstance(error, ScalingError):
        message = words.spoken(message, error.param)
    if isinstance(error, OSError):
        where["code"] = "file"
        place = f"`{error.filename}`: " if error.filename else ""
        message = f"{place}{error.strerror or error}"
    elif not expected:
        where["code"] = where["code"] or "internal"
        message = f"{type(error).__name__}: {message}; this is a bug of ours, please report it"
    if as_json:
        _error_object({"message": message, **where, "code": where["code"] or _kind(error)})
    else:
        if not expected:
            complain("".join(traceback.format_exception(error)).rstrip("\n"))
        note(f"error: {message}")
    if isinstance(error, ConvergenceError) or not expected:
        return Exit.NO_USABLE_FIT
    return Exit.CANNOT_ASK


def _kind(error: Exception) -> str:
    return type(error).__name__.removesuffix("Error").lower()


def _error_object(entry: Mapping[str, Any]) -> None:
    full = {"code": None, "message": "", **dict.fromkeys(_WHERE[1:]), **entry}
    complain(json.dumps({"error": json_ready(full)}, allow_nan=False))


def interruption(error: BaseException) -> str:
    """Return the sentence for Ctrl-C, with the number of replicates that were finished."""
    partial = getattr(error, "partial", None) or getattr(error.__cause__, "partial", None)
    draws = getattr(partial, "draws", None)
    return "interrupted" if draws is None else f"interrupted; {len(draws):,} replicates were done"

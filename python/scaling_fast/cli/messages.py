"""Sentences of the library in the terms of a command line: options for arguments, lines for rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scaling_fast.laws.usual import usual_column

if TYPE_CHECKING:
    import polars as pl

ARGUMENTS = (
    *("by", "level", "loss", "method", "n", "noise", "nulls", "residual", "scheme", "sd", "seed"),
    *("sigma", "starts", "target", "threads", "weights"),
)
"""Arguments of the library whose option on the command line has the same name."""

_ASSIGNED = re.compile(rf"""(?<![\w-])({"|".join(ARGUMENTS)})=(["'])([\w.:-]+)\2""")
_NAMED = re.compile(rf"""`({"|".join(ARGUMENTS)})=`""")
_COLUMNS = re.compile(r"columns=\{([^{}]*)\}")
_COLUMN = re.compile(r'"([^"]*)": "([^"]*)"')
_LIST = re.compile(r"`\[('[^']*'(?:, '[^']*')*)\]`")


def with_options(message: str, param: str | None = None) -> str:
    """Return a sentence of the library with options in place of arguments.

    Parameters
    ----------
    message
        Sentence of an exception or a finding.
    param
        Argument that the sentence is about; where the sentence begins with it, it becomes the option.

    Examples
    --------
    >>> with_options('fix the data, or leave such rows out with nulls="drop"')
    'fix the data, or leave such rows out with --nulls drop'
    >>> with_options("level must be between 0 and 1", "level")
    '--level must be between 0 and 1'
    >>> with_options("the free parameters are `['E', 'alpha']`")
    'the free parameters are `E`, `alpha`'
    """
    message = _ASSIGNED.sub(r"--\1 \3", message)
    message = _NAMED.sub(r"`--\1`", message)
    message = re.sub(r"\bmax_failures=(?=[\d.])", "--max-failures ", message)
    message = re.sub(r"^max_failures\b|(?<=larger )max_failures\b", "--max-failures", message)
    message = re.sub(r"\b(?:pass )?force=True", "--force", message)
    message = _COLUMNS.sub(
        lambda mapping: " ".join(
            f"--column {name}={column}" for name, column in _COLUMN.findall(mapping[1])
        ),
        message,
    )
    message = _LIST.sub(lambda names: names[1].replace("'", "`"), message)
    if param in ARGUMENTS and message.startswith(f"{param} "):
        message = f"--{message}"
    return message


def with_line(message: str, row: int, first_line: int | None) -> str:
    """Return a sentence with its row as a line of the file, or with where counting begins.

    Parameters
    ----------
    message
        Sentence that names the row.
    row
        Number of the row, from 0.
    first_line
        Line of the file that row 0 stands on, or None where rows are not lines.

    Examples
    --------
    >>> with_line("column `y` holds NaN in row 2", 2, 2)
    'column `y` holds NaN in line 4'
    >>> with_line("column `y` holds NaN in row 2", 2, None)
    'column `y` holds NaN in row 2 (the first is row 0)'
    """
    place = f"row {row} (the first is row 0)" if first_line is None else f"line {row + first_line}"
    return re.sub(rf"\brow {row}\b", place, message, count=1)


def column_hint(name: str, frame: pl.DataFrame) -> str:
    """Return how to say which column a name of the law is, with a column of the frame where it is plain."""
    column = usual_column(name, frame.columns) or "COLUMN"
    return f"; say which column `{name}` is: --column {name}={column}"

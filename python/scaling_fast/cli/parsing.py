"""Values of the library from the text of a command line: columns, losses, residuals, starts, schemes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click
import polars as pl

from scaling_fast.errors import ParameterError, nearest, quote
from scaling_fast.laws import Param
from scaling_fast.losses import LOSSES, LogExcess
from scaling_fast.losses.words import loss_form
from scaling_fast.resampling.schemes.words import SCHEMES, scheme_form
from scaling_fast.validation import EXACT_BELOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RESIDUALS = ("log", "raw", "logit")

_SCALED = re.compile(r"(?P<column>.+?)\s*(?P<operator>[*/])\s*(?P<number>[^*/]+)")
_PARAM_FIELDS = ("start", "lower", "upper", "fixed")


class _Whole(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.2
    """A whole number of the command line; 1e4 is one."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number as an int."""
        number = _whole(str(value))
        if number is None:
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        return number


WHOLE = _Whole()


def _whole(text: str) -> int | None:
    """Return a whole number, digits or a float such as 1e4; None for anything else."""
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() and abs(number) < EXACT_BELOW else None


def _number(text: str, option: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        raise ParameterError(
            f"{option} needs a number, got {quote(text)}", code="not_a_number", param=option
        ) from None


def _pair(text: str, separator: str, option: str, example: str) -> tuple[str, str]:
    left, middle, right = text.partition(separator)
    if not (middle and left.strip() and right.strip()):
        raise ParameterError(
            f"{option} must have the form {quote(example)}, got {quote(text)}",
            code="form",
            param=option,
        )
    return left.strip(), right


def _once(pairs: Iterable[tuple[str, Any]], option: str) -> dict[str, Any]:
    """Return the pairs as a mapping; a name given twice is refused."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ParameterError(
                f"{option} names {quote(name)} twice", code="duplicate", param=name
            )
        found[name] = value
    return found


def _unknown(word: str, words: Sequence[str], option: str) -> ParameterError:
    near = nearest(word, words)
    meant = f"; did you mean {quote(near)}?" if near else ";"
    return ParameterError(
        f"{option} does not know {quote(word)}{meant} it takes {', '.join(words)}",
        code="unknown_word",
        param=option,
    )


def columns(texts: Sequence[str], frame: pl.DataFrame) -> dict[str, Any] | None:
    """Return `N=params` and `D=tokens/1e9` as the library's `columns=`.

    A name that the frame has is that column, whatever characters it consists of; only other texts
    are read as a change of units, `COLUMN/NUMBER` or `COLUMN*NUMBER`.

    Raises
    ------
    ParameterError
        For another form, or a name given twice.
    """
    if not texts:
        return None
    pairs = [_pair(text, "=", "--column", "N=params") for text in texts]
    return _once(((name, _column(name, text, frame)) for name, text in pairs), "--column")


def _column(name: str, text: str, frame: pl.DataFrame) -> Any:
    if text not in frame.columns and re.search(r",\s*[^\W\d]\w*\s*=", text):
        pairs = [pair.strip() for pair in f"{name}={text}".split(",")]
        repeated = " ".join(f"--column {pair}" for pair in pairs)
        raise ParameterError(
            f"--column takes one name at a time; repeat it: {quote(repeated, 200)}",
            code="form",
            param="--column",
        )
    scaled = _SCALED.fullmatch(text)
    if text in frame.columns or scaled is None or scaled["column"] not in frame.columns:
        return text
    number = _number(scaled["number"], "--column")
    column = pl.col(scaled["column"])
    return column / number if scaled["operator"] == "/" else column * number


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence lists them, with "or" before the last.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b or c'
    """
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def loss_forms() -> str:
    """Return how each loss is written, for a help text."""
    return listed(map(loss_form, LOSSES))


def scheme_forms() -> str:
    """Return how each scheme is written, for a help text; what stands in brackets may be left out."""
    return "|".join(map(scheme_form, SCHEMES))


def residual(text: str | None) -> Any:
    """Return `log_excess:E` as a `LogExcess`, `log_excess:E:plain` without its Jacobian, and a word as it is.

    Raises
    ------
    ParameterError
        For a log_excess without its parameter, or with more than `plain` after it.
    """
    if text is None:
        return None
    word, *parts = (part.strip() for part in text.split(":"))
    if word.lower().replace("-", "_") != "log_excess":
        return text
    if not parts or parts[1:] not in ([], ["plain"]):
        raise ParameterError(
            f"--residual log_excess must be written `log_excess:E` or `log_excess:E:plain`, got {quote(text)}",
            code="form",
            param="residual",
        )
    return LogExcess(parts[0], jacobian=not parts[1:])


def params(texts: Sequence[str]) -> dict[str, Param] | None:
    """Return `alpha:lower=0,upper=2,start=.3` and `E=1.7`, a fixed value, as the library's `params=`.

    Raises
    ------
    ParameterError
        For another form, an unknown field, a name or field given twice.
    """
    if not texts:
        return None
    example = "alpha:lower=0,upper=2,start=0.3"
    found = {}
    for text in texts:
        # A number alone is the value that the parameter keeps.
        colon, equals = text.find(":"), text.find("=")
        if colon < 0 < equals:
            text = text[:equals] + ":fixed" + text[equals:]
        name, rest = _pair(text, ":", "--param", example)
        pairs = [_pair(part, "=", "--param", example) for part in rest.split(",")]
        for field, _ in pairs:
            if field not in _PARAM_FIELDS:
                raise _unknown(field, _PARAM_FIELDS, "--param")
        if name in found:
            raise ParameterError(f"--param names {quote(name)} twice", code="duplicate", param=name)
        values = _once(((field, _number(value, "--param")) for field, value in pairs), "--param")
        found[name] = Param(**values)
    return found


def targets(texts: Sequence[str]) -> list[float] | dict[str, list[float]]:
    """Return where forecasts are wanted: numbers such as 1e24, or points such as `N=7e10,D=1.4e12`.

    Raises
    ------
    ParameterError
        For another form, numbers beside points, and points that name other columns than the first.
    """
    if not any("=" in text for text in texts):
        return [_number(part, "--at") for text in texts for part in text.split(",")]
    points = [
        _once(
            (_pair(part, "=", "--at", "N=7e10,D=1.4e12") for part in text.split(",")),
            "--at",
        )
        for text in texts
    ]
    names = list(points[0])
    for point in points:
        if set(point) != set(names):
            raise ParameterError(
                f"--at names {quote(list(point), 200)} after {quote(names, 200)}; name the same columns each time",
                code="form",
                param="--at",
            )
    return {name: [_number(point[name], "--at") for point in points] for name in names}


def starts(text: str, words: Sequence[str]) -> str | int | Mapping[str, float]:
    """Return one of the words, a number of starts, or one start as `E=1.7,A=400`.

    Raises
    ------
    ParameterError
        For anything else.
    """
    stripped = text.strip()
    if stripped in words:
        return stripped
    count = _whole(stripped)
    if count is not None:
        return count
    if "=" in stripped:
        pairs = [_pair(part, "=", "--starts", "E=1.7,A=400") for part in stripped.split(",")]
        return _once(((name, _number(value, "--starts")) for name, value in pairs), "--starts")
    raise _unknown(stripped, [*words, "a whole number", "E=1.7,A=400,..."], "--starts")

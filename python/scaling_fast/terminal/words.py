"""From the words of a command line to values of the library."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

from scaling_fast.errors import ParameterError, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from scaling_fast.laws import Param
    from scaling_fast.losses import Loss
    from scaling_fast.schemes import Scheme

_SCALED = re.compile(r"(?P<column>.+?)\s*(?P<operator>[*/])\s*(?P<number>[^*/]+)")
_PARAM_FIELDS = ("start", "lower", "upper", "fixed")


def _number(text: str, option: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        raise ParameterError(
            f"{option} wants a number, got {shown(text)}", code="not_a_number", param=option
        ) from None


def _pair(text: str, separator: str, option: str, example: str) -> tuple[str, str]:
    left, found, right = text.partition(separator)
    if not (found and left.strip() and right.strip()):
        raise ParameterError(
            f"{option} wants the form {shown(example)}, got {shown(text)}",
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
                f"{option} names {shown(name)} twice", code="duplicate", param=name
            )
        found[name] = value
    return found


def _unknown(word: str, words: Sequence[str], option: str) -> ParameterError:
    near = nearest(word, words)
    meant = f"; did you mean {shown(near)}?" if near else ";"
    return ParameterError(
        f"{option} does not know {shown(word)}{meant} it knows {', '.join(words)}",
        code="unknown_word",
        param=option,
    )


def columns(given: Sequence[str], frame: pl.DataFrame) -> dict[str, Any] | None:
    """Return `N=params` and `D=tokens/1e9` as the library's `columns=`.

    A name the frame has is that column, whatever characters it is made of; only then is
    `COLUMN/NUMBER` or `COLUMN*NUMBER` read as a change of units.

    Raises
    ------
    ParameterError
        For another form, or a name given twice.
    """
    if not given:
        return None
    pairs = [_pair(one, "=", "--column", "N=params") for one in given]
    return _once(((name, _column(text, frame)) for name, text in pairs), "--column")


def _column(text: str, frame: pl.DataFrame) -> Any:
    import polars as pl

    scaled = _SCALED.fullmatch(text)
    if text in frame.columns or scaled is None or scaled["column"] not in frame.columns:
        return text
    number = _number(scaled["number"], "--column")
    column = pl.col(scaled["column"])
    return column / number if scaled["operator"] == "/" else column * number


def loss(text: str) -> Loss:
    """Return `squared`, `huber:1e-3` or `huber:1.345:mad` as a loss.

    Raises
    ------
    ParameterError
        For an unknown loss, a missing or superfluous number.
    """
    from scaling_fast import losses

    known = {one.name: one for one in get_args(losses.Loss)}
    word, *given = (one.strip() for one in text.split(":"))
    name = word.lower().replace("-", "_")
    if name not in known:
        raise _unknown(word, list(known), "--loss")
    wanted = [one.name for one in fields(known[name])]
    if len(given) > len(wanted) or (wanted and not given):
        form = ":".join([name, *(one.upper() for one in wanted[:1])])
        raise ParameterError(
            f"--loss {name} is written {shown(form)}, got {shown(text)}", code="form", param="loss"
        )
    values = [_number(one, "--loss") if i == 0 else one for i, one in enumerate(given)]
    made: Loss = known[name](*values)
    return made


def params(given: Sequence[str]) -> dict[str, Param] | None:
    """Return `alpha:lower=0,upper=2,start=.3` and `E:fixed=1.7` as the library's `params=`.

    Raises
    ------
    ParameterError
        For another form, an unknown field, a name or field given twice.
    """
    if not given:
        return None
    from scaling_fast.laws import Param

    example = "alpha:lower=0,upper=2,start=0.3"
    found = {}
    for text in given:
        name, rest = _pair(text, ":", "--param", example)
        pairs = [_pair(one, "=", "--param", example) for one in rest.split(",")]
        for field, _ in pairs:
            if field not in _PARAM_FIELDS:
                raise _unknown(field, _PARAM_FIELDS, "--param")
        if name in found:
            raise ParameterError(f"--param names {shown(name)} twice", code="duplicate", param=name)
        values = _once(((field, _number(value, "--param")) for field, value in pairs), "--param")
        found[name] = Param(**values)
    return found


def starts(text: str, words: Sequence[str]) -> str | int | Mapping[str, float]:
    """Return one of the words, a number of starts, or one given start `E=1.7,A=400`.

    Raises
    ------
    ParameterError
        For anything else.
    """
    stripped = text.strip()
    if stripped in words:
        return stripped
    if re.fullmatch(r"[+-]?[0-9]+", stripped):
        return int(stripped)
    if "=" in stripped:
        pairs = [_pair(one, "=", "--starts", "E=1.7,A=400") for one in stripped.split(",")]
        return _once(((name, _number(value, "--starts")) for name, value in pairs), "--starts")
    raise _unknown(stripped, [*words, "a whole number", "E=1.7,A=400,..."], "--starts")


def scheme(text: str) -> Scheme:
    """Return `pairs`, `clusters:run`, `bayesian:run` or `jackknife` as a scheme.

    Raises
    ------
    ParameterError
        For an unknown scheme, a missing or superfluous column.
    """
    from scaling_fast import schemes

    # Indices and Weights hold arrays and cannot be said in words.
    spoken = (schemes.Pairs, schemes.Clusters, schemes.Bayesian, schemes.Jackknife)
    known = {one.name: one for one in spoken}
    word, found, column = text.partition(":")
    name = word.strip().lower()
    if name not in known:
        raise _unknown(word, list(known), "--scheme")
    made: Any = known[name]
    wanted = fields(made)
    if found and not wanted:
        raise ParameterError(
            f"--scheme {name} takes no column, got {shown(column)}", code="form", param="scheme"
        )
    if made is schemes.Clusters and not column:
        raise ParameterError(
            "--scheme clusters wants a column: write `clusters:run`", code="form", param="scheme"
        )
    return made(column) if column else made()  # type: ignore[no-any-return]

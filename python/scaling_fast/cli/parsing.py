"""Values of the library from the text of a command line: columns, losses, residuals, starts, schemes."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

import polars as pl

from scaling_fast.errors import ParameterError, nearest, quote
from scaling_fast.laws import Param
from scaling_fast.losses import LOSSES, LogExcess
from scaling_fast.resampling.schemes import Indices, Scheme, Weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scaling_fast.losses import Loss

# Indices and Weights hold arrays, which a command line cannot.
SCHEMES: dict[str, Any] = {
    scheme.name: scheme for scheme in get_args(Scheme) if scheme not in (Indices, Weights)
}
SCHEME_FIELDS: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "clusters": (("by", "COLUMN", False),),
    "strata": (("by", "COLUMN", False),),
    "blocks": (("length", "LENGTH", False), ("within", "COLUMN", True)),
    "bayesian": (("cluster", "COLUMN", True),),
    "subsample": (("m", "M", False),),
    "wild": (("signs", "SIGNS", True), ("cluster", "COLUMN", True)),
    "parametric": (("sd", "SD", True),),
    "jackknife": (("cluster", "COLUMN", True),),
}
"""What follows the name of a scheme after colons: field, kind of value, whether it may be left out."""
EXAMPLES = {"COLUMN": "run", "LENGTH": "5", "M": "20"}
RESIDUALS = ("log", "raw", "logit")

_SCALED = re.compile(r"(?P<column>.+?)\s*(?P<operator>[*/])\s*(?P<number>[^*/]+)")
_PARAM_FIELDS = ("start", "lower", "upper", "fixed")


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


def _loss_form(name: str) -> str:
    return ":".join([name, *(field.name.upper() for field in fields(LOSSES[name])[:1])])


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
    return listed(map(_loss_form, LOSSES))


def _scheme_form(name: str) -> str:
    form = name
    for _, kind, optional in reversed(SCHEME_FIELDS.get(name, ())):
        tail = form.removeprefix(name)
        form = name + (f"[:{kind}{tail}]" if optional else f":{kind}{tail}")
    return form


def scheme_forms() -> str:
    """Return how each scheme is written, for a help text; what stands in brackets may be left out."""
    return "|".join(map(_scheme_form, SCHEMES))


def loss(text: str) -> Loss:
    """Return `squared`, `huber:1e-3` or `huber:1.345:mad` as a loss.

    Raises
    ------
    ParameterError
        For an unknown loss, or a number that is missing or superfluous.
    """
    word, *parts = (part.strip() for part in text.split(":"))
    name = word.lower().replace("-", "_")
    if name not in LOSSES:
        raise _unknown(word, list(LOSSES), "--loss")
    wanted = [field.name for field in fields(LOSSES[name])]
    if len(parts) > len(wanted) or (wanted and not parts):
        raise ParameterError(
            f"--loss {name} must be written {quote(_loss_form(name))}, got {quote(text)}",
            code="form",
            param="loss",
        )
    values = [_number(part, "--loss") if i == 0 else part for i, part in enumerate(parts)]
    made: Loss = LOSSES[name](*values)
    return made


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
    """Return `alpha:lower=0,upper=2,start=.3` and `E:fixed=1.7` as the library's `params=`.

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
    if re.fullmatch(r"[+-]?[0-9]+", stripped):
        return int(stripped)
    if "=" in stripped:
        pairs = [_pair(part, "=", "--starts", "E=1.7,A=400") for part in stripped.split(",")]
        return _once(((name, _number(value, "--starts")) for name, value in pairs), "--starts")
    raise _unknown(stripped, [*words, "a whole number", "E=1.7,A=400,..."], "--starts")


def scheme(text: str) -> Scheme:
    """Return `pairs`, `clusters:run`, `bayesian:run` or `jackknife` as a scheme.

    Raises
    ------
    ParameterError
        For an unknown scheme, or a column or number that is missing or superfluous.
    """
    word, colon, rest = text.partition(":")
    name = word.strip().lower()
    if name not in SCHEMES:
        raise _unknown(word, list(SCHEMES), "--scheme")
    wanted = SCHEME_FIELDS.get(name, ())
    if colon and not wanted:
        raise ParameterError(
            f"--scheme {name} takes nothing after its name, got {quote(rest)}",
            code="form",
            param="scheme",
        )
    # The last part is a column, which may hold colons itself.
    parts = rest.split(":", len(wanted) - 1) if rest else []
    values: dict[str, Any] = {}
    for place, (field, kind, optional) in enumerate(wanted):
        part = parts[place] if place < len(parts) else ""
        if part:
            values[field] = _scheme_part(part, kind)
        elif not optional:
            what = "a column" if kind == "COLUMN" else f"a {kind}"
            raise ParameterError(
                f"--scheme {name} needs {what}: write `{name}:{EXAMPLES[kind]}`",
                code="form",
                param="scheme",
            )
    return SCHEMES[name](**values)  # type: ignore[no-any-return]


def _scheme_part(text: str, kind: str) -> Any:
    if kind in ("COLUMN", "SIGNS"):
        return text
    number = _number(text, "--scheme")
    return int(number) if kind in ("LENGTH", "M") and number.is_integer() else number

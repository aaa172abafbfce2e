"""From the words of a command line to values of the library."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

from scaling_fast import losses
from scaling_fast.errors import ParameterError, nearest, quote
from scaling_fast.laws.usual import usual_column
from scaling_fast.resampling import schemes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from scaling_fast.laws import Param
    from scaling_fast.losses.registry import Loss
    from scaling_fast.resampling.schemes import Scheme

KNOWN_LOSSES: dict[str, Any] = {one.name: one for one in get_args(losses.Loss)}
# Indices and Weights hold arrays and cannot be said in words.
KNOWN_SCHEMES: dict[str, Any] = {
    one.name: one for one in (*get_args(schemes.Cases), *get_args(schemes.ModelBased))
}
# What follows the name of a scheme, by colons: the field, what it is, and whether it may be left out.
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
RESIDUALS = ("log", "raw", "logit")

_SCALED = re.compile(r"(?P<column>.+?)\s*(?P<operator>[*/])\s*(?P<number>[^*/]+)")
_PARAM_FIELDS = ("start", "lower", "upper", "fixed")


def _number(text: str, option: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        raise ParameterError(
            f"{option} wants a number, got {quote(text)}", code="not_a_number", param=option
        ) from None


def _pair(text: str, separator: str, option: str, example: str) -> tuple[str, str]:
    left, found, right = text.partition(separator)
    if not (found and left.strip() and right.strip()):
        raise ParameterError(
            f"{option} wants the form {quote(example)}, got {quote(text)}",
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
        f"{option} does not know {quote(word)}{meant} it knows {', '.join(words)}",
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
    return _once(((name, _column(name, text, frame)) for name, text in pairs), "--column")


def _column(name: str, text: str, frame: pl.DataFrame) -> Any:
    import polars as pl

    if text not in frame.columns and re.search(r",\s*[^\W\d]\w*\s*=", text):
        apart = [one.strip() for one in f"{name}={text}".split(",")]
        said = " ".join(f"--column {one}" for one in apart)
        raise ParameterError(
            f"--column takes one name at a time; repeat it: {quote(said, 200)}",
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
    return ":".join([name, *(one.name.upper() for one in fields(KNOWN_LOSSES[name])[:1])])


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence lists them.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b or c'
    """
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def loss_forms() -> str:
    """Return how each loss is written, for a help text."""
    return listed(_loss_form(one) for one in KNOWN_LOSSES)


def _scheme_form(name: str) -> str:
    form = name
    for _, kind, optional in reversed(SCHEME_FIELDS.get(name, ())):
        tail = form.removeprefix(name)
        form = name + (f"[:{kind}{tail}]" if optional else f":{kind}{tail}")
    return form


def scheme_forms() -> str:
    """Return how each scheme is written: what stands in brackets may be left out."""
    return "|".join(_scheme_form(one) for one in KNOWN_SCHEMES)


def loss(text: str) -> Loss:
    """Return `squared`, `huber:1e-3` or `huber:1.345:mad` as a loss.

    Raises
    ------
    ParameterError
        For an unknown loss, a missing or superfluous number.
    """
    known = KNOWN_LOSSES
    word, *given = (one.strip() for one in text.split(":"))
    name = word.lower().replace("-", "_")
    if name not in known:
        raise _unknown(word, list(known), "--loss")
    wanted = [one.name for one in fields(known[name])]
    if len(given) > len(wanted) or (wanted and not given):
        raise ParameterError(
            f"--loss {name} is written {quote(_loss_form(name))}, got {quote(text)}",
            code="form",
            param="loss",
        )
    values = [_number(one, "--loss") if i == 0 else one for i, one in enumerate(given)]
    made: Loss = known[name](*values)
    return made


def residual(text: str | None) -> Any:
    """Return `log_excess:E` as a `LogExcess`, `log_excess:E:plain` without its Jacobian, and a word as it is.

    Raises
    ------
    ParameterError
        For a log_excess without its parameter, or with more than `plain` behind it.
    """
    if text is None:
        return None
    word, *given = (one.strip() for one in text.split(":"))
    if word.lower().replace("-", "_") != "log_excess":
        return text
    from scaling_fast.losses.residual import LogExcess

    if not given or given[1:] not in ([], ["plain"]):
        raise ParameterError(
            f"--residual log_excess is written `log_excess:E` or `log_excess:E:plain`, got {quote(text)}",
            code="form",
            param="residual",
        )
    return LogExcess(given[0], jacobian=not given[1:])


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
            raise ParameterError(f"--param names {quote(name)} twice", code="duplicate", param=name)
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
    word, found, rest = text.partition(":")
    name = word.strip().lower()
    if name not in KNOWN_SCHEMES:
        raise _unknown(word, list(KNOWN_SCHEMES), "--scheme")
    wanted = SCHEME_FIELDS.get(name, ())
    if found and not wanted:
        raise ParameterError(
            f"--scheme {name} takes no column, got {quote(rest)}", code="form", param="scheme"
        )
    # The last part is a column, which may hold colons itself.
    parts = rest.split(":", len(wanted) - 1) if rest else []
    given: dict[str, Any] = {}
    for place, (field, kind, optional) in enumerate(wanted):
        part = parts[place] if place < len(parts) else ""
        if part:
            given[field] = _scheme_part(part, kind)
        elif not optional:
            what = "a column" if kind == "COLUMN" else f"a {kind}"
            raise ParameterError(
                f"--scheme {name} wants {what}: write `{name}:{EXAMPLES[kind]}`",
                code="form",
                param="scheme",
            )
    return KNOWN_SCHEMES[name](**given)  # type: ignore[no-any-return]


EXAMPLES = {"COLUMN": "run", "LENGTH": "5", "M": "20"}


def _scheme_part(text: str, kind: str) -> Any:
    if kind in ("COLUMN", "SIGNS"):
        return text
    number = _number(text, "--scheme")
    return int(number) if kind in ("LENGTH", "M") and number.is_integer() else number


# What the library's sentences call its arguments, and an option is called here.
_ARGUMENTS = (
    *(
        "noise",
        "sd",
        "level",
        "loss",
        "method",
        "n",
        "nulls",
        "residual",
        "scheme",
        "seed",
        "sigma",
        "starts",
    ),
    *("target", "threads", "weights"),
)
_ASSIGNED = re.compile(rf"""(?<![\w-])({"|".join(_ARGUMENTS)})=(["'])([\w.:-]+)\2""")
_COLUMNS = re.compile(r"columns=\{([^{}]*)\}")
_COLUMN = re.compile(r'"([^"]*)": "([^"]*)"')
_LIST = re.compile(r"`\[('[^']*'(?:, '[^']*')*)\]`")


def spoken(message: str, param: str | None = None) -> str:
    """Return a sentence of the library in the words of a command line.

    Parameters
    ----------
    message
        What an exception says.
    param
        The argument it is about; where the sentence begins with it, it is written as the option.

    Examples
    --------
    >>> spoken('mend the data, or leave such rows out with nulls="drop"')
    'mend the data, or leave such rows out with --nulls drop'
    >>> spoken("level must be between 0 and 1", "level")
    '--level must be between 0 and 1'
    >>> spoken("the free parameters are `['E', 'alpha']`")
    'the free parameters are `E`, `alpha`'
    """
    message = _ASSIGNED.sub(r"--\1 \3", message)
    message = re.sub(r"\b(?:pass )?force=True", "--force", message)
    message = _COLUMNS.sub(
        lambda found: " ".join(
            f"--column {name}={column}" for name, column in _COLUMN.findall(found[1])
        ),
        message,
    )
    message = _LIST.sub(lambda found: found[1].replace("'", "`"), message)
    if param in _ARGUMENTS and message.startswith(f"{param} "):
        message = f"--{message}"
    return message


def placed(message: str, row: int, first_line: int | None) -> str:
    """Return a sentence with its row as a line of the file, or with where counting begins.

    Examples
    --------
    >>> placed("column `y` holds NaN in row 2", 2, 2)
    'column `y` holds NaN in line 4'
    >>> placed("column `y` holds NaN in row 2", 2, None)
    'column `y` holds NaN in row 2 (the first is row 0)'
    """
    told = f"row {row} (the first is row 0)" if first_line is None else f"line {row + first_line}"
    return re.sub(rf"\brow {row}\b", told, message, count=1)


def which_column(name: str, frame: pl.DataFrame) -> str:
    """Return how to say which column a name of the law is, with one of the frame where it is plain."""
    column = usual_column(name, frame.columns) or "COLUMN"
    return f"; say which column `{name}` is: --column {name}={column}"

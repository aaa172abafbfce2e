"""Read a claim file: what a paper printed, with its digits, checked key by key."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.claim.schema import ClaimFile
from scaling_fast.errors import DataError, quote

if TYPE_CHECKING:
    from scaling_fast.auditing.claim.schema import (
        Claim,
        Data,
        Identity,
        Reference,
        Reported,
        Settings,
        StatedFit,
    )

SCHEMA = "scaling-claim/1"
# What to write where a required key is missing.
EXAMPLES = {
    "paper": 'a section [paper] with id = "arXiv:..." and title = "..."',
    "fit": 'a section [fit] with law = "chinchilla", or a formula in quotes',
    "paper.id": 'id = "arXiv:..." or another identifier in quotes',
    "fit.law": 'law = "chinchilla", or a formula in quotes',
    "of": 'of = "beta/(alpha+beta)" or the name of a parameter',
    "level": "level = 0.8",
    "huber": "huber = 1e-3",
    "kind": 'kind = "exponent", "optimum", "extrapolation", "equality" or "fit"',
    "value": 'value = "0.34", in quotes and with the digits as printed',
    "lower": 'lower = "0.454", in quotes and with the digits as printed',
    "upper": 'upper = "0.455", in quotes and with the digits as printed',
}
MAX_BYTES = 1 << 20  # a reviewer types a few kilobytes; more than 1 MiB is a mistake


@dataclass(frozen=True, slots=True)
class Paper:
    """A claim file, read and checked.

    Attributes
    ----------
    name
        Embedded name or the file's stem; reports are called after it.
    sha256
        Digest of the bytes of the claim file.
    """

    name: str
    sha256: str
    identity: Identity
    data: Data
    fit: StatedFit
    reported: Reported
    claims: tuple[Claim, ...]
    references: tuple[Reference, ...]
    disclosure: dict[str, str]
    settings: Settings
    folder: Path | None = None

    def __repr__(self) -> str:
        """Name, paper and number of claims."""
        return f"Paper({self.name!r}, {self.identity.id!r}, {len(self.claims)} claims)"


def paper_names() -> list[str]:
    """Names of the claim files that come with the package.

    Examples
    --------
    >>> "hoffmann2022" in paper_names()
    True
    """
    folder = resources.files("scaling_fast.auditing") / "papers"
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".toml"))


def load_paper(paper: str | Path | Paper) -> Paper:
    """Return the claim file of that name or path.

    Parameters
    ----------
    paper
        An embedded name (`paper_names`), a path to a TOML file, or a `Paper` (returned as it is).

    Raises
    ------
    DataError
        If there is neither such a name nor such a file, or the file breaks the format; the message
        names the key.

    Examples
    --------
    >>> load_paper("hoffmann2022").identity.id
    'arXiv:2203.15556'
    """
    if isinstance(paper, Paper):
        return paper
    text = str(paper)
    if isinstance(paper, str) and text in paper_names():
        item = resources.files("scaling_fast.auditing") / "papers" / f"{text}.toml"
        return parse_paper(item.read_bytes(), name=text)
    path = Path(text)
    try:
        if not path.is_file():
            raise DataError(_no_such_paper(text))
        if path.stat().st_size > MAX_BYTES:
            raise DataError(
                f"claim file `{_safe(text)}` is larger than 1 MiB, so it is not a claim file"
            )
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"claim file `{_safe(text)}` cannot be read: {reason}") from error
    return parse_paper(content, name=path.stem, folder=path.resolve().parent)


def parse_paper(content: bytes, *, name: str, folder: Path | None = None) -> Paper:
    """Return the claim file held in `content`.

    Parameters
    ----------
    content
        TOML in UTF-8, with or without a byte order mark.
    name
        What reports call it.
    folder
        Where relative data files are looked for.

    Raises
    ------
    DataError
        If the content breaks the format; the message names the key and what is legal there.
    """
    where = f"claim file `{_safe(name)}`"
    try:
        table = tomllib.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"{where} is not TOML: {error}") from error
    if "schema" not in table:
        raise DataError(
            f'{where}: the key `schema` is missing; write schema = "{SCHEMA}" as the first line, '
            "before any [section]"
        )
    if table["schema"] != SCHEMA:
        raise DataError(
            f'{where}: `schema` must be "{SCHEMA}", got `{_safe(str(table.get("schema")))}`'
        )
    try:
        file = msgspec.convert(table, ClaimFile)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {_explain(str(error))}") from error
    paper = Paper(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        identity=file.paper,
        data=file.data,
        fit=file.fit,
        reported=file.reported,
        claims=tuple(file.claims),
        references=tuple(file.references),
        disclosure={key: _answer(value) for key, value in file.disclosure.items()},
        settings=file.audit,
        folder=folder,
    )
    try:
        _check(paper)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    return paper


def _check(paper: Paper) -> None:
    """Refuse what types alone cannot: numbers, names and keys that must agree."""
    reported = paper.reported
    for place, numbers in (("params", reported.params), ("log_params", reported.log_params)):
        for key, text in numbers.items():
            _printed(text, f"reported.{place}.{key}")
    for key in reported.params.keys() & reported.log_params.keys():
        rounded, sharp = Printed(reported.params[key]), Printed(reported.log_params[key])
        if sharp.meant[1] < rounded.meant[0] or sharp.meant[0] > rounded.meant[1]:
            raise DataError(
                f"`reported.params.{_safe(key)}` is {rounded.text} and "
                f"`reported.log_params.{_safe(key)}` is {sharp.text}: one parameter has one value; "
                "a logarithm is named in lower case"
            )
    if reported.n is not None:
        rows = _printed(reported.n, "reported.n")
        if not rows.value > 0 or not rows.is_whole:
            kind = "whole" if rows.value > 0 else "positive"
            raise DataError(
                f"`reported.n` must be a {kind} number of rows, got {quote(reported.n)}"
            )
    for i, interval in enumerate(reported.intervals):
        lower = _printed(interval.lower, f"reported.intervals[{i}].lower")
        upper = _printed(interval.upper, f"reported.intervals[{i}].upper")
        if lower.value > upper.value:
            raise DataError(
                f"`reported.intervals[{i}]` ends before it begins: "
                f"lower {lower.text}, upper {upper.text}"
            )
    names = [rule.name for rule in paper.data.filters]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"`data.filters` has two filters named `{_safe(twice)}`; rename one")
    for i, rule in enumerate(paper.data.filters):
        if (rule.drop_largest is None) != (rule.column is None):
            raise DataError(f"`data.filters[{i}]` needs both `drop_largest` and `column`, or none")
    headline = paper.data.headline_filter
    if headline is not None and headline not in names:
        raise DataError(
            f"`data.headline_filter` is `{_safe(headline)}`, which is not a filter; "
            f"{_suggest(headline, names)}"
        )
    _check_source(paper.data)
    cluster = paper.data.cluster
    if cluster is not None and (cluster.log_round is None) == (cluster.column is None):
        raise DataError("`data.cluster` needs exactly one of `log_round` and `column`")
    for i, claim in enumerate(paper.claims):
        _check_claim(claim, f"claims[{i}]")


def _check_source(data: Data) -> None:
    """Refuse rows that are to come from two places, and a digest of anything but a file."""
    if data.dataset is not None and data.file is not None:
        raise DataError(
            f"`data.dataset` is {quote(data.dataset)} and `data.file` is {quote(data.file)}: rows come "
            "from one of them; leave the other out"
        )
    if data.dataset is not None and data.sha256 is not None:
        raise DataError(
            "`data.sha256` is the digest of a `data.file` and cannot be used with `data.dataset`, "
            "whose rows have their own checksum; leave it out"
        )


def _check_claim(claim: Claim, place: str) -> None:
    needs = {
        "exponent": ("expr", "value"),
        "optimum": ("expr", "value", "at"),
        "extrapolation": ("value", "at"),
        "equality": ("between",),
        "fit": ("y",),
    }[claim.kind]
    for key in needs:
        if not getattr(claim, key):
            raise DataError(f"`{place}` is of kind `{claim.kind}` and needs `{key}`")
    if claim.kind == "optimum" and "C" not in claim.at:
        raise DataError(f"`{place}.at` needs the training compute, for example {{ C = 5.76e23 }}")
    if claim.value is not None:
        _printed(claim.value, f"{place}.value")
    for j, side in enumerate(claim.between):
        for key in ("value", "lower", "upper"):
            text = getattr(side, key)
            if text is not None:
                _printed(text, f"{place}.between[{j}].{key}")
        if (
            side.lower is not None
            and side.upper is not None
            and Printed(side.lower).value > Printed(side.upper).value
        ):
            raise DataError(
                f"`{place}.between[{j}]` ends before it begins: "
                f"lower {side.lower}, upper {side.upper}"
            )


def _printed(text: str, place: str) -> Printed:
    try:
        return Printed(text)
    except DataError as error:
        raise DataError(f"`{place}`: {error}") from error


def _answer(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _no_such_paper(name: str) -> str:
    names = paper_names()
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean `{_safe(near[0])}`? " if near else ""
    listed = ", ".join(f"`{item}`" for item in names)
    return (
        f"no claim file `{_safe(name)}`: neither an embedded paper nor a file; {hint}"
        f"the embedded papers are {listed}"
    )


def _suggest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    listed = ", ".join(f"`{_safe(item)}`" for item in names) or "none"
    return (f"did you mean `{_safe(near[0])}`? " if near else "") + f"legal: {listed}"


def _explain(message: str) -> str:
    """Turn msgspec's message into one that says what is legal."""
    text, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `(.*)`", text, re.DOTALL)
    if unknown:
        section = _struct_at(path)
        legal = [field.name for field in msgspec.structs.fields(section)] if section else []
        place = f"[{path}]" if path else "the top level"
        return f"unknown key `{_safe(unknown[1])}` in {place}; {_suggest(unknown[1], legal)}"
    missing = re.search(r"missing required field `(.*)`", text, re.DOTALL)
    if missing:
        place = f"[{_safe(path)}]" if path else "the top level"
        return f"{place} lacks the key `{missing[1]}`; {_how_to_write(missing[1], path)}"
    if "Expected `str" in text and ("`float`" in text or "`int`" in text):
        return (
            f'`{_safe(path)}` must be text, with the digits as printed (value = "0.34"), '
            "so that its digits count"
        )
    legal = _choices(path) if "Invalid enum value" in text else []
    listed = f"; legal: {', '.join(f'`{item}`' for item in legal)}" if legal else ""
    return f"`{_safe(path) or 'file'}`: {_safe(text)}{listed}"


def _how_to_write(key: str, path: str) -> str:
    """Return what to write for a key that is missing."""
    example = EXAMPLES.get(f"{path}.{key}".lstrip("."), EXAMPLES.get(key))
    return f"write {example}" if example else f'write {key} = "..."'


def _choices(path: str) -> list[str]:
    """Return the words that are legal at a path whose type is a closed set of words."""
    parent, _, key = path.rpartition(".")
    section = _struct_at(parent)
    fields = {field.name: field.type for field in msgspec.structs.fields(section or ClaimFile)}
    kinds = [fields.get(key), *get_args(fields.get(key))]
    return [word for kind in kinds for word in get_args(kind) if isinstance(word, str)] or [
        word for word in get_args(fields.get(key)) if isinstance(word, str)
    ]


def _struct_at(path: str) -> type[msgspec.Struct] | None:
    """Return the section of the format that a path such as ``data.filters[...]`` leads to."""
    section: Any = ClaimFile
    for key in filter(None, path.replace("[...]", "").split(".")):
        fields = {field.name: field.type for field in msgspec.structs.fields(section)}
        found = _structs(fields.get(re.sub(r"\[.*", "", key)))
        if not found:
            return None
        section = found[0]
    return section  # type: ignore[no-any-return]


def _structs(kind: Any) -> list[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [found for part in get_args(kind) for found in _structs(part)]


def _safe(text: str) -> str:
    """Return text that a terminal shows as it is: no control characters, not too long."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return shown if len(shown) <= 120 else shown[:117] + "..."

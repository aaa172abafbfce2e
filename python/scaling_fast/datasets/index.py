"""Facts about each dataset: source, licence, checksum, units, citation."""

from __future__ import annotations

import html
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scaling_fast.errors import DataError, quote, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["About", "about", "names"]


@dataclass(frozen=True, slots=True, repr=False)
class About:
    """Where a dataset comes from and what its columns mean.

    Attributes
    ----------
    name, title, source, licence, citation, notes
        Text.
    file
        Name of the file in the folder SCALING_FAST_DATA.
    sha256
        Checksum of the file as published.
    rows
        Number of rows.
    units
        Column -> its unit.
    embedded
        Whether the package contains it.
    commit, path, repository, base_url
        Where a dataset that is not embedded is downloaded from; empty otherwise.
    """

    name: str
    title: str
    file: str
    sha256: str
    source: str
    licence: str
    citation: str
    rows: int
    units: Mapping[str, str]
    embedded: bool
    notes: str = ""
    commit: str = ""
    path: str = ""
    repository: str = ""
    base_url: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return (about, (self.name,))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `load` returns."""
        return tuple(self.units)

    def url(self, base_url: str | None = None) -> str:
        """Return the address of the pinned file, empty for an embedded table."""
        if self.embedded:
            return ""
        base = (base_url or self.base_url).rstrip("/")
        return f"{base}/{self.repository}/{self.commit}/{self.path}"

    def _lines(self) -> list[tuple[str, str]]:
        lines = [("rows", str(self.rows)), ("citation", self.citation), ("source", self.source)]
        if self.commit:
            lines += [("commit", self.commit), ("path", self.path)]
        lines += [("licence", self.licence), ("sha256", self.sha256)]
        lines += [("notes", self.notes)] if self.notes else []
        return lines + list(self.units.items())

    def __repr__(self) -> str:
        width = max(len(label) for label, _ in self._lines())
        body = "\n".join(f"  {label:<{width}}  {text}" for label, text in self._lines())
        return f"{self.name}: {self.title}\n{body}"

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>"
            for label, text in self._lines()
        )
        title = html.escape(f"{self.name}: {self.title}")
        return f"<table><caption>{title}</caption>{cells}</table>"


@lru_cache(maxsize=1)
def _index() -> Mapping[str, About]:
    text = resources.files("scaling_fast.datasets").joinpath("index.toml").read_text("utf-8")
    entries = tomllib.loads(text)
    return MappingProxyType({name: About(name=name, **entry) for name, entry in entries.items()})


def names() -> list[str]:
    """Return the names of the datasets.

    Examples
    --------
    >>> names()
    ['cerebras2023', 'chinchilla']
    """
    return list(_index())


def about(name: str) -> About:
    """Return the facts about a dataset: source, licence, checksum, units, citation.

    Parameters
    ----------
    name
        One of `names()`.

    Raises
    ------
    DataError
        For another name, with the nearest one.

    Examples
    --------
    >>> about("chinchilla").rows
    245
    """
    if name not in _index():
        raise DataError(
            f"there is no dataset {quote(name)}{suggestion(str(name), names(), kind='datasets')}",
            code="unknown_dataset",
        )
    return _index()[name]

"""Laws as data: a formula with described parameters, and no code that knows one law."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Program
from scaling_fast.errors import DataError, FormulaError, ParameterError, quote, suggestion
from scaling_fast.laws.naming import (
    checked_derived,
    checked_needs,
    listed_names,
    names_of,
    no_function,
    no_param,
    ordered_columns,
    read_only,
    require_columns,
    require_split,
    require_text,
    unknown_name,
)
from scaling_fast.laws.param import Param
from scaling_fast.laws.saved import entry_formula, entry_options
from scaling_fast.laws.usual import mapping_hint
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from scaling_fast.laws.need import Need

__all__ = ["Law"]

SCHEMA = "scaling-law/1"


def _plain(value: Any) -> Any:
    """Return nested mappings as plain dicts."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return value


@dataclass(frozen=True, slots=True, repr=False)
class Law:
    """A scaling law: a formula, the description of its parameters, and where it comes from.

    Parameters
    ----------
    formula
        The text, by the grammar of the package: "E + A/N**alpha + B/D**beta", or with a target
        and its transform "log(y) ~ a - b*log(x)".
    params
        Start, bounds or fixed value of parameters, by name; those not listed are free and unbounded.
    derived
        Quantities computed from the parameters: name -> formula of parameters.
    name, cite, notes, description
        Its name, source and remarks, and one sentence on what it is for.
    published
        Published values: label -> {"params": {...}, "cite": ..., "verified": bool}.
    columns
        The names of the formula that are columns. If None, a fit decides: its `columns=`, or else the
        names that its frame has.
    units
        The units of columns and parameters, by name.
    needs
        What a design must have to identify the law; a fit reports what is missing.

    Attributes
    ----------
    columns
        In order of appearance, or None until bound.
    params
        Name -> Param in order of appearance; until bound, every name of the right side that may turn
        out to be a parameter.
    target, transform
        The column on the left of `~` and its transform, or None.

    Raises
    ------
    FormulaError
        For a formula that cannot be read, or a Python function in its place.
    ParameterError
        For a name in `params`, `derived`, `columns` that the formula does not have.

    Examples
    --------
    >>> law = Law("A*x**(-alpha)", params={"alpha": Param(lower=0)}, columns=["x"])
    >>> law.columns, list(law.params)
    (('x',), ['A', 'alpha'])
    >>> law.evaluate({"x": [1.0, 4.0]}, {"A": 3.0, "alpha": 0.5})
    array([3. , 1.5])
    """

    formula: str
    params: Mapping[str, Param] = field(default_factory=dict, kw_only=True)
    derived: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    cite: str | None = field(default=None, kw_only=True)
    notes: str | None = field(default=None, kw_only=True)
    published: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True)
    columns: tuple[str, ...] | None = field(default=None, kw_only=True)
    description: str = field(default="", kw_only=True)
    units: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    needs: tuple[Need, ...] = field(default=(), kw_only=True)
    target: str | None = field(init=False, default=None)
    transform: str | None = field(init=False, default=None)
    _declared: frozenset[str] = field(init=False, default=frozenset(), compare=False)

    @ask_first
    def __post_init__(self) -> None:
        if callable(self.formula):
            raise no_function(self.formula)
        if not isinstance(self.formula, str):
            raise FormulaError(
                f"a law is a formula in text, got {quote(self.formula)} of type "
                f"{type(self.formula).__name__}",
                code="not_text",
            )
        try:
            self.formula.encode("utf-8")
        except UnicodeEncodeError as error:
            raise FormulaError(
                f"character {error.start} of the formula is half a character (a lone surrogate)",
                code="surrogate",
                position=error.start,
            ) from error
        require_text(name=self.name, cite=self.cite, notes=self.notes, description=self.description)
        target, transform, names = names_of(self.formula)
        given = read_only(self.params, "params")
        columns = ordered_columns(self.columns, names)
        free = [name for name in names if columns is None or name not in columns]
        if not names:
            require_split(self.formula, (), (), target)
        if columns is not None:
            require_split(self.formula, columns, free, target)
            Program(self.formula, list(columns))  # so that what only compiling finds is raised now
        for name, param in given.items():
            if name not in free:
                raise unknown_name(name, free, "params")
            if not isinstance(param, Param):
                raise no_param(name, param)
        for known, value in (
            ("target", target),
            ("transform", transform),
            ("columns", columns),
            ("params", MappingProxyType({name: given.get(name, Param()) for name in free})),
            ("derived", checked_derived(self.derived, free, names)),
            ("published", read_only(self.published, "published")),
            ("units", read_only(self.units, "units")),
            ("needs", checked_needs(self.needs, names)),
            ("_declared", frozenset(given)),
        ):
            object.__setattr__(self, known, value)

    def bind(self, columns: Iterable[str]) -> Law:
        """Return the law with exactly these names of its formula as columns.

        A law that has its columns already, like those of the catalogue, is returned unchanged if
        `columns` names some of them.

        Parameters
        ----------
        columns
            Names of columns as the formula writes them, in any order.

        Raises
        ------
        ParameterError
            For a name that the formula does not have, or that is described in `params`.
        FormulaError
            When no column or no parameter is left.

        Examples
        --------
        >>> Law("A*x**(-alpha)").bind(["x"]).columns
        ('x',)
        """
        wanted = listed_names(columns, "columns")
        if self.columns is not None:
            for name in wanted:
                if name not in self.columns:
                    raise unknown_name(name, self.columns, "columns")
            return self
        for name in wanted:
            if name not in self.params:
                raise unknown_name(name, self.params, "columns")
            if name in self._declared:
                raise ParameterError(
                    f"{quote(name)} is described in params and named in columns; it can be only "
                    "one of the two",
                    code="name_clash",
                    param=name,
                )
        return self._split([name for name in self.params if name in wanted])

    def bind_frame(self, names: Iterable[str]) -> Law:
        """Return the law whose columns are the names of its formula that a frame has.

        Names described in `params` stay parameters even if the frame has such a column.

        Parameters
        ----------
        names
            All names of the frame; those that the formula does not use are ignored.

        Raises
        ------
        FormulaError
            When no column or no parameter is left.

        Examples
        --------
        >>> Law("A*x**(-alpha)").bind_frame(["x", "loss", "run"]).columns
        ('x',)
        """
        if self.columns is not None:
            return self
        found = listed_names(getattr(names, "columns", names), "names")
        columns = [name for name in self.params if name in found and name not in self._declared]
        if not columns:
            hint = mapping_hint(self.params, found) or 'columns={"x": "..."}'
            raise FormulaError(
                f"the formula {quote(self.formula, 80)} uses no column of the frame"
                f"{suggestion(next(iter(self.params), ''), found, kind='columns')}; "
                f"say which name is which column with {hint}",
                code="no_column",
            )
        return self._split(columns)

    def _split(self, columns: Sequence[str]) -> Law:
        params = {name: self.params[name] for name in self.params if name in self._declared}
        return replace(self, columns=tuple(columns), params=params)

    def evaluate(
        self, columns: Mapping[str, ArrayLike], params: Mapping[str, float]
    ) -> NDArray[np.float64]:
        """Return the law's value for every row, in the target's own units, shape (rows,).

        Parameters
        ----------
        columns
            Name -> values, all of one length; a single number stands for every row. Names that the law
            does not use are ignored.
        params
            Name -> value for every parameter that is not fixed.

        Raises
        ------
        DataError
            For a missing column, or lengths that differ.
        ParameterError
            For a missing or unknown parameter.

        Examples
        --------
        >>> Law("log(y) ~ a - b*log(x)").evaluate({"x": [1.0, 100.0]}, {"a": 0.0, "b": 0.5})
        array([1. , 0.1])
        """
        require_columns(columns)
        law, params = self.bind_frame(columns), read_only(params, "params")
        used = law.columns or ()
        for name in used:
            if name not in columns:
                raise DataError(
                    f"column {quote(name)} is missing{suggestion(name, columns, kind='columns')}",
                    code="missing_column",
                    column=name,
                )
        for name in params:
            if name not in law.params:
                raise unknown_name(name, law.params, "params")
        try:
            rows = np.broadcast_arrays(
                *(np.atleast_1d(np.asarray(columns[name], dtype=np.float64)) for name in used)
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"the columns {quote(list(used), 200)} are not numbers of one length: {error}",
                code="length",
            ) from error
        program = Program(law.formula, list(used))
        point = [law._value(name, params) for name in program.params]
        order = {name: place for place, name in enumerate(used)}
        arrays = [np.ascontiguousarray(rows[order[name]]) for name in program.columns]
        value = program.evaluate(arrays, point)
        return np.asarray(program.invert_target(value), dtype=np.float64)

    def derive(self, params: Mapping[str, float]) -> dict[str, float]:
        """Return the derived quantities at the given parameters, by name.

        Parameters
        ----------
        params
            Name -> value for every parameter that is not fixed.

        Examples
        --------
        >>> law = Law("A*x**(-alpha)", columns=["x"], derived={"doubling": "2**(-alpha)"})
        >>> law.derive({"A": 1.0, "alpha": 1.0})
        {'doubling': 0.5}
        """
        values: dict[str, float] = {}
        for label, text in self.derived.items():
            program = Program(text, [])
            needed = [self._value(name, params) for name in program.params]
            values[label] = float(program.evaluate([], needed)[0])
        return values

    def _value(self, name: str, params: Mapping[str, float]) -> float:
        fixed = self.params[name].fixed
        if name in params:
            return number(params[name], name, f"parameter {quote(name)}")
        if fixed is None:
            raise ParameterError(
                f"parameter {quote(name)} has no value; the law needs "
                f"{quote(list(self.params), 200)}",
                code="missing_parameter",
                param=name,
            )
        return fixed

    def to_dict(self) -> dict[str, Any]:
        """Return the law as JSON can hold it; `from_dict` reads it back.

        Examples
        --------
        >>> law = Law("A*x**(-alpha)", columns=["x"])
        >>> Law.from_dict(law.to_dict()) == law
        True
        """
        declared = self.params if self.columns is not None else self._declared
        return {
            "schema": SCHEMA,
            "formula": self.formula,
            "columns": None if self.columns is None else list(self.columns),
            "params": {
                name: self.params[name].to_dict() for name in self.params if name in declared
            },
            "derived": dict(self.derived),
            "name": self.name,
            "cite": self.cite,
            "notes": self.notes,
            "published": _plain(self.published),
            "description": self.description,
            "units": dict(self.units),
            "needs": [need.to_dict() for need in self.needs],
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Law:
        """Return the law that `to_dict` wrote.

        Raises
        ------
        ParameterError
            For anything else: another schema, a missing or unknown key.
        """
        return cls(entry_formula(entry, SCHEMA), **entry_options(entry))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Law.from_dict, (self.to_dict(),))

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        split = "" if self.columns is None else f", columns={list(self.columns)!r}"
        needs = f", needs={self.needs!r}" if self.needs else ""
        return f"Law({self.formula!r}{split}, params={dict(self.params)!r}{name}{needs})"

    def _repr_html_(self) -> str:
        rows = [("formula", self.formula), ("columns", ", ".join(self.columns or ("not bound",)))]
        rows += [(name, repr(param)) for name, param in self.params.items()]
        rows += list(self.derived.items())
        rows += [("needs", need.says) for need in self.needs]
        rows += [("source", self.cite)] if self.cite else []
        cells = "".join(
            f"<tr><th>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>"
            for label, text in rows
        )
        return f"<table><caption>{html.escape(self.name or 'law')}</caption>{cells}</table>"

"""Laws as data: a formula with described parameters, and nothing that is particular to one law."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

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
        return {key: _plain(one) for key, one in value.items()}
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
        What is known of parameters, by name; those not listed are free and unbounded.
    derived
        Quantities computed from the parameters, by name: formulas of parameters.
    name, cite, notes, description
        What the law is called, its source, remarks, and one sentence on what it is for.
    published
        Published values: label -> {"params": {...}, "cite": ..., "verified": bool}.
    columns
        The names of the formula that are columns. Without it the split waits for `bind`: a fit
        binds the law to its `columns=`, or to the names its frame has.
    units
        What the columns and parameters are measured in, by name.
    needs
        What a design must have for the law to be identified by it; a fit says what is missing.

    Attributes
    ----------
    columns
        Tuple in order of appearance, or None until bound.
    params
        Name -> Param in order of appearance. Until bound, every name of the right side that may
        turn out to be a parameter.
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
        # The core is imported where it is used, so that describing laws needs no compiled module.
        from scaling_fast._core import Program

        target, transform, names = names_of(self.formula)
        given = read_only(self.params, "params")
        columns = ordered_columns(self.columns, names)
        free = [one for one in names if columns is None or one not in columns]
        if not names:
            require_split(self.formula, (), (), target)
        if columns is not None:
            require_split(self.formula, columns, free, target)
            Program(self.formula, list(columns))  # what only compiling finds, said now
        for one, param in given.items():
            if one not in free:
                raise unknown_name(one, free, "params")
            if not isinstance(param, Param):
                raise no_param(one, param)
        for known, value in (
            ("target", target),
            ("transform", transform),
            ("columns", columns),
            ("params", MappingProxyType({one: given.get(one, Param()) for one in free})),
            ("derived", checked_derived(self.derived, free, names)),
            ("published", read_only(self.published, "published")),
            ("units", read_only(self.units, "units")),
            ("needs", checked_needs(self.needs, names)),
            ("_declared", frozenset(given)),
        ):
            object.__setattr__(self, known, value)

    def bind(self, columns: Iterable[str]) -> Law:
        """Return the law with exactly these names of its formula as columns.

        A law that has its columns already, as those of the catalogue have, comes back unchanged
        when `columns` names some of them.

        Parameters
        ----------
        columns
            The columns' names as the formula writes them, in any order.

        Raises
        ------
        ParameterError
            For a name the formula does not have, or one declared as a parameter.
        FormulaError
            When no column or no parameter is left.

        Examples
        --------
        >>> Law("A*x**(-alpha)").bind(["x"]).columns
        ('x',)
        """
        wanted = listed_names(columns, "columns")
        if self.columns is not None:
            for one in wanted:
                if one not in self.columns:
                    raise unknown_name(one, self.columns, "columns")
            return self
        for one in wanted:
            if one not in self.params:
                raise unknown_name(one, self.params, "columns")
            if one in self._declared:
                raise ParameterError(
                    f"{quote(one)} is described in params and named in columns; it can be only "
                    "one of the two",
                    code="name_clash",
                    param=one,
                )
        return self._split([one for one in self.params if one in wanted])

    def bind_frame(self, names: Iterable[str]) -> Law:
        """Return the law whose columns are those names of its formula that a frame has.

        Names described in `params` stay parameters even where the frame has such a column.

        Parameters
        ----------
        names
            All the frame's names; those the formula does not use are ignored.

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
        had = listed_names(getattr(names, "columns", names), "names")
        columns = [one for one in self.params if one in had and one not in self._declared]
        if not columns:
            hint = mapping_hint(self.params, had) or 'columns={"x": "..."}'
            raise FormulaError(
                f"the formula {quote(self.formula, 80)} uses no column of the frame"
                f"{suggestion(next(iter(self.params), ''), had, kind='columns')}; "
                f"say which name is which column with {hint}",
                code="no_column",
            )
        return self._split(columns)

    def _split(self, columns: Sequence[str]) -> Law:
        params = {one: self.params[one] for one in self.params if one in self._declared}
        return replace(self, columns=tuple(columns), params=params)

    def evaluate(
        self, columns: Mapping[str, ArrayLike], params: Mapping[str, float]
    ) -> NDArray[np.float64]:
        """Return the law's value for every row, in the target's own units, shape (rows,).

        Parameters
        ----------
        columns
            Name -> values, of one length; a single number stands for every row. Names the law
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
        from scaling_fast._core import Program

        require_columns(columns)
        law, params = self.bind_frame(columns), read_only(params, "params")
        used = law.columns or ()
        for one in used:
            if one not in columns:
                raise DataError(
                    f"column {quote(one)} is missing{suggestion(one, columns, kind='columns')}",
                    code="missing_column",
                    column=one,
                )
        for one in params:
            if one not in law.params:
                raise unknown_name(one, law.params, "params")
        try:
            rows = np.broadcast_arrays(
                *(np.atleast_1d(np.asarray(columns[one], dtype=np.float64)) for one in used)
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"the columns {quote(list(used), 200)} are not numbers of one length: {error}",
                code="length",
            ) from error
        program = Program(law.formula, list(used))
        point = [law._value(one, params) for one in program.params]
        order = {one: place for place, one in enumerate(used)}
        arrays = [np.ascontiguousarray(rows[order[one]]) for one in program.columns]
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
        from scaling_fast._core import Program

        values: dict[str, float] = {}
        for label, text in self.derived.items():
            program = Program(text, [])
            needed = [self._value(one, params) for one in program.params]
            values[label] = float(program.evaluate([], needed)[0])
        return values

    def _value(self, one: str, params: Mapping[str, float]) -> float:
        fixed = self.params[one].fixed
        if one in params:
            return number(params[one], one, f"parameter {quote(one)}")
        if fixed is None:
            raise ParameterError(
                f"parameter {quote(one)} has no value; the law needs "
                f"{quote(list(self.params), 200)}",
                code="missing_parameter",
                param=one,
            )
        return fixed

    def to_dict(self) -> dict[str, Any]:
        """Return everything the law says as JSON can hold it; `from_dict` reads it back.

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
            "params": {one: self.params[one].to_dict() for one in self.params if one in declared},
            "derived": dict(self.derived),
            "name": self.name,
            "cite": self.cite,
            "notes": self.notes,
            "published": _plain(self.published),
            "description": self.description,
            "units": dict(self.units),
            "needs": [one.to_dict() for one in self.needs],
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Law:
        """Return the law that `to_dict` wrote.

        Raises
        ------
        ParameterError
            For what is no such entry: another schema, a key missing or unknown.
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
        rows += [(one, repr(param)) for one, param in self.params.items()]
        rows += list(self.derived.items())
        rows += [("needs", one.says) for one in self.needs]
        rows += [("source", self.cite)] if self.cite else []
        cells = "".join(
            f"<tr><th>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>"
            for label, text in rows
        )
        return f"<table><caption>{html.escape(self.name or 'law')}</caption>{cells}</table>"

"""What a design must have before the parameters of a law can be told apart."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from scaling_fast.errors import ParameterError, quote, suggestion
from scaling_fast.validation import finite_number

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Measure", "Need"]

Measure = Literal["rows", "levels", "decades", "ratio", "largest", "positive", "independence"]

ALONE: tuple[Measure, ...] = ("rows",)
"""Measures of the rows themselves, without a formula."""


@dataclass(frozen=True, slots=True)
class Need:
    """The least that a design must have to identify a law.

    Every fit compares its rows with the needs of its law; a need that is not met is a finding with
    the code "design". Nothing is refused, and the certificate of the optimum does not depend on it.

    Parameters
    ----------
    measure
        "rows": their number. Of the formula `of`, over the rows:
        "levels", the number of values more than 0.1 decades apart, or with `within` the median of
        that number over the levels of `within`;
        "decades", log10 of largest over smallest; "ratio", largest over smallest;
        "largest", the largest value; "positive", the number of rows where it is above 0;
        "independence", 1 - |correlation with `within`|.
    least
        The smallest value that is enough; of rows, one less for each fixed parameter.
    of, within
        Formulas of columns and parameters, which take their fitted values.
    because
        What is wrong without it: "E cannot be told apart from alpha". Where all parameters named on
        one side are fixed, there is nothing to be told apart, and the need is not asked.
    label
        What `of` is in words, where the formula does not say it: "epochs".

    Raises
    ------
    ParameterError
        For an unknown measure, a measure without its formula, or a `least` that is not a number.

    Examples
    --------
    >>> Need("decades", 1.5, "D/N", because="A cannot be told apart from B").says
    'at least 1.5 decades of D/N'
    """

    measure: Measure
    least: float
    of: str = ""
    within: str = ""
    because: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        legal = get_args(Measure)
        if self.measure not in legal:
            raise ParameterError(
                f"measure must be one of {quote(list(legal), 200)}, got {quote(self.measure)}"
                f"{suggestion(str(self.measure), legal, kind='measures')}",
                code="measure",
                param="measure",
            )
        object.__setattr__(self, "least", finite_number(self.least, "least"))
        for name in ("of", "within", "because", "label"):
            if not isinstance(getattr(self, name), str):
                raise ParameterError(
                    f"{name} must be text, got {quote(getattr(self, name))}",
                    code="not_text",
                    param=name,
                )
        if (self.measure in ALONE) == bool(self.of):
            what = "takes no formula" if self.of else "needs a formula: of="
            raise ParameterError(f'the measure "{self.measure}" {what}', code="measure", param="of")
        if bool(self.within) and self.measure not in ("levels", "independence"):
            raise ParameterError(
                f'the measure "{self.measure}" takes no within=', code="measure", param="within"
            )
        if self.measure == "independence" and not self.within:
            raise ParameterError(
                'the measure "independence" needs within=, what to be independent of',
                code="measure",
                param="within",
            )

    @property
    def formulas(self) -> tuple[str, ...]:
        """The formulas that it measures."""
        return tuple(formula for formula in (self.of, self.within) if formula)

    @property
    def place(self) -> str:
        """Which rows "positive" counts, in words."""
        return self.label or f"where {self.of} > 0"

    @property
    def says(self) -> str:
        """The need in words."""
        what, least = self.label or self.of, f"{self.least:g}"
        return {
            "rows": f"at least {_count(self.least, 'row')}",
            "levels": f"at least {_count(self.least, 'value')} of {what}"
            + (f" at the median {self.within}" if self.within else ""),
            "decades": f"at least {_count(self.least, 'decade')} of {what}",
            "ratio": f"{what} varying by a factor of at least {least}",
            "largest": f"{what} of at least {least} somewhere",
            "positive": f"at least {_count(self.least, 'row')} {self.place}",
            "independence": f"{what} correlated with {self.within} by at most {1 - self.least:g}",
        }[self.measure]

    def shortfall(self, found: float) -> str:
        """Return what a design has instead, as the beginning of a sentence."""
        what, lie = self.label or self.of, "lies" if found == 1 else "lie"
        return {
            "rows": f"the design has {_count(found, 'row')}",
            "levels": f"the design has {_count(found, 'value')} of {what}"
            + (f" at the median {self.within}" if self.within else ""),
            "decades": f"{what} spans {_count(found, 'decade')}",
            "ratio": f"{what} varies by a factor of {found:.3g}",
            "largest": f"{what} is {found:.3g} at most",
            "positive": f"{_count(found, 'row')} {lie} {self.place}",
            "independence": f"{what} and {self.within} are correlated by {1 - found:.3g}",
        }[self.measure]

    def to_dict(self) -> dict[str, Any]:
        """Return the need as JSON can hold it; `from_dict` reads it back."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Need:
        """Return the need that `to_dict` wrote."""
        return cls(**entry)

    def __repr__(self) -> str:
        parts = [repr(self.measure), f"{self.least:g}"]
        parts += [repr(self.of)] if self.of else []
        parts += [f"within={self.within!r}"] if self.within else []
        return f"Need({', '.join(parts)})"


def _count(how_many: float, word: str) -> str:
    """Return a number with its noun, in the singular for 1."""
    text = f"{how_many:.3g}"
    return f"{text} {word}" if text == "1" else f"{text} {word}s"

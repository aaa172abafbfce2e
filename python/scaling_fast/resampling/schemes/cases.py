"""Schemes that weight the rows of the frame: drawn again, drawn together, left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from scaling_fast.resampling.schemes.names import column_names
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Bayesian", "Blocks", "Clusters", "Jackknife", "Pairs", "Strata", "Subsample"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows drawn with replacement, as many as there are: the ordinary bootstrap.

    Examples
    --------
    >>> Pairs().name
    'pairs'
    """

    name: ClassVar[str] = "pairs"


@dataclass(frozen=True, slots=True)
class Clusters:
    """Whole clusters drawn with replacement: for rows that share a training run.

    Parameters
    ----------
    by
        Column, or columns, of the frame whose equal values form a cluster; the law need not use
        them.

    Raises
    ------
    ParameterError
        For anything that is not a column name.

    Examples
    --------
    >>> Clusters("run").by
    ('run',)
    """

    by: str | Sequence[str]

    name: ClassVar[str] = "clusters"

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", column_names(self.by, "by"))


@dataclass(frozen=True, slots=True)
class Strata:
    """Rows drawn with replacement within each stratum, so that every stratum keeps its size.

    For designs whose budgets, or sizes, were chosen and not drawn.

    Parameters
    ----------
    by
        Column, or columns, of the frame whose equal values form a stratum.

    Examples
    --------
    >>> Strata("budget").by
    ('budget',)
    """

    by: str | Sequence[str]

    name: ClassVar[str] = "strata"

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", column_names(self.by, "by"))


@dataclass(frozen=True, slots=True)
class Blocks:
    """Moving blocks: neighbouring rows drawn together, for noise that persists along a training curve.

    Each run is rebuilt from blocks of its own rows, in the order of the frame, until it has as many
    rows as before (Künsch 1989).

    Parameters
    ----------
    length
        Rows per block, at least 1: longer than the noise persists, much shorter than a run.
    within
        Column, or columns, whose equal values form a run; None takes all rows as one run.

    Examples
    --------
    >>> Blocks(5, within="run").length
    5
    """

    length: int
    within: str | Sequence[str] | None = None

    name: ClassVar[str] = "blocks"

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", whole_number(self.length, "length", 1))
        if self.within is not None:
            object.__setattr__(self, "within", column_names(self.within, "within"))


@dataclass(frozen=True, slots=True)
class Bayesian:
    """Exponential weights of mean one, per row or per cluster: no row ever drops out entirely.

    Use it on small designs, where a pairs replicate may lose every run of one size.

    Parameters
    ----------
    cluster
        Column, or columns, whose equal values share a weight; None gives each row a weight of its own.

    Examples
    --------
    >>> Bayesian().cluster is None
    True
    """

    cluster: str | Sequence[str] | None = None

    name: ClassVar[str] = "bayesian"

    def __post_init__(self) -> None:
        if self.cluster is not None:
            object.__setattr__(self, "cluster", column_names(self.cluster, "cluster"))


@dataclass(frozen=True, slots=True)
class Subsample:
    """`m` rows drawn without replacement: valid where the bootstrap is not (Politis and Romano 1994).

    Estimates from m of n rows vary sqrt((n - m)/m) times as much as those from all rows, so intervals,
    bands and covariances multiply the distance of each draw from the estimate by sqrt(m/(n - m)): the
    sqrt(m/n) of the theory, with the correction for drawing from a finite population. `.draws` are
    the refits without that factor.

    Parameters
    ----------
    m
        Rows per replicate: fewer than the frame has, and at least as many as the law has free
        parameters.

    Examples
    --------
    >>> Subsample(12).m
    12
    """

    m: int

    name: ClassVar[str] = "subsample"

    def __post_init__(self) -> None:
        object.__setattr__(self, "m", whole_number(self.m, "m", 1))


@dataclass(frozen=True, slots=True)
class Jackknife:
    """One row, or one cluster, left out at a time: one replicate per row or cluster.

    Parameters
    ----------
    cluster
        Column, or columns, whose equal values are left out together; None leaves out single rows.

    Examples
    --------
    >>> Jackknife("run").cluster
    ('run',)
    """

    cluster: str | Sequence[str] | None = None

    name: ClassVar[str] = "jackknife"

    def __post_init__(self) -> None:
        if self.cluster is not None:
            object.__setattr__(self, "cluster", column_names(self.cluster, "cluster"))

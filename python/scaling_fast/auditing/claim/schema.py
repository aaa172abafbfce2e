"""The keys of a claim file: every table closed, every value typed."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

MAX_TEXT = 10_000  # characters in one text of a claim file

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Level = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the claim file: its keys are closed."""


class Identity(_Section, frozen=True):
    """Which paper, in which version."""

    id: Text
    title: Text
    version: Text | None = None
    authors: Text | None = None
    year: int | None = None


class Filter(_Section, frozen=True):
    """One rule for leaving rows out; without a rule it keeps all."""

    name: Text
    drop_largest: Count | None = None
    column: Text | None = None
    source: Text | None = None


class ClusterRule(_Section, frozen=True):
    """What makes rows dependent: a column, or a column's logarithm rounded to some digits."""

    log_round: Text | None = None
    column: Text | None = None
    digits: Annotated[int, msgspec.Meta(ge=0, le=15)] = 2


class Data(_Section, frozen=True):
    """Where the rows are and what their columns mean."""

    dataset: Text | None = None
    file: Text | None = None
    sha256: Text | None = None
    source: Literal["digitised", "published table", "authors", "measured", "unstated"] = "unstated"
    columns: dict[Text, Text] = {}
    derive: dict[Text, Text] = {}
    cluster: ClusterRule | None = None
    filters: list[Filter] = []
    headline_filter: Text | None = None


class HuberLoss(_Section, frozen=True):
    """Huber's loss and its threshold."""

    huber: Annotated[float, msgspec.Meta(gt=0.0)]


class Optimiser(_Section, frozen=True):
    """What minimised the objective, as far as the paper says."""

    name: Text = "unstated"
    tolerance: Text | float = "unstated"


class StatedFit(_Section, frozen=True):
    """The fit as the paper states it."""

    law: Text
    residual: Literal["log", "raw", "unstated"] = "unstated"
    loss: Literal["squared", "absolute", "unstated"] | HuberLoss = "unstated"
    reduction: Literal["sum", "mean", "unstated"] = "unstated"
    optimiser: Optimiser | None = None
    start_grid: dict[Text, list[float]] = {}


class ReportedInterval(_Section, frozen=True):
    """An interval as printed."""

    of: Text
    level: Level
    lower: Text
    upper: Text
    method: Text = "unstated"


class Reported(_Section, frozen=True):
    """The numbers the paper reports for its own fit."""

    n: Text | None = None
    params: dict[Text, Text] = {}
    log_params: dict[Text, Text] = {}
    intervals: list[ReportedInterval] = []


class Side(_Section, frozen=True):
    """One side of a claimed equality."""

    approach: int | Text
    value: Text
    lower: Text | None = None
    upper: Text | None = None
    level: Level | None = None


class Claim(_Section, frozen=True):
    """One sentence of the paper that numbers can contradict."""

    id: Text
    kind: Literal["exponent", "optimum", "extrapolation", "equality", "fit"]
    expr: Text | None = None
    value: Text | None = None
    tolerance: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] | None = None
    at: dict[Text, float] = {}
    between: list[Side] = []
    y: Text | None = None
    across: bool = False  # said of several approaches together: never decisive against one


class Reference(_Section, frozen=True):
    """A figure somebody else published, printed beside ours and never in its place."""

    check: Text
    quantity: Text
    value: float
    source: Text


class Settings(_Section, frozen=True):
    """How the audit itself runs."""

    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    n: Annotated[int, msgspec.Meta(ge=20, le=10_000_000)] = 4000
    epsilon: Annotated[float, msgspec.Meta(gt=0.0)] = 0.02
    digitisation_simulations: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    loss: Literal["squared", "absolute"] | HuberLoss = "squared"
    residual: Literal["log", "raw"] = "log"


class ClaimFile(_Section, frozen=True):
    """A whole claim file."""

    schema: Text
    paper: Identity
    fit: StatedFit
    data: Data = Data()
    reported: Reported = Reported()
    claims: list[Claim] = []
    references: list[Reference] = []
    disclosure: dict[Text, Text | bool | int | float] = {}
    audit: Settings = Settings()

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

__version__: str
__all__ = [
    "Program",
    "Purpose",
    "Question",
    "Resampling",
    "Scheme",
    "__version__",
    "available",
    "can_allocate",
    "errors",
    "interval",
    "names",
    "philox",
    "quantiles",
    "robust_scales",
    "selected",
    "share_heaps",
    "statuses",
    "vector_unit",
]

def names(formula: str) -> tuple[str | None, str | None, list[str]]: ...
def statuses() -> list[tuple[str, str]]: ...
def interval(
    method: str,
    level: float,
    estimate: float,
    draws: NDArray[np.float64],
    jackknife: NDArray[np.float64] | None = None,
    errors: tuple[float, NDArray[np.float64]] | None = None,
) -> tuple[float, float]: ...
def selected(
    question: Question,
    params: NDArray[np.float64],
    resampling: Resampling,
    picks: Sequence[tuple[int, int]],
    *,
    threads: int,
) -> tuple[NDArray[np.uint8], NDArray[np.float64], bool]: ...
def errors(
    question: Question,
    params: NDArray[np.float64],
    resampling: Resampling,
    draws: NDArray[np.float64],
    quantities: Sequence[tuple[Program, Sequence[int]]],
    *,
    threads: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]: ...
def robust_scales(
    residual: NDArray[np.float64], weight: NDArray[np.float64], free: int, passed: int
) -> tuple[float, float]: ...
def quantiles(values: NDArray[np.float64], levels: Sequence[float]) -> list[float]: ...
def philox(
    seed: int, purpose: Purpose, replicate: int, group: int, count: int
) -> NDArray[np.uint64]: ...
def available() -> int: ...
def can_allocate(bytes: int) -> bool: ...
def share_heaps() -> None: ...
def vector_unit() -> str: ...

@final
class Purpose:
    ROWS: ClassVar[Purpose]
    RESIDUALS: ClassVar[Purpose]
    STARTS: ClassVar[Purpose]
    CHECKS: ClassVar[Purpose]
    SIMULATION: ClassVar[Purpose]
    AUDIT_ROWS: ClassVar[Purpose]
    AUDIT_CLUSTERS: ClassVar[Purpose]
    BANDS: ClassVar[Purpose]
    FINDINGS: ClassVar[Purpose]
    def __int__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Scheme:
    def __new__(
        cls,
        kind: str,
        table: NDArray[Any] | None = None,
        constants: tuple[str | float, ...] | None = None,
    ) -> Scheme: ...

@final
class Resampling:
    def __new__(
        cls, scheme: Scheme, *, first: int, count: int, seed: int, starts: int
    ) -> Resampling: ...

@final
class Program:
    def __new__(cls, formula: str, columns: Sequence[str]) -> Program: ...
    @property
    def formula(self) -> str: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def params(self) -> list[str]: ...
    @property
    def target(self) -> str | None: ...
    @property
    def transform(self) -> str | None: ...
    @property
    def linear(self) -> list[str]: ...
    @property
    def positive(self) -> list[str]: ...
    @property
    def is_power_sum(self) -> bool: ...
    @property
    def powers(self) -> list[tuple[str, list[str], list[str]]]: ...
    @property
    def requirements(self) -> list[tuple[str, str, str]]: ...
    def evaluate(
        self, columns: Sequence[NDArray[np.float64]], params: Sequence[float]
    ) -> NDArray[np.float64]: ...
    def gradient(self, params: Sequence[float]) -> tuple[float, list[float]]: ...
    def transform_target(self, values: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def invert_target(self, values: NDArray[np.float64]) -> NDArray[np.float64]: ...

@final
class Question:
    def __new__(
        cls,
        program: Program,
        columns: Sequence[NDArray[np.float64]],
        target: NDArray[np.float64],
        *,
        weights: NDArray[np.float64] | None,
        sigma: NDArray[np.float64] | None,
        offsets: NDArray[np.int64],
        params: Sequence[tuple[float | None, float, float, float | None]],
        loss: tuple[str, float],
        residual: str,
        offset: tuple[int, bool] | None = None,
    ) -> Question: ...
    def fit(
        self,
        starts: int | NDArray[np.float64] | None,
        *,
        threads: int,
        progress: Callable[[int, int], object] | None = None,
    ) -> tuple[dict[str, NDArray[Any]], bool]: ...
    def prove(
        self,
        params: NDArray[np.float64],
        objective: NDArray[np.float64],
        *,
        threads: int,
    ) -> NDArray[np.bool_]: ...
    def resample(
        self,
        params: NDArray[np.float64],
        resampling: Resampling,
        *,
        threads: int,
        progress: Callable[[int, int], object] | None = None,
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], list[NDArray[np.float64]], bool]: ...
    def rows(
        self, group: int, params: Sequence[float]
    ) -> tuple[
        NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]
    ]: ...
    def replicate_rows(
        self, params: NDArray[np.float64], resampling: Resampling
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]: ...
    def objective(self, group: int, params: Sequence[float]) -> float: ...

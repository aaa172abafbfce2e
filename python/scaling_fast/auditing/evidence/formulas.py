"""What a claim's formulas give: laws on rows, numbers of parameters, optima."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Program
from scaling_fast.errors import DataError, quote, suggestion
from scaling_fast.laws import Law
from scaling_fast.laws.optima.cost import DEFAULT_COST, Cost
from scaling_fast.laws.optima.minimum import ConstrainedMinimum
from scaling_fast.laws.optima.reach import Reach
from scaling_fast.laws.optima.valleys import INTERIOR
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.auditing.claim.schema import Claim

    Floats = NDArray[np.float64]

GRID_LIMIT = 2187  # 3**7: up to seven parameters the box is probed on three levels each
VERTEX_LIMIT = 4096  # 2**12: beyond twelve printed parameters a box is not enumerated
LN_N_BRACKET = (
    math.log(1e2),
    math.log(1e20),
)  # parameters of any network that was or will be trained


@dataclass(frozen=True, slots=True)
class LawView:
    """What the audit needs to know of a law."""

    name: str
    formula: str
    columns: tuple[str, ...]
    params: tuple[str, ...]
    question: Any  # what `fit` is given: the catalogue's name or the formula


def require_names(formula: str, names: Iterable[str], place: str) -> None:
    """Refuse a formula of the claim file that uses a name it cannot know.

    Raises
    ------
    FormulaError
        If the formula is malformed.
    DataError
        If it uses another name; the message says where it stands.
    """
    known = list(names)
    unknown = next(iter(Program(formula, known).params), None)
    if unknown is not None:
        raise DataError(
            f"`{place}` is {quote(formula, 80)}, which uses {quote(unknown)}"
            f"{suggestion(unknown, known)}"
        )


def law_values(law: LawView, x: Mapping[str, Floats], params: Mapping[str, Any]) -> Floats:
    """Return the law on rows; parameters of shape (m, 1) give an array of m by rows."""
    names: dict[str, Any] = {column: x[column] for column in law.columns}
    names.update({name: params[name] for name in law.params})
    return evaluate(law.formula, names)


def box_points(box: Mapping[str, tuple[float, float]]) -> dict[str, Floats] | None:
    """Return the corners of a box, its centre and, if cheap, the middles of its faces.

    Returns
    -------
    dict or None
        One array per parameter, all of one length; None if the box has too many corners.
    """
    ends = list(box.values())
    levels = [(low, (low + high) / 2.0, high) for low, high in ends]
    if 3 ** len(ends) <= GRID_LIMIT:
        points = list(itertools.product(*levels))
    elif 2 ** len(ends) <= VERTEX_LIMIT:
        points = [*itertools.product(*ends), tuple(middle for _, middle, _ in levels)]
    else:
        return None
    table = np.array(points, dtype=np.float64)
    return {name: table[:, j] for j, name in enumerate(box)}


def optimum(law: LawView, flops: float, params: Mapping[str, Any]) -> dict[str, Floats]:
    """Return N_opt and D_opt that minimise the law at a training compute of 6 N D.

    One for each value of the parameters. An optimum on the edge of the bracket is NaN.
    """
    arrays = np.broadcast_arrays(*[np.atleast_1d(params[name]) for name in law.params])
    values = {
        name: np.ravel(array).astype(np.float64)
        for name, array in zip(law.params, arrays, strict=True)
    }
    low, high = LN_N_BRACKET
    ln_nd = math.log(flops / 6.0)
    reach = Reach((low, high), (ln_nd - high, ln_nd - low), (2.0 * low - ln_nd, 2.0 * high - ln_nd))
    minimum = ConstrainedMinimum(
        Law(law.formula, columns=law.columns), Cost(DEFAULT_COST, "N", "D", reach)
    )
    best = minimum.at(np.full(arrays[0].size, math.log(flops)), values)
    n_opt = np.where(best.state == INTERIOR, np.exp(best.ln_size), np.nan)
    return {"N_opt": n_opt, "D_opt": flops / (6.0 * n_opt)}


def claim_value(law: LawView, claim: Claim, params: Mapping[str, Any]) -> Floats | None:
    """Return what a law says about a claim, one value for each value of the parameters.

    None where the claim is not a number of one law (an equality of several fits, a fit).
    """
    given = {name: np.atleast_1d(np.asarray(params[name], np.float64)) for name in law.params}
    if claim.kind == "exponent" and claim.expr:
        return evaluate(claim.expr, given)
    if claim.kind == "extrapolation" and set(law.columns) <= set(claim.at):
        at = {column: np.array([claim.at[column]]) for column in law.columns}
        return law_values(law, at, given)
    if claim.kind == "optimum" and claim.expr and set(law.columns) == {"N", "D"}:
        best = optimum(law, claim.at["C"], given)
        return evaluate(claim.expr, {**given, **best, "C": np.array([claim.at["C"]])})
    return None


def claim_values(
    law: LawView, claims: Sequence[Claim], params: Mapping[str, Any]
) -> dict[str, Floats]:
    """Return `claim_value` of every claim that has one, by the claim's id."""
    found = {claim.id: claim_value(law, claim, params) for claim in claims}
    return {key: value for key, value in found.items() if value is not None}


def quantile_interval(values: Floats, level: float) -> tuple[float, float]:
    """Return the percentile interval (type 7 quantiles) of the finite values."""
    values = np.asarray(values)
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def coordinates(name: str, values: Floats) -> tuple[str, Floats]:
    """Return ln of a scale (E, A, B: positive, capitals by convention), others as they are."""
    values = np.asarray(values, dtype=np.float64)
    if name[:1].isupper() and bool(np.all(values > 0)):
        return f"ln {name}", np.log(values)
    return name, values

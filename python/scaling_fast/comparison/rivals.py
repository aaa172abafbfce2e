"""Which laws are rivals of a fit: by the number and the roles of its inputs, never by the names of its columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.comparison.inputs import Inputs, inputs_of
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.fitting.assembly import assembled
from scaling_fast.fitting.binding import requirements, with_params
from scaling_fast.fitting.mistakes.roles import BY_NAME, BY_UNIT, roles_of
from scaling_fast.fitting.request import Request
from scaling_fast.fitting.result import Fit
from scaling_fast.frames import require
from scaling_fast.frames.table import read_only
from scaling_fast.frames.values import rows_of, to_float64
from scaling_fast.laws import Law, as_law
from scaling_fast.laws.catalogue import get
from scaling_fast.laws.param import positive
from scaling_fast.losses.residual import LogExcess, residual_word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Rival", "default_rivals", "fitted", "given_rivals"]

ONE_INPUT = (
    "power",
    "power_offset",
    "log_power",
    "stretched_exp",
    "shifted_power",
    "log_quadratic",
    "double_power",
)
"""Rivals of one input."""

OUTPUTS = {
    "step_law_lr": "a learning rate",
    "step_law_batch": "a batch size",
    "transfer": "an amount of data",
    "exp_error": "a score",
    "logistic": "a score",
    "metric_artefact": "a score",
    "coverage_power": "a score",
}
"""Law of the catalogue -> what it explains, where that is not a loss."""

Rival = tuple[Law, "Mapping[str, NDArray[np.float64]]", "Mapping[str, str]"]
"""A law, its columns at the rows of the fit, and where each comes from."""


def default_rivals(fit: Fit) -> list[Rival]:
    """Return the rivals of a fit that are known.

    Raises
    ------
    ParameterError
        For a law of something else than a loss, of three inputs, or of inputs without known roles.
    """
    output = _output(fit.law)
    if output is not None:
        raise ParameterError(
            f"no rivals are known of a law of {output}, and laws of a loss are none; name some with laws=",
            code="rivals",
            param="laws",
        )
    inputs = inputs_of(fit.request)
    if inputs.count == 1:
        return [_placed(get(name), inputs, fit) for name in ONE_INPUT]
    return [_placed(law, inputs, fit) for law in _two_inputs(inputs, fit)]


def given_rivals(fit: Fit, laws: Any) -> list[Rival]:
    """Return the laws that a caller names as rivals, with their columns.

    Raises
    ------
    ParameterError
        For a law of another output or other inputs, and anything that is no law.
    DataError
        For a column that is missing.
    """
    listed = [laws] if isinstance(laws, str | Law) else laws
    if not isinstance(listed, list | tuple) or not listed:
        raise ParameterError(
            'laws must be a list of laws, names of the catalogue or formulas, such as ["power", "log_power"], '
            f"got {quote(laws)}",
            code="laws",
            param="laws",
        )
    return [_read(as_law(law), fit) for law in listed]


def fitted(rival: Rival, fit: Fit, threads: int) -> Fit:
    """Return a rival fitted to the rows of a fit with its loss and residual.

    Raises
    ------
    DataError
        For rows that the law cannot take.
    """
    law, columns, sources = rival
    table = replace(
        fit.request.table,
        arrays={name: read_only(np.array(values)) for name, values in columns.items()},
        sources=sources,
    )
    request = Request(law, table, fit.loss, _residual(law, fit))
    require(table, requirements(request), residual_word(request.residual))
    answer, interrupted = request.fit(None, threads=threads)
    if interrupted:
        raise KeyboardInterrupt
    return Fit(*assembled(request, answer, scale=None, seed=fit.seed, search="auto"))


def _two_inputs(inputs: Inputs, fit: Fit) -> list[Law]:
    size, data = (
        f"{float(np.exp(np.log(fit.request.table.arrays[name]).mean())):.1e}"
        for name in inputs.names
    )
    # Counted from the middle of the rows, its six terms can be told apart.
    a, b = f"log(N/{size})", f"log(D/{data})"
    units = {"N": "parameters", "D": "tokens"}
    surface = Law(
        f"exp(c + n*{a} + d*{b} + n2*{a}**2 + nd*{a}*{b} + d2*{b}**2)",
        columns=("N", "D"),
        name="log_quadratic",
        units=units,
    )
    logs = Law(
        "E + A*log(N)**(-alpha) + B*log(D)**(-beta)",
        columns=("N", "D"),
        params=positive("E", "A", "alpha", "B", "beta"),
        name="log_power pair",
        units=units,
    )
    chinchilla = get("chinchilla")
    return [
        chinchilla,
        with_params(chinchilla, {"E": 0.0}),
        get("chinchilla_tied"),
        logs,
        get("kaplan"),
        surface,
    ]


def _placed(law: Law, inputs: Inputs, fit: Fit) -> Rival:
    """Return a law of as many inputs, its columns those of the fit in the order of their roles."""
    names = dict(zip(law.columns or (), inputs.names, strict=True))
    table = fit.request.table
    return (
        law,
        {own: table.arrays[name] for own, name in names.items()},
        {own: table.sources.get(name, name) for own, name in names.items()},
    )


def _read(law: Law, fit: Fit) -> Rival:
    """Return a law that the caller named with its columns: of the fit, of the same roles, or of the frame."""
    table = fit.request.table
    if law.target is not None and law.target != table.target_name:
        raise ParameterError(
            f"the law {quote(law.formula, 80)} explains {quote(law.target)}, and the fit "
            f"{quote(table.target_name)}; rivals explain the same",
            code="target",
            param="laws",
        )
    if _output(law) != _output(fit.law):
        raise ParameterError(
            f"{quote(law.name)} is a law of {_output(law) or 'a loss'}, and the fit one of "
            f"{_output(fit.law) or 'a loss'}, so it is no rival",
            code="output",
            param="laws",
        )
    if law.columns is None:
        law = law.bind_frame([*table.arrays, *_other_columns(fit)])
    by_role = _by_role(law, fit)
    if by_role is not None:
        return (
            law,
            {own: table.arrays[name] for own, name in by_role.items()},
            {own: table.sources.get(name, name) for own, name in by_role.items()},
        )
    columns, sources = {}, {}
    for name in law.columns or ():
        own = name in table.arrays
        columns[name] = table.arrays[name] if own else _from_frame(name, law, fit)
        sources[name] = table.sources.get(name, name) if own else name
    return law, columns, sources


def _by_role(law: Law, fit: Fit) -> dict[str, str] | None:
    """Return column of a law -> that of the fit with the same role; None where roles do not decide."""
    wanted, has = law.columns or (), fit.law.columns or ()
    if set(wanted) <= set(has) or len(wanted) != len(has):
        return None
    roles = roles_of(fit.request)
    theirs = {
        name: BY_UNIT.get(law.units.get(name, "").split(" ")[0]) or BY_NAME.get(name)
        for name in wanted
    }
    if len(wanted) == 1:
        role, own = theirs[wanted[0]], roles.get(has[0])
        if role is not None and own is not None and role != own:
            raise ParameterError(
                f"{quote(law.name or law.formula, 80)} is a law of {role}, and the fit one of {own}, so it is no "
                "rival",
                code="inputs",
                param="laws",
            )
        return {wanted[0]: has[0]}
    by_role = {role: name for name, role in roles.items()}
    places = {name: by_role.get(role or "") for name, role in theirs.items()}
    if None in places.values() or len(set(places.values())) < len(places):
        return None
    return {name: place for name, place in places.items() if place is not None}


def _other_columns(fit: Fit) -> Sequence[str]:
    table = fit.request.table
    return [name for name in table.frame.columns if name != table.target_name]


def _from_frame(name: str, law: Law, fit: Fit) -> NDArray[np.float64]:
    table = fit.request.table
    if name not in table.frame.columns:
        raise DataError(
            f"the law {quote(law.name or law.formula, 80)} needs a column {quote(name)}, which neither the fit nor "
            f"its frame has; the fit has {quote(list(table.arrays), 200)}",
            code="missing_column",
            column=name,
        )
    values = to_float64(rows_of(table.frame[name], table.order), name).to_numpy()
    if not np.isfinite(values).all():
        raise DataError(
            f"column {quote(name)} is not finite at every row of the fit",
            code="not_finite",
            column=name,
        )
    return np.ascontiguousarray(values, dtype=np.float64)


def _residual(law: Law, fit: Fit) -> Any:
    """Return the residual of a rival: that of the fit, as far as the law has it."""
    given = fit.request.residual
    if law.transform is not None:
        return "raw"
    if isinstance(given, LogExcess):
        return given if given.param in law.params else "log"
    if fit.request.program.transform in ("log", "ln", "log10", "log2"):
        return "log"
    return given


def _output(law: Law) -> str | None:
    return OUTPUTS.get(law.name or "")

"""The bands of the laws that a caller names as rivals: closed forms where they are known, else profiles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_fast.comparison.forecast_range import (
    FEWEST_LEFT,
    Band,
    bands,
    corrected_aic,
    kept_of,
    widening,
)
from scaling_fast.comparison.headline_band import best_curve, curve_ends, law_name
from scaling_fast.errors import ParameterError, ScalingError, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from scaling_fast.comparison.rivals import Rival
    from scaling_fast.comparison.robust_refit import RobustRefit

    Floats = NDArray[np.float64]

__all__ = ["named_bands", "rival_band"]


def named_bands(
    refit: RobustRefit,
    targets: Mapping[str, Floats],
    rivals: Sequence[Rival],
    *,
    level: float,
    counted: float,
    independent: int | None = None,
) -> tuple[Band, ...]:
    """Return the band of the law of a fit, then those of the named rivals.

    Parameters
    ----------
    refit, targets, level, counted, independent
        As in `bands`.
    rivals
        The rivals.

    Raises
    ------
    ParameterError
        For a rival that has no forecast at the targets.
    """
    headline, *known = bands(refit, targets, level=level, counted=counted, independent=independent)
    by_name = {band.name: band for band in known}
    found = [headline]
    for law, columns, sources in rivals:
        fixed = any(param.fixed is not None for param in law.params.values())
        name = law.name or law.formula
        if name == headline.name and not fixed:
            continue
        band = None if fixed else by_name.get(name)
        band = band or rival_band(
            refit, (law, columns, sources), targets, level, counted, independent
        )
        if band is None:
            raise ParameterError(
                f"the law {quote(name, 80)} has no forecast where one is wanted: it needs other columns than "
                "the law of the fit, more rows, or rows that determine it",
                code="laws",
                param="laws",
            )
        found.append(band)
    return kept_of(tuple(found))


def rival_band(
    refit: RobustRefit,
    rival: Rival,
    targets: Mapping[str, Floats],
    level: float,
    counted: float,
    independent: int | None = None,
) -> Band | None:
    """Return the profile band of any law on the clipped rows; None where it has no forecast.

    Parameters
    ----------
    refit
        The law of the fit, refitted.
    rival
        Another law of the same rows.
    targets
        Column of the law of the fit -> its values, shape (targets,).
    level, counted, independent
        As in `bands`.
    """
    told = refit.rows if independent is None else independent
    law, columns, sources = rival
    table = refit.request.table
    own = {table.sources.get(name, name): name for name in table.arrays}
    places = {
        name: targets.get(own.get(sources.get(name, name), name)) for name in law.columns or ()
    }
    at = {name: values for name, values in places.items() if values is not None}
    if len(at) < len(places):
        return None
    request = replace(
        refit.request,
        law=law,
        table=replace(table, arrays=columns, sources=sources),
        residual="raw" if law.transform is not None else "log",
    )
    other = replace(refit, request=request)
    if told - other.parameters < FEWEST_LEFT:
        return None
    try:
        best = best_curve(other, at, relative=False)
        lower, upper = curve_ends(best, at, level, widening(other, level, counted, told))
    except ScalingError:
        return None
    aicc = corrected_aic(best.squares, refit.rows, other.parameters, counted)
    return Band(law_name(other), other.parameters, best.squares, aicc, best.forecast, lower, upper)

"""What an allowance says in words: one sentence or two per point, each with a number to act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.stress.beyond_the_runs import REACH

if TYPE_CHECKING:
    from scaling_fast.comparison.constant_axis import ConstantAxis
    from scaling_fast.fitting.result import Fit
    from scaling_fast.stress.beyond_the_runs import Outlook
    from scaling_fast.stress.gates import Gate

__all__ = ["UNSEEN", "Words"]

UNSEEN = "A break or a change of recipe beyond the largest run cannot be seen by any data."
"""What stands beside every allowance."""

FAR_OFF = 10.0
"""Scales from which a row that was pulled in is named."""

MOST_NAMED = 3
"""Most rows that are named."""

MUCH = 0.5
"""Share of the allowance from which the fit's own forecast is said to differ from the robust one."""


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The sentences of an allowance.

    Attributes
    ----------
    fit, found, shut, axis
        The fit, what it says of the points, the gates that are shut, and the constant as an axis.
    furthest
        The allowance, a share, as many decades beyond the runs as they span.
    """

    fit: Fit
    found: Outlook
    shut: tuple[Gate, ...]
    axis: ConstantAxis | None
    furthest: float

    def of_point(self, place: int) -> str:
        """Return what is said of one point, by its number, from 0."""
        found = self.found
        if found.is_beyond[place]:
            span = f"{found.span:.1f}"
            said = (
                f"{found.decades[place]:.1f} decades outside runs that span {span}: "
                "beyond what these runs can say."
            )
            if found.ahead[place] >= found.decades[place] - REACH:
                furthest = _percent(self.furthest)
                said += f" {span} decades beyond, the furthest they can speak of: {furthest}."
        else:
            width = _percent(float(np.expm1(found.half_width[place])))
            said = f"{self._where(place)}: allow for {width}."
            said += self._other_loss(place)
        if self.shut:
            said += (
                f" No extrapolation is supported: {'; '.join(gate.sentence for gate in self.shut)}."
            )
        return said + self._constant(place) + self._pulled_in()

    def _where(self, place: int) -> str:
        """Return where a point lies, as a factor of compute or of the input where it lies ahead."""
        decades, ahead = float(self.found.decades[place]), float(self.found.ahead[place])
        if not decades > 0.0:
            return "Inside the runs"
        if ahead < decades - REACH:
            return f"{decades:.1f} decades outside the runs"
        factor = 10.0**decades
        text = f"{factor:.3g}" if factor < 999.5 else f"{factor:,.0f}"
        return f"x {text} ({decades:.1f} decades) beyond the largest run"

    def _other_loss(self, place: int) -> str:
        """Return how far the fit's own forecast is from the robust one, where that matters."""
        found = self.found
        columns = [
            np.ascontiguousarray(found.targets[name][place : place + 1])
            for name in found.refit.request.program.columns
        ]
        program, params = self.fit.request.program, self.fit.params
        own = program.evaluate(columns, [params[name] for name in self.fit.request.names])
        forecast = float(program.invert_target(np.asarray(own))[0])
        away = abs(np.log(forecast) - found.log_forecast[place]) if forecast > 0.0 else np.inf
        if away <= MUCH * found.half_width[place]:
            return ""
        return f" The fit under {self.fit.loss!r} forecasts {forecast:.4g}: its loss decides much of it."

    def _constant(self, place: int) -> str:
        """Return the forecast along the constant: "E 1.6 / 1.9 / free: 2.2 / 2.3 / 2.25"."""
        if self.axis is None:
            return ""
        low, high, _ = self.axis.values
        # How far each moves the forecast, from the one that is printed.
        moved = self.axis.log_forecasts[:, place] - self.axis.log_forecasts[-1, place]
        forecasts = " / ".join(
            f"{value:.4g}" for value in np.exp(self.found.log_forecast[place] + moved)
        )
        return f" With {self.axis.name} {low:.3g} / {high:.3g} / free: {forecasts}."

    def _pulled_in(self) -> str:
        """Return which rows lie far off the law and were pulled in to three scales."""
        refit = self.found.refit
        away = np.abs(np.log(refit.request.table.target / refit.fitted)) / refit.scale
        far = np.flatnonzero(away > FAR_OFF)
        if not far.size:
            return ""
        worst = far[np.argsort(-away[far])][:MOST_NAMED]
        rows = ", ".join(str(int(refit.request.table.order[row])) for row in worst)
        more = f" and {far.size - MOST_NAMED} more" if far.size > MOST_NAMED else ""
        kind = "Row" if far.size == 1 else "Rows"
        verb = "lies" if far.size == 1 else "lie"
        return f" {kind} {rows}{more} {verb} {away[worst[0]]:,.0f} robust scales off the law: pulled in to three."


def _percent(share: float) -> str:
    return "no bound" if not np.isfinite(share) else f"±{100.0 * share:.2g} %"

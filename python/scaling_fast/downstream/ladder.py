"""The two-step ladder: task loss from size and tokens, then accuracy from task loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import ConvergenceError, DataError, ParameterError, quote
from scaling_fast.fitting.run import fit
from scaling_fast.frames import read
from scaling_fast.frames.reading import checked_columns
from scaling_fast.laws import Law, Param
from scaling_fast.losses.sums import Squared
from scaling_fast.resampling.result import MOST_FAILURES
from scaling_fast.resampling.run import bootstrap
from scaling_fast.resampling.schemes import Pairs
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import checked_level, number_between, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit
    from scaling_fast.losses.registry import Loss
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["Ladder", "two_step_ladder"]

SIGMOID = "floor + height/(1 + exp(steepness*(L - L0)))"
"""Accuracy falls with the task loss L from floor + height to floor, around L0."""


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """Two fits in a row: task loss from size and tokens, accuracy from task loss.

    Attributes
    ----------
    loss_fit
        Step 1, E + A/N^alpha + B/D^beta.
    score_fit
        Step 2, a sigmoid of the task loss.
    """

    loss_fit: Fit
    score_fit: Fit

    def predict(
        self,
        frame: Any,
        *,
        n: int = 0,
        scheme: Scheme = Pairs(),  # noqa: B008 (a frozen value)
        level: float = 0.95,
        seed: int = 0,
        threads: int | None = None,
    ) -> pl.DataFrame:
        """Return N, D, task_loss, prediction and decades_beyond; with n, also lower and upper.

        Parameters
        ----------
        frame
            Any frame with N and D, under the names of the fit.
        n
            Number of replicates of one bootstrap through both steps; 0 for none.
        scheme
            What is drawn, with the same rows for both steps.
        level
            Confidence level of the percentile interval of the curve, between 0 and 1.
        seed, threads
            As in `scaling_fast.bootstrap`.

        Raises
        ------
        ConvergenceError
            If more than 5 % of the replicates are unusable in one of the steps.
        """
        level = checked_level(level)
        first = self.loss_fit.predict(frame)
        task = first["prediction"].to_numpy()
        second = self.score_fit.predict({"L": task})["prediction"]
        columns = [*first.get_columns()[:2], first["prediction"].alias("task_loss"), second]
        if whole_number(n, "n", 0):
            ends = self._ends(first, n=n, scheme=scheme, level=level, seed=seed, threads=threads)
            columns += [pl.Series("lower", ends[0]), pl.Series("upper", ends[1])]
        return pl.DataFrame([*columns, first["decades_beyond"]])

    def _ends(self, at: pl.DataFrame, *, level: float, **options: Any) -> NDArray[np.float64]:
        """Return the ends of percentile intervals, shape (2, rows of `at`)."""
        first, second = bootstrap(
            [self.loss_fit, self.score_fit], options.pop("scheme"), progress=False, **options
        )
        good = (first.draws["status"] == "converged") & (second.draws["status"] == "converged")
        if good.len() - good.sum() > MOST_FAILURES * good.len():
            raise ConvergenceError(
                f"{good.len() - good.sum()} of {good.len()} replicates are unusable in one of the two steps; "
                "fix the floor, or add runs",
                code="failures",
            )
        losses, sigmoids = first.draws.filter(good), second.draws.filter(good)
        chance = (1.0 - level) / 2.0
        ends = np.empty((2, at.height))
        for row, (n, d) in enumerate(at.select("N", "D").iter_rows()):
            task = losses.select(
                L=pl.col("E")
                + pl.col("A") * n ** (-pl.col("alpha"))
                + pl.col("B") * d ** (-pl.col("beta"))
            )
            falling = 1.0 + (sigmoids["steepness"] * (task["L"] - sigmoids["L0"])).exp()
            scores = sigmoids["floor"] + sigmoids["height"] / falling
            ends[:, row] = np.quantile(scores.to_numpy(), [chance, 1.0 - chance])
        return ends


@ask_first
def two_step_ladder(
    frame: Any,
    *,
    columns: Mapping[str, str | pl.Expr] | None = None,
    task_loss: str = "task_loss",
    score: str = "accuracy",
    floor: float | None = None,
    loss: Loss | None = None,
    threads: int | None = None,
) -> Ladder:
    """Return accuracy as a function of size and tokens, by way of the task loss.

    Parameters
    ----------
    frame
        Any frame, one row per run or checkpoint.
    columns
        {"N": parameters, "D": tokens}: columns of the frame or polars expressions.
    task_loss, score
        Columns: the loss on the task, positive, and its accuracy.
    floor
        Accuracy of chance, between -1 and 1, if it is known; otherwise it is fitted, from 0.
    loss
        Loss of step 1 on log residuals; `Huber(1e-3)` by default. Step 2 is least squares on
        accuracy.
    threads
        As in `scaling_fast.fit`.

    Returns
    -------
    Ladder
        `.predict(frame, n=...)`, and the two fits, whose `.findings` say what the runs do not
        determine.

    Raises
    ------
    DataError, ParameterError, ConvergenceError
        As `scaling_fast.fit`.

    Notes
    -----
    Source: Bhagia et al. 2024, arXiv:2412.04403.

    Examples
    --------
    >>> import math
    >>> grid = [(n, n * m) for n in (2e8, 4e8, 8e8, 1.6e9) for m in (20, 60, 180)]
    >>> task = [0.5 + 400 / n**0.3 + 900 / d**0.33 for n, d in grid]
    >>> runs = {"N": [n for n, _ in grid], "D": [d for _, d in grid], "task_loss": task}
    >>> runs["accuracy"] = [0.25 + 0.7 / (1 + math.exp(3 * (x - 1.5))) for x in task]
    >>> ladder = two_step_ladder(runs, floor=0.25)
    >>> round(ladder.predict({"N": [7e9], "D": [4e12]})["prediction"].item(), 4)
    0.8199
    """
    columns = checked_columns(columns)
    fixed = None if floor is None else number_between(floor, "floor", above=-1.0, below=1.0)
    _require_scores(frame, score, task_loss, fixed, columns)
    first = fit(
        frame,
        "chinchilla",
        target=task_loss,
        columns={name: source for name, source in columns.items() if name in ("N", "D")},
        loss=loss,
        threads=threads,
    )
    law = Law(
        SIGMOID,
        columns=("L",),
        params={
            "floor": Param(lower=0.0, fixed=fixed),
            "height": Param(lower=0.0),
            "steepness": Param(lower=0.0),
            "L0": Param(),
        },
        name="ladder_sigmoid",
        cite="Bhagia et al. 2024, arXiv:2412.04403",
    )
    second = fit(
        frame,
        law,
        target=score,
        columns={"L": task_loss},
        loss=Squared(),
        residual="raw",
        threads=threads,
    )
    return Ladder(first, second)


def _require_scores(
    frame: Any,
    score: str,
    task_loss: str,
    floor: float | None,
    columns: Mapping[str, str | pl.Expr],
) -> None:
    """Refuse scores that are not accuracies, and a floor that none of them is above."""
    source = {"L": task_loss} | {name: text for name, text in columns.items() if name == score}
    table = read(frame, names=["L"], target=score, columns=source)
    bad = (table.target < 0.0) | (table.target > 1.0)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"column {quote(score)} must hold accuracies from 0 to 1, got `{table.target[row]:g}` in row "
            f"{int(table.order[row])}; divide percentages by 100",
            code="score",
            column=score,
            row=int(table.order[row]),
        )
    if floor is not None and float(table.target.max()) <= floor:
        raise ParameterError(
            f"floor must lie below the best of the scores, `{table.target.max():g}`, got `{floor:g}`: "
            "no model does better than chance, so there is no rise to fit",
            code="floor",
            param="floor",
        )

"""What is said of each law: supported, not distinguishable from others, or rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.comparison.likelihood_tests import SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.candidates import Candidate
    from scaling_fast.comparison.likelihood_tests import NoConstant, Pair

__all__ = ["constant_sentence", "pair_verdict", "rejections", "verdicts"]


def pair_verdict(pair: Pair, laws: Sequence[Candidate]) -> str:
    """Return which of two laws the rows reject."""
    first, second = pair.p_first <= SIZE, pair.p_second <= SIZE
    if first and second:
        return "both rejected"
    if first or second:
        return f"{laws[pair.first if first else pair.second].label} rejected"
    return "neither rejected"


def rejections(kept: NDArray[np.bool_], pairs: Sequence[Pair]) -> NDArray[np.bool_]:
    """Return for each law whether it is rejected: by its criterion, or by its tests against others.

    A law with m tests is rejected by the smallest p times m (Bonferroni), so that a true law is rejected by all of
    them together no more often than by one.
    """
    rejected = ~kept
    for law in range(kept.size):
        shares = [pair.p_first for pair in pairs if pair.first == law]
        shares += [pair.p_second for pair in pairs if pair.second == law]
        if shares and min(shares) * len(shares) <= SIZE:
            rejected[law] = True
    return rejected


def verdicts(
    laws: Sequence[Candidate], rejected: NDArray[np.bool_], aicc: NDArray[np.float64]
) -> list[str]:
    """Return the words for each law: "supported", "not distinguishable from {...}", "rejected", or why none.

    Laws that did not converge speak neither for another law nor against it.
    """
    out, converged = [], ~np.isnan(aicc)
    for place, law in enumerate(laws):
        others = [
            other.label
            for at, other in enumerate(laws)
            if at != place and converged[at] and not rejected[at]
        ]
        if not converged[place]:
            out.append(f"not compared: {law.status}")
        elif converged.sum() == 1:
            out.append("not compared: no other law converged")
        elif rejected[place]:
            out.append("rejected")
        elif others:
            out.append(f"not distinguishable from {{{', '.join(others)}}}")
        else:
            out.append("supported")
    return out


def constant_sentence(found: NoConstant, label: str) -> str:
    """Return the words for a law without its constant."""
    name = found.name
    how = f"{name} = {found.estimate:.4g}, p = {found.p:.2g} for {name} = 0"
    if found.p <= SIZE:
        return f"{label} without {name} is rejected: the rows show a constant ({how})"
    return f"{label} with {name} = 0 is not distinguishable from {label}: the rows show no constant ({how})"

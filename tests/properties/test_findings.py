"""Whether findings speak where a frame has a fault, and are silent where it has none.

Twelve frames of each kind by default; `make deep` (SCALING_FAST_DEEP=1) takes the hundred frames of each fault
and the two hundred of each clean design that docs/guide/findings.md reports, and prints its tables.
"""

from __future__ import annotations

import math
import os
import zlib
from collections import Counter

import pytest
from faulty_runs import CLEAN, FAULTS, generator
from honest_grids import HONEST

import scaling_fast as sf

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
WITH_FAULT, WITHOUT = (100, 200) if DEEP else (12, 12)
POWER, FALSE_ALARMS = 0.9, 0.02
LOSSES = {"the default loss": None, "least squares": sf.Squared()}
KINDS = ("normal", "t3")


def seeds(name: str, count: int) -> list[int]:
    """Return the seeds of a kind of frame: others in every version."""
    first = zlib.crc32(f"{sf.__version__} {name}".encode())
    return [first + place for place in range(count)]


def least_hits(frames: int) -> int:
    """Return the hits that a power of 90 % all but surely gives (its .999 quantile from above)."""
    if DEEP:
        return math.ceil(POWER * frames)
    tail = 0.0
    for hits in range(frames + 1):
        tail += math.comb(frames, hits) * POWER**hits * (1 - POWER) ** (frames - hits)
        if tail > 1e-3:
            return hits
    return frames


def most_alarms(frames: int) -> int:
    """Return the false alarms that a rate of 2 % all but never exceeds."""
    if DEEP:
        return math.floor(FALSE_ALARMS * frames)
    tail = 1.0
    for alarms in range(frames + 1):
        tail -= (
            math.comb(frames, alarms)
            * FALSE_ALARMS**alarms
            * (1 - FALSE_ALARMS) ** (frames - alarms)
        )
        if tail < 1e-3:
            return alarms
    return frames


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.codes[0]}: {fault.says}")
def test_a_fault_of_the_stated_size_is_said(fault, loss):
    hits = 0
    for seed in seeds(fault.says, WITH_FAULT):
        codes = fault.make(generator(seed)).codes(LOSSES[loss])
        hits += bool(set(codes) & set(fault.codes))
    print(f"| `{fault.codes[0]}` | {fault.says} | {loss} | {hits} of {WITH_FAULT} |")
    assert hits >= least_hits(WITH_FAULT)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("design", CLEAN)
def test_clean_frames_have_no_finding(design, kind, loss):
    """Under heavy tails outliers are there to be said: their rate is printed, and not counted."""
    alarms, said = 0, Counter()
    for seed in seeds(f"{design} {kind}", WITHOUT):
        codes = set(CLEAN[design](generator(seed), kind).codes(LOSSES[loss])) - {"design"}
        said.update(codes)
        alarms += bool(codes - ({"outliers"} if kind == "t3" else set()))
    outliers = said["outliers"]
    print(f"| {design} | {kind} | {loss} | {alarms} of {WITHOUT} | {outliers} | {dict(said)}")
    assert alarms <= most_alarms(WITHOUT), dict(said)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("design", HONEST)
def test_separate_runs_of_a_grid_are_not_called_checkpoints_or_collinear(design, loss):
    """Whatever else is to be said of the law, the unit or the noise."""
    said = Counter()
    for seed in seeds(design, WITHOUT):
        said.update(set(HONEST[design](generator(seed)).codes(LOSSES[loss])))
    wrong = said["checkpoints"] + said["collinear"] + said["replicates_disagree"]
    print(f"| {design} | {loss} | {wrong} of {WITHOUT} | {dict(said)}")
    assert wrong <= most_alarms(WITHOUT), dict(said)

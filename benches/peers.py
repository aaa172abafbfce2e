"""The package beside its peers: same data, same objective, accuracy first, time second.

    python benches/peers.py [--test] [--task T1 --task T3] [--out benches/results]

Contenders take turns, block by block; a price is the median block divided by its size, so slow
peers may do fewer units. scipy works on one thread: divide its time by the threads for a perfectly
parallel pool. `pip install --group bench` brings the other peers (nlsq needs Python 3.12).
`--test` runs everything tiny and writes nothing. Nothing is asserted about time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tasks.broken import t4
from tasks.broken_laws import T7
from tasks.chinchilla import reference, t1, t2, t5
from tasks.common import ABSENT
from tasks.curves import t3
from tasks.grouped_refits import t9
from tasks.imports import imports
from tasks.offsets import T6
from tasks.poor_curves import t3_hard
from tasks.searched_refits import t8

if TYPE_CHECKING:
    from tasks.common import Row

TASKS = {"T1": t1, "T2": t2, "T3": t3, "T3 hard": t3_hard, "T4": t4, "T5": t5}
TASKS |= {**T6, **T7, "T8": t8, "T9": t9, "import": imports}

GROUPS = {"T6": list(T6), "T7": list(T7)}
"""Tasks that are asked for together."""

TITLES = {
    "T1": "1,000,000 pairs refits of the reference problem, Huber(1e-3) of the log residual",
    "T2": "one global fit of the reference problem (peers: the published grid of 4,500 starts)",
    "T3": "100,000 curves of 10 to 30 points, E + A*x**(-c), raw squared residuals",
    "T4": "4,000 pairs refits of a once broken power law on 50 points, squared log residual",
    "T5": "one fit of 1,000,000 rows, Chinchilla law, squared log residual",
    "T3 hard": "100,000 curves of amplitude near their noise, x in no order, raw squared residuals",
    "T8": '4,000 pairs refits of the reference problem with starts="multi"',
    "T9": "1,000,000 pairs refits, 200 of each of 5,000 curves, Huber(1e-3) of the log residual",
    "import": "seconds beyond importing numpy and polars",
}
TITLES |= {
    task: f"5,000 curves of 10 to 30 points, power_offset, {task[3:]} of the log residual"
    for task in T6
}
TITLES |= {
    task: f"one global fit of {task[3:]} to 12 to 30 points, squared log residual, one thread"
    for task in T7
}

HEADS = ("contender", "units timed", "per unit", "whole task", "ratio", "≤1e-9", "≤1e-6", "≤1e-3")
HEADS += ("judged",)


def about(data: str, *, test: bool) -> dict[str, object]:
    """Return when and on what this was measured; nothing that names the machine or its folders."""
    packages = ("scaling-fast", "numpy", "scipy", "polars", "numba", "lmfit", "jax", "optimistix")
    packages += ("nlsq",)
    return {
        "date": dt.datetime.now(tz=dt.UTC).isoformat(timespec="minutes"),
        "test": test,
        "data of T1 and T2": data,
        "versions": {one: version(one) for one in packages} | {"python": platform.python_version()},
        "processor": processor(),
        "threads": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "SCALING_FAST_THREADS": os.environ.get("SCALING_FAST_THREADS"),
        "load average at the start": [round(one, 2) for one in os.getloadavg()],
    }


def version(package: str) -> str:
    """Return a version, or that the package is not there and so no contender."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def absent() -> str:
    """Return the peers that could not run, and why where it is known."""
    old = sys.version_info < (3, 12)
    reasons = {"nlsq": " (needs Python 3.12)" if old else ""}
    return ", ".join(name + reasons.get(name, "") for name in sorted(ABSENT))


def processor() -> str:
    """Return the model of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def lasting(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (600.0, 1.0, "s")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds / 3600:.2f} h"


def cells(row: Row) -> list[str]:
    """Return one line of the table."""
    shares = ["", "", ""] if row.accuracy is None else [f"{one:.2%}" for one in row.accuracy]
    return [
        row.contender,
        f"{len(row.seconds)} × {row.size:,} {row.unit}",
        lasting(row.per_unit),
        lasting(row.projected),
        "1" if row.ratio == 1 else f"{row.ratio:.3g}",
        *shares,
        f"{row.judged:,}",
    ]


def show(console: Console, task: str, rows: list[Row]) -> None:
    """Print one task."""
    table = Table(title=f"{task}: {TITLES[task]}", title_justify="left")
    for head in HEADS:
        table.add_column(head, justify="left" if head == "contender" else "right")
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"  {row.contender}: {row.note}")
    console.print(f"  load average {', '.join(map(str, rows[0].load))}")


def markdown(facts: dict[str, object], results: dict[str, list[Row]]) -> str:
    """Return the results as a page."""
    lines = ["# Beside its peers", "", *(f"- {key}: {value}" for key, value in facts.items()), ""]
    lines += [
        "Accuracy is the share of the judged units whose objective is within 1e-9, 1e-6, 1e-3 "
        "relative of the best known. A time is the median of alternating blocks; the whole task "
        "is that price times its size. scipy, numba, lmfit and nlsq work on one thread, jax on as many "
        "as it takes; what is compiled is compiled before the clock starts. A certified answer of a "
        "peer is one that three starts agree on to 1e-8.",
        "",
    ]
    if ABSENT:
        lines += [f"Not installed where this ran: {absent()}.", ""]
    for task, rows in results.items():
        lines += [f"## {task}: {TITLES[task]}", "", f"| {' | '.join(HEADS)} |"]
        lines += [f"|---|{'---:|' * (len(HEADS) - 1)}"]
        lines += [f"| {' | '.join(cells(row))} |" for row in rows]
        lines += ["", *(f"- {row.contender}: {row.note}" for row in rows if row.note)]
        lines += [f"- load average {', '.join(map(str, rows[0].load))}", ""]
    return "\n".join(lines)


def write(folder: Path, facts: dict[str, object], results: dict[str, list[Row]]) -> list[Path]:
    """Write both files of the day; a run of some tasks only has them in its name."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["peers", dt.datetime.now(tz=dt.UTC).date().isoformat()]
    if set(results) != set(TASKS):
        grouped = {task: name for name, tasks in GROUPS.items() for task in tasks}
        parts += dict.fromkeys(grouped.get(task, task).replace(" ", "-") for task in results)
    stem = folder / "-".join(parts)
    record = facts | {
        "tasks": {task: [row.as_dict() for row in rows] for task, rows in results.items()}
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    written = stem.with_suffix(".json"), stem.with_suffix(".md")
    written[0].write_text(text + "\n", "utf-8")
    written[1].write_text(markdown(facts, results), "utf-8")
    return list(written)


def main() -> None:
    parser = argparse.ArgumentParser(description="scaling_fast beside its peers")
    parser.add_argument("--test", action="store_true", help="tiny sizes; nothing is written")
    parser.add_argument(
        "--task", action="append", choices=[*TASKS, *GROUPS], help="this task, or all of T6 or T7"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    facts = about(reference()[1], test=options.test)
    for key, one in facts.items():
        console.print(f"{key}: {one}")
    results: dict[str, list[Row]] = {}
    wanted = [task for name in options.task or TASKS for task in GROUPS.get(name, [name])]
    for task in wanted:
        results[task] = TASKS[task](test=options.test)
        show(console, task, results[task])
    if ABSENT:
        console.print(f"not installed: {absent()}")
    if not options.test:
        for path in write(options.out, facts, results):
            console.print(f"written: {path.name}")


if __name__ == "__main__":
    main()

"""Write the figures of docs/why/speed.md from the records of peers.py and success.py.

    python benches/page.py [--peers benches/results/peers-DATE.json] [--curves benches/results/peers-DATE.json]
                           [--success benches/results/success-DATE.json]

Only what stands between `<!-- peers -->`, `<!-- curves -->` or `<!-- success -->` and the next `<!-- end -->`
is replaced; `--curves` takes a record of the tasks with short curves. Of each kind of peer the tables show
the fastest contender among the most accurate ones.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from peers import TITLES, lasting
from success import HEADS, Bank, cells

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "why" / "speed.md"
KINDS = ("scaling_fast", "numba", "jax", "scipy", "lmfit", "nlsq")


def best_of(rows: list[dict], kind: str) -> dict | None:
    """Return the contender of a kind that is most accurate, the fastest of them."""
    ours = [row for row in rows if row["contender"].startswith(kind)]
    return min(
        ours,
        key=lambda row: (-round((row["accuracy"] or [1.0])[0], 2), row["per_unit"]),
        default=None,
    )


def cell(row: dict | None, first: dict) -> str:
    """Return time of the whole task, ratio to ours, and the share within 1e-9."""
    if row is None:
        return ""
    ratio = row["projected"] / first["projected"]
    text = lasting(row["projected"])
    text += "" if row is first else f" ({ratio:.3g}×)"
    share = (row["accuracy"] or [1.0])[0]
    return text if share == 1 else f"{text}, {share:.1%}"


def peers_table(record: dict) -> str:
    """Return the table of all tasks but imports, and what it was measured on."""
    lines = [f"| task | {' | '.join(KINDS)} |", f"|---|{'---|' * len(KINDS)}"]
    for task, rows in record["tasks"].items():
        if rows[0]["accuracy"] is None:
            continue
        first = best_of(rows, "scaling_fast")
        line = [cell(best_of(rows, kind), first) for kind in KINDS]
        lines.append(f"| {TITLES[task]} | {' | '.join(line)} |")
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    about = (
        f"{record['processor']}, {record['threads']} threads, {record['date'][:10]}; {versions}."
    )
    return "\n".join([*lines, "", about])


def success_table(record: dict) -> str:
    """Return the table of both tasks."""
    banks = [Bank(**bank) for bank in record["banks"]]
    lines = [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    lines += [f"| {' | '.join(cells(bank))} |" for bank in banks]
    return "\n".join([*lines, "", f"Seeds from {record['seed']}, noise {record['noise']:g}."])


def replaced(text: str, name: str, body: str) -> str:
    """Return a page with what stands between two marks replaced."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda found: f"{found[1]}{body}\n{found[2]}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description="write the figures of docs/why/speed.md")
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--success", type=Path)
    options = parser.parse_args()
    text = PAGE.read_text("utf-8")
    for name, record in (("peers", options.peers), ("curves", options.curves)):
        if record:
            text = replaced(text, name, peers_table(json.loads(record.read_text("utf-8"))))
    if options.success:
        text = replaced(
            text, "success", success_table(json.loads(options.success.read_text("utf-8")))
        )
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()

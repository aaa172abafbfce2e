"""The table of the catalogue in docs/laws.md, written from the laws themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scaling_fast.laws.catalogue import get, names

if TYPE_CHECKING:
    from scaling_fast.laws.law import Law

__all__ = ["catalogue_table", "updated_page", "write_page"]

LONGEST_FORMULA = 100
"""Characters of a formula above which the table refers to the command that shows it."""

BEGIN = "<!-- The table is generated: scaling_fast.laws.page.write_page writes it. -->\n"
END = "<!-- End of the table. -->\n"


def catalogue_table() -> str:
    """Return the table of all laws in Markdown: name, formula, columns and what a law is for.

    Examples
    --------
    >>> catalogue_table().splitlines()[2]
    '| `power` | `A*x**(-alpha)` | x | A straight line in log-log axes: every doubling of x \
changes y by one factor. |'
    """
    head = "| name | formula | columns | for |\n|---|---|---|---|\n"
    return head + "".join(_row(name, get(name)) for name in names())


def _row(name: str, law: Law) -> str:
    short = len(law.formula) <= LONGEST_FORMULA
    formula = law.formula if short else f"scaling-fast laws {name}"
    return f"| `{name}` | `{formula}` | {', '.join(law.columns or ())} | {law.description} |\n"


def updated_page(text: str) -> str:
    """Return the text of the page with the table as it is now; the rest stays as it is."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{catalogue_table()}\n{END}{after}"


def write_page(path: str | Path) -> None:
    """Bring the table of docs/laws.md up to date."""
    page = Path(path)
    page.write_text(updated_page(page.read_text(encoding="utf-8")), encoding="utf-8")

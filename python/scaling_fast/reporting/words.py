"""Numbers and texts as a reader sees them: no control characters, no surprises of locale."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

UNAVAILABLE: Final = "not available"
SEVERITY: Final = {
    "red": ("\u2715", "Fails"),
    "amber": ("\u25b2", "Doubtful"),
    "green": ("\u2713", "Holds"),
    "grey": ("?", "Not assessable"),
}
VERDICT: Final = {
    "red": "A decisive check fails: the claim does not follow from what is disclosed.",
    "amber": "Nothing decisive fails, but there are doubts the authors could settle.",
    "green": "What could be checked holds. Compatible is not replicated.",
    "grey": "Too little is disclosed, or can be assessed, to judge the claim.",
}
GREY_WITHOUT_ROWS: Final = (
    "The rows are not available to this audit; too little can be assessed without them."
)
ADVISORY: Final = ("i", "Advisory")  # sign and word of advice, whatever its severity
TITLES: Final = {
    "R1": "Re-optimised",
    "R2": "Fit of the reported parameters",
    "R4": "Rounding and the claimed decision",
    "R6": "Implied sample size",
    "R7": "Own interval, own point",
    "rows": "Rows per parameter",
    "decades": "Decades of scale",
    "data": "Rows read",
    "failures": "Refits that failed",
    "H8": "Choice of rows",
    "disclosure": "Disclosure",
    "filter": "Filters",
}
ORDER: Final = {"red": 0, "amber": 1, "grey": 2, "green": 3}  # as findings are listed
HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
SUPERSCRIPT: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def verdict_words(report: Mapping[str, Any]) -> str:
    """Return what the verdict of a report means."""
    if report["verdict"] == "grey" and report["data"].get("unavailable"):
        return GREY_WITHOUT_ROWS
    return VERDICT[report["verdict"]]


def badge(report: Mapping[str, Any], finding: Mapping[str, Any]) -> tuple[str, str]:
    """Return the sign and the word of a finding; advice is called advice."""
    if finding["check"] in report.get("advisory", ()):
        return ADVISORY
    return SEVERITY[finding["severity"]]


def ordered(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the findings, the severest first and advice last."""
    advice = report.get("advisory", ())
    return sorted(report["findings"], key=lambda f: (f["check"] in advice, ORDER[f["severity"]]))


def titled(check: str) -> str:
    """Return a check's code with its title.

    Examples
    --------
    >>> titled("R6"), titled("decades")
    ('R6, implied sample size', 'decades of scale')
    """
    title = TITLES.get(check)
    if title is None:
        return plain(check)
    low = title[:1].lower() + title[1:]
    return low if check[:1].islower() else f"{check}, {low}"


def plain(value: Any) -> str:
    r"""Return text without control, format and line-separator characters.

    Examples
    --------
    >>> plain("a\x1b[31mb") == "a\ufffd[31mb"
    True
    """
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(c) in HIDDEN else c for c in text)


def number(value: Any, digits: int = 5) -> str:
    """Return a number to so many significant digits; None and NaN are `not available`.

    Examples
    --------
    >>> number(581413.1), number(1.2225e-16), number(None), number(240.0)
    ('581,413', '1.2225\u00d710\u207b\u00b9\u2076', 'not available', '240')
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return UNAVAILABLE
    if math.isinf(value):
        return "\u221e" if value > 0 else "\u2212\u221e"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if float(value).is_integer() and size < 9:
        return f"{int(value):,}"
    if size < -4 or size >= 9:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa}\u00d710{str(int(exponent)).translate(SUPERSCRIPT)}"
    shown = f"{value:,.{max(0, digits - 1 - size)}f}"
    if "." in shown and float(f"{value:.{digits - 2}e}") == value:
        shown = shown.rstrip("0").rstrip(".")  # a short decimal, as papers print them
    return shown


def power_of_ten(value: float) -> str:
    """Return a tick of a logarithmic axis as text.

    Examples
    --------
    >>> power_of_ten(1e21), power_of_ten(3.0)
    ('10²¹', '3')
    """
    if not 0 < value < math.inf:
        return f"{value:g}"
    exponent = math.log10(value)
    if abs(exponent - round(exponent)) > 1e-9:
        return f"{value:g}"
    return f"10{str(round(exponent)).translate(SUPERSCRIPT)}"


def markdown(value: Any) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", plain(value))

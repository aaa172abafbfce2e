"""Numbers and texts as a reader sees them: no control characters, no surprises of locale."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from scaling_fast.findings import PRECEDENCE, float_from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

UNAVAILABLE: Final = "not available"
SEVERITY: Final = {
    "red": ("\u2715", "Fails"),
    "amber": ("\u25b2", "Doubtful"),
    "green": ("\u2713", "Holds"),
    "grey": ("?", "Not assessed"),
}
VERDICT: Final = {  # after the words for the verdict and a colon
    "red": "a decisive check fails, so the claim does not follow from what is disclosed.",
    "amber": "no decisive check fails, but there are doubts that the authors could settle.",
    "green": "every decisive check that applies holds. Compatible does not mean replicated.",
    "grey": "too little is disclosed, or could be assessed, to judge the claim.",
}
GREY_WITHOUT_ROWS: Final = (
    "the rows are not available to this audit, and too little can be assessed without them."
)
TABLE_ONLY: Final = "from the printed numbers alone"
ADVISORY: Final = ("i", "Advisory")  # sign and word of advice, whatever its severity
HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
SUPERSCRIPT: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def severity_label(severity: str) -> str:
    """Return a severity as a reader sees it, the colour beside the word.

    Examples
    --------
    >>> severity_label("red"), severity_label("grey")
    ('Fails (red)', 'Not assessed (grey)')
    """
    return f"{SEVERITY[severity][1]} ({severity})"


def finding_label(report: Mapping[str, Any], check: str, severity: str) -> str:
    """Return the severity of a finding as a reader sees it; advice is called advice."""
    if is_advisory(report, check):
        return f"{ADVISORY[1]} ({severity})"
    return severity_label(severity)


def verdict_label(report: Mapping[str, Any]) -> str:
    """Return the verdict of a report as a reader sees it, and that no rows stand behind it if so."""
    return ", ".join([severity_label(report["verdict"]), *basis(report)])


def basis(report: Mapping[str, Any]) -> list[str]:
    """Return what a verdict rests on, where that is not the rows: nothing, or one clause."""
    return [TABLE_ONLY] if report.get("basis") == "table" else []


def verdict_meaning(report: Mapping[str, Any]) -> str:
    """Return what the verdict of a report means, as it goes on after a colon."""
    if report["verdict"] == "grey" and report["data"].get("unavailable"):
        return GREY_WITHOUT_ROWS
    return VERDICT[report["verdict"]]


def is_advisory(report: Mapping[str, Any], check: str) -> bool:
    """Return whether the findings of a check are advice, which is never counted."""
    return bool(report["checks"].get(check, {}).get("weight") == "advisory")


def title_of(report: Mapping[str, Any], check: str) -> str:
    """Return the title of a check, or its code where the report has none."""
    return plain(report["checks"].get(check, {}).get("title", check))


def badge(report: Mapping[str, Any], finding: Mapping[str, Any]) -> tuple[str, str]:
    """Return the sign and the word of a finding; advice is called advice."""
    if is_advisory(report, finding["check"]):
        return ADVISORY
    return SEVERITY[finding["severity"]]


def ordered(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the findings, the severest first and advice last."""

    def rank(finding: Mapping[str, Any]) -> tuple[bool, int]:
        return is_advisory(report, finding["check"]), PRECEDENCE.index(finding["severity"])

    return sorted(report["findings"], key=rank)


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
    return "".join(
        "\ufffd" if unicodedata.category(character) in HIDDEN else character for character in text
    )


def number(value: Any, digits: int = 5) -> str:
    """Return a number to so many significant digits; None is `not available`.

    A report's JSON writes infinities as the words "inf" and "-inf".

    Examples
    --------
    >>> number(581413.1), number(1.2225e-16), number(None), number(240.0)
    ('581,413', '1.2225\u00d710\u207b\u00b9\u2076', 'not available', '240')
    """
    value = float_from_json(value)
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


# What acts in the middle of a line: escapes, stars, underscores but within words, the start of a
# tag, a link after brackets. Everything else stays as it is, so that the letter reads well as text.
ACTING: Final = re.compile(r"[\\*]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|\](?=[(\[])|~(?=.*~)")


def markdown(value: Any) -> str:
    r"""Return text that Markdown shows as it is; names in backticks stay code.

    Examples
    --------
    >>> print(markdown("`beta/(alpha+beta)` in [0.454, 0.455], n >400; a*b <b>"))
    `beta/(alpha+beta)` in [0.454, 0.455], n >400; a\*b \<b>
    """
    text = plain(value)
    parts = text.split("`")
    if len(parts) % 2 == 0 or "``" in text:  # backticks that are not in pairs around a name
        return ACTING.sub(r"\\\g<0>", text.replace("`", "'"))
    parts[::2] = [ACTING.sub(r"\\\g<0>", part) for part in parts[::2]]
    return "`".join(parts)

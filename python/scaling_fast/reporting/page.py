"""Make a report's page from its JSON: one file, no scripts, nothing loaded from anywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from scaling_fast.reporting import letter
from scaling_fast.reporting.figures import draw
from scaling_fast.reporting.words import (
    SEVERITY,
    UNAVAILABLE,
    badge,
    is_advisory,
    number,
    ordered,
    plain,
    power_of_ten,
    title_of,
    verdict_label,
    verdict_meaning,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment
    from markupsafe import Markup

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)


def render(report: Mapping[str, Any]) -> str:
    """Return the page of a report.

    Parameters
    ----------
    report
        A report's JSON; every number on the page is one of its cells.
    """
    template = _environment().get_template("report.html.j2")
    return template.render(
        report=report,
        policy=POLICY,
        figures=draw(report["figures"]),
        findings=_findings(report),
        sections=_sections(report),
        severity=SEVERITY,
        label=verdict_label(report),
        verdict=_sentence(verdict_meaning(report)),
        questions=letter.questions(report),
        unavailable=UNAVAILABLE,
        advisory=any(finding["advisory"] for finding in _findings(report)),
    )


def fragment(report: Mapping[str, Any]) -> str:
    """Return the verdict and the findings as a piece of HTML, for notebooks."""
    template = _environment().get_template("fragment.html.j2")
    return template.render(
        report=report,
        findings=_findings(report),
        severity=SEVERITY,
        label=verdict_label(report),
        verdict=_sentence(verdict_meaning(report)),
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _findings(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the findings as the page lists them: sign, word, tone and title of each."""
    found = []
    for finding in ordered(report):
        advisory = is_advisory(report, finding["check"])
        mark, word = badge(report, finding)
        tone = "grey" if advisory else finding["severity"]
        title = title_of(report, finding["check"])
        more = {"mark": mark, "word": word, "tone": tone, "title": title, "advisory": advisory}
        found.append({**finding, **more})
    return found


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("scaling_fast.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["prose"] = _prose
    return environment


def _shown(value: Any) -> Any:
    """Return what an expression of a template prints: no hidden characters, no `None`."""
    if value is None:
        return UNAVAILABLE
    return plain(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _prose(text: str) -> Markup:
    """Return a sentence of a report as HTML: names in backticks and powers of ten set as such."""
    from markupsafe import Markup, escape

    shown = str(escape(plain(text)))
    shown = re.sub(r"`([^`]+)`", r'<span class="name">\1</span>', shown)
    shown = re.sub(r" = (?=[\d.-])|(?<=\d) (?=%)", _unbroken, shown)
    return Markup(re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]\d+)(?!\w)", _power, shown))


def _unbroken(match: re.Match[str]) -> str:
    """Return spaces that no line ends at: `p = 2e-05` and `80 %` stay together."""
    return match[0].replace(" ", "\u00a0")


def _power(match: re.Match[str]) -> str:
    exponent = int(match[2][:6])
    if abs(exponent) > 300:  # beyond what a float holds, or nearly
        return match[0]
    return f"{match[1]}\u00d7{power_of_ten(10.0**exponent)}"


def _sections(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the table's rows by check, and by view within it."""
    sections: dict[str, list[dict[str, Any]]] = {}
    views = report["views"]
    for row in report["table"]:
        shown = dict(row)
        shown["data"] = row["computed"] if row["computed"] is not None else row["counted"]
        kinds = ("computed", "counted", "reported", "cited")
        shown["empty"] = all(row[kind] is None for kind in kinds)
        shown["view"] = "" if views == [row["view"]] else row["view"]
        sections.setdefault(row["check"], []).append(shown)
    return [{"title": title_of(report, check), "rows": rows} for check, rows in sections.items()]

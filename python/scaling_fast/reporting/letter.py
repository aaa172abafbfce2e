"""Write a report's letter to the authors and its short summary, from its JSON alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from scaling_fast.findings import PRECEDENCE
from scaling_fast.reporting.words import (
    UNAVAILABLE,
    badge,
    markdown,
    number,
    ordered,
    plain,
    title_of,
    verdict_label,
    verdict_meaning,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN: Final = frozenset({"no", "none", "unstated", "unknown", ""})  # how an item is left open
OTHERWISE: Final = "otherwise"  # the question about every finding that has none of its own
PLURAL: Final = re.compile(r",? et al\.?$")


def questions(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what the authors could answer, the severest first: at most one question per finding.

    The questions of each check stand in the report; one that is empty is not asked.
    """
    asked: dict[tuple[str, str], dict[str, str]] = {}
    for severity in PRECEDENCE:
        for finding in report["findings"]:
            question = _question(report, finding)
            if finding["severity"] != severity or severity == "green" or not question:
                continue
            # What could not be assessed for one reason is asked once.
            key = (question, "" if severity == "grey" else finding["sentence"])
            asked.setdefault(
                key,
                {
                    "severity": severity,
                    "check": plain(finding["check"]),
                    "title": title_of(report, finding["check"]),
                    "observation": plain(finding["sentence"]),
                    "question": plain(question),
                },
            )
    return list(asked.values())


def _question(report: Mapping[str, Any], finding: Mapping[str, Any]) -> str:
    """Return what the authors are asked about a finding; empty for what only this audit lacks."""
    of_check = report["checks"].get(finding["check"], {}).get("questions", {})
    name = finding["code"].partition(".")[2]
    return str(of_check.get(name, of_check.get(OTHERWISE, "")))


def undisclosed(report: Mapping[str, Any]) -> list[str]:
    """Return the items of the disclosure list that the paper leaves open."""
    return [
        plain(key).replace("_", " ")
        for key, answer in report["disclosure"].items()
        if str(answer).strip().lower() in OPEN
    ]


def render(report: Mapping[str, Any]) -> str:
    """Return a letter to the authors in Markdown, with numbered questions.

    Parameters
    ----------
    report
        A report's JSON.
    """
    paper, asked = report["paper"], questions(report)
    authors = PLURAL.sub(" and colleagues", plain(paper["authors"] or "authors"))
    lines = [
        f"# Questions about *{markdown(paper['title'])}* ({markdown(paper['id'])})",
        "",
        f"Dear {markdown(authors)},",
        "",
        "We audited the scaling law of your paper with scaling_fast "
        f"{markdown(report['versions']['scaling_fast'])}. "
        f"Our verdict is **{verdict_label(report)}**: {verdict_meaning(report)}",
    ]
    if asked:
        lines[-1] += (
            " We may have misread something, and would be grateful for your answers to the questions "
            "below."
        )
        lines += ["", "## Questions", ""]
    else:
        lines += ["", "We have no questions."]
    for place, item in enumerate(asked, 1):
        lines += [
            f"{place}. **{markdown(item['title'])}.** {markdown(item['observation'])}",
            f"   *{markdown(item['question'])}*",
        ]
    missing = undisclosed(report)
    if missing:
        lines += [
            "",
            "## What would help",
            "",
            f"We did not find these in the paper: {', '.join(map(markdown, missing))}.",
        ]
    return "\n".join([*lines, "", "## How to repeat this", "", *_repetition(report), ""])


def _repetition(report: Mapping[str, Any]) -> list[str]:
    """Return what a reader needs to get the same numbers."""
    data, settings = report["data"], report["settings"]
    return [
        f"- rows: {_rows(data)}",
        f"- objective: {markdown(report['objective'])}",
        f"- refits: {number(settings['n'])} of each kind, seed {settings['seed']}",
        f"- sha256 of the rows: {markdown(data['sha256'] or UNAVAILABLE)}",
        f"- sha256 of the paper's numbers as we typed them: {markdown(report['claim_file']['sha256'])}",
    ]


def _rows(data: Mapping[str, Any]) -> str:
    if data["rows_used"] is None:
        return f"none used ({markdown(data['absent'] or UNAVAILABLE)})"
    rule = markdown(data["rule"] or UNAVAILABLE)
    return f"{markdown(data['label'])}, {number(data['rows_used'])} used ({rule})"


def summary(report: Mapping[str, Any]) -> str:
    """Return verdict, scopes and findings as lines of plain text."""
    paper = report["paper"]
    lines = [
        f"{plain(paper['title'])} ({plain(paper['id'])})",
        f"Verdict: {verdict_label(report)}: {verdict_meaning(report)}",
        "",
    ]
    lines += [f"{plain(scope['question'])} {plain(scope['answer'])}" for scope in report["scopes"]]
    lines.append("")
    for finding in ordered(report):
        mark, word = badge(report, finding)
        title = title_of(report, finding["check"])
        lines.append(f"{mark} {word:<13}{title}: {plain(finding['sentence'])}")
    return "\n".join(lines)

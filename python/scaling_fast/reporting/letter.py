"""Write a report's letter to the authors and its short summary, from its JSON alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from scaling_fast.reporting.words import (
    UNAVAILABLE,
    badge,
    markdown,
    number,
    ordered,
    plain,
    titled,
    verdict_words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDER: Final = ("red", "amber", "grey")
UNASKED: Final = frozenset({"rows", "data", "decades", "filter"})  # ours to mend, not the authors'
QUESTIONS: Final = {
    "R1.objective_gap": "Which optimiser, tolerance and starts gave the reported parameters?",
    "R2.likelihood_ratio": "Are these the rows and the objective of the reported fit, and could "
    "you publish its parameters unrounded?",
    "R2.wald": "What covariance do you find, and how far from a refit is the reported point by it?",
    "R2.sign_score": "Why do the residuals at the reported point lean to one side?",
    "R4.bias": "Could you print the parameters with the digits needed, or their logarithms?",
    "R4.target": "Which parameters was this decision made with?",
    "R4.across": "Which approaches stand behind this recommendation, and how were they weighed?",
    "R6.implied_size": "How many refits, from which starts and to which tolerance, stand behind "
    "the interval?",
    "R7.unrounded": "Are point and interval of the same fit?",
    "R7.rounded": "Could you give the parameters with more digits?",
    "H8.filter": "The choice of rows is ours: is it a fair one, and what do you find either way?",
    "disclosure.objective": "What did the fit minimise: which loss, residuals and weights?",
    "hygiene.reported_n": "How many rows was the law fitted to, and which?",
    "failures.share": "How many of your own refits failed, and what became of them?",
    "no_interval": "What interval do you give your estimate, at which level, by which method?",
    "no_data": "Could you publish the rows?",
    "bound": "Which numbers are the ends of the interval?",
    "incomplete": "Could you report every parameter of the law?",
}
OUT_OF_REACH: Final = "unavailable"  # how a code ends when only this audit lacks the rows
RESAMPLING: Final = re.compile(
    r"bootstrap|resampl|jackknife|bagg|percentile|BCa|cross-valid", re.IGNORECASE
)
UNEXPLAINED: Final = "Can you explain this, or show where we went wrong?"
DISCLOSED: Final = frozenset({"no", "none", "unstated", "unknown", ""})


def questions(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what the authors could answer: one question a finding that is not green."""
    asked: dict[tuple[str, str], dict[str, str]] = {}
    for severity in ORDER:
        for finding in report["findings"]:
            if finding["severity"] != severity or not _askable(report, finding):
                continue
            question = _question(finding["code"])
            # What cannot be assessed for one reason is asked once.
            key = (question, "" if severity == "grey" else finding["sentence"])
            asked.setdefault(
                key,
                {
                    "severity": severity,
                    "check": plain(finding["check"]),
                    "title": titled(plain(finding["check"])),
                    "observation": plain(finding["sentence"]),
                    "question": question,
                },
            )
    return list(asked.values())


def _askable(report: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    """Return whether the authors could answer: not for what only this audit lacks."""
    ours = finding["check"] in UNASKED and finding["code"] not in QUESTIONS
    if ours or finding["code"].rpartition(".")[2] == OUT_OF_REACH:
        return False
    return finding["check"] != "failures" or _resampled(report)


def _resampled(report: Mapping[str, Any]) -> bool:
    """Return whether the paper reports an interval of resampling, and so has refits of its own."""
    return any(RESAMPLING.search(one["method"]) for one in report.get("intervals", ()))


def _question(code: str) -> str:
    return QUESTIONS.get(code) or QUESTIONS.get(code.rpartition(".")[2], UNEXPLAINED)


def undisclosed(report: Mapping[str, Any]) -> list[str]:
    """Return the items of the disclosure list that the paper leaves open."""
    return [
        plain(key).replace("_", " ")
        for key, answer in report["disclosure"].items()
        if str(answer).strip().lower() in DISCLOSED
    ]


def render(report: Mapping[str, Any]) -> str:
    """Return a letter to the authors in Markdown, with numbered questions.

    Parameters
    ----------
    report
        A report's JSON.
    """
    paper = report["paper"]
    lines = [
        f"# Questions on *{markdown(paper['title'])}* ({markdown(paper['id'])})",
        "",
        f"Dear {markdown(paper['authors'] or 'authors')},",
        "",
        "we audited the scaling law of your paper with scaling_fast "
        f"{markdown(report['versions']['scaling_fast'])}. "
        f"The verdict is **{markdown(report['verdict'])}**: {verdict_words(report)}",
        "We may have misread something; the questions below are meant to find out.",
        "",
        "## Questions",
        "",
    ]
    asked = questions(report)
    for k, item in enumerate(asked, 1):
        lines += [
            f"{k}. **{markdown(item['title'])}.** {markdown(item['observation'])}",
            f"   *{markdown(item['question'])}*",
        ]
    if not asked:
        lines.append("None: no check that could be run leaves anything to ask.")
    missing = undisclosed(report)
    if missing:
        lines += [
            "",
            "## What would help",
            "",
            "The paper leaves these open: " + ", ".join(map(markdown, missing)) + ".",
        ]
    data, settings = report["data"], report["settings"]
    lines += [
        "",
        "## How to repeat this",
        "",
        f"- rows: {_rows(data)}",
        f"- objective: {markdown(report['objective'])}",
        f"- replicates: {number(settings['n'])}, seed {settings['seed']}",
        f"- sha256 of the rows: {markdown(data['sha256'] or UNAVAILABLE)}",
        f"- sha256 of the claim file: {markdown(report['claim_file']['sha256'])}",
        "",
    ]
    return "\n".join(lines)


def _rows(data: Mapping[str, Any]) -> str:
    if data["rows_used"] is None:
        return f"none used ({markdown(data['absent'] or UNAVAILABLE)})"
    rule = markdown(data["rule"] or UNAVAILABLE)
    return f"{markdown(data['words'])}, {number(data['rows_used'])} used ({rule})"


def summary(report: Mapping[str, Any]) -> str:
    """Return verdict, scopes and findings as lines of plain text."""
    paper = report["paper"]
    lines = [
        f"{plain(paper['title'])} ({plain(paper['id'])})",
        f"verdict: {report['verdict']}. {verdict_words(report)}",
        "",
    ]
    lines += [f"{plain(s['question'])} {plain(s['answer'])}" for s in report["scopes"]]
    lines.append("")
    for finding in ordered(report):
        mark, word = badge(report, finding)
        check = titled(plain(finding["check"]))
        lines.append(f"{mark} {word:<15}{check}: {plain(finding['sentence'])}")
    return "\n".join(lines)

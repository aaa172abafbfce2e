"""Write a report's letter to the authors and its short summary, from its JSON alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scaling_fast.reporting.words import SEVERITY, UNAVAILABLE, VERDICT, markdown, number, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDER: Final = ("red", "amber", "grey")
UNASKED: Final = frozenset({"rows", "data"})  # ours to mend, not the authors'
UNEXPLAINED: Final = "Can you explain this, or show where we went wrong?"
DISCLOSED: Final = frozenset({"no", "none", "unstated", "unknown", ""})


def questions(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what the authors could answer: one question a finding that is not green."""
    return [
        {
            "severity": severity,
            "check": plain(finding["check"]),
            "observation": plain(finding["sentence"]),
            "question": plain(finding["advice"]) or UNEXPLAINED,
        }
        for severity in ORDER
        for finding in report["findings"]
        if finding["severity"] == severity and finding["check"] not in UNASKED
    ]


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
        f"The verdict is **{markdown(report['verdict'])}**: {VERDICT[report['verdict']]}",
        "We may have misread something; the questions below are meant to find out.",
        "",
        "## Questions",
        "",
    ]
    asked = questions(report)
    for k, item in enumerate(asked, 1):
        lines += [
            f"{k}. **{markdown(item['check'])}.** {markdown(item['observation'])}",
            f"   *{markdown(item['question'])}*",
        ]
    if not asked:
        lines.append("None: every check that could be run holds.")
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
        f"- rows: {markdown(data['words'])}, {number(data['rows_used'])} used "
        f"({markdown(data['rule'] or data['absent'] or UNAVAILABLE)})",
        f"- objective: {markdown(report['objective'])}",
        f"- replicates: {number(settings['n'])}, seed {settings['seed']}",
        f"- sha256 of the rows: {markdown(data['sha256'] or UNAVAILABLE)}",
        f"- sha256 of the claim file: {markdown(report['claim_file']['sha256'])}",
        "",
    ]
    return "\n".join(lines)


def summary(report: Mapping[str, Any]) -> str:
    """Return verdict, scopes and findings as lines of plain text."""
    paper = report["paper"]
    lines = [
        f"{plain(paper['title'])} ({plain(paper['id'])})",
        f"verdict: {report['verdict']}. {VERDICT[report['verdict']]}",
        "",
    ]
    lines += [f"{plain(s['question'])} {plain(s['answer'])}" for s in report["scopes"]]
    lines.append("")
    for finding in report["findings"]:
        mark, word = SEVERITY[finding["severity"]]
        lines.append(f"{mark} {word:<15}{plain(finding['check']):<11}{plain(finding['sentence'])}")
    return "\n".join(lines)

"""The verb `audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import polars as pl

from scaling_fast.auditing import run
from scaling_fast.cli import files, output, parsing, streams
from scaling_fast.cli.exit_codes import FAIL_ON, SEVERITIES, after_findings
from scaling_fast.errors import DataError, ScalingError
from scaling_fast.findings import PRECEDENCE
from scaling_fast.reporting.files import is_json, is_page
from scaling_fast.reporting.words import (
    basis,
    finding_label,
    is_advisory,
    severity_label,
    title_of,
    verdict_label,
    verdict_meaning,
)
from scaling_fast.runtime.files import write_text
from scaling_fast.runtime.progress import watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaling_fast.auditing.result import Audit
    from scaling_fast.findings import Finding

Function = TypeVar("Function", bound="Callable[..., Any]")


def _path_option(flag: str, name: str, what: str) -> Callable[[Function], Function]:
    return click.option(flag, name, type=Path, metavar="PATH", help=f"Write {what} to PATH.")


@click.command(
    short_help="Audit a published scaling law: verdict, findings and a report.",
    epilog="""\b
Examples:
  scaling-fast audit                                   writes ./audit-cerebras2023.html
  scaling-fast audit hoffmann2022 --letter letter.md   also writes questions to the authors
  scaling-fast audit claim.toml --data runs.csv --fail-on red
  scaling-fast audit hoffmann2022 --json > audit.json
\b
The page or JSON report of an earlier audit is replaced; any other file needs --force.
""",
)
@click.argument("paper", default="cerebras2023")
@click.option("--data", metavar="FILE", help="Rows to use instead of those that the claim names.")
@click.option(
    "--n", type=parsing.WHOLE, help="Number of replicates. [default: the claim's own number]"
)
@click.option(
    "--seed", type=parsing.WHOLE, default=0, show_default=True, help="Seed of the random numbers."
)
@click.option(
    "--threads",
    type=parsing.WHOLE,
    help="Number of threads. [default: SCALING_FAST_THREADS, else all cores]",
)
@_path_option("--html", "html", "the report")
@_path_option("--json-report", "json_report", "the report as JSON")
@_path_option("--letter", "letter", "a letter to the authors (Markdown)")
@click.option("--force", is_flag=True, help="Replace files that exist already.")
@click.option("--fail-on", type=click.Choice(SEVERITIES), help=FAIL_ON)
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON to stdout.")
@click.pass_context
def audit(
    context: click.Context, /, *, paper: str, data: str | None, n: int | None, seed: int,
    threads: int | None, html: Path | None, json_report: Path | None, letter: Path | None,
    force: bool, fail_on: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Audit a published scaling law: verdict, findings, and a report to read and pass on.

    PAPER is an embedded claim (cerebras2023, hoffmann2022) or a claim file in TOML. Without
    --html the report is ./audit-NAME.html.
    """
    # Only a report of an earlier audit is replaced unasked; a letter could be anybody's.
    for path, is_report in ((html, is_page), (json_report, is_json), (letter, None)):
        if path is not None:
            earlier = is_report is not None and is_report(path)
            files.refuse_unwritable(path, force=force or earlier)
    files.refuse_equal(
        {"--html": html or _page(paper), "--json-report": json_report, "--letter": letter}
    )
    page, replace = (html, force) if html is not None else _default_page(paper, force=force)
    audited = _audit(paper, data, n=n, seed=seed, threads=threads)
    if page is not None:
        audited.write_html(page, force=replace)
    if json_report is not None:
        audited.write_json(json_report, force=force)
    if letter is not None:
        write_text(letter, audited.letter(), force=force)
    if as_json:
        output.emit_json(audited.report)
    else:
        _print(audited)
        for what, path in (("report", page), ("JSON", json_report), ("letter", letter)):
            if path is not None:
                output.note(f"{what}: {path.resolve()}")
    counted = [
        finding for finding in audited.findings if not is_advisory(audited.report, finding.check)
    ]
    context.exit(after_findings(counted, fail_on))


def _audit(paper: str, data: str | None, *, n: int | None, seed: int, threads: int | None) -> Audit:
    """Return the audit, under a bar where a terminal watches; errors name lines of the data's file."""
    frame = None if data is None else files.read_frame(data)
    with watched(None, "auditing") as bar:
        try:
            return run.audit(
                paper, data=frame, n=n, seed=seed, threads=threads, progress=_per_cent(bar)
            )
        except ScalingError as error:
            if data is not None and frame is not None:
                files.locate(error, data, frame.height)
            raise


def _print(audited: Audit) -> None:
    """Print the findings as a table, and for a person what matters of them."""
    if streams.on_terminal():
        _print_for_person(audited)
    else:
        output.emit_table(_findings_table(audited))
        output.note(", ".join([f"verdict: {audited.verdict}", *basis(audited.report)]))


def _severity(finding: Finding, audited: Audit) -> str:
    return finding.severity + output.ADVISORY * is_advisory(audited.report, finding.check)


def _findings_table(audited: Audit) -> pl.DataFrame:
    """Return the findings as a table: severity, check, what was found, what to do."""
    rows = [
        (
            _severity(finding, audited),
            title_of(audited.report, finding.check),
            finding.sentence,
            finding.advice,
        )
        for finding in audited.findings
    ]
    names = ("severity", "check", "sentence", "advice")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")


def _print_for_person(audited: Audit) -> None:
    """Print the verdict, the answers, and what does not hold, worst first."""
    meaning = verdict_meaning(audited.report)
    output.print_sentence(
        f"Verdict: {verdict_label(audited.report)}: {meaning}", severity=audited.verdict
    )
    answers = [
        (scope["question"], scope["answer"], severity_label(scope["severity"]))
        for scope in audited.report["scopes"]
    ]
    output.print_table(("question", "answer", ""), answers)
    doubts = sorted(
        (finding for finding in audited.findings if finding.severity != "green"),
        key=lambda finding: PRECEDENCE.index(finding.severity),
    )
    if doubts:
        rows = [
            (
                finding_label(audited.report, finding.check, finding.severity),
                title_of(audited.report, finding.check),
                _lines(finding),
            )
            for finding in doubts
        ]
        output.print_table(("severity", "check", "what was found"), rows)
    held = len(audited.findings) - len(doubts)
    holding = (
        "1 finding holds; the report lists it"
        if held == 1
        else f"{held} findings hold; the report lists them"
    )
    output.print_sentence(holding)


def _lines(finding: Finding) -> tuple[str, ...]:
    """Return what was found and what to do about it, each on a line of its own."""
    todo = (f"To do: {finding.advice}",) if finding.advice else ()
    return (finding.sentence, *todo)


def _per_cent(bar: Callable[[int, int], object] | None) -> Callable[[str, float], None] | None:
    """Return what an audit calls with a stage and a share, for a bar that counts to a hundred."""
    if bar is None:
        return None

    def show(_: str, share: float) -> None:
        bar(round(100 * share), 100)

    return show


def _page(paper: str) -> Path:
    name = Path(paper).stem if paper.endswith(".toml") else paper
    return Path(f"audit-{Path(name).name}.html")


def _default_page(paper: str, *, force: bool) -> tuple[Path | None, bool]:
    """Return ./audit-NAME.html and whether it may be replaced: only an earlier report may.

    In a directory that cannot be written to the audit goes on without a page.
    """
    page = _page(paper)
    replace = force or is_page(page)
    try:
        files.refuse_unwritable(page, force=replace)
    except DataError as error:
        if error.code == "exists":
            raise DataError(
                f"`{page}` exists already and is not a report of an audit; --force replaces it, "
                "--html PATH writes elsewhere",
                code="exists",
            ) from error
        output.note(f"no report is written: {error}; --html PATH writes elsewhere")
        return None, False
    return page, replace

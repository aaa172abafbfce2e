"""The verb `audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scaling_fast.cli import files, output
from scaling_fast.cli.exit_codes import FAIL_ON, SEVERITIES, after_findings
from scaling_fast.errors import DataError, ScalingError
from scaling_fast.findings import PRECEDENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaling_fast.findings import Finding

Function = TypeVar("Function", bound="Callable[..., Any]")


def _output(flag: str, name: str, what: str) -> Callable[[Function], Function]:
    return click.option(flag, name, type=Path, metavar="PATH", help=f"Write {what} to PATH.")


@click.command(
    short_help="Audit a published scaling law: verdict, findings, a report.",
    epilog="""\b
Examples:
  scaling-fast audit                                   writes ./audit-cerebras2023.html
  scaling-fast audit hoffmann2022 --letter letter.md   questions to the authors as well
  scaling-fast audit claim.toml --data runs.csv --fail-on red
  scaling-fast audit hoffmann2022 --json > audit.json
\b
A page or JSON report of an earlier audit is replaced; any other file needs --force.
""",
)
@click.argument("paper", default="cerebras2023")
@click.option("--data", metavar="FILE", help="Rows to use instead of those the claim names.")
@click.option("--n", type=int, help="Replicates. [default: the claim's own number]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resamples.")
@click.option("--threads", type=int, help="[default: SCALING_FAST_THREADS, else all cores]")
@_output("--html", "html", "the report")
@_output("--json-report", "json_report", "the report as JSON")
@_output("--letter", "letter", "the letter to the authors (Markdown)")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option("--fail-on", type=click.Choice(SEVERITIES), help=FAIL_ON)
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON on stdout.")
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
    import scaling_fast as sf
    from scaling_fast.reporting.files import is_json, is_page
    from scaling_fast.runtime.files import write_text
    from scaling_fast.runtime.progress import watched

    for chosen, ours in ((html, is_page), (json_report, is_json), (letter, None)):
        if chosen is not None:
            earlier = ours is not None and ours(chosen)
            files.refuse_unwritable(chosen, force=force or earlier)
    files.refuse_equal(
        {"--html": html or _page(paper), "--json-report": json_report, "--letter": letter}
    )
    page, replace = (html, force) if html is not None else _default_page(paper, force=force)
    frame = None if data is None else files.read_frame(data)
    with watched(None, "auditing") as bar:
        try:
            done = sf.audit(
                paper, data=frame, n=n, seed=seed, threads=threads, progress=_per_cent(bar)
            )
        except ScalingError as error:
            if data is not None and frame is not None:
                files.place(error, data, frame.height)
            raise
    if page is not None:
        done.write_html(page, force=replace)
    if json_report is not None:
        done.write_json(json_report, force=force)
    if letter is not None:
        write_text(letter, done.letter(), force=force)
    if as_json:
        output.emit_json(done.report)
    else:
        if output.on_terminal():
            _show(done)
        else:
            output.emit_table(output.findings_frame(done.findings, *_titles(done)))
            output.note(f"verdict: {done.verdict}")
        for what, path in (("report", page), ("JSON", json_report), ("letter", letter)):
            if path is not None:
                output.note(f"{what}: {path.resolve()}")
    _, advisory = _titles(done)
    counted = [finding for finding in done.findings if finding.check not in advisory]
    context.exit(after_findings(counted, fail_on))


def _titles(done: Any) -> tuple[dict[str, str], set[str]]:
    """Return the titles of the checks by their codes, and the codes of those that only advise."""
    checks = done.report["checks"]
    titles = {code: check["title"] for code, check in checks.items()}
    return titles, {code for code, check in checks.items() if check["weight"] == "advisory"}


def _show(done: Any) -> None:
    """Show a person the verdict, the answers, and what does not hold, worst first."""
    from scaling_fast.reporting.words import verdict_label, verdict_meaning

    meaning = verdict_meaning(done.report)
    output.say(f"Verdict: {verdict_label(done.report)}: {meaning}", colour=done.verdict)
    answers = [
        (scope["question"], scope["answer"], scope["severity"]) for scope in done.report["scopes"]
    ]
    output.print_table(("question", "answer", ""), answers)
    doubts = sorted(
        (finding for finding in done.findings if finding.severity != "green"),
        key=lambda finding: PRECEDENCE.index(finding.severity),
    )
    titles, advisory = _titles(done)
    rows = [
        _row(finding, titles[finding.check], advisory=finding.check in advisory)
        for finding in doubts
    ]
    if rows:
        output.print_table(("severity", "check", "what was found"), rows)
    held = len(done.findings) - len(doubts)
    output.say(f"{held} more {'finding holds' if held == 1 else 'findings hold'}; see the report")


def _row(finding: Finding, title: str, *, advisory: bool) -> tuple[str, str, tuple[str, ...]]:
    said = (finding.sentence, f"To do: {finding.advice}") if finding.advice else (finding.sentence,)
    return finding.severity + output.ADVISORY * advisory, title, said


def _per_cent(bar: Callable[[int, int], object] | None) -> Callable[[str, float], None] | None:
    """Return what an audit calls with words and a share, for a bar that counts to a hundred."""
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

    A directory that cannot be written to costs the page, not the audit.
    """
    from scaling_fast.reporting.files import is_page

    page = _page(paper)
    replace = force or is_page(page)
    try:
        files.refuse_unwritable(page, force=replace)
    except DataError as error:
        if error.code == "exists":
            raise DataError(
                f"`{page}` is there already and is not a report of scaling_fast; --force replaces it, "
                "--html PATH writes elsewhere",
                code="exists",
            ) from error
        output.note(f"no report is written: {error}; --html PATH writes elsewhere")
        return None, False
    return page, replace

"""Pipes, full disks, closed streams and bare environments: the exit code stays right."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import QUICK, command, strict_json


def test_a_closed_pipe_is_quiet():
    words = " ".join(command("laws"))
    run = subprocess.run(
        ["bash", "-c", f"{words} | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.stdout.startswith("name\tformula")
    assert run.stderr == ""
    assert run.returncode in {0, 141}  # 0 when all was written before the reader left


@pytest.fixture(params=["buffered", "unbuffered"])
def environment(request):
    """Return an environment in which Python does, or does not, buffer its own stdout."""
    rest = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return rest if request.param == "buffered" else {**rest, "PYTHONUNBUFFERED": "1"}


def shell(line, environment):
    """Run a line of bash in which `$command` is the command."""
    before = f"command={shlex.quote(' '.join(command()))}\n"
    return subprocess.run(
        ["bash", "-c", before + line],
        capture_output=True, text=True, timeout=120, check=False, env=environment,
    )  # fmt: skip


ANSWERS = {
    "table": "laws",
    "json": "laws --json",
    "version": "--version",
    "help": "--help",
    "help of a verb": "fit --help",
}
full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@full_disk
@pytest.mark.parametrize("words", ANSWERS.values(), ids=ANSWERS)
def test_a_full_disk_is_said(words, environment):
    run = shell(f"$command {words} >/dev/full", environment)
    assert run.returncode == 2
    said = "stdout cannot be written: No space left on device"
    if "--json" in words:
        entry = strict_json(run.stderr)["error"]
        assert (entry["code"], entry["message"]) == ("file", said)
    else:
        assert run.stderr == f"error: {said}\n"


@full_disk
@pytest.mark.parametrize("words", ["laws", "laws --json", "--help", "laws nonsense"])
def test_a_full_disk_under_both_streams_keeps_the_code(words, environment):
    assert shell(f"$command {words} >/dev/full 2>/dev/full", environment).returncode == 2


@full_disk
def test_completions_on_a_full_disk_are_said(environment):
    asked = {**environment, "_SCALING_FAST_COMPLETE": "bash_source"}
    run = shell("$command >/dev/full", asked)
    assert run.returncode == 2, run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("words", ["laws", "laws --json"])
def test_a_disk_that_fills_on_the_way_loses_nothing_in_silence(words, environment, tmp_path):
    whole = shell(f"$command {words}", environment).stdout
    assert len(whole) > 4 * 1024
    run = shell(f"cd '{tmp_path}' && ulimit -f 4 && $command {words} >out", environment)
    assert (tmp_path / "out").stat().st_size == 4 * 1024
    assert run.returncode == 2
    assert "stdout cannot be written: File too large" in run.stderr


@pytest.mark.parametrize("words", ANSWERS.values(), ids=ANSWERS)
def test_a_reader_that_left_before_the_first_line_gives_141(words, environment):
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(
        [*command(), *words.split()],
        stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120, check=False, env=environment,
    )  # fmt: skip
    os.close(writer)
    assert (run.returncode, run.stderr) == (141, "")


def test_a_large_answer_is_quiet_when_its_reader_leaves(environment):
    run = shell("$command laws --json | head -c 100; exit ${PIPESTATUS[0]}", environment)
    assert run.stdout.startswith("{")
    assert (run.returncode, run.stderr) in {(0, ""), (141, "")}


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-"])
def test_a_closed_stream_is_survived(closed):
    words = " ".join(command("laws", "power"))
    run = subprocess.run(
        ["bash", "-c", f"{words} {closed}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == (2 if closed == "1>&-" else 0), run.stderr
    assert run.stderr == ("error: stdout is closed, so the answer is lost\n" * bool(run.returncode))


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full", "1>&- 2>&-", "2</dev/null"])
def test_an_error_that_cannot_be_said_keeps_its_code(stream):
    for verb in (["laws", "nonsense"], ["nonsense"], ["laws", "nonsense", "--json"]):
        run = subprocess.run(
            ["bash", "-c", f"{' '.join(command(*verb))} {stream}"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (run.returncode, run.stdout, run.stderr) == (2, "", "")


def test_closed_stdin_is_said_when_data_were_to_come_from_it():
    words = " ".join(command("fit", "-", "power"))
    run = subprocess.run(
        ["bash", "-c", f"{words} 0<&-"], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 2
    assert "stdin" in run.stderr


def test_no_home_no_unicode_and_isolation_do_not_matter(tmp_path):
    env = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
    }
    for verb in (["laws"], ["datasets"], ["doctor"], ["audit", *QUICK]):
        code = "from scaling_fast.cli.command import main; main()"
        run = subprocess.run(
            [sys.executable, "-I", "-c", code, *verb],
            capture_output=True, text=True, env=env, cwd=tmp_path, timeout=300, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr

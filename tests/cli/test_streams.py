"""Pipes, full disks, closed streams and bare environments: the exit code stays right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import QUICK, command


def test_a_closed_pipe_is_quiet():
    words = " ".join(command("laws"))
    run = subprocess.run(
        ["bash", "-c", f"{words} | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.stdout.startswith("name\tformula")
    assert run.stderr == ""
    assert run.returncode in {0, 141}  # 0 when all was written before the reader left


def test_a_reader_that_left_before_the_first_line_gives_141():
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(
        command("laws"), stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120, check=False
    )
    os.close(writer)
    assert (run.returncode, run.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said():
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            command("laws"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")


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

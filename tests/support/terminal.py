"""The command as a test calls it: in this process, in one of its own, or watched at a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

from click.testing import CliRunner

from scaling_fast.cli.command import main

COLUMNS = ["--column", "N=params", "--column", "D=tokens"]
VERBS = ("fit", "bootstrap", "optimum", "compare", "stress", "audit", "laws", "datasets", "doctor")
QUICK = ["--n", "60"]  # replicates: the shape of the answer, not its precision


def call(*words, code=0, **extra):
    """Run the command in this process and return its result, its exit code checked."""
    result = CliRunner().invoke(main, [str(word) for word in words], **extra)
    seen = f"{words}\n{result.stdout}\n{result.stderr}\n{result.exc_info}"
    assert result.exit_code == code, seen
    return result


def strict_json(text):
    """Parse JSON as RFC 8259 has it: no NaN, no Infinity."""

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def error_of(result):
    """Return the error object of a refused call, which leaves stdout empty."""
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    entry = strict_json(line)["error"]
    assert set(entry) == {"code", "message", "column", "row", "param", "position"}
    return entry


def command(*words):
    return [sys.executable, "-m", "scaling_fast", *map(str, words)]


def process(*words, timeout=120, **extra):
    """Run the command in a process of its own."""
    return subprocess.run(
        command(*words), capture_output=True, text=True, timeout=timeout, check=False, **extra
    )


def watched(*words, **environment):
    """Return what a person at a terminal of 200 columns sees on stdout."""
    controller, terminal = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "200", **environment}
    running = subprocess.Popen(
        command(*words), stdout=terminal, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env
    )
    os.close(terminal)
    seen = b""
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(controller)
    assert running.wait(timeout=60) == 0, running.stderr.read().decode()
    running.stderr.close()
    return seen.decode()

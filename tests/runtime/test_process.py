"""What a process knows of its threads, and how it ends while one of them works."""

from __future__ import annotations

import subprocess
import sys

from forked import SETUP

from scaling_fast.runtime import process as options


def test_leaving_with_a_run_in_a_daemon_thread_does_not_crash():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SETUP + "fit = sf.fit(frame, 'E + A*x**(-alpha)')\n"
            "threading.Thread(target=lambda: sf.bootstrap(fit, n=3_000_000), daemon=True).start()\n"
            "time.sleep(0.3)\n",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    assert "panicked" not in done.stderr


def test_a_thread_without_a_name_yet_is_waited_for(tmp_path, monkeypatch):
    """Threads name themselves once they run; until then one of polars is not to be told from others."""
    for number, name in enumerate(["python", "python"]):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "comm").write_text(name + "\n")
        switches = f"voluntary_ctxt_switches:\t{2 - 2 * number}\nnonvoluntary_ctxt_switches:\t0\n"
        (tmp_path / str(number) / "status").write_text(switches)
    looks = []

    def schedule(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            (tmp_path / "1" / "comm").write_text("polars-0\n")

    monkeypatch.setattr(options.time, "sleep", schedule)
    assert options._polars_has_started(tmp_path)
    assert len(looks) == 3
    (tmp_path / "1" / "comm").write_text("other\n")
    assert options._polars_has_started(tmp_path), "a thread that never runs may be anybody's"
    (tmp_path / "1" / "status").write_text("voluntary_ctxt_switches:\t1\n")
    assert not options._polars_has_started(tmp_path)
    assert options._polars_has_started(tmp_path / "nowhere")

"""The verb `doctor`: what this installation consists of, and whether it works."""

from __future__ import annotations

import os
import platform
import sys
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING

import click
import numpy as np
import polars as pl

from scaling_fast._core import __version__, vector_unit
from scaling_fast.cli import output
from scaling_fast.cli.exit_codes import Exit
from scaling_fast.fitting.run import fit
from scaling_fast.losses import Squared
from scaling_fast.runtime.resources import checked_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGES = ("numpy", "polars", "scipy", "narwhals", "matplotlib", "jinja2", "msgspec", "pooch")
TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}
TOLERANCE = 1e-6  # relative; the simulated rows carry no noise, so only rounding is left


def package_version() -> str:
    """Return the version of the installed package, or that it is not installed."""
    try:
        return metadata.version("scaling-fast")
    except metadata.PackageNotFoundError:
        return "unknown (not installed)"


@click.command(
    short_help="Show versions and settings, and test the installation.",
    epilog="""\b
Examples:
  scaling-fast doctor
  scaling-fast doctor --json > doctor.json
""",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
@click.pass_context
def doctor(context: click.Context, /, *, as_json: bool) -> None:
    """Show versions, threads, directories and settings, and fit simulated data as a test.

    Exits with 3 when a part is missing or the test fails.
    """
    rows = [
        {"what": what, "value": value, "state": "ok" if works else "broken"}
        for what, value, works in _examined()
    ]
    broken = any(row["state"] == "broken" for row in rows)
    if as_json:
        output.emit_json({"ok": not broken, "checks": rows})
    else:
        output.emit_table(pl.DataFrame(rows))
        output.note("something is broken" if broken else "all is well")
    context.exit(Exit.NO_USABLE_FIT if broken else Exit.SUCCESS)


def _examined() -> Iterator[tuple[str, str, bool]]:
    """Yield (what, value, whether it works) for each part."""
    yield "scaling-fast", package_version(), True
    yield "python", f"{platform.python_version()} ({sys.executable})", True
    yield "machine", f"{platform.system()} {platform.machine()}", True
    for name in PACKAGES:
        yield _tried(name, partial(metadata.version, name))
    yield _tried("compiled core", _core_version)
    yield _tried("vector unit", vector_unit)
    yield _tried("threads", _threads)
    yield _tried("cache directory", _cache)
    for name in sorted(name for name in os.environ if name.startswith("SCALING_FAST_")):
        yield name, os.environ[name], True
    yield _tried("self test", _self_test)


def _tried(what: str, ask: Callable[[], str]) -> tuple[str, str, bool]:
    """Return what a question answers, or how it failed."""
    try:
        return what, ask(), True
    except Exception as error:
        # Whatever is broken is what the verb reports.
        return what, f"{type(error).__name__}: {error}", False


def _core_version() -> str:
    version, package = str(__version__), package_version()
    if version != package:
        raise RuntimeError(
            f"the core has version {version}, the package {package}; install the package again"
        )
    return version


def _threads() -> str:
    return f"{checked_threads(None)} of {os.cpu_count()} cores"


def _cache() -> str:
    import pooch

    folder = pooch.os_cache("scaling_fast")
    return f"{folder}{'' if folder.exists() else ' (not made yet)'}"


def _self_test() -> str:
    """Return how well a law is recovered from rows without noise."""
    n, d = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e10, 7), [1e9, 1e10, 1e11]))
    loss = TRUTH["E"] + TRUTH["A"] / n ** TRUTH["alpha"] + TRUTH["B"] / d ** TRUTH["beta"]
    fitted = fit({"N": n, "D": d, "loss": loss}, "chinchilla", loss=Squared())
    if not fitted.converged:
        raise RuntimeError(f"a fit of simulated data ended as {fitted.status}")
    worst = max(abs(fitted.params[name] / value - 1) for name, value in TRUTH.items())
    if not worst < TOLERANCE:
        raise RuntimeError(f"a fit of simulated data is {worst:.1e} off")
    return f"a simulated law is recovered to {worst:.0e}, and its certificate holds"

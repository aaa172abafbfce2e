"""What is installed: versions that agree, files that are there, imports that stay light."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest
from forked import run


def test_import_is_light_and_quick():
    out = run(
        """
        heavy = ["scipy.stats", "matplotlib", "jinja2", "pooch", "pandas", "rich", "click"]
        print(",".join(name for name in heavy if name in sys.modules) or "none")
        """
    )
    assert out == ["none"]
    timed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import time, numpy, polars\nbegan = time.perf_counter()\nimport scaling_fast\n"
            "print(time.perf_counter() - began)",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert float(timed.stdout) < 5.0  # a hang guard: the promise is half a second


@pytest.mark.parametrize("options", [["-I"], ["-O"], ["-OO"], ["-X", "utf8=0"]], ids=str)
def test_import_under_unusual_interpreters(options, tmp_path):
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\nimport scaling_fast as sf\n"
        "print(sf.fit({'x': [1., 2, 4, 8, 16], 'loss': [3., 2.5, 2.1, 1.9, 1.8]}, 'A*x**b').status)"
    )
    bare = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=bare,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.strip() == "converged", done.stderr[-1000:]


ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Modules whose name differs from their distribution's, or that a declared one brings along.
PROVIDED_BY = {"requests": "pooch", "markupsafe": "jinja2"}


def declared() -> set[str]:
    names = (
        requirement.split(">")[0].split("=")[0].split("<")[0].strip()
        for requirement in PROJECT["dependencies"]
    )
    return {name.lower().replace("-", "_") for name in names}


def test_the_versions_of_package_core_and_workspace_agree():
    import scaling_fast
    from scaling_fast import _core

    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))["workspace"]
    versions = {
        scaling_fast.__version__,
        _core.__version__,
        metadata.version("scaling-fast"),
        workspace["package"]["version"],
    }
    assert len(versions) == 1, versions


def test_the_command_is_an_entry_point():
    from scaling_fast.cli.command import main

    (entry,) = [
        entry
        for entry in metadata.entry_points(group="console_scripts")
        if entry.name == "scaling-fast"
    ]
    assert entry.value == "scaling_fast.cli.command:main"
    assert entry.load() is main


def test_every_import_is_a_declared_dependency():
    used = set()
    for path in (ROOT / "python").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                used.add((node.module or "").split(".")[0])
    foreign = {module for module in used if module not in sys.stdlib_module_names} - {
        "scaling_fast"
    }
    # Read only when a caller's own frame is of that kind, and then it is there.
    optional = {"pandas", "pyarrow", "duckdb", "modin", "IPython"}
    wanted = {PROVIDED_BY.get(module, module) for module in foreign - optional}
    assert wanted <= declared(), wanted - declared()


def test_every_dependency_has_a_floor_and_no_pin():
    for requirement in PROJECT["dependencies"]:
        assert ">=" in requirement, requirement
        assert "==" not in requirement, requirement
        assert "<" not in requirement, requirement


def test_data_files_travel_with_the_package():
    package = resources.files("scaling_fast")
    for name in (
        "py.typed",
        "_core.pyi",
        "datasets/index.toml",
        "datasets/cerebras2023.csv",
        "auditing/papers/cerebras2023.toml",
        "auditing/papers/hoffmann2022.toml",
        "reporting/templates/report.html.j2",
    ):
        assert package.joinpath(name).is_file(), name


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh, isolated interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nsys.stdout.write('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return {module.split(".")[0] for module in run.stdout.split("\n")}


def test_importing_the_package_loads_nothing_heavy():
    heavy = {
        "scipy",
        "matplotlib",
        "jinja2",
        "pooch",
        "requests",
        "pandas",
        "pyarrow",
        "rich",
        "click",
    }
    assert not loaded_by("import scaling_fast") & heavy


def test_importing_the_command_loads_nothing_heavy():
    heavy = {"scipy", "matplotlib", "jinja2", "pooch", "requests", "pandas", "pyarrow", "rich"}
    assert not loaded_by("import scaling_fast.cli.command") & heavy

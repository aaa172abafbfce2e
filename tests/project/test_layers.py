"""The two import orders, and what may not stand anywhere in the tree."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

import scaling_fast as sf

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "scaling_fast"
CORE = ROOT / "rust" / "core" / "src"

# The rooms of the Python package, from the ground: a room imports only rooms on its left.
PYTHON_ORDER = [
    *("_core", "errors", "findings", "validation", "runtime", "losses", "laws", "frames"),
    *(
        "datasets",
        "fitting",
        "profiles",
        "resampling",
        "expr",
        "arrow",
        "comparison",
        "allocation",
        "stress",
    ),
    *("downstream", "training", "reporting", "auditing", "loading", "cli", "__main__"),
]
RUST_ORDER = [
    *("error", "memory", "pool", "simd", "tape", "expr", "loss", "solve", "space", "columns"),
    *("residual", "problem", "question", "resample", "stats", "batch", "point"),
]
CONTRIBUTING = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())


@cache
def python_files() -> tuple[Path, ...]:
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def layer(path: Path, root: Path) -> str:
    """Return the module of the order that a file belongs to."""
    return path.relative_to(root).parts[0].removesuffix(path.suffix)


def imports_of(path: Path) -> list[tuple[int, str]]:
    """Return (line, module) of each import from the package, wherever in the file it stands.

    `from scaling_fast.a import b` names the module `a.b` where there is one, else `a`.
    """
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            deeper = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules() else node.module for name in deeper]
        else:
            continue
        found += [(node.lineno, name) for name in names if name.split(".")[0] == "scaling_fast"]
    return found


@cache
def modules() -> dict[str, Path]:
    """Return dotted name -> file of every module of the package."""
    named = {}
    for path in python_files():
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named | {"scaling_fast._core": PACKAGE / "_core.pyi"}


def room(module: str) -> str:
    """Return the room of a module; the package itself counts as the last, because it holds them all."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__main__"


def test_the_python_order_names_every_room_and_no_other():
    rooms = {layer(path, PACKAGE) for path in python_files()} - {"__init__"} | {"_core"}
    assert rooms == set(PYTHON_ORDER), sorted(rooms ^ set(PYTHON_ORDER))


def test_only_what_every_room_needs_lies_beside_the_rooms():
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    allowed = {"__init__.py", "__main__.py", "_core.pyi", "py.typed", "errors.py", "findings.py"}
    allowed |= {"validation.py", "loading.py", "expr.py", "arrow.py"}
    assert {name for name in files if not name.endswith(".so")} == allowed


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_python_module_imports_only_rooms_on_its_left(path):
    own = layer(path, PACKAGE)
    if own == "__init__":
        return
    allowed = set(PYTHON_ORDER[: PYTHON_ORDER.index(own) + 1])
    wrong = [(line, name) for line, name in imports_of(path) if room(name) not in allowed]
    assert not wrong, f"{path.relative_to(PACKAGE)}: {wrong}"


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one node (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            at = stack.index(node)
            component, stack[at:] = stack[at:], []
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(edges):
        if node not in number:
            visit(node)
    return found


def test_no_circle_of_modules_over_all_imports():
    edges = {
        name: {other for _, other in imports_of(path)} - {name}
        for name, path in modules().items()
        if path.suffix == ".py"
    }
    assert not circles(edges)


def test_the_search_for_circles_finds_one():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@cache
def members_by_class(path: Path) -> frozenset[str]:
    """Return the names of every private method, attribute and field that a class of a file has."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef):
            for item in ast.walk(node):
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.add(item.name)
                elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    found.add(item.target.id)
                elif isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Store):
                    found.add(item.attr)
    return frozenset(name for name in found if private(name))


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_private_member_of_one_file_is_used_in_another(path):
    tree = parsed(path)
    wrong = []
    own = members_by_class(path) | {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    theirs = set().union(*(members_by_class(other) for other in python_files() if other != path))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scaling_fast"):
            names = [alias.name for alias in node.names]
            # A file with an underscore keeps its function's name free for the room itself.
            inside = (node.module or "").rpartition(".")[2]
            wrong += [
                f"{node.lineno}: {name}"
                for name in names
                if private(name) and f"{node.module}.{name}" not in modules()
            ]
            if private(inside) and inside != "_core" and path.name != "__init__.py":
                same = modules().get(node.module or "", path).parent == path.parent
                wrong += [] if same else [f"{node.lineno}: {node.module}"]
        elif isinstance(node, ast.Attribute) and private(node.attr) and node.attr in theirs - own:
            wrong.append(f"{node.lineno}: .{node.attr}")
    assert not wrong, f"{path.relative_to(PACKAGE)}: {wrong}"


def test_python_imports_are_absolute():
    relative = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_nothing_is_evaluated_or_unpickled():
    forbidden = {"eval", "exec", "compile", "__import__"}
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
    wrong = []
    for path in python_files():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                used = {node.func.id} & forbidden
            elif isinstance(node, ast.Import):
                used = {alias.name.split(".")[0] for alias in node.names} & modules
            elif isinstance(node, ast.ImportFrom):
                used = {(node.module or "").split(".")[0]} & modules
            else:
                continue
            wrong += [f"{path.relative_to(ROOT)}:{node.lineno}: {module}" for module in used]
    assert not wrong


def test_only_the_terminal_prints():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files()
        if layer(path, PACKAGE) != "cli"
        for node in ast.walk(parsed(path))
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        )
        or (isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.stdout")
    ]
    assert not wrong


def rust_files(root: Path = CORE) -> list[Path]:
    return sorted(root.rglob("*.rs"))


def shipped(path: Path) -> str:
    """Return a Rust file without comments and without its own tests, which may use anything."""
    text = path.read_text(encoding="utf-8")
    text = re.split(r"^#\[cfg\(test\)\]\s*\n(?:#\[.*\]\s*\n)*mod tests \{", text, flags=re.M)[0]
    return re.sub(r"//.*", "", text)


def rust_uses(text: str) -> set[str]:
    """Return the modules of the core that a text reaches through `crate::`."""
    found = set(re.findall(r"\bcrate::([a-z_]+)", text))
    for group in re.findall(r"\bcrate::\{([^;]*)\}", text):
        inner = re.sub(r"\{[^{}]*\}", "", group)
        found |= set(re.findall(r"(?:^|,)\s*([a-z_]+)", inner))
    return found


@pytest.mark.parametrize("path", rust_files(), ids=lambda path: str(path.relative_to(CORE)))
def test_a_rust_module_uses_only_what_stands_to_its_left(path):
    own = layer(path, CORE)
    if own == "lib" or "tests" in path.relative_to(CORE).parts or path.name == "tests.rs":
        return
    allowed = set(RUST_ORDER[: RUST_ORDER.index(own) + 1])
    wrong = rust_uses(shipped(path)) - allowed
    assert not wrong, f"{path.relative_to(CORE)} uses {sorted(wrong)}"


def rust_module(path: Path) -> str:
    """Return the path of a file's module in the core: `problem::selection`; of lib.rs nothing."""
    parts = path.relative_to(CORE).with_suffix("").parts
    return "::".join(parts) if parts != ("lib",) else ""


def rust_paths(text: str) -> set[str]:
    """Return every path through `crate::`, `super::` or `self::`, braces of `use` multiplied out."""

    def spread(tree: str) -> list[str]:
        if "{" not in tree:
            return [tree.split(" as ")[0].strip()]
        stem, inner = tree.split("{", 1)
        parts, depth, part = [], 0, ""
        for letter in inner.rsplit("}", 1)[0]:
            depth += (letter == "{") - (letter == "}")
            if letter == "," and not depth:
                parts.append(part)
                part = ""
            else:
                part += letter
        return [
            stem.strip() + one for part in [*parts, part] if part.strip() for one in spread(part)
        ]

    uses = re.findall(r"\buse\s+((?:crate|super|self)\b[^;]*);", text)
    inline = re.findall(r"\b(?:crate|super)(?:::\w+)+", re.sub(r"\buse\s[^;]*;", "", text))
    return {path for use in uses for path in spread(use)} | set(inline)


@cache
def rust_edges() -> dict[str, set[str]]:
    """Return, for each module of the core, the modules whose items it names.

    A name that a module passes on (`pub use`) belongs to the module that makes it. What a module
    takes from the parts below it is not counted: they are one unit of privacy.
    """
    texts = {rust_module(path): shipped(path) for path in rust_files() if path.name != "tests.rs"}
    passed = {}
    for module, text in texts.items():
        for use in re.findall(r"\bpub(?:\([^)]*\))? use\s+([^;]*);", text):
            for path in rust_paths(f"use self::{use};"):
                passed[module, path.split("::")[-1]] = path.removeprefix("self::").split("::")[0]

    def owner(steps: list[str]) -> str:
        module = ""
        for step in steps:
            step = passed.get((module, step), step)
            deeper = f"{module}::{step}" if module else step
            if deeper not in texts:
                break
            module = deeper
        return module

    edges: dict[str, set[str]] = {module: set() for module in texts}
    for module, text in texts.items():
        for path in rust_paths(text):
            steps = path.split("::")
            base = [] if steps[0] == "crate" else module.split("::")
            while steps and steps[0] in {"crate", "super", "self"}:
                base = base[:-1] if steps.pop(0) == "super" else base
            target = owner([*base, *steps])
            if target and target != module and not target.startswith(f"{module}::"):
                edges[module].add(target)
    return edges


def test_the_modules_of_the_core_make_no_circle():
    left = {module: set(uses) for module, uses in rust_edges().items()}
    assert left["problem::likelihood"] >= {"problem::in_force", "problem::accumulate"}
    assert "batch::row" in left["batch::groups"]
    while free := [module for module, uses in left.items() if not uses & set(left)]:
        for module in free:
            del left[module]
    assert not left, {module: sorted(uses & set(left)) for module, uses in left.items()}


def test_lib_rs_lists_the_modules_in_their_order():
    declared = re.findall(r"^pub mod ([a-z_]+);", (CORE / "lib.rs").read_text("utf-8"), flags=re.M)
    assert declared == RUST_ORDER


def test_modules_of_the_core_are_written_in_one_style():
    assert not [path for path in rust_files() if path.name == "mod.rs"]
    assert not [
        path for path in CORE.rglob("*") if path.is_dir() and not path.with_suffix(".rs").exists()
    ]


def test_a_rust_file_holds_one_idea():
    long = {path.name: path.read_text("utf-8").count("\n") for path in rust_files(ROOT / "rust")}
    assert not {name: lines for name, lines in long.items() if lines > 400}


@pytest.mark.parametrize("order", [PYTHON_ORDER[:-1], RUST_ORDER], ids=["python", "rust"])
def test_contributing_states_the_order(order):
    assert " ".join(order) in CONTRIBUTING


def test_the_core_does_not_depend_on_python():
    manifest = tomllib.loads((ROOT / "rust/core/Cargo.toml").read_text("utf-8"))
    kinds = ("dependencies", "dev-dependencies", "build-dependencies")
    named = {name for kind in kinds for name in manifest.get(kind, {})}
    assert not {name for name in named if "pyo3" in name or "numpy" in name or "python" in name}


def test_unsafe_code_stands_only_in_simd_and_says_why_it_is_safe():
    for path in rust_files(ROOT / "rust"):
        lines = [line.split("//")[0] for line in path.read_text("utf-8").splitlines()]
        used = [i for i, line in enumerate(lines) if re.search(r"\bunsafe\s*(\{|fn|impl)", line)]
        if not used:
            continue
        assert layer(path, CORE) == "simd", path
        text = path.read_text("utf-8").splitlines()
        for i in used:
            assert any("SAFETY:" in line for line in text[max(0, i - 6) : i]), f"{path}:{i + 1}"


def test_a_panic_unwinds_so_that_it_can_become_an_exception():
    profiles = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))["profile"]
    assert profiles["release"]["panic"] == "unwind"
    assert all(profile.get("panic", "unwind") == "unwind" for profile in profiles.values())


def test_python_takes_its_version_from_cargo():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    version = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))["workspace"]["package"][
        "version"
    ]
    assert "version" not in project
    assert "version" in project["dynamic"]
    for crate in ("core", "py"):
        manifest = tomllib.loads((ROOT / f"rust/{crate}/Cargo.toml").read_text("utf-8"))
        assert manifest["package"]["version"] == {"workspace": True}
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## {version}" in changes


def test_no_registry_is_named_in_the_tree():
    # Spelt in parts, so that this file does not name them either.
    hosts = [
        ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("crates", "io"))
    ]
    suffixes = {".py", ".pyi", ".rs", ".toml", ".md", ".j2", ".yml", ".cfg", ""}
    skipped = {"target", ".venv", ".git"}
    named = []
    for top in (ROOT / folder for folder in ("python", "rust", "tests", "benches", "docs", ".ci")):
        for path in top.rglob("*"):
            if path.is_file() and path.suffix in suffixes and not skipped & set(path.parts):
                text = path.read_text("utf-8", errors="replace")
                named += [f"{path.relative_to(ROOT)}: {host}" for host in hosts if host in text]
    for path in ROOT.glob("*"):
        if path.is_file() and path.suffix in suffixes:
            text = path.read_text("utf-8", errors="replace")
            named += [f"{path.name}: {host}" for host in hosts if host in text]
    assert not named


def test_every_loss_is_known_wherever_losses_are_listed():
    from scaling_fast import losses

    union = {loss.name: loss for loss in get_args(losses.Loss)}
    assert union == losses.LOSSES
    assert {loss.__name__ for loss in union.values()} <= set(sf.__all__)
    assert {loss.__name__ for loss in union.values()} <= set(losses.__all__)
    core = (CORE.parents[1] / "py/src/args.rs").read_text("utf-8")
    assert not [name for name in union if f'"{name}" =>' not in core]


def test_the_top_level_holds_what_a_user_types_and_nothing_else():
    verbs = {"approaches", "audit", "bootstrap", "compare", "fit", "load", "optimum", "profile"}
    namespaces = {"allocation", "arrow", "datasets", "downstream", "errors", "expr", "laws"}
    namespaces |= {"stress", "training"}
    values = {loss.__name__ for loss in get_args(sf.losses.Loss)} | {"LogExcess"}
    values |= {scheme.__name__ for scheme in get_args(sf.resampling.schemes.Scheme)}
    values |= {"Grid", "Law", "Need", "Param"}
    results = {"Bootstrap", "BootstrapSummary", "Fit"}
    named = verbs | namespaces | values | results | {"ScalingError", "__version__"}
    assert set(sf.__all__) == named
    assert len(sf.__all__) == 49


def test_a_file_never_bears_the_name_of_a_function_of_its_namespace():
    spaces = (sf.allocation, sf.datasets, sf.downstream, sf.laws, sf.stress, sf.training)
    for space in spaces:
        files = {path.stem for path in (PACKAGE / space.__name__.split(".")[1]).glob("*.py")}
        functions = {name for name in space.__all__ if callable(getattr(space, name))}
        assert not files & functions, space.__name__
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert not rooms & ({"plot", "study"} | {"approaches", "audit", "bootstrap", "fit", "profile"})


def test_no_document_is_named_that_the_repository_does_not_hold():
    own = {path.name for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))}
    # Paths of these files alone: other names in the tree are what a user may call a file.
    ours = [*(PACKAGE / "cli").rglob("*.py"), ROOT / "CONTRIBUTING.md"]
    ours += [ROOT / "CHANGELOG.md", ROOT / "Makefile", ROOT / ".ci/run", ROOT / "docs/terminal.md"]
    named = {
        f"{path.name}: {name}"
        for path in ours
        for name in re.findall(r"\b([A-Za-z]+\.md)\b", path.read_text("utf-8"))
        if name not in own | {"letter.md"}
    }
    assert not named


def test_the_order_itself_has_no_name_twice():
    for order in (PYTHON_ORDER, RUST_ORDER):
        assert all(a != b for a, b in pairwise(sorted(order)))

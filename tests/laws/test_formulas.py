"""Formulas from a hostile hand: refused with a position in no time, never evaluated by Python."""

from __future__ import annotations

import ast
import gc
import math
import operator
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest

import scaling_fast as sf

X = np.geomspace(1.0, 1e4, 12)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=12))

CANARY = Path("/tmp") / f"scaling-fast-canary-{os.getpid()}"
TOUCH = f"touch {CANARY}"

CODE = [
    f"__import__('os').system('{TOUCH}')",
    f"__import__('os').system('{TOUCH}') + A*x",
    f'A*x + exec(\'open("{CANARY}", "w")\')',
    f'eval(\'open("{CANARY}", "w")\')*x',
    f"open('{CANARY}', 'w')",
    "__import__(os)*x*A",
    "().__class__.__bases__[0].__subclasses__()",
    "x.__class__*A",
    "A.__init__.__globals__*x",
    "(A).real*x",
    "x.real*A",
    "A*x.T",
    "A*x.__dict__",
    "A.x",
    "1 .real*A*x",
    "lambda: A*x",
    "(lambda x: A)(x)",
    "A*x if A else x",
    "[x for x in A]",
    "{x for x in A}",
    "{x: A}",
    "{x}",
    "(x for x in A)",
    "[A, x]",
    "(A, x)",
    "A, x",
    "x[0]*A",
    "x[A]",
    "x[:]*A",
    "f'{A*x}'",
    "f\"{__import__('os')}\"*x*A",
    "'A*x'",
    '"A*x"',
    "b'A'*x",
    "'''A'''",
    "(A := 3)*x",
    "A = x",
    "A == x",
    "A*x == 1",
    "A; x",
    "A*x;",
    "; A*x",
    "A*x\n; import os",
    "import os",
    "from os import system",
    "A*x # comment",
    "# only a comment",
    "`A`*x",
    "A*`x`",
    "$A*x",
    "${HOME}*A*x",
    "$(touch y)*x",
    "%s*A*x",
    "{0}*A*x",
    "A @ x",
    "A % x",
    "A // x",
    "A & x",
    "A | x",
    "~A*x",
    "!x*A",
    "not x*A",
    "A and x",
    "A or x",
    "A is x",
    "A in x",
    "A << x",
    "A >> 1 + x",
    "1<<10**10",
    "A*x!",
    "A?x",
    "A*x?",
    "A\\x",
    "\\x41*x",
    "await A*x",
    "yield x*A",
    "yield + A*x",
    "return A*x",
    "del x",
    "pass + x",
    "None*x + A",
    "True*x + A",
    "...",
    "A*x...",
    "print(A*x)",
    "getattr(A, x)",
    "vars()",
    "globals()*x",
    "exit()",
    "quit()*x",
    "os(x)*A",
    "A(x)",
    "2(x)*A",
    "x(A)",
    "(A)(x)",
    "exp(x)(A)",
    "*x",
    "**x*A",
    "A*x --- ; drop table runs",
    "A*x' OR '1'='1",
    "<script>alert(1)</script>",
    "A*x<script>",
    "=cmd|'/c calc'!A1",
    "../../etc/passwd",
    "file:///etc/passwd",
    "http://x.y/A*x",
]

MALFORMED = [
    "",
    " ",
    "\t\n",
    "(",
    ")",
    "()",
    "(())",
    "((A*x)",
    "(A*x))",
    "A*x)",
    "A*(x",
    ")A*x(",
    "x x",
    "A x",
    "2 x",
    "2x*A",
    "A(2)x",
    "1 2*x*A",
    "1..2*x",
    "1.2.3*x*A",
    "1e*x",
    "1e+*x",
    "1e-",
    "1ee5*x",
    "1e5.5*x*A",
    "0x10*x*A",
    "0b1*x*A",
    "0o7*x*A",
    "1_000*x*A",
    "1j*x*A",
    "1L*x*A",
    ".",
    ".*x",
    "A*.x",
    "A*x.",
    "A*",
    "A*x +",
    "A*x -",
    "A*x **",
    "A*x ^",
    "*A*x",
    "/x",
    "^x*A",
    "A */ x",
    "A * * x",
    "A ** ** x",
    "A +* x",
    "A ***x",
    "A^^x",
    "A,,x",
    ",",
    "A*x,",
    "exp()*A*x",
    "exp(,)*A*x",
    "exp(x,)*A",
    "exp(x A)",
    "exp x*A",
    "exp*x",
    "log(x, 2)*A",
    "min(x)*A",
    "min()*A*x",
    "min(x, A, 1)",
    "max(,x)*A",
    "logaddexp(x)*A",
    "where(x, A, 1)",
    "where(x > 1, A)",
    "where(x > 1 > A, A, x)",
    "where(x > 1, A, x, 1)",
    "where(, A, x)",
    "where()",
    "x > 1",
    "A*(x > 1)",
    "x < A < 1",
    "sin(x > 1)*A",
    "sine(x)*A",
    "EXP(x)*A",
    "Log(x)*A",
    "lgama(x)*A",
    "sqrt[x]*A",
    "sqrt{x}*A",
    "~",
    "loss ~",
    "~ A*x",
    "loss ~ A ~ x",
    "loss ~~ A*x",
    "A*x ~ loss",
    "log(loss ~ A*x",
    "foo(loss) ~ A*x",
    "log(loss, 2) ~ A*x",
    "log(log(loss)) ~ A*x",
    "2 ~ A*x",
    "loss = A*x",
    "loss == A*x",
    # numbers that are none
    "1/0 + A*x",
    "A*x + 0/0",
    "A*x*(1/0)",
    "A*x + 1/(1-1)",
    "log(0)*x*A",
    "log(-1)*x*A",
    "sqrt(-1)*x*A",
    "(-1)**0.5*x*A",
    "9**9**9**9*A*x",
    "10**10**8*A*x",
    "A*x*2**2**2**2**2**2",
    "1e308*10*A*x",
    "1e999*A*x",
    "-1e999*A*x",
    "2^1e308*x*A",
    "exp(1e6)*A*x",
    "exp(710)*A*x",
    "lgamma(0)*A*x",
    "inf + A*x",
    "nan + A*x",
    "A*x + Infinity",
    "NaN*A*x",
    # characters that only look like what is meant
    "A\u2212x*B",
    "A\u2013x",
    "A\u00d7x",
    "A\u00b7x",
    "A\u2217x",
    "A*x\u00b2",
    "A\u00f7x",
    "A\u2044x",
    "\uff21*\uff58",
    "\uff58*A",
    "\u0430*x",
    "\u03b1*x",
    "A*x\u202e",
    "\u202eA*x",
    "A*x\u200b",
    "\ufeffA*x",
    "A\u00a0*x",
    "A\u2028*x",
    "A*x\x00",
    "\x00",
    "A*\x1b[31mx",
    "A*x\x07",
    "A*\ud800x",
    "\udcff",
    "\U0001f680*x*A",
    "A*x" + "\u0301",
]

DEEP = {
    f"{what} {count:.0e}": make(count)
    for count in (1000, 10_000, 100_000, 1_000_000)
    for what, make in {
        "parentheses": lambda k: "(" * k + "A*x" + ")" * k,
        "open only": lambda k: "(" * k,
        "close only": lambda k: "A*x" + ")" * k,
        "minuses": lambda k: "-" * k + "x*A",
        "pluses": lambda k: "+" * k + "x*A",
        "calls": lambda k: "exp(" * k + "x" + ")" * k,
        "powers": lambda k: "A*x" + "**x" * k,
        "carets": lambda k: "A*x" + "^(-A" * k + ")" * k,
        "wheres": lambda k: "where(x > 1, " * k + "A" + ", x)" * k,
        "max": lambda k: "max(A, " * k + "x" + ")" * k,
    }.items()
}
LONG = {
    "million-term sum": "+".join(["A*x"] * 1_000_000),
    "different parameters": " + ".join(f"a{k}*x" for k in range(100_000)),
    "long name": "A" * 100_000 + "*x",
    "long number": "1" * 100_000 + "*A*x",
    "long fraction": "0." + "1" * 100_000 + "*A*x",
    "spaces": " " * 1_000_000 + "A*x",
    "10,000 nodes": "+".join(["A*x"] * 15_000),
    "many arguments": "min(" + "x," * 20_000 + "A)",
    "many tildes": "~" * 60_000,
    "many dots": "." * 60_000,
    "quotes": "'" * 60_000,
}
HOSTILE = {ascii(one)[:60]: one for one in CODE + MALFORMED} | DEEP | LONG


def attempt(call):
    """Return (the typed error, None) or (None, the result)."""
    try:
        return None, call()
    except sf.ScalingError as error:
        return error, None


def test_the_corpus_is_large():
    assert len(HOSTILE) >= 250


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_with_a_position(text):
    began = time.monotonic()
    with pytest.raises(sf.errors.FormulaError) as caught:
        sf.fit({"x": X, "loss": Y}, text)
    assert time.monotonic() - began < 2.0
    assert not CANARY.exists()
    error = caught.value
    assert error.code
    assert error.position is not None
    assert 0 <= error.position <= len(text)
    assert f"character {error.position}" in str(error)
    assert len(str(error)) < 500
    assert str(error).replace("\n", "").isprintable()


@pytest.mark.parametrize("text", CODE, ids=ascii)
def test_every_other_door_refuses_code_as_well(text):
    """What is no formula at `fit` is none as a Law, a derived quantity, or `of=`."""
    with pytest.raises(sf.errors.FormulaError):
        sf.Law(text)
    with pytest.raises(sf.errors.FormulaError):
        sf.Law("A*x", derived={"d": text})
    fit = sf.fit({"x": X, "loss": Y}, "E + A*x**(-alpha)")
    with pytest.raises(sf.errors.FormulaError):
        fit.interval(of=text)
    assert not CANARY.exists()


def test_no_source_file_evaluates_text():
    root = Path(sf.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), path


POSITIONS = [
    ("E + A*x**", 9, "missing"),
    ("x x", 2, "operator"),
    ("E\u2212A*x", 1, "minus"),
    ("E + foo(x)", 4, "foo"),
    ("E + A*lgama(x)", 6, "lgamma"),
    ("E + (A*x", 4, "never closed"),
    ("E + A*x)", 7, "closes nothing"),
    ("é + A*x", 0, "ASCII"),
    ("A*x + é", 6, "ASCII"),
    ("A*x + 🚀 + 1..2", 6, ""),
    ("E + 1..2*A*x", 4, "decimal point"),
    ("A*x + 1/0", 6, "finite"),
]


@pytest.mark.parametrize(("text", "position", "word"), POSITIONS)
def test_positions_count_characters_and_the_message_mends(text, position, word):
    with pytest.raises(sf.errors.FormulaError) as caught:
        sf.fit({"x": X, "loss": Y}, text)
    assert caught.value.position == position
    assert word in str(caught.value)


@pytest.mark.parametrize(
    "law", [None, 3, 1.5, b"A*x", ["A*x"], {"A": 1}, np.str_, object(), lambda x: x, math.exp, print]
)  # fmt: skip
def test_what_is_no_text_is_refused(law):
    with pytest.raises(sf.errors.FormulaError):
        sf.fit({"x": X, "loss": Y}, law)


@pytest.mark.parametrize("law", [lambda x, A: A * x, math.exp, sf.Huber, len])
def test_a_function_is_told_how_to_become_a_formula(law):
    with pytest.raises(sf.errors.FormulaError, match="formula, not a Python function") as caught:
        sf.fit({"x": X, "loss": Y}, law)
    assert caught.value.code == "callable"


SPLITS = [
    ("E + A", {}, "no_column", "column"),
    ("x + 1", {}, "no_parameter", "parameter"),
    ("3", {}, "no_column", "column"),
    ("2*3", {}, "no_column", "column"),
    ("E + A*loss", {}, "target_on_right", "loss"),
    ("loss ~ E + A*loss", {}, "target_on_right", "loss"),
    ("log(loss) ~ E + A*log(loss)*x", {}, "target_on_right", "loss"),
    ("E + A*x", {"target": "x"}, "target_on_right", "x"),
]


@pytest.mark.parametrize(("law", "options", "code", "word"), SPLITS)
def test_formulas_need_a_column_a_parameter_and_no_target(law, options, code, word):
    with pytest.raises(sf.errors.FormulaError, match=word) as caught:
        sf.fit({"x": X, "loss": Y}, law, **options)
    assert caught.value.code == code


# -- precedence is Python's ---------------------------------------------------------------------

BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def oracle(node, names):
    """Return a Python syntax tree's value in doubles; NaN where Python has no real number."""
    match node:
        case ast.Expression():
            return oracle(node.body, names)
        case ast.Constant():
            return float(node.value)
        case ast.Name():
            return names[node.id]
        case ast.UnaryOp():
            value = oracle(node.operand, names)
            return -value if isinstance(node.op, ast.USub) else value
        case ast.BinOp():
            left, right = oracle(node.left, names), oracle(node.right, names)
            try:
                value = BINARY[type(node.op)](left, right)
            except (ZeroDivisionError, OverflowError):
                return math.nan
            return math.nan if isinstance(value, complex) else value
        case ast.Call():
            return getattr(math, node.func.id)(oracle(node.args[0], names))
    raise AssertionError(ast.dump(node))


def text_of(rng, depth):
    """Return random text of the grammar, with and without spaces and parentheses."""
    space = rng.choice(["", "", " "])
    kind = rng.random()
    if depth == 0 or kind < 0.2:
        return rng.choice(["x", "A", "B", "2", ".5", "1.", "3.25", "1e-1", "2E+0", "07.5"])
    if kind < 0.32:
        return rng.choice("-+") + space + text_of(rng, depth - 1)
    if kind < 0.47:
        return f"({space}{text_of(rng, depth - 1)}{space})"
    if kind < 0.52:
        return f"tanh({text_of(rng, depth - 1)})"
    sign = rng.choice(["+", "-", "*", "/", "**", "^"])
    return f"{text_of(rng, depth - 1)}{space}{sign}{space}{text_of(rng, depth - 1)}"


def test_precedence_is_pythons():
    rng = random.Random(20260101)
    values = {"x": 1.7, "A": 0.9, "B": -1.3}
    compared = 0
    for _ in range(6000):
        text = text_of(rng, 4)
        full = f"{text} + 0*(x + A)" if rng.random() < 0.5 else f"0*x*A + {text}"
        want = oracle(ast.parse(full.replace("^", "**"), mode="eval"), values)
        if not math.isfinite(want) or abs(want) > 1e100:
            continue
        refused, law = attempt(lambda full=full: sf.Law(full, columns=["x"]))
        if refused is not None:
            assert "finite" in str(refused), (full, str(refused))
            continue
        given = {one: values[one] for one in law.params}
        got = float(law.evaluate({"x": [1.7]}, given)[0])
        if not math.isfinite(got):
            # A subexpression may overflow or leave the reals in one order of folding only.
            assert not math.isfinite(want) or "/" in full or "*" in full, full
            continue
        assert got == pytest.approx(want, rel=1e-11, abs=1e-11), full
        compared += 1
    assert compared > 3000


TABLE = [
    ("-x^2", -9.0),
    ("-x**2", -9.0),
    ("2^x^2", 512.0),
    ("2**-x", 0.125),
    ("-2^-2 + 0*x", -0.25),
    ("x/3/3", 1 / 3),
    ("x/3*3", 3.0),
    ("x-1-1", 1.0),
    ("x - -1", 4.0),
    ("--x", 3.0),
    ("+x", 3.0),
    ("2*-x", -6.0),
    ("2^-x*8", 1.0),
    ("-x*-x", 9.0),
    (".5*x", 1.5),
    ("1.*x", 3.0),
    ("1e-3*x", 0.003),
    ("1E+3*x", 3000.0),
    ("(((x)))", 3.0),
    ("where(x>2, 1, 2)+0*x", 1.0),
    ("where(x<=2, 1, 2)+0*x", 2.0),
    ("where(x==3, 1, 2)+0*x", 1.0),
    ("where(x!=3, 1, 2)+0*x", 2.0),
    ("min(x, 2)", 2.0),
    ("max(x, 5)", 5.0),
    ("pi*x", 3 * math.pi),
]


@pytest.mark.parametrize(("text", "want"), TABLE)
def test_written_out_precedence(text, want):
    got = sf.Law(f"{text} + 0*A", columns=["x"]).evaluate({"x": [3.0]}, {"A": 1.0})
    assert got[0] == pytest.approx(want, rel=1e-14)


# -- what the rows cannot tell -------------------------------------------------------------------

RIDGES = [
    ("E + A*x**(-alpha) + 0*b", {"b"}, {"E", "A", "alpha"}),
    ("E + A*x**(-alpha) + b - b", {"b"}, {"E", "A", "alpha"}),
    ("E + A*B*x**(-alpha)", {"A", "B"}, {"E", "alpha"}),
    ("E + a - b + A*x**(-alpha)", {"E", "a", "b"}, {"A", "alpha"}),
    ("E + A*x**(-(alpha + beta))", {"alpha", "beta"}, {"E", "A"}),
    ("E + A*(k*x)**(-alpha)", {"A", "k"}, {"E", "alpha"}),
    ("E + exp(a)*A*x**(-alpha)", {"a", "A"}, {"E", "alpha"}),
]


@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared()], ids=repr)
@pytest.mark.parametrize(("law", "lost", "known"), RIDGES, ids=[one[0] for one in RIDGES])
def test_parameters_the_rows_cannot_tell_are_named(law, lost, known, loss):
    fit = sf.fit({"x": X, "loss": Y}, law, loss=loss)
    assert not fit.converged
    assert not fit.is_global
    named = set(next(f for f in fit.findings if f.code == "not_identified").evidence["parameters"])
    assert lost <= named
    assert not known & named


SEARCHES = ["sqrt(E + A*x**(-alpha))", "log(a + b*x**c)", "E + A*sqrt(x - k)", "E + A*log(x + k)",
            "E + A*abs(x - k)**c", "max(E, A*x**(-alpha))", "E + A*arctan(b*x)", "E + A*lgamma(x + k)"]  # fmt: skip


@pytest.mark.parametrize("law", SEARCHES)
@pytest.mark.parametrize("residual", ["log", "raw"])
def test_leaving_the_domain_during_search_never_ends_in_nan(law, residual):
    began = time.monotonic()
    refused, fit = attempt(lambda: sf.fit({"x": X, "loss": Y}, law, residual=residual, starts=20))
    assert time.monotonic() - began < 20.0
    if refused is not None:
        assert isinstance(refused, sf.errors.ConvergenceError | sf.errors.DataError)
    elif fit.converged:
        assert math.isfinite(fit.objective)
        assert all(math.isfinite(one) for one in fit.params.values())
        assert np.isfinite(fit.residuals()).all()
        again = fit.objective_at(fit.params)
        assert again == pytest.approx(fit.objective, rel=1e-12)


@pytest.mark.parametrize(
    "law", ["A*x**1e308", "A*exp(x**9)", "A*exp(exp(x))", "E + A/(x - x)", "log(-x)*A"]
)
def test_laws_that_are_never_finite_say_so(law):
    with pytest.raises(sf.ScalingError):
        sf.fit({"x": X, "loss": Y}, law, residual="raw")


# -- collisions --------------------------------------------------------------------------------


def test_pi_is_a_number_and_e_is_a_name():
    assert list(sf.Law("E + e*x*pi", columns=["x"]).params) == ["E", "e"]


@pytest.mark.parametrize("name", ["exp", "log", "where", "lgamma", "lambda", "if", "None"])
def test_reserved_words_are_no_parameters(name):
    with pytest.raises(sf.errors.FormulaError):
        sf.Law(f"{name} + A*x", columns=["x"])


# -- memory ------------------------------------------------------------------------------------


def resident():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@needs_proc
def test_twenty_thousand_formulas_leave_nothing_behind():
    def compile_all(first, last):
        for k in range(first, last):
            sf.Law(f"E{k} + A*x**(-{k}.5*alpha) + B*log(x + {k})", columns=["x"])

    compile_all(0, 1000)
    gc.collect()
    before = resident()
    compile_all(1000, 21_000)
    gc.collect()
    assert resident() - before < 30


@needs_proc
def test_ten_thousand_errors_and_fits_leave_nothing_behind():
    def again(count):
        for k in range(count):
            with pytest.raises(sf.errors.FormulaError):
                sf.Law(f"E{k} + (A*x")
        for _ in range(count // 20):
            sf.fit({"x": X, "loss": Y}, "E + A*x**(-alpha)", starts=1)

    again(500)
    gc.collect()
    before = resident()
    again(10_000)
    gc.collect()
    assert resident() - before < 30

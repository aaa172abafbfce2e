"""Text that is not a formula is refused with a position within seconds, and never evaluated by Python."""

from __future__ import annotations

import ast
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
from decaying import X, Y

import scaling_fast as sf

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
REFUSED_TEXT = {ascii(text)[:60]: text for text in CODE + MALFORMED} | DEEP | LONG


def test_the_corpus_is_large():
    assert len(REFUSED_TEXT) >= 250


@pytest.mark.parametrize("text", REFUSED_TEXT.values(), ids=REFUSED_TEXT)
def test_text_that_is_not_a_formula_is_refused_with_a_position(text):
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


@pytest.mark.parametrize(
    "law", [None, 3, 1.5, b"A*x", ["A*x"], {"A": 1}, np.str_, object(), lambda x: x, math.exp, print]
)  # fmt: skip
def test_a_law_that_is_not_text_is_refused(law):
    with pytest.raises(sf.errors.FormulaError):
        sf.fit({"x": X, "loss": Y}, law)


@pytest.mark.parametrize("law", [lambda x, A: A * x, math.exp, sf.Huber, len])
def test_a_function_is_told_how_to_become_a_formula(law):
    with pytest.raises(sf.errors.FormulaError, match="formula, not a Python function") as caught:
        sf.fit({"x": X, "loss": Y}, law)
    assert caught.value.code == "callable"

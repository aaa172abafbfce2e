"""Formulas: positions of faults, Python's precedence, names that are taken."""

from __future__ import annotations

import ast
import math
import operator
import random

import pytest
from decaying import X, Y

import scaling_fast as sf


def attempt(call):
    """Return (the typed error, None) or (None, the result)."""
    try:
        return None, call()
    except sf.ScalingError as error:
        return error, None


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
def test_positions_count_characters_and_the_message_says_what_to_change(text, position, word):
    with pytest.raises(sf.errors.FormulaError) as caught:
        sf.fit({"x": X, "loss": Y}, text)
    assert caught.value.position == position
    assert word in str(caught.value)


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
        given = {name: values[name] for name in law.params}
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


def test_pi_is_a_number_and_e_is_a_name():
    assert list(sf.Law("E + e*x*pi", columns=["x"]).params) == ["E", "e"]


@pytest.mark.parametrize("name", ["exp", "log", "where", "lgamma", "lambda", "if", "None"])
def test_reserved_words_cannot_be_parameters(name):
    with pytest.raises(sf.errors.FormulaError):
        sf.Law(f"{name} + A*x", columns=["x"])

"""Random formulas over the whole grammar, and random rows and parameters to evaluate them at.

A formula is a tree of tuples: ("number", 0.5), ("pi",), ("column", "x"), ("param", "a"), (operator, left, right),
("-", inside), (function, arguments...), ("where", comparison, left, right, yes, no).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import random

Tree = tuple[Any, ...]

COLUMNS = ("x", "y", "t")
PARAMS = ("a", "b", "c")
NUMBERS = (0.5, 1.0, 2.0, 3.0, 0.7, 1.5, 0.25, 4.0, 10.0, 0.1, 1.0, 2.0)
UNARY = (
    *("exp", "log", "sqrt", "abs", "tanh", "sigmoid", "softplus", "log1p", "expm1", "lgamma"),
    *("sin", "cos", "arctan", "erf", "log10", "log2", "exp", "log", "sqrt", "abs"),
)
BINARY = ("logaddexp", "min", "max")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
OPERATORS = ("+", "-", "*", "/", "**", "+", "-", "*", "/", "**", "*")

BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 4}

ROWS = 4


class Case(NamedTuple):
    """A formula and what to evaluate it at: `ROWS` values of every column, one of every parameter."""

    tree: Tree
    columns: dict[str, list[float]]
    params: dict[str, float]


def text(tree: Tree, least: int = 0) -> str:
    """Return the formula as a user would write it, in parentheses where it binds less than `least`."""
    kind = tree[0]
    if kind == "number":
        return repr(tree[1])
    if kind in ("column", "param"):
        return tree[1]
    if kind == "pi":
        return "pi"
    if kind == "where":
        _, comparison, left, right, yes, no = tree
        condition = f"{text(left, 1)} {comparison} {text(right, 1)}"
        return f"where({condition}, {text(yes)}, {text(no)})"
    if kind == "-" and len(tree) == 2:
        written, strength = f"-{text(tree[1], 3)}", 3
    elif kind in BINDING:
        strength = BINDING[kind]
        # Powers bind to the right, and a sign below a power needs parentheses.
        left, right = (5, 3) if kind == "**" else (strength, strength + 1)
        written = f"{text(tree[1], left)} {kind} {text(tree[2], right)}"
    else:
        return f"{kind}({', '.join(text(argument) for argument in tree[1:])})"
    return f"({written})" if strength < least else written


def names(tree: Tree, kind: str) -> set[str]:
    """Return the columns or the parameters in a formula."""
    if tree[0] in ("column", "param"):
        return {tree[1]} if tree[0] == kind else set()
    return {name for part in tree[1:] if isinstance(part, tuple) for name in names(part, kind)}


def draw_case(rng: random.Random) -> Case:
    """Return a random formula with rows and parameters of all sizes and signs."""
    tree = draw_tree(rng, rng.choice((3, 4, 5, 6, 7, 8, 10, 12)))
    columns = {name: draw_column(rng) for name in COLUMNS}
    return Case(tree, columns, {name: draw_param(rng) for name in PARAMS})


def draw_tree(rng: random.Random, size: int) -> Tree:
    """Return a random tree of about `size` nodes."""
    if size <= 1:
        return draw_leaf(rng)
    if size >= 3 and rng.random() < 0.3:
        return rng.choice(IDIOMS)(rng, size)
    pick = rng.random()
    if size == 2 or pick < 0.3:
        return (rng.choice(UNARY), draw_tree(rng, size - 1))
    if pick < 0.36:
        return ("-", draw_tree(rng, size - 1))
    if size >= 6 and pick < 0.44:
        parts = split(rng, size - 1, 4)
        return ("where", rng.choice(COMPARISONS), *(draw_tree(rng, part) for part in parts))
    left, right = (draw_tree(rng, part) for part in split(rng, size - 1, 2))
    return (rng.choice(BINARY if pick < 0.5 else OPERATORS), left, right)


def split(rng: random.Random, size: int, count: int) -> list[int]:
    """Return `count` sizes of at least 1 that are `size` together, if it is large enough."""
    sizes = [1] * count
    for _ in range(size - count):
        sizes[rng.randrange(count)] += 1
    return sizes


def draw_leaf(rng: random.Random) -> Tree:
    pick = rng.random()
    if pick < 0.42:
        return ("column", rng.choice(COLUMNS))
    if pick < 0.84:
        return ("param", rng.choice(PARAMS))
    return ("pi",) if pick < 0.86 else ("number", rng.choice(NUMBERS))


def _number(value: float) -> Tree:
    return ("number", value)


def _even(rng: random.Random, size: int) -> Tree:
    """Return an even power or a product in disguise, under what has one sign to look at."""
    inside = draw_tree(rng, max(1, size // 2))
    other = draw_tree(rng, max(1, size // 2))
    square = rng.choice(
        (
            ("**", inside, _number(2.0)),
            ("*", inside, inside),
            ("*", inside, other),
            ("/", inside, other),
        )
    )
    return rng.choice(
        (
            ("log", square),
            ("sqrt", square),
            ("**", square, draw_leaf(rng)),
            ("**", square, _number(rng.choice((0.7, 0.5, 1.5)))),
            ("log2", square),
        )
    )


def _rest(rng: random.Random, size: int) -> Tree:
    inside = draw_tree(rng, max(1, size - 3))
    return ("**", ("-", _number(1.0), inside), rng.choice((draw_leaf(rng), _number(0.6))))


def _logistic(rng: random.Random, size: int) -> Tree:
    below = (
        "+",
        rng.choice((_number(1.0), draw_leaf(rng))),
        ("exp", draw_tree(rng, max(1, size - 3))),
    )
    return ("/", draw_leaf(rng), below)


def _decay(rng: random.Random, size: int) -> Tree:
    decay = ("exp", ("-", ("/", draw_leaf(rng), draw_leaf(rng))))
    return ("*", ("*", draw_leaf(rng), decay), draw_tree(rng, max(1, size - 4)))


def _power_law(rng: random.Random, size: int) -> Tree:
    power = ("**", ("column", rng.choice(COLUMNS)), ("-", ("param", rng.choice(PARAMS))))
    return ("+", draw_tree(rng, max(1, size - 4)), ("*", ("param", rng.choice(PARAMS)), power))


def _rectified(rng: random.Random, size: int) -> Tree:
    power = ("**", draw_leaf(rng), draw_leaf(rng))
    return ("/", draw_leaf(rng), ("+", draw_tree(rng, max(1, size - 4)), power))


def _branch(rng: random.Random, size: int) -> Tree:
    sides = [draw_tree(rng, part) for part in split(rng, max(4, size - 1), 4)]
    return ("where", rng.choice(COMPARISONS), *sides)


def _quotient(rng: random.Random, size: int) -> Tree:
    top, bottom = (draw_tree(rng, part) for part in split(rng, max(2, size - 2), 2))
    exponent = draw_leaf(rng)
    return rng.choice(
        (
            ("/", ("**", top, exponent), ("**", bottom, exponent)),
            ("*", ("**", top, exponent), ("**", bottom, draw_leaf(rng))),
            ("**", ("**", top, exponent), draw_leaf(rng)),
        )
    )


IDIOMS = (_even, _rest, _logistic, _decay, _power_law, _rectified, _branch, _quotient)


def draw_column(rng: random.Random) -> list[float]:
    """Return `ROWS` values of one kind."""
    kind = rng.choice(
        ("positive", "positive", "mixed", "mixed", "negative", "special", "wide", "huge", "tiny")
    )
    return [draw_value(rng, kind) for _ in range(ROWS)]


def draw_value(rng: random.Random, kind: str) -> float:
    if kind == "special":
        return rng.choice((0.0, 1.0, -1.0, 2.0, 0.0, 1.0, 0.5, 3.0))
    sign = (
        1.0 if kind in ("positive", "wide") or (kind != "negative" and rng.random() < 0.5) else -1.0
    )
    decades = {"wide": 12.0, "huge": 0.0, "tiny": 0.0}.get(kind, 0.7)
    centre = {"huge": rng.uniform(10.0, 40.0), "tiny": rng.uniform(-40.0, -10.0)}.get(kind, 0.0)
    return sign * 10.0 ** (centre + rng.uniform(-decades, decades))


def draw_param(rng: random.Random) -> float:
    pick = rng.random()
    if pick < 0.7:
        return rng.choice((1.0, 1.0, -1.0)) * rng.uniform(0.1, 3.0)
    if pick < 0.85:
        return rng.choice((1.0, 2.0, 0.5, -1.0, -0.5, 3.0))
    if pick < 0.9:
        return 0.0
    return rng.choice((1.0, -1.0)) * 10.0 ** rng.choice((-30.0, -8.0, -3.0, 1.5, 2.5, 3.0, 30.0))


def draw_fit_case(rng: random.Random, rows: int) -> Case:
    """Return a law to fit: a sum of powers written in one of several ways, or any formula, with that many rows."""
    tree = (
        _sum_of_powers(rng) if rng.random() < 0.5 else draw_tree(rng, rng.choice((4, 5, 6, 7, 8)))
    )
    kinds = {
        name: rng.choice(("positive", "positive", "positive", "mixed", "negative"))
        for name in COLUMNS
    }
    columns = {name: [draw_value(rng, kind) for _ in range(rows)] for name, kind in kinds.items()}
    return Case(
        tree,
        columns,
        {name: rng.choice((1.0, 1.0, -1.0)) * rng.uniform(0.2, 2.0) for name in PARAMS},
    )


def _sum_of_powers(rng: random.Random) -> Tree:
    x, y = (("column", name) for name in rng.sample(COLUMNS, 2))
    a, b, c = (("param", name) for name in PARAMS)
    power = rng.choice(
        (
            ("/", b, ("**", x, c)),
            ("*", b, ("**", x, ("-", c))),
            ("*", b, ("**", ("*", x, y), c)),
            ("*", b, ("**", ("*", x, x), c)),
            ("*", b, ("**", ("**", x, _number(2.0)), c)),
            ("*", b, ("*", ("**", x, c), ("**", y, c))),
            ("exp", ("-", b, ("*", c, ("log", x)))),
            ("exp", ("-", b, ("*", c, ("log", ("*", x, y))))),
            ("*", b, ("**", ("sqrt", ("**", x, _number(2.0))), c)),
        )
    )
    return power if rng.random() < 0.2 else ("+", a, power)

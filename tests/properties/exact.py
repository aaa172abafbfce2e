"""What a formula is worth, and its derivatives by every parameter, in sixty digits.

Numbers carry their derivatives (dual numbers). Infinities are limits: 1/(1 + e**z) is 0 where e**z has left every
range, 0**b is 0 for b > 0 and infinite for b < 0. NaN says that a value lies outside the real domain. What has no
single limit (0/0, 0 times infinity, a comparison decided by the last digit) raises `Undecided`.

With `noise` every operation is off by a random part of the rounding of a double, so that a few such evaluations
tell how many digits any evaluation in doubles can have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from grammar import Tree, names
from mpmath import mp, mpf

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

DIGITS = 60
EPSILON = mpf(2) ** -53
ROUNDING = 16 * EPSILON
"""By how much a double may be off after a few operations, beside its size."""
FAR = mpf(10) ** 30
"""Exponentials of more are not computed."""
HUGE, SMALL = mpf(10) ** 290, mpf(10) ** -290
QUARTERS = mpf(2) ** 50
"""From here on sines and cosines of doubles are NaN: quarters of a turn cannot be counted."""
INFINITY = mp.inf
NAN = mp.nan


class Undecided(Exception):
    """No single value can be said to be right."""


class Number(NamedTuple):
    """A value and its derivative by each parameter.

    A derivative is 0 (the integer) where the parameter does not enter, and None where none can be compared.
    """

    value: Any
    slopes: tuple[Any, ...]


def times(left: Any, right: Any) -> Any:
    """Return a product of derivatives; 0, the integer, always wins."""
    if left is None or right is None:
        return 0 if isinstance(left, int) or isinstance(right, int) else None
    if (isinstance(left, int) and left == 0) or (isinstance(right, int) and right == 0):
        return 0
    if mp.isnan(left) or mp.isnan(right):
        return None
    if (mp.isinf(left) and right == 0) or (mp.isinf(right) and left == 0):
        return None
    return left * right


def plus(left: Any, right: Any) -> Any:
    if isinstance(left, int):
        return right
    if isinstance(right, int):
        return left
    if left is None or right is None:
        return None
    total = left + right
    return None if mp.isnan(total) else total


class Exact:
    """Formulas at one row."""

    def __init__(
        self,
        columns: Mapping[str, float],
        params: Mapping[str, float],
        noise: random.Random | None = None,
    ) -> None:
        self.columns, self.params, self.noise = columns, params, noise
        self.order = list(params)
        self.none: tuple[Any, ...] = (0,) * len(self.order)
        self.out_of_range = False
        """Whether some part of the formula, or of a derivative, is larger or smaller than doubles can hold."""
        self.uncounted = False
        """Whether a sine or cosine was asked of an angle too large for a double to have one."""
        self.is_limit = False
        """Whether some part of the formula is infinite, or a power of 0."""
        self.steep = False
        """Whether a derivative is too large for a double where the value is not."""
        self.cancels = False
        """Whether a sum is smaller than the rounding of its terms, so that it may be 0 to doubles."""
        self.vanishes = False
        """Whether a root is taken of, or a division is by, what is 0 to doubles, so that derivatives are lost."""

    def near(self, value: Any, absolute: Any = 0) -> Any:
        """Return the value as some computation in doubles may have it."""
        if value is None or isinstance(value, int) or not mp.isfinite(value):
            return value
        if value != 0 and not SMALL < abs(value) < HUGE:
            self.out_of_range = True
        if self.noise is None:
            return value
        return value + (abs(value) + absolute) * EPSILON * self.noise.uniform(-2.0, 2.0)

    def made(self, value: Any, *parts: tuple[Any, Number], absolute: Any = 0) -> Number:
        """Return a number of this value, its derivative by each operand in `parts`."""
        if mp.isnan(value):
            return Number(NAN, self.none)
        slopes = self.none
        for slope, operand in parts:
            if any(not isinstance(d, int) for d in operand.slopes):
                factor = self.near(slope)
                self.steep |= factor is not None and abs(factor) > HUGE > abs(value)
                terms = (self.near(times(factor, d)) for d in operand.slopes)
                slopes = tuple(plus(d, term) for d, term in zip(slopes, terms, strict=True))
        return self.limit(self.near(value, absolute), slopes)

    def limit(self, value: Any, slopes: tuple[Any, ...]) -> Number:
        if mp.isinf(value):
            self.is_limit = True
            slopes = tuple(0 if isinstance(d, int) else None for d in slopes)
        return Number(value, slopes)

    def of(self, tree: Tree) -> Number:
        """Return the value of a formula and its derivatives."""
        kind = tree[0]
        if kind == "number":
            return Number(mpf(tree[1]), self.none)
        if kind == "pi":
            return Number(+mp.pi, self.none)
        if kind == "column":
            return Number(mpf(self.columns[tree[1]]), self.none)
        if kind == "param":
            place = self.order.index(tree[1])
            slopes = tuple(mpf(1) if k == place else 0 for k in range(len(self.order)))
            return Number(mpf(self.params[tree[1]]), slopes)
        if kind == "where":
            return self.of(tree[4 if self.holds(tree[1], tree[2], tree[3]) else 5])
        if kind == "-" and len(tree) == 2:
            inside = self.of(tree[1])
            return self.made(-inside.value, (mpf(-1), inside))
        if kind == "**":
            return self.power(tree)
        operands = [self.of(part) for part in tree[1:]]
        if any(mp.isnan(operand.value) for operand in operands):
            return Number(NAN, self.none)
        return getattr(self, WORDS.get(kind, kind))(*operands)

    def holds(self, comparison: str, left: Tree, right: Tree) -> bool:
        a, b = self.of(left).value, self.of(right).value
        if mp.isnan(a) or mp.isnan(b):
            raise Unanswered
        plain = all(side[0] in ("number", "column", "param") for side in (left, right))
        if (
            not plain
            and not (mp.isinf(a) or mp.isinf(b))
            and abs(a - b) <= 1e-6 * (abs(a) + abs(b))
        ):
            raise Undecided
        if not plain and mp.isinf(a) and a == b:
            raise Undecided
        return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[
            comparison
        ]

    # -- operators --------------------------------------------------------------------------------

    def add(self, a: Number, b: Number, sign: int = 1) -> Number:
        other = b.value * sign
        if mp.isinf(a.value) and mp.isinf(other) and a.value != other:
            raise Undecided
        total = a.value + other
        self.cancels |= 0 < abs(total) < ROUNDING * max(abs(a.value), abs(other))
        return self.made(total, (mpf(1), a), (mpf(sign), b))

    def sub(self, a: Number, b: Number) -> Number:
        return self.add(a, b, -1)

    def mul(self, a: Number, b: Number) -> Number:
        if (mp.isinf(a.value) and b.value == 0) or (mp.isinf(b.value) and a.value == 0):
            raise Undecided
        return self.made(a.value * b.value, (b.value, a), (a.value, b))

    def div(self, a: Number, b: Number) -> Number:
        if b.value == 0 or (mp.isinf(a.value) and mp.isinf(b.value)):
            raise Undecided
        self.vanishes |= abs(b.value) < SMALL
        quotient = a.value / b.value
        by_below = None if mp.isinf(b.value) else -quotient / b.value
        return self.made(quotient, (1 / b.value, a), (by_below, b))

    def power(self, tree: Tree) -> Number:
        base, base_is_beyond = self.of(tree[1]), self.out_of_range
        exponent = self.of(tree[2])
        a, b = base.value, exponent.value
        is_constant = not names(tree[2], "param") and not names(tree[2], "column")
        # A power of a negative number needs an exponent written as a whole number, or (-1)**n with a column n.
        is_sign = (
            tree[2][0] == "column" and not names(tree[1], "param") and not names(tree[1], "column")
        )
        is_whole = (is_constant or is_sign) and mp.isfinite(b) and b == mp.floor(b)
        if b == 0 and is_constant:
            return Number(mpf(1), self.none)
        if is_constant and mp.isfinite(b) and not is_whole and float(b) == round(float(b)):
            raise Undecided  # erf(10.0) is 1 to a double
        if b == 0 and (mp.isnan(a) or a < 0) and not is_whole:
            raise Undecided  # c - c is 0 whatever c is
        if mp.isnan(a) or mp.isnan(b):
            return Number(NAN, self.none)
        if mp.isinf(a) or mp.isinf(b):
            raise Undecided
        if a < 0 and not is_whole and b == mp.floor(b):
            raise Undecided  # 1**x is 1 whatever x is
        if a < 0 and not is_whole:
            return Number(NAN, self.none)
        self.vanishes |= abs(a) < SMALL
        if a == 0:
            return self.power_of_zero(base, exponent)
        if abs(b * mp.log(abs(a))) > FAR:
            raise Undecided
        if is_whole and abs(b) < 1000:
            value = a ** int(b)
        else:
            value = mp.exp(b * mp.log(abs(a)))
            value = -value if a < 0 and b % 2 == 1 else value
        by_exponent = value * mp.log(a) if a > 0 else None
        # To doubles perhaps inf**0, which is 1 with an infinite derivative by the exponent.
        self.steep |= base_is_beyond and abs(b) < SMALL
        # Doubles may take it by way of the logarithm.
        absolute = abs(value) * abs(b * mp.log(abs(a)))
        return self.made(value, (b * value / a, base), (by_exponent, exponent), absolute=absolute)

    def power_of_zero(self, base: Number, exponent: Number) -> Number:
        self.is_limit = True
        b = exponent.value
        if b < 0:
            is_whole = b == mp.floor(b)
            if is_whole:
                raise Undecided  # the sign of 1/0
            return self.limit(
                INFINITY, tuple(None if d != 0 else 0 for d in plus_all(base, exponent))
            )
        by_base = mpf(0) if b > 1 else mpf(1) if b == 1 else INFINITY
        if b == 0:
            return self.made(mpf(1), (None, base), (None, exponent))
        return self.made(mpf(0), (by_base, base), (mpf(0), exponent))

    # -- functions --------------------------------------------------------------------------------

    def smooth(self, a: Number, function: Any, slope: Any, absolute: Any = 0) -> Number:
        return self.made(function(a.value), (slope(a.value), a), absolute=absolute)

    def exp(self, a: Number) -> Number:
        value = exponential(a.value)
        self.out_of_range |= not SMALL < value < HUGE
        # An argument is off by its own rounding, however it came about.
        return self.made(value, (value, a), absolute=abs(value) * min(abs(a.value), FAR))

    def log(self, a: Number) -> Number:
        if a.value < 0:
            return Number(NAN, self.none)
        if a.value == 0 or mp.isinf(a.value):
            self.is_limit = True
            return self.limit(-INFINITY if a.value == 0 else INFINITY, a.slopes)
        self.vanishes |= a.value < SMALL
        value = mp.log(a.value)
        return self.made(value, (1 / a.value, a), absolute=self.parts_of_log)

    parts_of_log: Any = 20
    """Doubles may take the logarithm of a product factor by factor: a factor of e**20 has a logarithm of 20."""

    def log10(self, a: Number) -> Number:
        return self.mul(self.log(a), Number(1 / mp.log(10), self.none))

    def log2(self, a: Number) -> Number:
        return self.mul(self.log(a), Number(1 / mp.log(2), self.none))

    def log1p(self, a: Number) -> Number:
        if a.value < -1:
            return Number(NAN, self.none)
        if a.value == -1 or mp.isinf(a.value):
            return self.limit(-INFINITY if a.value == -1 else INFINITY, a.slopes)
        return self.made(mp.log1p(a.value), (1 / (1 + a.value), a))

    def expm1(self, a: Number) -> Number:
        value = exponential(a.value)
        small = mp.expm1(a.value) if abs(a.value) < 1 else value - 1
        return self.made(small, (value, a), absolute=abs(value) * min(abs(a.value), FAR))

    def sqrt(self, a: Number) -> Number:
        if a.value < 0:
            return Number(NAN, self.none)
        value = mp.sqrt(a.value)
        self.vanishes |= a.value < SMALL
        self.is_limit |= value == 0
        return self.made(value, (INFINITY if value == 0 else 1 / (2 * value), a))

    def abs(self, a: Number) -> Number:
        slope = None if a.value == 0 else mp.sign(a.value)
        return self.made(abs(a.value), (slope, a))

    def tanh(self, a: Number) -> Number:
        if FAR < abs(a.value) < INFINITY:
            return self.saturated(a, mp.sign(a.value), mpf(0))
        t = exponential(-2 * abs(a.value))
        value = mp.sign(a.value) * (
            (1 - t) / (1 + t) if abs(a.value) > 1 else mp.tanh(abs(a.value))
        )
        return self.saturated(a, value, 4 * t / (1 + t) ** 2)

    def sigmoid(self, a: Number) -> Number:
        if FAR < abs(a.value) < INFINITY:
            return self.saturated(a, mpf(a.value > 0), mpf(0))
        t = exponential(-abs(a.value))
        return self.saturated(a, (t if a.value < 0 else 1) / (1 + t), t / (1 + t) ** 2)

    def saturated(self, a: Number, value: Any, slope: Any) -> Number:
        return self.made(
            value, (None if mp.isinf(a.value) else slope, a), absolute=abs(slope * capped(a.value))
        )

    def softplus(self, a: Number) -> Number:
        t = mpf(0) if abs(a.value) > FAR else exponential(-abs(a.value))
        value = max(a.value, mpf(0)) + mp.log1p(t)
        return self.saturated(a, value, (t if a.value < 0 else 1) / (1 + t))

    def logaddexp(self, a: Number, b: Number) -> Number:
        if mp.isinf(a.value) and mp.isinf(b.value):
            if a.value == b.value:
                raise Undecided
            return self.limit(INFINITY, tuple(None if d != 0 else 0 for d in plus_all(a, b)))
        difference = a.value - b.value
        t = mpf(0) if abs(difference) > FAR else exponential(-abs(difference))
        value = max(a.value, b.value) + mp.log1p(t)
        larger, smaller = 1 / (1 + t), t / (1 + t)
        by_a, by_b = (larger, smaller) if difference > 0 else (smaller, larger)
        absolute = abs(a.value) + abs(b.value) if mp.isfinite(difference) else 0
        return self.made(value, (by_a, a), (by_b, b), absolute=absolute)

    def lgamma(self, a: Number) -> Number:
        x = a.value
        if x == INFINITY:
            return self.limit(INFINITY, a.slopes)
        # At a pole, if only by rounding.
        if x == -INFINITY or (x <= 0 and abs(x - mp.nint(x)) <= ROUNDING * abs(x)) or x < -1e6:
            raise Undecided
        self.vanishes |= abs(x) < SMALL
        value = mp.log(abs(mp.gamma(x))) if x < 0 else mp.loggamma(x)
        slope = mp.psi(0, x) if any(not isinstance(d, int) for d in a.slopes) else mpf(0)
        # Both have the absolute accuracy that the core states.
        if self.noise is not None:
            scale = 1 + abs(slope) + (abs(mp.pi * mp.cot(mp.pi * x)) if x < 0 else 0)
            slope += 40 * EPSILON * scale * self.noise.uniform(-1.0, 1.0)
        absolute = 40 * (1 + abs(value)) if x < 0 else 10 * abs(value)
        return self.made(value, (slope, a), absolute=absolute)

    def sin(self, a: Number) -> Number:
        return self.wave(a, mp.sin, mp.cos)

    def cos(self, a: Number) -> Number:
        return self.wave(a, mp.cos, lambda x: -mp.sin(x))

    def wave(self, a: Number, function: Any, slope: Any) -> Number:
        if mp.isinf(a.value) or abs(a.value) > 1e40:
            raise Undecided
        self.uncounted |= abs(a.value) >= QUARTERS
        by_a = slope(a.value)
        if self.noise is not None:
            by_a += 10 * EPSILON * self.noise.uniform(-1.0, 1.0)
        return self.made(function(a.value), (by_a, a), absolute=10)

    def arctan(self, a: Number) -> Number:
        return self.made(mp.atan(a.value), (None if mp.isinf(a.value) else 1 / (1 + a.value**2), a))

    def erf(self, a: Number) -> Number:
        if abs(a.value) > 100:
            return self.made(mp.sign(a.value), (None if mp.isinf(a.value) else mpf(0), a))
        slope = 2 / mp.sqrt(mp.pi) * mp.exp(-(a.value**2))
        if self.noise is not None:
            slope *= 1 + 10 * EPSILON * a.value**2 * self.noise.uniform(-1.0, 1.0)
        return self.made(mp.erf(a.value), (slope, a))

    def min(self, a: Number, b: Number) -> Number:
        return self.extreme(a, b, a.value < b.value)

    def max(self, a: Number, b: Number) -> Number:
        return self.extreme(a, b, a.value > b.value)

    def extreme(self, a: Number, b: Number, first: bool) -> Number:
        close = (
            a.value == b.value
            or max(abs(a.value), abs(b.value)) < SMALL
            or abs(a.value - b.value) <= 1e-9 * (abs(a.value) + abs(b.value))
        )
        if close:  # the derivative is either's
            return self.made((a if first else b).value, (None, a), (None, b))
        return self.made((a if first else b).value, (mpf(1), a if first else b))


class Unanswered(Exception):
    """A comparison with NaN: the formula has no value there, whatever its branches say."""


WORDS = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


def plus_all(a: Number, b: Number) -> tuple[Any, ...]:
    return tuple(
        0 if isinstance(d, int) and isinstance(e, int) else None
        for d, e in zip(a.slopes, b.slopes, strict=True)
    )


def capped(value: Any) -> Any:
    return value if mp.isfinite(value) else mpf(0)


def exponential(value: Any) -> Any:
    if mp.isinf(value):
        return INFINITY if value > 0 else mpf(0)
    if abs(value) > FAR:
        raise Undecided
    return mp.exp(value)


def evaluate(
    tree: Tree, columns: Mapping[str, float], params: Mapping[str, float], noise: Any = None
) -> tuple[Number, Exact]:
    """Return the value and derivatives of a formula at a row, and what was met on the way."""
    exact = Exact(columns, params, noise)
    try:
        return exact.of(tree), exact
    except Unanswered:
        return Number(NAN, exact.none), exact

//! The meaning of a formula: a graph of shared nodes, simplified and folded as it grows.

pub(super) use super::node::{Id, Op, Stratum};
use crate::tape::{Binary, Unary};
use std::collections::BTreeMap;

/// base ** exponent as the graph holds it where the base may be 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Power {
    pub(super) base: Id,
    /// Whether 1 is added to the base.
    pub(super) plus_one: bool,
    /// The logarithm of the base.
    pub(super) ln: Id,
    pub(super) exponent: Id,
    /// Whether the exponent is to be negated.
    pub(super) negative: bool,
}

/// Nodes, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    pub(super) ops: Vec<Op>,
    strata: Vec<Stratum>,
    index: BTreeMap<Op, Id>,
    /// Whether every simplification must keep the value where an operand has none: what a caller wrote, not what is
    /// derived from it.
    pub(super) keeps_nan: bool,
}

impl Graph {
    pub(super) fn op(&self, id: Id) -> Op {
        self.ops[id as usize]
    }

    pub(super) fn stratum(&self, id: Id) -> Stratum {
        self.strata[id as usize]
    }

    pub(super) fn number(&self, id: Id) -> Option<f64> {
        match self.op(id) {
            Op::Constant(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    fn is(&self, id: Id, value: f64) -> bool {
        self.number(id) == Some(value)
    }

    /// Whether the value of `id` may be forgotten: it is a finite number, or it need not be one here.
    fn can_vanish(&self, id: Id) -> bool {
        !self.keeps_nan || matches!(self.op(id), Op::Constant(_) | Op::Column(_) | Op::Param(_))
    }

    /// The node of `op`, shared with an equal one.
    pub(super) fn insert(&mut self, op: Op) -> Id {
        if let Some(&id) = self.index.get(&op) {
            return id;
        }
        let (children, count) = op.children();
        let own = match op {
            Op::Column(_) => Stratum::Data,
            Op::Param(_) => Stratum::Params,
            _ => Stratum::Constant,
        };
        let stratum = children[..count].iter().fold(own, |s, &c| s.join(self.stratum(c)));
        let id = self.ops.len() as Id;
        self.ops.push(op);
        self.strata.push(stratum);
        self.index.insert(op, id);
        id
    }

    pub(super) fn constant(&mut self, value: f64) -> Id {
        self.insert(Op::Constant(value.to_bits()))
    }

    /// Any operation of one operand, folded and simplified.
    pub(super) fn one(&mut self, unary: Unary, a: Id) -> Id {
        match unary {
            Unary::Neg => self.neg(a),
            _ => self.one_plain(unary, a),
        }
    }

    fn one_plain(&mut self, unary: Unary, a: Id) -> Id {
        if let Some(value) = self.number(a).map(|x| unary.apply(x)).filter(|v| v.is_finite()) {
            return self.constant(value);
        }
        self.insert(Op::One(unary, a))
    }

    /// Any operation of two operands, folded and simplified.
    pub(super) fn two(&mut self, binary: Binary, a: Id, b: Id) -> Id {
        match binary {
            Binary::Add => self.add(a, b),
            Binary::Sub => self.sub(a, b),
            Binary::Mul => self.mul(a, b),
            Binary::Limit => self.limit(a, b),
            Binary::Div => self.div(a, b),
            _ => self.two_plain(binary, a, b),
        }
    }

    /// Folded, otherwise as it stands.
    pub(super) fn two_plain(&mut self, binary: Binary, a: Id, b: Id) -> Id {
        if let (Some(x), Some(y)) = (self.number(a), self.number(b)) {
            let value = binary.apply(x, y);
            if value.is_finite() {
                return self.constant(value);
            }
        }
        let (a, b) = if binary.commutes() && b < a { (b, a) } else { (a, b) };
        self.insert(Op::Two(binary, a, b))
    }

    pub(super) fn neg(&mut self, a: Id) -> Id {
        match self.op(a) {
            Op::Constant(bits) => self.constant(-f64::from_bits(bits)),
            Op::One(Unary::Neg, inner) => inner,
            Op::Two(Binary::Sub, x, y) => self.sub(y, x),
            // The sign goes where it is paid for least: once a dataset or once a set of parameters.
            Op::Two(product @ (Binary::Mul | Binary::Limit), x, y) if self.stratum(a) == Stratum::Rows => {
                let rank = |s| match s {
                    Stratum::Constant => 0,
                    Stratum::Data => 1,
                    Stratum::Params => 2,
                    Stratum::Rows => 3,
                };
                let (rx, ry) = (rank(self.stratum(x)), rank(self.stratum(y)));
                match (rx, ry) {
                    (3, 3) => self.insert(Op::One(Unary::Neg, a)),
                    _ if rx <= ry => {
                        let x = self.neg(x);
                        self.two_plain(product, x, y)
                    }
                    _ => {
                        let y = self.neg(y);
                        self.two_plain(product, x, y)
                    }
                }
            }
            Op::Select(c, x, y) if self.is(y, 0.0) => {
                let x = self.neg(x);
                self.select(c, x, y)
            }
            _ => self.insert(Op::One(Unary::Neg, a)),
        }
    }

    pub(super) fn add(&mut self, a: Id, b: Id) -> Id {
        if self.is(a, 0.0) {
            return b;
        }
        if self.is(b, 0.0) {
            return a;
        }
        match (self.op(a), self.op(b)) {
            (_, Op::One(Unary::Neg, b)) => self.sub(a, b),
            (Op::One(Unary::Neg, a), _) => self.sub(b, a),
            _ => self.two_plain(Binary::Add, a, b),
        }
    }

    pub(super) fn sub(&mut self, a: Id, b: Id) -> Id {
        if a == b && self.can_vanish(a) {
            return self.constant(0.0);
        }
        if self.is(b, 0.0) {
            return a;
        }
        if self.is(a, 0.0) {
            return self.neg(b);
        }
        match self.op(b) {
            Op::One(Unary::Neg, b) => self.add(a, b),
            // One slot serves value and derivative, and the sum can be fused.
            Op::Two(Binary::Mul, x, y) if self.stratum(x) == Stratum::Data || self.stratum(y) == Stratum::Data => {
                let minus = self.neg(b);
                self.two_plain(Binary::Add, a, minus)
            }
            _ => self.two_plain(Binary::Sub, a, b),
        }
    }

    /// Products keep signs outside, zeros absorb, and factors of one stratum stand together.
    pub(super) fn mul(&mut self, a: Id, b: Id) -> Id {
        for (x, y) in [(a, b), (b, a)] {
            if self.is(x, 0.0) && self.can_vanish(y) {
                return x;
            }
            if self.is(x, 1.0) {
                return y;
            }
            if self.is(x, -1.0) {
                return self.neg(y);
            }
            if let Op::One(Unary::Neg, inner) = self.op(x) {
                let product = self.mul(inner, y);
                return self.neg(product);
            }
            // A branch not taken must not contribute NaN * 0.
            if let Op::Select(c, inner, zero) = self.op(x)
                && self.is(zero, 0.0)
                && !self.keeps_nan
            {
                let product = self.mul(inner, y);
                return self.select(c, product, zero);
            }
        }
        for (x, y) in [(a, b), (b, a)] {
            let one = self.stratum(y);
            if self.stratum(x) == Stratum::Rows
                && one != Stratum::Rows
                && let Op::Two(Binary::Mul, p, q) = self.op(x)
            {
                for (same, other) in [(p, q), (q, p)] {
                    if self.stratum(same) == one || (one == Stratum::Constant && self.stratum(same) != Stratum::Rows) {
                        let together = self.two_plain(Binary::Mul, same, y);
                        return self.two_plain(Binary::Mul, together, other);
                    }
                }
            }
        }
        self.two_plain(Binary::Mul, a, b)
    }

    /// The product, and 0 where one factor is 0 and the other infinite. Signs and branches as in [`Graph::mul`].
    pub(super) fn limit(&mut self, a: Id, b: Id) -> Id {
        for (x, y) in [(a, b), (b, a)] {
            if self.is(x, 0.0) || self.number(x).is_some_and(|number| number.abs() == 1.0) {
                return self.mul(a, b);
            }
            if let Op::One(Unary::Neg, inner) = self.op(x) {
                let product = self.limit(inner, y);
                return self.neg(product);
            }
            if let Op::Select(c, inner, zero) = self.op(x)
                && self.is(zero, 0.0)
                && !self.keeps_nan
            {
                let product = self.limit(inner, y);
                return self.select(c, product, zero);
            }
        }
        self.two_plain(Binary::Limit, a, b)
    }

    /// A divisor known before the row becomes a factor.
    pub(super) fn div(&mut self, a: Id, b: Id) -> Id {
        if (self.is(a, 0.0) && !self.keeps_nan) || self.is(b, 1.0) {
            return a;
        }
        if let Op::One(Unary::Neg, inner) = self.op(b) {
            let quotient = self.div(a, inner);
            return self.neg(quotient);
        }
        if let Op::Select(c, inner, zero) = self.op(a)
            && self.is(zero, 0.0)
            && !self.keeps_nan
        {
            let quotient = self.div(inner, b);
            return self.select(c, quotient, zero);
        }
        let (sa, sb) = (self.stratum(a), self.stratum(b));
        let before_row = match sb {
            Stratum::Rows | Stratum::Constant => false,
            Stratum::Data | Stratum::Params => sa.join(sb) == Stratum::Rows,
        };
        if before_row {
            let one = self.constant(1.0);
            let inverse = self.two_plain(Binary::Div, one, b);
            return self.mul(a, inverse);
        }
        self.two_plain(Binary::Div, a, b)
    }

    pub(super) fn select(&mut self, condition: Id, a: Id, b: Id) -> Id {
        match self.number(condition) {
            _ if a == b && !self.keeps_nan => a,
            Some(0.0) => b,
            Some(_) => a,
            None => self.insert(Op::Select(condition, a, b)),
        }
    }

    /// Base and exponent, with its sign, where `id` is a power of a base that may be 0: e^limit(exponent, ln base).
    pub(super) fn power(&self, id: Id) -> Option<Power> {
        let Op::One(Unary::Exp, z) = self.op(id) else { return None };
        self.power_of_exponent(z)
    }

    /// The same of e^z.
    pub(super) fn power_of_exponent(&self, mut z: Id) -> Option<Power> {
        let mut negative = false;
        while let Op::One(Unary::Neg, inner) = self.op(z) {
            negative = !negative;
            z = inner;
        }
        let Op::Two(Binary::Limit, x, y) = self.op(z) else { return None };
        for (exponent, mut ln) in [(x, y), (y, x)] {
            let mut negative = negative;
            if let Op::One(Unary::Neg, inner) = self.op(ln) {
                negative = !negative;
                ln = inner;
            }
            if let Op::One(Unary::Ln | Unary::Log1p, base) = self.op(ln) {
                let plus_one = self.op(ln) == Op::One(Unary::Log1p, base);
                return Some(Power { base, plus_one, ln, exponent, negative });
            }
        }
        None
    }

    /// `base ** n` by repeated squaring.
    pub(super) fn integer_power(&mut self, base: Id, n: u32) -> Id {
        let mut result = self.constant(1.0);
        let mut square = base;
        let mut left = n;
        while left > 0 {
            if left & 1 == 1 {
                result = if self.is(result, 1.0) { square } else { self.two_plain(Binary::Mul, result, square) };
            }
            left >>= 1;
            if left > 0 {
                square = self.two_plain(Binary::Mul, square, square);
            }
        }
        result
    }

    /// The value of every node, given those of columns and of parameters.
    pub(super) fn values(&self, column: impl Fn(u32) -> f64, param: impl Fn(u32) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            values.push(op.value(|child| values[child as usize], &column, &param));
        }
        values
    }

    /// Which nodes `roots` need, by index.
    pub(super) fn reachable(&self, roots: &[Id]) -> Vec<bool> {
        let mut live = vec![false; self.ops.len()];
        for &r in roots {
            live[r as usize] = true;
        }
        for id in (0..self.ops.len()).rev() {
            if live[id] {
                let (children, count) = self.ops[id].children();
                for &c in &children[..count] {
                    live[c as usize] = true;
                }
            }
        }
        live
    }
}

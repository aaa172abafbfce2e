//! Derivatives as further nodes of the graph: reverse mode, so all parameters cost about as much as a few values.

use super::graph::{Graph, Id, Op, Power};
use super::sign::{Known, Sign};
use crate::simd::math;
use crate::tape::{Binary, Unary};

/// d root / d parameter for parameters `0..params`; `known` tells which columns and parameters are positive.
pub(super) fn gradient(graph: &mut Graph, root: Id, params: usize, known: &Known) -> Vec<Id> {
    let zero = graph.constant(0.0);
    let one = graph.constant(1.0);
    let mut result = vec![zero; params];
    let last = root as usize + 1;
    // Only what leads from a parameter to the root has an adjoint.
    let mut varies = vec![false; last];
    for id in 0..last {
        let op = graph.ops[id];
        let (children, count) = op.children();
        varies[id] = matches!(op, Op::Param(_)) || children[..count].iter().any(|&c| varies[c as usize]);
    }
    let absorbed = absorbed(graph, root);
    let mut adjoints: Vec<Option<Id>> = vec![None; last];
    adjoints[root as usize] = Some(one);
    for id in (0..last).rev() {
        let Some(adjoint) = adjoints[id] else {
            continue;
        };
        let op = graph.ops[id];
        if let Op::Param(p) = op {
            if let Some(entry) = result.get_mut(p as usize) {
                *entry = adjoint;
            }
            continue;
        }
        let mut add = |graph: &mut Graph, child: Id, term: Id| {
            adjoints[child as usize] = Some(match adjoints[child as usize] {
                None => term,
                Some(sum) => graph.add(sum, term),
            });
        };
        // What a branch not taken makes of its rows, NaN too, must not be heard of.
        let mut conditions = Vec::new();
        let mut inner = adjoint;
        while let Op::Select(condition, taken, other) = graph.op(inner)
            && other == zero
        {
            conditions.push(condition);
            inner = taken;
        }
        if adds_branches(graph, inner, zero) {
            conditions.push(graph.two(Binary::NotEqual, inner, zero));
        }
        let mut add = |graph: &mut Graph, child: Id, term: Id| {
            let term = conditions.iter().rev().fold(term, |term, &condition| graph.select(condition, term, zero));
            add(graph, child, term);
        };
        let adjoint = Adjoint { value: inner, absorbed: absorbed[id], known };
        if let Some(power) = graph.power(id as Id).filter(|power| varies[power.base as usize]) {
            let (by_base, by_exponent) = chain_power(graph, id as Id, power, adjoint);
            add(graph, power.base, by_base);
            if varies[power.exponent as usize] {
                add(graph, power.exponent, by_exponent);
            }
            continue;
        }
        let (children, count) = op.children();
        for position in 0..count {
            let child = children[position];
            if varies[child as usize] {
                let term = chain(graph, id as Id, op, position, adjoint);
                add(graph, child, term);
            }
        }
    }
    result
}

/// Whether an adjoint is a sum over branches, 0 where none of them is taken.
fn adds_branches(graph: &Graph, id: Id, zero: Id) -> bool {
    match graph.op(id) {
        Op::Select(_, _, other) => other == zero,
        Op::One(Unary::Neg, a) => adds_branches(graph, a, zero),
        Op::Two(Binary::Add | Binary::Sub, a, b) => adds_branches(graph, a, zero) && adds_branches(graph, b, zero),
        _ => false,
    }
}

/// Values that may be infinite and the root finite all the same, because a quotient, an exponential or a function with a
/// limit stands between. There the derivative of the root by a logarithm or a multiple of the value vanishes, where the
/// chain rule says 0 times infinity.
fn absorbed(graph: &Graph, root: Id) -> Vec<bool> {
    let mut absorbed = vec![false; root as usize + 1];
    let live = graph.reachable(&[root]);
    for id in (0..=root as usize).rev().filter(|&id| live[id]) {
        let op = graph.ops[id];
        let (children, count) = op.children();
        for (position, &child) in children[..count].iter().enumerate() {
            absorbed[child as usize] |= absorbed[id] || has_limit(op, position);
        }
    }
    absorbed
}

/// Whether the value stays finite as the operand at `position` goes to one of the infinities.
fn has_limit(op: Op, position: usize) -> bool {
    match op {
        Op::One(unary, _) => matches!(
            unary,
            Unary::Exp
                | Unary::Expm1
                | Unary::Tanh
                | Unary::Sigmoid
                | Unary::SigmoidSlope
                | Unary::Softplus
                | Unary::Arctan
                | Unary::Erf
        ),
        Op::Two(Binary::Div, ..) => position == 1,
        Op::Two(Binary::LogAddExp | Binary::M4 | Binary::Pow | Binary::Min | Binary::Max, ..) => true,
        _ => false,
    }
}

/// Natural logarithm of a bound on a value, when the inputs are any finite numbers and logarithms are of positive ones.
fn reach(graph: &Graph, id: Id, known: &Known, depth: usize) -> f64 {
    let of = |child: Id| if depth == 0 { f64::INFINITY } else { reach(graph, child, known, depth - 1) };
    match graph.op(id) {
        Op::Constant(bits) => math::ln(f64::from_bits(bits).abs().max(1.0)),
        Op::Column(_) | Op::Param(_) => FINITE,
        Op::One(Unary::Neg | Unary::Abs, a) => of(a),
        Op::One(Unary::Ln, a) if is_positive(graph, a, known) => 7.0,
        Op::One(Unary::Tanh | Unary::Sigmoid | Unary::SigmoidSlope | Unary::Sin | Unary::Cos | Unary::Erf, _) => 0.0,
        Op::One(Unary::Arctan, _) => 1.0,
        Op::Two(Binary::Add | Binary::Sub, a, b) if of(a).max(of(b)) < FINITE => 1.0 + of(a).max(of(b)),
        Op::Two(Binary::Mul, a, b) => of(a) + of(b),
        _ => f64::INFINITY,
    }
}

/// Natural logarithm of the largest number.
const FINITE: f64 = 709.0;

/// Depth to which a factor is looked at before it counts as unbounded.
const DEPTH: usize = 4;

/// Whether an input is known to be positive.
fn is_positive(graph: &Graph, id: Id, known: &Known) -> bool {
    let sign = match graph.op(id) {
        Op::Column(c) => known.columns.get(c as usize),
        Op::Param(p) => known.params.get(p as usize),
        _ => None,
    };
    sign == Some(&Sign::Positive)
}

/// d root / d node, and what is known of the way from one to the other.
#[derive(Debug, Clone, Copy)]
struct Adjoint<'a> {
    value: Id,
    /// Whether the root may be finite where the node is not.
    absorbed: bool,
    known: &'a Known,
}

impl Adjoint<'_> {
    /// `adjoint * factor`; where the root stays finite beside an infinite factor, in the limit.
    fn times(self, g: &mut Graph, factor: Id) -> Id {
        if self.absorbed && reach(g, factor, self.known, DEPTH) > FINITE {
            g.limit(self.value, factor)
        } else {
            g.mul(self.value, factor)
        }
    }
}

/// Derivatives by the base and the exponent of `id`, a power whose base may be 0; there the one by the exponent is 0 as long
/// as the power is.
fn chain_power(g: &mut Graph, id: Id, power: Power, adjoint: Adjoint<'_>) -> (Id, Id) {
    let one = g.constant(1.0);
    let exponent = if power.negative { g.neg(power.exponent) } else { power.exponent };
    let base = if power.plus_one { g.add(one, power.base) } else { power.base };
    let along = adjoint.times(g, id);
    let by_exponent = {
        let term = g.limit(along, power.ln);
        if power.negative { g.neg(term) } else { term }
    };
    (by_base(g, along, (base, exponent), adjoint), by_exponent)
}

/// Derivative by the base of base**exponent, where `along` is the adjoint times the power. At 0 it is b 0**(b - 1), a number
/// known before the row.
fn by_base(g: &mut Graph, along: Id, (base, exponent): (Id, Id), adjoint: Adjoint<'_>) -> Id {
    let (zero, one) = (g.constant(0.0), g.constant(1.0));
    let less = g.sub(exponent, one);
    let slope = g.two(Binary::Pow, zero, less);
    let slope = g.limit(exponent, slope);
    let at_zero = g.mul(adjoint.value, slope);
    let above = g.mul(along, exponent);
    let elsewhere = g.div(above, base);
    let is_zero = g.two(Binary::Equal, base, zero);
    g.select(is_zero, at_zero, elsewhere)
}

fn chain(g: &mut Graph, id: Id, op: Op, position: usize, adjoint: Adjoint<'_>) -> Id {
    match op {
        Op::Constant(_) | Op::Column(_) | Op::Param(_) => g.constant(0.0),
        Op::One(unary, a) => chain_one(g, id, unary, a, adjoint),
        Op::Two(binary, a, b) => chain_two(g, id, binary, (a, b), position, adjoint),
        Op::MulAdd(a, b, _) => match position {
            0 => adjoint.times(g, b),
            1 => adjoint.times(g, a),
            _ => adjoint.value,
        },
        Op::Select(c, _, _) => {
            let zero = g.constant(0.0);
            match position {
                0 => zero,
                1 => g.select(c, adjoint.value, zero),
                _ => {
                    let not = g.two(Binary::Equal, c, zero);
                    g.select(not, adjoint.value, zero)
                }
            }
        }
    }
}

fn chain_one(g: &mut Graph, id: Id, unary: Unary, a: Id, adjoint: Adjoint<'_>) -> Id {
    match unary {
        Unary::Neg => g.neg(adjoint.value),
        Unary::Exp => adjoint.times(g, id),
        Unary::Ln => g.div(adjoint.value, a),
        Unary::Log1p => {
            let one = g.constant(1.0);
            let below = g.add(one, a);
            g.div(adjoint.value, below)
        }
        Unary::Expm1 => {
            let exp = g.one(Unary::Exp, a);
            adjoint.times(g, exp)
        }
        Unary::Sqrt => {
            let half = g.constant(0.5);
            let partial = g.div(half, id);
            g.mul(adjoint.value, partial)
        }
        Unary::Abs => {
            let zero = g.constant(0.0);
            let negative = g.two(Binary::Less, a, zero);
            let minus = g.neg(adjoint.value);
            g.insert(Op::Select(negative, minus, adjoint.value))
        }
        Unary::Tanh => {
            // 1 - tanh^2 has no digits left where tanh is near 1.
            let twice = g.two(Binary::Add, a, a);
            let slope = g.one(Unary::SigmoidSlope, twice);
            let four = g.constant(4.0);
            let partial = g.mul(four, slope);
            g.mul(adjoint.value, partial)
        }
        Unary::Sigmoid => {
            let partial = g.one(Unary::SigmoidSlope, a);
            g.mul(adjoint.value, partial)
        }
        Unary::Softplus => {
            let partial = g.one(Unary::Sigmoid, a);
            g.mul(adjoint.value, partial)
        }
        Unary::Lgamma => {
            let partial = g.one(Unary::Digamma, a);
            adjoint.times(g, partial)
        }
        // Appears only in first derivatives, which nobody differentiates.
        Unary::Digamma | Unary::SigmoidSlope => g.constant(f64::NAN),
        Unary::Sin => {
            let partial = g.one(Unary::Cos, a);
            g.mul(adjoint.value, partial)
        }
        Unary::Cos => {
            let sin = g.one(Unary::Sin, a);
            let partial = g.neg(sin);
            g.mul(adjoint.value, partial)
        }
        Unary::Arctan => {
            let one = g.constant(1.0);
            let square = g.two_plain(Binary::Mul, a, a);
            let below = g.add(one, square);
            g.div(adjoint.value, below)
        }
        Unary::Erf => {
            let square = g.two_plain(Binary::Mul, a, a);
            let power = g.neg(square);
            let exp = g.one(Unary::Exp, power);
            let scale = g.constant(std::f64::consts::FRAC_2_SQRT_PI);
            let partial = g.mul(scale, exp);
            g.mul(adjoint.value, partial)
        }
    }
}

fn chain_two(g: &mut Graph, id: Id, binary: Binary, (a, b): (Id, Id), position: usize, adjoint: Adjoint<'_>) -> Id {
    let first = position == 0;
    match binary {
        Binary::Add => adjoint.value,
        Binary::Sub if first => adjoint.value,
        Binary::Sub => g.neg(adjoint.value),
        Binary::Mul => adjoint.times(g, if first { b } else { a }),
        Binary::Limit => g.limit(adjoint.value, if first { b } else { a }),
        Binary::Div if first => g.div(adjoint.value, b),
        // The quotient's share of the root first: a/b**2 is 0 for many a b whose square is too large for a number.
        Binary::Div => {
            let along = adjoint.times(g, id);
            let partial = g.div(along, b);
            g.neg(partial)
        }
        Binary::Pow if first => {
            let along = adjoint.times(g, id);
            by_base(g, along, (a, b), adjoint)
        }
        Binary::Pow => {
            let ln = g.one(Unary::Ln, a);
            let partial = g.limit(id, ln);
            adjoint.times(g, partial)
        }
        // At a tie the derivative of the first operand is taken.
        Binary::Min | Binary::Max => {
            let zero = g.constant(0.0);
            let second = if binary == Binary::Min { g.two(Binary::Less, b, a) } else { g.two(Binary::Less, a, b) };
            if first {
                let not = g.two(Binary::Equal, second, zero);
                g.select(not, adjoint.value, zero)
            } else {
                g.select(second, adjoint.value, zero)
            }
        }
        Binary::LogAddExp => {
            let difference = if first { g.sub(a, b) } else { g.sub(b, a) };
            let partial = g.one(Unary::Sigmoid, difference);
            g.mul(adjoint.value, partial)
        }
        Binary::M4 => share(g, id, a, b, first, adjoint.value),
        Binary::Less | Binary::LessEqual | Binary::Equal | Binary::NotEqual => g.constant(0.0),
    }
}

/// Through v / (1 - v)^k = e^t: dv/dt = v u / (u + k v) with u = 1 - v, and dv/dk = ln(u) dv/dt. Near v = 1 the difference
/// has no digits left; there u solves the same equation with -t/k and 1/k.
fn share(g: &mut Graph, v: Id, t: Id, k: Id, first: bool, adjoint: Id) -> Id {
    let (zero, half, one) = (g.constant(0.0), g.constant(0.5), g.constant(1.0));
    let difference = g.sub(one, v);
    let turned = g.div(t, k);
    let turned = g.neg(turned);
    let inverse = g.div(one, k);
    let complement = g.two(Binary::M4, turned, inverse);
    let small = g.two(Binary::Less, v, half);
    let plain = g.two(Binary::Equal, k, zero);
    let rest = g.select(small, difference, complement);
    let rest = g.select(plain, difference, rest);
    let weight = g.two(Binary::Mul, k, v);
    let below = g.add(rest, weight);
    let above = g.two(Binary::Mul, v, rest);
    let slope = g.div(above, below);
    let slope = g.select(plain, v, slope);
    let slope = if first {
        slope
    } else {
        // A share of 1 has nothing left to lose.
        let some = g.two(Binary::Less, zero, rest);
        let ln = g.one(Unary::Ln, rest);
        let product = g.mul(slope, ln);
        g.select(some, product, zero)
    };
    g.mul(adjoint, slope)
}

//! Derivatives as further nodes of the graph: reverse mode, so all parameters cost about as much as a few values.

use super::graph::{Graph, Id, Op};
use crate::tape::{Binary, Unary};

/// d root / d parameter for parameters `0..params`.
pub(super) fn gradient(graph: &mut Graph, root: Id, params: usize) -> Vec<Id> {
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
        let (children, count) = op.children();
        for position in 0..count {
            let child = children[position] as usize;
            if !varies[child] {
                continue;
            }
            let term = chain(graph, id as Id, op, position, adjoint);
            adjoints[child] = Some(match adjoints[child] {
                None => term,
                Some(sum) => graph.add(sum, term),
            });
        }
    }
    result
}

/// `adjoint * d node / d child`, the child being the operand at `position` of `op`.
fn chain(g: &mut Graph, id: Id, op: Op, position: usize, adjoint: Id) -> Id {
    match op {
        Op::Constant(_) | Op::Column(_) | Op::Param(_) => g.constant(0.0),
        Op::One(unary, a) => chain_one(g, id, unary, a, adjoint),
        Op::Two(binary, a, b) => chain_two(g, id, binary, a, b, position, adjoint),
        Op::MulAdd(a, b, _) => match position {
            0 => g.mul(adjoint, b),
            1 => g.mul(adjoint, a),
            _ => adjoint,
        },
        Op::Select(c, _, _) => {
            let zero = g.constant(0.0);
            match position {
                0 => zero,
                1 => g.select(c, adjoint, zero),
                _ => {
                    let not = g.two(Binary::Equal, c, zero);
                    g.select(not, adjoint, zero)
                }
            }
        }
    }
}

fn chain_one(g: &mut Graph, id: Id, unary: Unary, a: Id, adjoint: Id) -> Id {
    match unary {
        Unary::Neg => g.neg(adjoint),
        Unary::Exp => g.mul(adjoint, id),
        Unary::Ln => g.div(adjoint, a),
        Unary::Log1p => {
            let one = g.constant(1.0);
            let below = g.add(one, a);
            g.div(adjoint, below)
        }
        Unary::Expm1 => {
            let exp = g.one(Unary::Exp, a);
            g.mul(adjoint, exp)
        }
        Unary::Sqrt => {
            let half = g.constant(0.5);
            let partial = g.div(half, id);
            g.mul(adjoint, partial)
        }
        Unary::Abs => {
            let zero = g.constant(0.0);
            let negative = g.two(Binary::Less, a, zero);
            let minus = g.neg(adjoint);
            g.insert(Op::Select(negative, minus, adjoint))
        }
        Unary::Tanh => {
            let one = g.constant(1.0);
            let square = g.two_plain(Binary::Mul, id, id);
            let partial = g.sub(one, square);
            g.mul(adjoint, partial)
        }
        Unary::Sigmoid => {
            let one = g.constant(1.0);
            let other = g.sub(one, id);
            let partial = g.mul(id, other);
            g.mul(adjoint, partial)
        }
        Unary::Softplus => {
            let partial = g.one(Unary::Sigmoid, a);
            g.mul(adjoint, partial)
        }
        Unary::Lgamma => {
            let partial = g.one(Unary::Digamma, a);
            g.mul(adjoint, partial)
        }
        // Appears only in first derivatives, which nobody differentiates.
        Unary::Digamma => g.constant(f64::NAN),
        Unary::Sin => {
            let partial = g.one(Unary::Cos, a);
            g.mul(adjoint, partial)
        }
        Unary::Cos => {
            let sin = g.one(Unary::Sin, a);
            let partial = g.neg(sin);
            g.mul(adjoint, partial)
        }
        Unary::Arctan => {
            let one = g.constant(1.0);
            let square = g.two_plain(Binary::Mul, a, a);
            let below = g.add(one, square);
            g.div(adjoint, below)
        }
        Unary::Erf => {
            let square = g.two_plain(Binary::Mul, a, a);
            let power = g.neg(square);
            let exp = g.one(Unary::Exp, power);
            let scale = g.constant(std::f64::consts::FRAC_2_SQRT_PI);
            let partial = g.mul(scale, exp);
            g.mul(adjoint, partial)
        }
    }
}

fn chain_two(g: &mut Graph, id: Id, binary: Binary, a: Id, b: Id, position: usize, adjoint: Id) -> Id {
    let first = position == 0;
    match binary {
        Binary::Add => adjoint,
        Binary::Sub if first => adjoint,
        Binary::Sub => g.neg(adjoint),
        Binary::Mul => g.mul(adjoint, if first { b } else { a }),
        Binary::Div if first => g.div(adjoint, b),
        Binary::Div => {
            let quotient = g.div(id, b);
            let partial = g.neg(quotient);
            g.mul(adjoint, partial)
        }
        Binary::Pow if first => {
            let one = g.constant(1.0);
            let less = g.sub(b, one);
            let power = g.two(Binary::Pow, a, less);
            let partial = g.mul(b, power);
            g.mul(adjoint, partial)
        }
        Binary::Pow => {
            let ln = g.one(Unary::Ln, a);
            let partial = g.mul(id, ln);
            g.mul(adjoint, partial)
        }
        // At a tie the derivative of the first operand is taken.
        Binary::Min | Binary::Max => {
            let zero = g.constant(0.0);
            let second = if binary == Binary::Min { g.two(Binary::Less, b, a) } else { g.two(Binary::Less, a, b) };
            if first {
                let not = g.two(Binary::Equal, second, zero);
                g.select(not, adjoint, zero)
            } else {
                g.select(second, adjoint, zero)
            }
        }
        Binary::LogAddExp => {
            let difference = if first { g.sub(a, b) } else { g.sub(b, a) };
            let partial = g.one(Unary::Sigmoid, difference);
            g.mul(adjoint, partial)
        }
        Binary::M4 => share(g, id, a, b, first, adjoint),
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

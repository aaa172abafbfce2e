//! Tree to graph: powers become exponentials of logarithms, logarithms of products sums of logarithms.

use super::graph::{Graph, Id, Op, Stratum};
use super::parse::Parsed;
use super::sign::{Known, Sign, Signs};
use super::token::{fault, shorten};
use super::tree::{Comparison, Function, Node};
use crate::error::{Error, FormulaProblem};
use crate::tape::{Binary, Unary};
use std::f64::consts::{LN_2, LN_10, PI};

/// Largest integer exponent written out as a product.
const MOST_FACTORS: f64 = 64.0;

/// Factors of a product looked at one by one.
const MOST_PARTS: usize = 64;

/// What each name of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Column(u32),
    Param(u32),
}

/// Refuses a constant part without a finite value.
pub(super) fn check_constants(parsed: &Parsed, text: &str) -> Result<(), Error> {
    let tree = &parsed.tree;
    let mut values: Vec<Option<f64>> = Vec::with_capacity(tree.nodes.len());
    for (node, &(start, end)) in tree.nodes.iter().zip(&tree.spans) {
        let get = |a: u32| values[a as usize];
        let both = |a, b, binary: Binary| Some(binary.apply(get(a)?, get(b)?));
        let value = match *node {
            Node::Number(x) => Some(x),
            Node::Pi => Some(PI),
            Node::Name(_) | Node::Call2(Function::One(_) | Function::Log10 | Function::Log2 | Function::Where, ..) => {
                None
            }
            Node::Neg(a) => get(a).map(|x| -x),
            Node::Add(a, b) => both(a, b, Binary::Add),
            Node::Sub(a, b) => both(a, b, Binary::Sub),
            Node::Mul(a, b) => both(a, b, Binary::Mul),
            Node::Div(a, b) => both(a, b, Binary::Div),
            Node::Pow(a, b) => both(a, b, Binary::Pow),
            Node::Call(Function::One(unary), a) => get(a).map(|x| unary.apply(x)),
            Node::Call(_, a) => get(a).map(|x| Unary::Ln.apply(x)),
            Node::Call2(Function::Two(binary), a, b) => both(a, b, binary),
            Node::Where(c, [l, r, a, b]) => match (get(l), get(r)) {
                (Some(l), Some(r)) => get(if compare(c, l, r) { a } else { b }),
                _ => None,
            },
        };
        if let Some(value) = value.filter(|v| !v.is_finite()) {
            let (start, end) = (start as usize, end as usize);
            return Err(fault(FormulaProblem::NotFinite { text: shorten(&text[start..end]), value }, start, end));
        }
        values.push(value);
    }
    Ok(())
}

fn compare(c: Comparison, l: f64, r: f64) -> bool {
    match c {
        Comparison::Less => l < r,
        Comparison::LessEqual => l <= r,
        Comparison::Greater => l > r,
        Comparison::GreaterEqual => l >= r,
        Comparison::Equal => l == r,
        Comparison::NotEqual => l != r,
    }
}

/// Adds the tree to `graph` and returns its root; `known` tells which columns and parameters are positive.
pub(super) fn lower(parsed: &Parsed, meanings: &[Meaning], known: &Known, graph: &mut Graph) -> Id {
    graph.keeps_nan = true;
    let root = lower_tree(parsed, meanings, &mut Signs::new(known), graph);
    graph.keeps_nan = false;
    root
}

fn lower_tree(parsed: &Parsed, meanings: &[Meaning], signs: &mut Signs<'_>, graph: &mut Graph) -> Id {
    let tree = &parsed.tree;
    let mut ids: Vec<Id> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let get = |a: u32| ids[a as usize];
        let id = match *node {
            Node::Number(x) => graph.constant(x),
            Node::Pi => graph.constant(PI),
            Node::Name(n) => graph.insert(match meanings[n as usize] {
                Meaning::Column(c) => Op::Column(c),
                Meaning::Param(p) => Op::Param(p),
            }),
            Node::Neg(a) => graph.neg(get(a)),
            Node::Add(a, b) => add(graph, get(a), get(b)),
            Node::Sub(a, b) => graph.sub(get(a), get(b)),
            Node::Mul(a, b) => mul(graph, get(a), get(b)),
            Node::Div(a, b) => div(graph, get(a), get(b)),
            Node::Pow(a, b) => pow(graph, signs, get(a), get(b)),
            Node::Call(Function::Log10, a) => scaled_ln(graph, signs, get(a), 1.0 / LN_10),
            Node::Call(Function::Log2, a) => scaled_ln(graph, signs, get(a), 1.0 / LN_2),
            Node::Call(Function::One(unary), a) => one(graph, signs, unary, get(a)),
            Node::Call2(Function::Two(binary), a, b) => graph.two(binary, get(a), get(b)),
            // The parser makes no other calls.
            Node::Call(_, a) | Node::Call2(_, a, _) => get(a),
            Node::Where(c, [l, r, a, b]) => {
                let (l, r) = (get(l), get(r));
                let condition = match c {
                    Comparison::Less => graph.two(Binary::Less, l, r),
                    Comparison::LessEqual => graph.two(Binary::LessEqual, l, r),
                    Comparison::Greater => graph.two(Binary::Less, r, l),
                    Comparison::GreaterEqual => graph.two(Binary::LessEqual, r, l),
                    Comparison::Equal => graph.two(Binary::Equal, l, r),
                    Comparison::NotEqual => graph.two(Binary::NotEqual, l, r),
                };
                graph.select(condition, get(a), get(b))
            }
        };
        ids.push(id);
    }
    ids.last().copied().unwrap_or_else(|| graph.constant(0.0))
}

fn add(graph: &mut Graph, a: Id, b: Id) -> Id {
    graph.add(a, b)
}

fn one(graph: &mut Graph, signs: &mut Signs<'_>, unary: Unary, a: Id) -> Id {
    match (unary, graph.op(a)) {
        (Unary::Ln, _) => ln(graph, signs, a),
        (Unary::Log1p, Op::One(Unary::Exp, z)) => graph.one(Unary::Softplus, z),
        _ => graph.one(unary, a),
    }
}

fn scaled_ln(graph: &mut Graph, signs: &mut Signs<'_>, a: Id, scale: f64) -> Id {
    let ln = ln(graph, signs, a);
    let scale = graph.constant(scale);
    graph.mul(ln, scale)
}

/// Two exponentials of the same row are one, but for powers of a base that may be 0 and depends on parameters: their
/// derivatives by the base are taken at the power.
fn mul(graph: &mut Graph, a: Id, b: Id) -> Id {
    let merges = |graph: &Graph, (factor, power): (Option<Id>, Option<Id>)| {
        let base = power.and_then(|z| graph.power_of_exponent(z)).map(|power| power.base);
        let stays = base.is_some_and(|base| matches!(graph.stratum(base), Stratum::Rows | Stratum::Params));
        (factor, power.filter(|_| !stays))
    };
    let (factor_a, power_a) = merges(graph, split_exp(graph, a));
    let (factor_b, power_b) = merges(graph, split_exp(graph, b));
    match (power_a, power_b) {
        (Some(u), Some(v)) => {
            let power = graph.add(u, v);
            let together = graph.one(Unary::Exp, power);
            let factor = match (factor_a, factor_b) {
                (Some(x), Some(y)) => Some(graph.mul(x, y)),
                (x, y) => x.or(y),
            };
            match factor {
                Some(factor) => graph.mul(factor, together),
                None => together,
            }
        }
        _ => graph.mul(a, b),
    }
}

/// `factor * e^power` when the exponential needs parameter and row.
fn split_exp(graph: &Graph, a: Id) -> (Option<Id>, Option<Id>) {
    let power = |id: Id| match graph.op(id) {
        Op::One(Unary::Exp, z) if graph.stratum(id) == Stratum::Rows => Some(z),
        _ => None,
    };
    if let Some(z) = power(a) {
        return (None, Some(z));
    }
    if let Op::Two(Binary::Mul, x, y) = graph.op(a) {
        for (x, y) in [(x, y), (y, x)] {
            if let Some(z) = power(y) {
                return (Some(x), Some(z));
            }
        }
    }
    (Some(a), None)
}

fn div(graph: &mut Graph, a: Id, b: Id) -> Id {
    if let (factor, Some(z)) = split_exp(graph, b) {
        let numerator = match factor {
            Some(factor) => div(graph, a, factor),
            None => a,
        };
        let z = graph.neg(z);
        let inverse = graph.one(Unary::Exp, z);
        return mul(graph, numerator, inverse);
    }
    // 1 / (1 + e^z), without overflow
    if let Op::Two(Binary::Add, x, y) = graph.op(b) {
        for (x, y) in [(x, y), (y, x)] {
            if let (Some(1.0), Op::One(Unary::Exp, z)) = (graph.number(x), graph.op(y)) {
                let z = graph.neg(z);
                let sigmoid = graph.one(Unary::Sigmoid, z);
                return graph.mul(a, sigmoid);
            }
        }
    }
    graph.div(a, b)
}

fn pow(graph: &mut Graph, signs: &mut Signs<'_>, base: Id, exponent: Id) -> Id {
    let fixed = graph.number(exponent);
    if let (Some(b), Some(e)) = (graph.number(base), fixed) {
        return graph.constant(Binary::Pow.apply(b, e));
    }
    if let Some(e) = fixed {
        if e == e.trunc() {
            if e.abs() > MOST_FACTORS {
                return graph.two(Binary::Pow, base, exponent);
            }
            // Powers of exponentials stay exponentials.
            if let Op::One(Unary::Exp, z) = graph.op(base) {
                let z = graph.mul(exponent, z);
                return graph.one(Unary::Exp, z);
            }
            let power = graph.integer_power(base, e.abs() as u32);
            if e >= 0.0 {
                return power;
            }
            let one = graph.constant(1.0);
            return div(graph, one, power);
        }
        if e.abs() == 0.5 && !matches!(graph.op(base), Op::One(Unary::Exp, _)) {
            let root = graph.one(Unary::Sqrt, base);
            if e > 0.0 {
                return root;
            }
            let one = graph.constant(1.0);
            return div(graph, one, root);
        }
    }
    // (-1)**n, with a column of whole numbers. Any other exponent that is not written as a whole number may be one by
    // rounding alone, and a power of a negative number has no value then.
    if graph.number(base).is_some_and(|b| b <= 0.0) && matches!(graph.op(exponent), Op::Column(_)) {
        return graph.two(Binary::Pow, base, exponent);
    }
    // A power of a power that may be 0 is one again.
    if let Some(power) = graph.power(base) {
        let product = graph.mul(exponent, power.exponent);
        let product = if power.negative { graph.neg(product) } else { product };
        let z = graph.limit(product, power.ln);
        return graph.one(Unary::Exp, z);
    }
    let is_positive = signs.of(graph, base) == Sign::Positive;
    // The derivative by a base that may be 0 is taken at the power, which must know its base.
    let ln =
        if is_positive || may_split(graph, signs, base) { ln(graph, signs, base) } else { graph.one(Unary::Ln, base) };
    // An infinite base to the power of 0 is 1; the softplus of an ordinary number is one.
    let is_finite = !signs.may_overflow(graph, base) || matches!(graph.op(ln), Op::One(Unary::Softplus, _));
    let power = if is_positive && is_finite { graph.mul(exponent, ln) } else { graph.limit(exponent, ln) };
    graph.one(Unary::Exp, power)
}

/// Whether a power of `a`, which may be 0, is one of its factors: parameters enter its sign only by factors known to be
/// positive, and no factor is 0 beside one that may be negative.
fn may_split(graph: &Graph, signs: &mut Signs<'_>, a: Id) -> bool {
    let mut stack = vec![a];
    let mut parts = 0;
    let (mut vanishes, mut has_sign) = (false, false);
    while let Some(id) = stack.pop() {
        parts += 1;
        match graph.op(id) {
            Op::Two(Binary::Mul | Binary::Div, x, y) if parts < MOST_PARTS => stack.extend([x, y]),
            Op::One(Unary::Exp, _) => vanishes |= graph.power(id).is_some(),
            _ => match signs.of(graph, id) {
                Sign::Positive => {}
                sign if graph.stratum(id) == Stratum::Data => has_sign |= sign == Sign::Any,
                _ => return false,
            },
        }
    }
    !(vanishes && has_sign)
}

/// The logarithm, split over factors known to be positive.
fn ln(graph: &mut Graph, signs: &mut Signs<'_>, a: Id) -> Id {
    match graph.op(a) {
        Op::One(Unary::Exp, z) => return z,
        Op::One(Unary::Sqrt, x) => {
            let half = graph.constant(0.5);
            let ln = ln_shallow(graph, signs, x);
            return graph.mul(half, ln);
        }
        Op::Two(Binary::Add, x, y) => {
            for (x, y) in [(x, y), (y, x)] {
                if graph.number(x) == Some(1.0) {
                    return one(graph, signs, Unary::Log1p, y);
                }
            }
        }
        _ => {}
    }
    ln_shallow(graph, signs, a)
}

/// ln of a product or quotient of positive factors, one factor at a time; at most one factor whose sign is not known is
/// left in one logarithm. With two of them there is no telling: both may be negative.
fn ln_shallow(graph: &mut Graph, signs: &mut Signs<'_>, a: Id) -> Id {
    let mut sum = graph.constant(0.0);
    let mut rest: Option<Id> = None;
    let mut stack = vec![(a, false)];
    let mut parts = 0;
    let mut ok = true;
    let mut pieces = Vec::new();
    while let Some((id, inverse)) = stack.pop() {
        parts += 1;
        match graph.op(id) {
            Op::Two(Binary::Mul, x, y) if parts < MOST_PARTS => stack.extend([(y, inverse), (x, inverse)]),
            Op::Two(Binary::Div, x, y) if parts < MOST_PARTS => stack.extend([(y, !inverse), (x, inverse)]),
            Op::One(Unary::Exp, _) => pieces.push((id, inverse)),
            Op::Constant(_) | Op::Column(_) | Op::Param(_) if signs.of(graph, id) == Sign::Positive => {
                pieces.push((id, inverse));
            }
            _ if rest.is_none() => {
                rest = Some(id);
                pieces.push((id, inverse));
            }
            _ => ok = false,
        }
    }
    if !ok || pieces.len() == 1 {
        return graph.one(Unary::Ln, a);
    }
    for (id, inverse) in pieces {
        let term = match graph.op(id) {
            Op::One(Unary::Exp, z) => z,
            _ if rest == Some(id) => ln_of_sum(graph, signs, id),
            _ => graph.one(Unary::Ln, id),
        };
        sum = if inverse { graph.sub(sum, term) } else { graph.add(sum, term) };
    }
    sum
}

fn ln_of_sum(graph: &mut Graph, signs: &mut Signs<'_>, a: Id) -> Id {
    if let Op::Two(Binary::Add, x, y) = graph.op(a) {
        for (x, y) in [(x, y), (y, x)] {
            if graph.number(x) == Some(1.0) {
                return one(graph, signs, Unary::Log1p, y);
            }
        }
    }
    graph.one(Unary::Ln, a)
}

//! Where a formula is defined: which columns and parameters must be positive.

use super::lower::Meaning;
use super::parse::Parsed;
use super::token::shorten;
use super::tree::{At, Function, Node, Tree};
use crate::tape::Unary;
use std::collections::BTreeMap;

/// What a column must be for the formula to have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequirementKind {
    /// != 0
    NonZero,
    /// >= 0
    NonNegative,
    /// > 0
    Positive,
}

impl RequirementKind {
    /// What the column must be, in a word: `non-zero`, `non-negative` or `positive`.
    pub fn name(self) -> &'static str {
        match self {
            RequirementKind::NonZero => "non-zero",
            RequirementKind::NonNegative => "non-negative",
            RequirementKind::Positive => "positive",
        }
    }
}

/// A condition on a column, and the part of the formula that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Index into the program's columns.
    pub column: usize,
    /// The condition.
    pub kind: RequirementKind,
    /// The part of the formula, such as `N**alpha`.
    pub because: String,
    /// Whether nothing but powers with exponents that are not known makes it.
    pub(super) is_power: bool,
}

/// Conditions on columns (one per column, the strongest), and the parameters that must be positive.
pub(super) fn domain(parsed: &Parsed, meanings: &[Meaning], text: &str) -> (Vec<Requirement>, Vec<usize>) {
    let tree = &parsed.tree;
    let guarded = guarded(tree);
    let mut found: BTreeMap<u32, Requirement> = BTreeMap::new();
    let mut positive = Vec::new();
    for (at, node) in tree.nodes.iter().enumerate().filter(|(at, _)| !guarded[*at]) {
        let (part, kind, below) = match *node {
            Node::Pow(base, exponent) => match constant(tree, exponent) {
                Some(e) if e == e.trunc() && e >= 0.0 => continue,
                Some(e) if e == e.trunc() => (base, RequirementKind::NonZero, RequirementKind::NonZero),
                Some(e) if e > 0.0 => (base, RequirementKind::NonNegative, RequirementKind::Positive),
                _ => (base, RequirementKind::Positive, RequirementKind::Positive),
            },
            Node::Call(Function::One(Unary::Ln) | Function::Log10 | Function::Log2, a) => {
                (a, RequirementKind::Positive, RequirementKind::Positive)
            }
            Node::Call(Function::One(Unary::Sqrt), a) => (a, RequirementKind::NonNegative, RequirementKind::Positive),
            Node::Div(_, below) => (below, RequirementKind::NonZero, RequirementKind::NonZero),
            _ => continue,
        };
        let because = || {
            let (start, end) = tree.spans[at];
            shorten(&text[start as usize..end as usize])
        };
        let is_power = matches!(node, Node::Pow(_, exponent) if constant(tree, *exponent).is_none());
        let factors = factors(tree, part);
        let columns = factors
            .names
            .iter()
            .filter(|(name, power)| matches!(meanings[**name as usize], Meaning::Column(_)) && *power % 2 != 0);
        // Two factors of unknown sign may both be negative; below a line they must not be 0 all the same.
        let decides = !factors.is_open && columns.count() <= 1;
        for (&name, &power) in &factors.names {
            let (is_odd, inverse) = (power % 2 != 0, power < 0);
            let kind = if inverse { below } else { kind };
            match meanings[name as usize] {
                Meaning::Param(p) if kind > RequirementKind::NonZero && is_odd && !factors.is_negative => {
                    positive.push(p as usize);
                }
                Meaning::Param(_) => {}
                Meaning::Column(c) => {
                    let kind = match kind {
                        RequirementKind::NonZero => kind,
                        _ if is_odd && decides && !factors.is_negative => kind,
                        RequirementKind::Positive => RequirementKind::NonZero,
                        RequirementKind::NonNegative => continue,
                    };
                    let entry = found.entry(c).or_insert_with(|| Requirement {
                        column: c as usize,
                        kind,
                        because: because(),
                        is_power: true,
                    });
                    entry.is_power &= is_power || kind == RequirementKind::NonNegative;
                    let both = match (entry.kind, kind) {
                        (a, b) if a == b => a,
                        // NonNegative and NonZero together are Positive.
                        _ => RequirementKind::Positive,
                    };
                    if both > entry.kind {
                        *entry = Requirement { kind: both, because: because(), ..entry.clone() };
                    }
                }
            }
        }
    }
    positive.sort_unstable();
    positive.dedup();
    (found.into_values().collect(), positive)
}

/// Nodes inside a branch of `where`: their conditions hold only where the branch is taken.
fn guarded(tree: &Tree) -> Vec<bool> {
    let mut inside = vec![false; tree.nodes.len()];
    for at in (0..tree.nodes.len()).rev() {
        let (children, count) = tree.nodes[at].children();
        for (i, &c) in children[..count].iter().enumerate() {
            inside[c as usize] = inside[at] || (matches!(tree.nodes[at], Node::Where(..)) && i >= 2);
        }
    }
    inside
}

/// The value of a number with signs.
fn constant(tree: &Tree, at: At) -> Option<f64> {
    let mut sign = 1.0;
    let mut at = at;
    loop {
        match tree.nodes[at as usize] {
            Node::Number(x) => return Some(sign * x),
            Node::Pi => return Some(sign * std::f64::consts::PI),
            Node::Neg(a) => {
                sign = -sign;
                at = a;
            }
            Node::Div(a, b) => match (tree.nodes[a as usize], tree.nodes[b as usize]) {
                (Node::Number(x), Node::Number(y)) => return Some(sign * x / y),
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// What a product or quotient is made of.
#[derive(Debug, Default)]
struct Factors {
    /// Names and the powers to which they stand in it: negative below the line, even where signs cancel.
    names: BTreeMap<u32, i64>,
    /// Whether numbers and signs make the rest negative.
    is_negative: bool,
    /// Whether there are factors whose signs are not known.
    is_open: bool,
}

/// Largest whole exponent whose base is looked into.
const LARGEST_POWER: f64 = 1000.0;

fn factors(tree: &Tree, at: At) -> Factors {
    let mut found = Factors::default();
    let mut stack = vec![(at, 1_i64)];
    while let Some((at, power)) = stack.pop() {
        match tree.nodes[at as usize] {
            Node::Name(n) => *found.names.entry(n).or_default() += power,
            Node::Number(x) => found.is_open |= x == 0.0,
            Node::Pi | Node::Call(Function::One(Unary::Exp | Unary::Sigmoid | Unary::Softplus), _) => {}
            Node::Neg(a) => {
                found.is_negative ^= power % 2 != 0;
                stack.push((a, power));
            }
            Node::Mul(a, b) => stack.extend([(a, power), (b, power)]),
            Node::Div(a, b) => stack.extend([(a, power), (b, -power)]),
            Node::Pow(base, exponent) => match constant(tree, exponent) {
                Some(e) if e == e.trunc() && e.abs() < LARGEST_POWER => {
                    // Powers of powers stay far from where they could overflow.
                    match power.checked_mul(e as i64) {
                        Some(power) => stack.push((base, power)),
                        None => found.is_open = true,
                    }
                }
                // Any other power demands of its base what it needs to be positive itself, and is 0 where the base is.
                Some(_) => stack.push((base, 2 * power.signum())),
                None => {}
            },
            Node::Call(Function::One(Unary::Sqrt | Unary::Abs), a) => stack.push((a, 2 * power.signum())),
            _ => found.is_open |= power % 2 != 0,
        }
    }
    found
}

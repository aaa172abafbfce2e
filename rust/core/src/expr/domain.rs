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
        for (name, inverse) in factors(tree, part) {
            match meanings[name as usize] {
                Meaning::Param(p) if kind > RequirementKind::NonZero => positive.push(p as usize),
                Meaning::Param(_) => {}
                Meaning::Column(c) => {
                    let kind = if inverse { below } else { kind };
                    let entry =
                        found.entry(c).or_insert_with(|| Requirement { column: c as usize, kind, because: because() });
                    let both = match (entry.kind, kind) {
                        (a, b) if a == b => a,
                        // NonNegative and NonZero together are Positive.
                        _ => RequirementKind::Positive,
                    };
                    if both > entry.kind {
                        *entry = Requirement { column: c as usize, kind: both, because: because() };
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

/// Names that are factors of a product or quotient, and whether they stand below the line.
fn factors(tree: &Tree, at: At) -> Vec<(u32, bool)> {
    let mut found = Vec::new();
    let mut stack = vec![(at, false)];
    while let Some((at, inverse)) = stack.pop() {
        match tree.nodes[at as usize] {
            Node::Name(n) => found.push((n, inverse)),
            Node::Mul(a, b) => stack.extend([(a, inverse), (b, inverse)]),
            Node::Div(a, b) => stack.extend([(a, inverse), (b, !inverse)]),
            _ => {}
        }
    }
    found
}

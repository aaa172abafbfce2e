//! Where a column may be 0 although it stands under a power whose exponent is not known: the law has a value there all the same.
//!
//! D**beta is 0 or infinite at D = 0, as beta has one sign or the other. In B/(c + D**beta) both are the limits of a law that
//! is finite, and so are its derivatives; in E + A*D**beta one of them is not.

use super::differentiate::gradient;
use super::dimension::arbitrary;
use super::domain::{Requirement, RequirementKind};
use super::graph::Graph;
use super::lower::{Meaning, lower};
use super::parse::Parsed;
use super::sign::{Known, Sign};

/// Nodes beyond which a formula is taken as it is written.
const MOST_NODES: usize = 300;

/// Sets of values looked at, and how many parameters take every sign among them.
const MOST_PATTERNS: u64 = 32;
const FEW: u32 = 5;

/// A value of the column near 0: where exponents have the size of 1, its powers are far below the rounding of the others.
const NEAR: f64 = 1e-200;

/// A value of the column that tells whether a set of parameters has a law at all.
const USUAL: f64 = 0.8;

/// What requirements say of the signs of `columns` columns and `params` parameters.
pub(super) fn known(requirements: &[Requirement], positive: &[usize], columns: usize, params: usize) -> Known {
    let mut known = Known { columns: vec![Sign::Any; columns], params: vec![Sign::Any; params] };
    for requirement in requirements {
        known.columns[requirement.column] = match requirement.kind {
            RequirementKind::NonZero => Sign::Any,
            RequirementKind::NonNegative => Sign::NonNegative,
            RequirementKind::Positive => Sign::Positive,
        };
    }
    for &p in positive {
        known.params[p] = Sign::Positive;
    }
    known
}

/// Lets columns be 0 that need not be positive.
pub(super) fn relax(parsed: &Parsed, meanings: &[Meaning], requirements: &mut [Requirement], positive: &[usize]) {
    if parsed.tree.nodes.len() > MOST_NODES {
        return;
    }
    let count = |is_column: bool| meanings.iter().filter(|m| matches!(m, Meaning::Column(_)) == is_column).count();
    let (columns, params) = (count(true), count(false));
    for at in 0..requirements.len() {
        if !requirements[at].is_power || requirements[at].kind != RequirementKind::Positive {
            continue;
        }
        requirements[at].kind = RequirementKind::NonNegative;
        let known = known(requirements, positive, columns, params);
        if !is_defined_at_zero(parsed, meanings, &known, requirements[at].column, params) {
            requirements[at].kind = RequirementKind::Positive;
        }
    }
}

/// Whether value and derivatives are finite where `column`, and every other one that may be, is 0, whatever the signs of the
/// parameters, and the value goes there without a jump.
fn is_defined_at_zero(parsed: &Parsed, meanings: &[Meaning], known: &Known, column: usize, params: usize) -> bool {
    let mut graph = Graph::default();
    let root = lower(parsed, meanings, known, &mut graph);
    let gradient = gradient(&mut graph, root, params, known);
    let mut is_defined = false;
    for pattern in 0..MOST_PATTERNS {
        // Every sign of the first few, and some of the others.
        let signed = |size: f64, place: u32, sign: Sign| {
            let bit =
                if place < FEW { pattern >> place } else { (1e6 * arbitrary(u64::from(place) + 101, pattern)) as u64 };
            if bit & 1 == 1 && sign == Sign::Any { -size } else { size }
        };
        let param = |p: u32| signed(arbitrary(u64::from(p) + 1, pattern), p, known.params[p as usize]);
        let row = |zero: f64, others: bool| {
            let value = |c: u32| {
                let may_be_zero = others && known.columns[c as usize] == Sign::NonNegative;
                let own = signed(arbitrary(u64::from(c) + 201, pattern), 64 + c, known.columns[c as usize]);
                if c as usize == column || may_be_zero { zero } else { own }
            };
            graph.values(value, param)
        };
        for others in [false, true] {
            if !row(USUAL, others)[root as usize].is_finite() {
                continue;
            }
            let near = row(NEAR, others)[root as usize];
            let at = row(0.0, others);
            let value = at[root as usize];
            let continues = near.is_finite() && (value - near).abs() <= 1e-6 * (1.0 + near.abs());
            if !continues || gradient.iter().any(|&slope| !at[slope as usize].is_finite()) {
                return false;
            }
            is_defined = true;
        }
    }
    is_defined
}

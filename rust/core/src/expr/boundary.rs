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
const MOST_NODES: usize = 2_000;

/// Sets of parameters looked at: every sign of the first few, and some of the others.
const MOST_PATTERNS: u64 = 64;

/// A value of the column near 0: where exponents have the size of 1, its powers are far below the rounding of the others.
const NEAR: f64 = 1e-200;

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
        let param = |p: u32| {
            let size = arbitrary(u64::from(p) + 1, pattern);
            let bit = if p < 6 { pattern >> p } else { (1e6 * arbitrary(u64::from(p) + 101, pattern)) as u64 };
            if bit & 1 == 1 && known.params[p as usize] != Sign::Positive { -size } else { size }
        };
        let row = |zero: f64, others: bool| {
            let value = |c: u32| {
                let may_be_zero = others && known.columns[c as usize] == Sign::NonNegative;
                let own = arbitrary(u64::from(c) + 201, pattern);
                if c as usize == column || may_be_zero { zero } else { own }
            };
            graph.values(value, param)
        };
        for others in [false, true] {
            let near = row(NEAR, others)[root as usize];
            if !near.is_finite() {
                continue;
            }
            let at = row(0.0, others);
            let value = at[root as usize];
            let continues = (value - near).abs() <= 1e-6 * (1.0 + near.abs());
            if !continues || gradient.iter().any(|&slope| !at[slope as usize].is_finite()) {
                return false;
            }
            is_defined = true;
        }
    }
    is_defined
}

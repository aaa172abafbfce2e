//! What is known of the sign of a value before any row is seen.

use super::graph::{Graph, Id, Op};
use crate::tape::{Binary, Unary};

/// What the formula demands of its columns and parameters.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// Of each column, in the order of the program.
    pub(super) columns: Vec<Sign>,
    /// Of each parameter.
    pub(super) params: Vec<Sign>,
}

/// The sign of a value that is not NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// Nothing is known.
    Any,
    /// >= 0
    NonNegative,
    /// > 0
    Positive,
}

/// The signs of the nodes of a growing graph.
#[derive(Debug)]
pub(super) struct Signs<'a> {
    known: &'a Known,
    found: Vec<Sign>,
    /// Whether an exponential in a node may make it infinite, or 0, where the parameters and the row are ordinary.
    overflows: Vec<bool>,
}

impl<'a> Signs<'a> {
    pub(super) fn new(known: &'a Known) -> Self {
        Self { known, found: Vec::new(), overflows: Vec::new() }
    }

    /// The sign of `id`.
    pub(super) fn of(&mut self, graph: &Graph, id: Id) -> Sign {
        for at in self.found.len()..=id as usize {
            let sign = self.sign(graph.ops[at]);
            self.found.push(sign);
            let overflows = self.has_exponential(graph.ops[at]);
            self.overflows.push(overflows);
        }
        self.found[id as usize]
    }

    /// Whether the logarithm of `id`, a positive value, may be infinite.
    pub(super) fn may_overflow(&mut self, graph: &Graph, id: Id) -> bool {
        self.of(graph, id);
        self.overflows[id as usize]
    }

    fn has_exponential(&self, op: Op) -> bool {
        match op {
            Op::One(Unary::Exp | Unary::Expm1, _) | Op::Two(Binary::Pow, ..) => true,
            Op::One(Unary::Tanh | Unary::Sigmoid | Unary::Sin | Unary::Cos | Unary::Arctan | Unary::Erf, _) => false,
            _ => {
                let (children, count) = op.children();
                children[..count].iter().any(|&child| self.overflows[child as usize])
            }
        }
    }

    fn sign(&self, op: Op) -> Sign {
        let of = |id: Id| self.found[id as usize];
        match op {
            Op::Constant(bits) => {
                let number = f64::from_bits(bits);
                match (number > 0.0, number >= 0.0) {
                    (true, _) => Sign::Positive,
                    (false, true) => Sign::NonNegative,
                    (false, false) => Sign::Any,
                }
            }
            Op::Column(c) => self.known.columns.get(c as usize).copied().unwrap_or(Sign::Any),
            Op::Param(p) => self.known.params.get(p as usize).copied().unwrap_or(Sign::Any),
            Op::One(unary, a) => match unary {
                // Positive, but they may be too small for a number.
                Unary::Exp | Unary::Sigmoid | Unary::Softplus => Sign::NonNegative,
                Unary::Sqrt | Unary::Abs => of(a).max(Sign::NonNegative),
                Unary::Log1p | Unary::Expm1 | Unary::Tanh | Unary::Arctan | Unary::Erf => of(a),
                _ => Sign::Any,
            },
            Op::Two(Binary::Mul, a, b) if a == b => of(a).max(Sign::NonNegative),
            Op::Two(Binary::Mul | Binary::Div | Binary::Min, a, b) | Op::Select(_, a, b) => of(a).min(of(b)),
            Op::Two(Binary::Add, a, b) if of(a) == Sign::Any || of(b) == Sign::Any => Sign::Any,
            Op::Two(Binary::Add | Binary::Max, a, b) => of(a).max(of(b)),
            Op::Two(Binary::M4, ..) => Sign::NonNegative,
            Op::Two(Binary::Pow, a, _) => of(a),
            _ => Sign::Any,
        }
    }
}

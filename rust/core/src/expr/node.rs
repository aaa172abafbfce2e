//! One value of a formula, and what it depends on.

use crate::tape::{Binary, Unary, select};

/// Index of a node; children stand before their parents.
pub(super) type Id = u32;

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    /// A number, by its bits.
    Constant(u64),
    Column(u32),
    Param(u32),
    One(Unary, Id),
    Two(Binary, Id, Id),
    /// a * b + c, rounded once
    MulAdd(Id, Id, Id),
    /// a != 0 ? b : c
    Select(Id, Id, Id),
}

impl Op {
    pub(super) fn children(&self) -> ([Id; 3], usize) {
        match *self {
            Op::Constant(_) | Op::Column(_) | Op::Param(_) => ([0; 3], 0),
            Op::One(_, a) => ([a, 0, 0], 1),
            Op::Two(_, a, b) => ([a, b, 0], 2),
            Op::MulAdd(a, b, c) | Op::Select(a, b, c) => ([a, b, c], 3),
        }
    }
}

impl Op {
    /// The value, given those of its children, of columns and of parameters.
    pub(super) fn value(self, of: impl Fn(Id) -> f64, column: impl Fn(u32) -> f64, param: impl Fn(u32) -> f64) -> f64 {
        match self {
            Op::Constant(bits) => f64::from_bits(bits),
            Op::Column(c) => column(c),
            Op::Param(p) => param(p),
            Op::One(unary, a) => unary.apply(of(a)),
            Op::Two(binary, a, b) => binary.apply(of(a), of(b)),
            Op::MulAdd(a, b, c) => of(a).mul_add(of(b), of(c)),
            Op::Select(condition, a, b) => select(of(condition), of(a), of(b)),
        }
    }
}

/// What a value depends on: its stratum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stratum {
    Constant,
    /// Evaluated once a dataset.
    Data,
    /// Evaluated once a set of parameters.
    Params,
    /// Evaluated for every row.
    Rows,
}

impl Stratum {
    pub(super) fn join(self, other: Stratum) -> Stratum {
        match (self, other) {
            (Stratum::Constant, s) | (s, Stratum::Constant) => s,
            (a, b) if a == b => a,
            _ => Stratum::Rows,
        }
    }
}

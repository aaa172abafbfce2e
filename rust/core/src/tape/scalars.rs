//! Straight-line code over single numbers: the parameter-only stratum.

use super::code::{Operand, Operation};
use super::op;

/// Computes scalars `first..first + len` in order, each from scalars before it.
#[derive(Debug, Clone, Default)]
pub struct ScalarTape {
    code: Vec<Operation>,
    first: usize,
}

impl ScalarTape {
    /// A tape whose results follow `first` scalars set beforehand. Operands must be `Operand::Scalar` of earlier index.
    pub fn new(first: usize, code: Vec<Operation>) -> Self {
        Self { code, first }
    }

    /// How many scalars there are once it has run.
    pub fn len(&self) -> usize {
        self.first + self.code.len()
    }

    /// Whether there are no scalars at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `scalars[first..len]`.
    pub fn run(&self, scalars: &mut [f64]) {
        for (i, operation) in self.code.iter().enumerate() {
            let (before, rest) = scalars.split_at_mut(self.first + i);
            let get = |operand: Operand| match operand {
                Operand::Scalar(s) => before.get(s as usize).copied().unwrap_or(f64::NAN),
                Operand::Register(_) | Operand::Input(_) => f64::NAN,
            };
            rest[0] = match *operation {
                Operation::Copy(a) => get(a),
                Operation::One(u, a) => u.apply(get(a)),
                Operation::Two(b, x, y) => b.apply(get(x), get(y)),
                Operation::MulAdd(a, b, c) => get(a).mul_add(get(b), get(c)),
                Operation::Select(c, a, b) => op::select(get(c), get(a), get(b)),
            };
        }
    }
}

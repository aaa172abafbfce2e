//! Straight-line code over blocks of rows, compiled for the widest vectors the processor has.

use std::array::from_fn;

use super::code::{Destination, Instruction, Operand, Operation};
use super::op::{self, Binary, Unary};
use crate::simd::{self, Aligned, Kernel, LANES, math};

/// Rows a block. Registers, slots and derivatives of a five-parameter law take 22 KiB and stay in the first-level cache.
/// The tape itself measured alike with 64, 128 and 256 rows (4 to 6 ns per row for Chinchilla's value and five derivatives);
/// 192 hold a pairs replicate of 240 runs, 152 rows, in one block, which spares the sums of a second one (5 % a refit).
pub const BLOCK: usize = 192;

/// Instructions in order, and how many registers they need.
#[derive(Debug, Clone, Default)]
pub struct RowTape {
    code: Vec<Instruction>,
    registers: usize,
}

/// Blocks of rows for intermediate results; made once, used for any number of blocks.
#[derive(Debug, Clone)]
pub struct Registers(Vec<Aligned>);

impl Registers {
    /// Room for `count` blocks.
    pub fn new(count: usize) -> Self {
        Self::of_rows(count, BLOCK)
    }

    /// Room for `count` blocks of no more than `rows` rows each.
    pub fn of_rows(count: usize, rows: usize) -> Self {
        Self(vec![Aligned::zeros(rows); count])
    }
}

impl RowTape {
    /// A tape of `code` that uses registers `0..registers`.
    pub fn new(code: Vec<Instruction>, registers: usize) -> Self {
        Self { code, registers }
    }

    /// Number of registers it needs.
    pub fn registers(&self) -> usize {
        self.registers
    }

    /// Number of instructions.
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// Runs over rows `row..row + len` of every input. Output 0 goes to `out[..len]`, output `j > 0` to
    /// `more[(j - 1) * BLOCK..][..len]`.
    ///
    /// # Panics
    /// When `len > BLOCK` or a slice is too short.
    pub fn run<S: AsRef<[f64]>>(
        &self,
        inputs: &[S],
        row: usize,
        scalars: &[f64],
        registers: &mut Registers,
        out: &mut [f64],
        more: &mut [f64],
    ) {
        simd::dispatch(Run { code: &self.code, inputs, row, scalars, registers: &mut registers.0, out, more });
    }
}

struct Run<'a, S> {
    code: &'a [Instruction],
    inputs: &'a [S],
    row: usize,
    scalars: &'a [f64],
    registers: &'a mut [Aligned],
    out: &'a mut [f64],
    more: &'a mut [f64],
}

/// An operand ready to be read.
#[derive(Clone, Copy)]
enum Value<'a> {
    Rows(&'a [f64]),
    Same(f64),
}

impl<S: AsRef<[f64]>> Kernel for Run<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.out.len();
        for instruction in self.code {
            match instruction.to {
                Destination::Register(r) => {
                    // Taken out of the file while it is written, so that the operands can be borrowed from the rest.
                    let mut to = std::mem::take(&mut self.registers[r as usize]);
                    let file = File {
                        inputs: self.inputs,
                        row: self.row,
                        n,
                        scalars: self.scalars,
                        registers: self.registers,
                    };
                    file.execute(instruction.operation, &mut to[..n]);
                    self.registers[r as usize] = to;
                }
                Destination::Output(j) => {
                    let to = match j {
                        0 => &mut self.out[..],
                        j => &mut self.more[(j as usize - 1) * BLOCK..][..n],
                    };
                    let file = File {
                        inputs: self.inputs,
                        row: self.row,
                        n,
                        scalars: self.scalars,
                        registers: self.registers,
                    };
                    file.execute(instruction.operation, to);
                }
            }
        }
    }
}

struct File<'a, S> {
    inputs: &'a [S],
    row: usize,
    n: usize,
    scalars: &'a [f64],
    registers: &'a [Aligned],
}

impl<S: AsRef<[f64]>> File<'_, S> {
    #[inline(always)]
    fn value(&self, operand: Operand) -> Value<'_> {
        match operand {
            Operand::Register(r) => Value::Rows(&self.registers[r as usize][..self.n]),
            Operand::Input(i) => Value::Rows(&self.inputs[i as usize].as_ref()[self.row..][..self.n]),
            Operand::Scalar(s) => Value::Same(self.scalars[s as usize]),
        }
    }

    #[inline(always)]
    fn execute(&self, operation: Operation, to: &mut [f64]) {
        match operation {
            Operation::Copy(a) => match self.value(a) {
                Value::Rows(a) => to.copy_from_slice(a),
                Value::Same(a) => to.fill(a),
            },
            Operation::One(unary, a) => execute_unary(unary, self.value(a), to),
            Operation::Two(binary, a, b) => {
                execute_binary(binary, self.value(a), self.value(b), to);
            }
            Operation::MulAdd(a, b, c) => {
                execute_mul_add(self.value(a), self.value(b), self.value(c), to);
            }
            Operation::Select(c, a, b) => {
                let (c, a, b) = (self.value(c), self.value(a), self.value(b));
                for (i, t) in to.iter_mut().enumerate() {
                    *t = op::select(c.at(i), a.at(i), b.at(i));
                }
            }
        }
    }
}

impl Value<'_> {
    #[inline(always)]
    fn at(self, i: usize) -> f64 {
        match self {
            Value::Rows(rows) => rows[i],
            Value::Same(x) => x,
        }
    }
}

// Plain loops over slices: loops over chunks of `LANES` measured three times slower, the compiler unrolls them and then
// fails to find the vectors.
#[inline(always)]
fn map(a: Value<'_>, to: &mut [f64], f: impl Fn(f64) -> f64) {
    match a {
        Value::Rows(a) => {
            for (t, &x) in to.iter_mut().zip(a) {
                *t = f(x);
            }
        }
        Value::Same(a) => to.fill(f(a)),
    }
}

#[inline(always)]
fn zip(a: Value<'_>, b: Value<'_>, to: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    match (a, b) {
        (Value::Rows(a), Value::Rows(b)) => {
            for ((t, &x), &y) in to.iter_mut().zip(a).zip(b) {
                *t = f(x, y);
            }
        }
        (Value::Rows(a), Value::Same(y)) => {
            for (t, &x) in to.iter_mut().zip(a) {
                *t = f(x, y);
            }
        }
        (Value::Same(x), Value::Rows(b)) => {
            for (t, &y) in to.iter_mut().zip(b) {
                *t = f(x, y);
            }
        }
        (Value::Same(x), Value::Same(y)) => to.fill(f(x, y)),
    }
}

#[inline(always)]
fn execute_unary(unary: Unary, a: Value<'_>, to: &mut [f64]) {
    match unary {
        Unary::Neg => map(a, to, |x| -x),
        Unary::Exp => map(a, to, math::exp),
        Unary::Ln => map(a, to, math::ln),
        Unary::Log1p => map(a, to, math::ln_1p),
        Unary::Expm1 => map(a, to, math::exp_m1),
        Unary::Sqrt => map(a, to, f64::sqrt),
        Unary::Abs => map(a, to, f64::abs),
        Unary::Tanh => map(a, to, math::tanh),
        Unary::Sigmoid => map(a, to, math::sigmoid),
        Unary::SigmoidSlope => map(a, to, math::sigmoid_slope),
        Unary::Softplus => map(a, to, math::softplus),
        Unary::Lgamma => map(a, to, math::ln_gamma),
        Unary::Digamma => map(a, to, math::digamma),
        Unary::Sin => map(a, to, math::sin),
        Unary::Cos => map(a, to, math::cos),
        Unary::Arctan => map(a, to, math::atan),
        Unary::Erf => map(a, to, math::erf),
    }
}

#[inline(always)]
fn execute_binary(binary: Binary, a: Value<'_>, b: Value<'_>, to: &mut [f64]) {
    match binary {
        Binary::Add => zip(a, b, to, |x, y| x + y),
        Binary::Sub => zip(a, b, to, |x, y| x - y),
        Binary::Mul => zip(a, b, to, |x, y| x * y),
        Binary::Limit => zip(a, b, to, op::limit),
        Binary::Div => zip(a, b, to, |x, y| x / y),
        Binary::Pow => zip(a, b, to, op::power),
        Binary::Min => zip(a, b, to, op::minimum),
        Binary::Max => zip(a, b, to, op::maximum),
        Binary::LogAddExp => zip(a, b, to, math::log_add_exp),
        Binary::M4 => shares(a, b, to),
        Binary::Less => zip(a, b, to, op::less),
        Binary::LessEqual => zip(a, b, to, op::less_equal),
        Binary::Equal => zip(a, b, to, op::equal),
        Binary::NotEqual => zip(a, b, to, op::not_equal),
    }
}

/// [`math::m4`] of every row: its steps are many, so lanes are made here.
#[inline(always)]
fn shares(a: Value<'_>, b: Value<'_>, to: &mut [f64]) {
    for (number, to) in to.chunks_mut(LANES).enumerate() {
        // Lanes beyond the end repeat the last row.
        let lanes = |value: Value<'_>| from_fn(|lane| value.at(number * LANES + lane.min(to.len() - 1)));
        let shares: [f64; LANES] = math::m4_lanes(lanes(a), lanes(b));
        to.copy_from_slice(&shares[..to.len()]);
    }
}

#[inline(always)]
fn execute_mul_add(a: Value<'_>, b: Value<'_>, c: Value<'_>, to: &mut [f64]) {
    match (a, b, c) {
        (Value::Rows(a), Value::Rows(b), c) => match c {
            Value::Rows(c) => {
                for (((t, &x), &y), &z) in to.iter_mut().zip(a).zip(b).zip(c) {
                    *t = x.mul_add(y, z);
                }
            }
            Value::Same(z) => zip(Value::Rows(a), Value::Rows(b), to, |x, y| x.mul_add(y, z)),
        },
        (Value::Same(x), Value::Rows(b), c) | (Value::Rows(b), Value::Same(x), c) => {
            zip(Value::Rows(b), c, to, |y, z| x.mul_add(y, z));
        }
        (Value::Same(x), Value::Same(y), c) => map(c, to, |z| x.mul_add(y, z)),
    }
}

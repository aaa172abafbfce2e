//! One instruction of a tape: what it does, to which operands, where the result goes.

use super::op::{Binary, Unary};

/// Where an operand is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// A block of rows computed before.
    Register(u32),
    /// A block of rows of an input: a slot, or a column when slots are being filled.
    Input(u32),
    /// One number for all rows.
    Scalar(u32),
}

/// Where a result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// A block of rows for later instructions.
    Register(u32),
    /// An output; nothing reads it again.
    Output(u32),
}

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// a
    Copy(Operand),
    /// op a
    One(Unary, Operand),
    /// a op b
    Two(Binary, Operand, Operand),
    /// a * b + c, rounded once
    MulAdd(Operand, Operand, Operand),
    /// a != 0 ? b : c
    Select(Operand, Operand, Operand),
}

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub operation: Operation,
    /// Where the result goes; never a register the operation reads.
    pub to: Destination,
}

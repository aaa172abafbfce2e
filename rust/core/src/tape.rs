//! Straight-line code over scalars and over blocks of rows.
//!
//! A formula's work falls in three strata, each a tape of its own: what depends on the data only is done once a
//! dataset (its results are *slots*), what depends on parameters only once an evaluation (*scalars*), the rest for every
//! row. Derivatives are ordinary instructions, found symbolically in reverse mode by `expr`.

mod code;
mod op;
mod rows;
mod scalars;

pub use code::{Destination, Instruction, Operand, Operation};
pub use op::{Binary, Unary, select};
pub use rows::{BLOCK, Registers, RowTape};
pub use scalars::ScalarTape;

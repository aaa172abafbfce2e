//! What can be wrong with a question; numerical failure is a status, never an error.

pub mod formula;

pub use formula::FormulaProblem;

/// A malformed question. Each variant carries the offending values; the sentence is made at the door.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A formula that cannot be compiled; `start..end` are character positions in its text.
    #[error("{problem}")]
    Formula {
        /// What is wrong.
        problem: FormulaProblem,
        /// First offending character (counted in Unicode scalars, from 0).
        start: usize,
        /// One past the last offending character.
        end: usize,
    },
    /// A value of a column the question cannot be asked with.
    #[error("column `{column}` {problem} at row {row} (and {more} more)")]
    Data {
        /// Column name.
        column: String,
        /// What is wrong with the value, with its value.
        problem: String,
        /// First offending row, from 0.
        row: usize,
        /// How many further rows are affected.
        more: usize,
    },
    /// An option or parameter out of its legal range.
    #[error("{name} must be {legal}, got {got}")]
    Parameter {
        /// Name of the option or parameter.
        name: String,
        /// The legal range in words.
        legal: &'static str,
        /// What was given.
        got: String,
    },
    /// Arrays whose lengths disagree.
    #[error("{name} has {got} values, expected {expected}")]
    Shape {
        /// Which array.
        name: String,
        /// Its length.
        got: usize,
        /// The length it must have.
        expected: usize,
    },
    /// A request that would need more memory than can be had.
    #[error(
        "{what} needs {bytes} bytes and about {limit} are available; ask for less, or raise the limit (`ulimit -v`)"
    )]
    Resource {
        /// What was asked for.
        what: String,
        /// Bytes needed.
        bytes: u128,
        /// Bytes available.
        limit: u64,
    },
    /// Threads that the system does not start.
    #[error("{wanted} threads cannot be started; ask for fewer, with threads= or SCALING_FAST_THREADS")]
    Threads {
        /// How many were asked for.
        wanted: usize,
    },
}

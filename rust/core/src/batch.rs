//! Groups x replicates x starts, spread over threads: rows of a table out, whatever happens to any one of them.

mod canonical;
mod control;
mod curves;
mod draw;
mod draws;
mod errors;
mod expressible;
mod forms;
mod groups;
mod identifiability;
mod level;
mod multistart;
mod natural;
mod needs;
mod ordered;
mod outside;
mod proof;
mod replicate_rows;
mod replicates;
mod report;
mod row;
mod selected;

pub use control::Control;
pub use draw::Scheme;
pub use draws::Draws;
pub use errors::{Errors, Quantity, errors};
pub use groups::{fit_groups, prove_groups};
pub use replicate_rows::{ReplicateRows, replicate_rows};
pub use replicates::{Resampling, resample};
pub use row::{FitRow, RunsOff};
pub use selected::selected;

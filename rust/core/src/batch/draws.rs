//! The table of replicates: one row each while threads fill it, columns once it is whole.

use crate::error::Error;
use crate::memory::{collected, filled};
use crate::solve::Status;

/// Estimates of every replicate, group by group.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    /// Status of each replicate.
    pub status: Vec<Status>,
    /// Objective of each replicate, NaN where there is none.
    pub objective: Vec<f64>,
    /// One column of values per natural parameter.
    pub params: Vec<Vec<f64>>,
}

impl Draws {
    /// Split the row-major table of the threads into columns.
    pub(super) fn of_table(table: &[f64], width: usize, n: usize, p: usize) -> Result<Self, Error> {
        let mut draws = Self {
            status: collected("the draws", table.chunks_exact(width).map(|row| Status::ALL[row[0] as usize]))?,
            objective: filled("the draws", n, f64::NAN)?,
            params: Vec::with_capacity(p),
        };
        for (row, objective) in table.chunks_exact(width).zip(&mut draws.objective) {
            *objective = row[1];
        }
        for j in 0..p {
            let mut column = filled("the draws", n, f64::NAN)?;
            for (row, value) in table.chunks_exact(width).zip(&mut column) {
                *value = row[2 + j];
            }
            draws.params.push(column);
        }
        Ok(draws)
    }
}

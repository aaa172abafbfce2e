//! The table of replicates: one row each while threads fill it, columns once it is whole.

use crate::error::Error;
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
            status: Vec::with_capacity(n),
            objective: allocate("the draws", n, f64::NAN)?,
            params: Vec::with_capacity(p),
        };
        draws.status.extend(table.chunks_exact(width).map(|row| Status::ALL[row[0] as usize]));
        for (row, objective) in table.chunks_exact(width).zip(&mut draws.objective) {
            *objective = row[1];
        }
        for j in 0..p {
            let mut column = allocate("the draws", n, f64::NAN)?;
            for (row, value) in table.chunks_exact(width).zip(&mut column) {
                *value = row[2 + j];
            }
            draws.params.push(column);
        }
        Ok(draws)
    }
}

/// A table of `count` numbers, or an error that says what it would have needed.
pub(super) fn allocate<T: Clone>(what: &str, count: usize, fill: T) -> Result<Vec<T>, Error> {
    let mut table = Vec::new();
    table.try_reserve_exact(count).map_err(|_| Error::Resource {
        what: what.to_owned(),
        bytes: count as u128 * std::mem::size_of::<T>() as u128,
        limit: 0,
    })?;
    table.resize(count, fill);
    Ok(table)
}

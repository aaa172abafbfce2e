//! Groups x replicates x starts, spread over threads: rows of a table out, whatever happens to any one of them.

mod again;
mod curves;
mod draw;
mod errors;
mod groups;
mod identify;
mod order;
mod replicates;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::columns::Columns;
use crate::error::Error;
use crate::expr::Program;
use crate::loss::Criterion;
use crate::problem::{GroupRows, Residual};
use crate::solve::{Certificate, Status};
use crate::space::ParamSpec;

pub use again::again;
pub use draw::Scheme;
pub use errors::{Errors, Quantity, errors};
pub use groups::fit_groups;
pub use replicates::{Draws, Resampling, resample};

/// One question: a law, its rows and how far off they may be.
#[derive(Debug, Clone)]
pub struct Question {
    /// The compiled law.
    pub program: Program,
    /// The rows, sorted by group.
    pub columns: Columns,
    /// What is known of each parameter.
    pub params: Vec<ParamSpec>,
    /// What is minimised.
    pub criterion: Criterion,
    /// The scale of the residual.
    pub residual: Residual,
}

impl Question {
    /// The rows of group `g`.
    pub fn group(&self, g: usize) -> GroupRows<'_> {
        let range = self.columns.offsets[g]..self.columns.offsets[g + 1];
        GroupRows {
            inputs: self.columns.inputs.iter().map(|c| &c[range.clone()]).collect(),
            target: &self.columns.target[range.clone()],
            weights: self.columns.weights.as_ref().map(|w| &w[range.clone()]),
            sigma: self.columns.sigma.as_ref().map(|s| &s[range]),
        }
    }

    /// Number of free parameters.
    pub fn free(&self) -> usize {
        self.params.iter().filter(|p| p.fixed.is_none()).count()
    }
}

/// Where fits begin.
#[derive(Debug, Clone, PartialEq)]
pub enum Starts {
    /// As many as the law needs.
    Auto,
    /// That many automatic starts, every one of them refined.
    Count(usize),
    /// Each of these points, in natural parameters.
    Points(Vec<Vec<f64>>),
}

/// What one fit found.
#[derive(Debug, Clone, PartialEq)]
pub struct FitRow {
    /// Natural parameters; NaN when there are none to report.
    pub params: Vec<f64>,
    /// The objective in the caller's units.
    pub objective: f64,
    /// The scale of the residuals, where it is estimated with the law; NaN elsewhere.
    pub scale: f64,
    /// How it ended.
    pub status: Status,
    /// The proof.
    pub certificate: Certificate,
    /// Rows with weight.
    pub rows: usize,
    /// Starts refined.
    pub starts: usize,
    /// Starts that agree with the best one.
    pub agreement: usize,
    /// Whether those are too small a share of many starts to prove anything.
    pub doubtful: bool,
    /// Whether the search saw every valley there is, so that no agreement is needed.
    pub exhaustive: bool,
    /// Condition number of the column-scaled J'J in solver coordinates.
    pub condition: f64,
    /// Evaluations of the model.
    pub evaluations: usize,
    /// Whether each parameter sits on a bound.
    pub at_bound: Vec<bool>,
    /// Whether the rows leave each parameter undetermined.
    pub unidentified: Vec<bool>,
    /// Whether the loss is level along a direction in which each parameter takes part.
    pub level: Vec<bool>,
}

impl FitRow {
    /// A row without numbers.
    pub fn empty(parameters: usize, rows: usize, status: Status) -> Self {
        Self {
            params: vec![f64::NAN; parameters],
            objective: f64::NAN,
            scale: f64::NAN,
            status,
            certificate: Certificate::UNKNOWN,
            rows,
            starts: 0,
            agreement: 0,
            doubtful: false,
            exhaustive: false,
            condition: f64::NAN,
            evaluations: 0,
            at_bound: vec![false; parameters],
            unidentified: vec![false; parameters],
            level: vec![false; parameters],
        }
    }
}

/// How a running batch is watched and stopped from another thread.
#[derive(Debug, Default)]
pub struct Control {
    cancelled: Arc<AtomicBool>,
    done: AtomicUsize,
    evaluations: AtomicUsize,
}

impl Control {
    /// Ask the batch to stop after the rows it is working on.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// The flag that [`cancel`](Self::cancel) sets, for work that looks at it itself.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Rows finished so far.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Evaluations of the model that replicates have cost so far.
    pub fn evaluations(&self) -> usize {
        self.evaluations.load(Ordering::Relaxed)
    }

    fn spent(&self, evaluations: usize) {
        self.evaluations.fetch_add(evaluations, Ordering::Relaxed);
    }

    fn finished(&self, rows: usize) {
        self.done.fetch_add(rows, Ordering::Relaxed);
    }
}

/// A table of `count` numbers, or an error that says what it would have needed.
fn allocate<T: Clone>(what: &str, count: usize, fill: T) -> Result<Vec<T>, Error> {
    let mut table = Vec::new();
    table.try_reserve_exact(count).map_err(|_| Error::Resource {
        what: what.to_owned(),
        bytes: count as u128 * std::mem::size_of::<T>() as u128,
        limit: 0,
    })?;
    table.resize(count, fill);
    Ok(table)
}

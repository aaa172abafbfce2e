//! What one fit found: a row of the table of fits.

use crate::solve::{Certificate, Status};

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
    /// Bytes of a row of a law with so many parameters: the allocator rounds each of its four vectors up.
    pub fn needs(parameters: usize) -> u128 {
        let (row, parameters) = (size_of::<Self>() as u128, parameters as u128);
        row + size_of::<f64>() as u128 * parameters + 3 * parameters.max(32) + 4 * 48
    }

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

//! What one fit found: a row of the table of fits.

use crate::solve::{Certificate, Status};

/// Where a parameter runs off to as the objective keeps falling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RunsOff {
    /// It stays, or its limit is a number.
    Nowhere = 0,
    /// Beyond every number.
    Infinity = 1,
    /// Below every number.
    MinusInfinity = 2,
    /// To zero.
    Zero = 3,
}

impl RunsOff {
    /// What happens between two points on the way, `here` and `farther`.
    pub fn between(here: f64, farther: f64) -> Self {
        /// Factor by which a parameter grows or shrinks that has no limit but infinity or zero.
        const MANY: f64 = 3.0;
        match (here.abs(), farther.abs()) {
            (from, to) if to > MANY * from && farther > 0.0 => Self::Infinity,
            (from, to) if to > MANY * from => Self::MinusInfinity,
            (from, to) if to < from / MANY => Self::Zero,
            _ => Self::Nowhere,
        }
    }
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
    /// Whether no better optimum exists: then no search need be believed.
    pub proven: bool,
    /// Condition number of the column-scaled J'J in solver coordinates.
    pub condition: f64,
    /// Evaluations of the model.
    pub evaluations: usize,
    /// Whether each parameter sits on a bound.
    pub at_bound: Vec<bool>,
    /// Whether the rows leave each parameter undetermined; this and what follows is empty where nothing is to be said.
    pub unidentified: Vec<bool>,
    /// Where each parameter runs off to when the optimum lies at infinity.
    pub runs_off: Vec<RunsOff>,
    /// Whether the loss is level along a direction in which each parameter takes part.
    pub level: Vec<bool>,
    /// Least value of each natural parameter among the best points, where they are many; its value elsewhere, -inf without end.
    pub level_lower: Vec<f64>,
    /// The largest one.
    pub level_upper: Vec<f64>,
}

impl FitRow {
    /// Bytes of a row of a law with so many parameters: the allocator rounds each of its four vectors up.
    pub fn needs(parameters: usize) -> u128 {
        let (row, parameters) = (size_of::<Self>() as u128, parameters as u128);
        row + 3 * size_of::<f64>() as u128 * parameters + 4 * parameters.max(32) + 7 * 48
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
            proven: false,
            condition: f64::NAN,
            evaluations: 0,
            at_bound: vec![false; parameters],
            unidentified: vec![false; parameters],
            runs_off: vec![RunsOff::Nowhere; parameters],
            level: vec![false; parameters],
            level_lower: vec![f64::NAN; parameters],
            level_upper: vec![f64::NAN; parameters],
        }
    }
    /// A row of an optimum of which nothing special is to be said. Many are made, and each vector costs.
    pub(super) fn ordinary(parameters: usize, rows: usize) -> Self {
        let nothing = Self::empty(0, rows, Status::Converged);
        Self { params: vec![f64::NAN; parameters], at_bound: vec![false; parameters], ..nothing }
    }
}

//! How one local minimisation is run, and where it ended.

use super::certificate::{Certificate, DECREASE_TOLERANCE, Status};

/// Relative predicted decrease at which a certified run ends: parameters then stand within 1e-9 of their own standard
/// error, where the certificate's 1e-14 alone would leave them within 1e-7.
const FINISH: f64 = 1e-18;

/// How one local minimisation is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Evaluations after which the run ends as [`Status::IterationLimit`].
    pub max_evaluations: usize,
    /// Damping of the first step, relative to the metric; 0 trusts the quadratic model at once.
    pub damping: f64,
    /// Add the law's own second derivatives (by differences of J' psi) once progress is merely linear.
    pub second_order: bool,
    /// Residual norm below which a fit is perfect and its gradient rounding noise.
    pub rounding: f64,
    /// Relative predicted decrease that ends the run early, for scouting; the certificate's own for a final run.
    pub decrease: f64,
    /// Relative predicted decrease that ends a certified run.
    pub finish: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_evaluations: 400,
            damping: 1e-3,
            second_order: true,
            rounding: 0.0,
            decrease: DECREASE_TOLERANCE,
            finish: FINISH,
        }
    }
}

/// Where a local minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The objective there.
    pub value: f64,
    /// How it ended.
    pub status: Status,
    /// The numbers behind the status.
    pub certificate: Certificate,
    /// Evaluations spent.
    pub evaluations: usize,
}

impl Outcome {
    /// Nothing was found.
    pub const FAILED: Self =
        Self { value: f64::INFINITY, status: Status::NotFinite, certificate: Certificate::UNKNOWN, evaluations: 0 };
}

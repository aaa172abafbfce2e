//! Targets of a replicate in place of the observed ones: the law, its rows and its units stay as they are.

use super::fitter::Fitter;
use crate::loss::{Criterion, Loss};
use crate::solve::Rows;

impl Fitter<'_> {
    /// What the law says at the point of `rows`, on the scale on which residuals are taken.
    ///
    /// Residuals are (fitted - observed) / sigma there; of a log-excess one there is no scale that all points share.
    pub fn fitted(&self, rows: &Rows) -> Vec<f64> {
        (0..self.selection.n).map(|i| self.selection.target[i] + rows.residual[i] * self.sigma(i)).collect()
    }

    /// What the residual of selected row `i` was divided by, in solver units.
    pub fn sigma(&self, i: usize) -> f64 {
        self.selection.sigma(i)
    }

    /// Take these targets, on the scale on which residuals are taken, for the rows selected.
    pub fn retarget(&mut self, target: &[f64]) {
        self.selection.retarget(target);
    }

    /// The loss in force at the point last looked at, in solver units.
    pub fn loss(&self) -> Loss {
        self.force.loss
    }

    /// What is minimised, in solver units.
    pub fn criterion(&self) -> Criterion {
        self.problem.density.map_or(Criterion::Sum(self.problem.loss), Criterion::Likelihood)
    }

    /// The caller's residual, divided by sigma, over the solver's.
    pub fn residual_unit(&self) -> f64 {
        self.problem.residual_unit
    }

    /// The unit in which the problem measures weights: the caller's weight over the solver's.
    pub fn weight_unit(&self) -> f64 {
        self.problem.weight_unit
    }

    /// Sum of the weights of the rows selected, in the caller's unit.
    pub fn total_weight(&self) -> f64 {
        self.selection.total_weight() * self.problem.weight_unit
    }
}

//! The two short cuts of a refit: points near the fit are looked at by changes of the law, and the first step is taken where
//! the law is linear.

use super::Problem;
use super::expansion::{Expansion, ExpansionRows, Given};
use super::fitter::Fitter;
use super::linearised::{Linearised, LinearisedRows, PredictStart};
use super::one_pass::OnePass;
use crate::expr::BLOCK;
use crate::residual::Residual;
use crate::simd::dispatch_vector;
use crate::solve::objective::Model;

impl Expansion {
    /// The law of `problem` near `x`, if it is a sum of powers under a residual that this form knows; `inputs` are the columns of
    /// the program as they come in.
    pub fn new(problem: &Problem<'_>, inputs: &[&[f64]], x: &[f64]) -> Option<Self> {
        if !Self::suits(problem) {
            return None;
        }
        let mut fitter = Fitter::new(problem);
        if fitter.rows_selected() != problem.len() {
            return None;
        }
        let law = fitter.law(x);
        Self::around(problem, inputs, law, &fitter.primed)
    }
}

impl<'a> Fitter<'a> {
    /// Look at points near that of `expansion` through it.
    pub fn expand_around(&mut self, expansion: &'a Expansion) {
        let mut rows = ExpansionRows::new(expansion);
        rows.select(&self.selection.picks);
        self.expansion = Some(rows);
    }

    /// [`Objective::model`](crate::solve::Objective::model) by changes of the law; false where they are not small, and then
    /// `model` holds nothing of use.
    pub(super) fn expansion_model(&mut self, x: &[f64], model: &mut Model) -> bool {
        let Some(expansion) = &mut self.expansion else { return false };
        let problem = self.problem;
        problem.space.primed(x, &mut self.primed);
        if !expansion.bind(&self.primed, &problem.space) {
            return false;
        }
        let padded = self.selection.padded();
        let (plan, delta) = (expansion.expansion.plan.as_ref(), self.force.loss.quadratic_until());
        let plan = plan.zip(delta).filter(|_| !self.with_metric);
        let second = (self.with_second && plan.is_some()).then_some(&problem.space.log[..]);
        let mut row = 0;
        while row < padded {
            let view = self.selection.view(row..padded.min(row + BLOCK));
            let with = Given {
                logarithmic: problem.residual == Residual::Log,
                loss: self.force.loss,
                target: view.target,
                inverse_sigma: view.inverse_sigma,
            };
            if let Some((plan, delta)) = plan {
                let (with, weight) = (&with, view.weight);
                if !dispatch_vector(OnePass { rows: expansion, plan, row, with, weight, delta, second, model }) {
                    return false;
                }
                row += weight.len();
                continue;
            }
            if !expansion.prepare(&mut self.block, row, &with) {
                return false;
            }
            self.block.accumulate(view.weight, self.force.loss, self.with_metric, model);
            row += view.weight.len();
        }
        model.has_second = second.is_some();
        model.finish(self.force.factor);
        model.value.is_finite()
    }

    /// Begin refits where the law of `linearised`, were it linear, would have them end.
    pub fn predict_by(&mut self, linearised: &'a Linearised) {
        let mut rows = LinearisedRows::new(linearised);
        rows.select(&self.selection.picks);
        self.linearised = Some(rows);
    }

    /// Move `x`, the point of the fit, to the optimum of the linearised replicate, as far as the box allows; `metric` damps.
    pub fn predict_start(&mut self, x: &mut [f64], metric: &[f64]) {
        let Some(linearised) = &mut self.linearised else { return };
        if self.selection.n == 0 {
            return;
        }
        dispatch_vector(PredictStart {
            rows: linearised,
            x,
            metric,
            loss: self.force.loss,
            weight: &self.selection.weight,
            target: &self.selection.target,
            inverse_sigma: &self.selection.inverse_sigma,
        });
        for (a, x) in x.iter_mut().enumerate() {
            *x = x.clamp(self.problem.space.lower[a], self.problem.space.upper[a]);
        }
    }
}

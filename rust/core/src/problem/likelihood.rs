//! A likelihood as an objective: s^2 exp(2 mean cost) with the scale s at its best, which falls and rises with it.
//!
//! That form is a positive number in the units of a squared residual: for normal residuals it is their mean square, and for
//! any density relative tolerances mean what they mean there. With g and H the gradient and curvature of the likelihood at
//! a held scale, c its mixed derivative with ln s and d its second derivative by ln s, the profile has gradient g and
//! curvature H - cc'/d.

use super::accumulate;
use super::fitter::Fitter;
use super::in_force::finite;
use crate::expr::BLOCK;
use crate::loss::Density;
use crate::simd::math;
use crate::solve::linalg::cholesky;
use crate::solve::objective::{Model, Objective};

impl Fitter<'_> {
    /// The caller's negative log-likelihood; minus infinity where the scale is rounding noise.
    pub(super) fn natural_likelihood(&self, density: Density, value: f64) -> f64 {
        if self.is_degenerate() {
            return f64::NEG_INFINITY;
        }
        let total = self.selection.total_weight() * self.problem.weight_unit;
        density.objective(0.5 * math::ln(value) + math::ln(self.problem.loss_unit), total)
    }

    /// The scale of the residuals at the point last looked at, in the caller's units; none where a loss has none.
    pub fn natural_scale(&self) -> Option<f64> {
        self.problem.density?;
        let scale = self.force.scale * self.problem.loss_unit / self.excess_at().factor;
        Some(if self.is_degenerate() { 0.0 } else { scale })
    }

    /// Whether the scale at the point last looked at is rounding noise, so that the likelihood has no maximum there.
    pub fn is_degenerate(&self) -> bool {
        self.force.joint && self.force.scale <= self.least_scale()
    }

    /// The scale of residuals that are rounding noise.
    fn least_scale(&self) -> f64 {
        let Some(density) = self.problem.density else { return 0.0 };
        self.problem.rounding(self) / self.selection.total_weight().sqrt() / density.typical()
    }

    /// Estimate the scale at `x`, put the loss of that scale in force and return the objective there.
    pub(super) fn settle_scale(&mut self, x: &[f64]) -> f64 {
        let Some(density) = self.problem.density else { return f64::INFINITY };
        let n = self.selection.n;
        let mut residuals = std::mem::take(&mut self.residuals);
        residuals.clear();
        self.sweep(x, false, |block, view| {
            let take = view.weight.len().min(n - view.row);
            residuals.extend_from_slice(&block.residual[..take]);
        });
        let weight = &self.selection.weight[..n];
        let scale = density.scale(&residuals, weight).max(self.least_scale());
        let value = if n > 0 && scale.is_finite() && residuals.iter().all(|r| r.is_finite()) {
            scale * scale * math::exp(2.0 * density.mean_cost(&residuals, weight, scale))
        } else {
            f64::INFINITY
        };
        if value.is_finite() {
            self.force.settle(density, scale, value, self.selection.total_weight());
        }
        self.residuals = residuals;
        finite(value)
    }

    /// The quadratic model of the profile.
    pub(super) fn joint_model(&mut self, x: &[f64], model: &mut Model) -> f64 {
        model.clear();
        let value = self.settle_scale(x);
        if !value.is_finite() {
            model.value = value;
            return value;
        }
        let q = self.dimension();
        let (loss, factor, with_metric) = (self.force.loss, self.force.factor, self.with_metric);
        let mut mixed = vec![0.0; q];
        let mut bend = 0.0;
        let mut falling = vec![0.0; q * q];
        let mut work = vec![0.0; BLOCK];
        self.sweep(x, true, |block, view| {
            block.accumulate(view.weight, loss, with_metric, model);
            let len = view.weight.len();
            for i in 0..len {
                work[i] = block.curvature[i].mul_add(block.residual[i], block.psi[i]);
            }
            bend += view.weight.iter().zip(&work).zip(block.residual.iter()).map(|((w, c), r)| w * c * r).sum::<f64>();
            for i in 0..len {
                work[i] *= view.weight[i];
            }
            for (a, sum) in mixed.iter_mut().enumerate() {
                *sum += accumulate::weighted_sum(&work[..len], &block.jacobian[a * BLOCK..a * BLOCK + len]);
            }
            for i in (0..len).filter(|&i| block.curvature[i] < 0.0) {
                let weight = view.weight[i] * block.curvature[i];
                for a in 0..q {
                    let left = weight * block.jacobian[a * BLOCK + i];
                    for b in 0..q {
                        falling[a * q + b] = left.mul_add(block.jacobian[b * BLOCK + i], falling[a * q + b]);
                    }
                }
            }
        });
        model.finish(factor);
        model.value = value;
        // The value is an exponential of the likelihood, which adds gg'; the scale gives way, which takes cc'/d; and rows far
        // out curve downwards. What is taken makes the last steps quadratic, but may leave no model to step with far away.
        for taken in [true, false] {
            let mut hessian = model.hessian.clone();
            for a in 0..q {
                for b in 0..q {
                    hessian[a * q + b] += model.gradient[a] * model.gradient[b] / value;
                    if taken && bend > 0.0 {
                        hessian[a * q + b] += factor * (falling[a * q + b] - mixed[a] * mixed[b] / bend);
                    }
                }
            }
            if !taken || is_definite(&hessian, q) {
                model.hessian = hessian;
                break;
            }
        }
        value
    }
}

/// Whether a symmetric matrix is positive definite, whatever the units of its coordinates.
fn is_definite(matrix: &[f64], q: usize) -> bool {
    let scale: Vec<f64> = (0..q).map(|a| matrix[a * q + a].sqrt()).collect();
    let mut scaled: Vec<f64> = (0..q * q).map(|k| matrix[k] / (scale[k / q] * scale[k % q])).collect();
    scale.iter().all(|s| *s > 0.0) && cholesky(&mut scaled, q)
}

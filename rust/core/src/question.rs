//! One question as it comes in: a law, its rows, what is minimised, and where fits begin.

use crate::columns::Columns;
use crate::expr::Program;
use crate::loss::Criterion;
use crate::problem::GroupRows;
use crate::residual::Residual;
use crate::simd::{Kernel, dispatch, lanes, math};
use crate::solve::certificate::ROUNDING_FACTOR;
use crate::space::ParamSpec;

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

/// Residuals of law values, in whose place they are put, by the definition.
struct NaturalResiduals<'a> {
    kind: Residual,
    target: &'a [f64],
    params: &'a [f64],
    residual: &'a mut [f64],
}

impl Kernel for NaturalResiduals<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (value, y) in self.residual.iter_mut().zip(self.target) {
            *value = self.kind.natural(*value, *y, self.params).0;
        }
    }
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

    /// The objective of group `g` at natural parameters; of a likelihood, with the scale that is best there. Minus infinity where
    /// that scale is rounding noise, for the likelihood grows without limit as it goes to zero.
    pub fn objective(&self, g: usize, params: &[f64]) -> f64 {
        let group = self.group(g);
        let weight = group.weights();
        let fitted = self.program.evaluate(&group.inputs, params);
        // A formula without columns has one value for all rows.
        let value = |i: usize| fitted[i.min(fitted.len() - 1)];
        let mut residual: Vec<f64> = (0..group.target.len()).map(value).collect();
        dispatch(NaturalResiduals { kind: self.residual, target: group.target, params, residual: &mut residual });
        if let Some(sigma) = group.sigma {
            for (r, sigma) in residual.iter_mut().zip(sigma) {
                *r *= 1.0 / sigma;
            }
        }
        match self.criterion {
            Criterion::Sum(loss) => {
                let rho: Vec<f64> = residual.iter().map(|r| loss.rho(*r)).collect();
                lanes::dot(&rho, &weight)
            }
            Criterion::Likelihood(density) => {
                let scale = density.scale(&residual, &weight);
                if scale <= self.least_scale(&group, &weight) / density.typical() {
                    return f64::NEG_INFINITY;
                }
                let total = lanes::sum(&weight);
                let ln_size = math::ln(scale) + density.mean_cost(&residual, &weight, scale);
                let change: f64 = match self.residual {
                    Residual::LogExcess { param, jacobian: true } => {
                        group.target.iter().zip(&weight).map(|(y, w)| w * math::ln(y - params[param])).sum()
                    }
                    _ => 0.0,
                };
                density.objective(ln_size, total) + change
            }
        }
    }

    /// The root mean square of residuals that are rounding noise.
    fn least_scale(&self, group: &GroupRows<'_>, weight: &[f64]) -> f64 {
        let target = self.residual.on_scale(group.target, 1.0);
        let size = |i: usize| self.residual.rounding(target[i]) / group.sigma.map_or(1.0, |s| s[i]);
        let square: f64 = (0..target.len()).map(|i| weight[i] * size(i).powi(2)).sum();
        ROUNDING_FACTOR * f64::EPSILON * (square / lanes::sum(weight)).sqrt()
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

/// More starts than an automatic search scans.
const MOST_AUTOMATIC: usize = 8_192;

impl Starts {
    /// How many they are at most.
    pub fn most(&self) -> usize {
        match self {
            Self::Auto => MOST_AUTOMATIC,
            Self::Count(count) => (*count).max(MOST_AUTOMATIC),
            Self::Points(points) => points.len(),
        }
    }
}

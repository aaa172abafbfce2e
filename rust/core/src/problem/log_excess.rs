//! The log-excess residual ln(f - E) - ln(y - E): where E may lie, and what makes fits with different E comparable.

use super::fitter::Fitter;
use crate::residual::{Excess, Residual};
use crate::simd::math;
use crate::solve::starts::Range;
use crate::space::Space;

/// Distance of E from the smallest target, relative to the range of the targets, below which the smallest row alone decides:
/// the likelihood of a shifted logarithm has a spike there, of no meaning (Hill 1963).
const MARGIN: f64 = 1e-6;

/// How far below the smallest target E is looked for when no bound says so, in ranges of the targets.
const REACH: f64 = 5.0;

/// The largest E that leaves every target above it.
pub fn largest_floor(target: &[f64]) -> f64 {
    let (low, high) = ends(target);
    low - MARGIN * if high > low { high - low } else { low.abs().max(f64::MIN_POSITIVE) }
}

fn ends(target: &[f64]) -> (f64, f64) {
    let low = target.iter().fold(f64::INFINITY, |m, y| m.min(*y));
    let high = target.iter().fold(f64::NEG_INFINITY, |m, y| m.max(*y));
    (low, high)
}

/// Where to scan coordinate `a`, which is that of E.
pub(super) fn floor_range(space: &Space, a: usize, target: &[f64]) -> Range {
    let (low, high) = ends(target);
    let upper = space.upper[a];
    let far = low - REACH * (high - low);
    let lower = if space.log[a] { upper - REACH } else { far };
    Range::Span { lower: lower.max(space.lower[a]).min(upper), upper, reach: 0.0 }
}

impl Fitter<'_> {
    /// The constants of the residual at the parameters that the tape is bound to.
    pub(super) fn excess_at(&self) -> Excess {
        let Residual::LogExcess { param, jacobian } = self.problem.residual else { return Excess::NONE };
        let floor = self.primed[param];
        let coordinate = self.problem.floor;
        if !jacobian {
            return Excess { floor, factor: 1.0, growth: 0.0, coordinate };
        }
        let (mut total, mut logs, mut slopes) = (0.0, 0.0, 0.0);
        for (y, w) in self.selection.target.iter().zip(self.selection.weight.iter()).take(self.selection.n) {
            let left = y - floor;
            total += w;
            logs += w * math::ln(left);
            slopes -= w / left;
        }
        Excess { floor, factor: math::exp(logs / total), growth: slopes / total, coordinate }
    }
}

//! Confidence intervals of one functional from its replicates.
//!
//! Percentile, basic and `BCa` equal `scipy.stats.bootstrap`, the bias-corrected normal's ingredients R's `boot.ci`, on
//! the same replicates. Formulas: Efron and Tibshirani, An introduction to the bootstrap (1993), chapters 12-14 and 22.

use super::{covariance, normal, quantile};

/// How an interval is made of the estimate and its replicates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method<'a> {
    /// The quantiles of the draws.
    Percentile,
    /// The quantiles of the draws reflected at the estimate.
    Basic,
    /// Estimate -+ z standard deviations (n - 1) of the draws; no correction for bias.
    Normal,
    /// The percentile interval moved by the median bias of the draws (ties count half, as in scipy).
    BiasCorrected,
    /// As before, with the change of the standard error along the functional.
    Accelerated {
        /// From [`acceleration`].
        acceleration: f64,
    },
    /// Quantiles of (draw - estimate) / its standard error.
    Studentized {
        /// Standard error of the estimate.
        standard_error: f64,
        /// Standard error within each replicate.
        draw_standard_errors: &'a [f64],
    },
}

/// Lower and upper end of the interval of the given `level` (0.95, say).
///
/// The ends are NaN where the method has no answer: no draws, a NaN among draws or extras, extras of another length, a
/// level outside (0, 1), or for the bias-corrected methods all draws on one side of the estimate.
pub fn interval(method: Method<'_>, level: f64, estimate: f64, draws: &[f64]) -> (f64, f64) {
    let undefined = (f64::NAN, f64::NAN);
    let is_level = level > 0.0 && level < 1.0;
    if !is_level || draws.is_empty() || estimate.is_nan() || draws.iter().any(|draw| draw.is_nan()) {
        return undefined;
    }
    let tail = (1.0 - level) / 2.0;
    match method {
        Method::Percentile => ends(draws, (tail, 1.0 - tail)),
        Method::Basic => {
            let (lower, upper) = ends(draws, (tail, 1.0 - tail));
            (2.0 * estimate - upper, 2.0 * estimate - lower)
        }
        Method::Normal => {
            let half = -normal::quantile(tail) * covariance::standard_deviation(draws);
            (estimate - half, estimate + half)
        }
        Method::BiasCorrected => accelerated(tail, estimate, draws, 0.0),
        Method::Accelerated { acceleration } => accelerated(tail, estimate, draws, acceleration),
        Method::Studentized { standard_error, draw_standard_errors } => {
            if draw_standard_errors.len() != draws.len() {
                return undefined;
            }
            let pivots: Vec<f64> =
                draws.iter().zip(draw_standard_errors).map(|(draw, error)| (draw - estimate) / error).collect();
            let (lower, upper) = ends(&pivots, (tail, 1.0 - tail));
            (estimate - upper * standard_error, estimate - lower * standard_error)
        }
    }
}

fn ends(draws: &[f64], levels: (f64, f64)) -> (f64, f64) {
    let sorted = quantile::sorted(draws);
    (quantile::of_sorted(&sorted, levels.0), quantile::of_sorted(&sorted, levels.1))
}

fn accelerated(tail: f64, estimate: f64, draws: &[f64], acceleration: f64) -> (f64, f64) {
    let bias = median_bias(estimate, draws);
    if !bias.is_finite() {
        return (f64::NAN, f64::NAN);
    }
    let moved = |z: f64| {
        let shifted = bias + z;
        normal::distribution(bias + shifted / (1.0 - acceleration * shifted))
    };
    let z = normal::quantile(tail);
    ends(draws, (moved(z), moved(-z)))
}

/// The normal quantile of the share of draws below the estimate, ties counted half; infinite if all lie on one side.
pub fn median_bias(estimate: f64, draws: &[f64]) -> f64 {
    let below = draws.iter().filter(|draw| **draw < estimate).count();
    let up_to = draws.iter().filter(|draw| **draw <= estimate).count();
    normal::quantile((below + up_to) as f64 / (2 * draws.len()) as f64)
}

/// The acceleration of `BCa`: a sixth of the skewness of the jackknife values' distances from their mean, sign reversed.
/// NaN if they are all equal.
pub fn acceleration(jackknife: &[f64]) -> f64 {
    let mean = covariance::means(&[jackknife])[0];
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in jackknife {
        let distance = mean - value;
        squares += distance * distance;
        cubes += distance * distance * distance;
    }
    cubes / (6.0 * squares * squares.sqrt())
}

#[cfg(test)]
mod tests;

//! One local fit from one start: wide losses first where that helps, the true one, its kinks exactly.

use super::certificate::{AGREEMENT_TOLERANCE, Certificate, DECREASE_TOLERANCE, GRADIENT_TOLERANCE, Status};
use super::kink;
use super::newton::{minimise, minimise_until, never};
use super::options::{Options, Outcome};
use super::scratch::Scratch;
use super::separable::Separable;

/// Width of the quadratic zone, in median residuals, below which a loss is approached through its kinked limit.
const NARROW: f64 = 1e-4;

/// The same for a loss that follows the scale of the residuals: it is as narrow far out as at the optimum, where wider losses
/// lead to its few curved rows but seldom onto them.
const NARROW_OF_SCALE: f64 = 0.05;

/// One local fit: wide losses first when `staged`, then the true one, then its kinks exactly.
pub fn descend<O: Separable>(
    objective: &mut O,
    x: &mut [f64],
    options: Options,
    staged: bool,
    s: &mut Scratch,
) -> Outcome {
    descend_until(objective, x, options, staged, s, &mut never).unwrap_or(Outcome::FAILED)
}

/// The same until `is_enough` says so of a point it moved to, given the objective there where that is known; nothing is
/// returned then.
pub fn descend_until<O: Separable>(
    objective: &mut O,
    x: &mut [f64],
    options: Options,
    staged: bool,
    s: &mut Scratch,
    is_enough: &mut impl FnMut(&mut O, &[f64], Option<f64>) -> bool,
) -> Option<Outcome> {
    objective.settle(x);
    let width = objective.width();
    if width == 0.0 {
        return Some(kink::minimise(objective, x, options, s));
    }
    if objective.has_scale() && !staged {
        return Some(descend_both_ways(objective, x, options, s));
    }
    let narrow = if objective.has_scale() { NARROW_OF_SCALE } else { NARROW };
    if staged && objective.spread(x).is_some_and(|(median, _)| width < narrow * median) {
        // The few rows in the quadratic zone change with every step; the corner of the absolute loss shows which they are.
        objective.sharpen(true);
        let corner = kink::minimise(objective, x, options, s);
        objective.sharpen(false);
        let mut outcome = minimise(objective, x, None, options, s);
        // A zone so narrow that rounding decides where in it a residual lies is a corner, and has a corner's certificate.
        let resolved = outcome.certificate.gradient <= GRADIENT_TOLERANCE;
        if corner.status == Status::Converged && !resolved && outcome.certificate.decrease <= DECREASE_TOLERANCE {
            outcome.status = Status::Converged;
            outcome.certificate = Certificate { decrease: outcome.certificate.decrease, ..corner.certificate };
        }
        return Some(outcome);
    }
    if staged
        && width.is_finite()
        && let Some((median, largest)) = objective.spread(x)
    {
        let scout = Options { decrease: 1e-4, max_evaluations: 60, ..options };
        let mut wide = largest.min(30.0 * median);
        while wide > 3.0 * width {
            objective.soften(Some(wide));
            minimise(objective, x, None, scout, s);
            if let Some((_, now)) = objective.spread(x) {
                wide = wide.min(now);
            }
            wide *= 0.1;
            objective.soften(None);
            if is_enough(objective, x, None) {
                return None;
            }
        }
    }
    minimise_until(objective, x, None, options, s, is_enough)
}

/// Straight down from `x` and through wide losses, whichever ends lower. A scale that follows the residuals is narrow or
/// wide wherever a start lies, so neither way is the right one everywhere; and the second may climb out of the basin of `x`.
fn descend_both_ways<O: Separable>(objective: &mut O, x: &mut [f64], options: Options, s: &mut Scratch) -> Outcome {
    let mut point = x.to_vec();
    let straight = minimise(objective, &mut point, None, options, s);
    let wide = descend(objective, x, options, true, s);
    let close = straight.value <= wide.value * (1.0 + AGREEMENT_TOLERANCE);
    let certified = straight.status == Status::Converged || wide.status != Status::Converged;
    if straight.value < wide.value * (1.0 - AGREEMENT_TOLERANCE) || !wide.value.is_finite() || (close && certified) {
        x.copy_from_slice(&point);
        objective.settle(x);
        return Outcome { evaluations: straight.evaluations + wide.evaluations, ..straight };
    }
    Outcome { evaluations: straight.evaluations + wide.evaluations, ..wide }
}

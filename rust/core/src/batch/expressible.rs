//! Numbers that a caller can hold: where a fit that left the range of doubles in natural units is reported.

use crate::problem::{Fitter, Problem};
use crate::solve::objective::Objective;
use crate::solve::separable::Separable;

/// How far the way to a point can be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// To the point itself.
    Whole,
    /// To a point before it.
    Part,
    /// Nowhere.
    Nowhere,
}

/// Relative rise of the objective that counts as none.
const SAME: f64 = 1e-9;

/// Halvings of the way to a point that cannot be written down.
const HALVINGS: usize = 20;

/// Fill `theta` with the natural parameters of `x`, which is moved to the last point on the way to it that doubles can hold and
/// `accepts` takes.
///
/// The way begins in the middle of the rows, where every scale of the solver is 1; the linear parameters are solved for on it.
pub(super) fn express(
    problem: &Problem<'_>,
    fitter: &mut Fitter<'_>,
    x: &mut [f64],
    theta: &mut [f64],
    accepts: impl Fn(&[f64]) -> bool,
) -> Reach {
    let space = &problem.space;
    let is_sound = |x: &[f64], theta: &mut [f64]| {
        space.natural(x, theta);
        space.is_expressible(x, theta) && accepts(theta)
    };
    if is_sound(x, theta) {
        return Reach::Whole;
    }
    // An amplitude too small for a double is zero, where that changes nothing.
    let mut without = x.to_vec();
    for (a, &j) in space.free.iter().enumerate() {
        if !space.log[a] && !theta[j].is_normal() && space.lower[a] <= 0.0 && space.upper[a] >= 0.0 {
            without[a] = 0.0;
        }
    }
    let value = fitter.value(x);
    if fitter.value(&without) <= value + SAME * value.abs() && is_sound(&without, theta) {
        x.copy_from_slice(&without);
        return Reach::Whole;
    }
    let end = x.to_vec();
    let mut reached = None;
    let (mut low, mut high) = (0.0, 1.0);
    for halving in 0..=HALVINGS {
        // The beginning itself is tried last, when nothing else was found.
        let share = if halving < HALVINGS { 0.5 * (low + high) } else { 0.0 };
        if halving == HALVINGS && reached.is_some() {
            break;
        }
        for a in 0..end.len() {
            x[a] = (share * end[a]).clamp(space.lower[a], space.upper[a]);
        }
        if fitter.project(x) && fitter.value(x).is_finite() && is_sound(x, theta) {
            reached = Some(x.to_vec());
            low = share;
        } else {
            high = share;
        }
    }
    let Some(point) = reached else { return Reach::Nowhere };
    x.copy_from_slice(&point);
    space.natural(x, theta);
    Reach::Part
}

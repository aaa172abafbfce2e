//! Exhaustive search along one coordinate: everything else is linear, so the objective is a curve that can be walked.

use std::cmp::Ordering;

use super::certificate::Status;
use super::newton::minimise;
use super::options::{Options, Outcome};
use super::polish;
use super::scratch::Scratch;
use super::separable::Separable;
use super::starts::{Found, Range};

/// Points of the walk. A sum of a constant and one power, the law walked most often, has one valley; twelve points over its
/// two or three decades stand closer than any second valley seen in 100,000 noisy curves.
pub const POINTS: usize = 12;

/// Valleys refined at most; a curve with more is left to the search by starts.
pub const MOST_VALLEYS: usize = 3;

/// The best of all valleys along the only nonlinear coordinate, best point into `x`; None where the walk proves nothing: the
/// law is undefined on the way, valleys are many, or the best one lies beyond the ends.
pub fn search<O: Separable>(
    objective: &mut O,
    range: Range,
    options: Options,
    x: &mut [f64],
    s: &mut Scratch,
) -> Option<Found> {
    let &[coordinate] = objective.nonlinear() else { return None };
    let (lower, upper) = (objective.lower()[coordinate], objective.upper()[coordinate]);
    let mut walk = [(0.0, f64::INFINITY); POINTS];
    for (k, step) in walk.iter_mut().enumerate() {
        step.0 = range.at((k as f64 + 0.5) / POINTS as f64).clamp(lower, upper);
    }
    walk.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
    let mut points = vec![0.0; POINTS * x.len()];
    for (step, point) in walk.iter_mut().zip(points.chunks_exact_mut(x.len())) {
        point[coordinate] = step.0;
        step.1 = if objective.project(point) { objective.value(point) } else { f64::INFINITY };
        if !step.1.is_finite() {
            return None;
        }
    }
    let height = |k: usize| walk[k].1;
    let is_valley =
        |k: &usize| (*k == 0 || height(*k) <= height(k - 1)) && (*k + 1 == POINTS || height(*k) < height(k + 1));
    let valleys = (0..POINTS).filter(is_valley).count();
    if valleys > MOST_VALLEYS {
        return None;
    }
    let (mut best, mut bottom, mut agreement) = (Outcome::FAILED, None, 0);
    for k in (0..POINTS).filter(is_valley) {
        let point = &mut points[k * x.len()..(k + 1) * x.len()];
        let outcome = minimise(objective, point, None, options, s);
        if outcome.value < best.value {
            (best, agreement) = (outcome, 1);
            x.copy_from_slice(point);
            bottom = Some(k);
        }
    }
    let k = bottom.filter(|_| best.status == Status::Converged)?;
    // Beyond its neighbours the walk has not seen where the descent ended.
    let within = (k == 0 || walk[k - 1].0 <= x[coordinate]) && (k + 1 == POINTS || x[coordinate] <= walk[k + 1].0);
    let inside = walk[0].0 <= x[coordinate] && x[coordinate] <= walk[POINTS - 1].0;
    if !(within && inside) {
        return None;
    }
    let best = polish::polish(objective, x, best, options, s);
    Some(Found { outcome: best, starts: valleys, agreement, doubtful: false, exhaustive: true, escape: None })
}

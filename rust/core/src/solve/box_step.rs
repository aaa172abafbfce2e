//! A damped step inside a box, and what may move there.
//!
//! Coordinates on a bound with their gradient pushing outward are left out; one that a step would carry across its bound is
//! put there, and the step of the others is solved for again. That is a projected Newton step (Bertsekas 1982) without its
//! line search, which the damping makes unnecessary.

use super::linalg::solve_positive;
use super::objective::{Model, Objective};
use super::scratch::Scratch;

/// Largest cosine over the coordinates that are free to move against their gradient.
pub fn largest_cosine(model: &Model, x: &[f64], lower: &[f64], upper: &[f64]) -> f64 {
    let mut largest = 0.0_f64;
    for j in 0..x.len() {
        if !is_held(model.gradient[j], x[j], lower[j], upper[j]) {
            largest = largest.max(model.cosine(j));
        }
    }
    largest
}

/// Whether a coordinate sits on a bound with its gradient pushing outward.
pub(super) fn is_held(gradient: f64, x: f64, lower: f64, upper: f64) -> bool {
    (x <= lower && gradient >= 0.0) || (x >= upper && gradient <= 0.0)
}

pub(super) fn clamp_into_box(x: &mut [f64], lower: &[f64], upper: &[f64]) {
    for j in 0..x.len() {
        x[j] = x[j].clamp(lower[j], upper[j]);
    }
}

/// Fill `s.step` with the damped step inside the box and return its predicted decrease; None when the system is not
/// positive definite.
pub(super) fn box_step<O: Objective>(
    objective: &O,
    x: &[f64],
    damping: f64,
    metric: Option<&[f64]>,
    with_second: bool,
    s: &mut Scratch,
) -> Option<f64> {
    let p = x.len();
    let (lower, upper) = (objective.lower(), objective.upper());
    let model = &s.here;
    s.step.fill(0.0);
    for j in 0..p {
        s.held[j] = is_held(model.gradient[j], x[j], lower[j], upper[j]) || model.column_squares[j] == 0.0;
    }
    let entry = |i: usize, j: usize| {
        let mut value = model.hessian[i * p + j];
        if with_second {
            value += s.second[i * p + j];
        }
        value
    };
    let damped = |i: usize, j: usize| {
        entry(i, j)
            + damping
                * match metric {
                    Some(full) => full[i * p + j],
                    None if i == j => model.metric[i],
                    None => 0.0,
                }
    };
    // Each pass either finishes or pins one more coordinate to its bound.
    for _ in 0..=p {
        s.free.clear();
        s.free.extend((0..p).filter(|&j| !s.held[j]));
        let q = s.free.len();
        if q == 0 {
            break;
        }
        for (a, &i) in s.free.iter().enumerate() {
            for (b, &j) in s.free.iter().enumerate().take(a + 1) {
                s.system[a * q + b] = damped(i, j);
            }
            let mut right = -model.gradient[i];
            for j in 0..p {
                if s.held[j] && s.step[j] != 0.0 {
                    right -= damped(i, j) * s.step[j];
                }
            }
            s.right[a] = right;
        }
        if !solve_positive(&mut s.system[..q * q], q, &mut s.right[..q]) {
            return None;
        }
        let mut crossed = false;
        for (a, &j) in s.free.iter().enumerate() {
            let step = s.right[a];
            if !step.is_finite() {
                return None;
            }
            s.step[j] = step;
            if x[j] + step < lower[j] || x[j] + step > upper[j] {
                s.step[j] = step.clamp(lower[j] - x[j], upper[j] - x[j]);
                s.held[j] = true;
                crossed = true;
            }
        }
        if !crossed {
            break;
        }
    }
    let mut predicted = 0.0;
    for i in 0..p {
        // Half of the diagonal, and the rest below it for both triangles.
        let mut bend = 0.5 * entry(i, i) * s.step[i];
        for j in 0..i {
            bend += entry(i, j) * s.step[j];
        }
        predicted -= (model.gradient[i] + bend) * s.step[i];
    }
    Some(predicted)
}

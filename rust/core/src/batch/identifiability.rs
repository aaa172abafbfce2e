//! Which parameters the rows determine: the null space of the scaled Jacobian.

use crate::problem::Fitter;
use crate::solve::curvature::frozen_curvature;
use crate::solve::linalg::{cholesky, norm2, qr, singular};
use crate::solve::{Objective, Rows};

/// Smallest singular value of the column-scaled Jacobian, relative to the largest, that tells parameters apart at all.
///
/// Ten times the rounding of a QR of a few hundred rows.
const RANK: f64 = 1e-13;

/// Condition of the column-scaled J'J above which some direction is determined by rounding.
pub(super) const LARGEST_CONDITION: f64 = 1e12;

/// Share of a null direction above which a parameter is part of it.
const SHARE: f64 = 1e-3;

/// Condition number of the column-scaled J'J, and the coordinates that take part in its null space.
///
/// A coordinate that could change by its own size (or by one) and move no residual by more than `rounding` takes part too:
/// alpha in A*x**(-alpha) when A has gone to zero.
pub(super) fn identify(fitter: &mut Fitter<'_>, x: &[f64], rounding: f64) -> (f64, Vec<bool>) {
    identify_within(fitter, x, rounding, RANK)
}

/// The coordinates that take part in a direction that [`LARGEST_CONDITION`] leaves to rounding.
pub(super) fn weak_coordinates(fitter: &mut Fitter<'_>, x: &[f64], rounding: f64) -> Vec<bool> {
    identify_within(fitter, x, rounding, 1.0 / LARGEST_CONDITION.sqrt()).1
}

fn identify_within(fitter: &mut Fitter<'_>, x: &[f64], rounding: f64, rank: f64) -> (f64, Vec<bool>) {
    let mut rows = Rows::default();
    let mut null = vec![false; x.len()];
    if !x.is_empty() && fitter.row_count() >= MANY_ROWS {
        let condition = condition_of_many(fitter, x, rounding);
        if condition <= WELL_POSED {
            return (condition, null);
        }
    }
    if x.is_empty() || !fitter.rows(x, &mut rows) {
        return (f64::NAN, null);
    }
    let all: Vec<usize> = (0..x.len()).collect();
    let condition = singular_values(&rows, &all, x, rounding, Some((rank, &mut null)));
    // On its bound a coordinate is determined by the bound, whatever the rows say of it.
    let free: Vec<usize> = (0..x.len()).filter(|&a| x[a] > fitter.lower()[a] && x[a] < fitter.upper()[a]).collect();
    if free.len() == all.len() {
        return (condition, null);
    }
    (singular_values(&rows, &free, x, rounding, None), null)
}

/// Condition number of the scaled J'J of some coordinates; those that take part in a direction below a rank are put into a list.
fn singular_values(
    rows: &Rows,
    free: &[usize],
    x: &[f64],
    rounding: f64,
    mut null: Option<(f64, &mut Vec<bool>)>,
) -> f64 {
    let (n, q) = (rows.residual.len(), free.len());
    if q == 0 {
        return 1.0;
    }
    let mut columns = Vec::with_capacity(n * q);
    for &a in free {
        let column = &rows.jacobian[a * n..(a + 1) * n];
        columns.extend(column.iter().zip(&rows.weight).map(|(v, w)| v * w.sqrt()));
    }
    for (column, &a) in columns.chunks_exact_mut(n).zip(free) {
        let norm = norm2(column);
        if norm * x[a].abs().max(1.0) <= rounding {
            if let Some((_, null)) = &mut null {
                null[a] = true;
            }
            column.fill(0.0);
        } else {
            for v in column.iter_mut() {
                *v /= norm;
            }
        }
    }
    let mut r = vec![0.0; q * q];
    qr(&mut columns, n, q, &mut r);
    let mut v = vec![0.0; q * q];
    let values = singular(&mut r, &mut v, q);
    let largest = values.iter().fold(0.0_f64, |m, s| m.max(*s));
    let smallest = values.iter().fold(f64::INFINITY, |m, s| m.min(*s));
    if let Some((rank, null)) = null {
        for (k, _) in values.iter().enumerate().filter(|(_, value)| **value <= rank * largest) {
            for (row, &a) in free.iter().enumerate() {
                null[a] |= v[row * q + k].abs() > SHARE;
            }
        }
    }
    if smallest > 0.0 { (largest / smallest).powi(2) } else { f64::INFINITY }
}

/// Condition of the objective's own curvature up to which it determines every parameter where J'J alone does not: its second
/// derivatives are differences, with six digits.
const CURVED: f64 = 1e6;

/// Change of the objective, relative to it, that a parameter must make there.
const FELT: f64 = 1e-6;

/// Condition of the scaled second derivatives of the objective, where they are positive definite and well conditioned: a sharp
/// optimum whose J'J is singular is determined by the curvature of the law (Freudenstein and Roth's second one).
pub(super) fn condition_of_curvature(fitter: &mut Fitter<'_>, x: &[f64], value: f64) -> Option<f64> {
    let q = x.len();
    let mut rows = Rows::default();
    if q == 0 || fitter.row_count() >= MANY_ROWS || !fitter.rows(x, &mut rows) {
        return None;
    }
    let n = rows.residual.len();
    let slopes: Vec<f64> = rows.weight.iter().zip(&rows.psi).map(|(w, psi)| w * psi).collect();
    let mut curvature = vec![0.0; q * q];
    let mut pulled = [vec![0.0; q], vec![0.0; q]];
    if !frozen_curvature(fitter, x, &slopes, &mut vec![0.0; q], &mut pulled, &mut curvature) {
        return None;
    }
    for a in 0..q {
        for b in 0..q {
            let products = (0..n)
                .map(|i| rows.weight[i] * rows.curvature[i] * rows.jacobian[a * n + i] * rows.jacobian[b * n + i]);
            curvature[a * q + b] += products.sum::<f64>();
        }
    }
    // A parameter that hardly bends the objective as it changes by its own size has run off, however well the rest is scaled.
    let bends = |a: usize| curvature[a * q + a] * (x[a] * x[a]).max(1.0) >= FELT * value.abs();
    if !(0..q).all(bends) {
        return None;
    }
    let scale: Vec<f64> = (0..q).map(|a| curvature[a * q + a].sqrt()).collect();
    for a in 0..q {
        for b in 0..q {
            curvature[a * q + b] /= scale[a] * scale[b];
        }
    }
    if !cholesky(&mut curvature.clone(), q) {
        return None;
    }
    let values = singular(&mut curvature, &mut vec![0.0; q * q], q);
    let (least, most) = values.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), v| (l.min(*v), m.max(*v)));
    Some(most / least).filter(|condition| *condition <= CURVED)
}

/// Rows from which J'J is tried before a factorisation of J.
const MANY_ROWS: usize = 20_000;

/// Condition of J'J up to which its own digits are enough to tell it.
const WELL_POSED: f64 = 1e8;

/// Condition number of the column-scaled J'J from its eigenvalues; infinite where a column does not matter.
fn condition_of_many(fitter: &mut Fitter<'_>, x: &[f64], rounding: f64) -> f64 {
    let q = x.len();
    let mut gram = vec![0.0; q * q];
    if !fitter.gram(x, &mut gram) {
        return f64::INFINITY;
    }
    let norm: Vec<f64> = (0..q).map(|a| gram[a * q + a].sqrt()).collect();
    if norm.iter().zip(x).any(|(n, v)| n * v.abs().max(1.0) <= rounding) {
        return f64::INFINITY;
    }
    for a in 0..q {
        for b in 0..q {
            gram[a * q + b] /= norm[a] * norm[b];
        }
    }
    let values = singular(&mut gram, &mut vec![0.0; q * q], q);
    let (small, large) = values.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
    large / small
}

/// Curvature of the objective along a direction, relative to that of the metric, below which the direction is level.
const LEVEL: f64 = 1e-7;

/// Coordinates along which the optimum is not unique although the rows would determine them: a loss with straight parts can
/// balance on a whole segment, each of whose points has the same objective.
pub(super) fn level_coordinates(fitter: &mut Fitter<'_>, x: &[f64]) -> Vec<bool> {
    let q = x.len();
    let mut rows = Rows::default();
    let mut level = vec![false; q];
    if q == 0 || fitter.is_curved_everywhere() || !fitter.rows(x, &mut rows) {
        return level;
    }
    let n = rows.residual.len();
    if rows.curvature.iter().all(|c| *c > 0.0) {
        return level;
    }
    let slopes: Vec<f64> = rows.weight.iter().zip(&rows.psi).map(|(w, psi)| w * psi).collect();
    let mut curvature = vec![0.0; q * q];
    let mut pulled = [vec![0.0; q], vec![0.0; q]];
    if !frozen_curvature(fitter, x, &slopes, &mut vec![0.0; q], &mut pulled, &mut curvature) {
        return level;
    }
    // In the coordinates of the metric J' W (psi/r) J = R'R the curvature of a well-posed direction is of order one.
    let mut pull = vec![0.0; n * q];
    for i in 0..n {
        let r = rows.residual[i];
        let strength = if r == 0.0 { rows.curvature[i] } else { rows.psi[i] / r };
        let root = (rows.weight[i] * strength.max(0.0)).sqrt();
        for a in 0..q {
            pull[a * n + i] = root * rows.jacobian[a * n + i];
            for b in 0..q {
                curvature[a * q + b] +=
                    rows.weight[i] * rows.curvature[i] * rows.jacobian[a * n + i] * rows.jacobian[b * n + i];
            }
        }
    }
    let mut r = vec![0.0; q * q];
    qr(&mut pull, n, q, &mut r);
    if (0..q).any(|a| r[a * q + a] == 0.0) {
        return level;
    }
    whiten(&mut curvature, &r, q);
    let mut vectors = vec![0.0; q * q];
    let values = singular(&mut curvature, &mut vectors, q);
    for (k, value) in values.iter().enumerate() {
        if *value <= LEVEL {
            for a in 0..q {
                level[a] |= vectors[a * q + k].abs() > SHARE;
            }
        }
    }
    level
}

/// Replace the symmetric `a` by R^-T a R^-1.
fn whiten(a: &mut [f64], r: &[f64], q: usize) {
    for pass in 0..2 {
        for j in 0..q {
            for i in 0..q {
                let at = |i: usize| if pass == 0 { i * q + j } else { j * q + i };
                let mut sum = a[at(i)];
                for k in 0..i {
                    sum -= r[k * q + i] * a[at(k)];
                }
                a[at(i)] = sum / r[i * q + i];
            }
        }
    }
}

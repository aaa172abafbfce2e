//! Last digits: Newton steps from a QR factorisation of the rows, which squares no condition number.

use super::certificate::{GRADIENT_TOLERANCE, Status};
use super::linalg::{back_substitute, qr};
use super::objective::{Objective, Rows};
use super::options::{Options, Outcome};
use super::scratch::Scratch;

/// Rows above which the normal equations have the last word: a factorisation would cost more than it gains.
const MOST_ROWS: usize = 50_000;

/// Steps at most: without the law's second derivatives convergence is linear, each step a few bits.
const MOST_STEPS: usize = 30;

/// Share of the rounding norm (1e3 eps ||y||) by which a residual norm is uncertain.
const ROUNDING_SHARE: f64 = 1e-2;

/// Improve `x` by QR steps; a step is kept only when it lowers the gradient, or is followed by a shorter one, and
/// does not raise the objective.
pub fn polish<O: Objective>(
    objective: &mut O,
    x: &mut [f64],
    outcome: Outcome,
    options: Options,
    s: &mut Scratch,
) -> Outcome {
    let mut best = outcome;
    if best.status == Status::NotFinite || objective.dimension() == 0 || best.certificate.multiplier > 0.0 {
        return best;
    }
    let mut rows = std::mem::take(&mut s.rows);
    let mut plan = plan(objective, x, &mut rows);
    for _ in 0..MOST_STEPS {
        let Some(here) = plan else { break };
        let mut trial = x.to_vec();
        for (&j, v) in here.movable.iter().zip(&here.step) {
            trial[j] = (trial[j] + v).clamp(objective.lower()[j], objective.upper()[j]);
        }
        if trial == x {
            break;
        }
        let value = objective.value(&trial);
        // Values cannot tell points apart that differ by less than the rounding of the law in every row.
        let noise = ROUNDING_SHARE * options.rounding * (2.0 * best.value).sqrt();
        let acceptable = value <= best.value * (1.0 + 1e-12) + noise || value <= options.rounding * options.rounding;
        if !acceptable {
            break;
        }
        plan = self::plan(objective, &trial, &mut rows);
        let Some(there) = &plan else { break };
        // Along a sloppy direction the gradient is rounding long before the parameters are: there the next step tells.
        let shorter = there.cosine <= GRADIENT_TOLERANCE && there.length < 0.5 * here.length;
        if there.cosine >= here.cosine && !shorter {
            break;
        }
        x.copy_from_slice(&trial);
        best.value = value;
        best.certificate.gradient = if shorter { there.cosine } else { best.certificate.gradient.min(there.cosine) };
        if there.cosine > 0.7 * here.cosine && !shorter {
            break;
        }
    }
    s.rows = rows;
    if best.status == Status::Stalled && best.certificate.holds() {
        best.status = Status::Converged;
    }
    best
}

/// A step from one point, and what says whether it is needed.
struct Plan {
    movable: Vec<usize>,
    step: Vec<f64>,
    /// Largest cosine between psi and a column.
    cosine: f64,
    /// Largest part of the step, relative to its coordinate or to one.
    length: f64,
}

fn plan<O: Objective>(objective: &mut O, x: &[f64], rows: &mut Rows) -> Option<Plan> {
    if objective.row_count() > MOST_ROWS || !objective.rows(x, rows) {
        return None;
    }
    let movable = movable(objective, x, rows);
    let step = step(rows, &movable, x.len())?;
    let relative = movable.iter().zip(&step).map(|(&j, v)| v.abs() / x[j].abs().max(1.0));
    Some(Plan { cosine: cosine(rows, &movable), length: relative.fold(0.0, f64::max), movable, step })
}

/// Coordinates off their bounds.
fn movable<O: Objective>(objective: &O, x: &[f64], rows: &Rows) -> Vec<usize> {
    let n = rows.residual.len();
    (0..x.len())
        .filter(|&j| x[j] > objective.lower()[j] && x[j] < objective.upper()[j])
        .filter(|&j| rows.jacobian[j * n..(j + 1) * n].iter().any(|v| *v != 0.0))
        .collect()
}

/// Largest |`J_j`' psi| / (||`J_j`|| ||psi||), summed with compensation.
fn cosine(rows: &Rows, movable: &[usize]) -> f64 {
    let n = rows.residual.len();
    let slope: f64 = (0..n).map(|i| rows.weight[i] * rows.psi[i] * rows.psi[i]).sum();
    let mut largest = 0.0_f64;
    for &j in movable {
        let column = &rows.jacobian[j * n..(j + 1) * n];
        let (mut sum, mut lost, mut square) = (0.0, 0.0, 0.0);
        for i in 0..n {
            let factor = rows.weight[i] * rows.psi[i];
            let product = factor * column[i];
            lost += factor.mul_add(column[i], -product);
            let next = sum + product;
            lost += if f64::abs(sum) >= product.abs() { (sum - next) + product } else { (product - next) + sum };
            sum = next;
            square += rows.weight[i] * column[i] * column[i];
        }
        let scale = (square * slope).sqrt();
        if scale > 0.0 {
            largest = largest.max((sum + lost).abs() / scale);
        }
    }
    largest
}

/// The Newton step of the movable coordinates: QR of the rows with curvature, the others through the gradient.
fn step(rows: &Rows, movable: &[usize], p: usize) -> Option<Vec<f64>> {
    let n = rows.residual.len();
    let q = movable.len();
    if q == 0 || q > p {
        return None;
    }
    let curved: Vec<usize> = (0..n).filter(|&i| rows.curvature[i] > 0.0).collect();
    let m = curved.len();
    if m < q {
        return None;
    }
    let root: Vec<f64> = curved.iter().map(|&i| (rows.weight[i] * rows.curvature[i]).sqrt()).collect();
    let mut scale = vec![1.0; q];
    let mut a = vec![0.0; m * (q + 1)];
    for (k, &j) in movable.iter().enumerate() {
        let mut largest = 0.0_f64;
        for (row, &i) in curved.iter().enumerate() {
            let v = rows.jacobian[j * n + i] * root[row];
            a[k * m + row] = v;
            largest = largest.max(v.abs());
        }
        if largest == 0.0 {
            return None;
        }
        scale[k] = largest;
        for v in &mut a[k * m..(k + 1) * m] {
            *v /= largest;
        }
    }
    for (row, &i) in curved.iter().enumerate() {
        a[q * m + row] = -rows.weight[i] * rows.psi[i] / root[row];
    }
    let mut r = vec![0.0; (q + 1) * (q + 1)];
    qr(&mut a, m, q + 1, &mut r);
    // Rows in the linear zones pull without curvature: their part enters as R^-T times their gradient.
    let mut pull = vec![0.0; q];
    let mut any = false;
    for i in (0..n).filter(|&i| rows.curvature[i] <= 0.0) {
        any = true;
        for (k, &j) in movable.iter().enumerate() {
            pull[k] -= rows.weight[i] * rows.psi[i] * rows.jacobian[j * n + i] / scale[k];
        }
    }
    let stride = q + 1;
    let mut solution: Vec<f64> = (0..q).map(|k| r[k * stride + q]).collect();
    if any {
        for k in 0..q {
            let mut sum = pull[k];
            for l in 0..k {
                sum -= r[l * stride + k] * pull[l];
            }
            pull[k] = sum / r[k * stride + k];
            solution[k] += pull[k];
        }
    }
    if !back_substitute(&r, stride, q, &mut solution) {
        return None;
    }
    for k in 0..q {
        solution[k] /= scale[k];
    }
    solution.iter().all(|v| v.is_finite()).then_some(solution)
}

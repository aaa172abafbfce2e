//! Losses with a kink (absolute, pinball): a smoothed descent finds the zero-residual rows, Newton on them is exact.

use std::cmp::Ordering;

use super::certificate::{Certificate, Status};
use super::curvature::frozen_curvature;
use super::linalg::solve_general;
use super::newton;
use super::objective::Rows;
use super::options::{Options, Outcome};
use super::scratch::Scratch;
use super::separable::{BoxLeastSquares, Separable};

/// Zero-residual rows beyond the free coordinates that are still looked at: a parameter held at its optimum.
const MOST_SURPLUS: usize = 64;

/// Times the rounding of residuals up to which they may be zero at an optimum that is known otherwise.
const NEARLY: [f64; 2] = [1.0, 1e4];

/// Newton steps on one set of zero-residual rows: convergence is quadratic, so this is generous.
const MOST_STEPS: usize = 12;

/// Minimise a kinked objective from `x`.
pub fn minimise<O: Separable>(objective: &mut O, x: &mut [f64], options: Options, s: &mut Scratch) -> Outcome {
    let value = objective.value(x);
    let mut outcome = Outcome { value, status: Status::NotFinite, certificate: Certificate::UNKNOWN, evaluations: 1 };
    if !value.is_finite() {
        return outcome;
    }
    outcome.status = Status::Stalled;
    let Some((median, largest)) = objective.spread(x) else { return outcome };
    let mut best = x.to_vec();
    // Wide enough to be least squares: data without noise are recovered here, and no kink is left to look for.
    objective.soften(Some(10.0 * largest));
    let squares = newton::minimise(objective, x, None, options, s);
    objective.soften(None);
    outcome.evaluations += squares.evaluations;
    if objective.spread(x).is_some_and(|(_, largest)| largest <= options.rounding) {
        outcome.value = objective.value(x);
        outcome.status = Status::Converged;
        outcome.certificate = Certificate { gradient: 0.0, decrease: 0.0, multiplier: 0.0 };
        return outcome;
    }
    x.copy_from_slice(&best);
    let mut width = largest.min(30.0 * median.max(options.rounding));
    // Each stage narrows the smooth zone tenfold; the exact step is tried as soon as few rows are left in it.
    for _ in 0..14 {
        width *= 0.1;
        if width.is_nan() || width <= f64::MIN_POSITIVE {
            break;
        }
        objective.soften(Some(width));
        let scout = Options { max_evaluations: 80, decrease: 1e-10, ..options };
        let stage = newton::minimise(objective, x, None, scout, s);
        outcome.evaluations += stage.evaluations;
        objective.soften(None);
        let now = objective.value(x);
        if now < outcome.value {
            outcome.value = now;
            best.copy_from_slice(x);
        }
        if let Some((_, now)) = objective.spread(x) {
            if now <= options.rounding {
                outcome.status = Status::Converged;
                outcome.certificate = Certificate { gradient: 0.0, decrease: 0.0, multiplier: 0.0 };
                break;
            }
            width = width.min(now);
        }
        let mut vertex = x.to_vec();
        if let Some(certificate) = exact(objective, &mut vertex, width, options.rounding, s) {
            let value = objective.value(&vertex);
            if value <= outcome.value * (1.0 + 1e-13) {
                outcome.value = value;
                outcome.certificate = certificate;
                best.copy_from_slice(&vertex);
                if certificate.holds() {
                    outcome.status = Status::Converged;
                    break;
                }
            }
        }
    }
    objective.soften(None);
    x.copy_from_slice(&best);
    // Where every residual is rounding noise their signs are too, and no multiplier can be read from them.
    if outcome.status != Status::Converged && objective.spread(x).is_some_and(|(_, worst)| worst <= options.rounding) {
        outcome.status = Status::Converged;
        outcome.certificate = Certificate { gradient: 0.0, decrease: 0.0, multiplier: 0.0 };
    }
    outcome
}

/// What is known of an optimum near `x`, on the rows whose residuals are nearly zero there; None where it is not one.
pub fn settle<O: Separable>(objective: &mut O, x: &mut [f64], options: Options, s: &mut Scratch) -> Option<Outcome> {
    objective.kink()?;
    let before = objective.value(x);
    for times in NEARLY {
        let mut point = x.to_vec();
        let certificate = exact(objective, &mut point, times * options.rounding, options.rounding, s);
        let value = objective.value(&point);
        if let Some(certificate) = certificate.filter(Certificate::holds)
            && value <= before * (1.0 + 1e-13)
        {
            x.copy_from_slice(&point);
            return Some(Outcome { value, status: Status::Converged, certificate, evaluations: 2 });
        }
    }
    None
}

/// Newton on the rows whose residual is zero at the optimum, taken to be those within `width`; None when they cannot be it.
fn exact<O: Separable>(
    objective: &mut O,
    x: &mut [f64],
    width: f64,
    rounding: f64,
    s: &mut Scratch,
) -> Option<Certificate> {
    let mut rows = Rows::default();
    if !objective.rows(x, &mut rows) {
        return None;
    }
    let n = rows.residual.len();
    let free: Vec<usize> =
        (0..x.len()).filter(|&j| x[j] > objective.lower()[j] && x[j] < objective.upper()[j]).collect();
    let q = free.len();
    let (low, high) = objective.kink()?;
    // The smoothed kink is curved from low x width to high x width: those are the rows its optimum holds near zero.
    let near: Vec<usize> =
        (0..n).filter(|&i| rows.residual[i] >= low * width && rows.residual[i] <= high * width).collect();
    let (zero, ties) = distinct(&rows, &near, x.len());
    merge(&mut rows, &ties);
    let m = zero.len();
    if m > q + MOST_SURPLUS {
        return None;
    }
    let start = x.to_vec();
    let at = (&zero[..], &ties[..]);
    // Fewer rows than coordinates: the loss may be level in the other directions, and Newton would go anywhere along them.
    let ways: &[Way] = match m.cmp(&q) {
        Ordering::Less => &[Way::Crowded, Way::Pinned],
        Ordering::Equal => &[Way::Pinned, Way::Crowded],
        Ordering::Greater => &[Way::Crowded],
    };
    let mut nearly = None;
    for way in ways {
        x.copy_from_slice(&start);
        if !objective.rows(x, &mut rows) {
            return None;
        }
        merge(&mut rows, &ties);
        let found = match way {
            Way::Pinned => pinned(objective, x, at, &free, (low, high), &mut rows),
            Way::Crowded => crowded(objective, x, at, &free, (low, high), &mut rows),
        };
        // Rows that were merely close do not meet in one point.
        let Some(certificate) = found.filter(|_| zero.iter().all(|&i| rows.residual[i].abs() <= rounding)) else {
            continue;
        };
        if certificate.holds() {
            s.rows = rows;
            return Some(certificate);
        }
        if nearly.is_none() {
            nearly = Some((x.to_vec(), certificate));
        }
    }
    let (point, certificate) = nearly?;
    x.copy_from_slice(&point);
    Some(certificate)
}

/// How the point of the zero rows is found.
enum Way {
    Pinned,
    Crowded,
}

/// The point where as many rows as coordinates are zero, or fewer and the law's own curvature settles the rest.
fn pinned<O: Separable>(
    objective: &mut O,
    x: &mut [f64],
    (zero, ties): (&[usize], &[(usize, usize)]),
    free: &[usize],
    (low, high): (f64, f64),
    rows: &mut Rows,
) -> Option<Certificate> {
    let (n, m, q) = (rows.residual.len(), zero.len(), free.len());
    let p = x.len();
    let size = q + m;
    let mut multipliers = vec![0.0; m];
    let mut second = vec![0.0; p * p];
    let mut pulled = [vec![0.0; p], vec![0.0; p]];
    let mut trial = vec![0.0; p];
    for _ in 0..MOST_STEPS {
        // Slopes of the rows off the kink are their one-sided ones, of the rows on it the current multipliers.
        let mut slopes: Vec<f64> =
            (0..n).map(|i| rows.weight[i] * if rows.residual[i] > 0.0 { high } else { low }).collect();
        for (k, &i) in zero.iter().enumerate() {
            slopes[i] = rows.weight[i] * multipliers[k];
        }
        if m < q && !frozen_curvature(objective, x, &slopes, &mut trial, &mut pulled, &mut second) {
            return None;
        }
        for &i in zero {
            slopes[i] = 0.0;
        }
        let mut system = vec![0.0; size * size];
        let mut right = vec![0.0; size];
        for (a, &j) in free.iter().enumerate() {
            for (b, &l) in free.iter().enumerate() {
                system[a * size + b] = if m < q { second[j * p + l] } else { 0.0 };
            }
            for (k, &i) in zero.iter().enumerate() {
                let entry = rows.jacobian[j * n + i];
                system[a * size + q + k] = rows.weight[i] * entry;
                system[(q + k) * size + a] = entry;
            }
            right[a] = -(0..n).map(|i| slopes[i] * rows.jacobian[j * n + i]).sum::<f64>();
        }
        for (k, &i) in zero.iter().enumerate() {
            right[q + k] = -rows.residual[i];
        }
        if !solve_general(&mut system, size, &mut right) || right.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let mut moved = 0.0_f64;
        for (a, &j) in free.iter().enumerate() {
            x[j] += right[a];
            if x[j] < objective.lower()[j] || x[j] > objective.upper()[j] {
                return None;
            }
            moved = moved.max(right[a].abs() / x[j].abs().max(f64::MIN_POSITIVE));
        }
        multipliers.copy_from_slice(&right[q..]);
        if !objective.rows(x, rows) {
            return None;
        }
        merge(rows, ties);
        if moved <= 1e-14 {
            break;
        }
    }
    let multiplier = multipliers.iter().map(|&mu| if mu >= 0.0 { mu / high } else { mu / low }).fold(0.0_f64, f64::max);
    let gradient = stationarity(rows, zero, &multipliers, free, (low, high));
    // With q zero rows the vertex is pinned: no step is left. With fewer, the Newton step above was the last one.
    Some(Certificate { gradient, decrease: 0.0, multiplier })
}

/// The rows of `near` that differ, and which of the others repeats which of them: a row that occurs three times is one
/// condition, not three.
pub(super) fn distinct(rows: &Rows, near: &[usize], p: usize) -> (Vec<usize>, Vec<(usize, usize)>) {
    let n = rows.residual.len();
    let same = |i: usize, k: usize| {
        rows.residual[i] == rows.residual[k] && (0..p).all(|j| rows.jacobian[j * n + i] == rows.jacobian[j * n + k])
    };
    let (mut zero, mut ties): (Vec<usize>, Vec<(usize, usize)>) = (Vec::new(), Vec::new());
    for &i in near {
        if zero.len() > p + MOST_SURPLUS {
            break;
        }
        match zero.iter().find(|&&k| same(i, k)) {
            Some(&k) => ties.push((k, i)),
            None => zero.push(i),
        }
    }
    (zero, ties)
}

/// Give the weight of every repeated row to the first of its kind.
pub(super) fn merge(rows: &mut Rows, ties: &[(usize, usize)]) {
    for &(first, other) in ties {
        rows.weight[first] += rows.weight[other];
        rows.weight[other] = 0.0;
    }
}

/// The same where more rows are zero than coordinates are free, or fewer and the loss is level in the other directions: the
/// nearest point on which the rows agree. Its multipliers may be one choice of many, the one nearest zero inside their interval.
fn crowded<O: Separable>(
    objective: &mut O,
    x: &mut [f64],
    (zero, ties): (&[usize], &[(usize, usize)]),
    free: &[usize],
    kink: (f64, f64),
    rows: &mut Rows,
) -> Option<Certificate> {
    let n = rows.residual.len();
    let (q, m) = (free.len(), zero.len());
    let unbounded = (vec![f64::NEG_INFINITY; q], vec![f64::INFINITY; q]);
    for _ in 0..MOST_STEPS {
        let mut step = vec![0.0; q];
        let mut fit = BoxLeastSquares::new(q);
        for (a, &j) in free.iter().enumerate() {
            fit.right[a] = -zero.iter().map(|&i| rows.jacobian[j * n + i] * rows.residual[i]).sum::<f64>();
            for (b, &l) in free.iter().enumerate() {
                fit.gram[a * q + b] =
                    zero.iter().map(|&i| rows.jacobian[j * n + i] * rows.jacobian[l * n + i]).sum::<f64>();
            }
        }
        fit.solve(&unbounded.0, &unbounded.1, &mut step);
        let mut moved = 0.0_f64;
        for (a, &j) in free.iter().enumerate() {
            x[j] += step[a];
            if x[j] < objective.lower()[j] || x[j] > objective.upper()[j] {
                return None;
            }
            moved = moved.max(step[a].abs() / x[j].abs().max(f64::MIN_POSITIVE));
        }
        if !objective.rows(x, rows) {
            return None;
        }
        merge(rows, ties);
        if moved <= 1e-14 {
            break;
        }
    }
    let length: Vec<f64> = free
        .iter()
        .map(|&j| rows.jacobian[j * n..(j + 1) * n].iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE))
        .collect();
    let slope = |i: usize| if rows.residual[i] > 0.0 { kink.1 } else { kink.0 };
    let mut pull = vec![0.0; q];
    for i in (0..n).filter(|i| !zero.contains(i)) {
        for (a, &j) in free.iter().enumerate() {
            pull[a] += rows.weight[i] * slope(i) * rows.jacobian[j * n + i] / length[a];
        }
    }
    let entry = |k: usize, a: usize| rows.weight[zero[k]] * rows.jacobian[free[a] * n + zero[k]] / length[a];
    let mut balance = BoxLeastSquares::new(m);
    for k in 0..m {
        balance.right[k] = -(0..q).map(|a| entry(k, a) * pull[a]).sum::<f64>();
        for l in 0..m {
            balance.gram[k * m + l] = (0..q).map(|a| entry(k, a) * entry(l, a)).sum();
        }
    }
    let mut multipliers = vec![0.0; m];
    balance.solve(&vec![kink.0; m], &vec![kink.1; m], &mut multipliers);
    let gradient = stationarity(rows, zero, &multipliers, free, kink);
    Some(Certificate { gradient, decrease: 0.0, multiplier: 0.0 })
}

/// Largest |`J_j`' slopes| / (||`J_j`|| ||slopes||) with the multipliers in place of the slopes on the kink.
fn stationarity(rows: &Rows, zero: &[usize], multipliers: &[f64], free: &[usize], kink: (f64, f64)) -> f64 {
    let n = rows.residual.len();
    let mut slopes: Vec<f64> = rows.residual.iter().map(|r| if *r > 0.0 { kink.1 } else { kink.0 }).collect();
    for (k, &i) in zero.iter().enumerate() {
        slopes[i] = multipliers[k];
    }
    let norm: f64 = (0..n).map(|i| rows.weight[i] * slopes[i] * slopes[i]).sum::<f64>().sqrt();
    free.iter()
        .map(|&j| {
            let column = &rows.jacobian[j * n..(j + 1) * n];
            let dot: f64 = (0..n).map(|i| rows.weight[i] * slopes[i] * column[i]).sum();
            let length: f64 = (0..n).map(|i| rows.weight[i] * column[i] * column[i]).sum::<f64>().sqrt();
            if length > 0.0 { dot.abs() / (length * norm) } else { 0.0 }
        })
        .fold(0.0, f64::max)
}

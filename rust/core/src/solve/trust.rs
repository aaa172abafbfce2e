//! A trust region on a QR of the rows (Moré 1978), with geodesic acceleration (Transtrum and Sethna 2012).
//!
//! A step costs more than one of Newton, and far from an optimum it is worth more: it follows long curved valleys, in which
//! damped Newton runs crawl, and its scales only grow, so that it does not run off to where a parameter stops to matter.

use super::linalg::{back_substitute, norm2, qr};
use super::objective::{Objective, Rows};
use super::scratch::Scratch;
use super::separable::Separable;

/// First radius, in units of the scaled start (Moré 1978).
const FIRST_RADIUS: f64 = 0.1;

/// Gain ratio above which a step is accepted.
const ACCEPT: f64 = 1e-4;

/// Share of the radius by which a step may miss it.
const SLACK: f64 = 0.1;

/// Passes of the search for the damping that meets the radius.
const PASSES: usize = 12;

/// Part of the step over which its curvature is measured.
const PROBE: f64 = 0.1;

/// Twice the acceleration relative to the step, above which the curvature is too strong to follow.
const MOST_ACCELERATION: f64 = 0.75;

/// Relative decrease, promised and found, below which there is nothing left to search.
const LITTLE: f64 = 1e-13;

/// Radius, relative to the scaled point, at which steps have become rounding.
const SMALLEST_RADIUS: f64 = 1e-15;

/// What becomes of the coordinates in which the law is linear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linear {
    /// They move like all others.
    Stepped,
    /// They are solved for after every step and do not count in its length: variable projection (Kaufman 1975), which
    /// takes an amplitude through a hundred decades at no cost.
    Projected,
}

/// Residuals and Jacobian of the coordinates that move, weighted so that half the sum of squares has the objective's gradient.
#[derive(Debug, Default)]
struct System {
    movable: Vec<usize>,
    /// Root of w psi / r, one per row.
    root: Vec<f64>,
    /// Upper triangle with Q' r as its last column, stride `movable + 1`.
    r: Vec<f64>,
    /// Largest column norm so far, one per coordinate of the objective; 0 for those that are solved for.
    scale: Vec<f64>,
    /// Coordinates that are solved for.
    projected: Vec<bool>,
}

/// Move `x` downhill for at most `most` evaluations; returns how many were spent.
///
/// Not a certificate: what comes out is a better start for [`minimise`](super::newton::minimise).
pub fn follow<O: Separable>(objective: &mut O, x: &mut [f64], linear: Linear, most: usize, s: &mut Scratch) -> usize {
    let mut rows = Rows::default();
    let mut probe = Rows::default();
    let mut projected = vec![linear == Linear::Projected; x.len()];
    for &j in objective.nonlinear() {
        projected[j] = false;
    }
    let mut system = System { scale: vec![0.0; x.len()], projected, ..System::default() };
    let mut value = objective.value(x);
    let mut spent = 1;
    let mut radius = None;
    while spent < most && value > 0.0 && value.is_finite() && !s.is_stopped() {
        spent += 1;
        if !objective.rows(x, &mut rows) || !system.factorise(objective, x, &rows) {
            return spent;
        }
        let size = system.norm(|j| x[j]);
        let mut reach = radius.unwrap_or(FIRST_RADIUS * if size > 0.0 { size } else { 1.0 });
        loop {
            let (triangle, step) = system.step(reach);
            if step.iter().any(|v| !v.is_finite()) {
                return spent;
            }
            let length = system.length(&step);
            let predicted = system.predicted(&step);
            let bend = system.acceleration(objective, x, &rows, &mut probe, &triangle, &step);
            let mut trial = x.to_vec();
            for (k, &j) in system.movable.iter().enumerate() {
                let moved = step[k] + bend.as_ref().map_or(0.0, |a| 0.5 * a[k]);
                trial[j] = (x[j] + moved).clamp(objective.lower()[j], objective.upper()[j]);
            }
            let mut there = objective.value(&trial);
            spent += 2;
            if linear == Linear::Projected {
                let mut solved = trial.clone();
                let lower = if objective.project(&mut solved) { objective.value(&solved) } else { f64::INFINITY };
                spent += 1;
                if lower < there || there.is_nan() {
                    (trial, there) = (solved, lower);
                }
            }
            let gain = (value - there) / predicted;
            let done = predicted <= LITTLE * value && (value - there).abs() <= LITTLE * value;
            if gain < 0.25 || gain.is_nan() {
                reach = 0.25 * length.min(reach);
            } else if gain > 0.75 || length < (1.0 - SLACK) * reach {
                reach = 2.0 * length;
            }
            let accepted = there.is_finite() && gain >= ACCEPT;
            if accepted {
                x.copy_from_slice(&trial);
                value = there;
            }
            if done || reach <= SMALLEST_RADIUS * size || spent >= most {
                return spent;
            }
            if accepted {
                break;
            }
        }
        radius = Some(reach);
    }
    spent
}

impl System {
    /// Factorise the rows at `x`; false when no coordinate can move.
    fn factorise<O: Objective>(&mut self, objective: &O, x: &[f64], rows: &Rows) -> bool {
        let n = rows.residual.len();
        self.root.clear();
        self.root.extend((0..n).map(|i| {
            let r = rows.residual[i];
            let strength = if r == 0.0 { rows.curvature[i] } else { rows.psi[i] / r };
            (rows.weight[i] * strength.max(0.0)).sqrt()
        }));
        self.movable.clear();
        for j in 0..x.len() {
            let column = &rows.jacobian[j * n..(j + 1) * n];
            let gradient: f64 = (0..n).map(|i| rows.weight[i] * rows.psi[i] * column[i]).sum();
            let held =
                (x[j] <= objective.lower()[j] && gradient >= 0.0) || (x[j] >= objective.upper()[j] && gradient <= 0.0);
            if !held && column.iter().zip(&self.root).any(|(v, w)| v * w != 0.0) {
                self.movable.push(j);
            }
        }
        let q = self.movable.len();
        if q == 0 || n == 0 {
            return false;
        }
        let mut a = vec![0.0; n * (q + 1)];
        for (k, &j) in self.movable.iter().enumerate() {
            for i in 0..n {
                a[k * n + i] = self.root[i] * rows.jacobian[j * n + i];
            }
            if !self.projected[j] {
                self.scale[j] = self.scale[j].max(norm2(&a[k * n..(k + 1) * n]));
            }
        }
        for i in 0..n {
            a[q * n + i] = self.root[i] * rows.residual[i];
        }
        self.r.resize((q + 1) * (q + 1), 0.0);
        qr(&mut a, n, q + 1, &mut self.r);
        self.r.iter().all(|v| v.is_finite())
    }

    /// Norm of the scaled coordinates that move.
    fn norm(&self, at: impl Fn(usize) -> f64) -> f64 {
        norm2(&self.movable.iter().map(|&j| self.scale[j] * at(j)).collect::<Vec<f64>>())
    }

    /// Scaled length of a step of the coordinates that move.
    fn length(&self, step: &[f64]) -> f64 {
        norm2(&self.movable.iter().zip(step).map(|(&j, v)| self.scale[j] * v).collect::<Vec<f64>>())
    }

    /// Decrease that the linearised rows promise for `step`.
    fn predicted(&self, step: &[f64]) -> f64 {
        let stride = step.len() + 1;
        let mut sum = 0.0;
        for k in 0..step.len() {
            let row: f64 = (k..step.len()).map(|l| self.r[k * stride + l] * step[l]).sum();
            sum -= row * (self.r[k * stride + step.len()] + 0.5 * row);
        }
        sum
    }

    /// The step whose scaled length is `radius`, or the free one where that is shorter, and the triangle that gave it.
    fn step(&self, radius: f64) -> (Vec<f64>, Vec<f64>) {
        let (triangle, free) = self.damped(0.0);
        let mut lower = 0.0;
        let mut best = (triangle, free);
        let mut length = self.length(&best.1);
        if length.is_finite() && length <= (1.0 + SLACK) * radius {
            return best;
        }
        let gradient: Vec<f64> = self.pulled();
        let scaled = self.movable.iter().zip(&gradient).filter(|(j, _)| self.scale[**j] > 0.0);
        let mut upper = norm2(&scaled.map(|(&j, g)| g / self.scale[j]).collect::<Vec<f64>>()) / radius;
        let mut damping = if length.is_finite() { self.newton(0.0, length, radius, &best) } else { 1e-3 * upper };
        for _ in 0..PASSES {
            if !(damping > lower && damping < upper) {
                damping = (1e-3 * upper).max((lower * upper).sqrt());
            }
            best = self.damped(damping);
            length = self.length(&best.1);
            if (length - radius).abs() <= SLACK * radius {
                break;
            }
            if length > radius {
                lower = damping;
            } else {
                upper = damping;
            }
            damping = self.newton(damping, length, radius, &best);
        }
        best
    }

    /// Hebden's correction of the damping: Newton on one over the length.
    fn newton(&self, damping: f64, length: f64, radius: f64, (triangle, step): &(Vec<f64>, Vec<f64>)) -> f64 {
        let q = step.len();
        let mut v: Vec<f64> =
            self.movable.iter().zip(step).map(|(&j, p)| self.scale[j] * self.scale[j] * p / length).collect();
        forward_substitute(triangle, q + 1, &mut v);
        let slope = v.iter().map(|x| x * x).sum::<f64>();
        damping + (length - radius) / radius / slope
    }

    /// J' r of the coordinates that move.
    fn pulled(&self) -> Vec<f64> {
        let q = self.movable.len();
        (0..q).map(|k| (0..=k).map(|l| self.r[l * (q + 1) + k] * self.r[l * (q + 1) + q]).sum()).collect()
    }

    /// Triangle of J'J + damping D'D, and the step that it gives.
    fn damped(&self, damping: f64) -> (Vec<f64>, Vec<f64>) {
        let q = self.movable.len();
        let stride = q + 1;
        let mut a = vec![0.0; 2 * q * stride];
        for column in 0..=q {
            for row in 0..=column.min(q - 1) {
                a[column * 2 * q + row] = self.r[row * stride + column];
            }
        }
        for (k, &j) in self.movable.iter().enumerate() {
            a[k * 2 * q + q + k] = damping.sqrt() * self.scale[j];
        }
        let mut triangle = vec![0.0; stride * stride];
        qr(&mut a, 2 * q, stride, &mut triangle);
        let mut step: Vec<f64> = (0..q).map(|k| -triangle[k * stride + q]).collect();
        if !back_substitute(&triangle, stride, q, &mut step) {
            step.fill(f64::INFINITY);
        }
        (triangle, step)
    }

    /// The second-order part of a step along the surface of the law; none where it curves too strongly to be followed.
    fn acceleration<O: Objective>(
        &self,
        objective: &mut O,
        x: &[f64],
        rows: &Rows,
        probe: &mut Rows,
        triangle: &[f64],
        step: &[f64],
    ) -> Option<Vec<f64>> {
        let (n, q) = (rows.residual.len(), step.len());
        let mut near = x.to_vec();
        for (k, &j) in self.movable.iter().enumerate() {
            near[j] += PROBE * step[k];
            if near[j] < objective.lower()[j] || near[j] > objective.upper()[j] {
                return None;
            }
        }
        if !objective.rows(&near, probe) {
            return None;
        }
        let mut a = vec![0.0; q];
        for i in 0..n {
            let along: f64 = self.movable.iter().zip(step).map(|(&j, v)| rows.jacobian[j * n + i] * v).sum();
            let bend = 2.0 / PROBE * ((probe.residual[i] - rows.residual[i]) / PROBE - along);
            let pull = self.root[i] * self.root[i] * bend;
            for (k, &j) in self.movable.iter().enumerate() {
                a[k] -= rows.jacobian[j * n + i] * pull;
            }
        }
        forward_substitute(triangle, q + 1, &mut a);
        let solved = back_substitute(triangle, q + 1, q, &mut a) && a.iter().all(|v| v.is_finite());
        (solved && 2.0 * self.length(&a) <= MOST_ACCELERATION * self.length(step)).then_some(a)
    }
}

/// Solve R' s = b in place.
fn forward_substitute(r: &[f64], stride: usize, b: &mut [f64]) {
    for i in 0..b.len() {
        let mut sum = b[i];
        for k in 0..i {
            sum -= r[k * stride + i] * b[k];
        }
        b[i] = sum / r[i * stride + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two coordinates whose linearised rows are [2 1; 0 0.5], residuals (3, -1).
    fn system() -> System {
        System {
            movable: vec![0, 1],
            root: Vec::new(),
            r: vec![2.0, 1.0, 3.0, 0.0, 0.5, -1.0, 0.0, 0.0, 0.0],
            scale: vec![2.0, 1.25_f64.sqrt()],
            projected: vec![false; 2],
        }
    }

    #[test]
    fn a_wide_radius_gives_the_free_step() {
        let (_, step) = system().step(1e3);
        // J s = -r
        assert!((2.0 * step[0] + step[1] + 3.0).abs() < 1e-12 && (0.5 * step[1] - 1.0).abs() < 1e-12);
        assert!((system().predicted(&step) - 5.0).abs() < 1e-12);
    }

    #[test]
    fn a_narrow_radius_is_met() {
        for radius in [1.0, 0.1, 1e-3, 1e-8] {
            let (_, step) = system().step(radius);
            let length = system().length(&step);
            assert!((length / radius - 1.0).abs() <= SLACK, "{length} for {radius}");
            assert!(system().predicted(&step) > 0.0);
        }
    }
}

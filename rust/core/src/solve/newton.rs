//! Semismooth Newton with Levenberg damping in a box: a dozen evaluations from anywhere sensible, seven from a warm start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::certificate::{Certificate, DECREASE_TOLERANCE, Status};
use super::curvature::frozen_curvature;
use super::linalg::solve_positive;
use super::objective::{Model, Objective, Rows};

/// How one local minimisation is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Evaluations after which the run ends as [`Status::IterationLimit`].
    pub max_evaluations: usize,
    /// Damping of the first step, relative to the metric; 0 trusts the quadratic model at once.
    pub damping: f64,
    /// Add the law's own second derivatives (by differences of J' psi) once progress is merely linear.
    pub second_order: bool,
    /// Residual norm below which a fit is perfect and its gradient rounding noise.
    pub rounding: f64,
    /// Relative predicted decrease that ends the run early, for scouting; the certificate's own for a final run.
    pub decrease: f64,
    /// Relative predicted decrease that ends a certified run.
    pub finish: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_evaluations: 400,
            damping: 1e-3,
            second_order: true,
            rounding: 0.0,
            decrease: DECREASE_TOLERANCE,
            finish: FINISH,
        }
    }
}

/// Where a local minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The objective there.
    pub value: f64,
    /// How it ended.
    pub status: Status,
    /// The numbers behind the status.
    pub certificate: Certificate,
    /// Evaluations spent.
    pub evaluations: usize,
}

impl Outcome {
    /// Nothing was found.
    pub const FAILED: Self =
        Self { value: f64::INFINITY, status: Status::NotFinite, certificate: Certificate::UNKNOWN, evaluations: 0 };
}

/// Buffers of one thread; nothing is allocated while minimising.
#[derive(Debug, Clone)]
pub struct Scratch {
    here: Model,
    there: Model,
    trial: Vec<f64>,
    step: Vec<f64>,
    right: Vec<f64>,
    system: Vec<f64>,
    free: Vec<usize>,
    held: Vec<bool>,
    second: Vec<f64>,
    slopes: Vec<f64>,
    pulled: [Vec<f64>; 2],
    /// Rows of the last look at a point.
    pub rows: Rows,
    /// Set from outside when the run is to end.
    stop: Option<Arc<AtomicBool>>,
}

impl Scratch {
    /// Buffers for `p` coordinates.
    pub fn new(p: usize) -> Self {
        Self {
            here: Model::new(p),
            there: Model::new(p),
            trial: vec![0.0; p],
            step: vec![0.0; p],
            right: vec![0.0; p],
            system: vec![0.0; p * p],
            free: Vec::with_capacity(p),
            held: vec![false; p],
            second: vec![0.0; p * p],
            slopes: Vec::new(),
            pulled: [vec![0.0; p], vec![0.0; p]],
            rows: Rows::default(),
            stop: None,
        }
    }

    /// The same buffers, for a run that ends when `stop` is set.
    #[must_use]
    pub fn until(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Put the point one step from `x`, inside the box, into `trial`.
    fn place_trial(&mut self, x: &[f64], lower: &[f64], upper: &[f64]) {
        for j in 0..x.len() {
            self.trial[j] = (x[j] + self.step[j]).clamp(lower[j], upper[j]);
        }
    }

    /// Take the step that a certified run ended without taking; returns what it is predicted to gain of `value`.
    ///
    /// Where the run looks no further than its certificate, this step is worth half the digits and no evaluation.
    pub fn last_step(&self, x: &mut [f64], lower: &[f64], upper: &[f64], outcome: &Outcome) -> f64 {
        if outcome.certificate.decrease > 0.0 {
            for j in 0..x.len() {
                x[j] = (x[j] + self.step[j]).clamp(lower[j], upper[j]);
            }
        }
        outcome.certificate.decrease * outcome.value
    }

    /// Whether the run was asked to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// The model at the point where the last minimisation ended.
    pub fn model(&self) -> &Model {
        &self.here
    }
}

/// Damping at which a run gives up: steps are then far below the spacing of floating-point numbers.
const LARGEST_DAMPING: f64 = 1e20;

/// Smallest damping kept; below it the model is trusted fully.
const SMALLEST_DAMPING: f64 = 1e-10;

/// Relative predicted decrease at which a certified run ends: parameters then stand within 1e-9 of their own standard
/// error, where the certificate's 1e-14 alone would leave them within 1e-7.
const FINISH: f64 = 1e-18;

/// Relative predicted decrease from which the gradient is looked at: values hardly tell such a step from rounding.
const NEARLY: f64 = 1e-11;

/// Factor by which the gradient must fall where the objective is too coarse to tell: without second derivatives of the law
/// convergence is linear, and a stricter demand left parameters at the square root of its rounding.
const SLOWEST: f64 = 0.9;

/// Gain ratio above which a step is accepted.
const ACCEPT: f64 = 1e-4;

/// Minimise `objective` from `x`, which holds the best point on return.
///
/// `metric` is a full p x p matrix that steers the damping (a replicate gets the one of its fit); without it the damping
/// is diagonal, J' W (psi/r) J at the running point, which makes the run independent of the units of every coordinate.
pub fn minimise<O: Objective>(
    objective: &mut O,
    x: &mut [f64],
    metric: Option<&[f64]>,
    options: Options,
    s: &mut Scratch,
) -> Outcome {
    let p = objective.dimension();
    clamp_into_box(x, objective.lower(), objective.upper());
    let mut value = objective.model(x, &mut s.here);
    if !value.is_finite() {
        return Outcome { evaluations: 1, ..Outcome::FAILED };
    }
    let mut outcome =
        Outcome { value, status: Status::IterationLimit, certificate: Certificate::UNKNOWN, evaluations: 1 };
    let mut damping = options.damping;
    // A full metric has the scale of the curvature itself; a diagonal one must start small to leave ridges alone.
    let first = if metric.is_some() { 0.05 } else { 1e-4 };
    let (mut growth, mut previous, mut slow) = (4.0, f64::INFINITY, 0);
    let (mut with_second, mut curved) = (false, false);
    let mut failures = 0;
    while outcome.evaluations < options.max_evaluations {
        if s.is_stopped() {
            outcome.status = Status::Unfinished;
            break;
        }
        if s.here.square.sqrt() <= options.rounding {
            outcome.certificate = Certificate { gradient: 0.0, decrease: 0.0, multiplier: 0.0 };
            outcome.status = Status::Converged;
            break;
        }
        let Some(predicted) = box_step(objective, x, damping, metric, with_second, s) else {
            if with_second {
                // Indefinite away from an optimum: no fault of the damping.
                with_second = false;
                slow = 0;
                continue;
            }
            damping = (damping * growth).max(1e-6);
            failures += 1;
            if damping > LARGEST_DAMPING || failures > 100 {
                outcome.status = Status::Stalled;
                break;
            }
            continue;
        };
        outcome.certificate.decrease = if value > 0.0 { (predicted / value).max(0.0) } else { 0.0 };
        // Far from the end nothing asks for it.
        let nearly = outcome.certificate.decrease <= NEARLY;
        outcome.certificate.gradient = if nearly { cosine_here(objective, x, s) } else { f64::INFINITY };
        // Heavy damping makes every predicted decrease small: only a nearly free step may certify.
        let certified = outcome.certificate.holds() && (damping <= 1e-3 || outcome.certificate.gradient == 0.0);
        if certified && outcome.certificate.decrease <= options.finish {
            outcome.status = Status::Converged;
            break;
        }
        if outcome.certificate.holds() && !certified {
            damping = 0.0;
            continue;
        }
        // A scout is done when a nearly free step promises little; a heavily damped one always does.
        let little = damping <= 1e-3 && outcome.certificate.decrease <= options.decrease;
        if options.decrease > DECREASE_TOLERANCE && little {
            outcome.status = Status::Stalled;
            break;
        }
        s.place_trial(x, objective.lower(), objective.upper());
        if s.trial[..] == *x {
            outcome.status = if certified { Status::Converged } else { Status::Stalled };
            break;
        }
        let there = objective.model(&s.trial, &mut s.there);
        outcome.evaluations += 1;
        let gain = (value - there) / predicted;
        // Values cannot tell such a step from rounding; gradients can.
        let at_rounding = predicted <= NEARLY * value
            && there <= value * (1.0 + 1e-13)
            && cosine_there(objective, s) < SLOWEST * outcome.certificate.gradient;
        if there.is_finite() && predicted > 0.0 && (gain >= ACCEPT || at_rounding) {
            x.copy_from_slice(&s.trial);
            std::mem::swap(&mut s.here, &mut s.there);
            value = there;
            growth = 4.0;
            damping = damping_after(damping, if at_rounding { 1.0 } else { gain });
            let linear = damping <= 1e-5 && predicted > 2e-3 * previous && predicted < 1e-4 * value;
            slow = if linear { slow + 1 } else { 0 };
            previous = predicted;
            if options.second_order && (slow >= 2 || with_second) {
                with_second = second_derivatives(objective, x, s);
                outcome.evaluations += 2 * p;
            }
        } else if certified && options.second_order && !std::mem::replace(&mut curved, true) {
            // Steps without the law's curvature may shrink the gradient too slowly to be told from rounding.
            with_second = second_derivatives(objective, x, s);
            outcome.evaluations += 2 * p;
        } else if certified {
            // The certificate holds and rounding forbids a better point.
            outcome.status = Status::Converged;
            break;
        } else {
            with_second = false;
            damping = if damping == 0.0 { first } else { damping * growth };
            growth *= 2.0;
            if damping > LARGEST_DAMPING {
                outcome.status = Status::Stalled;
                break;
            }
        }
    }
    if outcome.certificate.gradient == f64::INFINITY {
        outcome.certificate.gradient = cosine_here(objective, x, s);
    }
    outcome.value = value;
    outcome
}

/// Damping after an accepted step that gained this share of what was predicted.
fn damping_after(damping: f64, gain: f64) -> f64 {
    match gain {
        g if g > 0.75 && damping < SMALLEST_DAMPING => 0.0,
        g if g > 0.75 => damping * 0.1,
        g if g < 0.25 => (damping * 4.0).max(1e-6),
        _ => damping,
    }
}

fn cosine_here<O: Objective>(objective: &O, x: &[f64], s: &Scratch) -> f64 {
    largest_cosine(&s.here, x, objective.lower(), objective.upper())
}

fn cosine_there<O: Objective>(objective: &O, s: &Scratch) -> f64 {
    largest_cosine(&s.there, &s.trial, objective.lower(), objective.upper())
}

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
fn is_held(gradient: f64, x: f64, lower: f64, upper: f64) -> bool {
    (x <= lower && gradient >= 0.0) || (x >= upper && gradient <= 0.0)
}

fn clamp_into_box(x: &mut [f64], lower: &[f64], upper: &[f64]) {
    for j in 0..x.len() {
        x[j] = x[j].clamp(lower[j], upper[j]);
    }
}

/// Fill `s.step` with the damped step inside the box and return its predicted decrease; None when the system is not
/// positive definite.
fn box_step<O: Objective>(
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
        s.held[j] = is_held(model.gradient[j], x[j], lower[j], upper[j]) || model.column[j] == 0.0;
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
        predicted -= model.gradient[i] * s.step[i];
        for j in 0..p {
            predicted -= 0.5 * entry(i, j) * s.step[i] * s.step[j];
        }
    }
    Some(predicted)
}

/// Sum of w psi times the second derivatives of the residuals, by central differences of J' psi with psi held fixed, so
/// that kinks of the loss do not disturb it; false where the law is undefined nearby.
fn second_derivatives<O: Objective>(objective: &mut O, x: &[f64], s: &mut Scratch) -> bool {
    let p = x.len();
    if !objective.rows(x, &mut s.rows) {
        return false;
    }
    s.slopes.clear();
    s.slopes.extend(s.rows.weight.iter().zip(&s.rows.psi).map(|(w, psi)| w * psi));
    frozen_curvature(objective, x, &s.slopes, &mut s.trial, &mut s.pulled, &mut s.second) && p > 0
}

//! Semismooth Newton with Levenberg damping in a box: a dozen evaluations from anywhere sensible, seven from a warm start.

use super::box_step::{box_step, clamp_into_box, largest_cosine};
use super::certificate::{Certificate, DECREASE_TOLERANCE, Status};
use super::curvature::frozen_curvature;
use super::objective::Objective;
use super::options::{Options, Outcome};
use super::scratch::Scratch;

/// Damping at which a run gives up: steps are then far below the spacing of floating-point numbers.
const LARGEST_DAMPING: f64 = 1e20;

/// Smallest damping kept; below it the model is trusted fully.
const SMALLEST_DAMPING: f64 = 1e-10;

/// Damping up to which a step is nearly free: under more of it every predicted decrease is small and proves nothing.
const NEARLY_FREE: f64 = 1e-3;

/// Systems that may fail to be positive definite before a run gives up.
const MOST_FAILURES: usize = 100;

/// Relative predicted decrease from which the gradient is looked at: values hardly tell such a step from rounding.
const NEARLY: f64 = 1e-11;

/// Factor by which the gradient must fall where the objective is too coarse to tell: without second derivatives of the law
/// convergence is linear, and a stricter demand left parameters at the square root of its rounding.
const SLOWEST: f64 = 0.9;

/// Relative predicted decrease above which second derivatives that come with a model are left out: of a step that long they say
/// little, and without them it is less likely to leave the basin of a warm start.
const FAR: f64 = 1e-2;

/// Gain ratio above which a step is accepted.
const ACCEPT: f64 = 1e-4;

/// How far the quadratic model is trusted: Levenberg's damping, which steps that keep their promise let fall.
#[derive(Debug)]
struct Damping {
    value: f64,
    /// What the next rejection multiplies it by; twice as much every time.
    growth: f64,
    /// What the first rejection makes of none.
    first: f64,
    failures: usize,
}

impl Damping {
    fn new(value: f64, has_metric: bool) -> Self {
        // A full metric has the scale of the curvature itself; a diagonal one must start small to leave ridges alone.
        Self { value, growth: 4.0, first: if has_metric { 0.05 } else { 1e-4 }, failures: 0 }
    }

    /// A step gained this share of what was predicted.
    fn accepted(&mut self, gain: f64) {
        self.growth = 4.0;
        self.value = match gain {
            g if g > 0.75 && self.value < SMALLEST_DAMPING => 0.0,
            g if g > 0.75 => self.value * 0.1,
            g if g < 0.25 => (self.value * 4.0).max(1e-6),
            _ => self.value,
        };
    }

    /// A step gained nothing.
    fn rejected(&mut self) {
        self.value = if self.value == 0.0 { self.first } else { self.value * self.growth };
        self.growth *= 2.0;
    }

    /// The damped system was not positive definite.
    fn failed(&mut self) {
        self.value = (self.value * self.growth).max(1e-6);
        self.failures += 1;
    }

    fn is_hopeless(&self) -> bool {
        self.value > LARGEST_DAMPING || self.failures > MOST_FAILURES
    }

    fn is_nearly_free(&self) -> bool {
        self.value <= NEARLY_FREE
    }
}

/// How fast a run converges: linearly, once nearly free steps promise hardly less than those before them.
#[derive(Debug)]
struct Pace {
    previous: f64,
    slow: usize,
}

impl Pace {
    /// An accepted step led to `value`; whether it was the second slow one in a row.
    fn is_slow_after(&mut self, predicted: f64, value: f64, damping: &Damping) -> bool {
        let linear = damping.value <= 1e-5 && predicted > 2e-3 * self.previous && predicted < 1e-4 * value;
        self.slow = if linear { self.slow + 1 } else { 0 };
        self.previous = predicted;
        self.slow >= 2
    }
}

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
    minimise_until(objective, x, metric, options, s, &mut never).unwrap_or(Outcome::FAILED)
}

/// No point is enough: a run goes on to its end.
pub fn never<O>(_: &mut O, _: &[f64], _: Option<f64>) -> bool {
    false
}

/// The same until `is_enough` says so of a point it moved to, given the objective there where that is known; nothing is
/// returned then.
pub fn minimise_until<O: Objective>(
    objective: &mut O,
    x: &mut [f64],
    metric: Option<&[f64]>,
    options: Options,
    s: &mut Scratch,
    is_enough: &mut impl FnMut(&mut O, &[f64], Option<f64>) -> bool,
) -> Option<Outcome> {
    let p = objective.dimension();
    clamp_into_box(x, objective.lower(), objective.upper());
    let mut value = objective.model(x, &mut s.here);
    if !value.is_finite() {
        return Some(Outcome { evaluations: 1, ..Outcome::FAILED });
    }
    let (mut evaluations, mut certificate) = (1, Certificate::UNKNOWN);
    let mut damping = Damping::new(options.damping, metric.is_some());
    let mut pace = Pace { previous: f64::INFINITY, slow: 0 };
    // Whether the model has the law's own curvature, and whether it was given that for want of any other step.
    let (mut with_second, mut curved) = (take_second(s), false);
    let status = loop {
        if evaluations >= options.max_evaluations {
            break Status::IterationLimit;
        }
        if s.is_stopped() {
            break Status::Unfinished;
        }
        if s.here.residual_squares.sqrt() <= options.rounding {
            certificate = Certificate { gradient: 0.0, decrease: 0.0, multiplier: 0.0 };
            break Status::Converged;
        }
        let Some(predicted) = box_step(objective, x, damping.value, metric, with_second, s) else {
            if with_second {
                // Indefinite away from an optimum: not the fault of the damping.
                with_second = false;
                pace.slow = 0;
                continue;
            }
            damping.failed();
            if damping.is_hopeless() {
                break Status::Stalled;
            }
            continue;
        };
        certificate.decrease = if value > 0.0 { (predicted / value).max(0.0) } else { 0.0 };
        if with_second && s.here.has_second && certificate.decrease > FAR {
            with_second = false;
            continue;
        }
        // Far from the end nothing asks for it.
        certificate.gradient =
            if certificate.decrease <= NEARLY { cosine_here(objective, x, s) } else { f64::INFINITY };
        // Only a nearly free step may certify.
        let certified = certificate.holds() && (damping.is_nearly_free() || certificate.gradient == 0.0);
        if certified && certificate.decrease <= options.finish {
            break Status::Converged;
        }
        if certificate.holds() && !certified {
            damping.value = 0.0;
            continue;
        }
        // A scout is done when a nearly free step promises little.
        let is_scout = options.decrease > DECREASE_TOLERANCE;
        if is_scout && damping.is_nearly_free() && certificate.decrease <= options.decrease {
            break Status::Stalled;
        }
        s.place_trial(x, objective.lower(), objective.upper());
        if s.trial[..] == *x {
            break if certified { Status::Converged } else { Status::Stalled };
        }
        let there = objective.model(&s.trial, &mut s.there);
        evaluations += 1;
        let gain = (value - there) / predicted;
        // Values cannot tell such a step from rounding; gradients can.
        let at_rounding = predicted <= NEARLY * value
            && there <= value * (1.0 + 1e-13)
            && cosine_there(objective, s) < SLOWEST * certificate.gradient;
        if there.is_finite() && predicted > 0.0 && (gain >= ACCEPT || at_rounding) {
            x.copy_from_slice(&s.trial);
            std::mem::swap(&mut s.here, &mut s.there);
            value = there;
            if is_enough(objective, x, Some(value)) {
                return None;
            }
            damping.accepted(if at_rounding { 1.0 } else { gain });
            let is_slow = pace.is_slow_after(predicted, value, &damping);
            if s.here.has_second || !options.second_order {
                with_second = take_second(s);
            } else if is_slow || with_second {
                with_second = second_derivatives(objective, x, s);
                evaluations += 2 * p;
            }
        } else if certified && options.second_order && !std::mem::replace(&mut curved, true) {
            // Steps without the law's curvature may shrink the gradient too slowly to be told from rounding.
            with_second = second_derivatives(objective, x, s);
            evaluations += 2 * p;
        } else if certified {
            // The certificate holds and rounding forbids a better point.
            break Status::Converged;
        } else {
            with_second = false;
            damping.rejected();
            if damping.is_hopeless() {
                break Status::Stalled;
            }
        }
    };
    if certificate.gradient == f64::INFINITY {
        certificate.gradient = cosine_here(objective, x, s);
    }
    Some(Outcome { value, status, certificate, evaluations })
}

/// Use the second derivatives that came with the model; false where none did.
fn take_second(s: &mut Scratch) -> bool {
    if s.here.has_second {
        s.second.copy_from_slice(&s.here.second);
    }
    s.here.has_second
}

fn cosine_here<O: Objective>(objective: &O, x: &[f64], s: &Scratch) -> f64 {
    largest_cosine(&s.here, x, objective.lower(), objective.upper())
}

fn cosine_there<O: Objective>(objective: &O, s: &Scratch) -> f64 {
    largest_cosine(&s.there, &s.trial, objective.lower(), objective.upper())
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

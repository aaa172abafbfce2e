//! Starts that challenge an optimum already known: each is refined only until it has clearly come into the basin of that one.
//!
//! A replicate is refitted from the fit first. What searched starts can add to that is a lower optimum; one that leads to the
//! optimum known adds nothing, and most of its evaluations would go into the last digits of a point that is known.

use super::certificate::{AGREEMENT_TOLERANCE, Status};
use super::descend::descend_until;
use super::objective::Rows;
use super::options::Options;
use super::polish;
use super::scratch::Scratch;
use super::separable::Separable;
use crate::simd::{Kernel, LANES, dispatch};

/// Height above the known optimum, relative to it, up to which a point may belong to its basin.
const NEAR: f64 = 0.25;

/// Share of its height at the last look to which a point must have fallen before it is looked at again.
const FALLEN: f64 = 0.5;

/// Share of a change of the residuals that the law's derivatives may miss, at either end of the way.
const BENT: f64 = 0.3;

/// Parts of the straight way to the known optimum.
const PARTS: usize = 4;

/// Relative rounding of an objective.
const ROUNDING: f64 = 1e-12;

/// An optimum that starts may lead to, and the rows there.
#[derive(Debug)]
pub struct Known {
    x: Vec<f64>,
    value: f64,
    rows: Rows,
    /// Rows at the point that is looked at, and a point on the way to it.
    there: Rows,
    way: Vec<f64>,
}

impl Known {
    /// The optimum `x` with this objective; nothing where the law is undefined there.
    pub fn new<O: Separable>(objective: &mut O, x: &[f64], value: f64) -> Option<Self> {
        let mut rows = Rows::default();
        let sound = objective.rows(x, &mut rows);
        sound.then(|| Self { x: x.to_vec(), value, rows, there: Rows::default(), way: x.to_vec() })
    }

    /// Whether a point lies in its basin: between them the residuals are nearly linear, so that a convex loss has no second
    /// valley there, and the objective falls all the way to the optimum, ever less steeply.
    fn attracts<O: Separable>(&mut self, objective: &mut O, x: &[f64], value: f64) -> bool {
        objective.rows(x, &mut self.there) && self.is_straight(x) && self.is_downhill(objective, x, value)
    }

    /// Whether the derivatives at both ends tell how the residuals differ.
    fn is_straight(&mut self, x: &[f64]) -> bool {
        let Self { x: known, rows, there, way, .. } = self;
        for ((way, to), from) in way.iter_mut().zip(x).zip(known.iter()) {
            *way = to - from;
        }
        [&*rows, &*there].into_iter().all(|at| dispatch(Straight { at, ends: [rows, there], step: way }))
    }

    fn is_downhill<O: Separable>(&mut self, objective: &mut O, x: &[f64], value: f64) -> bool {
        let mut last = (value, f64::INFINITY);
        for part in 1..=PARTS {
            let share = part as f64 / PARTS as f64;
            for (way, (to, from)) in self.way.iter_mut().zip(self.x.iter().zip(x)) {
                *way = share.mul_add(to - from, *from);
            }
            let here = if part == PARTS { self.value } else { objective.value(&self.way) };
            let drop = last.0 - here;
            if !(drop >= -ROUNDING * here && drop <= last.1) {
                return false;
            }
            last = (here, drop + ROUNDING * here);
        }
        true
    }
}

/// Whether the derivatives `at` one of two `ends`, a `step` apart, tell how the residuals differ between them.
struct Straight<'a> {
    at: &'a Rows,
    ends: [&'a Rows; 2],
    step: &'a [f64],
}

impl Kernel for Straight<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let Self { at, ends: [from, to], step } = self;
        let n = from.residual.len();
        let (mut missed, mut total) = (0.0, 0.0);
        for block in (0..n).step_by(LANES) {
            let rows = block..n.min(block + LANES);
            let (mut change, mut linear) = ([0.0; LANES], [0.0; LANES]);
            for (change, (to, from)) in
                change.iter_mut().zip(to.residual[rows.clone()].iter().zip(&from.residual[rows.clone()]))
            {
                *change = to - from;
            }
            for (step, column) in step.iter().zip(at.jacobian.chunks_exact(n)) {
                for (linear, slope) in linear.iter_mut().zip(&column[rows.clone()]) {
                    *linear = slope.mul_add(*step, *linear);
                }
            }
            for (weight, (change, linear)) in from.weight[rows].iter().zip(change.iter().zip(&linear)) {
                missed += weight * (change - linear) * (change - linear);
                total += weight * change * change;
            }
        }
        missed <= BENT * BENT * total
    }
}

/// Refine the points of `queue` that do not lead to `known`; returns the lowest objective that is certified and below it, that point
/// in `x`, and how many evaluations were spent.
pub fn challenge<O: Separable>(
    objective: &mut O,
    known: &mut Known,
    queue: &[Vec<f64>],
    options: Options,
    x: &mut [f64],
    s: &mut Scratch,
) -> (Option<f64>, usize) {
    let mut best = None;
    let mut evaluations = 0;
    let mut trial = vec![0.0; x.len()];
    for (index, start) in queue.iter().enumerate() {
        if s.is_stopped() {
            break;
        }
        trial.copy_from_slice(start);
        let (mut limit, mut looks) = (NEAR * known.value, 0);
        let mut is_known = |objective: &mut O, x: &[f64], value: Option<f64>| {
            looks += 1;
            let value = value.unwrap_or_else(|| objective.value(x));
            let height = value - known.value;
            // Below the known optimum the interesting part begins.
            if !(height <= limit && height >= 0.0) {
                return false;
            }
            limit = FALLEN * height;
            known.attracts(objective, x, value)
        };
        let staged = index.is_multiple_of(if objective.has_many_basins() { 4 } else { 2 });
        let outcome = descend_until(objective, &mut trial, options, staged, s, &mut is_known);
        evaluations += outcome.map_or(looks, |outcome| outcome.evaluations);
        let Some(outcome) = outcome else { continue };
        let lowest = best.unwrap_or(known.value * (1.0 - AGREEMENT_TOLERANCE));
        if outcome.value < lowest {
            let outcome = polish::polish(objective, &mut trial, outcome, options, s);
            if outcome.status == Status::Converged {
                best = Some(outcome.value);
                x.copy_from_slice(&trial);
            }
        }
    }
    (best, evaluations)
}

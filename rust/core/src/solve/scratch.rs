//! What one thread needs while it minimises, allocated once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::objective::{Model, Rows};
use super::options::Outcome;

/// Buffers of one thread; nothing is allocated while minimising.
#[derive(Debug, Clone)]
pub struct Scratch {
    /// The model at the best point, and at the one just tried.
    pub(super) here: Model,
    pub(super) there: Model,
    /// The point just tried, and the step to it.
    pub(super) trial: Vec<f64>,
    pub(super) step: Vec<f64>,
    /// The equations of the coordinates that are free to move.
    pub(super) right: Vec<f64>,
    pub(super) system: Vec<f64>,
    pub(super) free: Vec<usize>,
    /// Which coordinates stay on their bounds.
    pub(super) held: Vec<bool>,
    /// What the law's own second derivatives add to the curvature, and what they are made with.
    pub(super) second: Vec<f64>,
    pub(super) slopes: Vec<f64>,
    pub(super) pulled: [Vec<f64>; 2],
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
    pub(super) fn place_trial(&mut self, x: &[f64], lower: &[f64], upper: &[f64]) {
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

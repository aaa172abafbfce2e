//! The loss in force while a solver runs: the problem's own, a softened form of it, or the one of the scale last estimated.

use super::Problem;
use crate::loss::{Density, Loss};

/// What turns residuals into an objective at the moment.
#[derive(Debug)]
pub(super) struct InForce {
    /// The loss to be minimised; the problem's, or its kinked limit.
    pub(super) base: Loss,
    /// The loss of every row: the base, or a softened form of it.
    pub(super) loss: Loss,
    /// What that loss is multiplied by, so that slopes far out stay the same.
    pub(super) factor: f64,
    /// Whether the scale of the residuals is estimated at every point: not for softened forms of a loss.
    pub(super) joint: bool,
    /// The scale last estimated, in solver units.
    pub(super) scale: f64,
}

impl InForce {
    /// The loss of `problem`.
    pub(super) fn new(problem: &Problem<'_>) -> Self {
        Self { base: problem.loss, loss: problem.loss, factor: 1.0, joint: problem.density.is_some(), scale: 1.0 }
    }

    /// Put a form of the base in force that is smooth over `width`; the base itself without one.
    pub(super) fn soften(&mut self, problem: &Problem<'_>, width: Option<f64>) {
        (self.loss, self.factor) = self.base.softened(width);
        self.joint = width.is_none() && problem.density.is_some() && self.base == problem.loss;
    }

    /// Put the kinked limit of the loss in force, or the loss itself.
    pub(super) fn sharpen(&mut self, problem: &Problem<'_>, on: bool) {
        self.base = if on { Loss::Absolute } else { problem.loss };
        self.soften(problem, None);
    }

    /// Put the loss of an estimated scale in force, at which the profile over `total` weight has this value.
    pub(super) fn settle(&mut self, density: Density, scale: f64, value: f64, total: f64) {
        self.scale = scale;
        self.loss = density.at(scale);
        self.factor = 2.0 * value / total * density.strength(scale);
    }

    /// Width of the zone in which the loss is not straight.
    pub(super) fn width(&self, problem: &Problem<'_>) -> f64 {
        match problem.density {
            Some(density) if self.joint => density.width() * self.scale,
            _ => self.base.width(),
        }
    }
}

/// An objective that is not a number is one that no step may enter.
pub(super) fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::INFINITY }
}

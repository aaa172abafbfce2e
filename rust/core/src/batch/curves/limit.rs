//! Infinite exponents: only the rows at the end feel the power.

use super::cost::{Cost, Scale};
use super::descent::{Descent, Rules, constant, is_beyond};
use super::faces::Among;
use super::look::{Engine, Point};
use super::place::Side;
use super::search::{Candidates, Place};
use super::walk::ENDS;
use crate::simd::vector::Plain;
use crate::simd::{LANES, Real, Vector, math};

/// Relative rise of the objective that still counts as level on the way to infinity.
const LEVEL: f64 = 1e-9;

/// a times the distance of the second x from which on a descent begins that comes back from infinity.
const BACK: f64 = 2.0;

/// a times the distance of the second x where its power is nothing beside a constant, and where that makes no difference to the
/// objective.
const GONE: f64 = 40.0;
const VANISHED: f64 = 25.0;

/// Largest logarithm of a number that is ordinary.
const ORDINARY: f64 = 708.39;

/// Where a walk towards infinity begins, over the end of the first one, and a times the distance of the second x where it ends.
const BEFORE: f64 = 0.5;
const REACH: f64 = 8.0;

/// Share of the way there that is gone once the amplitude is solved for, and how often that is tried.
const CLOSER: f64 = 1.0 - 1e-9;
const ATTEMPTS: usize = 5;

impl<S: Scale, C: Cost> Engine<'_, S, C> {
    /// The fit at an infinite exponent, or in the valley that leads back from there; its objective.
    pub(super) fn limit(&mut self, side: Side, rules: Rules, best: &mut Candidates) -> Option<f64> {
        if !rules.signs.has_constant {
            return None;
        }
        let (end, rest) = (self.level(Among::End(side))?, self.level(Among::Others(side))?);
        let natural = |v: f64| if S::IS_LOG { math::exp(v) } else { v };
        let (e, m) = (natural(rest.place), natural(end.place) - natural(rest.place));
        if is_beyond(e, rules.signs.constant) || e == 0.0 {
            return None;
        }
        if is_beyond(m, rules.signs.amplitude) || m == 0.0 {
            best.level = true;
            return Some(f64::INFINITY);
        }
        let value = end.value + rest.value;
        let gap = self.gap(side);
        best.starts += 1;
        if m * self.pull_of(side, gap, rest.place) < 0.0 {
            let a = BACK / gap;
            self.enter(side, [e + m, m * a, a], rules, best)?;
        }
        // The walk did not go as far as that only the second x differs.
        let (from, to) = (BEFORE * ENDS.1 / self.placed.width, REACH / gap);
        if from < to {
            self.zoom(side, (from, to), f64::INFINITY, rules, best)?;
        }
        self.far_out(side, (e, m, gap), value, rules, best);
        Some(value)
    }

    /// Take the limit itself, at a point that can be written down.
    fn far_out(&mut self, side: Side, (e, m, gap): (f64, f64, f64), value: f64, rules: Rules, best: &mut Candidates) {
        // What gains nothing that shows is the limit itself.
        let counted = value * (1.0 - LEVEL);
        if best.found.is_some_and(|found| found.value <= counted) {
            return;
        }
        let a = (GONE / gap).min(self.farthest(side, m));
        if a * gap >= VANISHED {
            best.take(side, Place::Limit([e, m, a], value), counted);
        } else {
            self.at_the_end(side, [e + m, m * a, a], rules, best);
        }
    }

    /// Take the best law at the largest exponent that can be written down, near a law with a larger one.
    pub(super) fn at_the_end(&mut self, side: Side, beyond: Point, rules: Rules, best: &mut Candidates) {
        let rules = Rules { holds_exponent: true, ..rules };
        let m = beyond[1] / beyond[2];
        let mut from = [beyond[0], beyond[1], self.farthest(side, m)];
        from[1] = m * from[2];
        for _ in 0..ATTEMPTS {
            let Descent::Bottom(point, look, _) = self.descend(side, from, rules) else { return };
            let (e, m) = (constant(point), point[1] / point[2]);
            // Another amplitude reaches another exponent.
            let farthest = self.farthest(side, m);
            if point[2] <= farthest {
                if !is_beyond(e, rules.signs.constant) && !is_beyond(m, rules.signs.amplitude) {
                    best.take(side, Place::Limit([e, m, point[2]], look.value), look.value);
                }
                return;
            }
            from = [point[0], m * farthest * CLOSER, farthest * CLOSER];
        }
    }

    /// The largest exponent at which an amplitude has a number in the caller's units.
    pub(super) fn farthest(&self, side: Side, amplitude: f64) -> f64 {
        // Its logarithm grows by this with a.
        let growth = if side == Side::Falling { self.end(side) } else { -self.end(side) };
        (ORDINARY - math::ln(amplitude.abs() * self.placed.unit) * growth.signum()) / growth.abs()
    }

    /// Derivative of the objective by the law at the rows at a distance from the end, where the law is level.
    fn pull_of(&self, side: Side, distance: f64, place: f64) -> f64 {
        let rows = self.w.logs(side).iter().zip(&*self.w.observed).zip(&*self.w.present).take(self.placed.rows);
        let pull = |y: f64| {
            let mut psi = [0.0; LANES];
            self.cost.at(Plain::of(place - y))[1].store(&mut psi);
            psi[0]
        };
        rows.filter(|((l, _), _)| **l == distance).map(|((_, y), weight)| weight * pull(*y)).sum()
    }
}

//! The best of all valleys and faces of one curve.

use super::cost::{Cost, Scale};
use super::descent::{Descent, Rules, constant, is_beyond};
use super::faces::{Alone, Among, Level};
use super::look::{Engine, Look, Point};
use super::place::{Side, WALK};
use super::tangent::{TANGENTS, Tangents};
use super::walk::{ENDS, LIMIT, Signs, Walk, places};
use crate::simd::vector::Plain;
use crate::simd::{LANES, Real, Vector, math};

/// Valleys up to so many times the least value of a walk are followed: reweighted squares rank them roughly.
const CLOSE: f64 = 1.5;

/// Relative rise of the objective that still counts as level on the way to infinity.
const LEVEL: f64 = 1e-9;

/// a times the distance of the second x where its power is nothing beside a constant, and where that makes no difference to the
/// objective.
const GONE: f64 = 40.0;
const VANISHED: f64 = 25.0;

/// Largest logarithm of a number that is ordinary.
const ORDINARY: f64 = 708.39;

/// Valleys so near the least value of a second walk are followed; how far it goes to either side of the best exponent; how many
/// times the width of a loss residuals are where it is needed.
const VERY_CLOSE: f64 = 1.05;
const AROUND: f64 = 2.5;
const NARROW: f64 = 2.0;

/// Where a walk towards infinity begins, over the end of the first one, and a times the distance of the second x where it ends.
const BEFORE: f64 = 0.5;
const REACH: f64 = 8.0;

/// How much nearer than that it may be once the amplitude is solved for.
const CLOSER: f64 = 1.0 + 1e-4;

/// a times the distance of the second x from which on a descent begins that comes back from infinity.
const BACK: f64 = 2.0;

/// The kind of law to be searched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Domain {
    pub(super) signs: Signs,
    /// Whether powers may fall, and rise.
    pub(super) sides: [bool; 2],
    pub(super) places: [f64; WALK],
}

/// Where the best fit lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// At an ordinary optimum; the predicted decrease of the next step.
    Inside(Point, Look, f64),
    /// Where the constant is zero, or the law has none; the sign of the amplitude.
    Alone(Alone, f64),
    /// Where the amplitude is zero.
    Level(Level),
    /// At an infinite exponent: a point so far out that nothing changes any more, or as far as numbers go, and the objective there.
    Limit(Point, f64),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) side: Side,
    pub(super) place: Place,
    pub(super) value: f64,
    /// Valleys and faces looked into.
    pub(super) starts: usize,
    /// Least objective at an infinite exponent on this side, where it was near.
    pub(super) limit: f64,
}

/// What has been found so far.
struct Best {
    found: Option<Found>,
    starts: usize,
    limits: [f64; 2],
    /// Whether a law without a power, or without a constant, is to be tried.
    level: bool,
    alone: Option<(Side, f64, f64)>,
    is_alone_known: bool,
}

impl Best {
    fn take(&mut self, side: Side, place: Place, value: f64) {
        if self.found.is_none_or(|found| value < found.value) {
            self.found = Some(Found { side, place, value, starts: 0, limit: f64::INFINITY });
        }
    }
}

impl<S: Scale, C: Cost> Engine<'_, S, C> {
    /// The best fit; None where it is for the general search.
    pub(super) fn search(&mut self, domain: &Domain) -> Option<Found> {
        let Domain { signs, sides, .. } = domain;
        // Two values of x leave the exponent open.
        if signs.has_constant && self.gap(Side::Falling) >= self.placed.width {
            return None;
        }
        let rules = Rules {
            constant: signs.constant,
            amplitude: signs.amplitude,
            both_sides: sides[0] && sides[1],
            holds_exponent: false,
        };
        let all = [(Side::Falling, 0), (Side::Rising, 1)].into_iter().filter(|(_, k)| sides[*k]);
        let mut walks: [Option<Walk>; 2] = [None; 2];
        let mut least = f64::INFINITY;
        for (side, k) in all.clone() {
            let walk = self.walk(side, &domain.places, signs);
            least = walk.value.iter().fold(least, |least, v| least.min(*v));
            walks[k] = Some(walk);
        }
        if !least.is_finite() {
            return None;
        }
        let mut best = Best {
            found: None,
            starts: 0,
            limits: [f64::INFINITY; 2],
            level: false,
            alone: None,
            is_alone_known: false,
        };
        for (side, k) in all.clone() {
            let Some(walk) = &walks[k] else { continue };
            let before = walks[1 - k].map_or(f64::INFINITY, |other| other.value[0]);
            self.follow((side, walk), Some(before), CLOSE * least, &rules, signs, &mut best)?;
            if walk.value[LIMIT] <= CLOSE * least {
                best.limits[k] = self.limit(side, &rules, signs, &mut best)?;
            }
        }
        self.look_closely(&walks, &rules, signs, &mut best)?;
        let bounded = !(signs.amplitude[0] && signs.amplitude[1]);
        if best.level && bounded && signs.has_constant {
            let level = self.level(Among::All)?;
            best.take(Side::Falling, Place::Level(level), level.value);
            let sign = if signs.amplitude[1] { 1.0 } else { -1.0 };
            for (side, _) in all {
                self.leave_level(side, level, sign, &rules, &mut best)?;
            }
            // Without a constant the law may be better still: it has but one valley.
            if S::IS_LOG && best.alone.is_none() && signs.amplitude[1] && !signs.constant[0] {
                best.alone = Some((if sides[0] { Side::Falling } else { Side::Rising }, math::exp(level.place), 0.0));
            }
        }
        if let Some((side, height, exponent)) = best.alone
            && !best.is_alone_known
        {
            self.without_constant(
                side,
                (height.signum(), math::ln(height.abs()), exponent),
                &rules,
                signs,
                sides,
                &mut best,
            )?;
        }
        let mut found = best.found?;
        found.starts = best.starts.max(1);
        found.limit = best.limits[usize::from(found.side == Side::Rising)];
        Some(found)
    }

    /// A second walk near the best point where few rows count by their squares: valleys of sums of nearly straight lines stand close.
    fn look_closely(&mut self, walks: &[Option<Walk>; 2], rules: &Rules, signs: &Signs, best: &mut Best) -> Option<()> {
        let Some(Found { side, place: Place::Inside([.., a], ..), .. }) = best.found else { return Some(()) };
        let Some(walk) = &walks[usize::from(side == Side::Rising)] else { return Some(()) };
        let k = walk.exponent.iter().position(|exponent| *exponent >= a).unwrap_or(LIMIT);
        if C::IS_SQUARES || a <= 0.0 || walk.spread[k] < NARROW * self.cost.width() {
            return Some(());
        }
        self.zoom(side, (a / AROUND, a * AROUND), rules, signs, best)
    }

    /// A walk over a stretch of exponents.
    fn zoom(&mut self, side: Side, ends: (f64, f64), rules: &Rules, signs: &Signs, best: &mut Best) -> Option<()> {
        let walk = self.walk(side, &places((ends.0 * self.placed.width, ends.1 * self.placed.width)), signs);
        let least = walk.value[..LIMIT].iter().fold(f64::INFINITY, |least, v| least.min(*v));
        self.follow((side, &walk), None, VERY_CLOSE * least, rules, signs, best)
    }

    /// Whether a valley of a walk is the one whose bottom is known: nearest to that, and nowhere lower.
    fn is_known(&mut self, side: Side, walk: &Walk, k: usize, best: &Best) -> bool {
        let Some(Found { place: Place::Inside([.., a], ..), value, .. }) = best.found else { return false };
        let (e, m, at) = (walk.constant[k], walk.amplitude[k], walk.exponent[k]);
        let is_around = walk.exponent[k - 1] * at < a * a && a * a < at * walk.exponent[k + 1];
        is_around && self.at(side, [e + m, m * at, at]).is_none_or(|look| look.value >= value)
    }

    /// Follow every valley of a walk that comes near the least value; one at an end only where it is known what lies `before`.
    fn follow(
        &mut self,
        (side, walk): (Side, &Walk),
        before: Option<f64>,
        highest: f64,
        rules: &Rules,
        signs: &Signs,
        best: &mut Best,
    ) -> Option<()> {
        for k in 0..LIMIT {
            let value = walk.value[k];
            if !(value <= highest) {
                continue;
            }
            let (e, m, a) = (walk.constant[k], walk.amplitude[k], walk.exponent[k]);
            if m == 0.0 {
                best.level = true;
                continue;
            }
            let (lower, is_end) =
                if k == 0 { (before.unwrap_or(0.0), true) } else { (walk.value[k - 1], k + 1 == LIMIT) };
            let is_seen = !is_end || before.is_some();
            let is_valley = is_seen && value < lower && value <= walk.value[k + 1];
            if e == 0.0 {
                // The lowest of them is the best place to begin from.
                if best.alone.is_none() || is_valley {
                    best.alone = Some((side, m, a));
                }
                if S::IS_LOG || !is_valley {
                    continue;
                }
                best.starts += 1;
                let alone = self.alone(side, m.signum(), math::ln(m.abs()), a)?;
                best.is_alone_known = true;
                self.judge(side, alone, m.signum(), rules, signs, &[true, false], best)?;
                continue;
            }
            if !is_valley || (before.is_none() && self.is_known(side, walk, k, best)) {
                continue;
            }
            best.starts += 1;
            self.enter(side, [e + m, m * a, a], rules, best)?;
        }
        Some(())
    }

    /// Descend from a point into a valley, and take its bottom.
    fn enter(&mut self, side: Side, from: Point, rules: &Rules, best: &mut Best) -> Option<()> {
        match self.descend(side, from, *rules) {
            Descent::Bottom(point, look, decrease) => {
                if is_beyond(constant(point), rules.constant) {
                    best.alone = Some((side, point[0], point[1] / point[0]));
                } else if point[2] > self.farthest(side, point[1] / point[2]) {
                    self.at_the_end(side, point, rules, best);
                } else {
                    best.take(side, Place::Inside(point, look, decrease), look.value);
                }
            }
            Descent::BelowConstant(point) => best.alone = Some((side, point[0], point[1] / point[0])),
            Descent::NoPower => best.level = true,
            // The walk saw the limit, and the other side.
            Descent::Steep | Descent::Across => {}
            Descent::Lost => return None,
        }
        Some(())
    }

    /// The fit without a constant.
    fn without_constant(
        &mut self,
        side: Side,
        (sign, height, exponent): (f64, f64, f64),
        rules: &Rules,
        signs: &Signs,
        sides: &[bool; 2],
        best: &mut Best,
    ) -> Option<()> {
        best.starts += 1;
        let alone = self.alone(side, sign, height, exponent)?;
        self.judge(side, alone, sign, rules, signs, sides, best)
    }

    /// Take a fit without a constant if it is a minimum, with a constant too.
    #[expect(clippy::too_many_arguments, reason = "one step of the search, which has all of these at hand")]
    fn judge(
        &mut self,
        side: Side,
        alone: Alone,
        sign: f64,
        rules: &Rules,
        signs: &Signs,
        sides: &[bool; 2],
        best: &mut Best,
    ) -> Option<()> {
        if alone.exponent <= 0.0 && !(sides[0] && sides[1]) {
            // At the exponent 0 the law is a constant.
            best.level = true;
            return signs.has_constant.then_some(());
        }
        let amplitude = sign * math::exp(alone.height);
        if signs.has_constant {
            let point = [amplitude, amplitude * alone.exponent, alone.exponent];
            let pull = self.at(side, point)?.gradient[0];
            if is_beyond(-pull, rules.constant) {
                best.take(side, Place::Alone(alone, sign), alone.value);
                return Some(());
            }
            return self.enter(side, point, rules, best);
        }
        best.take(side, Place::Alone(alone, sign), alone.value);
        Some(())
    }

    /// Descend from the law without a power wherever a little of one lowers the objective.
    fn leave_level(&mut self, side: Side, level: Level, sign: f64, rules: &Rules, best: &mut Best) -> Option<()> {
        let constant = if S::IS_LOG { math::exp(level.place) } else { level.place };
        let tangents = self.tangents(side, level.place);
        for k in valleys(&tangents, sign) {
            let (_, [e, m]) = tangents.promise(k, sign);
            let a = tangents.exponent[k];
            best.starts += 1;
            self.enter(side, [constant + e + m, m * a, a], rules, best)?;
        }
        Some(())
    }

    /// The fit at an infinite exponent, or in the valley that leads back from there; its objective.
    fn limit(&mut self, side: Side, rules: &Rules, signs: &Signs, best: &mut Best) -> Option<f64> {
        if !signs.has_constant {
            return None;
        }
        let (end, rest) = (self.level(Among::End(side))?, self.level(Among::Others(side))?);
        let natural = |v: f64| if S::IS_LOG { math::exp(v) } else { v };
        let (e, m) = (natural(rest.place), natural(end.place) - natural(rest.place));
        if is_beyond(e, rules.constant) || e == 0.0 {
            return None;
        }
        if is_beyond(m, rules.amplitude) || m == 0.0 {
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
            self.zoom(side, (from, to), rules, signs, best)?;
        }
        self.far_out(side, (e, m, gap), value, rules, best)?;
        Some(value)
    }

    /// Take the limit itself, at a point that can be written down.
    fn far_out(
        &mut self,
        side: Side,
        (e, m, gap): (f64, f64, f64),
        value: f64,
        rules: &Rules,
        best: &mut Best,
    ) -> Option<()> {
        // What gains nothing that shows is the limit itself.
        let counted = value * (1.0 - LEVEL);
        if best.found.is_some_and(|found| found.value <= counted) {
            return Some(());
        }
        let a = (GONE / gap).min(self.farthest(side, m));
        if a * gap >= VANISHED {
            best.take(side, Place::Limit([e, m, a], value), counted);
        } else {
            self.at_the_end(side, [e + m, m * a, a], rules, best);
        }
        Some(())
    }

    /// Take the best law at the largest exponent that can be written down, near a law with a larger one.
    fn at_the_end(&mut self, side: Side, beyond: Point, rules: &Rules, best: &mut Best) {
        let rules = Rules { holds_exponent: true, ..*rules };
        let m = beyond[1] / beyond[2];
        let a = self.farthest(side, m);
        if let Descent::Bottom(point, look, _) = self.descend(side, [beyond[0], m * a, a], rules) {
            let (e, m) = (constant(point), point[1] / point[2]);
            if !is_beyond(e, rules.constant) && !is_beyond(m, rules.amplitude) && a <= self.farthest(side, m) * CLOSER {
                best.take(side, Place::Limit([e, m, a], look.value), look.value);
            }
        }
    }

    /// The largest exponent at which an amplitude has a number in the caller's units.
    fn farthest(&self, side: Side, amplitude: f64) -> f64 {
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

/// Exponents at which a power of sign `sign` promises a decrease, more than beside them.
fn valleys(tangents: &Tangents, sign: f64) -> impl Iterator<Item = usize> {
    let promise: [f64; TANGENTS] = std::array::from_fn(|k| tangents.promise(k, sign).0);
    (0..TANGENTS).filter(move |&k| {
        let lower = |other: Option<&f64>| other.is_none_or(|v| promise[k] <= *v);
        promise[k] < 0.0 && lower(k.checked_sub(1).and_then(|k| promise.get(k))) && lower(promise.get(k + 1))
    })
}

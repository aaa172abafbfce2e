//! The best of all valleys and faces of one curve.

use super::cost::{Cost, Scale};
use super::descent::{Descent, Rules, constant, is_beyond};
use super::faces::{Alone, Among, Level};
use super::look::{Engine, Look, Point};
use super::place::{Side, WALK};
use super::tangent::{TANGENTS, Tangents};
use super::walk::{LIMIT, Signs, Walk, places};
use crate::simd::math;

/// Valleys up to so many times the least value of a walk are followed: reweighted squares rank them roughly.
const CLOSE: f64 = 1.5;

/// Valleys so near the least value of a second walk are followed; how far it goes to either side of the best exponent; how many
/// times the width of a loss residuals are where it is needed.
const VERY_CLOSE: f64 = 1.05;
const SAME_VALLEY: [f64; 3] = [1.0, 1.003, 1.02];
/// The same along a shallow objective, where estimates tell little; relative predicted decrease there that makes a start of a point.
const EVERYWHERE: f64 = 1.3;
const ROUGHLY: f64 = 1e-4;
pub(super) const AROUND: f64 = 2.5;
const NARROW: f64 = 0.25;

/// How many exponents of a walk may have values below so many times the least before all between them are walked again.
const SHALLOW: f64 = 2.0;
const MOST_NEAR: usize = 6;

/// Optima that differ by more than the first share of the objective are not the same, and by less than the second rivals.
pub(super) const RIVALS: (f64, f64) = (1e-9, 0.05);

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
    /// Whether a second walk along a shallow objective found more than the first, so that there may be still more.
    pub(super) is_rough: bool,
}

/// What has been found so far.
pub(super) struct Candidates {
    pub(super) found: Option<Found>,
    pub(super) starts: usize,
    limits: [f64; 2],
    /// Whether a law without a power, or without a constant, is to be tried.
    pub(super) level: bool,
    pub(super) alone: Option<(Side, f64, f64)>,
    is_alone_known: bool,
    /// Optima between the faces that are nearly as good as the best one before them.
    pub(super) rivals: usize,
    /// Whether to descend from every point near the least value of a second walk.
    pub(super) from_everywhere: bool,
}

impl Candidates {
    pub(super) fn take(&mut self, side: Side, place: Place, value: f64) {
        if let (Some(Found { value: known, place: Place::Inside(..), .. }), Place::Inside(..)) = (self.found, place) {
            let apart = (value - known).abs() / known.min(value);
            self.rivals += usize::from(apart > RIVALS.0 && apart < RIVALS.1);
        }
        if self.found.is_none_or(|found| value < found.value) {
            self.found = Some(Found { side, place, value, starts: 0, limit: f64::INFINITY, is_rough: false });
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
        let rules = Rules::new(*signs, *sides);
        let mut walks: [Option<Walk>; 2] = [None; 2];
        let mut least = f64::INFINITY;
        for side in rules.all() {
            let k = usize::from(side == Side::Rising);
            let walk = self.walk(side, &domain.places, rules.signs);
            least = walk.value.iter().fold(least, |least, v| least.min(*v));
            walks[k] = Some(walk);
        }
        if !least.is_finite() {
            return None;
        }
        // A walk by estimates sees every valley only where these stand out: along a shallow one there may be others.
        let near = walks.iter().flatten().flat_map(|walk| walk.value).filter(|value| *value <= SHALLOW * least).count();
        let is_shallow = (S::IS_LOG || !C::IS_SQUARES) && near > MOST_NEAR;
        let mut best = Candidates {
            found: None,
            starts: 0,
            limits: [f64::INFINITY; 2],
            level: false,
            alone: None,
            is_alone_known: false,
            rivals: 0,
            from_everywhere: false,
        };
        for side in rules.all() {
            let k = usize::from(side == Side::Rising);
            let Some(walk) = &walks[k] else { continue };
            let before = walks[1 - k].map_or(f64::INFINITY, |other| other.value[0]);
            self.follow((side, walk), Some(before), CLOSE * least, rules, &mut best)?;
            if walk.value[LIMIT] <= CLOSE * least {
                best.limits[k] = self.limit(side, rules, &mut best)?;
            }
        }
        self.look_closely(&walks, rules, &mut best)?;
        self.faces(rules, &mut best)?;
        let is_rough = is_shallow && self.look_everywhere(&walks, SHALLOW * least, rules, &mut best)?;
        let mut found = best.found?;
        found.starts = best.starts.max(1);
        found.is_rough = is_rough;
        found.limit = best.limits[usize::from(found.side == Side::Rising)];
        Some(found)
    }

    /// The laws that lack a term, where the search met them.
    pub(super) fn faces(&mut self, rules: Rules, best: &mut Candidates) -> Option<()> {
        if best.level && rules.is_bounded() && rules.signs.has_constant {
            let level = self.level(Among::All)?;
            best.take(Side::Falling, Place::Level(level), level.value);
            let sign = if rules.signs.amplitude[1] { 1.0 } else { -1.0 };
            for side in rules.all() {
                self.leave_level(side, level, sign, rules, best)?;
            }
            // Without a constant the law may be better still: it has but one valley.
            if S::IS_LOG && best.alone.is_none() && rules.signs.amplitude[1] && !rules.signs.constant[0] {
                best.alone =
                    Some((if rules.sides[0] { Side::Falling } else { Side::Rising }, math::exp(level.place), 0.0));
            }
        }
        if let Some((side, height, exponent)) = best.alone
            && !best.is_alone_known
        {
            self.without_constant(side, (height.signum(), math::ln(height.abs()), exponent), rules, best)?;
        }
        Some(())
    }

    /// A second walk near the best point where few rows count by their squares: valleys of sums of nearly straight lines stand close.
    fn look_closely(&mut self, walks: &[Option<Walk>; 2], rules: Rules, best: &mut Candidates) -> Option<()> {
        let Some(Found { side, place: Place::Inside([.., a], ..), .. }) = best.found else { return Some(()) };
        let Some(walk) = &walks[usize::from(side == Side::Rising)] else { return Some(()) };
        let k = walk.exponent.iter().position(|exponent| *exponent >= a).unwrap_or(LIMIT);
        if C::IS_SQUARES || a <= 0.0 || walk.spread[k] < NARROW * self.cost.width() {
            return Some(());
        }
        self.zoom(side, (a / AROUND, a * AROUND), f64::INFINITY, rules, best)
    }

    /// A walk over a stretch of exponents, of which valleys up to `highest` are followed.
    pub(super) fn zoom(
        &mut self,
        side: Side,
        ends: (f64, f64),
        highest: f64,
        rules: Rules,
        best: &mut Candidates,
    ) -> Option<()> {
        let walk = self.walk(side, &places((ends.0 * self.placed.width, ends.1 * self.placed.width)), rules.signs);
        let least = walk.value[..LIMIT].iter().fold(f64::INFINITY, |least, v| least.min(*v));
        let close = if best.from_everywhere { EVERYWHERE } else { VERY_CLOSE };
        self.follow((side, &walk), None, highest.min(close * least), rules, best)
    }

    /// Descend from a point of a second walk, unless it is the one nearest to the best, or, its linear parameters at their very best,
    /// above that and not in a valley of its own.
    fn enter_anew(&mut self, side: Side, walk: &Walk, k: usize, rules: Rules, best: &mut Candidates) -> Option<()> {
        let (e, m, at) = (walk.constant[k], walk.amplitude[k], walk.exponent[k]);
        let known = best.found.map_or((0.0, f64::INFINITY), |found| match found.place {
            Place::Inside([.., a], ..) => (a, found.value),
            _ => (0.0, found.value),
        });
        let is_nearest = walk.exponent[k - 1] * at < known.0 * known.0 && known.0 * known.0 < at * walk.exponent[k + 1];
        if is_nearest && !best.from_everywhere {
            return Some(());
        }
        let held = Rules { holds_exponent: true, enough: if best.from_everywhere { ROUGHLY } else { 0.0 }, ..rules };
        let Descent::Bottom(from, look, _) = self.descend(side, [e + m, m * at, at], held) else { return Some(()) };
        let is_valley = walk.value[k] < walk.value[k - 1] && walk.value[k] <= walk.value[k + 1];
        // Where the objective falls away from the best point, another valley begins.
        let slope = look.gradient[2];
        if is_valley || best.from_everywhere || look.value < known.1 || (known.0 > 0.0 && slope * (known.0 - at) > 0.0)
        {
            best.starts += 1;
            let own = best.found.filter(|found| best.from_everywhere && found.side == side);
            let known = own.and_then(|found| match found.place {
                Place::Inside(point, look, _) => Some((point, look.value)),
                _ => None,
            });
            self.enter_from(side, (from, Some(look)), Rules { known, ..rules }, best)?;
        }
        Some(())
    }

    /// Follow every valley of a walk that comes near the least value; one at an end only where it is known what lies `before`.
    fn follow(
        &mut self,
        (side, walk): (Side, &Walk),
        before: Option<f64>,
        highest: f64,
        rules: Rules,
        best: &mut Candidates,
    ) -> Option<()> {
        let least = walk.value[..LIMIT].iter().fold(f64::INFINITY, |least, v| least.min(*v));
        for k in 0..LIMIT {
            let value = walk.value[k];
            if value > highest || value.is_nan() {
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
                self.judge(side, alone, m.signum(), rules, best)?;
                continue;
            }
            if before.is_none() {
                // Of squares of raw residuals a walk knows the very values, of squares of logarithms nearly.
                let own = SAME_VALLEY[if C::IS_SQUARES { usize::from(S::IS_LOG) } else { 2 }];
                let same = if best.from_everywhere && !C::IS_SQUARES { EVERYWHERE } else { own };
                if is_seen && (is_valley || value <= same * least) {
                    self.enter_anew(side, walk, k, rules, best)?;
                }
                continue;
            }
            if !is_valley {
                continue;
            }
            best.starts += 1;
            self.enter(side, [e + m, m * a, a], rules, best)?;
        }
        Some(())
    }

    /// Descend from a point into a valley, and take its bottom.
    pub(super) fn enter(&mut self, side: Side, from: Point, rules: Rules, best: &mut Candidates) -> Option<()> {
        self.enter_from(side, (from, None), rules, best)
    }

    /// The same from a point that was looked at.
    fn enter_from(
        &mut self,
        side: Side,
        from: (Point, Option<Look>),
        rules: Rules,
        best: &mut Candidates,
    ) -> Option<()> {
        match self.descend_from(side, from, rules) {
            Descent::Bottom(point, look, decrease) => {
                if is_beyond(constant(point), rules.signs.constant) {
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
            Descent::Known | Descent::Steep | Descent::Across => {}
            // Elsewhere there may be more where one was lost.
            Descent::Lost if best.from_everywhere => best.rivals += 1,
            Descent::Lost => return None,
        }
        Some(())
    }

    /// The fit without a constant.
    fn without_constant(
        &mut self,
        side: Side,
        (sign, height, exponent): (f64, f64, f64),
        rules: Rules,
        best: &mut Candidates,
    ) -> Option<()> {
        best.starts += 1;
        let alone = self.alone(side, sign, height, exponent)?;
        self.judge(side, alone, sign, rules, best)
    }

    /// Take a fit without a constant if it is a minimum, with a constant too.
    fn judge(&mut self, side: Side, alone: Alone, sign: f64, rules: Rules, best: &mut Candidates) -> Option<()> {
        if alone.exponent <= 0.0 && !rules.is_signed() {
            // At the exponent 0 the law is a constant.
            best.level = true;
            return rules.signs.has_constant.then_some(());
        }
        let amplitude = sign * math::exp(alone.height);
        if rules.signs.has_constant {
            let point = [amplitude, amplitude * alone.exponent, alone.exponent];
            let look = self.at(side, point)?;
            if is_beyond(-look.gradient[0], rules.signs.constant) {
                best.take(side, Place::Alone(alone, sign), alone.value);
                return Some(());
            }
            return self.enter_from(side, (point, Some(look)), rules, best);
        }
        best.take(side, Place::Alone(alone, sign), alone.value);
        Some(())
    }

    /// Descend from the law without a power wherever a little of one lowers the objective.
    fn leave_level(&mut self, side: Side, level: Level, sign: f64, rules: Rules, best: &mut Candidates) -> Option<()> {
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
}

/// Exponents at which a power of sign `sign` promises a decrease, more than beside them.
fn valleys(tangents: &Tangents, sign: f64) -> impl Iterator<Item = usize> {
    let promise: [f64; TANGENTS] = std::array::from_fn(|k| tangents.promise(k, sign).0);
    (0..TANGENTS).filter(move |&k| {
        let lower = |other: Option<&f64>| other.is_none_or(|v| promise[k] <= *v);
        promise[k] < 0.0 && lower(k.checked_sub(1).and_then(|k| promise.get(k))) && lower(promise.get(k + 1))
    })
}

//! Damped Newton's method in height, slope and exponent, on the objective itself.

use super::cost::{Cost, Scale};
use super::look::{Engine, Look, Point};
use super::place::Side;
use super::walk::Signs;
use crate::simd::{Vector, VectorKernel, dispatch_vector};

/// Looks at most in one descent.
const MOST_LOOKS: usize = 200;

/// Relative predicted decrease at which a descent ends, and below which the objective's own rounding hides it.
const BOTTOM: f64 = 1e-20;
const HIDDEN: f64 = 1e-11;

/// Damping: where it begins, how it grows and shrinks, where it counts for nothing, where it is hopeless.
const DAMPING: f64 = 1e-4;
const MORE: f64 = 6.0;
const LESS: f64 = 0.1;
const LEAST_DAMPING: f64 = 1e-6;
const MOST_DAMPING: f64 = 1e9;
const MILD: f64 = 1e-2;

/// Relative rise of the objective that is rounding, and that a step near the bottom may bring.
const SAME: f64 = 1e-13;
const ROUGH: f64 = 1e-10;

/// Relative distances, of points and of objectives, from a known optimum to the end of a step that leads there and nowhere else.
const SAME_POINT: f64 = 1e-5;
const SAME_VALUE: f64 = 1e-8;

/// a width below which a constant beyond its bound does not come back.
const SHALLOW: f64 = 0.1;

/// a times the distance of the second x at which its power has vanished, looked at from this a width on.
pub(super) const VANISHED: f64 = 36.0;
const STEEP: f64 = 30.0;

/// Size of a width, and of a curve's slope over its height, at which it is a constant.
const LEAST_REACH: f64 = 1e-7;

/// Share of a power in the law's values that only rounding could see.
const LEAST_EFFECT: f64 = 1e-12;

/// Share of a slope that a step leaves which would turn its sign, and how often in a row before it is given up.
const SHRINK: f64 = 0.1;
const MOST_CUTS: usize = 3;

/// What a law allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) signs: Signs,
    /// Whether powers may fall, and rise.
    pub(super) sides: [bool; 2],
    /// Whether the exponent stays where it is.
    pub(super) holds_exponent: bool,
    /// Relative predicted decrease that is small enough to end at, where that is not the very bottom.
    pub(super) enough: f64,
    /// An optimum that is known, and the objective there: a step onto it is the last one.
    pub(super) known: Option<(Point, f64)>,
}

impl Rules {
    pub(super) fn new(signs: Signs, sides: [bool; 2]) -> Self {
        Self { signs, sides, holds_exponent: false, enough: 0.0, known: None }
    }

    /// Whether the Newton step of a point leads to the optimum that is known.
    #[inline(always)]
    fn is_known(&self, next: Point, value: f64) -> bool {
        self.known.is_some_and(|(point, objective)| {
            (0..3).all(|k| (next[k] - point[k]).abs() <= SAME_POINT * point[k].abs())
                && (value - objective).abs() <= SAME_VALUE * objective
        })
    }

    /// Whether the amplitude may have one sign only.
    pub(super) fn is_bounded(self) -> bool {
        self.signs.amplitude != [true, true]
    }

    /// The sides on which powers may be.
    pub(super) fn all(self) -> impl Iterator<Item = Side> {
        [Side::Falling, Side::Rising].into_iter().zip(self.sides).filter(|(_, open)| *open).map(|(side, _)| side)
    }

    /// Whether the exponent may change its sign.
    pub(super) fn is_signed(self) -> bool {
        self.sides == [true, true]
    }
}

/// Where a descent led.
#[derive(Debug, Clone, Copy)]
pub(super) enum Descent {
    /// To a stationary point with a positive definite Hessian, but for an exponent that is held; the predicted decrease of the next step.
    Bottom(Point, Look, f64),
    /// Beyond the bound of the constant.
    BelowConstant(Point),
    /// To the optimum that is known.
    Known,
    /// To an amplitude of zero.
    NoPower,
    /// To an exponent at which only the rows at the end feel the power.
    Steep,
    /// Across to exponents of the other sign.
    Across,
    /// Nowhere.
    Lost,
}

impl<S: Scale, C: Cost> Engine<'_, S, C> {
    /// Follow a valley to its bottom.
    pub(super) fn descend(&mut self, side: Side, start: Point, rules: Rules) -> Descent {
        self.descend_from(side, (start, None), rules)
    }

    /// The same from a point that was looked at.
    pub(super) fn descend_from(&mut self, side: Side, start: (Point, Option<Look>), rules: Rules) -> Descent {
        dispatch_vector(Descend { engine: self, side, start, rules })
    }
}

struct Descend<'e, 'a, S, C> {
    engine: &'e mut Engine<'a, S, C>,
    side: Side,
    start: (Point, Option<Look>),
    rules: Rules,
}

impl<S: Scale, C: Cost> VectorKernel for Descend<'_, '_, S, C> {
    type Output = Descent;

    #[inline(always)]
    fn run<V: Vector>(self) -> Descent {
        let Self { engine, side, start: (mut point, mut known), rules } = self;
        let gap = engine.gap(side);
        let width = engine.placed.width;
        let (mut damping, mut cuts, mut previous) = (0.0_f64, 0, f64::INFINITY);
        // The point, its look and the diagonal that damps steps from it; the step from there that is tried.
        let mut here: Option<Look> = None;
        let mut scale: Option<[f64; 3]> = None;
        let mut trial = Trial { point, drop: 0.0, is_near: false, turns: false };
        for _ in 0..MOST_LOOKS {
            let was_looked_at = known.take();
            let is_fresh = was_looked_at.is_none();
            let there = was_looked_at.or_else(|| engine.look::<V>(side, trial.point));
            let accepted = match (here, there) {
                (None, None) => return Descent::Lost,
                (None, Some(there)) => Some(there),
                (Some(here), there) => {
                    there.filter(|t| t.value <= here.value * (1.0 + if trial.is_near { ROUGH } else { SAME }))
                }
            };
            if let Some(there) = accepted {
                if let Some(here) = here {
                    let gain = here.value - there.value;
                    previous = if trial.is_near { trial.drop } else { f64::INFINITY };
                    damping = if damping < LEAST_DAMPING {
                        0.0
                    } else {
                        damping * if gain > 0.5 * trial.drop { LESS } else { 1.0 }
                    };
                    cuts = if trial.turns { cuts + 1 } else { 0 };
                }
                (point, here, scale) = (trial.point, Some(there), None);
                if let Some(end) = left(point, width, gap, cuts, rules) {
                    return end;
                }
            } else {
                damping = (damping * MORE).max(DAMPING);
            }
            let is_last = is_fresh && accepted.is_some();
            let Some(whole) = here else { return Descent::Lost };
            let mut here = whole;
            if rules.holds_exponent {
                here.gradient[2] = 0.0;
                here.hessian = std::array::from_fn(|i| {
                    std::array::from_fn(
                        |j| if i < 2 && j < 2 { here.hessian[i][j] } else { f64::from(u8::from(i == j)) },
                    )
                });
            }
            let mut step = loop {
                if damping > MOST_DAMPING {
                    return Descent::Lost;
                }
                if damping > 0.0 && scale.is_none() {
                    scale = Some(engine.damping::<V>(side, point, is_last));
                }
                let mut system = here.hessian;
                for (k, scale) in scale.iter().flatten().enumerate() {
                    system[k][k] = damping.mul_add(*scale, system[k][k]);
                }
                if let Some(step) = solve(&system, here.gradient.map(|g| -g)) {
                    break step;
                }
                damping = (damping * 4.0).max(DAMPING);
            };
            let mut drop = promise(&step, &here);
            // What a step near the bottom gains is lost in rounding, so that nothing but its promise tells: it needs no damping.
            if damping > 0.0
                && damping <= MILD
                && drop <= HIDDEN * here.value
                && let Some(undamped) = solve(&here.hessian, here.gradient.map(|g| -g))
            {
                (step, damping) = (undamped, 0.0);
                drop = promise(&step, &here);
            }
            if damping > 0.0 && drop <= BOTTOM * here.value {
                // Level in some direction.
                return Descent::Lost;
            }
            if damping == 0.0 && drop <= rules.enough * here.value {
                return Descent::Bottom(point, whole, 0.5 * drop);
            }
            let is_near = damping == 0.0 && drop <= HIDDEN * here.value;
            if is_near && (drop <= BOTTOM * here.value || drop >= 0.25 * previous) {
                return Descent::Bottom(point, whole, 0.5 * drop);
            }
            let mut next = [point[0] + step[0], point[1] + step[1], point[2] + step[2]];
            let turns = next[1] * point[1] <= 0.0 && rules.is_bounded();
            if turns {
                let share = (1.0 - SHRINK) * point[1] / (point[1] - next[1]);
                next = std::array::from_fn(|k| share.mul_add(step[k], point[k]));
            }
            if damping == 0.0 && !turns && rules.is_known(next, here.value - 0.5 * drop) {
                return Descent::Known;
            }
            next[2] = within(point[2], next[2], width, rules);
            trial = Trial { point: next, drop, is_near, turns };
        }
        Descent::Lost
    }
}

/// How much a Newton step lowers the objective, twice over.
#[inline(always)]
fn promise(step: &[f64; 3], here: &Look) -> f64 {
    -(0..3).map(|k| step[k] * here.gradient[k]).sum::<f64>()
}

/// A step that is tried.
struct Trial {
    point: Point,
    drop: f64,
    is_near: bool,
    turns: bool,
}

/// Whether a point left the valleys of ordinary optima.
#[inline(always)]
fn left(point: Point, width: f64, gap: f64, cuts: usize, rules: Rules) -> Option<Descent> {
    let reach = point[2] * width;
    if cuts > MOST_CUTS {
        return Some(Descent::NoPower);
    }
    if rules.holds_exponent {
        return None;
    }
    if reach > STEEP && point[2] * gap > VANISHED {
        return Some(Descent::Steep);
    }
    if reach < -1.0 {
        return Some(Descent::Across);
    }
    // Towards a constant, which is looked at by itself.
    let effect = (point[1] * width).abs().min((point[1] / point[2]).abs()) / point[0].abs();
    if (rules.is_bounded() && effect < LEAST_EFFECT) || effect.max(reach.abs()) < LEAST_REACH {
        return Some(Descent::NoPower);
    }
    (reach.abs() < SHALLOW && is_beyond(constant(point), rules.signs.constant)).then_some(Descent::BelowConstant(point))
}

/// The exponent no farther than numbers go, and no step over many valleys at once.
#[inline(always)]
fn within(from: f64, to: f64, width: f64, rules: Rules) -> f64 {
    if rules.is_signed() && from.abs() * width < 1.0 {
        return to.max(-1.5 / width).min(4.0 * from.abs().max(0.1 / width));
    }
    to.clamp(0.2 * from, 4.0 * from)
}

/// E of a point.
pub(super) fn constant(point: Point) -> f64 {
    point[0] - point[1] / point[2]
}

/// Whether a number has a sign that is not allowed.
pub(super) fn is_beyond(value: f64, allowed: [bool; 2]) -> bool {
    (value < 0.0 && !allowed[0]) || (value > 0.0 && !allowed[1])
}

/// The solution of a positive definite system; None where it is not one.
#[inline(always)]
pub(super) fn solve(a: &[[f64; 3]; 3], b: [f64; 3]) -> Option<[f64; 3]> {
    /// Pivots relative to the diagonal below which nothing but rounding is left.
    const LEAST: f64 = 1e-14;
    let d0 = a[0][0];
    let l1 = a[1][0] / d0;
    let l2 = a[2][0] / d0;
    let d1 = a[1][1] - l1 * a[1][0];
    let m = a[2][1] - l2 * a[1][0];
    let l3 = m / d1;
    let d2 = a[2][2] - l2 * a[2][0] - l3 * m;
    if !(d0 > 0.0 && d1 > LEAST * a[1][1] && d2 > LEAST * a[2][2]) {
        return None;
    }
    let y1 = b[1] - l1 * b[0];
    let y2 = b[2] - l2 * b[0] - l3 * y1;
    let x2 = y2 / d2;
    let x1 = y1 / d1 - l3 * x2;
    Some([b[0] / d0 - l1 * x1 - l2 * x2, x1, x2])
}

/// The curvature along the last parameter, the others at their best.
pub(super) fn stiffness(a: &[[f64; 3]; 3]) -> f64 {
    let l1 = a[1][0] / a[0][0];
    let d1 = a[1][1] - l1 * a[1][0];
    let m = a[2][1] - a[2][0] * l1;
    a[2][2] - a[2][0] * a[2][0] / a[0][0] - m * m / d1
}

//! The quadratic form by which an objective rises about its best point, over eight parts of a stretch of exponents.

use super::curve::Point;
use crate::simd::{LANES, Vector, math};

/// Share of the form set aside for what is left of the gradient.
const FOR_GRADIENT: f64 = 0.01;

/// What that may take from the objective, relative to it.
const MOST_GRADIENT: f64 = 1e-11;

/// What it adds to a rise at most, relative to the objective; the rest is a factor.
const GRADIENT_PART: f64 = 1e-9;

/// Weights of the cross terms between a difference quotient and its uncertainty, by that uncertainty.
const CROSS: (f64, f64) = (0.005, 0.1);

/// A row at the best point.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Here {
    pub(super) log: f64,
    /// e^(-a l).
    pub(super) power: f64,
    /// What changes of the law are divided by to be v.
    pub(super) scale: f64,
    pub(super) residual: f64,
    /// Slope of the loss by v, and by the law.
    pub(super) pull: f64,
    pub(super) slope: f64,
    pub(super) is_on_kink: bool,
}

/// The best point, and what its neighbourhood is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground {
    pub(super) best: Point,
    /// Its objective.
    pub(super) value: f64,
    /// What the factor of a better fit cannot exceed.
    pub(super) most: f64,
    /// Sums of the slopes times 1, power and its derivative.
    pub(super) gradient: [f64; 3],
    /// Whether the constant is at its bound of zero.
    pub(super) is_on_face: bool,
}

/// The quadratic form over eight parts of a stretch, one per lane.
pub(super) struct Form<V> {
    /// Steps of the exponent at the ends and in the middle of a part, and the largest of them in size.
    begin: V,
    end: V,
    middle: V,
    size: V,
    /// A quarter of the width of a part.
    quarter: f64,
    /// Weight of its cross terms.
    cross: f64,
    /// Entries (0,0), (1,0), (1,1), (2,0), (2,1), (2,2).
    entries: [V; 6],
    /// What the uncertainty of the difference quotients takes from the last entry.
    taken: V,
    /// Bounds of k.
    least: V,
    most: V,
}

/// What follows for one part.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    /// Inverse of the form, entries as there.
    pub(super) inverse: [f64; 6],
    /// Changes of constant and factor that go along with a step of u.
    pub(super) shift: [f64; 2],
    /// |u| of the best fit moved to this exponent, and the most that u can be.
    pub(super) moved: f64,
    pub(super) most: f64,
    /// What k adds to the rise at most, and takes from it.
    pub(super) bent: f64,
    pub(super) lost: f64,
}

impl<V: Vector> Form<V> {
    #[inline(always)]
    pub(super) fn new(begin: V, part: f64, width: f64) -> Self {
        let end = begin + V::of(part);
        let zero = V::zero();
        Self {
            begin,
            end,
            middle: V::of(0.5) * (begin + end),
            size: end.most(-begin),
            quarter: 0.25 * part,
            cross: (2.0 * part * width).clamp(CROSS.0, CROSS.1),
            entries: [zero; 6],
            taken: zero,
            least: zero,
            most: zero,
        }
    }

    /// The difference quotient of a row's power, and how far it may be off.
    #[inline(always)]
    pub(super) fn quotient(&self, here: &Here) -> (V, V) {
        let log = V::of(here.log);
        // (1 - e^-x)/x = e^(-x/2) sinh(x/2)/(x/2), and 1 <= sinh(y)/y <= 1 + y^2/6 cosh(y).
        let half = V::of(-0.5) * self.middle * log;
        let d = V::of(-here.log * here.power) * math::exp_bounded(half);
        let x = self.size * log;
        let bent = V::of(1.0 / 24.0) * x * x * math::exp_bounded(V::of(0.5) * x);
        let wide = V::of(math::exp(self.quarter * here.log));
        (d, -d * (wide.fused(bent, wide) - V::of(1.0 - 1e-12)))
    }

    #[inline(always)]
    pub(super) fn add(&mut self, here: &Here, bend: f64) {
        let (d, unsure) = self.quotient(here);
        let square = 1.0 / (here.scale * here.scale);
        let q = V::of(square * bend * if bend > 0.0 { 1.0 - self.cross } else { 1.0 + self.cross });
        let b = V::of(here.power);
        let (qb, qd) = (q * b, q * d);
        let [e00, e10, e11, e20, e21, e22] = self.entries;
        self.entries = [e00 + q, e10 + qb, qb.fused(b, e11), e20 + qd, qd.fused(b, e21), qd.fused(d, e22)];
        self.taken = V::of(square * bend.abs() * (1.0 + 1.0 / self.cross)).fused(unsure * unsure, self.taken);
        // l^2 b times a mean of e^(-s t l) over s, heavier near 0: at least at the mean of s, at most by the chord.
        let third = V::of(-here.log / 3.0);
        let weight = here.slope * here.log * here.log * here.power;
        let low = V::of(0.5) * math::exp_bounded(third * self.end);
        let high = V::of(1.0 / 3.0) + V::of(1.0 / 6.0) * math::exp_bounded(V::of(-here.log) * self.begin);
        let (up, down) = (V::of(weight.max(0.0)), V::of(weight.min(0.0)));
        self.least = up.fused(low, down.fused(high, self.least));
        self.most = up.fused(high, down.fused(low, self.most));
    }

    /// The first and the third condition; none where they fail.
    #[inline(always)]
    pub(super) fn parts(&self, ground: &Ground) -> [Option<Part>; LANES] {
        let array = |v: V| {
            let mut to = [0.0; LANES];
            v.store(&mut to);
            to
        };
        let entries = self.entries.map(array);
        let [taken, least, most, size] = [self.taken, self.least, self.most, self.size].map(array);
        std::array::from_fn(|k| {
            let form = std::array::from_fn(|e| entries[e][k] * (1.0 - FOR_GRADIENT));
            part(ground, form, (taken[k], least[k], most[k], size[k]))
        })
    }
}

fn part(ground: &Ground, form: [f64; 6], (taken, least, most, size): (f64, f64, f64, f64)) -> Option<Part> {
    let best = ground.best;
    let [f00, f10, f11, f20, f21, f22] = form;
    // The factor alone, the constant following it; then u alone, both following it.
    let b = f11 - f10 * f10 / f00;
    let c = f21 - f10 * f20 / f00;
    let bare = f22 - f20 * f20 / f00 - c * c / b;
    let rest = bare - taken;
    let sound = f00 > 0.0 && b > 1e-12 * f11 && bare > 1e-9 * f22 && rest > 0.0;
    if !sound {
        return None;
    }
    let k = least.min(0.0);
    // Below this factor the form may be less than u t k; so far away it is its other part that beats it.
    let critical = -2.0 * k / rest;
    let away = best.factor - critical - (c / b).abs() * critical * size;
    let beaten = away > 0.0 && 0.5 * b * away * away * (1.0 - 1e-9) >= 0.5 * size * size * k * k / rest;
    if k < 0.0 && !beaten {
        return None;
    }
    // v = x J, x of three; the inverse of the form bounds v by the rise.
    let mut shift_b = c / b;
    let mut shift_1 = (f20 - f10 * shift_b) / f00;
    let i22 = 1.0 / bare;
    let i21 = -shift_b * i22;
    let i20 = -shift_1 * i22;
    let i11 = 1.0 / b + shift_b * shift_b * i22;
    let i10 = -f10 / f00 / b + shift_1 * shift_b * i22;
    let i00 = 1.0 / f00 + f10 * f10 / (f00 * f00) / b + shift_1 * shift_1 * i22;
    let inverse = [i00, i10, i11, i20, i21, i22];
    let [g0, g1, g2] = ground.gradient;
    let promised = 0.5 * (g0 * g0 * i00 + g1 * g1 * i11 + g2 * g2 * i22)
        + g0.abs() * (g1 * i10).abs()
        + g0.abs() * (g2 * i20).abs()
        + g1.abs() * (g2 * i21).abs();
    let is_little = promised * (1.0 / FOR_GRADIENT) <= MOST_GRADIENT * ground.value;
    if !is_little {
        return None;
    }
    // The factor that belongs to the best fit moved to the other exponent: m' = m - m' t shift.
    let mut moved = 1.0 - shift_b.abs() * size;
    let held = ground.is_on_face || moved <= 0.0 || best.factor / moved * size * shift_1.abs() >= best.constant;
    if held {
        // The constant cannot follow.
        (shift_1, shift_b) = (0.0, f21 / f11);
        moved = 1.0 - shift_b.abs() * size;
    }
    if moved <= 0.0 {
        return None;
    }
    let moved = best.factor / moved * size;
    let u = ground.most * size;
    let bent = moved * size * most.abs().max(least.abs()) + GRADIENT_PART * ground.value;
    let lost = u * size * k.abs() + 0.5 * u * u * taken + MOST_GRADIENT * ground.value;
    Some(Part { inverse, shift: [shift_1, shift_b], moved, most: u, bent, lost })
}

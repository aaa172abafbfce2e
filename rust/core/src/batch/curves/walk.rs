//! A walk along the exponent, one exponent per lane: weighted least squares of the linear parameters at each.
//!
//! Residuals on a logarithmic scale are taken as relative ones. For a loss that bounds the pull of a row, squares are reweighted
//! by 1/max(|t|, width), the width falling to that of the loss: the valleys of plain squares are not those of such a loss.

use super::cost::Cost;
use super::cost::Scale;
use super::look::{Engine, FAR};
use super::place::{Placed, Side, WALK, Workspace, largest};
use crate::simd::vector::by_lane;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, math};

/// Rounds of reweighting, more of them where the width is far from that of the loss, and the share that is left of it after each.
const ROUNDS: usize = 4;
const MOST_ROUNDS: usize = 8;
const NARROWER: f64 = 0.4;

/// The exponents walked, over logarithms that are 1 apart: between them a power is a straight line in ln x at one end, and
/// nothing but the first few rows at the other. The last one stands for infinity: only the smallest x differs.
pub(super) const ENDS: (f64, f64) = (0.07, 40.0);
const INFINITE: f64 = 1e200;

/// Index of that last one.
pub(super) const LIMIT: usize = WALK - 1;

/// What was found on a walk: exponents, the best linear parameters and the objective at each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    pub(super) exponent: [f64; WALK],
    pub(super) constant: [f64; WALK],
    pub(super) amplitude: [f64; WALK],
    pub(super) value: [f64; WALK],
    /// Root mean square of the residuals of least squares.
    pub(super) spread: [f64; WALK],
}

/// Exponents of a walk between two of them, over logarithms that are 1 apart.
pub(super) fn places(ends: (f64, f64)) -> [f64; WALK] {
    dispatch_vector(Places(ends))
}

struct Places((f64, f64));

impl VectorKernel for Places {
    type Output = [f64; WALK];

    #[inline(always)]
    fn run<V: Vector>(self) -> [f64; WALK] {
        let Self((first, last)) = self;
        let step = math::ln(last / first) / (LIMIT - 1) as f64;
        let mut places: [f64; WALK] = std::array::from_fn(|k| step * k as f64);
        for eight in places.chunks_exact_mut(LANES) {
            (V::of(first) * math::exp_bounded(V::load(eight))).store(eight);
        }
        places[LIMIT] = INFINITE;
        places
    }
}

/// The sums that a line of least squares needs.
#[derive(Clone, Copy)]
struct Sums<V> {
    one: V,
    power: V,
    square: V,
    aim: V,
    aim_power: V,
}

/// Which signs the linear parameters may have, and whether there is a constant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signs {
    pub(super) has_constant: bool,
    pub(super) constant: [bool; 2],
    pub(super) amplitude: [bool; 2],
}

impl<V: Vector> Sums<V> {
    #[inline(always)]
    fn zero() -> Self {
        let zero = V::zero();
        Self { one: zero, power: zero, square: zero, aim: zero, aim_power: zero }
    }

    /// The best constant and amplitude within their bounds.
    #[inline(always)]
    fn solve(&self, signs: Signs) -> (V, V) {
        let zero = V::zero();
        let alone = self.aim_power / self.square;
        if !signs.has_constant {
            return (zero, alone);
        }
        let inverse = V::of(1.0) / (self.one * self.square - self.power * self.power);
        let mut e = (self.square * self.aim - self.power * self.aim_power) * inverse;
        let mut m = (self.one * self.aim_power - self.power * self.aim) * inverse;
        if !signs.constant[0] {
            m = m + (alone - m).where_less(e, zero);
            e = e.most(zero);
        } else if !signs.constant[1] {
            m = m + (alone - m).where_less(zero, e);
            e = e.least(zero);
        }
        let level = self.aim / self.one;
        if !signs.amplitude[0] {
            e = e + (level - e).where_less(m, zero);
            m = m.most(zero);
        } else if !signs.amplitude[1] {
            e = e + (level - e).where_less(zero, m);
            m = m.least(zero);
        }
        (e, m)
    }
}

impl<S: Scale, C: Cost> Engine<'_, S, C> {
    /// The objective at every exponent of a walk, the linear parameters at their best.
    pub(super) fn walk(&mut self, side: Side, places: &[f64; WALK], signs: Signs) -> Walk {
        self.evaluations += WALK;
        dispatch_vector(Along { w: self.w, placed: self.placed, cost: self.cost, side, places, signs })
    }
}

struct Along<'e, C> {
    w: &'e mut Workspace,
    placed: Placed,
    cost: C,
    side: Side,
    places: &'e [f64; WALK],
    signs: Signs,
}

impl<C: Cost> VectorKernel for Along<'_, C> {
    type Output = Walk;

    #[inline(always)]
    fn run<V: Vector>(self) -> Walk {
        let Self { w, placed, cost, side, places, signs } = self;
        let inverse = 1.0 / placed.width;
        let mut walk = Walk {
            exponent: places.map(|place| place * inverse),
            constant: [0.0; WALK],
            amplitude: [0.0; WALK],
            value: [0.0; WALK],
            spread: [0.0; WALK],
        };
        let rows = placed.rows;
        for first in (0..WALK).step_by(LANES) {
            let minus = -V::load(&walk.exponent[first..]);
            let Workspace { logs, mirrored, factor, aim, present, powers, .. } = &mut *w;
            let logs = &(if side == Side::Falling { logs } else { mirrored })[..rows];
            let (factor, aim, present) = (&factor[..rows], &aim[..rows], &present[..rows]);
            let powers = &mut powers[..rows * LANES];
            let mut sums = Sums::<V>::zero();
            for (i, to) in powers.chunks_exact_mut(LANES).enumerate() {
                let power = math::exp_bounded(V::of(-FAR).most(minus * V::of(logs[i])));
                power.store(to);
                let (v, weight) = (factor[i], present[i]);
                let strength = weight * v;
                add(&mut sums, power, V::of(strength * v), V::of(strength * aim[i]));
            }
            let powers = powers.chunks_exact(LANES);
            let (mut e, mut m) = sums.solve(signs);
            if !C::IS_SQUARES {
                let mut square = V::zero();
                let mut total = 0.0;
                for (i, power) in powers.clone().enumerate() {
                    let t = miss(V::load(power), (factor[i], aim[i]), (e, m));
                    square = (V::of(present[i]) * t).fused(t, square);
                    total += present[i];
                }
                let mut width = by_lane(square * V::of(1.0 / total), f64::sqrt);
                width.store(&mut walk.spread[first..]);
                let least = V::of(cost.width());
                for round in 0..MOST_ROUNDS {
                    if round >= ROUNDS && largest(width) <= cost.width() {
                        break;
                    }
                    width = least.most(width * V::of(NARROWER));
                    let mut sums = Sums::<V>::zero();
                    for (i, power) in powers.clone().enumerate() {
                        let (power, factor, aim) = (V::load(power), factor[i], aim[i]);
                        let t = miss(power, (factor, aim), (e, m));
                        let strength = V::of(present[i] * factor) / width.most(t.most(-t));
                        add(&mut sums, power, strength * V::of(factor), strength * V::of(aim));
                    }
                    (e, m) = sums.solve(signs);
                }
            }
            let mut value = V::zero();
            for (i, power) in powers.enumerate() {
                let [rho, ..] = cost.at(miss(V::load(power), (factor[i], aim[i]), (e, m)));
                value = V::of(present[i]).fused(rho, value);
            }
            e.store(&mut walk.constant[first..]);
            m.store(&mut walk.amplitude[first..]);
            value.store(&mut walk.value[first..]);
        }
        walk
    }
}

/// The residual of a row at every exponent.
#[inline(always)]
fn miss<V: Vector>(power: V, (factor, aim): (f64, f64), (e, m): (V, V)) -> V {
    m.fused(power, e).fused(V::of(factor), V::of(-aim))
}

/// Add a row with its weight on squares, and on products with what it should be.
#[inline(always)]
fn add<V: Vector>(sums: &mut Sums<V>, power: V, weight: V, aim: V) {
    let weighted = weight * power;
    sums.one = sums.one + weight;
    sums.power = sums.power + weighted;
    sums.square = weighted.fused(power, sums.square);
    sums.aim = sums.aim + aim;
    sums.aim_power = aim.fused(power, sums.aim_power);
}

//! Absolute deviations at a point that rows with a residual of zero hold, or bounds: its multipliers, and the way down from there.
//!
//! A sum of absolute deviations is least where as many rows as there are parameters have a residual of zero, or bounds are met
//! instead. Each of these holds the point with a multiplier; while one of them is too weak, the point slides down along the
//! others to the first row at which the objective turns upwards, and that one takes its place.

use super::cost::{Absolute, Cost, Scale};
use super::descent::constant;
use super::hold::{Break, Hold};
use super::look::{Engine, Point};
use super::place::{Side, Workspace};
use crate::simd::vector::by_lane;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, math};

/// A point, the objective there and its derivatives by height, slope and exponent, the rows that hold the point on one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) point: Point,
    pub(super) value: f64,
    pub(super) pull: [f64; 3],
}

/// What the holds of a point say.
#[derive(Debug, Clone, Copy)]
pub(super) enum Balance<const N: usize> {
    /// Each is strong enough; the largest share of its strength that a row needs, the least that a bound has to spare, and what
    /// is left of the derivatives.
    Best { multiplier: f64, spare: f64, rest: [f64; N] },
    /// Without hold `leaves` the objective falls along `way`, at first by `fall`.
    Falls { leaves: usize, way: [f64; 3], fall: f64 },
}

/// Multipliers beyond their end by so little are rounding.
const ROUNDING: f64 = 1e-11;

/// How a point is given.
#[derive(Debug, Clone, Copy)]
enum Given {
    Linear([f64; 2]),
    Pair([Hold; 2]),
}

impl<S: Scale> Engine<'_, S, Absolute> {
    /// Look at a point.
    pub(super) fn see(&mut self, side: Side, [height, slope, a]: Point) -> Option<Seen> {
        dispatch_vector(Pass { engine: self, side, a, given: Given::Linear([height, slope]) })
    }

    /// Look at the point of exponent `a` that a pair holds; None where there is none.
    pub(super) fn meet(&mut self, side: Side, a: f64, pair: [Hold; 2]) -> Option<Seen> {
        dispatch_vector(Pass { engine: self, side, a, given: Given::Pair(pair) })
    }

    /// The target of a row.
    #[inline(always)]
    pub(super) fn target(&self, i: usize) -> f64 {
        self.w.aim[i] / self.w.factor[i]
    }

    /// How far a hold is from being left, by the parameters: relative to the target where it is a row of logarithms.
    fn gradient(&self, hold: Hold, [_, slope, a]: Point) -> [f64; 3] {
        let w = &*self.w;
        match hold {
            Hold::Row(i) => [w.factor[i], w.by_slope[i], w.by_exponent[i]],
            Hold::NoConstant => [1.0, -1.0 / a, slope / (a * a)],
            Hold::NoPower => [0.0, 1.0, 0.0],
        }
    }

    /// The first parameters' share of [`gradient`](Self::gradient), row by row.
    fn gradients<const N: usize>(&self, holds: &[Hold; N], point: Point) -> [[f64; N]; N] {
        holds.map(|hold| {
            let all = self.gradient(hold, point);
            std::array::from_fn(|k| all[k])
        })
    }

    /// Whether each of the holds of a point that was just seen is strong enough, in the first N parameters.
    pub(super) fn balance<const N: usize>(&self, holds: &[Hold; N], seen: &Seen) -> Option<Balance<N>> {
        let gradients = self.gradients(holds, seen.point);
        let transposed: [[f64; N]; N] = std::array::from_fn(|k| std::array::from_fn(|j| gradients[j][k]));
        let strength = solve(transposed, std::array::from_fn(|k| -seen.pull[k]))?;
        let w = &*self.w;
        // A bound is as strong as a row of this unit would have to be.
        let unit = holds.iter().filter_map(|hold| match hold {
            Hold::Row(i) => Some(w.present[*i] * w.factor[*i]),
            _ => None,
        });
        let unit = unit.fold(0.0, f64::max);
        let (mut multiplier, mut spare) = (0.0_f64, f64::INFINITY);
        let (mut worst, mut leaves, mut sign, mut fall) = (ROUNDING, None, 1.0, 0.0);
        for (k, hold) in holds.iter().enumerate() {
            let (excess, to, slope) = match hold {
                Hold::Row(i) => {
                    let mu = strength[k] / w.present[*i] + sign_of(w.miss[*i]);
                    multiplier = multiplier.max(mu.abs());
                    (mu.abs() - 1.0, mu.signum(), w.present[*i] * (mu.abs() - 1.0))
                }
                Hold::NoConstant | Hold::NoPower => {
                    spare = spare.min(-strength[k] / unit);
                    (strength[k] / unit, 1.0, strength[k])
                }
            };
            if excess.is_nan() {
                return None;
            }
            if excess > worst {
                (worst, leaves, sign, fall) = (excess, Some(k), to, slope);
            }
        }
        let Some(leaves) = leaves else {
            let rest = |j: usize| seen.pull[j] + (0..N).map(|k| gradients[k][j] * strength[k]).sum::<f64>();
            return Some(Balance::Best { multiplier, spare, rest: std::array::from_fn(rest) });
        };
        let step = solve(gradients, std::array::from_fn(|k| if k == leaves { sign } else { 0.0 }))?;
        Some(Balance::Falls { leaves, way: std::array::from_fn(|k| if k < N { step[k] } else { 0.0 }), fall })
    }

    /// The way on which hold `leaves` is left and the others are kept.
    pub(super) fn away(&self, holds: &[Hold; 3], leaves: usize, point: Point) -> Option<[f64; 3]> {
        solve(self.gradients(holds, point), std::array::from_fn(|k| if k == leaves { 1.0 } else { 0.0 }))
    }

    /// The way of the first two parameters while the exponent grows by one and a pair stays held; the objective's slope along it.
    pub(super) fn edge(&self, pair: &[Hold; 2], seen: &Seen) -> Option<([f64; 3], f64)> {
        let by_exponent = pair.map(|hold| -self.gradient(hold, seen.point)[2]);
        let [height, slope] = solve(self.gradients(pair, seen.point), by_exponent)?;
        let way = [height, slope, 1.0];
        Some((way, (0..3).map(|k| way[k] * seen.pull[k]).sum()))
    }

    /// Where along a way the objective turns, that falls by `fall` at first: how far, and what is met there. A law that is linear
    /// in the two first parameters meets rows exactly where this says. At once: what is met first.
    pub(super) fn turn(
        &mut self,
        holds: &[Hold],
        point: Point,
        (way, fall): ([f64; 3], f64),
        at_once: bool,
    ) -> Option<(f64, Hold)> {
        let mut breaks = std::mem::take(&mut self.w.breaks);
        breaks.clear();
        let w = &*self.w;
        let rows = w.miss.iter().zip(&*w.present).zip(w.factor.iter().zip(&*w.by_slope).zip(&*w.by_exponent));
        for (i, ((miss, weight), ((factor, by_slope), by_exponent))) in rows.enumerate().take(self.placed.rows) {
            let change = factor * way[0] + by_slope * way[1] + by_exponent * way[2];
            if miss * change < 0.0 && *weight > 0.0 && !holds.contains(&Hold::Row(i)) {
                breaks.push((-miss / change, 2.0 * weight * change.abs(), Hold::Row(i)));
            }
        }
        for (bound, value) in [(Hold::NoConstant, constant(point)), (Hold::NoPower, point[1])] {
            let gradient = self.gradient(bound, point);
            let change: f64 = (0..3).map(|k| gradient[k] * way[k]).sum();
            if change < 0.0 && !holds.contains(&bound) {
                breaks.push((value.max(0.0) / -change, f64::INFINITY, bound));
            }
        }
        let turn = first_turn(&mut breaks, if at_once { 0.0 } else { -fall });
        self.w.breaks = breaks;
        turn
    }
}

/// The first of some places at which a slope is no longer negative; they are used up.
fn first_turn(breaks: &mut Vec<Break>, mut slope: f64) -> Option<(f64, Hold)> {
    loop {
        let next = (0..breaks.len()).min_by(|&i, &j| breaks[i].0.total_cmp(&breaks[j].0))?;
        let (at, rise, hold) = breaks.swap_remove(next);
        slope += rise;
        if slope >= 0.0 {
            return Some((at, hold));
        }
    }
}

/// The side of zero that a residual is on.
fn sign_of(v: f64) -> f64 {
    if v > 0.0 {
        1.0
    } else if v < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// The solution of a small system, by elimination with pivots; None where it has none.
pub(super) fn solve<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> Option<[f64; N]> {
    for k in 0..N {
        let mut pivot = k;
        for i in k + 1..N {
            if a[i][k].abs() > a[pivot][k].abs() {
                pivot = i;
            }
        }
        a.swap(k, pivot);
        b.swap(k, pivot);
        let inverse = 1.0 / a[k][k];
        if !inverse.is_finite() {
            return None;
        }
        for i in k + 1..N {
            let share = a[i][k] * inverse;
            for j in k + 1..N {
                a[i][j] -= share * a[k][j];
            }
            b[i] -= share * b[k];
        }
        b[k] *= inverse;
        for j in k + 1..N {
            a[k][j] *= inverse;
        }
    }
    for k in (0..N).rev() {
        for j in k + 1..N {
            b[k] -= a[k][j] * b[j];
        }
    }
    b.iter().all(|v| v.is_finite()).then_some(b)
}

struct Pass<'e, 'a, S> {
    engine: &'e mut Engine<'a, S, Absolute>,
    side: Side,
    a: f64,
    given: Given,
}

impl<S: Scale> VectorKernel for Pass<'_, '_, S> {
    type Output = Option<Seen>;

    #[inline(always)]
    fn run<V: Vector>(self) -> Option<Seen> {
        let Self { engine, side, a, given } = self;
        engine.evaluations += 1;
        engine.shape::<V>(side, a);
        let [height, slope] = match given {
            Given::Linear(linear) => linear,
            Given::Pair(pair) => meeting(engine, a, pair)?,
        };
        let Workspace { present, factor, aim, shape: [phi, first, _], miss, by_slope, by_exponent, .. } =
            &mut *engine.w;
        let (h, s) = (V::of(height), V::of(slope));
        let [mut value, mut p0, mut p1, mut p2] = [V::zero(); 4];
        for i in (0..engine.placed.padded).step_by(LANES) {
            let (factor, aim) = (V::load(&factor[i..]), V::load(&aim[i..]));
            let phi = V::load(&phi[i..]);
            let law = s.fused(phi, h) * factor;
            let (by_s, by_a) = (factor * phi, factor * s * V::load(&first[i..]));
            let off = law - aim;
            // The logarithm of the ratio of law and target, which is not a number where the law is negative.
            let (r, v) = if S::IS_LOG { (by_lane(law, math::ln), V::of(1.0) / law) } else { (off, V::of(1.0)) };
            let weight = V::load(&present[i..]);
            let [rho, psi, _] = engine.cost.at(off);
            let pull = weight * psi * v;
            value = weight.fused(if S::IS_LOG { r.most(-r) } else { rho }, value);
            p0 = pull.fused(factor, p0);
            p1 = pull.fused(by_s, p1);
            p2 = pull.fused(by_a, p2);
            off.store(&mut miss[i..]);
            by_s.store(&mut by_slope[i..]);
            by_a.store(&mut by_exponent[i..]);
        }
        let (value, pull) = (value.sum(), [p0.sum(), p1.sum(), p2.sum()]);
        let all = value + pull.iter().map(|v| v.abs()).sum::<f64>();
        all.is_finite().then_some(Seen { point: [height, slope, a], value, pull })
    }
}

/// Height and slope of the law of exponent `a` that a pair holds, the shape of the power being known.
#[inline(always)]
fn meeting<S: Scale>(engine: &Engine<'_, S, Absolute>, a: f64, pair: [Hold; 2]) -> Option<[f64; 2]> {
    let phi = &engine.w.shape[0];
    let [height, slope] = match pair {
        [Hold::Row(i), Hold::Row(j)] => {
            let (one, other) = (engine.target(i), engine.target(j));
            let slope = (one - other) / (phi[i] - phi[j]);
            [one - slope * phi[i], slope]
        }
        [Hold::Row(i), Hold::NoConstant] | [Hold::NoConstant, Hold::Row(i)] => {
            let height = engine.target(i) / (1.0 + a * phi[i]);
            [height, a * height]
        }
        [Hold::Row(i), _] | [_, Hold::Row(i)] => [engine.target(i), 0.0],
        _ => return None,
    };
    (height.is_finite() && slope.is_finite()).then_some([height, slope])
}

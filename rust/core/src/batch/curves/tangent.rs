//! Where a power is missing: whether a little of it, of any exponent, would lower the objective.
//!
//! At a best constant the slopes c of the loss by the law sum to 0. A power exp(-a l) of amplitude A changes the objective by
//! A sum c exp(-a l) at first, and for a loss that is convex in the law by no less than that whatever A is. So exponents
//! where the sum has the wrong sign are where to begin, and where there are none the constant is best.

use super::cost::{Cost, Scale};
use super::look::{Engine, FAR, steepness};
use super::place::{MOST_ROWS, Placed, Side, Workspace};
use super::walk::ENDS;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, math};

/// Exponents looked at.
pub(super) const TANGENTS: usize = 4 * LANES;

/// a times the distance of the second x up to which they go.
const REACH: f64 = 8.0;

/// Exponents in ascending order, and the sums of slopes and of parabolas above the loss with the power of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tangents {
    pub(super) exponent: [f64; TANGENTS],
    pull: [f64; TANGENTS],
    cross: [f64; TANGENTS],
    square: [f64; TANGENTS],
    one: f64,
}

impl Tangents {
    /// What a step to the best amplitude of sign `sign` promises at exponent `k`, negative where it is a decrease, and the step:
    /// constant and amplitude.
    pub(super) fn promise(&self, k: usize, sign: f64) -> (f64, [f64; 2]) {
        let share = self.cross[k] / self.one;
        let amplitude = -self.pull[k] / (self.square[k] - self.cross[k] * share);
        (sign * self.pull[k] * amplitude.abs(), [-amplitude * share, amplitude])
    }
}

impl<S: Scale, C: Cost> Engine<'_, S, C> {
    /// The tangents at a constant `place`, on the scale of the residual.
    pub(super) fn tangents(&mut self, side: Side, place: f64) -> Tangents {
        let slope = if S::IS_LOG { math::exp(-place) } else { 1.0 };
        let gap = self.gap(side);
        let reach = (REACH / gap).max(ENDS.1 / self.placed.width);
        self.evaluations += TANGENTS;
        let (w, placed, cost) = (&*self.w, self.placed, self.cost);
        dispatch_vector(Slopes { w, placed, cost, side, place, slope, reach })
    }
}

struct Slopes<'e, C> {
    w: &'e Workspace,
    placed: Placed,
    cost: C,
    side: Side,
    place: f64,
    slope: f64,
    reach: f64,
}

impl<C: Cost> VectorKernel for Slopes<'_, C> {
    type Output = Tangents;

    #[inline(always)]
    fn run<V: Vector>(self) -> Tangents {
        let Self { w, placed, cost, side, place, slope, reach } = self;
        let logs = w.logs(side);
        let (mut pulls, mut squares) = ([0.0; MOST_ROWS], [0.0; MOST_ROWS]);
        let mut one = V::zero();
        for i in (0..placed.padded).step_by(LANES) {
            let r = V::of(place) - V::load(&w.observed[i..]);
            let [_, psi, _] = cost.at(r);
            let weight = V::load(&w.present[i..]) * V::of(slope);
            (weight * psi).store(&mut pulls[i..]);
            let square = weight * V::of(slope) * steepness(r, psi);
            square.store(&mut squares[i..]);
            one = one + square;
        }
        let first = ENDS.0 / placed.width;
        let step = math::ln(reach / first) / (TANGENTS - 1) as f64;
        let zeros = [0.0; TANGENTS];
        let mut exponent: [f64; TANGENTS] = std::array::from_fn(|k| step * k as f64);
        let (mut pull, mut cross, mut square) = (zeros, zeros, zeros);
        for k in (0..TANGENTS).step_by(LANES) {
            let a = V::of(first) * math::exp_bounded(V::load(&exponent[k..]));
            a.store(&mut exponent[k..]);
            let [mut p, mut c, mut s] = [V::zero(); 3];
            for i in 0..placed.rows {
                let b = math::exp_bounded(V::of(-FAR).most(a * V::of(-logs[i])));
                p = V::of(pulls[i]).fused(b, p);
                let weighted = V::of(squares[i]) * b;
                c = c + weighted;
                s = weighted.fused(b, s);
            }
            p.store(&mut pull[k..]);
            c.store(&mut cross[k..]);
            s.store(&mut square[k..]);
        }
        Tangents { exponent, pull, cross, square, one: one.sum() }
    }
}

//! E + B exp(-s (exp(kappa u) - 1)/kappa), u = ln x from the middle: a stretched exponential.
//!
//! B is what is left in the middle and s the exponent there, so that the way to a power law, kappa to 0, is straight; in A,
//! tau and kappa it is a bent ridge without end.

use super::curve::Curve;
use super::race::{Shape, exp, heats};
use super::small::fit;
use super::start::Start;
use crate::simd::{Kernel, Vector, dispatch, math};

/// Starts of the race.
const STARTS: usize = 16;

/// Points of the grid along s and along kappa.
const SLOPES: usize = 8;
const BENDS: usize = 6;

/// Smallest s of the grid and how many times that the largest is.
const SLOPE: f64 = 0.02;
const SLOPE_RATIO: f64 = 200.0;

/// Smallest and largest kappa of the grid.
const BEND: (f64, f64) = (0.02, 1.92);

/// Smallest and largest s and kappa.
const LEAST: (f64, f64) = (1e-4, 1e-3);
const MOST: (f64, f64) = (50.0, 2.0);

/// kappa below which a race goes on to a power, or may as well.
const ALL_BUT_POWER: f64 = 0.03;

/// How far a floor may lie above the smallest target, which noise may have put too low.
const ABOVE: f64 = 1.05;

/// Smallest amplitude of a start, relative to the targets.
const TRACE: f64 = 1e-6;

#[derive(Debug, Clone, Copy)]
pub(super) struct Stretched;

impl Shape<4> for Stretched {
    #[inline(always)]
    fn at<V: Vector>(self, u: V, q: &[V; 4], _ready: V) -> (V, [V; 4]) {
        let [floor, amplitude, slope, bend] = *q;
        let inverse = V::of(1.0) / bend;
        let e = exp(bend * u);
        let g = (e - V::of(1.0)) * inverse;
        let power = exp(-slope * g);
        let part = amplitude * power;
        let by_bend = part * slope * (u * e - g) * inverse;
        (floor + part, [V::of(1.0), power, -part * g, -by_bend])
    }
}

/// E, A, tau, kappa of a point, in units of x and of the targets.
pub(super) fn natural(q: &[f64; 4], curve: &Curve) -> Vec<f64> {
    let [floor, amplitude, slope, bend] = *q;
    let ratio = slope / bend;
    let scale = math::exp(curve.middle - math::ln(ratio) / bend);
    vec![floor * curve.unit, amplitude * math::exp(ratio) * curve.unit, scale, bend]
}

/// Where races from a grid of s and kappa end, best first; none where the best is a power, the limit of kappa to 0: on the way there A and
/// tau leave the range of numbers, which the general search knows how to follow.
pub(super) fn ends(curve: &Curve) -> Vec<Start<4>> {
    let mut ends = dispatch(Grid(curve));
    heats(curve, Stretched, &mut ends, STARTS);
    if ends.first().is_some_and(|end| end.q[3] <= ALL_BUT_POWER) {
        ends.clear();
    }
    ends
}

/// A grid of s and kappa, the others by least squares.
struct Grid<'a>(&'a Curve);

impl Kernel for Grid<'_> {
    type Output = Vec<Start<4>>;

    #[inline(always)]
    fn run(self) -> Vec<Start<4>> {
        let curve = self.0;
        let lower = [0.0, 0.0, LEAST.0, LEAST.1];
        let upper = [ABOVE * curve.low, f64::MAX, MOST.0, MOST.1];
        let mut starts = Vec::with_capacity(SLOPES * BENDS);
        let mut grown = vec![0.0; curve.rows()];
        for j in 0..BENDS {
            let share = j as f64 / (BENDS - 1) as f64;
            let bend = (BEND.1 - BEND.0).mul_add(share * share, BEND.0);
            for (grown, u) in grown.iter_mut().zip(&curve.u) {
                *grown = (math::exp(bend * u) - 1.0) / bend;
            }
            for i in 0..SLOPES {
                let slope = SLOPE * math::exp(math::ln(SLOPE_RATIO) * i as f64 / (SLOPES - 1) as f64);
                let mut powers = grown.clone();
                for g in &mut powers {
                    *g = math::exp(-slope * *g);
                }
                let rows = || powers.iter().zip(&curve.y).zip(&curve.relative);
                let both = fit(rows().map(|((p, y), w)| ([1.0, *p], *y, w / (y * y))));
                let found = match both {
                    Some(([floor, amplitude], score)) if floor >= 0.0 => Some((floor, amplitude, score)),
                    _ => fit(rows().map(|((p, y), w)| ([*p], *y, w / (y * y)))).map(|([a], score)| (0.0, a, score)),
                };
                let Some((floor, amplitude, score)) = found else { continue };
                let q = [floor, amplitude.max(TRACE * curve.top), slope, bend];
                starts.push(Start::new(score, q, (lower, upper)));
            }
        }
        starts
    }
}

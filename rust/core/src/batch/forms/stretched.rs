//! E + B exp(-s (exp(kappa u) - 1)/kappa), u = ln x from the middle: a stretched exponential.
//!
//! B is what is left in the middle and s the exponent there, so that the way to a power law, kappa to 0, is straight; in A,
//! tau and kappa it is a bent ridge without end.

use super::curve::Curve;
use super::numbers::Numbers;
use super::race::{Shape, exp, heats, settle};
use super::small::fit;
use super::start::{Held, Start};
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

/// How often the kappa at which tau has no number is found again: it depends on s, which hardly moves with it.
const MOST_LOOKS: usize = 2;

/// The place of tau among the parameters.
pub(super) const SCALE: usize = 2;

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

/// Where races from a grid of s and kappa end, best first. Towards a power, the limit of kappa to 0, tau leaves the range of its
/// `numbers`, and there the end is held; none where that cannot be said.
pub(super) fn ends(curve: &Curve, numbers: Option<&Numbers>) -> Vec<Start<4>> {
    let mut ends = dispatch(Grid(curve));
    heats(curve, Stretched, &mut ends, STARTS);
    if ends.first().is_some_and(|end| end.q[3] <= ALL_BUT_POWER) {
        let near = numbers.map_or_else(Vec::new, |numbers| towards_power(curve, numbers, &ends));
        ends.retain(|end| !near.is_empty() && end.q[3] > ALL_BUT_POWER);
        ends.extend(near);
        ends.sort_by(|a, b| a.score.total_cmp(&b.score));
    }
    ends
}

/// Where what is nearly a power ends; nothing where that is not settled.
fn towards_power(curve: &Curve, numbers: &Numbers, ends: &[Start<4>]) -> Vec<Start<4>> {
    let mut near: Vec<Start<4>> = ends.iter().filter(|end| end.q[3] <= ALL_BUT_POWER).copied().collect();
    let mut is_held = false;
    for _ in 0..MOST_LOOKS {
        settle(curve, Stretched, &mut near);
        let Some(best) = near.first().copied() else { break };
        // ln tau, in the solver's units.
        let log = |bend: f64| curve.middle - numbers.ln_x - math::ln(best.q[2] / bend) / bend;
        let Some(end) = numbers.end((2.0 * ALL_BUT_POWER, LEAST.1), log) else { break };
        if best.q[3] > end {
            break;
        }
        is_held = true;
        let mut held = best;
        (held.lower[3], held.q[3]) = (end, end);
        held.is_settled = false;
        near = vec![held];
    }
    settle(curve, Stretched, &mut near);
    let is_at_end = near.first().is_some_and(|best| best.q[3] <= best.lower[3]);
    if !near.first().is_some_and(|best| best.is_settled) || (is_at_end && !is_held) {
        near.clear();
    } else if is_at_end {
        for end in &mut near {
            end.held = Held::at_end(SCALE, SCALE);
        }
    }
    near
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

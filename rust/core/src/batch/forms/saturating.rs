//! E + (H - E) v, v/(1 - v)^k = exp(a - alpha u), u = ln x from the middle: a power between a floor and a ceiling, by ln k.

use super::ceiling;
use super::curve::Curve;
use super::numbers::Numbers;
use super::race::{Shape, exp, heats, ln};
use super::small::fit;
use super::start::Start;
use crate::simd::{Kernel, LANES, Vector, dispatch, math};

/// Starts of the race.
const STARTS: usize = 16;

/// Floors and ceilings of the grid.
const FLOORS: usize = 7;
const CEILINGS: usize = 9;

/// Halvings of the range of the targets: how far the lowest ceiling lies above them, and doublings the highest one.
const HALVINGS: f64 = 8.0;
const DOUBLINGS: f64 = 5.0;

/// Smallest and largest k, and the one that the first weights take.
const K: (f64, f64) = (8e-3, 120.0);
const USUAL_K: (f64, f64) = (0.01, 100.0);
const FIRST_K: f64 = 0.5;

/// How near 0 and 1 shares are told apart from them.
const NEAR: f64 = 1e-4;

/// How far a floor may lie above the smallest target.
const ABOVE: f64 = 1.05;

/// The largest H - E, over the largest target.
const MOST_HEIGHT: f64 = 50.0;

#[derive(Debug, Clone, Copy)]
pub(super) struct Saturating;

impl Shape<5> for Saturating {
    #[inline(always)]
    fn ready<V: Vector>(self, q: &[V; 5], _upper: &[V; 5]) -> V {
        exp(q[4])
    }

    #[inline(always)]
    fn at<V: Vector>(self, u: V, q: &[V; 5], k: V) -> (V, [V; 5]) {
        let [floor, height, at_middle, exponent, _] = *q;
        let one = V::of(1.0);
        let t = (-exponent).fused(u, at_middle);
        let (mut ts, mut ks) = ([0.0; LANES], [0.0; LANES]);
        t.store(&mut ts);
        k.store(&mut ks);
        let share = V::load(&math::m4_lanes(ts, ks));
        let rest = one - share;
        // A share that rounds to one says nothing of k there.
        let log_rest = ln(rest.most(V::of(f64::MIN_POSITIVE)));
        let by_t = height * share * rest / k.fused(share, rest);
        (height.fused(share, floor), [one, share, by_t, -by_t * u, by_t * log_rest * k])
    }
}

/// E, H, A, alpha, k of a point, in units of x and of the targets.
pub(super) fn natural(q: &[f64; 5], curve: &Curve) -> Vec<f64> {
    let [floor, height, at_middle, exponent, log_k] = *q;
    let k = math::exp(log_k);
    let log = exponent.mul_add(curve.middle, at_middle) + (1.0 - k) * math::ln(height * curve.unit);
    vec![floor * curve.unit, (floor + height) * curve.unit, math::exp(log), exponent, k]
}

/// Where races from a grid of floors and ceilings end, best first; none where the best goes on to k = 0, a plain power cut off
/// at the ceiling: that limit has a basin for every number of rows that are cut off. `numbers` are those of A.
pub(super) fn ends(curve: &Curve, numbers: Option<&Numbers>) -> Vec<Start<5>> {
    let mut ends = dispatch(Grid(curve));
    heats(curve, Saturating, &mut ends, STARTS);
    if let Some(numbers) = numbers {
        ceiling::put_limit(curve, numbers, &mut ends);
    }
    if ends.first().is_some_and(|end| end.q[4] <= end.lower[4]) {
        ends.clear();
    }
    ends
}

/// A grid of floors and ceilings; between them ln v = a - alpha u + k ln(1 - v) is linear.
struct Grid<'a>(&'a Curve);

impl Kernel for Grid<'_> {
    type Output = Vec<Start<5>>;

    #[inline(always)]
    fn run(self) -> Vec<Start<5>> {
        let curve = self.0;
        let lower = [0.0, 1e-6 * curve.low, -60.0, 1e-3, math::ln(K.0)];
        let upper = [ABOVE * curve.low, MOST_HEIGHT * curve.top, 60.0, 20.0, math::ln(K.1)];
        let mut starts = Vec::with_capacity(FLOORS * CEILINGS);
        for i in 0..FLOORS {
            let floor = curve.floor(i, FLOORS);
            for j in 0..CEILINGS {
                let halvings = HALVINGS - (HALVINGS + DOUBLINGS) * j as f64 / (CEILINGS - 1) as f64;
                let ceiling = curve.top + (curve.top - curve.low) * math::exp(-halvings * std::f64::consts::LN_2);
                let Some(([at_middle, exponent, k], score)) = between(curve, floor, ceiling - floor) else { continue };
                let q =
                    [floor, ceiling - floor, at_middle, exponent.max(1e-3), math::ln(k.clamp(USUAL_K.0, USUAL_K.1))];
                starts.push(Start::new(score, q, (lower, upper)));
            }
        }
        starts
    }
}

/// a, alpha and k of a floor and a ceiling, by least squares whose weights know k the second time.
#[inline(always)]
fn between(curve: &Curve, floor: f64, height: f64) -> Option<([f64; 3], f64)> {
    let mut shares = curve.y.clone();
    for y in &mut shares {
        *y = ((*y - floor) / height).clamp(NEAR, 1.0 - NEAR);
    }
    let (mut logs, mut rests) = (shares.clone(), shares.clone());
    for v in &mut logs {
        *v = math::ln(*v);
    }
    for v in &mut rests {
        *v = math::ln(1.0 - *v);
    }
    let mut found = None;
    let mut k = FIRST_K;
    for _ in 0..2 {
        let rows = (0..curve.rows()).map(|i| {
            // What a relative change of the law does to the logarithm of the share.
            let slope = (1.0 / shares[i] + k / (1.0 - shares[i])) * curve.y[i] / height;
            ([1.0, -curve.u[i], rests[i]], logs[i], curve.relative[i] / (slope * slope))
        });
        let next = fit(rows)?;
        k = next.0[2].clamp(USUAL_K.0, USUAL_K.1);
        found = Some(next);
    }
    found
}

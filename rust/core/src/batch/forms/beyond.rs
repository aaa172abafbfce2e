//! E + exp(b - c0 u - k exp((u - e)/f)), e the last row: what a smooth break becomes as it goes off beyond the rows and its change of
//! slope grows with it. The way there is a ridge that no descent comes to the end of; the limit itself is an ordinary law.

use super::curve::Curve;
use super::race::{Shape, exp, settle};
use super::start::{Held, Start, keep_best};
use crate::simd::{LANES, Vector, math};

/// Largest magnitudes of b and c0.
pub(super) const MOST_LEVEL: f64 = 60.0;
pub(super) const MOST_SLOPE: f64 = 20.0;

/// Ends that may be on the way go up to so many times the lowest objective.
const REACH: f64 = 1.5;

/// Widths of a break that lies in front of the last row by less than that many of them may be on the way.
const IN_FRONT: f64 = 1.0;

/// Widths by which a break lies beyond the last row that stands for the limit: of the change of slope all but the square of e to
/// minus this is that of the limit. How many more are farther on.
const OUT: f64 = 18.0;
const FARTHER: f64 = 3.0;

/// Smallest and largest width of a limit.
const WIDTHS: (f64, f64) = (0.02, 20.0);

/// Largest magnitude of k.
const MOST_REACH: f64 = 1e4;

/// Relative difference between two objectives that are the same.
const SAME: f64 = 1e-6;

/// The place of d among the parameters.
const PLACE: usize = 5;

#[derive(Debug, Clone, Copy)]
pub(super) struct Beyond {
    pub(super) last: f64,
}

impl Shape<5> for Beyond {
    #[inline(always)]
    fn ready<V: Vector>(self, q: &[V; 5], _upper: &[V; 5]) -> V {
        exp(-q[4])
    }

    #[inline(always)]
    fn at<V: Vector>(self, u: V, q: &[V; 5], inverse: V) -> (V, [V; 5]) {
        let [floor, at_middle, before, reach, _] = *q;
        let z = (u - V::of(self.last)) * inverse;
        let bend = exp(z);
        let part = exp((-reach).fused(bend, (-before).fused(u, at_middle)));
        let by_reach = -part * bend;
        (floor + part, [V::of(1.0), part, -part * u, by_reach, -by_reach * reach * z])
    }
}

/// A break that stands for the limit, farther on the way there.
pub(super) fn farther(end: &Start<6>) -> [f64; 6] {
    let mut q = end.q;
    q[3] *= math::exp(FARTHER);
    q[4] = FARTHER.mul_add(math::exp(q[5]), q[4]);
    q
}

/// Put the limit among the ends of a curve, best first, for those that are on the way to it, if it is lower than what lies before it.
pub(super) fn put_limit(curve: &Curve, starts: &mut Vec<Start<6>>) {
    let last = curve.ends().1;
    let Some(lowest) = starts.iter().map(|start| start.score).reduce(f64::min) else { return };
    let widths = |start: &Start<6>| (start.q[4] - last) / math::exp(start.q[5]);
    let mut limits: Vec<Start<5>> = starts
        .iter()
        .filter(|start| start.held == Held::default() && start.score <= REACH * lowest && widths(start) > -IN_FRONT)
        .map(|start| limit(curve, start))
        .collect();
    if limits.is_empty() {
        return;
    }
    keep_best(&mut limits, LANES);
    settle(curve, Beyond { last }, &mut limits);
    let Some(best) = limits.first() else { return };
    let is_inside = (1..5).all(|a| best.q[a] > best.lower[a] && best.q[a] < best.upper[a]);
    if !(best.is_settled && is_inside && rises(curve, best)) {
        return;
    }
    let limit = far(curve, best, starts);
    starts.retain(|start| {
        start.held != Held::default() || widths(start) < 0.0 || start.score < best.score * (1.0 - SAME)
    });
    starts.extend(limit);
}

/// The limit of a break that lies beyond the rows, or nearly so.
fn limit(curve: &Curve, start: &Start<6>) -> Start<5> {
    let [floor, at_middle, before, change, place, width] = start.q;
    let f = math::exp(width);
    let reach = change * f * math::softplus((curve.ends().1 - place) / f);
    let lower = [0.0, -MOST_LEVEL, -MOST_SLOPE, -MOST_REACH, math::ln(WIDTHS.0)];
    let upper = [start.upper[0], MOST_LEVEL, MOST_SLOPE, MOST_REACH, math::ln(WIDTHS.1)];
    Start::new(start.score, [floor, at_middle, before, reach, width], (lower, upper))
}

/// Whether the objective rises from the limit on towards breaks at places that have a number.
///
/// There the exponent grows by (k exp((u - e)/f))^2 / (2 c1 f), so the objective by its slope along that.
fn rises(curve: &Curve, limit: &Start<5>) -> bool {
    let [floor, at_middle, before, reach, width] = limit.q;
    let (last, f) = (curve.ends().1, math::exp(width));
    let mut slope = 0.0;
    for i in 0..curve.rows() {
        let bend = reach * math::exp((curve.u[i] - last) / f);
        let part = math::exp((-before).mul_add(curve.u[i], at_middle) - bend);
        let law = floor + part;
        let (residual, chain) =
            if curve.is_log { (math::ln(law) - curve.observed[i], 1.0 / law) } else { (law - curve.observed[i], 1.0) };
        slope += curve.weight[i] * residual * chain * part * bend * bend;
    }
    slope * reach > 0.0
}

/// The break that stands for a limit.
fn far(curve: &Curve, limit: &Start<5>, starts: &[Start<6>]) -> Option<Start<6>> {
    let [floor, at_middle, before, reach, width] = limit.q;
    let f = math::exp(width);
    let place = OUT.mul_add(f, curve.ends().1);
    let change = reach / f * math::exp(OUT);
    let first = starts.first()?;
    let q = [floor, at_middle, before, change, place, width];
    let held = Held::at_limit(PLACE);
    Some(Start { held, is_settled: true, ..Start::new(limit.score, q, (first.lower, first.upper)) })
}

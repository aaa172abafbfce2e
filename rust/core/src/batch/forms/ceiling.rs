//! E + g k v, v/(1 - v)^k = exp(c - alpha u)/k: a power between a floor and a ceiling that is out of sight, by 1/k.
//!
//! As k grows the ceiling does too, and the law goes to E + g w, w e^w = exp(c - alpha u). In the coordinates of the law itself the way
//! there is a ridge; in these it is straight. A leaves the range of numbers at some k, and the law stays short of its limit.

use super::curve::Curve;
use super::numbers::Numbers;
use super::race::{Shape, exp, ln, settle};
use super::start::{Held, Start};
use crate::simd::{LANES, Vector, math};

/// k above which an end that has not settled may be on the way.
const LARGE_K: f64 = 50.0;

/// Largest k that is looked at: shares beyond it are not found in lanes.
const MOST_K: f64 = 4000.0;

/// Ends that may be on the way go up to so many times the lowest objective.
const REACH: f64 = 1.1;

/// Largest magnitude of c, and smallest g, over the smallest target.
const MOST_LEVEL: f64 = 80.0;
const LEAST_GAIN: f64 = 1e-9;

/// The places of A and k among the parameters.
pub(super) const AMPLITUDE: usize = 2;
const EXPONENT: usize = 4;

#[derive(Debug, Clone, Copy)]
pub(super) struct Ceiling;

impl Shape<5> for Ceiling {
    #[inline(always)]
    fn ready<V: Vector>(self, q: &[V; 5], _upper: &[V; 5]) -> V {
        ln(q[4])
    }

    #[inline(always)]
    fn at<V: Vector>(self, u: V, q: &[V; 5], log_inverse: V) -> (V, [V; 5]) {
        let [floor, gain, level, exponent, inverse] = *q;
        let k = V::of(1.0) / inverse;
        let (share, rest, log_rest) = shares((-exponent).fused(u, level + log_inverse), k);
        let by_gain = k * share;
        let by_level = gain * by_gain * rest / k.fused(share, rest);
        let by_k = gain.fused(share, by_level * (log_rest - inverse));
        (gain.fused(by_gain, floor), [V::of(1.0), by_gain, by_level, -by_level * u, -by_k * k * k])
    }
}

/// The law where ln A is at an end of its numbers, by E, c, alpha and 1/k: g follows from these.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtEnd {
    /// ln A, in the solver's units.
    pub(super) log: f64,
    /// The logarithms of x in the middle and of the unit of the targets, in the solver's units.
    pub(super) middle: f64,
    pub(super) unit: f64,
}

impl AtEnd {
    /// H - E, 1/(1 - k), and the logarithm of H - E in the solver's units.
    #[inline(always)]
    fn height<V: Vector>(self, [_, level, exponent, inverse]: &[V; 4], log_inverse: V) -> (V, V, V) {
        let share = *inverse / (*inverse - V::of(1.0));
        let log = (V::of(self.log) - *exponent * V::of(self.middle) - *level - log_inverse) * share;
        (exp(log - V::of(self.unit)), share, log)
    }
}

impl Shape<4> for AtEnd {
    #[inline(always)]
    fn ready<V: Vector>(self, q: &[V; 4], _upper: &[V; 4]) -> V {
        ln(q[3])
    }

    #[inline(always)]
    fn at<V: Vector>(self, u: V, q: &[V; 4], log_inverse: V) -> (V, [V; 4]) {
        let [floor, level, exponent, inverse] = *q;
        let (height, by, log) = self.height(q, log_inverse);
        let k = V::of(1.0) / inverse;
        let (share, rest, log_rest) = shares((-exponent).fused(u, level + log_inverse), k);
        let part = height * share;
        let by_level = part * rest / k.fused(share, rest);
        let by_k = (part * by).fused(inverse + log, by_level * (log_rest - inverse));
        let with_height = part * by;
        (
            floor + part,
            [V::of(1.0), by_level - with_height, -by_level * u - with_height * V::of(self.middle), -by_k * k * k],
        )
    }
}

/// v, 1 - v and its logarithm.
#[inline(always)]
fn shares<V: Vector>(t: V, k: V) -> (V, V, V) {
    let (mut ts, mut ks) = ([0.0; LANES], [0.0; LANES]);
    t.store(&mut ts);
    k.store(&mut ks);
    let share = V::load(&math::m4_lanes(ts, ks));
    let rest = V::of(1.0) - share;
    // A share that rounds to one says nothing of k there.
    (share, rest, ln(rest.most(V::of(f64::MIN_POSITIVE))))
}

/// Race on in these coordinates what is on the way to the limit, and put where that ends in its place.
pub(super) fn put_limit(curve: &Curve, numbers: &Numbers, starts: &mut Vec<Start<5>>) {
    let Some(lowest) = starts.first().map(|start| start.score) else { return };
    let is_on_way = |start: &Start<5>| {
        start.score <= REACH * lowest
            && (start.q[EXPONENT] >= start.upper[EXPONENT]
                || (!start.is_settled && start.q[EXPONENT] >= math::ln(LARGE_K)))
    };
    let mut far: Vec<Start<5>> =
        starts.iter().filter(|start| is_on_way(start)).map(|start| seen(curve, start)).collect();
    if far.is_empty() {
        return;
    }
    settle(curve, Ceiling, &mut far);
    let Some(best) = far.first() else { return };
    let Some(mut found) = at_end(curve, numbers, best).or_else(|| ordinary(best)) else { return };
    (found.lower, found.upper) = (starts[0].lower, starts[0].upper);
    starts.retain(|start| !is_on_way(start));
    starts.push(found);
    starts.sort_by(|a, b| a.score.total_cmp(&b.score));
}

/// An optimum at a k that has a number, in the coordinates of the law.
fn ordinary(best: &Start<5>) -> Option<Start<5>> {
    let is_inside = best.q[4] > best.lower[4] && best.q[4] < best.upper[4];
    let [floor, gain, level, exponent, inverse] = best.q;
    let log_k = -math::ln(inverse);
    let q = [floor, gain / inverse, level - log_k, exponent, log_k];
    (best.is_settled && is_inside).then_some(Start { q, ..*best })
}

/// The best where A has no number farther on, if what is on the way gets there.
fn at_end(curve: &Curve, numbers: &Numbers, best: &Start<5>) -> Option<Start<5>> {
    let log = |inverse: f64| log_amplitude(curve, numbers, &best.q, inverse);
    let from = numbers.end((best.upper[4], best.lower[4]), log)?;
    if best.q[4] > from {
        return None;
    }
    let is_lower = log(from) < 0.5 * (numbers.ends.0 + numbers.ends.1);
    let end = AtEnd {
        log: if is_lower { numbers.ends.0 } else { numbers.ends.1 },
        middle: curve.middle - numbers.ln_x,
        unit: math::ln(curve.unit) - numbers.ln_y,
    };
    let of = |q: &[f64; 5]| [q[0], q[2], q[3], q[4]];
    let mut start = Start::new(best.score, of(&best.q), (of(&best.lower), of(&best.upper)));
    start.q[3] = from;
    let mut held = vec![start];
    settle(curve, end, &mut held);
    let held = held.first()?;
    let is_inside = held.q[3] > held.lower[3] && held.q[3] < held.upper[3];
    let [floor, level, exponent, inverse] = held.q;
    let log_k = -math::ln(inverse);
    let height = (end.log - exponent * end.middle - level + log_k) * inverse / (inverse - 1.0) - end.unit;
    let q = [floor, math::exp(height), level - log_k, exponent, log_k];
    let is_held = Held::at_end(AMPLITUDE, EXPONENT);
    (held.is_settled && is_inside).then_some(Start { score: held.score, q, is_settled: true, held: is_held, ..*best })
}

/// A start in these coordinates.
fn seen(curve: &Curve, start: &Start<5>) -> Start<5> {
    let [floor, height, at_middle, exponent, log_k] = start.q;
    let k = math::exp(log_k);
    let lower = [start.lower[0], LEAST_GAIN * curve.low, -MOST_LEVEL, start.lower[3], 1.0 / MOST_K];
    let upper = [start.upper[0], start.upper[1], MOST_LEVEL, start.upper[3], 1.0 / LARGE_K];
    Start::new(start.score, [floor, height / k, at_middle + log_k, exponent, 1.0 / k], (lower, upper))
}

/// ln A in the solver's units, at another k.
fn log_amplitude(curve: &Curve, numbers: &Numbers, q: &[f64; 5], inverse: f64) -> f64 {
    let [_, gain, level, exponent, _] = *q;
    let height = math::ln(gain * curve.unit / inverse) - numbers.ln_y;
    exponent.mul_add(curve.middle - numbers.ln_x, level + math::ln(inverse)) + (1.0 - 1.0 / inverse) * height
}

//! E + exp(b - c0 u - c1 max(u - d, 0)), u = ln x from the middle: a power with a corner over a floor.
//!
//! For a floor and a gap between rows the best two lines that meet are closed forms of sums left and right of it (Hudson 1966). A race
//! holds the corner inside its gap, where the law is smooth; runs that end on a row go on in the next gap.

use super::Effort;
use super::curve::Curve;
use super::race::{Shape, exp, race, race_eight, settle};
use super::small::{fit, solve};
use super::start::{Held, Start, keep_best};
use crate::simd::{Kernel, Vector, dispatch, math};

/// Floors of the scan, and kinds of them: each gap starts from the best of every kind.
const FLOORS: usize = 16;
const KINDS: usize = 3;

/// Kinds, and starts that go on, of a search that checks another.
const MORE_KINDS: usize = 16;
const MORE_FOLLOWED: usize = 64;

/// How far a floor may lie above the smallest target.
const ABOVE: f64 = 1.1;

/// Largest magnitudes of b, where there is no slope, and of c0 and c1, unless gaps are so narrow that these may be larger: by what
/// power of e they may change the law within the narrowest gap.
const MOST_LEVEL: f64 = 60.0;
const MOST_SLOPE: f64 = 40.0;
const MOST_WITHIN: f64 = 12.0;

/// Rounds of the race in which every gap takes part, and of those that follow.
const ROUNDS: usize = 10;
const FURTHER: usize = 40;

/// Races of one start at most.
const MOST_RACES: usize = 3;

/// Share of a gap by which a corner may be off a row and lie on it.
const ON_ROW: f64 = 1e-9;

/// Different x on either side that decide a slope and a corner.
const DECIDES: usize = 2;

/// Starts that go on, and of those whose power ends at the corner.
const FOLLOWED: usize = 16;
const ENDED: usize = 8;

/// By what power of e those have fallen at the next row.
const FALLS: f64 = 30.0;

/// How many times as steeply what has no end goes on.
const STEEPER: f64 = 1.9;

/// Change of slope of a power that falls steeply.
const STEEP: f64 = 3.0;

/// How little of a target may lie above a floor and still have a logarithm.
const LEAST_SHARE: f64 = 1e-3;

/// How many times the lowest objective a run may be and still come to lie below it.
const WITHIN_REACH: f64 = 2.0;

#[derive(Debug, Clone, Copy)]
pub(super) struct Corner;

impl Shape<5> for Corner {
    #[inline(always)]
    fn ready<V: Vector>(self, _q: &[V; 5], upper: &[V; 5]) -> V {
        upper[4]
    }

    #[inline(always)]
    fn at<V: Vector>(self, u: V, q: &[V; 5], edge: V) -> (V, [V; 5]) {
        let [floor, at_middle, before, change, corner] = *q;
        let one = V::of(1.0);
        // The corner lies left of the rows from the edge on.
        let beyond = one - one.where_less(u, edge);
        let past = beyond * (u - corner);
        let part = exp((-change).fused(past, (-before).fused(u, at_middle)));
        (floor + part, [one, part, -part * u, -part * past, part * change * beyond])
    }
}

/// The places of c1 and d among the parameters.
const CHANGE: usize = 2;
const PLACE: usize = 3;

/// A power that ends at the corner, ending yet more steeply.
pub(super) fn farther(end: &Start<5>) -> [f64; 5] {
    let mut q = end.q;
    q[3] *= STEEPER;
    q
}

/// a, c0, c1, d, E of a point, in units of x and of the targets.
pub(super) fn natural(q: &[f64; 5], curve: &Curve) -> Vec<f64> {
    let [floor, at_middle, before, change, corner] = *q;
    let at_one = before.mul_add(curve.middle, at_middle) + math::ln(curve.unit);
    vec![at_one, before, change, corner + curve.middle, floor * curve.unit]
}

/// Where races from every gap end, best first.
pub(super) fn ends(curve: &Curve, effort: Effort) -> Vec<Start<5>> {
    let (kinds, followed) = match effort {
        Effort::Usual => (KINDS, FOLLOWED),
        Effort::Thorough => (MORE_KINDS, MORE_FOLLOWED),
    };
    let mut starts = dispatch(Scan { curve, kinds });
    let mut ended = dispatch(Ended(curve));
    keep_best(&mut ended, ENDED);
    starts.extend(ended.iter().map(|start| gentle(curve, start)));
    race(curve, Corner, &mut starts, ROUNDS);
    keep_best(&mut starts, followed);
    settle(curve, Corner, &mut starts);
    // A corner on a row is a start of the next gap; where it stays on the row in both, nothing moves it.
    let (mut on_row, mut next) = (Vec::new(), Vec::new());
    for (k, start) in starts.iter_mut().enumerate() {
        put_on_row(start);
        if let Some(beyond) = next_gap(curve, start) {
            on_row.push(k);
            next.push(beyond);
        }
    }
    settle_each(curve, &mut next);
    let x = places(curve);
    let mut moved = Vec::new();
    for (k, mut next) in on_row.into_iter().zip(next) {
        let start = &mut starts[k];
        put_on_row(&mut next);
        if next.q[4] == start.q[4] {
            // A slope that only one x decides makes up for every move of the corner.
            let before = x.iter().filter(|u| **u < start.q[4]).count();
            let after = x.iter().filter(|u| **u > start.q[4]).count();
            if before >= DECIDES && after >= DECIDES {
                start.held = Held::at_row(PLACE);
            }
        } else if next.score < start.score {
            moved.push(next);
        }
    }
    starts.extend(moved);
    starts.extend(raced(curve, ended, starts.first().map_or(f64::INFINITY, |start| start.score)));
    keep_best(&mut starts, followed);
    starts
}

/// Put a corner that has all but come to a row on it.
fn put_on_row(start: &mut Start<5>) {
    let (lower, upper) = (start.lower[4], start.upper[4]);
    let near = ON_ROW * (upper - lower);
    if start.q[4] - lower <= near {
        start.q[4] = lower;
    } else if upper - start.q[4] <= near {
        start.q[4] = upper;
    }
}

/// Race each of these starts until it has settled, by itself: what has settled is not to move while others go on.
fn settle_each(curve: &Curve, starts: &mut [Start<5>]) {
    for start in starts {
        for _ in 0..MOST_RACES {
            race_eight(curve, Corner, std::slice::from_mut(start), FURTHER);
            if start.is_settled {
                break;
            }
        }
    }
}

/// Where races end whose power ends at the corner, beyond which there is but the floor; those below `lowest`.
fn raced(curve: &Curve, mut starts: Vec<Start<5>>, lowest: f64) -> Vec<Start<5>> {
    race(curve, Corner, &mut starts, ROUNDS);
    starts.retain(|start| start.score < WITHIN_REACH * lowest);
    settle(curve, Corner, &mut starts);
    starts.retain(|start| start.score < lowest);
    for start in &mut starts {
        start.held = Held::at_limit(CHANGE);
    }
    starts
}

/// A power that falls steeply from the corner on instead of ending there.
fn gentle(curve: &Curve, ended: &Start<5>) -> Start<5> {
    let mut start = *ended;
    let (_, slope) = most(curve);
    (start.lower[3], start.upper[3]) = (-slope, slope);
    start.upper[0] = start.upper[0].max(ABOVE * curve.low);
    start.q[3] = STEEP;
    start
}

struct Ended<'a>(&'a Curve);

impl Kernel for Ended<'_> {
    type Output = Vec<Start<5>>;

    #[inline(always)]
    fn run(self) -> Vec<Start<5>> {
        let curve = self.0;
        let n = curve.rows();
        let (level, slope) = most(curve);
        let mut starts = Vec::with_capacity(n);
        let mut logs = curve.y.clone();
        for gap in 2..n {
            let (from, to) = (curve.u[gap - 1], curve.u[gap]);
            if from == to {
                continue;
            }
            let (mut pull, mut weight) = (0.0, 0.0);
            for (y, w) in curve.y[gap..].iter().zip(&curve.relative[gap..]) {
                pull += w / y;
                weight += w / (y * y);
            }
            let floor = pull / weight;
            for (log, y) in logs[..gap].iter_mut().zip(&curve.y) {
                // What lies on the floor or below it counts for next to nothing.
                *log = math::ln((y - floor).max(LEAST_SHARE * y));
            }
            let line = fit((0..gap).map(|i| {
                let share = (1.0 - floor / curve.y[i]).max(LEAST_SHARE);
                ([1.0, -curve.u[i]], logs[i], curve.relative[i] * share * share)
            }));
            let Some(([at_middle, before], _)) = line else { continue };
            // Near the floor logarithms say nothing, so the score is that of relative changes themselves.
            let mut squares = 0.0;
            for i in 0..n {
                let part = if i < gap { math::exp((-before).mul_add(curve.u[i], at_middle)) } else { 0.0 };
                let left = (floor + part) / curve.y[i] - 1.0;
                squares = (curve.relative[i] * left).mul_add(left, squares);
            }
            let change = FALLS / (to - from);
            let lower = [0.0, -level, -slope, change, from];
            let upper = [(ABOVE * curve.low).max(ABOVE * floor), level, slope, change, to];
            let q = [floor, at_middle, before, change, from];
            starts.push(Start::new(0.5 * squares, q, (lower, upper)));
        }
        starts
    }
}

/// The start in the next gap, where a corner has come to the end of its own.
fn next_gap(curve: &Curve, start: &Start<5>) -> Option<Start<5>> {
    let places = places(curve);
    let gap = places.iter().position(|place| *place == start.lower[4])?;
    let (lower, upper) = if start.q[4] <= start.lower[4] && gap > 0 {
        (places[gap - 1], places[gap])
    } else if start.q[4] >= start.upper[4] && gap + 2 < places.len() {
        (places[gap + 1], places[gap + 2])
    } else {
        return None;
    };
    let mut next = *start;
    (next.lower[4], next.upper[4]) = (lower, upper);
    Some(next)
}

/// The largest magnitudes of b, and of c0 and c1.
fn most(curve: &Curve) -> (f64, f64) {
    let narrowest = places(curve).windows(2).fold(f64::INFINITY, |least, gap| least.min(gap[1] - gap[0]));
    let slope = MOST_SLOPE.max(MOST_WITHIN / narrowest);
    (slope.mul_add(0.5 * curve.width(), MOST_LEVEL), slope)
}

/// The different u, ascending.
fn places(curve: &Curve) -> Vec<f64> {
    let mut places = curve.u.clone();
    places.dedup();
    places
}

struct Scan<'a> {
    curve: &'a Curve,
    kinds: usize,
}

/// Sums over rows: of w, w u, w u^2, w l, w u l, w l^2, where l is the logarithm of what a floor leaves.
type Sums = [f64; 6];

impl Kernel for Scan<'_> {
    type Output = Vec<Start<5>>;

    #[inline(always)]
    fn run(self) -> Vec<Start<5>> {
        let Self { curve, kinds } = self;
        let n = curve.rows();
        let (level, slope) = most(curve);
        // The best of every gap under floors that are low, higher, and nearly as high as the smallest target, where the weights of
        // the scan mislead.
        let mut best: Vec<Option<Start<5>>> = vec![None; n * kinds];
        let mut logs = curve.y.clone();
        let mut sums: Vec<Sums> = vec![[0.0; 6]; n + 1];
        for index in 0..FLOORS {
            let floor = curve.floor(index, FLOORS);
            for (log, y) in logs.iter_mut().zip(&curve.y) {
                *log = math::ln(y - floor);
            }
            for i in 0..n {
                let (u, log, share) = (curve.u[i], logs[i], 1.0 - floor / curve.y[i]);
                let w = curve.relative[i] * share * share;
                let of_row = [w, w * u, w * u * u, w * log, w * u * log, w * log * log];
                sums[i + 1] = std::array::from_fn(|k| sums[i][k] + of_row[k]);
            }
            for gap in 1..n {
                if curve.u[gap - 1] == curve.u[gap] {
                    continue;
                }
                let Some((score, at_middle, before, change, corner)) = two_lines(curve, &sums, gap) else { continue };
                let lower = [0.0, -level, -slope, -slope, curve.u[gap - 1]];
                let upper = [ABOVE * curve.low, level, slope, slope, curve.u[gap]];
                let start = Start::new(score, [floor, at_middle, before, change, corner], (lower, upper));
                let slot = &mut best[gap * kinds + index * kinds / FLOORS];
                if slot.is_none_or(|known| score < known.score) {
                    *slot = Some(start);
                }
            }
        }
        best.into_iter().flatten().collect()
    }
}

/// Half the sum of squares, b, c0, c1 and the corner.
type Lines = (f64, f64, f64, f64, f64);

/// The best lines that meet in the gap before row `gap`.
#[inline(always)]
fn two_lines(curve: &Curve, sums: &[Sums], gap: usize) -> Option<Lines> {
    let total = sums[sums.len() - 1];
    let left = sums[gap];
    let right: Sums = std::array::from_fn(|k| total[k] - left[k]);
    let line = |s: &Sums| {
        let slope = (s[0] * s[4] - s[1] * s[3]) / (s[0] * s[2] - s[1] * s[1]);
        let level = (s[3] - slope * s[1]) / s[0];
        (level, slope, s[5] - level * s[3] - slope * s[4])
    };
    let ((level, slope, squares), (farther, steeper, others)) = (line(&left), line(&right));
    let corner = (farther - level) / (slope - steeper);
    if corner >= curve.u[gap - 1] && corner <= curve.u[gap] {
        return Some((0.5 * (squares + others).max(0.0), level, -slope, slope - steeper, corner));
    }
    // Elsewhere it is best on one of the rows.
    let mut best: Option<Lines> = None;
    for place in [curve.u[gap - 1], curve.u[gap]] {
        let [w, wu, wuu, wl, wul, _] = right;
        let (past, past_u, past_past) = (wu - place * w, wuu - place * wu, wuu - 2.0 * place * wu + place * place * w);
        let past_log = wul - place * wl;
        let gram = [[total[0], 0.0, 0.0], [total[1], total[2], 0.0], [past, past_u, past_past]];
        let pull = [total[3], total[4], past_log];
        let Some(found) = solve(gram, pull) else { continue };
        let score = 0.5 * (total[5] - found.iter().zip(&pull).map(|(c, p)| c * p).sum::<f64>()).max(0.0);
        if best.is_none_or(|(known, ..)| score < known) {
            best = Some((score, found[0], -found[1], -found[2], place));
        }
    }
    best
}

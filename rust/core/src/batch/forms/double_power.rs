//! E + A1 x^-a1 + A2 x^-a2: two powers over a floor.
//!
//! The best mixture of any number of powers with amplitudes that are not negative is a convex problem; where it has two powers or
//! fewer it is, for squares of relative changes and up to its grid of exponents, the best fit of the law itself, else its powers in pairs
//! are starts, beside a larger grid. With a floor, races run in h = E + A1
//! and s = A1 a1, u = ln x from the smallest x: as the slow power goes over into a straight line, so does the way there. Without one
//! they run on the face E = 0.

use super::curve::Curve;
use super::mixture::{Mixture, mixture};
use super::race::{Shape, exp, heats, heats_within};
use super::small::solve;
use super::start::{Held, Start, keep_best};
use crate::simd::{Kernel, Vector, dispatch, lanes, math};

/// Smallest exponent, over the width of the rows.
const LEAST: f64 = 0.01;

/// By what power of e the fastest power has fallen at the second x, and how much it may fall as far as the mean of ln x, near which
/// amplitudes are measured, and leave numbers whose squares are numbers.
const FALLS: f64 = 36.0;
const MOST_FALLS: f64 = 245.0;

/// How many times as fast what has no end goes on.
const FASTER: f64 = 1.3;

/// The place of a2 among the parameters.
const FAST: usize = 4;

/// The largest exponent: a power that only the rows of the smallest x have.
fn fastest(curve: &Curve) -> f64 {
    let first = curve.ends().0;
    let second = curve.u.iter().copied().find(|u| *u > first).unwrap_or(first);
    let mean = curve.u.iter().sum::<f64>() / curve.rows() as f64;
    (FALLS / (second - first)).min(MOST_FALLS / (mean - first))
}

/// Exponents of the grid, the smallest over the width, and how many times that the largest is.
const GRID: usize = 12;
const GRID_FIRST: f64 = 0.1;
const GRID_RATIO: f64 = 600.0;

/// Exponents over the width of powers that only the rows of the smallest x have.
const BEYOND: [f64; 2] = [150.0, 400.0];

/// Powers of the law.
const LAW: usize = 2;

/// Partners of a fast power that are starts, and where the best mixture is one of the law.
const PARTNERS: usize = 4;
const FEW: usize = 2;

/// Starts with a floor, half of which go on, fewer of them where the best mixture is one of the law, and starts without a floor.
const STARTS: usize = 32;
const FEW_STARTS: usize = 16;
const FACES: usize = 8;

/// Smallest amplitude of a start at the smallest x, relative to the targets: a trace for the slopes to see.
const TRACE: f64 = 1e-6;

/// A floor so little below zero, relative to the targets, is zero.
const NOTHING: f64 = 1e-12;

/// h - s (1 - exp(-a u))/a + B exp(-b u).
#[derive(Debug, Clone, Copy)]
pub(super) struct WithFloor {
    pub(super) first: f64,
}

/// A exp(-a u) + B exp(-b u).
#[derive(Debug, Clone, Copy)]
pub(super) struct WithoutFloor {
    pub(super) first: f64,
}

impl Shape<5> for WithFloor {
    #[inline(always)]
    fn at<V: Vector>(self, u: V, q: &[V; 5], _ready: V) -> (V, [V; 5]) {
        let [at_first, slope, slow, amplitude, fast] = *q;
        let u = u - V::of(self.first);
        let inverse = V::of(1.0) / slow;
        let (e, power) = (exp(-slow * u), exp(-fast * u));
        let fallen = (V::of(1.0) - e) * inverse;
        let by_slow = slope * (fallen - u * e) * inverse;
        let part = amplitude * power;
        ((-slope).fused(fallen, at_first) + part, [V::of(1.0), -fallen, by_slow, power, -part * u])
    }
}

impl Shape<4> for WithoutFloor {
    #[inline(always)]
    fn at<V: Vector>(self, u: V, q: &[V; 4], _ready: V) -> (V, [V; 4]) {
        let [first, slow, second, fast] = *q;
        let u = u - V::of(self.first);
        let (b, c) = (exp(-slow * u), exp(-fast * u));
        let (one, other) = (first * b, second * c);
        (one + other, [b, -one * u, c, -other * u])
    }
}

/// A power that only the rows of the smallest x have, falling yet faster.
pub(super) fn farther(end: &Start<5>) -> [f64; 5] {
    let mut q = end.q;
    q[4] *= FASTER;
    q
}

/// E, A1, a1, A2, a2 of a point (floor, amplitudes at the smallest x, exponents), in units of x and of the targets.
pub(super) fn natural(q: &[f64; 5], curve: &Curve) -> Vec<f64> {
    let [floor, first, slow, second, fast] = *q;
    let smallest = curve.middle + curve.ends().0;
    let amplitude = |there: f64, exponent: f64| there * math::exp(exponent * smallest) * curve.unit;
    vec![floor * curve.unit, amplitude(first, slow), slow, amplitude(second, fast), fast]
}

/// Where races with a floor and without one end, best first: floor, amplitudes at the smallest x, exponents.
pub(super) fn ends(curve: &Curve) -> Vec<Start<5>> {
    let Scanned { mut above, mut bottom, is_law } = dispatch(Scan(curve));
    let most = if is_law { FEW_STARTS } else { STARTS };
    let first = curve.ends().0;
    let has_floor = |start: &Start<5>| floored(curve, start).is_some();
    heats_within(curve, WithFloor { first }, &mut above, (most, most / 2), has_floor);
    heats(curve, WithoutFloor { first }, &mut bottom, FACES);
    let mut ends: Vec<Start<5>> = above.iter().filter_map(|start| floored(curve, start)).collect();
    ends.extend(bottom.iter().map(|start| {
        let [first, slow, second, fast] = start.q;
        let q = [0.0, first, slow, second, fast];
        Start { is_settled: start.is_settled, ..Start::new(start.score, q, ([0.0; 5], [0.0; 5])) }
    }));
    let fastest = fastest(curve);
    for end in ends.iter_mut().filter(|end| end.q[4] >= fastest) {
        end.held = Held::at_limit(FAST);
    }
    keep_best(&mut ends, STARTS + FACES);
    ends
}

/// The floor and the amplitudes of an end, unless the floor lies below zero.
fn floored(curve: &Curve, start: &Start<5>) -> Option<Start<5>> {
    let [at_first, slope, slow, second, fast] = start.q;
    let first = slope / slow;
    let floor = at_first - first;
    let is_law = floor >= -NOTHING * curve.top;
    is_law.then_some(Start { q: [floor.max(0.0), first, slow, second, fast], ..*start })
}

struct Scan<'a>(&'a Curve);

/// Starts with a floor and without one.
struct Scanned {
    above: Vec<Start<5>>,
    bottom: Vec<Start<4>>,
    /// Whether the best mixture is one of the law.
    is_law: bool,
}

impl Kernel for Scan<'_> {
    type Output = Scanned;

    #[inline(always)]
    fn run(self) -> Scanned {
        let curve = self.0;
        let width = curve.width();
        let grid = |k: usize| GRID_FIRST / width * math::exp(math::ln(GRID_RATIO) * k as f64 / (GRID - 1) as f64);
        let Mixture { powers: own, has_floor } = mixture(curve);
        let fastest = fastest(curve);
        let beyond = BEYOND.map(|ratio| ratio / width).into_iter().chain([fastest]);
        let grid = (0..GRID).map(grid).chain(beyond).filter(|exponent| *exponent <= fastest);
        let mut exponents: Vec<f64> = own.iter().copied().chain(grid).collect();
        exponents.sort_by(f64::total_cmp);
        exponents.dedup();
        let sums = Sums::of(curve, &exponents);
        let is_law = own.len() <= LAW;
        let mut scanned = Scanned { above: Vec::new(), bottom: Vec::new(), is_law };
        for j in 1..exponents.len() {
            let mut found = Scanned { above: Vec::new(), bottom: Vec::new(), is_law };
            for i in 0..j {
                let (slow, fast) = (exponents[i], exponents[j]);
                // What the best mixture is made of goes first.
                let is_own = own.contains(&slow) && own.contains(&fast);
                sums.put(curve, (i, slow), (j, fast), is_own, &mut found);
            }
            // Of every fast power the best partners.
            keep_best(&mut found.above, if is_law { FEW } else { PARTNERS });
            keep_best(&mut found.bottom, 1);
            scanned.above.extend(found.above);
            scanned.bottom.extend(found.bottom);
        }
        // The best of all mixtures is one of the law: what it says of the floor holds.
        if is_law {
            if has_floor { scanned.bottom.clear() } else { scanned.above.clear() }
        }
        scanned
    }
}

/// Sums over rows of products of powers, in the weights of relative changes.
struct Sums {
    count: usize,
    /// Of two powers each, the last of which is the constant, row by row of a square.
    gram: Vec<f64>,
    right: Vec<f64>,
    targets: f64,
}

impl Sums {
    #[inline(always)]
    fn of(curve: &Curve, exponents: &[f64]) -> Self {
        let (n, first) = (curve.rows(), curve.ends().0);
        let count = exponents.len() + 1;
        let mut columns = vec![1.0; count * n];
        for (k, a) in exponents.iter().enumerate() {
            for (v, u) in columns[k * n..(k + 1) * n].iter_mut().zip(&curve.u) {
                *v = math::exp(-a * (u - first));
            }
        }
        let mut weighted = columns.clone();
        for column in weighted.chunks_exact_mut(n) {
            for ((v, w), y) in column.iter_mut().zip(&curve.relative).zip(&curve.y) {
                *v *= w / (y * y);
            }
        }
        let mut sums = Self { count, gram: vec![0.0; count * count], right: vec![0.0; count], targets: 0.0 };
        for k in 0..count {
            let own = &weighted[k * n..(k + 1) * n];
            sums.right[k] = lanes::dot(own, &curve.y);
            for l in 0..=k {
                sums.gram[k * count + l] = lanes::dot(own, &columns[l * n..(l + 1) * n]);
            }
        }
        sums.targets = curve.relative.iter().sum();
        sums
    }

    fn product(&self, k: usize, l: usize) -> f64 {
        self.gram[k.max(l) * self.count + k.min(l)]
    }

    /// Amplitudes of these columns, and half the squares that they leave.
    #[inline(always)]
    fn fit<const K: usize>(&self, columns: [usize; K]) -> Option<([f64; K], f64)> {
        let gram = columns.map(|k| columns.map(|l| self.product(k, l)));
        let right = columns.map(|k| self.right[k]);
        let found = solve(gram, right)?;
        let taken: f64 = found.iter().zip(&right).map(|(v, r)| v * r).sum();
        Some((found, 0.5 * (self.targets - taken)))
    }

    /// Put the starts of a pair of exponents.
    #[inline(always)]
    fn put(&self, curve: &Curve, (i, slow): (usize, f64), (j, fast): (usize, f64), is_own: bool, to: &mut Scanned) {
        let (width, least) = (curve.width(), TRACE * curve.top);
        let ends = (LEAST / width, fastest(curve));
        let first = |score: f64| if is_own { -1.0 } else { score };
        let is_law = |found: &[f64]| found.iter().all(|v| *v >= 0.0);
        let constant = self.count - 1;
        let full = self.fit([constant, i, j]).filter(|(found, _)| is_law(found)).or_else(|| {
            let one = self.fit([constant, i]).map(|([e, a], score)| ([e, a, 0.0], score));
            let other = self.fit([constant, j]).map(|([e, b], score)| ([e, 0.0, b], score));
            let both = [one, other].into_iter().flatten().filter(|(found, _)| is_law(found));
            both.min_by(|one, other| one.1.total_cmp(&other.1))
        });
        if let Some(([floor, a, b], score)) = full {
            let (a, b) = (a.max(least), b.max(least));
            let limits = ([f64::MIN, 0.0, ends.0, 0.0, ends.0], [f64::MAX, f64::MAX, ends.1, f64::MAX, ends.1]);
            to.above.push(Start::new(first(score), [floor + a, a * slow, slow, b, fast], limits));
        }
        if let Some(([a, b], score)) = self.fit([i, j]).filter(|(found, _)| is_law(found)) {
            let limits = ([0.0, ends.0, 0.0, ends.0], [f64::MAX, ends.1, f64::MAX, ends.1]);
            to.bottom.push(Start::new(score, [a.max(least), slow, b.max(least), fast], limits));
        }
    }
}

//! E + A1 x^-a1 + A2 x^-a2: two powers over a floor.
//!
//! The best mixture of any number of powers with amplitudes that are not negative is a convex problem; where it has two powers or
//! fewer it is, for squares of relative changes and up to its grid of exponents, the best fit of the law itself, else its powers in pairs
//! are starts, beside a larger grid. From there Newton's method goes down, amplitudes at the smallest x.

use super::curve::Curve;
use super::mixture::mixture;
use super::newton::{descend, falling};
use super::race::select;
use super::small::fit;
use super::start::{Held, Start};
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, math};

/// Smallest exponent, over the width of the rows.
const LEAST: f64 = 2e-4;

/// By what power of e the fastest power has fallen at the second x, and how much it may fall as far as the mean of ln x, near which
/// amplitudes are measured, and leave numbers whose squares are numbers.
const FALLS: f64 = 36.0;
const MOST_FALLS: f64 = 245.0;

/// By what power of e a power has fallen at the second x of which only the rows of the smallest x have any.
const ALONE: f64 = 12.0;

/// Starts of one power, the smallest exponent over the width, and how many times that the largest is.
const SINGLE: usize = 8;
const SINGLE_FIRST: f64 = 0.1;
const SINGLE_RATIO: f64 = 300.0;

/// How many times as fast what has no end goes on, and how many times as slow a power is that the rows beyond the first see.
const FASTER: f64 = 1.3;
const SLOWER: f64 = 3.0;

/// The place of a2 among the parameters.
const FAST: usize = 4;

/// From the smallest x to the second.
fn first_gap(curve: &Curve) -> f64 {
    let first = curve.ends().0;
    curve.u.iter().find(|u| **u > first).map_or(0.0, |second| second - first)
}

/// Less than what any law leaves whose fast power falls faster than the fastest of the search; None where all of these are one, a power
/// that only the rows of the smallest x have.
///
/// Such a power is in no row but the first few; what one power leaves of the others is a bound.
pub(super) fn bound_beyond(curve: &Curve) -> Option<f64> {
    let (fastest, first) = (fastest(curve), curve.ends().0);
    if fastest * first_gap(curve) >= ALONE {
        return None;
    }
    let from = curve.u.iter().position(|u| fastest * (u - first) >= ALONE)?;
    let rest = curve.from(from);
    let width = rest.width();
    let mut starts = Vec::with_capacity(SINGLE);
    for k in 0..SINGLE {
        let slow = SINGLE_FIRST / width * math::exp(math::ln(SINGLE_RATIO) * k as f64 / (SINGLE - 1) as f64);
        let rows = (0..rest.rows()).map(|i| {
            let (power, y) = (math::exp(-slow * (rest.u[i] - rest.ends().0)), rest.y[i]);
            ([1.0, power], y, rest.relative[i] / (y * y))
        });
        let Some(([floor, amplitude], score)) = fit(rows) else { continue };
        let q = [floor.max(0.0), amplitude.max(TRACE * rest.top), slow, 0.0, fastest];
        let lower = [0.0, 0.0, LEAST / width, 0.0, fastest];
        starts.push(Start::new(score, q, (lower, [f64::MAX, f64::MAX, fastest, 0.0, fastest])));
    }
    descend(&rest, &mut starts, ROUNDS);
    Some(starts.first().map_or(0.0, |start| start.score))
}

/// The largest exponent: a power that only the rows of the smallest x have.
fn fastest(curve: &Curve) -> f64 {
    let first = curve.ends().0;
    let mean = curve.u.iter().sum::<f64>() / curve.rows() as f64;
    (FALLS / first_gap(curve)).min(MOST_FALLS / (mean - first))
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

/// Starts, fewer of them where the best mixture is one of the law, and rounds of each.
const STARTS: usize = 16;
pub(super) const FEW_STARTS: usize = 8;
const ROUNDS: usize = 30;

/// Smallest amplitude of a start at the smallest x, relative to the targets: a trace for the slopes to see.
const TRACE: f64 = 1e-6;

/// Share of a diagonal below which a pivot is rounding.
const ROUNDING: f64 = 1e-13;

/// A power that only the rows of the smallest x have, falling yet faster.
pub(super) fn farther(end: &Start<5>) -> [f64; 5] {
    let mut q = end.q;
    q[4] *= FASTER;
    q
}

/// The same power, falling so slowly that other rows have some of it.
pub(super) fn nearer(end: &Start<5>) -> [f64; 5] {
    let mut q = end.q;
    q[4] /= SLOWER;
    q
}

/// E, A1, a1, A2, a2 of a point (floor, amplitudes at the smallest x, exponents), in units of x and of the targets.
pub(super) fn natural(q: &[f64; 5], curve: &Curve) -> Vec<f64> {
    let [floor, first, slow, second, fast] = *q;
    let smallest = curve.middle + curve.ends().0;
    let amplitude = |there: f64, exponent: f64| there * math::exp(exponent * smallest) * curve.unit;
    vec![floor * curve.unit, amplitude(first, slow), slow, amplitude(second, fast), fast]
}

/// Where Newton's method ends, best first: floor, amplitudes at the smallest x, exponents.
pub(super) fn ends(curve: &Curve) -> Vec<Start<5>> {
    let mut starts = dispatch_vector(Scan(curve));
    descend(curve, &mut starts, ROUNDS);
    let fastest = fastest(curve);
    for end in starts.iter_mut().filter(|end| end.q[4] >= fastest) {
        end.held = Held::at_limit(FAST);
    }
    starts
}

struct Scan<'a>(&'a Curve);

/// What is left of a pair of exponents by its best amplitudes, and these.
#[derive(Clone, Copy)]
struct Pair {
    score: f64,
    slow: f64,
    fast: f64,
    amplitudes: [f64; 3],
}

impl VectorKernel for Scan<'_> {
    type Output = Vec<Start<5>>;

    #[inline(always)]
    fn run<V: Vector>(self) -> Vec<Start<5>> {
        let curve = self.0;
        let width = curve.width();
        let grid = |k: usize| GRID_FIRST / width * math::exp(math::ln(GRID_RATIO) * k as f64 / (GRID - 1) as f64);
        let own = mixture::<V>(curve);
        let fastest = fastest(curve);
        let beyond = BEYOND.map(|ratio| ratio / width).into_iter().chain([fastest]);
        let grid = (0..GRID).map(grid).chain(beyond).filter(|exponent| *exponent <= fastest);
        let mut exponents: Vec<f64> = own.iter().copied().chain(grid).take(COLUMNS).collect();
        exponents.sort_by(f64::total_cmp);
        exponents.dedup();
        let is_law = own.len() <= LAW;
        let sums = Sums::<V>::of(curve, &exponents);
        let mut found: Vec<Pair> = Vec::with_capacity(PARTNERS * exponents.len());
        for j in 1..exponents.len() {
            let first = found.len();
            for v in 0..j.div_ceil(LANES) {
                let (scores, amplitudes) = sums.pairs(v, j);
                for lane in 0..LANES.min(j - v * LANES) {
                    let (slow, fast) = (exponents[v * LANES + lane], exponents[j]);
                    // What the best mixture is made of goes first.
                    let is_own = own.contains(&slow) && own.contains(&fast);
                    let score = if is_own { -1.0 } else { scores[lane] };
                    if scores[lane] < f64::INFINITY {
                        found.push(Pair { score, slow, fast, amplitudes: amplitudes.map(|lanes| lanes[lane]) });
                    }
                }
            }
            // Of every fast power the best partners.
            found[first..].sort_by(|a, b| a.score.total_cmp(&b.score));
            found.truncate(first + if is_law { FEW } else { PARTNERS });
        }
        found.sort_by(|a, b| a.score.total_cmp(&b.score));
        found.truncate(if is_law { FEW_STARTS } else { STARTS });
        let (least, ends) = (TRACE * curve.top, (LEAST / width, fastest));
        let limits = ([0.0, 0.0, ends.0, 0.0, ends.0], [f64::MAX, f64::MAX, ends.1, f64::MAX, ends.1]);
        let start = |pair: &Pair| {
            let [floor, a, b] = pair.amplitudes;
            Start::new(pair.score, [floor, a.max(least), pair.slow, b.max(least), pair.fast], limits)
        };
        found.iter().map(start).collect()
    }
}

/// Exponents at most, in whole vectors.
const COLUMNS: usize = 4 * LANES;
const VECTORS: usize = COLUMNS / LANES;

/// Sums over rows of products of powers, of the constant and of the targets, in the weights of relative changes.
struct Sums<V> {
    /// Of two powers each, row by row of a square.
    gram: Vec<[V; VECTORS]>,
    own: [V; VECTORS],
    /// Of a power and the constant, and of the constant.
    with_floor: [V; VECTORS],
    floor: f64,
    right: [V; VECTORS],
    right_floor: f64,
    targets: f64,
}

impl<V: Vector> Sums<V> {
    #[inline(always)]
    fn of(curve: &Curve, exponents: &[f64]) -> Self {
        let (n, first) = (curve.rows(), curve.ends().0);
        let mut padded = [0.0; COLUMNS];
        padded[..exponents.len()].copy_from_slice(exponents);
        let mut columns = vec![0.0; COLUMNS * n];
        let mut weights = vec![0.0; n];
        let zero = [V::zero(); VECTORS];
        let mut sums = Self {
            gram: vec![zero; exponents.len()],
            own: zero,
            with_floor: zero,
            floor: 0.0,
            right: zero,
            right_floor: 0.0,
            targets: 0.0,
        };
        for (i, row) in columns.chunks_exact_mut(COLUMNS).enumerate() {
            let (y, relative) = (curve.y[i], curve.relative[i]);
            let weight = relative / (y * y);
            weights[i] = weight;
            sums.floor += weight;
            sums.right_floor += relative / y;
            sums.targets += relative;
            for v in 0..VECTORS {
                let value = falling(V::load(&padded[v * LANES..]) * V::of(curve.u[i] - first));
                let weighted = value * V::of(weight);
                sums.own[v] = weighted.fused(value, sums.own[v]);
                sums.with_floor[v] = sums.with_floor[v] + weighted;
                sums.right[v] = weighted.fused(V::of(y), sums.right[v]);
                value.store(&mut row[v * LANES..]);
            }
        }
        for (j, gram) in sums.gram.iter_mut().enumerate() {
            let used = j.div_ceil(LANES);
            for (row, weight) in columns.chunks_exact(COLUMNS).zip(&weights) {
                let weighted = V::of(weight * row[j]);
                for v in 0..used {
                    gram[v] = weighted.fused(V::load(&row[v * LANES..]), gram[v]);
                }
            }
        }
        sums
    }

    /// The best amplitudes that are not negative of eight slow powers beside fast power `j`, and half the squares that they leave.
    #[inline(always)]
    fn pairs(&self, v: usize, j: usize) -> ([f64; LANES], [[f64; LANES]; 3]) {
        let lane = |vectors: &[V; VECTORS]| {
            let mut lanes = [0.0; LANES];
            vectors[j / LANES].store(&mut lanes);
            V::of(lanes[j % LANES])
        };
        let zero = V::zero();
        let (a00, a01, a02) = (V::of(self.floor), self.with_floor[v], lane(&self.with_floor));
        let (a11, a12, a22) = (self.own[v], self.gram[j][v], lane(&self.own));
        let (r0, r1, r2) = (V::of(self.right_floor), self.right[v], lane(&self.right));
        let targets = V::of(self.targets);
        let (l10, l20) = (a01 / a00, a02 / a00);
        let (d1, e) = (a11 - l10 * a01, a12 - l20 * a01);
        let l21 = e / d1;
        let d2 = a22 - l20 * a02 - l21 * e;
        let (z1, z2) = (r1 - l10 * r0, r2 - l20 * r0);
        let x2 = (z2 - l21 * z1) / d2;
        let x1 = z1 / d1 - l21 * x2;
        let x0 = r0 / a00 - l10 * x1 - l20 * x2;
        let is_sound = sound(d1, a11) * sound(d2, a22);
        let (mut score, mut best) = (left(targets, &[(x0, r0), (x1, r1), (x2, r2)], is_sound), [x0, x1, x2]);
        // Else the best of what leaves one of them out.
        let rest = V::of(1.0).where_equal(score, V::of(f64::INFINITY));
        if rest.nonzero() != 0 {
            let (mut least, mut points) = (V::of(f64::INFINITY), [zero; 3]);
            let (with_slow, of_slow) = two((a00, a01, a11), (r0, r1), targets);
            let (with_fast, of_fast) = two((a00, a02, a22), (r0, r2), targets);
            let (with_both, of_both) = two((a11, a12, a22), (r1, r2), targets);
            let all = [
                (with_slow, [of_slow[0], of_slow[1], zero]),
                (with_fast, [of_fast[0], zero, of_fast[1]]),
                (with_both, [zero, of_both[0], of_both[1]]),
            ];
            for (value, point) in all {
                let is_lower = V::of(1.0).where_less(value, least);
                least = value.least(least);
                for k in 0..3 {
                    points[k] = select(is_lower, point[k], points[k]);
                }
            }
            score = select(rest, least, score);
            for k in 0..3 {
                best[k] = select(rest, points[k], best[k]);
            }
        }
        let (mut scores, mut amplitudes) = ([0.0; LANES], [[0.0; LANES]; 3]);
        score.store(&mut scores);
        for k in 0..3 {
            best[k].store(&mut amplitudes[k]);
        }
        (scores, amplitudes)
    }
}

/// 1 where a pivot is more than rounding of its diagonal.
#[inline(always)]
fn sound<V: Vector>(pivot: V, diagonal: V) -> V {
    V::of(1.0).where_less(V::of(ROUNDING) * diagonal, pivot)
}

/// Half the squares that amplitudes leave, of each the products with the targets; infinite where one is negative or they are not sound.
#[inline(always)]
fn left<V: Vector>(targets: V, amplitudes: &[(V, V)], mut is_sound: V) -> V {
    let mut left = targets;
    for (amplitude, right) in amplitudes {
        left = (-*amplitude).fused(*right, left);
        is_sound = is_sound - is_sound.where_less(*amplitude, V::zero());
    }
    select(is_sound, V::of(0.5) * left, V::of(f64::INFINITY))
}

/// The same of two columns, and their amplitudes.
#[inline(always)]
fn two<V: Vector>((a, b, c): (V, V, V), (right, other): (V, V), targets: V) -> (V, [V; 2]) {
    let share = b / a;
    let pivot = c - share * b;
    let second = (other - share * right) / pivot;
    let first = right / a - share * second;
    (left(targets, &[(first, right), (second, other)], sound(pivot, c)), [first, second])
}

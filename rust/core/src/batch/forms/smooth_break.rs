//! E + exp(b - c0 u - c1 f softplus((u - d)/f)), u = ln x from the middle: a power with a smooth break over a floor.

use super::Effort;
use super::beyond::{self, MOST_LEVEL, MOST_SLOPE};
use super::corner;
use super::curve::Curve;
use super::race::{Shape, exp, heats_together, ln};
use super::start::{Held, Start, keep_best};
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, math};

/// Kinds of floors, low and high ones, eight each: every break starts from the best of either kind.
const KINDS: usize = 2;

/// Widths of breaks, in ln x.
const WIDTHS: [f64; 4] = [0.12, 0.5, 1.6, 5.0];

/// Widths that starts keep to.
const LIMITS: (f64, f64) = (1e-3, 10.0);

/// Corners that are smoothed, and to what widths.
const SMOOTHED: usize = 4;
const GENTLE: [f64; 2] = [0.1, 0.3];

/// What stands for a corner: a width that goes so many times into the distance to the nearest row, or the sharpest one on a row.
const DISTANCE: f64 = 25.0;
const SHARPEST: f64 = 1e-9;

/// How many times narrower than its distance to the nearest row a break is of whose width rows see nothing.
const NARROW: f64 = 14.0;

/// By what power of e a break goes on to a corner.
const SHARPER: f64 = 2.4;

/// Largest magnitudes of b, c0 and c1.
const MOST: [f64; 3] = [MOST_LEVEL, MOST_SLOPE, 1e4];

/// How far a floor may lie above the smallest target, and a break beyond the rows, in ln x.
const ABOVE: f64 = 1.1;
const BEYOND: f64 = 40.0;

/// Widths that a break lies beyond the rows where it bends all of them as an exponential does.
const OUTSIDE: f64 = 3.0;

/// Relative difference between two objectives that are the same.
const SAME: f64 = 1e-6;

/// Relative difference between two objectives that may be rounding.
const ROUNDING: f64 = 1e-12;

/// Cells along the place of the break: the best start of each and of each width takes part.
const CELLS: f64 = 14.0;

/// Starts with a floor and without one, corners that are ends, and ends in all.
const STARTS: usize = 48;
const FACES: usize = 8;
const CORNERS: usize = 2;
const ENDS: usize = 16;

/// The places of f and d among the parameters.
const WIDTH: usize = 4;
const PLACE: usize = 5;

#[derive(Debug, Clone, Copy)]
pub(super) struct SmoothBreak;

impl Shape<6> for SmoothBreak {
    #[inline(always)]
    fn ready<V: Vector>(self, q: &[V; 6], _upper: &[V; 6]) -> V {
        exp(q[5])
    }

    #[inline(always)]
    fn at<V: Vector>(self, u: V, q: &[V; 6], width: V) -> (V, [V; 6]) {
        let [floor, at_middle, before, change, place, _] = *q;
        let one = V::of(1.0);
        let z = (u - place) / width;
        let e = exp(-z.most(-z));
        let soft = z.most(V::zero()) + ln(one + e);
        let share =
            (one.where_less(V::zero(), z) + e.where_less(z, V::zero()) + one.where_equal(z, V::zero())) / (one + e);
        let past = width * soft;
        let part = exp((-change).fused(past, (-before).fused(u, at_middle)));
        let by_width = part * change * (width * (soft - z * share));
        (floor + part, [one, part, -part * u, -part * past, part * change * share, -by_width])
    }
}

/// A break held as all but a corner on the way to being one, or one far beyond the rows farther away.
pub(super) fn farther(end: &Start<6>) -> [f64; 6] {
    if end.held.at_limit == Some(PLACE) {
        return beyond::farther(end);
    }
    let mut q = end.q;
    q[5] -= SHARPER;
    q
}

/// E, B, c0, c1, f, d of a point, in units of x and of the targets.
pub(super) fn natural(q: &[f64; 6], curve: &Curve) -> Vec<f64> {
    let [floor, at_middle, before, change, place, width] = *q;
    let amplitude = math::exp(before.mul_add(curve.middle, at_middle)) * curve.unit;
    vec![floor * curve.unit, amplitude, before, change, math::exp(width), math::exp(place + curve.middle)]
}

/// Where the races end, best first.
pub(super) fn ends(curve: &Curve) -> Vec<Start<6>> {
    let Scanned { above, mut bottom } = dispatch_vector(Scan(curve));
    // Without a floor the law is linear but for the break, and the end of a long ridge.
    for start in &mut bottom {
        start.upper[0] = 0.0;
    }
    let ends = corner::ends(curve, Effort::Usual);
    // What turns at a corner may do so more gently, or end there.
    let gentle: Vec<Start<6>> =
        distinct(&ends).take(SMOOTHED).flat_map(|end| GENTLE.map(|width| smoothed(curve, end, width))).collect();
    let kinds = [(thin(curve, above), STARTS), (thin(curve, bottom), FACES), (gentle, SMOOTHED * GENTLE.len())];
    let mut starts = heats_together(curve, SmoothBreak, kinds);
    // What becomes a corner ends at the best one, of which the gaps show all there are.
    let corners: Vec<Start<6>> = ends.iter().take(CORNERS).map(|end| sharp(curve, end)).collect();
    let lowest = corners.first().map_or(f64::INFINITY, |corner| corner.score);
    starts.retain(|start| start.score < lowest * (1.0 - unseen(curve, start)));
    starts.extend(corners);
    beyond::put_limit(curve, &mut starts);
    keep_best(&mut starts, ENDS);
    starts
}

/// The corners that lie apart: several starts of one gap end at the same.
fn distinct(ends: &[Start<5>]) -> impl Iterator<Item = &Start<5>> {
    ends.iter()
        .enumerate()
        .filter(|(k, end)| ends[..*k].iter().all(|known| known.q[4] != end.q[4] && !is_same(known, end)))
        .map(|(_, end)| end)
}

fn is_same(one: &Start<5>, other: &Start<5>) -> bool {
    (one.score - other.score).abs() <= SAME * other.score.abs()
}

/// By what share a break must lie below the best corner to be more than on the way to it: one that has come to the narrowest width,
/// and one of whose width rows see next to nothing.
fn unseen(curve: &Curve, start: &Start<6>) -> f64 {
    let nearest = curve.u.iter().fold(f64::INFINITY, |least, u| least.min((u - start.q[4]).abs()));
    if start.q[5] <= start.lower[5] {
        SAME
    } else if nearest >= NARROW * math::exp(start.q[5]) {
        ROUNDING
    } else {
        f64::NEG_INFINITY
    }
}

/// A corner as a break so sharp that no row tells it from one, but not much sharper.
fn sharp(curve: &Curve, corner: &Start<5>) -> Start<6> {
    let place = corner.q[4];
    let nearest = curve.u.iter().fold(f64::INFINITY, |least, u| least.min((u - place).abs()));
    let width = (nearest / DISTANCE).max(SHARPEST);
    let sharpest = smoothed(curve, corner, width);
    let held = Held { at_row: corner.held.at_row.map(|_| PLACE), at_limit: Some(WIDTH), end_of_numbers: None };
    Start { held, is_settled: true, ..sharpest }
}

/// A corner as a break of some width.
fn smoothed(curve: &Curve, corner: &Start<5>, width: f64) -> Start<6> {
    let [floor, at_middle, before, change, place] = corner.q;
    Start::new(corner.score, [floor, at_middle, before, change, place, math::ln(width)], limits(curve))
}

fn limits(curve: &Curve) -> ([f64; 6], [f64; 6]) {
    let (first, last) = curve.ends();
    let widths = (math::ln(LIMITS.0), math::ln(LIMITS.1));
    (
        [0.0, -MOST[0], -MOST[1], -MOST[2], first - BEYOND, widths.0],
        [ABOVE * curve.low, MOST[0], MOST[1], MOST[2], last + BEYOND, widths.1],
    )
}

/// The best start of each cell of place, width and kind of floor.
fn thin(curve: &Curve, starts: Vec<Start<6>>) -> Vec<Start<6>> {
    let (first, last) = curve.ends();
    let mut cells: Vec<Option<Start<6>>> = vec![None; (CELLS as usize + 2) * WIDTHS.len() * KINDS];
    for start in starts {
        let along = (1.0 + (start.q[4] - first) / (last - first) * CELLS).clamp(0.0, CELLS + 1.0) as usize;
        let width = WIDTHS.iter().take_while(|width| math::ln(**width) < start.q[5]).count().min(WIDTHS.len() - 1);
        let kind = usize::from(start.q[0] >= curve.floor(LANES, KINDS * LANES));
        let cell = &mut cells[(along * WIDTHS.len() + width) * KINDS + kind];
        if cell.is_none_or(|known| start.score < known.score) {
            *cell = Some(start);
        }
    }
    cells.into_iter().flatten().collect()
}

struct Scan<'a>(&'a Curve);

/// Starts with a floor and without one.
#[derive(Default)]
struct Scanned {
    above: Vec<Start<6>>,
    bottom: Vec<Start<6>>,
}

/// Weighted sums under eight floors, a floor a lane: of 1, u and the bend with each other and with the logarithms of what a floor
/// leaves.
#[derive(Clone, Copy)]
struct Sums<V> {
    gram: [V; 6],
    right: [V; 3],
    squares: V,
}

impl VectorKernel for Scan<'_> {
    type Output = Scanned;

    #[inline(always)]
    fn run<V: Vector>(self) -> Scanned {
        let curve = self.0;
        let n = curve.rows();
        let (first, last) = curve.ends();
        let mut floors = [[0.0; LANES]; KINDS];
        let (mut logs, mut weights) = (vec![0.0; n * KINDS * LANES], vec![0.0; n * KINDS * LANES]);
        for (index, floor) in floors.as_flattened_mut().iter_mut().enumerate() {
            *floor = curve.floor(index, KINDS * LANES);
            for i in 0..n {
                let share = 1.0 - *floor / curve.y[i];
                logs[i * KINDS * LANES + index] = curve.y[i] - *floor;
                weights[i * KINDS * LANES + index] = curve.relative[i] * share * share;
            }
        }
        for log in &mut logs {
            *log = math::ln(*log);
        }
        let straight: [Sums<V>; KINDS] = std::array::from_fn(|kind| lines(curve, kind, &logs, &weights));
        let gaps = (1..n).filter(|gap| curve.u[gap - 1] < curve.u[*gap]);
        let inside = gaps.flat_map(|gap| WIDTHS.map(|width| (0.5 * (curve.u[gap - 1] + curve.u[gap]), width)));
        let outside =
            WIDTHS[1..].iter().flat_map(|width| [(first - OUTSIDE * width, *width), (last + OUTSIDE * width, *width)]);
        let mut found = Scanned::default();
        let mut bends = vec![0.0; n];
        for (place, width) in inside.chain(outside) {
            for (bend, u) in bends.iter_mut().zip(&curve.u) {
                *bend = width * math::softplus((u - place) / width);
            }
            for kind in 0..KINDS {
                let sums = bent(curve, (kind, &straight[kind]), &bends, &logs, &weights);
                let (points, scores) = solved(&sums);
                let start = |lane: usize| {
                    let [at_middle, slope, bend] = points.map(|lanes| lanes[lane]);
                    let q = [floors[kind][lane], at_middle, -slope, -bend, place, math::ln(width)];
                    Start::new(scores[lane], q, limits(curve))
                };
                let is_finite = |lane: &usize| scores[*lane].is_finite();
                let best = (0..LANES).filter(is_finite).min_by(|a, b| scores[*a].total_cmp(&scores[*b]));
                found.above.extend(best.map(start));
                if kind == 0 {
                    found.bottom.extend(Some(0).filter(is_finite).map(start));
                }
            }
        }
        found
    }
}

/// The sums of straight lines.
#[inline(always)]
fn lines<V: Vector>(curve: &Curve, kind: usize, logs: &[f64], weights: &[f64]) -> Sums<V> {
    let mut sums = Sums { gram: [V::zero(); 6], right: [V::zero(); 3], squares: V::zero() };
    for i in 0..curve.rows() {
        let at = (i * KINDS + kind) * LANES;
        let (u, log, weight) = (V::of(curve.u[i]), V::load(&logs[at..]), V::load(&weights[at..]));
        let (sloped, pulled) = (weight * u, weight * log);
        sums.gram[0] = sums.gram[0] + weight;
        sums.gram[1] = sums.gram[1] + sloped;
        sums.gram[2] = sloped.fused(u, sums.gram[2]);
        sums.right[0] = sums.right[0] + pulled;
        sums.right[1] = pulled.fused(u, sums.right[1]);
        sums.squares = pulled.fused(log, sums.squares);
    }
    sums
}

/// Those and the sums of a bend.
#[inline(always)]
fn bent<V: Vector>(
    curve: &Curve,
    (kind, straight): (usize, &Sums<V>),
    bends: &[f64],
    logs: &[f64],
    weights: &[f64],
) -> Sums<V> {
    let mut sums = *straight;
    for (i, bend) in bends.iter().enumerate() {
        let at = (i * KINDS + kind) * LANES;
        let weighted = V::load(&weights[at..]) * V::of(*bend);
        sums.gram[3] = sums.gram[3] + weighted;
        sums.gram[4] = weighted.fused(V::of(curve.u[i]), sums.gram[4]);
        sums.gram[5] = weighted.fused(V::of(*bend), sums.gram[5]);
        sums.right[2] = weighted.fused(V::load(&logs[at..]), sums.right[2]);
    }
    sums
}

/// Level, slope and bend under each floor, and half the squares that they leave.
#[inline(always)]
fn solved<V: Vector>(sums: &Sums<V>) -> ([[f64; LANES]; 3], [f64; LANES]) {
    let [s00, s01, s11, s02, s12, s22] = sums.gram;
    let [t0, t1, t2] = sums.right;
    let (l10, l20) = (s01 / s00, s02 / s00);
    let (d1, e) = (s11 - l10 * s01, s12 - l10 * s02);
    let l21 = e / d1;
    let d2 = s22 - l20 * s02 - l21 * e;
    let z1 = t1 - l10 * t0;
    let z2 = t2 - l20 * t0 - l21 * z1;
    let bend = z2 / d2;
    let slope = z1 / d1 - l21 * bend;
    let level = t0 / s00 - l10 * slope - l20 * bend;
    let left = sums.squares - level * t0 - slope * t1 - bend * t2;
    let (mut points, mut scores) = ([[0.0; LANES]; 3], [0.0; LANES]);
    for (to, from) in points.iter_mut().zip([level, slope, bend]) {
        from.store(to);
    }
    (V::of(0.5) * left).store(&mut scores);
    (points, scores)
}

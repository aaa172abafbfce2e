//! Whether an optimum lies at infinity: the objective keeps falling, or stays level, as one coordinate grows without end.
//!
//! A sigmoid that becomes a step, a break that becomes a corner, a power that shrinks onto one row have no optimum, only a
//! limit. A descent towards it ends wherever rounding stops it and looks like an optimum there. So the coordinate is held
//! farther and farther out, all others are solved for again, and the objective is watched.

use super::certificate::Status;
use super::descend::descend;
use super::linalg::{qr, singular};
use super::objective::{Model, Objective, Rows};
use super::options::Options;
use super::scan::Range;
use super::scratch::Scratch;
use super::separable::Separable;
use super::within::Within;
use crate::simd::math;

/// Factor by which the distance of the coordinate grows from step to step.
const FACTOR: f64 = 1.5;

/// Steps at first: the coordinate then has grown a dozenfold.
const STEPS: usize = 6;

/// Steps where it rises in neither sense by then: a descent may have run off so far that its way back is longer. Each of those
/// leads farther than the one before it.
const MANY_STEPS: usize = 16;

/// Steps by which the objective must stay level longer in one sense than in the other.
const FEW_STEPS: usize = 3;

/// Share by which those grow.
const GROWTH: f64 = 1.5;

/// Relative rise of the objective that still counts as level.
const LEVEL: f64 = 1e-9;

/// Relative fall of the objective from a limit onwards with which it may still be the limit.
const FALLS: f64 = 1e-6;

/// Relative difference between two objectives that are the same.
const SAME: f64 = 1e-11;

/// Rounding errors of the terms of the law that a rise may amount to before it is one.
const NOISE: f64 = 100.0 * f64::EPSILON;

/// Squared length of a column below which its digits are lost, and above which those of the others are.
const LENGTHS: (f64, f64) = (1e-290, 1e290);

/// Sizes of a coordinate whose terms linear equations can still be made of.
const SIZES: (f64, f64) = (1e-100, 1e100);

/// Smallest singular value of the scaled columns, relative to the largest, at which normal equations have digits left.
const ALIKE: f64 = 1e-7;

/// Where a coordinate runs off.
#[derive(Debug, Clone, PartialEq)]
pub struct Escape {
    /// The coordinate.
    pub coordinate: usize,
    /// The side of it on which infinity, or zero, lies.
    pub toward: f64,
    /// A point on the way and the objective there, not above that of the optimum.
    pub point: Vec<f64>,
    /// The objective there.
    pub value: f64,
}

/// How the objective goes as a coordinate is held farther and farther out.
#[derive(Debug, Clone)]
struct Way {
    /// Steps on which it fell or stayed level.
    open: usize,
    /// Whether it rose at last, beyond what the arithmetic may do.
    is_closed: bool,
    /// Whether a bound of the caller ended it.
    is_bounded: bool,
    /// Whether it rose anywhere at numbers that still mean something, be it only because a descent failed there.
    rose: bool,
    /// The last point before a rise.
    end: Escape,
}

impl Way {
    /// Whether this way leads on where the other has come to its end.
    fn outlasts(&self, other: &Self) -> bool {
        if self.is_bounded {
            return false;
        }
        let longer = self.open >= FEW_STEPS && self.open >= other.open + FEW_STEPS;
        // Where numbers end first, nothing but their end was in the way.
        (other.rose && longer) || (other.is_closed && !self.rose && self.open > other.open)
    }
}

/// The first nonlinear coordinate that may grow, or shrink towards zero, for ever without the objective rising above `value`,
/// its value at `x`, where the normal equations may have lost all digits; none where all stay, or where one may run both ways, so that the rows say nothing of it.
pub fn escape<O: Separable>(
    objective: &mut O,
    ranges: &[Range],
    x: &[f64],
    (value, is_lost_already): (f64, bool),
    options: Options,
    s: &mut Scratch,
) -> Option<Escape> {
    let mut edge = None;
    for (coordinate, range) in least_felt_first(objective, ranges, x, s) {
        if is_dead(objective, coordinate, x, value) {
            continue;
        }
        let mut both = |steps| {
            [1.0, -1.0].map(|sense| follow(objective, (coordinate, range), (sense, steps), (x, value), options, s))
        };
        let mut ways = both(STEPS);
        if ways.iter().all(|way| way.open >= FEW_STEPS) {
            ways = both(MANY_STEPS);
        }
        let [up, down] = ways;
        if up.outlasts(&down) {
            return Some(up.end);
        }
        if down.outlasts(&up) {
            return Some(down.end);
        }
        // The descent itself went as far as numbers go, and lost them there.
        for (way, other) in [(&up, &down), (&down, &up)] {
            if is_lost_already && way.open == 0 && !way.is_closed && other.is_closed && edge.is_none() {
                edge = Some(way.end.clone());
            }
        }
    }
    edge
}

/// The way of a coordinate that a search took to its limit, from `x` to a point `farther` on: there the objective is level, and `before`
/// it is higher, the others being where they are; none where that is not so. What still falls has its limit elsewhere.
pub fn known<O: Separable>(
    objective: &mut O,
    coordinate: usize,
    (x, before, farther): (&[f64], &[f64], &[f64]),
    value: f64,
) -> Option<Escape> {
    let level = value + LEVEL * value.abs();
    let there = objective.value(farther);
    let is_level = there <= level && there >= value - FALLS * value.abs();
    let is_open = is_level && objective.value(before) > level;
    objective.settle(x);
    is_open.then(|| Escape {
        coordinate,
        toward: farther[coordinate],
        point: farther.to_vec(),
        value: there.min(value),
    })
}

/// The way of a coordinate `runs_off` to its limit, from the end `x` of the numbers of `held`, where all others are at their best; none
/// where the objective falls on the way back, so that what is held would not stay there.
pub fn at_end<O: Separable>(objective: &mut O, held: usize, runs_off: usize, x: &[f64], value: f64) -> Option<Escape> {
    let is_lower = x[held] <= objective.lower()[held];
    let is_upper = x[held] >= objective.upper()[held];
    let mut model = Model::new(x.len());
    let is_finite = objective.model(x, &mut model).is_finite();
    let outward = if is_lower { model.gradient[held] } else { -model.gradient[held] };
    let is_open = is_finite && (is_lower || is_upper) && outward > 0.0;
    let toward = if runs_off == held { x[held] } else { x[runs_off] + 1.0 };
    is_open.then(|| Escape { coordinate: runs_off, toward, point: x.to_vec(), value })
}

/// The nonlinear coordinates with their ranges, those first that move the residuals least: of these one has run off, if any has.
fn least_felt_first<O: Separable>(
    objective: &mut O,
    ranges: &[Range],
    x: &[f64],
    s: &mut Scratch,
) -> Vec<(usize, Range)> {
    let mut order: Vec<(usize, Range)> = objective.nonlinear().iter().copied().zip(ranges.iter().copied()).collect();
    if order.len() > 1 && objective.rows(x, &mut s.rows) {
        let rows = &s.rows;
        let felt = |a: usize| square(rows, a) * (x[a] * x[a]).max(1.0);
        order.sort_by(|one, other| felt(one.0).total_cmp(&felt(other.0)));
    }
    order
}

/// Whether the coordinate means nothing at `x` because the amplitude beside it is zero.
fn is_dead<O: Separable>(objective: &mut O, coordinate: usize, x: &[f64], value: f64) -> bool {
    let has_zero = (0..x.len()).any(|a| x[a] == 0.0 && !objective.nonlinear().contains(&a));
    has_zero
        && [10.0, 2.0, 0.5, 0.1].iter().all(|factor| {
            let mut there = x.to_vec();
            there[coordinate] *= factor;
            objective.value(&there) == value
        })
}

/// Follow one coordinate outwards in one sense.
fn follow<O: Separable>(
    objective: &mut O,
    (coordinate, range): (usize, Range),
    (sense, steps): (f64, usize),
    (x, value): (&[f64], f64),
    options: Options,
    s: &mut Scratch,
) -> Way {
    let (mut before, mut here) = (x.to_vec(), x.to_vec());
    let (mut lowest, mut power, mut open) = (value, 0.0, 0);
    let (mut is_closed, mut is_bounded, mut rose) = (false, false, false);
    let toward = farther(range, x[coordinate], sense, FACTOR);
    let mut end = Escape { coordinate, toward, point: x.to_vec(), value };
    for step in 1..=steps {
        power = if step <= STEPS { step as f64 } else { power * GROWTH };
        let at = farther(range, x[coordinate], sense, math::powf(FACTOR, power));
        let beyond = at < objective.lower()[coordinate] || at > objective.upper()[coordinate];
        if beyond || at == x[coordinate] || s.is_stopped() {
            // Where the search ends for want of numbers nothing is known of what lies beyond.
            is_closed = !beyond || objective.has_bound(coordinate, at > x[coordinate]);
            (is_bounded, rose) = (is_closed, is_closed);
            break;
        }
        let level = lowest + LEVEL * lowest.abs() + options.rounding * options.rounding;
        let (there, point) = solve_others(objective, (coordinate, at), level, (&before, &here), options, s);
        if there <= level {
            lowest = lowest.min(there);
            open = step;
            before = std::mem::replace(&mut here, point);
            if step <= STEPS {
                // Numbers farther out say no more, and are harder to read.
                end = Escape { point: here.clone(), value: lowest, ..end };
            }
            continue;
        }
        // Where columns are alike a descent may fail, and a rise is no proof; only where numbers end it says nothing at all.
        if !is_lost(objective, &point, there - lowest, s) {
            rose = true;
            is_closed = !are_alike(objective, coordinate, &point, s);
        }
        if is_closed {
            break;
        }
    }
    Way { open, is_closed, is_bounded, rose, end }
}

/// Whether numbers end at `x`: its terms overflow or vanish, or are so large that a rise of the objective is the rounding of their
/// sum.
fn is_lost<O: Objective>(objective: &mut O, x: &[f64], rise: f64, s: &mut Scratch) -> bool {
    if !rise.is_finite() || !objective.rows(x, &mut s.rows) {
        return true;
    }
    let (rows, n) = (&s.rows, s.rows.residual.len());
    let mut noise = 0.0;
    for i in 0..n {
        let term = (0..x.len()).map(|a| (x[a] * rows.jacobian[a * n + i]).abs()).fold(0.0, f64::max);
        let error = NOISE * term;
        noise += rows.weight[i] * error * (rows.psi[i].abs() + error);
    }
    let is_ordinary = |a: usize| {
        x[a] == 0.0 || (SIZES.0..SIZES.1).contains(&x[a].abs()) && (LENGTHS.0..LENGTHS.1).contains(&square(rows, a))
    };
    !(0..x.len()).all(is_ordinary) || noise >= rise
}

/// Squared length of a column.
fn square(rows: &Rows, a: usize) -> f64 {
    let n = rows.residual.len();
    rows.jacobian[a * n..(a + 1) * n].iter().map(|v| v * v).sum()
}

/// Whether the columns of the coordinates that are not held are so alike at `x` that no digit tells them apart.
fn are_alike<O: Objective>(objective: &mut O, held: usize, x: &[f64], s: &mut Scratch) -> bool {
    if !objective.rows(x, &mut s.rows) {
        return true;
    }
    let (rows, n) = (&s.rows, s.rows.residual.len());
    let others: Vec<usize> = (0..x.len()).filter(|a| *a != held).collect();
    let q = others.len();
    let mut scaled: Vec<f64> = others
        .iter()
        .flat_map(|&a| {
            let norm = square(rows, a).sqrt().max(f64::MIN_POSITIVE);
            rows.jacobian[a * n..(a + 1) * n].iter().map(move |v| v / norm)
        })
        .collect();
    let mut triangle = vec![0.0; q * q];
    qr(&mut scaled, n, q, &mut triangle);
    let values = singular(&mut triangle, &mut vec![0.0; q * q], q);
    let (least, most) = values.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), v| (l.min(*v), m.max(*v)));
    least < ALIKE * most
}

/// The coordinate `factor` times as far out; magnitudes grow or shrink towards zero.
fn farther(range: Range, x: f64, sense: f64, factor: f64) -> f64 {
    match range {
        Range::Magnitude { smallest, .. } if sense > 0.0 => x.abs().max(smallest).copysign(x) * factor,
        Range::Magnitude { .. } => x / factor,
        Range::Span { lower, upper, .. } => {
            let centre = 0.5 * (lower + upper);
            let out = (sense * (x - centre)).max(0.5 * (upper - lower));
            centre + sense * out * factor
        }
    }
}

/// The least objective with `coordinate` held at `at`: from the last point, and from guesses of where the others have gone.
///
/// That it rose above `level` is believed only where no guess says otherwise; that it did not, as soon as two of them agree.
fn solve_others<O: Separable>(
    objective: &mut O,
    (coordinate, at): (usize, f64),
    level: f64,
    (before, here): (&[f64], &[f64]),
    options: Options,
    s: &mut Scratch,
) -> (f64, Vec<f64>) {
    // Along straight lines in the coordinate, or in one over it: the others have limits.
    let line = |of: &dyn Fn(f64) -> f64| -> Vec<f64> {
        let moved = of(here[coordinate]) - of(before[coordinate]);
        let ahead = if moved == 0.0 { 0.0 } else { (of(at) - of(here[coordinate])) / moved };
        before.iter().zip(here).map(|(b, h)| h + ahead * (h - b)).collect()
    };
    // Or all nonlinear ones in proportion, as slope and intercept of a line whose root stays.
    let mut scaled = here.to_vec();
    for &j in objective.nonlinear() {
        scaled[j] *= at / here[coordinate];
    }
    let starts = [here.to_vec(), line(&|v| v), line(&|v| 1.0 / v), scaled];
    // Vertices of a loss with a kink may have one objective and lie apart.
    let is_smooth = objective.width() > 0.0;
    let mut held = Within::new(objective, coordinate, (at, at));
    let mut best = (f64::INFINITY, here.to_vec());
    // Where no other coordinate is nonlinear, or none has moved yet, many of these are the same point.
    let mut tried: Vec<Vec<f64>> = Vec::with_capacity(2 * starts.len());
    for (start, projected) in starts.iter().flat_map(|start| [(start, false), (start, true)]) {
        let mut point = start.clone();
        point[coordinate] = at;
        if projected && !held.project(&mut point) {
            continue;
        }
        if tried.contains(&point) {
            continue;
        }
        tried.push(point.clone());
        let outcome = descend(&mut held, &mut point, options, false, s);
        let same = (outcome.value - best.0).abs() <= SAME * best.0.abs();
        if outcome.value < best.0 {
            best = (outcome.value, point);
        }
        if is_smooth && same && outcome.status == Status::Converged && best.0 <= level {
            break;
        }
    }
    best
}

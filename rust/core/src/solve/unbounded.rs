//! Whether an optimum lies at infinity: the objective keeps falling, or stays level, as one coordinate grows without end.
//!
//! A sigmoid that becomes a step, a break that becomes a corner, a power that shrinks onto one row have no optimum, only a
//! limit. A descent towards it ends wherever rounding stops it and looks like an optimum there. So the coordinate is held
//! farther and farther out, all others are solved for again, and the objective is watched.

use super::descend::descend;
use super::objective::{Model, Objective, Rows};
use super::options::Options;
use super::scan::Range;
use super::scratch::Scratch;
use super::separable::Separable;

/// Factor by which the distance of the coordinate grows from step to step.
const FACTOR: f64 = 1.5;

/// Steps on which the objective must not rise: the coordinate then has grown a dozenfold.
const STEPS: i32 = 6;

/// The same where it rises in neither sense: a descent may have run off so far that its way back is longer.
const MANY_STEPS: i32 = 24;

/// Steps that are enough where the terms of the law are no numbers any farther out.
const FEW_STEPS: i32 = 3;

/// Factor by which no objective rises in one step that was level before.
const LEAP: f64 = 2.0;

/// Relative rise of the objective that still counts as level.
const LEVEL: f64 = 1e-9;

/// Where a coordinate runs off.
#[derive(Debug, Clone, PartialEq)]
pub struct Escape {
    /// The coordinate.
    pub coordinate: usize,
    /// A point on the way and the objective there, not above that of the optimum.
    pub point: Vec<f64>,
    /// The objective there.
    pub value: f64,
}

/// The first nonlinear coordinate that may grow, or shrink towards zero, for ever without the objective rising above `value`, its value at
/// `x`; none where all stay, or where one may run both ways, so that the rows say nothing of it.
pub fn escape<O: Separable>(
    objective: &mut O,
    ranges: &[Range],
    x: &[f64],
    value: f64,
    options: Options,
    s: &mut Scratch,
) -> Option<Escape> {
    let nonlinear = objective.nonlinear().to_vec();
    for (&coordinate, range) in nonlinear.iter().zip(ranges) {
        let mut both = |steps| {
            [1.0, -1.0].map(|sense| run(objective, (coordinate, *range), (sense, steps), (x, value), options, s))
        };
        let ends = both(STEPS);
        let ends = if ends.iter().all(Option::is_some) { both(MANY_STEPS) } else { ends };
        match ends {
            [Some(escape), None] | [None, Some(escape)] => return Some(escape),
            _ => {}
        }
    }
    None
}

/// Follow one coordinate outwards in one sense; none where the objective rises, or a bound ends the way.
fn run<O: Separable>(
    objective: &mut O,
    (coordinate, range): (usize, Range),
    (sense, steps): (f64, i32),
    (x, value): (&[f64], f64),
    options: Options,
    s: &mut Scratch,
) -> Option<Escape> {
    let (mut before, mut here) = (x.to_vec(), x.to_vec());
    let mut lowest = value;
    for step in 1..=steps {
        if s.is_stopped() {
            return None;
        }
        let at = farther(range, x[coordinate], sense, FACTOR.powi(step));
        if at < objective.lower()[coordinate] || at > objective.upper()[coordinate] {
            return None;
        }
        let (there, point) = solve_others(objective, coordinate, at, (&before, &here), options, s);
        // What was level and leaps has left the numbers: its terms overflow.
        if !(there <= LEAP * lowest) && step > FEW_STEPS {
            break;
        }
        if !(there <= lowest + LEVEL * lowest.abs() + options.rounding * options.rounding) {
            return None;
        }
        lowest = lowest.min(there);
        before = std::mem::replace(&mut here, point);
    }
    Some(Escape { coordinate, point: here, value: lowest })
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

/// The least objective with `coordinate` held at `at`, from the last point and from a straight line through the last two.
fn solve_others<O: Separable>(
    objective: &mut O,
    coordinate: usize,
    at: f64,
    (before, here): (&[f64], &[f64]),
    options: Options,
    s: &mut Scratch,
) -> (f64, Vec<f64>) {
    let moved = here[coordinate] - before[coordinate];
    let ahead = if moved == 0.0 { 0.0 } else { (at - here[coordinate]) / moved };
    let straight: Vec<f64> = before.iter().zip(here).map(|(b, h)| h + ahead * (h - b)).collect();
    let mut held = Held::at(objective, coordinate, at);
    let mut best = (f64::INFINITY, here.to_vec());
    for (start, projected) in [(here, false), (here, true), (&straight[..], false), (&straight[..], true)] {
        let mut point = start.to_vec();
        point[coordinate] = at;
        if projected && !held.project(&mut point) {
            continue;
        }
        let outcome = descend(&mut held, &mut point, options, false, s);
        if outcome.value < best.0 {
            best = (outcome.value, point);
        }
    }
    best
}

/// An objective one of whose coordinates stays where it is put.
struct Held<'a, O> {
    inner: &'a mut O,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl<'a, O: Separable> Held<'a, O> {
    fn at(inner: &'a mut O, coordinate: usize, at: f64) -> Self {
        let (mut lower, mut upper) = (inner.lower().to_vec(), inner.upper().to_vec());
        lower[coordinate] = at;
        upper[coordinate] = at;
        Self { inner, lower, upper }
    }
}

impl<O: Objective> Objective for Held<'_, O> {
    fn dimension(&self) -> usize {
        self.inner.dimension()
    }

    fn value(&mut self, x: &[f64]) -> f64 {
        self.inner.value(x)
    }

    fn model(&mut self, x: &[f64], model: &mut Model) -> f64 {
        self.inner.model(x, model)
    }

    fn row_count(&self) -> usize {
        self.inner.row_count()
    }

    fn rows(&mut self, x: &[f64], rows: &mut Rows) -> bool {
        self.inner.rows(x, rows)
    }

    fn pull_back(&mut self, x: &[f64], slopes: &[f64], gradient: &mut [f64]) -> bool {
        self.inner.pull_back(x, slopes, gradient)
    }

    fn lower(&self) -> &[f64] {
        &self.lower
    }

    fn upper(&self) -> &[f64] {
        &self.upper
    }
}

impl<O: Separable> Separable for Held<'_, O> {
    fn nonlinear(&self) -> &[usize] {
        self.inner.nonlinear()
    }

    fn project(&mut self, x: &mut [f64]) -> bool {
        self.inner.project(x)
    }

    fn project_plainly(&mut self, x: &mut [f64]) -> bool {
        self.inner.project_plainly(x)
    }

    fn project_part(&mut self, x: &mut [f64], number: usize) -> bool {
        self.inner.project_part(x, number)
    }

    fn has_many_basins(&self) -> bool {
        self.inner.has_many_basins()
    }

    fn soften(&mut self, width: Option<f64>) {
        self.inner.soften(width);
    }

    fn sharpen(&mut self, on: bool) {
        self.inner.sharpen(on);
    }

    fn settle(&mut self, x: &[f64]) {
        self.inner.settle(x);
    }

    fn width(&self) -> f64 {
        self.inner.width()
    }

    fn has_scale(&self) -> bool {
        self.inner.has_scale()
    }

    fn least_starts(&self) -> usize {
        self.inner.least_starts()
    }

    fn kink(&self) -> Option<(f64, f64)> {
        self.inner.kink()
    }

    fn spread(&mut self, x: &[f64]) -> Option<(f64, f64)> {
        self.inner.spread(x)
    }
}

//! Where the best points are many: the one that is reported, and how far each parameter reaches among them.
//!
//! Along one direction the answer is the middle of the segment; in more, the optimal point of least sum of squared residuals.

use crate::problem::{Fitter, Problem};
use crate::solve::level_set::{self, Aim, LevelSet, REACH};
use crate::solve::objective::{Objective, Rows};
use crate::solve::separable::Separable;

/// Relative rise of the objective that rounding explains.
const SAME: f64 = 1e-12;

/// Steps of a walk over a level set; most take three.
const MOST_STEPS: usize = 200;

/// Norms of the residuals that a step of a careful walk is long.
const CAREFUL: f64 = 0.1;

/// Relative width of a range from which a parameter is said to have one.
const WIDE: f64 = 1e-9;

/// Coordinates that went this many times farther out than they were (or than one) have no end.
const FAR: f64 = 1e6;

/// What is said of a level optimum.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Level {
    /// Least and largest value of each natural parameter among the best points.
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
}

impl Level {
    /// Whether a parameter has different values among the best points.
    pub(super) fn moves(&self, j: usize) -> bool {
        is_wide(self.lower[j], self.upper[j])
    }

    /// Whether the best points are in bounds.
    pub(super) fn is_bounded(&self) -> bool {
        self.lower.iter().chain(&self.upper).all(|v| v.is_finite())
    }
}

fn is_wide(lower: f64, upper: f64) -> bool {
    lower.is_infinite() || upper.is_infinite() || upper - lower > WIDE * lower.abs().max(upper.abs())
}

/// Shares of a curved zone by which a residual may be inside it and count as at its end, if the objective agrees.
const BORDERS: [f64; 3] = [1e-4, 1e-6, 1e-9];

/// Whether every residual is well inside the curved zone of the loss or well outside it, as at nearly every optimum.
pub(super) fn is_inside_zones(fitter: &mut Fitter<'_>, x: &[f64]) -> bool {
    let Some(zone) = fitter.straight() else { return true };
    let mut rows = Rows::default();
    let near = (1.0 - BORDERS[0]) * zone..=(1.0 + BORDERS[0]) * zone;
    fitter.rows(x, &mut rows) && !rows.residual.iter().any(|r| near.contains(&r.abs()))
}

/// Move the optimum `x` to the centre of its level set; none, and `x` stays, where it is the only best point.
pub(super) fn centre(problem: &Problem<'_>, fitter: &mut Fitter<'_>, x: &mut [f64], rounding: f64) -> Option<Level> {
    fitter.settle(x);
    fitter.straight()?;
    let borders = level_set::borders_worth_a_look(fitter, x, rounding, &BORDERS);
    let found = borders.into_iter().find_map(|border| centre_within(problem, fitter, x, (rounding, border)));
    if let Some((point, _)) = &found {
        x.copy_from_slice(point);
    }
    fitter.settle(x);
    found.map(|(_, level)| level)
}

fn centre_within(
    problem: &Problem<'_>,
    fitter: &mut Fitter<'_>,
    x: &[f64],
    (rounding, border): (f64, f64),
) -> Option<(Vec<f64>, Level)> {
    let best = fitter.value(x);
    let set = LevelSet::around(fitter, x, rounding, border)?;
    let far = FAR * x.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    let mut walker = Walker { problem, fitter, set, best, far, rows: Rows::default() };
    let (level, ends) = walker.ranges(x);
    if !(0..level.lower.len()).any(|j| level.moves(j)) {
        return None;
    }
    let mut point = x.to_vec();
    let found = if walker.set.dimension == 1 && level.is_bounded() {
        point.copy_from_slice(&ends[0]);
        walker.halfway(&mut point, &level, &ends)
    } else {
        walker.walk(&mut point, |_, _| Target::LeastSquares)
    };
    if found == Walk::Arrived && walker.is_best(&point) {
        return Some((point, level));
    }
    // The point of least squares may itself lie where a parameter has no end.
    (!level.is_bounded()).then(|| (x.to_vec(), level))
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    Arrived,
    Endless,
    Lost,
}

/// What a walk aims at where it stands.
enum Target {
    LeastSquares,
    Up(Vec<f64>),
    By(Vec<f64>, f64),
}

impl Target {
    fn aim(&self) -> Aim<'_> {
        match self {
            Self::LeastSquares => Aim::LeastSquares,
            Self::Up(gradient) => Aim::Up(gradient),
            Self::By(gradient, amount) => Aim::By(gradient, *amount),
        }
    }
}

/// One level set being walked.
struct Walker<'w, 'a> {
    problem: &'w Problem<'w>,
    fitter: &'w mut Fitter<'a>,
    set: LevelSet,
    best: f64,
    /// Size of a coordinate that has gone too far.
    far: f64,
    rows: Rows,
}

impl Walker<'_, '_> {
    fn natural(&self, x: &[f64]) -> Vec<f64> {
        let mut theta = vec![0.0; self.problem.space.parameters()];
        self.problem.space.natural(x, &mut theta);
        theta
    }

    fn gradient(&self, x: &[f64], slopes: &[f64]) -> Vec<f64> {
        let mut gradient = vec![0.0; x.len()];
        self.problem.space.slopes(x, slopes, &mut gradient);
        gradient
    }

    fn is_best(&mut self, x: &[f64]) -> bool {
        let value = self.fitter.value(x);
        value <= self.best + SAME * self.best.abs()
    }

    /// Step from `x` until a step is short; what to aim at is asked at every point.
    fn walk(&mut self, x: &mut [f64], aim: impl Fn(&Self, &[f64]) -> Target) -> Walk {
        let mut ended = Walk::Lost;
        // Where the law bends so much that a long step loses the set, short ones may follow it.
        for longest in [REACH, CAREFUL, 0.1 * CAREFUL] {
            let mut point = x.to_vec();
            ended = self.walk_within(&mut point, &aim, longest);
            if ended != Walk::Lost {
                x.copy_from_slice(&point);
                break;
            }
        }
        ended
    }

    fn walk_within(&mut self, x: &mut [f64], aim: &impl Fn(&Self, &[f64]) -> Target, longest: f64) -> Walk {
        let mut radius = longest;
        for _ in 0..MOST_STEPS {
            let target = aim(self, x);
            let Some(length) = self.set.step(self.fitter, x, target.aim(), &mut radius, &mut self.rows) else {
                return Walk::Lost;
            };
            radius = radius.min(longest);
            if LevelSet::is_short(length) {
                return Walk::Arrived;
            }
            if x.iter().any(|v| v.abs() > self.far) {
                return Walk::Endless;
            }
        }
        // Long steps may go to and fro for ever where short ones arrive.
        Walk::Lost
    }

    /// How far each natural parameter reaches, and the points where the first one that moves does.
    fn ranges(&mut self, x: &[f64]) -> (Level, Vec<Vec<f64>>) {
        let here = self.natural(x);
        let p = here.len();
        let mut level = Level { lower: here.clone(), upper: here };
        let mut ends: Vec<Vec<f64>> = Vec::new();
        for j in self.problem.space.free.clone() {
            let mut points = Vec::new();
            for sign in [-1.0, 1.0] {
                let mut slopes = vec![0.0; p];
                slopes[j] = sign;
                let mut point = x.to_vec();
                let walk = self.walk(&mut point, |walker, point| Target::Up(walker.gradient(point, &slopes)));
                let endless = walk != Walk::Arrived || !self.is_best(&point);
                let value = if endless { sign * f64::INFINITY } else { self.natural(&point)[j] };
                level.lower[j] = level.lower[j].min(value);
                level.upper[j] = level.upper[j].max(value);
                points.push(point);
            }
            if ends.is_empty() && level.moves(j) {
                ends = points;
            }
        }
        (level, ends)
    }

    /// Walk from one end of a segment to where its parameters are, on average, halfway to the other.
    fn halfway(&mut self, x: &mut [f64], level: &Level, ends: &[Vec<f64>]) -> Walk {
        let [from, to] = [&ends[0], &ends[1]].map(|end| self.natural(end));
        let moving: Vec<usize> = (0..from.len()).filter(|&j| level.moves(j) && is_wide_apart(from[j], to[j])).collect();
        let mut slopes = vec![0.0; from.len()];
        for &j in &moving {
            slopes[j] = 1.0 / (to[j] - from[j]) / moving.len() as f64;
        }
        self.walk(x, |walker, point| {
            let here = walker.natural(point);
            let share: f64 = moving.iter().map(|&j| slopes[j] * (here[j] - from[j])).sum();
            Target::By(walker.gradient(point, &slopes), 0.5 - share)
        })
    }
}

fn is_wide_apart(one: f64, other: f64) -> bool {
    is_wide(one.min(other), one.max(other))
}

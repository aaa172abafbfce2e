//! From the point where a search ended to a row of the table: what may be said of it.

use super::expressible::{Reach, express};
use super::identifiability::{
    LARGEST_CONDITION, condition_of_curvature, identify, level_coordinates, weak_coordinates,
};
use super::level;
use super::natural::NaturalObjective;
use super::row::{FitRow, RunsOff};
use crate::problem::{Fitter, Problem};
use crate::solve::linalg::norm2;
use crate::solve::objective::{Objective, Rows};
use crate::solve::separable::Separable;
use crate::solve::starts::Found;
use crate::solve::unbounded::{Escape, escape};
use crate::solve::{Options, Scratch, Status};

/// Condition of the column-scaled J'J above which an optimum may lie at infinity: on the way there columns become parallel.
const SUSPICIOUS: f64 = 1e8;

/// Places in the ranges of the nonlinear coordinates where nothing is special.
const ORDINARY: [f64; 3] = [0.37, 0.41, 0.33];

/// Rows above which a search that ran off is not followed.
const MOST_ROWS: usize = 20_000;

/// The table row of a finished search, whose best point is `x`.
pub(super) fn report(
    natural: &NaturalObjective<'_>,
    problem: &Problem<'_>,
    fitter: &mut Fitter<'_>,
    found: &Found,
    x: &mut [f64],
    options: Options,
    scratch: &mut Scratch,
) -> FitRow {
    let space = &problem.space;
    let mut row = FitRow::empty(space.parameters(), fitter.rows_selected(), found.outcome.status);
    row.starts = found.starts;
    row.agreement = found.agreement;
    row.doubtful = found.doubtful;
    row.exhaustive = found.exhaustive;
    row.evaluations = found.outcome.evaluations;
    if !found.outcome.value.is_finite() {
        return row;
    }
    let mut value = found.outcome.value;
    // A likelihood may be negative, and is never zero for want of residuals.
    let is_perfect = !fitter.has_scale() && value <= options.rounding * options.rounding;
    let is_certified = found.outcome.status == Status::Converged;
    let null = conditioned(fitter, x, value, (is_certified, is_perfect), options, &mut row);
    let is_level = is_certified && !null.contains(&true) && centred(problem, fitter, x, options, &mut row, &mut value);
    let mut theta = row.params.clone();
    space.natural(x, &mut theta);
    // On a bound a parameter is determined by the bound, so its level direction is not a defect of the design.
    let off_bound = |a: usize| !space.is_on_bound(a, &theta);
    let is_lost = (0..x.len()).any(|a| null[a] && off_bound(a));
    let is_endless = is_level && (0..x.len()).any(|a| row.level[space.free[a]] && off_bound(a));
    let at_end = (0..x.len()).any(|a| space.is_at_search_end(a, x));
    for (a, &j) in space.free.iter().enumerate() {
        row.unidentified[j] = null[a] || space.is_at_search_end(a, x);
    }
    if is_lost || is_endless || at_end {
        row.status = Status::NotIdentified;
    }
    let is_felt = every_parameter_is_felt(fitter, x, is_perfect, options);
    let is_lost_already = !is_certified || at_end || row.condition.is_nan() || row.condition > LARGEST_CONDITION;
    let certain =
        (is_perfect && is_felt) || (is_certified && is_felt && !is_lost && !at_end && row.condition <= SUSPICIOUS);
    if !certain
        && !is_endless
        && problem.len() <= MOST_ROWS
        && !is_redundant(problem, fitter)
        && let Some(escape) = found
            .escape
            .clone()
            .or_else(|| escape(fitter, problem.ranges(), x, (value, is_lost_already), options, scratch))
    {
        row.status = Status::Unbounded;
        row.runs_off = destinations(problem, &theta, x, &escape);
        space.natural(&escape.point, &mut theta);
        if space.is_expressible(&escape.point, &theta) {
            x.copy_from_slice(&escape.point);
            value = escape.value;
        }
    }
    if row.status == Status::Converged && !is_felt {
        row.status = Status::NotIdentified;
    }
    fill(natural, problem, fitter, x, value, &mut row);
    row.certificate = found.outcome.certificate;
    row
}

/// Move a level optimum to its centre and put its ends into the row; returns whether a parameter flagged as level has no end.
fn centred(
    problem: &Problem<'_>,
    fitter: &mut Fitter<'_>,
    x: &mut [f64],
    options: Options,
    row: &mut FitRow,
    value: &mut f64,
) -> bool {
    if let Some(level) = level::centre(problem, fitter, x, options.rounding) {
        *value = value.min(fitter.value(x));
        row.level = (0..row.level.len()).map(|j| level.moves(j)).collect();
        let is_endless = !level.is_bounded();
        (row.level_lower, row.level_upper) = (level.lower, level.upper);
        return is_endless;
    }
    if fitter.width() <= 0.0 {
        return false;
    }
    for (j, level) in problem.space.free.iter().zip(level_coordinates(fitter, x)) {
        row.level[*j] = level;
    }
    true
}

/// Effect of a change of a parameter by its own size on the residuals, relative to them, below which it is none.
const FELT: f64 = 1e-6;

/// Whether every parameter still moves the residuals: however alike or unlike their columns are, those of a step are rounding.
fn every_parameter_is_felt(fitter: &mut Fitter<'_>, x: &[f64], is_perfect: bool, options: Options) -> bool {
    let mut rows = Rows::default();
    if !fitter.rows(x, &mut rows) {
        return false;
    }
    let n = rows.residual.len();
    let norm =
        |values: &[f64]| norm2(&values.iter().zip(&rows.weight).map(|(v, w)| v * w.sqrt()).collect::<Vec<f64>>());
    let least = if is_perfect { options.rounding } else { FELT * norm(&rows.residual) };
    // A coordinate on a bound says nothing by itself.
    (0..x.len()).all(|a| {
        let is_held = x[a] <= fitter.lower()[a] || x[a] >= fitter.upper()[a];
        is_held || norm(&rows.jacobian[a * n..(a + 1) * n]) * x[a].abs().max(1.0) > least
    })
}

/// Put the condition into the row; returns the coordinates that the rows leave undetermined.
fn conditioned(
    fitter: &mut Fitter<'_>,
    x: &[f64],
    value: f64,
    (is_certified, is_perfect): (bool, bool),
    options: Options,
    row: &mut FitRow,
) -> Vec<bool> {
    let (condition, null) = identify(fitter, x, options.rounding);
    row.condition = condition;
    if !is_certified || condition <= LARGEST_CONDITION {
        return null;
    }
    match condition_of_curvature(fitter, x, value).filter(|_| !is_perfect) {
        Some(curved) => {
            row.condition = curved;
            vec![false; x.len()]
        }
        None => weak_coordinates(fitter, x, options.rounding),
    }
}

/// Whether the rows leave parameters undetermined wherever they are, not only where the search ended: then none runs off.
fn is_redundant(problem: &Problem<'_>, fitter: &mut Fitter<'_>) -> bool {
    let mut point = vec![1.0; problem.space.dimension()];
    for (d, (&a, range)) in fitter.nonlinear().iter().zip(problem.ranges()).enumerate() {
        point[a] = range.at(ORDINARY[d % ORDINARY.len()]);
    }
    for (a, value) in point.iter_mut().enumerate() {
        *value = value.clamp(problem.space.lower[a], problem.space.upper[a]);
    }
    identify(fitter, &point, 0.0).1.contains(&true)
}

/// Where each parameter runs off to, `theta` being the parameters at `x`.
fn destinations(problem: &Problem<'_>, theta: &[f64], x: &[f64], escape: &Escape) -> Vec<RunsOff> {
    let space = &problem.space;
    let mut farther = theta.to_vec();
    space.natural(&escape.point, &mut farther);
    let mut all: Vec<RunsOff> = theta.iter().zip(&farther).map(|(from, to)| RunsOff::between(*from, *to)).collect();
    for (a, &j) in space.free.iter().enumerate() {
        // What a bound of the caller stops does not run off.
        let stopped = match all[j] {
            RunsOff::Infinity => space.has_bound(a, true),
            RunsOff::MinusInfinity => space.has_bound(a, false),
            RunsOff::Nowhere | RunsOff::Zero => false,
        };
        if stopped {
            all[j] = RunsOff::Nowhere;
        }
    }
    let (here, there) = (x[escape.coordinate], escape.toward);
    all[space.free[escape.coordinate]] = match (space.log[escape.coordinate], there > 0.0) {
        (true, _) if there > here => RunsOff::Infinity,
        (true, _) => RunsOff::Zero,
        (false, _) if there.abs() < here.abs() => RunsOff::Zero,
        (false, true) => RunsOff::Infinity,
        (false, false) => RunsOff::MinusInfinity,
    };
    all
}

/// Fill in parameters, bounds, scale and objective of the point `x`, or of the last one on the way there that doubles can hold.
fn fill(
    natural: &NaturalObjective<'_>,
    problem: &Problem<'_>,
    fitter: &mut Fitter<'_>,
    x: &mut [f64],
    value: f64,
    row: &mut FitRow,
) {
    let space = &problem.space;
    let has_objective = |theta: &[f64]| natural.at(theta) < f64::INFINITY;
    let reach = express(problem, fitter, x, &mut row.params, has_objective);
    if reach == Reach::Nowhere {
        row.params.fill(f64::NAN);
        row.status = Status::NotFinite;
        return;
    }
    for (a, &j) in space.free.iter().enumerate() {
        row.at_bound[j] = space.is_on_bound(a, &row.params);
    }
    // The scale is that of the last point looked at, so that must be this one.
    let value = if reach == Reach::Whole { value } else { fitter.value(x) };
    fitter.settle(x);
    row.scale = fitter.natural_scale().unwrap_or(f64::NAN);
    row.objective = fitter.natural(value);
    if fitter.is_degenerate() {
        row.status = Status::Degenerate;
    } else if !row.objective.is_finite() {
        // A target too near zero for the solver's unit: there is no fit of such rows.
        row.params.fill(f64::NAN);
        row.status = Status::NotFinite;
    } else if row.status == Status::Converged && reach == Reach::Part {
        row.status = Status::NotFinite;
    }
}

//! Refits of weighted rows: a replicate is a pure function of (question, scheme, seed, group, replicate).

use std::sync::{Arc, OnceLock};

use super::control::Control;
use super::draw::{Design, Drawn, Scheme};
use super::draws::Draws;
use super::expressible::{Reach, express};
use super::identifiability::{LARGEST_CONDITION, identify, weak_coordinates};
use super::level;
use super::needs::{self, Needs};
use super::row::FitRow;
use crate::error::Error;
use crate::memory::{ask, filled};
use crate::pool::{Threads, alone};
use crate::problem::{Expansion, Fitter, Linearised, Problem, Scanned, ScannedRows};
use crate::question::Question;
use crate::solve::certificate::DECREASE_TOLERANCE;
use crate::solve::linalg::cholesky;
use crate::solve::separable::Separable;
use crate::solve::starts::descend;
use crate::solve::trust::{self, Linear};
use crate::solve::{Objective, Options, Rows, Scratch, Status, minimise};

/// A resampling of fits already made.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampling {
    /// How weights come about; shared, because its table may be large.
    pub scheme: Arc<Scheme>,
    /// First replicate.
    pub first: usize,
    /// Number of replicates per group.
    pub count: usize,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Starts searched in every replicate beside the warm one; 0 trusts the warm one.
    pub starts: usize,
}

/// Replicates handed to a thread at a time: long enough to hide the hand-over, short enough to stop within a second.
const CHUNK: usize = 64;

/// Evaluations of a warm refit before it is taken for a hard one; the reference problem needs four.
const WARM_EVALUATIONS: usize = 60;

/// Evaluations along a trust region of a replicate that nothing else solved.
const MOST_GUIDED: usize = 1_000;

/// Damping of the first warm step that was not predicted, in the metric of the fit.
const WARM_DAMPING: f64 = 0.05;

/// Curved rows per coordinate up to which the objective may be level: of many rows, more of them hold every coordinate.
const FEW_CURVED: usize = 2;

/// Rows up to which curved rows may all share one size, and hold one direction only.
const FEW_ROWS: usize = 128;

/// Refit every group `count` times around the fits of `base`.
///
/// # Errors
/// [`Error::Resource`] when the table does not fit in memory; [`Error::Parameter`] and [`Error::Threads`] for threads that cannot be had.
pub fn resample(
    question: &Question,
    base: &[FitRow],
    resampling: &Resampling,
    threads: usize,
    control: &Control,
) -> Result<Draws, Error> {
    let (groups, p) = (question.columns.groups(), question.params.len());
    let width = p + 2;
    let replicates = groups as u128 * resampling.count as u128;
    let (pool, needs) = (Threads::new(threads)?, Needs::of(question));
    let refits = needs.refits(resampling.count as u128, CHUNK, resampling.starts, threads, false);
    let _promise = ask("the table of draws", needs::table(replicates, width).saturating_add(refits))?;
    let mut table = filled("the table of draws", groups * resampling.count * width, f64::NAN)?;
    if resampling.count > 0 {
        // Few replicates leave threads idle, which may then share the rows of each.
        let few = resampling.count.div_ceil(CHUNK) < threads;
        for (g, part) in table.chunks_mut(resampling.count * width).enumerate() {
            let refits = Refits::new(question, g, &base[g], &resampling.scheme);
            let Some(refits) = refits else {
                for row in part.chunks_mut(width) {
                    row[0] = f64::from(base[g].status as u8);
                }
                control.finished(resampling.count);
                continue;
            };
            let worker = || Worker::new(&refits, control);
            pool.each_part(part, CHUNK * width, worker, |worker, chunk, rows| {
                if control.is_cancelled() {
                    for row in rows.chunks_mut(width) {
                        row[0] = f64::from(Status::Unfinished as u8);
                    }
                    return;
                }
                for (i, row) in rows.chunks_mut(width).enumerate() {
                    let replicate = resampling.first + chunk * CHUNK + i;
                    if few {
                        worker.replicate(resampling, g, replicate, row);
                    } else {
                        alone(|| worker.replicate(resampling, g, replicate, row));
                    }
                }
                control.spent(std::mem::take(&mut worker.evaluations));
                control.finished(rows.len() / width);
            });
        }
    }
    Draws::of_table(&table, width, groups * resampling.count, p)
}

/// What all replicates of one group share: the problem, its optimum and the metric around it.
pub(super) struct Refits<'a> {
    design: Design<'a>,
    pub(super) problem: Problem<'a>,
    warm: Vec<f64>,
    metric: Vec<f64>,
    rounding: f64,
    /// The law near the optimum, where its shape allows that.
    expansion: Option<Expansion>,
    /// The same taken as linear, where the loss allows that.
    linearised: Option<Linearised>,
    /// The points that starts are chosen from, once a replicate asked for some.
    pub(super) scanned: OnceLock<Option<Scanned>>,
}

impl<'a> Refits<'a> {
    /// None when there is no fit to start from.
    pub(super) fn new(question: &'a Question, g: usize, base: &FitRow, scheme: &'a Scheme) -> Option<Self> {
        if base.params.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let problem = Problem::new(
            &question.program,
            &question.group(g),
            &question.params,
            question.criterion,
            question.residual,
        );
        let q = problem.space.dimension();
        let mut warm = vec![0.0; q];
        problem.space.coordinates(&base.params, &mut warm);
        let design = Design::new(question, g, scheme);
        let mut refits = Self {
            design,
            problem,
            warm,
            metric: vec![0.0; q * q],
            rounding: 0.0,
            expansion: None,
            linearised: None,
            scanned: OnceLock::new(),
        };
        let mut metric = vec![0.0; q * q];
        let (targets, linearised);
        {
            let mut fitter = Fitter::new(&refits.problem);
            refits.rounding = refits.problem.rounding(&fitter);
            let mut rows = Rows::default();
            if !fitter.rows(&refits.warm, &mut rows) {
                return None;
            }
            fill_metric(&rows, q, &mut metric);
            linearised = Linearised::new(&refits.problem, &rows, &refits.warm);
            targets = refits.design.around(&fitter, &refits.problem.space.moving(&refits.warm), &rows);
        }
        refits.metric = metric;
        refits.design.targets = targets;
        refits.linearised = linearised;
        refits.expansion = Expansion::new(&refits.problem, &question.group(g).inputs, &refits.warm);
        Some(refits)
    }
}

/// J' W (psi/r) J, the metric in which every replicate is damped.
fn fill_metric(rows: &Rows, q: usize, metric: &mut [f64]) {
    let n = rows.residual.len();
    for i in 0..n {
        let r = rows.residual[i];
        let pull = if r == 0.0 { rows.curvature[i] } else { rows.psi[i] / r };
        let weight = rows.weight[i] * pull;
        for a in 0..q {
            let left = weight * rows.jacobian[a * n + i];
            for b in 0..q {
                metric[a * q + b] = left.mul_add(rows.jacobian[b * n + i], metric[a * q + b]);
            }
        }
    }
}

/// One thread's buffers.
pub(super) struct Worker<'a> {
    pub(super) refits: &'a Refits<'a>,
    pub(super) fitter: Fitter<'a>,
    pub(super) scratch: Scratch,
    pub(super) x: Vec<f64>,
    drawn: Drawn,
    pub(super) scanned_rows: ScannedRows,
    /// Evaluations of the model so far.
    pub(super) evaluations: usize,
}

impl<'a> Worker<'a> {
    pub(super) fn new(refits: &'a Refits<'a>, control: &Control) -> Self {
        let q = refits.problem.space.dimension();
        let mut fitter = Fitter::new(&refits.problem);
        if let Some(expansion) = &refits.expansion {
            fitter.expand_around(expansion);
        }
        if let Some(linearised) = &refits.linearised {
            fitter.predict_by(linearised);
        }
        Self {
            refits,
            fitter,
            scratch: Scratch::new(q).until(control.flag()),
            x: vec![0.0; q],
            drawn: Drawn::new(refits.problem.len()),
            scanned_rows: ScannedRows::default(),
            evaluations: 0,
        }
    }

    /// Refit replicate `replicate` of group `g` into `row`: status, objective, parameters.
    pub(super) fn replicate(&mut self, resampling: &Resampling, g: usize, replicate: usize, row: &mut [f64]) {
        if self.scratch.is_stopped() {
            row[0] = f64::from(Status::Unfinished as u8);
            return;
        }
        self.refits.design.draw(resampling.seed, g, replicate, &mut self.drawn);
        let (rows, unit) = self.drawn.select(&mut self.fitter);
        let q = self.x.len();
        if rows < q || rows == 0 {
            row[0] = f64::from(Status::TooFewRows as u8);
            return;
        }
        let (value, mut status) = self.minimise(resampling.starts);
        if self.scratch.is_stopped() {
            // Cut short in the middle: whatever stands in `x` is not a replicate.
            row[0] = f64::from(Status::Unfinished as u8);
            return;
        }
        if status == Status::Converged && !self.has_clear_optimum() && !self.settle_among_best() {
            status = Status::NotIdentified;
        }
        row[0] = f64::from(self.report(value, unit, status, &mut row[1..]) as u8);
    }

    /// Fill objective and parameters of the point in `x`, whose value is `value`; returns the status that they allow.
    fn report(&mut self, mut value: f64, unit: f64, mut status: Status, row: &mut [f64]) -> Status {
        let problem = &self.refits.problem;
        if status == Status::Converged && (0..self.x.len()).any(|a| problem.space.is_at_search_end(a, &self.x)) {
            status = Status::NotIdentified;
        }
        let reach = express(problem, &mut self.fitter, &mut self.x, &mut row[1..], |_| true);
        match reach {
            Reach::Whole => {}
            Reach::Part => value = self.fitter.value(&self.x),
            Reach::Nowhere => {
                row.fill(f64::NAN);
                return Status::NotFinite;
            }
        }
        self.fitter.settle(&self.x);
        if self.fitter.is_degenerate() {
            status = Status::Degenerate;
        }
        row[0] = self.fitter.natural(value) * unit;
        if status == Status::Converged && (reach == Reach::Part || !row[0].is_finite()) {
            status = Status::NotFinite;
        }
        status
    }

    /// The best of the warm refit and, when asked for or when that fails, of searched starts; its point is left in `x`.
    fn minimise(&mut self, starts: usize) -> (f64, Status) {
        let refits = self.refits;
        let options = Options { rounding: refits.rounding, ..Options::default() };
        let (mut value, mut status) = self.warm(options);
        if starts == 0 && status == Status::Converged {
            return (value, status);
        }
        if status == Status::Converged && self.may_be_challenged(value) {
            return (self.challenged(starts, options, value), status);
        }
        let warm = self.x.clone();
        let found = self.search(starts, options);
        self.evaluations += found.evaluations;
        let better = found.status == Status::Converged && (status != Status::Converged || found.value < value);
        if better {
            (value, status) = (found.value, found.status);
        } else {
            self.x = warm;
        }
        if status != Status::Converged && self.fitter.width() > 0.0 {
            // A ridge that Newton walks too slowly. Replicates that fail are not spread at random: without them tails are too thin.
            let mut point = self.x.clone();
            trust::follow(&mut self.fitter, &mut point, Linear::Stepped, MOST_GUIDED, &mut self.scratch);
            let outcome = minimise(&mut self.fitter, &mut point, None, options, &mut self.scratch);
            self.evaluations += outcome.evaluations;
            if outcome.status == Status::Converged {
                self.x = point;
                (value, status) = (outcome.value, outcome.status);
            }
        }
        self.look_again(options);
        (value, status)
    }

    /// Put the model of the point in `x` into the scratch, which still describes the last searched one.
    pub(super) fn look_again(&mut self, options: Options) {
        self.fitter.with_metric = false;
        let again = Options { damping: 0.0, second_order: false, max_evaluations: 1, ..options };
        minimise(&mut self.fitter, &mut self.x.clone(), Some(&self.refits.metric), again, &mut self.scratch);
        self.fitter.with_metric = true;
    }

    /// Refit from the optimum of the fit.
    fn warm(&mut self, options: Options) -> (f64, Status) {
        let refits = self.refits;
        self.x.copy_from_slice(&refits.warm);
        if self.fitter.width() > 0.0 {
            self.fitter.with_metric = false;
            self.fitter.with_second = true;
            self.fitter.predict_start(&mut self.x, &refits.metric);
            let bold = Options {
                // Where the start was predicted it is near; elsewhere caution saves an evaluation in ten.
                damping: if refits.linearised.is_some() { 0.0 } else { WARM_DAMPING },
                second_order: false,
                max_evaluations: WARM_EVALUATIONS,
                finish: DECREASE_TOLERANCE,
                ..options
            };
            let outcome = minimise(&mut self.fitter, &mut self.x, Some(&refits.metric), bold, &mut self.scratch);
            self.fitter.with_metric = true;
            self.fitter.with_second = false;
            self.evaluations += outcome.evaluations;
            if outcome.status == Status::Converged {
                let space = &refits.problem.space;
                let gained = self.scratch.last_step(&mut self.x, &space.lower, &space.upper, &outcome);
                return (outcome.value - gained, outcome.status);
            }
        }
        // A hard replicate gets what a single fit gets, from the same warm point.
        self.x.copy_from_slice(&refits.warm);
        let outcome = descend(&mut self.fitter, &mut self.x, options, false, &mut self.scratch);
        self.evaluations += outcome.evaluations;
        (outcome.value, outcome.status)
    }

    /// Whether the curvature of the model shows one best point, as it does for nearly every replicate.
    pub(super) fn has_clear_optimum(&mut self) -> bool {
        if self.fitter.width() == 0.0 {
            // What the scratch holds is a rounded form of a kink.
            return false;
        }
        let q = self.x.len();
        let is_small = self.fitter.rows_selected() <= FEW_ROWS;
        if (is_small || self.scratch.model().curved <= FEW_CURVED * q)
            && !level::is_inside_zones(&mut self.fitter, &self.x)
        {
            // A row at the end of its curved zone curves the objective on one side only.
            return false;
        }
        let model = self.scratch.model();
        let mut scaled = vec![0.0; q * q];
        for i in 0..q {
            for j in 0..q {
                let scale = (model.hessian[i * q + i] * model.hessian[j * q + j]).sqrt();
                scaled[i * q + j] = model.hessian[i * q + j] / scale - if i == j { 1e-9 } else { 0.0 };
            }
        }
        cholesky(&mut scaled, q)
    }

    /// Move to the centre of the best points, where they are many; whether the drawn rows then determine every coordinate that
    /// is off its bounds.
    fn settle_among_best(&mut self) -> bool {
        let (problem, rounding) = (&self.refits.problem, self.refits.rounding);
        let (condition, mut null) = identify(&mut self.fitter, &self.x, rounding);
        if condition.is_nan() || condition > LARGEST_CONDITION {
            null = weak_coordinates(&mut self.fitter, &self.x, rounding);
        }
        if !null.contains(&true) {
            let level = level::centre(problem, &mut self.fitter, &mut self.x, rounding);
            return level.is_none_or(|level| level.is_bounded());
        }
        let space = &problem.space;
        let mut theta = vec![0.0; space.parameters()];
        space.natural(&self.x, &mut theta);
        (0..self.x.len()).all(|a| !null[a] || space.is_on_bound(a, &theta))
    }
}

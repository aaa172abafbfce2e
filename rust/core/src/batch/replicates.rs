//! Refits of weighted rows: a replicate is a pure function of (question, scheme, seed, group, replicate).

use rayon::prelude::*;

use super::identify::identify;
use super::{Control, FitRow, Question, allocate};
use crate::error::Error;
use crate::pool::pool;
use crate::problem::{Fitter, Near, Problem};
use crate::resample::rows::{self, Clusters};
use crate::resample::stream::{Purpose, Stream};
use crate::solve::certificate::DECREASE_TOLERANCE;
use crate::solve::linalg::cholesky;
use crate::solve::newton::{Options, Scratch, minimise};
use crate::solve::separable::Separable;
use crate::solve::starts::{Effort, descend, search};
use crate::solve::trust::{self, Linear};
use crate::solve::{Objective, Rows, Status};

/// How the weights of a replicate come about.
#[derive(Debug, Clone, PartialEq)]
pub enum Scheme {
    /// As many rows as there are, drawn with replacement.
    Pairs,
    /// As many clusters as there are, drawn with replacement; the cluster of each row of the question, numbered from 0 in
    /// each group.
    Clusters(Vec<u32>),
    /// Exponential weights of mean one, for rows or for clusters.
    Bayesian(Option<Vec<u32>>),
    /// Replicate i leaves out row i, or cluster i.
    Jackknife(Option<Vec<u32>>),
    /// Replicate i takes the rows `table[i * width..(i + 1) * width]`.
    Indices {
        /// Row numbers, concatenated.
        table: Vec<u32>,
        /// Rows a replicate.
        width: usize,
    },
    /// Replicate i weighs the rows with `table[i * rows..(i + 1) * rows]`.
    Weights(Vec<f64>),
}

/// A resampling of fits already made.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampling {
    /// How weights come about.
    pub scheme: Scheme,
    /// First replicate.
    pub first: usize,
    /// Number of replicates a group.
    pub count: usize,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Starts searched in every replicate beside the warm one; 0 trusts the warm one.
    pub starts: usize,
}

/// Estimates of every replicate, group by group.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    /// Status of each replicate.
    pub status: Vec<Status>,
    /// Objective of each replicate, NaN where there is none.
    pub objective: Vec<f64>,
    /// One column of natural parameters a parameter.
    pub params: Vec<Vec<f64>>,
}

/// Replicates handed to a thread at a time: long enough to hide the hand-over, short enough to stop within a second.
const CHUNK: usize = 64;

/// Evaluations of a warm refit before it is taken for a hard one; the reference problem needs seven.
const WARM_EVALUATIONS: usize = 60;

/// Evaluations along a trust region of a replicate that nothing else solved.
const MOST_GUIDED: usize = 1_000;

/// Damping of the first warm step, in the metric of the fit: 9.1 evaluations a refit of the reference problem, 9.9 without.
const WARM_DAMPING: f64 = 0.05;

/// Refit every group `count` times around the fits of `base`.
///
/// # Errors
/// [`Error::Resource`] when the table does not fit in memory; [`Error::Parameter`] for an impossible number of threads.
pub fn resample(
    question: &Question,
    base: &[FitRow],
    resampling: &Resampling,
    threads: usize,
    control: &Control,
) -> Result<Draws, Error> {
    let (groups, p) = (question.columns.groups(), question.params.len());
    let width = p + 2;
    let total = groups.checked_mul(resampling.count).and_then(|n| n.checked_mul(width)).ok_or(Error::Resource {
        what: "the table of draws".into(),
        bytes: u128::MAX,
        limit: 0,
    })?;
    let mut table = allocate("the table of draws", total, f64::NAN)?;
    if resampling.count > 0 {
        let threads = pool(threads)?;
        for (g, part) in table.chunks_mut(resampling.count * width).enumerate() {
            let refits = Refits::new(question, g, &base[g], &resampling.scheme);
            let Some(refits) = refits else {
                for row in part.chunks_mut(width) {
                    row[0] = f64::from(base[g].status as u8);
                }
                control.finished(resampling.count);
                continue;
            };
            threads.install(|| {
                part.par_chunks_mut(CHUNK * width).enumerate().for_each(|(chunk, rows)| {
                    if control.is_cancelled() {
                        for row in rows.chunks_mut(width) {
                            row[0] = f64::from(Status::Unfinished as u8);
                        }
                        return;
                    }
                    let mut worker = Worker::new(&refits, control);
                    for (i, row) in rows.chunks_mut(width).enumerate() {
                        let replicate = resampling.first + chunk * CHUNK + i;
                        worker.replicate(resampling, g, replicate, row);
                    }
                    control.finished(rows.len() / width);
                });
            });
        }
    }
    columns(&table, width, groups * resampling.count, p)
}

/// Split the row-major table of the threads into columns.
fn columns(table: &[f64], width: usize, n: usize, p: usize) -> Result<Draws, Error> {
    let mut draws = Draws {
        status: Vec::with_capacity(n),
        objective: allocate("the draws", n, f64::NAN)?,
        params: Vec::with_capacity(p),
    };
    draws.status.extend(table.chunks_exact(width).map(|row| Status::ALL[row[0] as usize]));
    for (row, objective) in table.chunks_exact(width).zip(&mut draws.objective) {
        *objective = row[1];
    }
    for j in 0..p {
        let mut column = allocate("the draws", n, f64::NAN)?;
        for (row, value) in table.chunks_exact(width).zip(&mut column) {
            *value = row[2 + j];
        }
        draws.params.push(column);
    }
    Ok(draws)
}

/// What all replicates of one group share: the problem, its optimum and the metric around it.
struct Refits<'a> {
    scheme: &'a Scheme,
    /// The rows of the question that form the group.
    rows: std::ops::Range<usize>,
    /// Number of clusters in the group.
    clusters: u32,
    problem: Problem<'a>,
    warm: Vec<f64>,
    metric: Vec<f64>,
    rounding: f64,
    /// The law near the optimum, where its shape allows that.
    near: Option<Near>,
}

impl<'a> Refits<'a> {
    /// None when there is no fit to start from.
    fn new(question: &'a Question, g: usize, base: &FitRow, scheme: &'a Scheme) -> Option<Self> {
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
        let rows = question.columns.offsets[g]..question.columns.offsets[g + 1];
        let clusters = match scheme {
            Scheme::Clusters(table) | Scheme::Bayesian(Some(table)) | Scheme::Jackknife(Some(table)) => {
                table[rows.clone()].iter().max().map_or(0, |m| m + 1)
            }
            _ => 0,
        };
        let mut refits =
            Self { scheme, rows, clusters, problem, warm, metric: vec![0.0; q * q], rounding: 0.0, near: None };
        let mut metric = vec![0.0; q * q];
        {
            let mut fitter = Fitter::new(&refits.problem);
            refits.rounding = refits.problem.rounding(&fitter);
            let mut rows = Rows::default();
            if !fitter.rows(&refits.warm, &mut rows) {
                return None;
            }
            fill_metric(&rows, q, &mut metric);
        }
        refits.metric = metric;
        refits.near = Near::new(&refits.problem, &question.group(g).inputs, &refits.warm);
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

/// Binary exponents of the largest weight within which the weights of a replicate are taken as they are.
const USUAL_EXPONENT: f64 = 64.0;

/// The power of two by which the weights of a replicate are divided, because their scale must not matter; 1 for usual ones,
/// which so keep their bits.
fn replicate_unit(weights: &[f64]) -> f64 {
    let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
    let exponent = largest.log2().round();
    if exponent.is_finite() && exponent.abs() > USUAL_EXPONENT { exponent.clamp(-1000.0, 1000.0).exp2() } else { 1.0 }
}

/// One thread's buffers.
struct Worker<'a> {
    refits: &'a Refits<'a>,
    fitter: Fitter<'a>,
    scratch: Scratch,
    x: Vec<f64>,
    weights: Vec<f64>,
    counts: Vec<u32>,
}

impl<'a> Worker<'a> {
    fn new(refits: &'a Refits<'a>, control: &Control) -> Self {
        let q = refits.problem.space.dimension();
        let n = refits.problem.len();
        let mut fitter = Fitter::new(&refits.problem);
        if let Some(near) = &refits.near {
            fitter.stay_near(near);
        }
        Self {
            refits,
            fitter,
            scratch: Scratch::new(q).until(control.flag()),
            x: vec![0.0; q],
            weights: vec![0.0; n],
            counts: vec![0; n],
        }
    }

    /// Refit replicate `replicate` of group `g` into `row`: status, objective, parameters.
    fn replicate(&mut self, resampling: &Resampling, g: usize, replicate: usize, row: &mut [f64]) {
        if self.scratch.is_stopped() {
            row[0] = f64::from(Status::Unfinished as u8);
            return;
        }
        self.draw(resampling, g, replicate);
        let weights = std::mem::take(&mut self.weights);
        let unit = replicate_unit(&weights);
        let rows = self.fitter.select(|i| weights[i] / unit);
        self.weights = weights;
        let q = self.x.len();
        if rows < q || rows == 0 {
            row[0] = f64::from(Status::TooFewRows as u8);
            return;
        }
        let (value, mut status) = self.minimise(resampling.starts);
        if self.scratch.is_stopped() {
            // Cut short in the middle: whatever stands in `x` is no replicate.
            row[0] = f64::from(Status::Unfinished as u8);
            return;
        }
        if status == Status::Converged && !self.is_determined() {
            status = Status::NotIdentified;
        }
        self.fitter.settle(&self.x);
        if self.fitter.is_degenerate() {
            status = Status::Degenerate;
        }
        row[1] = self.fitter.natural(value) * unit;
        self.refits.problem.space.natural(&self.x, &mut row[2..]);
        let finite = row[1..].iter().all(|v| v.is_finite());
        if status == Status::Converged && !(finite && self.refits.problem.space.is_expressible(&self.x, &row[2..])) {
            status = Status::NotFinite;
        }
        row[0] = f64::from(status as u8);
    }

    /// The best of the warm refit and, when asked for or when that fails, of searched starts; its point is left in `x`.
    fn minimise(&mut self, starts: usize) -> (f64, Status) {
        let refits = self.refits;
        let options = Options { rounding: refits.rounding, ..Options::default() };
        let (mut value, mut status) = self.warm(options);
        if starts == 0 && status == Status::Converged {
            return (value, status);
        }
        let effort = match starts {
            0 => Effort { further: 0, ..Effort::automatic(refits.problem.ranges().len()) },
            count => Effort { scanned: count.max(2) * 8, least: 1, ..Effort::every(count) },
        };
        let warm = self.x.clone();
        let (fitter, scratch) = (&mut self.fitter, &mut self.scratch);
        let found = search(fitter, refits.problem.ranges(), &[], effort, options, &mut self.x, scratch).outcome;
        let better = found.status == Status::Converged && (status != Status::Converged || found.value < value);
        if better {
            (value, status) = (found.value, found.status);
        } else {
            self.x = warm;
        }
        if status != Status::Converged && self.fitter.width() > 0.0 {
            // A ridge that Newton walks too slowly. Replicates that fail are not spread at random: without them tails are short.
            let mut point = self.x.clone();
            trust::follow(&mut self.fitter, &mut point, Linear::Stepped, MOST_GUIDED, &mut self.scratch);
            let outcome = minimise(&mut self.fitter, &mut point, None, options, &mut self.scratch);
            if outcome.status == Status::Converged {
                self.x = point;
                (value, status) = (outcome.value, outcome.status);
            }
        }
        // The scratch still describes the last searched point; what follows reads the model of this one.
        self.fitter.with_metric = false;
        let again = Options { damping: 0.0, second_order: false, max_evaluations: 1, ..options };
        minimise(&mut self.fitter, &mut self.x.clone(), Some(&refits.metric), again, &mut self.scratch);
        self.fitter.with_metric = true;
        (value, status)
    }

    /// Refit from the optimum of the fit.
    fn warm(&mut self, options: Options) -> (f64, Status) {
        let refits = self.refits;
        self.x.copy_from_slice(&refits.warm);
        if self.fitter.width() > 0.0 {
            self.fitter.with_metric = false;
            let bold = Options {
                damping: WARM_DAMPING,
                second_order: false,
                max_evaluations: WARM_EVALUATIONS,
                finish: DECREASE_TOLERANCE,
                ..options
            };
            let outcome = minimise(&mut self.fitter, &mut self.x, Some(&refits.metric), bold, &mut self.scratch);
            self.fitter.with_metric = true;
            if outcome.status == Status::Converged {
                let space = &refits.problem.space;
                let gained = self.scratch.last_step(&mut self.x, &space.lower, &space.upper, &outcome);
                return (outcome.value - gained, outcome.status);
            }
        }
        // A hard replicate gets what a single fit gets, from the same warm point.
        self.x.copy_from_slice(&refits.warm);
        let outcome = descend(&mut self.fitter, &mut self.x, options, false, &mut self.scratch);
        (outcome.value, outcome.status)
    }

    /// Whether the drawn rows determine every coordinate that is off its bounds.
    fn is_determined(&mut self) -> bool {
        let q = self.x.len();
        let model = self.scratch.model();
        let mut scaled = vec![0.0; q * q];
        for i in 0..q {
            for j in 0..q {
                let scale = (model.hessian[i * q + i] * model.hessian[j * q + j]).sqrt();
                scaled[i * q + j] = model.hessian[i * q + j] / scale - if i == j { 1e-9 } else { 0.0 };
            }
        }
        // A comfortable factor settles nearly every replicate; only the rest pays for a rank.
        if cholesky(&mut scaled, q) {
            return true;
        }
        let (_, null) = identify(&mut self.fitter, &self.x, self.refits.rounding);
        let space = &self.refits.problem.space;
        (0..q).all(|a| !null[a] || self.x[a] <= space.lower[a] || self.x[a] >= space.upper[a])
    }

    /// Fill `weights` for one replicate.
    fn draw(&mut self, resampling: &Resampling, g: usize, replicate: usize) {
        let n = self.weights.len();
        let mut stream = Stream::new(resampling.seed, Purpose::Rows, replicate as u64, g as u64);
        let index =
            |table: &'a Vec<u32>| Clusters { index: &table[self.refits.rows.clone()], count: self.refits.clusters };
        match self.refits.scheme {
            Scheme::Pairs => {
                rows::pairs(&mut stream, &mut self.counts);
                self.weights_from_counts();
            }
            Scheme::Clusters(table) => {
                let clusters = index(table);
                rows::clusters(&mut stream, clusters.index, clusters.count, &mut self.counts);
                self.weights_from_counts();
            }
            Scheme::Bayesian(table) => rows::bayesian(&mut stream, table.as_ref().map(index), &mut self.weights),
            Scheme::Jackknife(table) => rows::jackknife(replicate, table.as_ref().map(index), &mut self.weights),
            Scheme::Indices { table, width } => {
                self.counts.fill(0);
                for &i in &table[replicate * width..(replicate + 1) * width] {
                    self.counts[i as usize] += 1;
                }
                self.weights_from_counts();
            }
            Scheme::Weights(table) => self.weights.copy_from_slice(&table[replicate * n..(replicate + 1) * n]),
        }
    }

    fn weights_from_counts(&mut self) {
        for (weight, count) in self.weights.iter_mut().zip(&self.counts) {
            *weight = f64::from(*count);
        }
    }
}

//! Standard errors of quantities within each replicate, for intervals whose quantiles are those of a pivot.

use super::control::Control;
use super::draw::{Design, Drawn, Scheme};
use super::needs::{self, Needs};
use super::replicates::Resampling;
use super::row::FitRow;
use crate::error::Error;
use crate::expr::{BLOCK, Program, Workspace};
use crate::loss::{Criterion, Loss};
use crate::memory::{ask, filled};
use crate::pool::Threads;
use crate::problem::{Fitter, Problem};
use crate::question::Question;
use crate::solve::linalg::{cholesky, cholesky_solve};
use crate::solve::{Objective, Rows};

/// A formula of the law's parameters.
#[derive(Debug, Clone)]
pub struct Quantity {
    /// The formula, which uses no column.
    pub program: Program,
    /// Which parameter of the law each of its parameters is.
    pub places: Vec<usize>,
}

/// Standard errors of the fits and of their replicates.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors {
    /// Groups x quantities.
    pub estimates: Vec<f64>,
    /// Groups x replicates x quantities.
    pub draws: Vec<f64>,
}

/// Rows per parameter in the curved part of a loss, below which its curvature is chance.
const CURVED_ROWS: usize = 2;

/// Replicates handed to a thread at a time.
const CHUNK: usize = 64;

/// The standard error of every quantity at the fit of each group and at each of its replicates, whose parameters are
/// `draws` (groups x replicates x parameters); NaN where there is none.
///
/// It is the delta method with the covariance that suits the scheme: s^2 (J'WJ)^-1 under least squares where targets are made
/// with noise of equal size, and A^-1 B A^-1 elsewhere, with the scores of a cluster summed first where clusters are drawn. Fewer than two curved rows per parameter have no error.
/// Corrections are n/(n - p) and G/(G - 1).
///
/// # Errors
/// [`Error::Resource`] when the table does not fit in memory; [`Error::Parameter`] and [`Error::Threads`] for threads that cannot be had.
pub fn errors(
    question: &Question,
    base: &[FitRow],
    resampling: &Resampling,
    draws: &[f64],
    quantities: &[Quantity],
    threads: usize,
    control: &Control,
) -> Result<Errors, Error> {
    let (groups, p, k) = (question.columns.groups(), question.params.len(), quantities.len());
    let replicates = groups as u128 * resampling.count as u128;
    let programs: u128 = quantities.iter().map(|quantity| quantity.program.needs(1, true)).sum();
    let refits = Needs::of(question).refits(resampling.count as u128, CHUNK, 0, threads, false);
    let formulas = 2 * (threads as u128 + 1) * programs;
    let _promise = ask("the table of errors", needs::table(replicates + groups as u128, k) + refits + formulas)?;
    let mut answer = Errors {
        estimates: filled("the table of errors", groups * k, f64::NAN)?,
        draws: filled("the table of errors", groups * resampling.count * k, f64::NAN)?,
    };
    if k == 0 || resampling.count == 0 {
        return Ok(answer);
    }
    let threads = Threads::new(threads)?;
    for (g, part) in answer.draws.chunks_mut(resampling.count * k).enumerate() {
        let Some(around) = Around::new(question, g, &base[g], &resampling.scheme) else {
            control.finished(resampling.count);
            continue;
        };
        let points = &draws[g * resampling.count * p..(g + 1) * resampling.count * p];
        Measure::new(&around, quantities).at_fit(&base[g].params, &mut answer.estimates[g * k..(g + 1) * k]);
        let state = || Measure::new(&around, quantities);
        threads.each_part(part, CHUNK * k, state, |measure, chunk, rows| {
            if control.is_cancelled() {
                return;
            }
            for (i, row) in rows.chunks_mut(k).enumerate() {
                let place = chunk * CHUNK + i;
                let theta = &points[place * p..(place + 1) * p];
                measure.at_draw(resampling.seed, g, resampling.first + place, theta, row);
            }
            control.finished(rows.len() / k);
        });
    }
    Ok(answer)
}

/// What all replicates of one group share.
struct Around<'a> {
    question: &'a Question,
    design: Design<'a>,
    problem: Problem<'a>,
}

impl<'a> Around<'a> {
    fn new(question: &'a Question, g: usize, base: &FitRow, scheme: &'a Scheme) -> Option<Self> {
        if base.params.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let rows = question.group(g);
        let problem = Problem::new(&question.program, &rows, &question.params, question.criterion, question.residual);
        let mut x = vec![0.0; problem.space.dimension()];
        problem.space.coordinates(&base.params, &mut x);
        let mut around = Self { question, design: Design::new(question, g, scheme), problem };
        let targets = {
            let mut fitter = Fitter::new(&around.problem);
            let mut rows = Rows::default();
            if !fitter.rows(&x, &mut rows) {
                return None;
            }
            around.design.around(&fitter, &around.problem.space.moving(&x), &rows)
        };
        around.design.targets = targets;
        Some(around)
    }

    /// Whether the noise of all rows is taken to be of one size.
    fn is_level(&self) -> bool {
        let level = matches!(self.design.scheme(), Scheme::Residuals { .. } | Scheme::Parametric(_));
        level && self.question.criterion == Criterion::Sum(Loss::Squared)
    }
}

/// One thread's buffers.
struct Measure<'a> {
    around: &'a Around<'a>,
    fitter: Fitter<'a>,
    drawn: Drawn,
    quantities: Vec<Slope<'a>>,
    rows: Rows,
    x: Vec<f64>,
}

impl<'a> Measure<'a> {
    fn new(around: &'a Around<'a>, quantities: &'a [Quantity]) -> Self {
        Self {
            around,
            fitter: Fitter::new(&around.problem),
            drawn: Drawn::new(around.problem.len()),
            quantities: quantities.iter().map(Slope::new).collect(),
            rows: Rows::default(),
            x: vec![0.0; around.problem.space.dimension()],
        }
    }

    fn at_fit(&mut self, theta: &[f64], out: &mut [f64]) {
        self.fill(theta, out);
    }

    fn at_draw(&mut self, seed: u64, g: usize, replicate: usize, theta: &[f64], out: &mut [f64]) {
        if theta.iter().all(|v| v.is_finite()) {
            self.around.design.draw(seed, g, replicate, &mut self.drawn);
            self.drawn.select(&mut self.fitter);
            self.fill(theta, out);
        }
    }

    /// The errors at `theta` on the rows that are selected.
    fn fill(&mut self, theta: &[f64], out: &mut [f64]) {
        let space = &self.around.problem.space;
        space.coordinates(theta, &mut self.x);
        let moving = space.moving(&self.x);
        let rows = &mut self.rows;
        let (n, q) = (self.fitter.rows_selected(), moving.len());
        if n <= q || !self.fitter.rows(&self.x, rows) {
            return;
        }
        let level = self.around.is_level();
        let curved = (0..n).filter(|i| rows.curvature[*i] > 0.0).count();
        if !level && curved < n.min(CURVED_ROWS * q) {
            return;
        }
        let bend = |i: usize| if level { rows.weight[i] } else { rows.weight[i] * rows.curvature[i] };
        let mut bread = vec![0.0; q * q];
        for i in 0..n {
            let weight = bend(i);
            for (a, &from) in moving.iter().enumerate() {
                let left = weight * rows.jacobian[from * n + i];
                for (b, &to) in moving[..=a].iter().enumerate() {
                    bread[a * q + b] = left.mul_add(rows.jacobian[to * n + i], bread[a * q + b]);
                }
            }
        }
        let scale: Vec<f64> = (0..q).map(|a| bread[a * q + a].sqrt()).collect();
        for a in 0..q {
            for b in 0..=a {
                let v = bread[a * q + b] / (scale[a] * scale[b]);
                (bread[a * q + b], bread[b * q + a]) = (v, v);
            }
        }
        if scale.iter().any(|s| *s <= 0.0 || !s.is_finite()) || !cholesky(&mut bread, q) {
            return;
        }
        let clusters = self.around.design.clustered().map(|(index, count)| {
            let kept = self.drawn.kept();
            (kept.into_iter().map(|(row, times)| (index[row] as usize, times)).collect::<Vec<_>>(), count as usize)
        });
        let total = self.fitter.total_weight();
        let correction = match &clusters {
            Some((_, count)) => *count as f64 / (*count as f64 - 1.0),
            None => total / (total - q as f64),
        };
        let mut slopes = vec![0.0; self.x.len()];
        for (quantity, out) in self.quantities.iter_mut().zip(out) {
            space.slopes(&self.x, &quantity.at(theta), &mut slopes);
            let mut v: Vec<f64> = moving.iter().zip(&scale).map(|(a, s)| slopes[*a] / s).collect();
            let own = v.clone();
            cholesky_solve(&bread, q, &mut v);
            if level {
                let square: f64 = rows.weight.iter().zip(&rows.residual).map(|(w, r)| w * r * r).sum();
                // J'WJ is in the solver's unit of weights; so is the sum of squares.
                let spread: f64 = own.iter().zip(&v).map(|(a, b)| a * b).sum();
                let spare = total - q as f64;
                *out = (square / rows.weight.iter().sum::<f64>() * total / spare * spread / self.fitter.weight_unit())
                    .sqrt();
                continue;
            }
            for (v, s) in v.iter_mut().zip(&scale) {
                *v /= s;
            }
            let score = |i: usize| -> f64 {
                let along: f64 = moving.iter().zip(&v).map(|(a, v)| rows.jacobian[a * n + i] * v).sum();
                rows.psi[i] * along
            };
            let meat: f64 = match &clusters {
                None => (0..n).map(|i| rows.weight[i] * score(i).powi(2)).sum::<f64>() / self.fitter.weight_unit(),
                Some((index, count)) => {
                    let mut sums = vec![(0.0, 1.0); *count];
                    for (i, (cluster, times)) in index.iter().enumerate() {
                        sums[*cluster].0 += rows.weight[i] * score(i);
                        sums[*cluster].1 = *times;
                    }
                    sums.iter().map(|(sum, times)| sum * sum / times).sum()
                }
            };
            *out = (correction * meat).sqrt();
        }
    }
}

/// The derivatives of one formula by the law's parameters.
struct Slope<'a> {
    quantity: &'a Quantity,
    slots: Vec<Vec<f64>>,
    workspace: Workspace,
    jacobian: Vec<f64>,
}

impl<'a> Slope<'a> {
    fn new(quantity: &'a Quantity) -> Self {
        let program = &quantity.program;
        let mut slots = vec![Vec::new(); program.slots()];
        program.fill(&[], &mut slots);
        for slot in &mut slots {
            slot.resize(1, 0.0);
        }
        let jacobian = vec![0.0; BLOCK * program.params().len()];
        Self { quantity, slots, workspace: program.workspace(), jacobian }
    }

    fn at(&mut self, theta: &[f64]) -> Vec<f64> {
        let (program, places) = (&self.quantity.program, &self.quantity.places);
        let inner: Vec<f64> = places.iter().map(|&j| theta[j]).collect();
        program.bind(&inner, &mut self.workspace);
        program.value_jacobian(&self.slots, 0, 1, &mut self.workspace, &mut [0.0], &mut self.jacobian);
        let mut slopes = vec![0.0; theta.len()];
        for (j, &place) in places.iter().enumerate() {
            slopes[place] = self.jacobian[j * BLOCK];
        }
        slopes
    }
}

//! One thread's view of a problem: sweeps over the rows selected, seen by the solver as an [`Objective`].

use super::accumulate::{self, Block, Prepare};
use super::expansion::ExpansionRows;
use super::in_force::{InForce, finite};
use super::linearised::LinearisedRows;
use super::projection::Projection;
use super::selection::{Selection, View};
use super::{MANY_ROWS, Problem};
use crate::expr::{BLOCK, Workspace};
use crate::solve::objective::{Model, Objective, Rows};

/// One thread's view of a problem: the rows in play, the loss in force, and every buffer a refit needs.
#[derive(Debug)]
pub struct Fitter<'a> {
    pub(super) problem: &'a Problem<'a>,
    /// The rows in play.
    pub(super) selection: Selection,
    /// What turns their residuals into an objective.
    pub(super) force: InForce,
    /// How linear parameters are solved for.
    pub(super) projection: Projection,
    /// The law near the point where refits begin.
    pub(super) expansion: Option<ExpansionRows<'a>>,
    /// The law taken as linear there.
    pub(super) linearised: Option<LinearisedRows<'a>>,
    /// Whether models carry the damping metric; replicates take theirs from the fit.
    pub with_metric: bool,
    /// Whether they carry the law's own second derivatives, where these cost next to nothing.
    pub with_second: bool,
    /// The parameters that the tape is bound to.
    pub(super) primed: Vec<f64>,
    pub(super) tape: Workspace,
    pub(super) block: Block,
    /// A buffer for the residuals of all rows.
    pub(super) residuals: Vec<f64>,
}

impl<'a> Fitter<'a> {
    /// A fitter with every row of the problem selected.
    pub fn new(problem: &'a Problem<'a>) -> Self {
        let p = problem.space.parameters();
        let mut fitter = Self {
            problem,
            selection: Selection::new(problem),
            force: InForce::new(problem),
            projection: Projection::new(problem),
            expansion: None,
            linearised: None,
            with_metric: true,
            with_second: false,
            primed: vec![0.0; p],
            tape: problem.program.workspace(),
            block: Block::new(p, problem.space.dimension()),
            residuals: Vec::new(),
        };
        fitter.select(|_| 1.0);
        fitter
    }

    /// Gather the rows whose weight `count(i)` is not zero; returns how many there are.
    pub fn select(&mut self, count: impl Fn(usize) -> f64) -> usize {
        let n = self.selection.select(self.problem, count);
        if let Some(expansion) = &mut self.expansion {
            expansion.select(&self.selection.picks);
        }
        if let Some(linearised) = &mut self.linearised {
            linearised.select(&self.selection.picks);
        }
        n
    }

    /// Values of the law at `x`.
    pub(super) fn law(&mut self, x: &[f64]) -> Vec<f64> {
        let n = self.selection.n;
        let mut values = Vec::with_capacity(n);
        self.sweep(x, false, |block, view| {
            values.extend_from_slice(&block.value[..view.weight.len().min(n - view.row)]);
        });
        values
    }

    /// The caller's objective for a value of this one.
    pub fn natural(&self, value: f64) -> f64 {
        match self.problem.density {
            None => (value + self.selection.clipped) * self.problem.loss_unit * self.problem.weight_unit,
            Some(density) => self.natural_likelihood(density, value),
        }
    }

    /// Number of rows selected.
    pub fn rows_selected(&self) -> usize {
        self.selection.n
    }

    /// Bind the tape to the parameters at `x`.
    pub(super) fn bind(&mut self, x: &[f64]) {
        self.problem.space.primed(x, &mut self.primed);
        self.problem.program.bind(&self.primed, &mut self.tape);
    }

    /// Run tape, residual and loss over every block; `each` sees the block and the rows it stands for.
    pub(super) fn sweep(&mut self, x: &[f64], with_jacobian: bool, mut each: impl FnMut(&mut Block, &View<'_>)) {
        self.bind(x);
        self.selection.gather_slots(self.problem);
        let problem = self.problem;
        let excess = self.excess_at();
        let slots = self.selection.slots(problem);
        let padded = self.selection.padded();
        let mut row = 0;
        while row < padded {
            let len = BLOCK.min(padded - row);
            let (block, tape) = (&mut self.block, &mut self.tape);
            if with_jacobian {
                problem.program.value_jacobian(slots, row, len, tape, &mut block.value, &mut block.raw);
            } else {
                problem.program.value(slots, row, len, tape, &mut block.value);
            }
            let view = self.selection.view(row..row + len);
            block.prepare(&Prepare {
                residual: problem.residual,
                excess,
                loss: self.force.loss,
                target: view.target,
                inverse_sigma: view.inverse_sigma,
                chain: with_jacobian.then_some((&problem.space, &self.primed)),
            });
            each(block, &view);
            row += len;
        }
    }
}

impl Objective for Fitter<'_> {
    fn dimension(&self) -> usize {
        self.problem.space.dimension()
    }

    fn value(&mut self, x: &[f64]) -> f64 {
        if self.force.joint {
            return self.settle_scale(x);
        }
        let mut sum = 0.0;
        self.sweep(x, false, |block, view| sum += accumulate::weighted_sum(view.weight, &block.rho));
        finite(sum * self.force.factor)
    }

    fn model(&mut self, x: &[f64], model: &mut Model) -> f64 {
        if self.force.joint {
            return self.joint_model(x, model);
        }
        let (loss, factor, with_metric) = (self.force.loss, self.force.factor, self.with_metric);
        model.clear();
        if self.expansion.is_some() {
            if self.expansion_model(x, model) {
                return model.value;
            }
            model.clear();
        }
        if self.selection.n >= MANY_ROWS {
            self.model_in_parts(x, model);
        } else {
            self.sweep(x, true, |block, view| block.accumulate(view.weight, loss, with_metric, model));
        }
        model.finish(factor);
        model.value = finite(model.value);
        model.value
    }

    fn row_count(&self) -> usize {
        self.selection.n
    }

    fn rows(&mut self, x: &[f64], rows: &mut Rows) -> bool {
        if self.force.joint && !self.settle_scale(x).is_finite() {
            return false;
        }
        let (factor, n, q) = (self.force.factor, self.selection.n, self.dimension());
        rows.weight.clear();
        rows.weight.extend_from_slice(&self.selection.weight[..n]);
        for part in [&mut rows.residual, &mut rows.psi, &mut rows.curvature] {
            part.resize(n, 0.0);
        }
        rows.jacobian.resize(n * q, 0.0);
        self.sweep(x, true, |block, view| {
            let (row, take) = (view.row, view.weight.len().min(n - view.row));
            rows.residual[row..row + take].copy_from_slice(&block.residual[..take]);
            for i in 0..take {
                rows.psi[row + i] = block.psi[i] * factor;
                rows.curvature[row + i] = block.curvature[i].max(0.0) * factor;
            }
            for a in 0..q {
                rows.jacobian[a * n + row..a * n + row + take]
                    .copy_from_slice(&block.jacobian[a * BLOCK..a * BLOCK + take]);
            }
        });
        rows.residual.iter().chain(&rows.jacobian).all(|v| v.is_finite())
    }

    fn pull_back(&mut self, x: &[f64], slopes: &[f64], gradient: &mut [f64]) -> bool {
        let n = self.selection.n;
        gradient.fill(0.0);
        self.sweep(x, true, |block, view| {
            let (row, take) = (view.row, view.weight.len().min(n - view.row));
            for (a, sum) in gradient.iter_mut().enumerate() {
                let column = &block.jacobian[a * BLOCK..a * BLOCK + take];
                *sum += accumulate::weighted_sum(&slopes[row..row + take], column);
            }
        });
        gradient.iter().all(|v| v.is_finite())
    }

    fn lower(&self) -> &[f64] {
        &self.problem.space.lower
    }

    fn upper(&self) -> &[f64] {
        &self.problem.space.upper
    }
}

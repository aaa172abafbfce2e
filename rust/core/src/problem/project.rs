//! The linear parameters of a law given its nonlinear ones: the half of a global search that needs no search.

use super::fitter::Fitter;
use super::projection::NormalKernel;
use crate::expr::BLOCK;
use crate::loss::Loss;
use crate::simd::dispatch;
use crate::solve::objective::Objective;
use crate::solve::separable::Separable;

/// Rows up to which a robust loss may choose between subsets of them.
const FEW_ROWS: usize = 64;

/// Rows up to which a loss that gives rows up is searched for basins of its own: among more rows their subsets average out.
const BASIN_ROWS: usize = 1_000;

/// Nonlinear coordinates of a law that can follow a subset of few rows.
const MANY_BENDS: usize = 3;

/// Reweighted passes under a robust loss: a start needs to ignore outliers, not to be exact.
pub(super) const PASSES: usize = 3;

impl Separable for Fitter<'_> {
    fn nonlinear(&self) -> &[usize] {
        &self.problem.nonlinear
    }

    fn project(&mut self, x: &mut [f64]) -> bool {
        let k = self.problem.linear.len();
        if k == 0 {
            return self.value(x).is_finite();
        }
        for &(a, _) in &self.problem.linear {
            x[a] = 0.0_f64.clamp(self.problem.space.lower[a], self.problem.space.upper[a]);
        }
        let passes = if self.force.loss == Loss::Squared || self.projection.plain { 1 } else { PASSES };
        for pass in 0..passes {
            if pass > 0 {
                // The weights of this pass are those of the scale here, not of wherever the search was before.
                self.settle(x);
            }
            if !self.normal_equations(x, pass > 0) {
                return pass > 0;
            }
            let (mut lower, mut upper, mut c) = (Vec::new(), Vec::new(), vec![0.0; k]);
            for &(a, _) in &self.problem.linear {
                lower.push(self.problem.space.lower[a]);
                upper.push(self.problem.space.upper[a]);
            }
            self.projection.system.solve(&lower, &upper, &mut c);
            for (value, &(a, _)) in c.iter().zip(&self.problem.linear) {
                x[a] = *value;
            }
        }
        true
    }

    fn project_plainly(&mut self, x: &mut [f64]) -> bool {
        if !self.problem.residual.is_curved() {
            return false;
        }
        self.projection.plain = true;
        let sound = self.project(x);
        self.projection.plain = false;
        sound
    }

    fn project_part(&mut self, x: &mut [f64], number: usize) -> bool {
        let most = if number.is_multiple_of(2) { self.selection.n / 2 } else { self.selection.n / 6 };
        let rows = most.max(self.problem.linear.len() + 1).min(self.selection.n);
        self.projection.part = Some((number as u64, rows as f64 / self.selection.n as f64));
        let sound = self.project(x);
        self.projection.part = None;
        sound
    }

    fn has_many_basins(&self) -> bool {
        let loss = self.problem.loss;
        // A curve with breaks passes through few rows in many ways under any loss that may leave some of them out.
        let bends = loss != Loss::Squared && self.selection.n <= FEW_ROWS && self.problem.nonlinear.len() >= MANY_BENDS;
        // Under a loss with a kink every set of as many rows as parameters is a corner.
        let corners = !loss.is_smooth() && self.selection.n <= FEW_ROWS && !self.problem.nonlinear.is_empty();
        let waves = self.problem.program.is_wavy() && !self.problem.nonlinear.is_empty();
        bends || corners || ((waves || !loss.is_convex()) && self.selection.n <= BASIN_ROWS)
    }

    fn is_periodic(&self) -> bool {
        self.problem.program.is_periodic() && !self.problem.nonlinear.is_empty()
    }

    fn has_bound(&self, coordinate: usize, above: bool) -> bool {
        self.problem.space.has_bound(coordinate, above)
    }

    fn soften(&mut self, width: Option<f64>) {
        self.force.soften(self.problem, width);
    }

    fn sharpen(&mut self, on: bool) {
        self.force.sharpen(self.problem, on);
    }

    fn settle(&mut self, x: &[f64]) {
        if self.force.joint {
            self.settle_scale(x);
        }
    }

    fn width(&self) -> f64 {
        self.force.width(self.problem)
    }

    fn straight(&self) -> Option<f64> {
        self.force.loss.straight()
    }

    fn has_scale(&self) -> bool {
        self.force.joint
    }

    fn least_starts(&self) -> usize {
        // Few rows under a loss that forgives outliers can be fitted well in more than one way: by one subset or another.
        match (self.problem.loss.is_convex(), self.selection.n <= FEW_ROWS) {
            _ if self.problem.loss == Loss::Squared => 3,
            (true, false) => 3,
            (true, true) => 12,
            (false, _) => 16,
        }
    }

    fn kink(&self) -> Option<(f64, f64)> {
        self.force.base.kink()
    }

    fn spread(&mut self, x: &[f64]) -> Option<(f64, f64)> {
        let n = self.selection.n;
        let mut absolute = std::mem::take(&mut self.residuals);
        absolute.clear();
        self.sweep(x, false, |block, view| {
            let take = view.weight.len().min(n - view.row);
            absolute.extend(block.residual[..take].iter().map(|r| r.abs()));
        });
        let answer = if n > 0 && absolute.iter().all(|r| r.is_finite()) {
            let middle = n / 2;
            let (_, median, above) = absolute.select_nth_unstable_by(middle, f64::total_cmp);
            let median = *median;
            Some((median, above.iter().fold(median, |m, r| m.max(*r))))
        } else {
            None
        };
        self.residuals = absolute;
        answer
    }
}

impl Fitter<'_> {
    /// Fill the normal equations of the linear parameters at `x`; with `robust` the weights psi/r of the loss enter.
    ///
    /// A log residual is linearised as (f - y)/y, which makes its problem linear too. That weighs a row by 1/y^2: a target far
    /// outside the others, which would outweigh all of them and lead the law below zero, counts like one at their centre and
    /// the less the farther out it is.
    fn normal_equations(&mut self, x: &[f64], robust: bool) -> bool {
        let problem = self.problem;
        let (loss, plain, part) = (self.force.loss, self.projection.plain, self.projection.part);
        let mut system = std::mem::take(&mut self.projection.system);
        system.gram.fill(0.0);
        system.right.fill(0.0);
        let coefficients: Vec<f64> = {
            self.bind(x);
            problem.linear.iter().map(|&(_, j)| self.primed[j]).collect()
        };
        let mut buffers = std::mem::take(&mut self.projection.buffers);
        buffers.resize(3 * BLOCK, 0.0);
        let excess = self.excess_at();
        let mut sound = true;
        self.sweep(x, true, |block, view| {
            dispatch(NormalKernel {
                block,
                view,
                problem,
                plain,
                part: if robust { None } else { part },
                excess: &excess,
                loss: robust.then_some(loss),
                coefficients: &coefficients,
                buffers: &mut buffers,
                system: &mut system,
            });
            sound &= system.right.iter().all(|v| v.is_finite());
        });
        self.projection.buffers = buffers;
        self.projection.system = system;
        sound
    }
}

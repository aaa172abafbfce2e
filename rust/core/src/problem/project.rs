//! The linear parameters of a law given its nonlinear ones: the half of a global search that needs no search.

use super::accumulate::Block;
use super::excess::Excess;
use super::targets::usual_reach;
use super::{Fitter, Problem, Residual, View};
use crate::expr::BLOCK;
use crate::loss::Loss;
use crate::simd::{Kernel, dispatch, lanes, math};
use crate::solve::objective::Objective;
use crate::solve::separable::{BoxLeastSquares, Separable};

/// Rows up to which a robust loss may choose between subsets of them.
const FEW_ROWS: usize = 64;

/// Rows up to which a loss that gives rows up is searched for basins of its own: among more rows their subsets average out.
const BASIN_ROWS: usize = 1_000;

/// Nonlinear coordinates of a law that can follow a subset of few rows.
const MANY_BENDS: usize = 3;

/// Reweighted passes under a robust loss: a start needs to ignore outliers, not to be exact.
const PASSES: usize = 3;

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
        let passes = if self.loss == Loss::Squared || self.plain { 1 } else { PASSES };
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
            self.least_squares.solve(&lower, &upper, &mut c);
            for (value, &(a, _)) in c.iter().zip(&self.problem.linear) {
                x[a] = *value;
            }
        }
        true
    }

    fn project_plainly(&mut self, x: &mut [f64]) -> bool {
        if !matches!(self.problem.residual, Residual::Log | Residual::Logit) {
            return false;
        }
        self.plain = true;
        let sound = self.project(x);
        self.plain = false;
        sound
    }

    fn project_part(&mut self, x: &mut [f64], number: usize) -> bool {
        let most = if number.is_multiple_of(2) { self.n / 2 } else { self.n / 6 };
        let rows = most.max(self.problem.linear.len() + 1).min(self.n);
        self.part = Some((number as u64, rows as f64 / self.n as f64));
        let sound = self.project(x);
        self.part = None;
        sound
    }

    fn has_many_basins(&self) -> bool {
        let loss = self.problem.loss.0;
        // A curve with breaks passes through few rows in many ways under any loss that may leave some of them out.
        let bends = loss != Loss::Squared && self.n <= FEW_ROWS && self.problem.nonlinear.len() >= MANY_BENDS;
        // Under a loss with a kink every set of as many rows as parameters is a corner.
        let corners = !loss.is_smooth() && self.n <= FEW_ROWS && !self.problem.nonlinear.is_empty();
        let waves = self.problem.program.is_wavy() && !self.problem.nonlinear.is_empty();
        bends || corners || ((waves || !loss.is_convex()) && self.n <= BASIN_ROWS)
    }

    fn soften(&mut self, width: Option<f64>) {
        let (loss, factor) = self.base.softened(width);
        self.loss = loss;
        self.loss_factor = factor;
        self.joint = width.is_none() && self.problem.density.is_some() && self.base == self.problem.loss.0;
    }

    fn sharpen(&mut self, on: bool) {
        self.base = if on { Loss::Absolute } else { self.problem.loss.0 };
        self.soften(None);
    }

    fn settle(&mut self, x: &[f64]) {
        if self.joint {
            self.settle_scale(x);
        }
    }

    fn width(&self) -> f64 {
        match self.problem.density {
            Some(density) if self.joint => density.width() * self.scale,
            _ => self.base.width(),
        }
    }

    fn has_scale(&self) -> bool {
        self.joint
    }

    fn least_starts(&self) -> usize {
        // Few rows under a loss that forgives outliers can be fitted well in more than one way: by one subset or another.
        match (self.problem.loss.0.is_convex(), self.n <= FEW_ROWS) {
            _ if self.problem.loss.0 == Loss::Squared => 3,
            (true, false) => 3,
            (true, true) => 12,
            (false, _) => 16,
        }
    }

    fn kink(&self) -> Option<(f64, f64)> {
        self.base.kink()
    }

    fn spread(&mut self, x: &[f64]) -> Option<(f64, f64)> {
        let n = self.n;
        let mut absolute = std::mem::take(&mut self.absolute);
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
        self.absolute = absolute;
        answer
    }
}

/// Whether draw `number` takes `row`, for a share of the rows: a finaliser of splitmix64 (Steele et al. 2014).
fn is_drawn(number: u64, row: usize, share: f64) -> bool {
    let mut z = (number << 32 | row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 * math::power_of_two(-53) < share
}

impl Fitter<'_> {
    /// Fill the normal equations of the linear parameters at `x`; with `robust` the weights psi/r of the loss enter.
    ///
    /// A log residual is linearised as (f - y)/y, which makes its problem linear too. That weighs a row by 1/y^2: a target far
    /// outside the others, which would outweigh all of them and lead the law below zero, counts like one at their centre and
    /// the less the farther out it is.
    fn normal_equations(&mut self, x: &[f64], robust: bool) -> bool {
        let problem = self.problem;
        let (loss, plain, part) = (self.loss, self.plain, self.part);
        let mut system = std::mem::take(&mut self.least_squares);
        system.gram.fill(0.0);
        system.right.fill(0.0);
        let coefficients: Vec<f64> = {
            self.bind(x);
            problem.linear.iter().map(|&(_, j)| self.primed[j]).collect()
        };
        let mut buffers = std::mem::take(&mut self.normal);
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
        self.normal = buffers;
        self.least_squares = system;
        sound
    }
}

/// One block's part of the normal equations.
struct NormalKernel<'a, 'b> {
    block: &'a Block,
    view: &'a View<'b>,
    problem: &'a Problem<'a>,
    /// Whether rows count alike on the natural scale, whatever scale residuals are taken on.
    plain: bool,
    /// The rows that take part: number and share of a draw.
    part: Option<(u64, f64)>,
    excess: &'a Excess,
    /// The loss whose weights psi/r enter; none on a first pass, when nothing is known of the residuals.
    loss: Option<Loss>,
    coefficients: &'a [f64],
    buffers: &'a mut [f64],
    system: &'a mut BoxLeastSquares,
}

impl Kernel for NormalKernel<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { block, view, problem, plain, part, excess, loss, coefficients, buffers, system } = self;
        let n = view.weight.len();
        let k = problem.linear.len();
        let (row_weight, rest) = buffers.split_at_mut(BLOCK);
        let (work, offset) = rest.split_at_mut(BLOCK);
        let (row_weight, work, offset) = (&mut row_weight[..n], &mut work[..n], &mut offset[..n]);
        let (value, residual) = (&block.value[..n], &block.residual[..n]);
        let (centre, reach) = problem.bulk;
        let usual = usual_reach(reach);
        let bounded = problem.loss.0 != Loss::Squared;
        let excess = *excess;
        for i in 0..n {
            let y = view.target[i];
            let distance = (y - centre).abs();
            // Where a residual on a scale of its own is linearised, and what a target far out is trusted there.
            let (at, trust) = if distance > usual { (centre, usual / distance) } else { (y, 1.0) };
            let (natural, unit) = match problem.residual {
                Residual::Raw => (y, 1.0),
                Residual::Log | Residual::Logit if plain => {
                    let near = y.clamp(centre - usual, centre + usual);
                    (if problem.residual == Residual::Log { math::exp(near) } else { math::sigmoid(near) }, trust)
                }
                // A target far above counts for nothing anyhow.
                Residual::Log if y > at => (math::exp(y), math::exp(-y)),
                Residual::Log => (math::exp(y), trust * math::exp(-at)),
                Residual::Logit => {
                    let slope = math::sigmoid(at);
                    (math::sigmoid(y), trust / (slope * (1.0 - slope)))
                }
                Residual::LogExcess { .. } => (y, excess.factor / (y - excess.offset)),
            };
            let scale = unit * view.inverse_sigma.map_or(1.0, |s| s[i]);
            let robustness = match loss {
                Some(loss) if residual[i].is_finite() => loss.weight(residual[i]),
                // Nothing is known of residuals yet: a target far outside the others may only hint.
                _ if bounded && distance > reach => (reach / distance) * (reach / distance),
                _ => 1.0,
            };
            row_weight[i] = view.weight[i] * scale * scale * robustness;
            offset[i] = natural - value[i];
            if part.is_some_and(|(number, share)| !is_drawn(number, view.row + i, share)) {
                row_weight[i] = 0.0;
            }
        }
        for (a, &(_, j)) in problem.linear.iter().enumerate() {
            let basis = &block.raw[j * BLOCK..j * BLOCK + n];
            for i in 0..n {
                offset[i] = basis[i].mul_add(coefficients[a], offset[i]);
            }
        }
        for (a, &(_, j)) in problem.linear.iter().enumerate() {
            let basis = &block.raw[j * BLOCK..j * BLOCK + n];
            for i in 0..n {
                work[i] = row_weight[i] * basis[i];
            }
            system.right[a] += lanes::dot(work, offset);
            for (b, &(_, l)) in problem.linear.iter().enumerate() {
                system.gram[a * k + b] += lanes::dot(work, &block.raw[l * BLOCK..l * BLOCK + n]);
            }
        }
    }
}

//! One fit: a law, a loss and the rows of a group, seen by the solver as an [`Objective`].

use crate::expr::{BLOCK, Program, Workspace};
use crate::loss::{Criterion, Density, Loss};
use crate::simd::LANES;
use crate::solve::objective::{Model, Objective, Rows};
use crate::solve::separable::BoxLeastSquares;
use crate::solve::starts::Range;
use crate::space::{ParamSpec, Space, unit_of};

pub mod accumulate;
mod excess;
mod flat;
mod likelihood;
mod many;
mod near;
mod project;
mod replace;
mod targets;

use accumulate::{Block, Prepare};
pub use excess::largest_offset;
use excess::offset_range;
pub use flat::Flat;
use flat::FlatRows;
pub use near::Near;
use near::NearRows;
use targets::{bulk, divided, on_scale, pull_in};

/// The scale on which residuals are taken, always fitted minus observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residual {
    /// f - y.
    Raw,
    /// ln f - ln y.
    Log,
    /// logit f - logit y.
    Logit,
    /// ln(f - E) - ln(y - E).
    LogExcess {
        /// Which parameter of the law E is.
        param: usize,
        /// Whether the residual is multiplied by the geometric mean of y - E, which makes a likelihood of it one of y
        /// (Box and Cox 1964): the sum of ln(y - E) enters the negative log-likelihood.
        jacobian: bool,
    },
}

impl Residual {
    /// The parameter that is subtracted before logarithms are taken.
    fn offset(self) -> Option<usize> {
        match self {
            Self::LogExcess { param, .. } => Some(param),
            Self::Raw | Self::Log | Self::Logit => None,
        }
    }
}

/// The rows of one group in solver units; shared by every thread that refits them.
#[derive(Debug, Clone)]
pub struct Problem<'a> {
    program: &'a Program,
    /// The map between natural parameters and coordinates.
    pub space: Space,
    residual: Residual,
    /// The loss for residuals in solver units, and what its values must be multiplied by; of a likelihood, the loss at scale 1
    /// and the unit of residuals.
    loss: (Loss, f64),
    /// The density of the residuals, where their scale is estimated with the law.
    density: Option<Density>,
    /// The caller's residual, divided by sigma, over the solver's.
    residual_unit: f64,
    /// Coordinate of the offset of a log-excess residual, unless it is fixed.
    offset: Option<usize>,
    /// What depends on the data only, padded to whole lanes.
    slots: Vec<Vec<f64>>,
    target: Vec<f64>,
    /// What each residual is multiplied by: one over sigma, in a unit near its median.
    inverse_sigma: Option<Vec<f64>>,
    /// What pulled-in targets took from the loss of each row; none when every target stands as given.
    excess: Option<Vec<f64>>,
    /// Weights in a unit near their median, and that unit.
    weights: Option<Vec<f64>>,
    weight_unit: f64,
    /// Median of the targets, and the distance from it beyond which a row starts a robust fit with less weight.
    bulk: (f64, f64),
    /// Coordinates in which the law is not linear.
    nonlinear: Vec<usize>,
    /// Coordinates in which it is, with their program indices.
    linear: Vec<(usize, usize)>,
    ranges: Vec<Range>,
}

/// The rows of a group as they come in, in natural units.
#[derive(Debug, Clone)]
pub struct GroupRows<'a> {
    /// Input columns in the order of the program.
    pub inputs: Vec<&'a [f64]>,
    /// Target.
    pub target: &'a [f64],
    /// Weights.
    pub weights: Option<&'a [f64]>,
    /// What residuals are divided by.
    pub sigma: Option<&'a [f64]>,
}

impl<'a> Problem<'a> {
    /// The problem of fitting `program` to `rows`.
    pub fn new(
        program: &'a Program,
        rows: &GroupRows<'_>,
        specs: &[ParamSpec],
        criterion: impl Into<Criterion>,
        residual: Residual,
    ) -> Self {
        let criterion = criterion.into();
        let mut specs = specs.to_vec();
        if let Some(j) = residual.offset() {
            // A lower bound between that and the smallest target leaves one place.
            specs[j].upper = specs[j].upper.min(largest_offset(rows.target)).max(specs[j].lower);
        }
        let specs = &specs[..];
        let rescale = matches!(residual, Residual::Raw | Residual::Log);
        let space = Space::new(program, specs, &rows.inputs, rows.target, rescale, residual.offset());
        let scaled: Vec<Vec<f64>> =
            rows.inputs.iter().zip(&space.units).map(|(column, unit)| divided(column, *unit)).collect();
        let borrowed: Vec<&[f64]> = scaled.iter().map(Vec::as_slice).collect();
        let mut slots = vec![Vec::new(); program.slots()];
        program.fill(&borrowed, &mut slots);
        for slot in &mut slots {
            pad(slot, rows.target.len());
        }
        let unit = space.target_unit;
        let mut target = on_scale(residual, rows.target, unit);
        let sigma_unit = rows.sigma.map_or(1.0, unit_of);
        let unit_of_residual = if residual == Residual::Raw { unit / sigma_unit } else { 1.0 / sigma_unit };
        let (loss, density) = match criterion {
            Criterion::Sum(loss) => (loss.scaled(unit_of_residual), None),
            Criterion::Likelihood(density) => ((density.at(1.0), unit_of_residual), Some(density)),
        };
        let inverse_sigma: Option<Vec<f64>> = rows.sigma.map(|s| s.iter().map(|v| sigma_unit / v).collect());
        let linear: Vec<(usize, usize)> = space
            .free
            .iter()
            .enumerate()
            .filter(|(a, j)| program.linear().contains(j) && !space.log[*a] && Some(**j) != residual.offset())
            .map(|(a, j)| (a, *j))
            .collect();
        let weight_unit = rows.weights.map_or(1.0, unit_of);
        let bulk = bulk(&target);
        // A likelihood weighs how far out a target lies, not only on which side.
        let excess = match density {
            None => pull_in(&mut target, inverse_sigma.as_deref(), loss.0, bulk),
            Some(_) => None,
        };
        let nonlinear: Vec<usize> = (0..space.dimension()).filter(|a| linear.iter().all(|(l, _)| l != a)).collect();
        let mut ranges = space.ranges(&nonlinear, &rows.inputs, specs);
        let offset = residual.offset().and_then(|param| space.free.iter().position(|j| *j == param));
        if let Some(place) = nonlinear.iter().position(|a| Some(*a) == offset) {
            ranges[place] = offset_range(&space, nonlinear[place], rows.target);
        }
        Self {
            program,
            space,
            residual,
            loss,
            density,
            residual_unit: unit_of_residual,
            offset,
            slots,
            target,
            inverse_sigma,
            excess,
            weights: rows.weights.map(|w| w.iter().map(|v| v / weight_unit).collect()),
            weight_unit,
            bulk,
            nonlinear,
            linear,
            ranges,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.target.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.target.is_empty()
    }

    /// Where to scan the nonlinear coordinates.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Residual norm below which a fit is perfect, for the rows a fitter has selected.
    pub fn rounding(&self, fitter: &Fitter<'_>) -> f64 {
        let mut square = 0.0;
        for i in 0..fitter.n {
            let y = match self.residual {
                // A wild target is no measure of the rounding of the others, unless the loss takes it at its word.
                Residual::Raw if self.loss.0 != Loss::Squared => {
                    let (centre, reach) = self.bulk;
                    fitter.target[i].clamp(centre - reach, centre + reach)
                }
                Residual::Raw => fitter.target[i],
                // The logarithm carries the relative error of its argument: one unit a row.
                Residual::Log | Residual::Logit => fitter.target[i].abs().max(1.0),
                Residual::LogExcess { .. } => 1.0,
            } * fitter.inverse_sigma.get(i).copied().unwrap_or(1.0);
            square += fitter.weight[i] * y * y;
        }
        crate::solve::certificate::ROUNDING_FACTOR * f64::EPSILON * square.sqrt()
    }
}

/// The rows a block stands for.
struct View<'v> {
    row: usize,
    weight: &'v [f64],
    target: &'v [f64],
    inverse_sigma: Option<&'v [f64]>,
}

/// One thread's view of a problem: the rows in play, gathered, and every buffer a refit needs.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent of each other: no two of them make one state")]
pub struct Fitter<'a> {
    problem: &'a Problem<'a>,
    /// The loss to be minimised; the problem's, or its kinked limit.
    base: Loss,
    /// The loss in force: the base, or a softened form of it.
    loss: Loss,
    /// What the softened loss is multiplied by, so that slopes far out stay the same.
    loss_factor: f64,
    /// Whether the scale of the residuals is estimated at every point: not for softened forms of a loss.
    joint: bool,
    /// Whether a projection leaves the scale of the residuals aside.
    plain: bool,
    /// The rows a projection begins with, if not all: number and share of a draw.
    part: Option<(u64, f64)>,
    /// The scale last estimated, in solver units.
    scale: f64,
    /// Residuals at the point last looked at, kept for the estimate of their scale.
    kept: Vec<f64>,
    /// Whether models carry the damping metric; replicates take theirs from the fit.
    pub with_metric: bool,
    /// Numbers of the rows selected.
    chosen: Vec<u32>,
    /// Their slots, when not all rows are selected and once a point was looked at with the law itself.
    slots: Vec<Vec<f64>>,
    gathered: bool,
    /// The law near the point where refits begin.
    near: Option<NearRows<'a>>,
    /// The law taken as linear there.
    flat: Option<FlatRows<'a>>,
    target: Vec<f64>,
    inverse_sigma: Vec<f64>,
    weight: Vec<f64>,
    excess: f64,
    n: usize,
    primed: Vec<f64>,
    tape: Workspace,
    block: Block,
    least_squares: BoxLeastSquares,
    normal: Vec<f64>,
    absolute: Vec<f64>,
}

impl<'a> Fitter<'a> {
    /// A fitter with every row of the problem selected.
    pub fn new(problem: &'a Problem<'a>) -> Self {
        let p = problem.space.parameters();
        let capacity = problem.len().next_multiple_of(LANES);
        let mut fitter = Self {
            problem,
            base: problem.loss.0,
            loss: problem.loss.0,
            loss_factor: 1.0,
            joint: problem.density.is_some(),
            plain: false,
            part: None,
            scale: 1.0,
            kept: Vec::new(),
            with_metric: true,
            chosen: Vec::with_capacity(capacity),
            slots: vec![Vec::new(); problem.slots.len()],
            gathered: false,
            near: None,
            flat: None,
            target: Vec::with_capacity(capacity),
            inverse_sigma: Vec::with_capacity(capacity),
            weight: Vec::with_capacity(capacity),
            excess: 0.0,
            n: 0,
            primed: vec![0.0; p],
            tape: problem.program.workspace(),
            block: Block::new(p, problem.space.dimension()),
            least_squares: BoxLeastSquares::new(problem.linear.len()),
            normal: Vec::new(),
            absolute: Vec::new(),
        };
        fitter.select(|_| 1.0);
        fitter
    }

    /// Gather the rows whose weight `count(i)` is not zero; returns how many there are.
    ///
    /// Rows without weight leave here, before lanes, so that they change no bit of what follows.
    pub fn select(&mut self, count: impl Fn(usize) -> f64) -> usize {
        let problem = self.problem;
        let all = problem.len();
        // Every row is written and the place moves on past those with weight: which rows those are is as good as random.
        self.chosen.resize(all, 0);
        self.weight.clear();
        self.weight.resize(all.next_multiple_of(LANES), 0.0);
        let mut n = 0;
        for i in 0..all {
            let weight = count(i) * problem.weights.as_ref().map_or(1.0, |w| w[i]);
            self.chosen[n] = i as u32;
            self.weight[n] = weight;
            n += usize::from(weight != 0.0);
        }
        self.n = n;
        self.chosen.truncate(n);
        self.weight.truncate(n);
        self.excess = match &problem.excess {
            Some(excess) => self.chosen.iter().zip(&self.weight).map(|(&i, w)| w * excess[i as usize]).sum(),
            None => 0.0,
        };
        self.weight.resize(n.next_multiple_of(LANES), 0.0);
        gather(&problem.target, &self.chosen, &mut self.target);
        if let Some(sigma) = &problem.inverse_sigma {
            gather(sigma, &self.chosen, &mut self.inverse_sigma);
        }
        self.gathered = false;
        if let Some(near) = &mut self.near {
            near.select(&self.chosen);
        }
        if let Some(flat) = &mut self.flat {
            flat.select(&self.chosen);
        }
        n
    }

    /// Look at points near that of `near` through it.
    pub fn stay_near(&mut self, near: &'a Near) {
        let mut rows = NearRows::new(near);
        let all: Vec<u32> = (0..self.problem.len() as u32).collect();
        // A replicate that replaces the targets keeps every row and selects none.
        rows.select(if self.n == all.len() { &all } else { &self.chosen });
        self.near = Some(rows);
    }

    /// Values of the law at `x`.
    fn law(&mut self, x: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut values = Vec::with_capacity(n);
        self.sweep(x, false, |block, view| {
            values.extend_from_slice(&block.value[..view.weight.len().min(n - view.row)]);
        });
        values
    }

    /// The caller's objective for a value of this one.
    pub fn natural(&self, value: f64) -> f64 {
        match self.problem.density {
            None => (value + self.excess) * self.problem.loss.1 * self.problem.weight_unit,
            Some(density) => self.natural_likelihood(density, value),
        }
    }

    /// Number of rows selected.
    pub fn rows_selected(&self) -> usize {
        self.n
    }

    /// Bind the tape to the parameters at `x`.
    fn bind(&mut self, x: &[f64]) {
        self.problem.space.primed(x, &mut self.primed);
        self.problem.program.bind(&self.primed, &mut self.tape);
    }

    /// Gather the slots of the rows selected, unless that is done or all rows are.
    fn gather_slots(&mut self) {
        if self.gathered || self.n == self.problem.len() {
            return;
        }
        for (slot, source) in self.slots.iter_mut().zip(&self.problem.slots) {
            gather(source, &self.chosen, slot);
        }
        self.gathered = true;
    }

    /// Run tape, residual and loss over every block; `each` sees the block and the rows it stands for.
    fn sweep(&mut self, x: &[f64], with_jacobian: bool, mut each: impl FnMut(&mut Block, &View<'_>)) {
        self.bind(x);
        self.gather_slots();
        let problem = self.problem;
        let slots = if self.n == problem.len() { &problem.slots } else { &self.slots };
        let excess = self.excess_at();
        let padded = self.weight.len();
        let mut row = 0;
        while row < padded {
            let len = BLOCK.min(padded - row);
            let (block, tape) = (&mut self.block, &mut self.tape);
            if with_jacobian {
                problem.program.value_jacobian(slots, row, len, tape, &mut block.value, &mut block.raw);
            } else {
                problem.program.value(slots, row, len, tape, &mut block.value);
            }
            let rows = row..row + len;
            let view = View {
                row,
                weight: &self.weight[rows.clone()],
                target: &self.target[rows.clone()],
                inverse_sigma: self.inverse_sigma.get(rows),
            };
            block.prepare(&Prepare {
                residual: problem.residual,
                excess,
                loss: self.loss,
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
        if self.joint {
            return self.settle_scale(x);
        }
        let mut sum = 0.0;
        self.sweep(x, false, |block, view| sum += accumulate::weighted_sum(view.weight, &block.rho));
        finite(sum * self.loss_factor)
    }

    fn model(&mut self, x: &[f64], model: &mut Model) -> f64 {
        if self.joint {
            return self.joint_model(x, model);
        }
        let (loss, factor, with_metric) = (self.loss, self.loss_factor, self.with_metric);
        model.clear();
        if self.near.is_some() {
            if self.near_model(x, model) {
                return model.value;
            }
            model.clear();
        }
        if self.n >= many::MANY_ROWS {
            self.model_in_parts(x, model);
        } else {
            self.sweep(x, true, |block, view| block.accumulate(view.weight, loss, with_metric, model));
        }
        model.finish(factor);
        model.value = finite(model.value);
        model.value
    }

    fn row_count(&self) -> usize {
        self.n
    }

    fn rows(&mut self, x: &[f64], rows: &mut Rows) -> bool {
        if self.joint && !self.settle_scale(x).is_finite() {
            return false;
        }
        let (factor, n, q) = (self.loss_factor, self.n, self.dimension());
        rows.weight.clear();
        rows.weight.extend_from_slice(&self.weight[..n]);
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
        let n = self.n;
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

/// The values at these places, and copies of the last one up to whole lanes.
fn gather(from: &[f64], places: &[u32], to: &mut Vec<f64>) {
    to.clear();
    to.extend(places.iter().map(|&i| from[i as usize]));
    pad(to, places.len());
}

/// Fill `n` values up to whole lanes with copies of the last one.
fn pad(values: &mut Vec<f64>, n: usize) {
    if let Some(&last) = values.last() {
        values.resize(n.next_multiple_of(LANES), last);
    }
}

/// An objective that is not a number is one that no step may enter.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::INFINITY }
}

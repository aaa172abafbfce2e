//! Points of a scan whose law values are computed once for all replicates: only weights and targets differ between those.
//!
//! Where the law is linear in some parameters, what it is at a scanned point is a sum of columns, one a parameter, and a rest.
//! Solving for those parameters, and looking at the objective there, then needs no law at all.

use super::Problem;
use super::fitter::Fitter;
use super::project::PASSES;
use super::projection::usual_trust;
use super::selection::Selection;
use crate::expr::BLOCK;
use crate::loss::Loss;
use crate::residual::{Excess, Residual};
use crate::simd::{Aligned, Kernel, LANES, Picks, Vector, VectorKernel, dispatch, dispatch_vector};
use crate::solve::separable::{BoxLeastSquares, Separable};

/// Numbers that the columns of all points may be: 16 MB.
pub const MOST_SCANNED: usize = 1 << 21;

/// Scanned points and the columns of the law at each of them.
#[derive(Debug)]
pub struct Scanned {
    points: Vec<Vec<f64>>,
    /// Columns a point: one for each linear parameter, and the rest of the law.
    columns: usize,
    /// Rows, to whole lanes.
    stride: usize,
    values: Vec<f64>,
    /// Whether each of those columns is that of the point before, as a constant is at every point.
    is_same: Vec<bool>,
}

impl Scanned {
    /// The columns of the law of `fitter`'s problem at `points`; nothing where the columns depend on a replicate, or are too many.
    pub fn new(fitter: &mut Fitter<'_>, points: Vec<Vec<f64>>) -> Option<Self> {
        let problem = fitter.problem;
        let columns = problem.linear.len() + 1;
        let stride = problem.len().next_multiple_of(LANES);
        // A free floor, an estimated scale and a loss with basins of its own are scanned in ways of their own.
        let is_known = problem.floor.is_none() && !matches!(problem.residual, Residual::LogExcess { .. });
        let own_way = problem.density.is_some() || fitter.has_many_basins();
        if !is_known || own_way || points.len() * columns * stride > MOST_SCANNED {
            return None;
        }
        if fitter.rows_selected() != problem.len() || problem.is_empty() {
            return None;
        }
        let mut scanned = Self { points, columns, stride, values: Vec::new(), is_same: Vec::new() };
        for number in 0..scanned.points.len() {
            scanned.add(fitter, number);
        }
        let (values, size) = (&scanned.values, columns * stride);
        scanned.is_same = (0..columns * scanned.points.len())
            .map(|c| c >= columns && values[c * stride..][..stride] == values[c * stride - size..][..stride])
            .collect();
        values.iter().all(|v| v.is_finite()).then_some(scanned)
    }

    /// Add the columns of one point.
    fn add(&mut self, fitter: &mut Fitter<'_>, number: usize) {
        let (first, stride, columns) = (self.values.len(), self.stride, self.columns);
        let point = &self.points[number];
        fitter.bind(point);
        let linear: Vec<(usize, f64)> = fitter.problem.linear.iter().map(|&(a, j)| (j, point[a])).collect();
        self.values.resize(first + columns * stride, 0.0);
        let to = &mut self.values[first..];
        fitter.sweep(point, true, |block, view| {
            for i in 0..view.weight.len() {
                let mut rest = block.value[i];
                for (column, &(j, coefficient)) in linear.iter().enumerate() {
                    let basis = block.raw[j * BLOCK + i];
                    to[column * stride + view.row + i] = basis;
                    rest = basis.mul_add(-coefficient, rest);
                }
                to[(columns - 1) * stride + view.row + i] = rest;
            }
        });
    }
}

/// What one replicate makes of its rows, the same at every point.
#[derive(Debug, Default)]
pub struct ScannedRows {
    /// Targets on the natural scale.
    natural: Vec<f64>,
    /// Weights on that scale: of a row whose residual is not known yet, and of one before its loss counts.
    first: Vec<f64>,
    later: Vec<f64>,
    /// The columns of a point at the rows selected.
    columns: Aligned,
    /// Law, residual, slope or weight, and three of the loss.
    work: [Vec<f64>; 6],
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Fitter<'_> {
    /// The best `most` points of `scanned`, lowest objective first, with their linear coordinates solved for under the rows
    /// selected.
    pub fn solve_scanned(&mut self, scanned: &Scanned, most: usize, rows: &mut ScannedRows) -> Vec<Vec<f64>> {
        let problem = self.problem;
        rows.weigh(self);
        let (n, padded) = (self.selection.n, self.selection.padded());
        let all = n == problem.len();
        let mut candidates: Vec<(f64, usize)> = Vec::with_capacity(scanned.points.len());
        let (k, mut solution) = (scanned.columns - 1, vec![0.0; scanned.columns - 1]);
        let mut solutions = vec![0.0; k * scanned.points.len()];
        let size = scanned.columns * scanned.stride;
        for (number, values) in scanned.values.chunks_exact(size).enumerate() {
            if !all {
                rows.gather(scanned, number, values, &self.selection.picks);
            }
            let ScannedRows { natural, first, later, columns, work, lower, upper } = &mut *rows;
            let value = dispatch_vector(PointKernel {
                columns: if all { values } else { columns },
                stride: if all { scanned.stride } else { self.selection.picks.room() },
                residual: problem.residual,
                loss: self.force.loss,
                target: &self.selection.target[..padded],
                inverse_sigma: (!self.selection.inverse_sigma.is_empty()).then_some(&self.selection.inverse_sigma[..]),
                weight: &self.selection.weight[..padded],
                natural,
                first,
                later,
                work,
                limits: (lower, upper),
                system: &mut self.projection.system,
                solution: &mut solution,
            });
            if let Some(value) = value.filter(|value| (value * self.force.factor).is_finite()) {
                solutions[number * k..(number + 1) * k].copy_from_slice(&solution);
                candidates.push((value, number));
            }
        }
        candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        candidates.truncate(most);
        let solved = |(_, number): (f64, usize)| {
            let mut point = scanned.points[number].clone();
            for (&(a, _), value) in problem.linear.iter().zip(&solutions[number * k..]) {
                point[a] = *value;
            }
            point
        };
        candidates.into_iter().map(solved).collect()
    }
}

impl ScannedRows {
    /// Take in the rows selected, their targets and weights.
    fn weigh(&mut self, fitter: &Fitter<'_>) {
        let (problem, selection) = (fitter.problem, &fitter.selection);
        for part in [&mut self.natural, &mut self.first, &mut self.later] {
            part.resize(selection.target.len(), 0.0);
        }
        let ScannedRows { natural, first, later, .. } = self;
        dispatch(WeighKernel { problem, selection, natural, first, later });
        for part in &mut self.work {
            part.resize(selection.target.len(), 0.0);
        }
        let space = &problem.space;
        self.lower.clear();
        self.upper.clear();
        self.lower.extend(problem.linear.iter().map(|&(a, _)| space.lower[a]));
        self.upper.extend(problem.linear.iter().map(|&(a, _)| space.upper[a]));
    }

    /// The columns of a point at these rows, to whole lanes; those of the point before stand where they are the same.
    fn gather(&mut self, scanned: &Scanned, number: usize, values: &[f64], picks: &Picks) {
        let room = picks.room();
        if number == 0 {
            self.columns.hold(scanned.columns * room);
        }
        let is_same = &scanned.is_same[number * scanned.columns..];
        let columns = values.chunks_exact(scanned.stride).zip(self.columns.chunks_exact_mut(room.max(1)));
        picks.pack(columns.zip(is_same).filter(|(_, is_same)| !**is_same).map(|(columns, _)| columns));
    }
}

/// Targets and weights on the natural scale.
struct WeighKernel<'a> {
    problem: &'a Problem<'a>,
    selection: &'a Selection,
    natural: &'a mut [f64],
    first: &'a mut [f64],
    later: &'a mut [f64],
}

impl Kernel for WeighKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { problem, selection, natural, first, later } = self;
        let (centre, reach) = problem.centre_and_reach;
        let trust = usual_trust(problem, false);
        let bounded = problem.loss != Loss::Squared;
        for (i, &y) in selection.target.iter().enumerate() {
            let (value, unit) = problem.residual.linearised(Excess::NONE, trust, y);
            let distance = (y - centre).abs();
            let scale = unit * selection.inverse_sigma.get(i).copied().unwrap_or(1.0);
            natural[i] = value;
            later[i] = selection.weight[i] * scale * scale;
            // Nothing is known of residuals yet: a target far outside the others may only hint.
            let far = bounded && distance > reach;
            first[i] = later[i] * if far { (reach / distance) * (reach / distance) } else { 1.0 };
        }
    }
}

/// One scanned point under one replicate: its linear parameters into `solution`; returns the sum of its losses.
struct PointKernel<'a> {
    columns: &'a [f64],
    stride: usize,
    residual: Residual,
    loss: Loss,
    target: &'a [f64],
    inverse_sigma: Option<&'a [f64]>,
    weight: &'a [f64],
    natural: &'a [f64],
    first: &'a [f64],
    later: &'a [f64],
    work: &'a mut [Vec<f64>; 6],
    limits: (&'a [f64], &'a [f64]),
    system: &'a mut BoxLeastSquares,
    solution: &'a mut [f64],
}

impl VectorKernel for PointKernel<'_> {
    type Output = Option<f64>;

    #[inline(always)]
    fn run<V: Vector>(mut self) -> Option<f64> {
        let n = self.weight.len();
        let passes = match (self.solution.is_empty(), self.loss) {
            (true, _) => 0,
            (false, Loss::Squared) => 1,
            (false, _) => PASSES,
        };
        for pass in 0..passes {
            if pass > 0 {
                self.look::<V>();
                let [_, residual, weight, ..] = &mut *self.work;
                self.loss.weights(&residual[..n], &mut weight[..n]);
                for ((weight, residual), (later, first)) in
                    weight[..n].iter_mut().zip(&residual[..n]).zip(self.later.iter().zip(self.first))
                {
                    *weight = if residual.is_finite() { *weight * later } else { *first };
                }
            } else {
                self.work[2][..n].copy_from_slice(self.first);
            }
            self.normal_equations::<V>();
            if !self.system.right.iter().all(|v| v.is_finite()) {
                if pass == 0 {
                    return None;
                }
                break;
            }
            self.system.solve(self.limits.0, self.limits.1, self.solution);
        }
        self.look::<V>();
        let [_, residual, _, rho, psi, curvature] = &mut *self.work;
        self.loss.evaluate_in::<V>(&residual[..n], &mut rho[..n], &mut psi[..n], &mut curvature[..n]);
        let mut value = V::zero();
        for i in (0..n).step_by(LANES) {
            value = V::load(&rho[i..]).fused(V::load(&self.weight[i..]), value);
        }
        Some(value.sum())
    }
}

impl PointKernel<'_> {
    /// Residuals at the solution.
    #[inline(always)]
    fn look<V: Vector>(&mut self) {
        let n = self.weight.len();
        let [law, residual, slope, ..] = &mut *self.work;
        let (law, residual, slope) = (&mut law[..n], &mut residual[..n], &mut slope[..n]);
        let rest = &self.columns[self.solution.len() * self.stride..][..n];
        for i in (0..n).step_by(LANES) {
            let mut sum = V::load(&rest[i..]);
            for (c, column) in self.solution.iter().zip(self.columns.chunks_exact(self.stride)) {
                sum = V::of(*c).fused(V::load(&column[i..]), sum);
            }
            sum.store(&mut law[i..]);
        }
        self.residual.rows(Excess::NONE, law, self.target, residual, slope);
        if let Some(inverse) = self.inverse_sigma {
            for i in (0..n).step_by(LANES) {
                (V::load(&residual[i..]) * V::load(&inverse[i..])).store(&mut residual[i..]);
            }
        }
    }

    /// The normal equations of the linear parameters under the weights at hand.
    #[inline(always)]
    fn normal_equations<V: Vector>(&mut self) {
        let (n, k) = (self.weight.len(), self.solution.len());
        let [_, _, weight, left, weighted, _] = &mut *self.work;
        let (weight, left, weighted) = (&weight[..n], &mut left[..n], &mut weighted[..n]);
        let column = |a: usize| &self.columns[a * self.stride..][..n];
        for i in (0..n).step_by(LANES) {
            (V::load(&self.natural[i..]) - V::load(&column(k)[i..])).store(&mut left[i..]);
        }
        for a in 0..k {
            let own = column(a);
            let mut right = V::zero();
            for i in (0..n).step_by(LANES) {
                let product = V::load(&weight[i..]) * V::load(&own[i..]);
                product.store(&mut weighted[i..]);
                right = product.fused(V::load(&left[i..]), right);
            }
            self.system.right[a] = right.sum();
            // Two columns at a time keep two sums in flight.
            for b in (0..=a).step_by(2) {
                let (first, second) = (column(b), column((b + 1).min(a)));
                let mut sums = [V::zero(); 2];
                for i in (0..n).step_by(LANES) {
                    let weighted = V::load(&weighted[i..]);
                    sums[0] = weighted.fused(V::load(&first[i..]), sums[0]);
                    sums[1] = weighted.fused(V::load(&second[i..]), sums[1]);
                }
                for (b, sum) in (b..=a).zip(sums) {
                    let sum = sum.sum();
                    self.system.gram[a * k + b] = sum;
                    self.system.gram[b * k + a] = sum;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Program;
    use crate::problem::GroupRows;
    use crate::solve::objective::Objective;
    use crate::solve::scan::scan;
    use crate::solve::scratch::Scratch;
    use crate::space::ParamSpec;

    /// The scan and its shared form choose the same points, for any law, loss, weights and rows drawn.
    #[test]
    fn shared_columns_choose_the_points_of_a_scan() {
        let x: Vec<f64> = (0..90).map(|i| 1.1 + f64::from(i * 37 % 90)).collect();
        let y: Vec<f64> = x.iter().map(|x| 1.4 + 2.3 * x.powf(-0.4) + 0.02 * (7.0 * x).sin()).collect();
        let sigma: Vec<f64> = x.iter().map(|x| 1.0 + 0.01 * x).collect();
        for formula in ["E + A*x**(-a)", "exp(-a*x) + E", "x**(-a)", "log(E + A*x)"] {
            let program = Program::compile(formula, &["x".into()]).unwrap();
            let specs = vec![ParamSpec { lower: 0.0, ..ParamSpec::default() }; program.params().len()];
            for (loss, residual) in [
                (Loss::Squared, Residual::Raw),
                (Loss::Huber { delta: 1e-2 }, Residual::Log),
                (Loss::SoftL1 { delta: 1e-2 }, Residual::Log),
            ] {
                let rows = GroupRows { inputs: vec![&x], target: &y, weights: None, sigma: Some(&sigma) };
                let problem = Problem::new(&program, &rows, &specs, loss, residual);
                let (mut fitter, s) = (Fitter::new(&problem), Scratch::new(problem.space.dimension()));
                let points = scan(&mut fitter, problem.ranges(), 0..24, &s);
                let scanned = Scanned::new(&mut fitter, points).unwrap();
                fitter.select(|i| f64::from(u8::from(i % 4 != 0)) * (1.0 + (i % 3) as f64));
                let expected = scan(&mut fitter, problem.ranges(), 0..24, &s);
                let found = fitter.solve_scanned(&scanned, expected.len(), &mut ScannedRows::default());
                for (found, expected) in found.iter().zip(&expected) {
                    let (a, b) = (fitter.value(found), fitter.value(expected));
                    assert!((a - b).abs() <= 1e-9 * b, "{formula}, {loss:?}: {a:e} and {b:e}");
                }
                assert_eq!(found.len(), expected.len());
            }
        }
    }
}

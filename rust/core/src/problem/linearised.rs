//! The law taken as linear around the fit: where the optimum of a replicate lies, before the law itself is looked at.
//!
//! Most evaluations of a robust refit are spent on finding which rows end in the quadratic zone of the loss, and that hardly
//! depends on how the law bends. With residuals r + J d it is a convex problem whose steps cost a pass over numbers at hand,
//! each with an exact line search (Madsen and Nielsen 1990). What comes out is a start, never a result.

use std::ops::Range;

use super::accumulate::products;
use super::{MANY_ROWS, Problem};
use crate::expr::BLOCK;
use crate::loss::Loss;
use crate::residual::Residual;
use crate::simd::vector::sums;
use crate::simd::{Aligned, LANES, Picks, Vector, VectorKernel, lanes};
use crate::solve::Rows;
use crate::solve::linalg::solve_positive;

/// Damping of the first step, in the metric of the fit; a tenth of it for every further step.
const DAMPING: f64 = 0.05;

/// Predicted decrease, relative to the objective, that is left to the law itself: its bend is worth more.
const LITTLE: f64 = 1e-3;

/// Steps after which the linear problem is left as it is.
const MOST_STEPS: usize = 15;

/// Slope along a step, relative to that at its beginning, that ends a line search, and the points it may look at.
const FLAT_ENOUGH: f64 = 0.03;
const MOST_PROBES: usize = 5;

/// The residuals of every row at the fit and their slopes: what replicates share.
#[derive(Debug)]
pub struct Linearised {
    /// The law on the scale of the residual, so that replicates may have targets of their own.
    fitted: Vec<f64>,
    /// Slopes of the residuals, one column per coordinate; 0 for coordinates at a bound, which stay there.
    slopes: Vec<Vec<f64>>,
    /// Which coordinates those are.
    held: Vec<bool>,
}

impl Linearised {
    /// The law around the point whose `rows` these are, for losses whose linear problem is convex and smooth.
    pub fn new(problem: &Problem<'_>, rows: &Rows, x: &[f64]) -> Option<Self> {
        let (n, q) = (problem.len(), x.len());
        let loss = problem.loss;
        let suits = loss.is_convex() && loss.is_smooth() && problem.density.is_none();
        let plain = !matches!(problem.residual, Residual::LogExcess { .. });
        if !(suits && plain) || rows.residual.len() != n || n >= MANY_ROWS || q == 0 {
            return None;
        }
        let fitted = (0..n).map(|i| {
            let inverse = problem.inverse_sigma.as_ref().map_or(1.0, |s| s[i]);
            rows.residual[i] / inverse + problem.target[i]
        });
        let held: Vec<bool> =
            (0..q).map(|a| x[a] <= problem.space.lower[a] || x[a] >= problem.space.upper[a]).collect();
        let slopes = (0..q).map(|a| if held[a] { vec![0.0; n] } else { rows.jacobian[a * n..(a + 1) * n].to_vec() });
        let slopes = slopes.collect();
        let linearised = Self { fitted: fitted.collect(), slopes, held };
        linearised.fitted.iter().chain(linearised.slopes.iter().flatten()).all(|v| v.is_finite()).then_some(linearised)
    }
}

/// One thread's copy: the rows in play, gathered, and what a step needs.
#[derive(Debug)]
pub(super) struct LinearisedRows<'a> {
    linearised: &'a Linearised,
    fitted: Aligned,
    /// Column by column, a stride apart.
    slopes: Aligned,
    stride: usize,
    residual: Aligned,
    /// Change of each residual along a whole step.
    along: Aligned,
    /// Weighted slopes and curvatures of the loss in a block.
    pulled: Aligned,
    curved: Aligned,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    system: Vec<f64>,
    step: Vec<f64>,
}

impl<'a> LinearisedRows<'a> {
    pub(super) fn new(linearised: &'a Linearised) -> Self {
        let q = linearised.slopes.len();
        let stride = linearised.fitted.len().next_multiple_of(LANES).max(LANES);
        Self {
            linearised,
            fitted: Aligned::zeros(0),
            slopes: Aligned::zeros(q * stride),
            stride,
            residual: Aligned::zeros(0),
            along: Aligned::zeros(0),
            pulled: Aligned::zeros(BLOCK),
            curved: Aligned::zeros(BLOCK),
            gradient: vec![0.0; q],
            hessian: vec![0.0; q * q],
            system: vec![0.0; q * q],
            step: vec![0.0; q],
        }
    }

    /// Gather the rows picked, to whole lanes; the last is repeated.
    pub(super) fn select(&mut self, picks: &Picks) {
        let linearised = self.linearised;
        let padded = picks.count().next_multiple_of(LANES);
        self.residual.hold(padded);
        self.along.hold(padded);
        self.fitted.hold(picks.room());
        let columns = linearised.slopes.iter().zip(self.slopes.chunks_exact_mut(self.stride));
        let columns = columns.chain([(&linearised.fitted, &mut self.fitted[..])]);
        picks.pack(columns.map(|(from, to)| (&from[..], to)));
        self.fitted.hold(padded);
    }
}

/// From the point of the fit to the optimum of the linearised replicate.
pub(super) struct PredictStart<'k, 'a> {
    pub(super) rows: &'k mut LinearisedRows<'a>,
    pub(super) x: &'k mut [f64],
    pub(super) metric: &'k [f64],
    pub(super) loss: Loss,
    pub(super) weight: &'k [f64],
    pub(super) target: &'k [f64],
    pub(super) inverse_sigma: &'k [f64],
}

impl VectorKernel for PredictStart<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { rows, x, metric, loss, weight, target, inverse_sigma } = self;
        let n = weight.len();
        for i in (0..n).step_by(LANES) {
            let mut residual = V::load(&rows.fitted[i..]) - V::load(&target[i..]);
            if !inverse_sigma.is_empty() {
                residual = residual * V::load(&inverse_sigma[i..]);
            }
            residual.store(&mut rows.residual[i..]);
        }
        let mut damping = DAMPING;
        for _ in 0..MOST_STEPS {
            let value = rows.sums::<V>(loss, weight);
            let Some(predicted) = rows.solve(metric, damping) else { return };
            if predicted.is_nan() || predicted <= 0.0 {
                return;
            }
            let small = predicted <= LITTLE * value;
            let share = if small { 1.0 } else { rows.search::<V>(loss, weight) };
            for (x, step) in x.iter_mut().zip(&rows.step) {
                *x = share.mul_add(*step, *x);
            }
            if small {
                return;
            }
            for i in (0..n).step_by(LANES) {
                let moved = V::of(share).fused(V::load(&rows.along[i..]), V::load(&rows.residual[i..]));
                moved.store(&mut rows.residual[i..]);
            }
            damping *= 0.1;
        }
    }
}

impl LinearisedRows<'_> {
    /// Gradient and curvature of the linear problem at its residuals; returns its value.
    #[inline(always)]
    fn sums<V: Vector>(&mut self, loss: Loss, weight: &[f64]) -> f64 {
        self.gradient.fill(0.0);
        self.hessian.fill(0.0);
        match self.step.len() {
            1 => self.sums_of::<V, 1>(loss, weight),
            2 => self.sums_of::<V, 2>(loss, weight),
            3 => self.sums_of::<V, 3>(loss, weight),
            4 => self.sums_of::<V, 4>(loss, weight),
            5 => self.sums_of::<V, 5>(loss, weight),
            6 => self.sums_of::<V, 6>(loss, weight),
            _ => self.sums_of_many::<V>(loss, weight),
        }
    }

    /// [`sums`](Self::sums) of `Q` coordinates, in one pass where the registers hold them all.
    #[inline(always)]
    fn sums_of<V: Vector, const Q: usize>(&mut self, loss: Loss, weight: &[f64]) -> f64 {
        let (mut value, mut gradient, mut hessian) = (V::zero(), [V::zero(); Q], [[V::zero(); Q]; Q]);
        for (block, weight) in weight.chunks(BLOCK).enumerate() {
            let vectors = weight.len() / LANES;
            let weight: &[[f64; LANES]] = &weight.as_chunks().0[..vectors];
            let residual: &[[f64; LANES]] = &self.residual[block * BLOCK..].as_chunks().0[..vectors];
            let slopes: [&[[f64; LANES]]; Q] =
                std::array::from_fn(|a| &self.slopes[a * self.stride + block * BLOCK..].as_chunks().0[..vectors]);
            let curved: &mut [[f64; LANES]] = &mut self.curved.as_chunks_mut().0[..vectors];
            for v in 0..vectors {
                let weight = V::load(&weight[v]);
                let [rho, psi, curvature] = loss.in_register(V::load(&residual[v]));
                value = rho.fused(weight, value);
                let (pull, bend) = (weight * psi, weight * curvature.most(V::zero()));
                for a in 0..Q {
                    gradient[a] = pull.fused(V::load(&slopes[a][v]), gradient[a]);
                }
                if V::MANY {
                    add_products::<V, Q>(bend, &slopes, v, 0..Q, &mut hessian);
                } else {
                    bend.store(&mut curved[v]);
                }
            }
            if !V::MANY {
                for a in 0..Q {
                    for v in 0..vectors {
                        add_products::<V, Q>(V::load(&curved[v]), &slopes, v, a..a + 1, &mut hessian);
                    }
                }
            }
        }
        self.gradient.copy_from_slice(&sums(gradient));
        for (to, row) in self.hessian.chunks_exact_mut(Q).zip(hessian) {
            to.copy_from_slice(&sums(row));
        }
        value.sum()
    }

    /// [`sums`](Self::sums) of any number of coordinates.
    #[inline(always)]
    fn sums_of_many<V: Vector>(&mut self, loss: Loss, weight: &[f64]) -> f64 {
        // Lanes of the slopes beyond the last row repeat it, and weigh nothing.
        let q = self.step.len();
        let mut value = V::zero();
        for (block, weight) in weight.chunks(BLOCK).enumerate() {
            let n = weight.len();
            let residual = &self.residual[block * BLOCK..block * BLOCK + n];
            let slopes = &self.slopes[block * BLOCK..];
            for i in (0..n).step_by(LANES) {
                let weight = V::load(&weight[i..]);
                let [rho, psi, curvature] = loss.in_register(V::load(&residual[i..]));
                value = rho.fused(weight, value);
                (weight * psi).store(&mut self.pulled[i..]);
                (weight * curvature.most(V::zero())).store(&mut self.curved[i..]);
            }
            for (a, gradient) in self.gradient.iter_mut().enumerate() {
                *gradient += lanes::dot(&self.pulled[..n], &slopes[a * self.stride..a * self.stride + n]);
            }
            products::<V>(&self.curved[..n], slopes, self.stride, &mut self.hessian, q);
        }
        value.sum()
    }

    /// The damped step; returns the decrease that the quadratic model promises, none where there is no such step.
    #[inline(always)]
    fn solve(&mut self, metric: &[f64], damping: f64) -> Option<f64> {
        let q = self.step.len();
        for a in 0..q {
            for b in 0..=a {
                let apart = self.linearised.held[a] || self.linearised.held[b];
                let damping = if apart { 0.0 } else { damping };
                self.system[a * q + b] = damping.mul_add(metric[a * q + b], self.hessian[a * q + b]);
            }
            self.step[a] = -self.gradient[a];
            if self.system[a * q + a] == 0.0 {
                // It is held, or nothing depends on it.
                self.system[a * q + a] = 1.0;
            }
        }
        if !solve_positive(&mut self.system, q, &mut self.step) {
            return None;
        }
        // With (H + damping M) s = -g the model gains (s'(H + 2 damping M) s) / 2 >= -g's / 2.
        let gain: f64 = self.gradient.iter().zip(&self.step).map(|(g, s)| -g * s).sum();
        Some(0.5 * gain)
    }

    /// How far along the step the linear problem is lowest: the root of its slope, which never falls.
    #[inline(always)]
    fn search<V: Vector>(&mut self, loss: Loss, weight: &[f64]) -> f64 {
        for i in (0..self.along.len()).step_by(LANES) {
            let mut sum = V::zero();
            for (step, column) in self.step.iter().zip(self.slopes.chunks_exact(self.stride)) {
                sum = V::of(*step).fused(V::load(&column[i..]), sum);
            }
            sum.store(&mut self.along[i..]);
        }
        let initial: f64 = self.gradient.iter().zip(&self.step).map(|(g, s)| g * s).sum();
        let (mut lower, mut upper, mut share) = (0.0, f64::INFINITY, 1.0);
        for probe in 0..MOST_PROBES {
            let (slope, bend) = self.slope::<V>(loss, weight, share);
            if slope.abs() <= FLAT_ENOUGH * initial.abs() || probe + 1 == MOST_PROBES {
                break;
            }
            if slope > 0.0 {
                upper = share;
            } else {
                lower = share;
            }
            let newton = share - slope / bend;
            let inside = newton > lower && newton < upper;
            share = match (inside, upper.is_finite()) {
                (true, _) => newton,
                (false, true) => 0.5 * (lower + upper),
                (false, false) => 2.0 * share,
            };
        }
        share
    }

    /// First and second derivative of the linear problem along the step.
    #[inline(always)]
    fn slope<V: Vector>(&self, loss: Loss, weight: &[f64], share: f64) -> (f64, f64) {
        let weight: &[[f64; LANES]] = weight.as_chunks().0;
        let residual: &[[f64; LANES]] = &self.residual.as_chunks().0[..weight.len()];
        let along: &[[f64; LANES]] = &self.along.as_chunks().0[..weight.len()];
        let (mut slope, mut bend) = (V::zero(), V::zero());
        for v in 0..weight.len() {
            let along = V::load(&along[v]);
            let [_, psi, curvature] = loss.in_register(V::of(share).fused(along, V::load(&residual[v])));
            let weighted = V::load(&weight[v]) * along;
            slope = weighted.fused(psi, slope);
            bend = (weighted * along).fused(curvature, bend);
        }
        let [slope, bend] = sums([slope, bend]);
        (slope, bend)
    }
}

/// Add the products of the columns `rows` with those up to them to the lower triangle `sums`.
#[inline(always)]
fn add_products<V: Vector, const Q: usize>(
    weight: V,
    columns: &[&[[f64; LANES]]; Q],
    v: usize,
    rows: Range<usize>,
    sums: &mut [[V; Q]; Q],
) {
    for a in rows {
        let left = weight * V::load(&columns[a][v]);
        for b in 0..=a {
            sums[a][b] = left.fused(V::load(&columns[b][v]), sums[a][b]);
        }
    }
}

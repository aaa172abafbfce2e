//! The model of one or two powers, with or without a constant, in one pass over the rows: sums stay in registers.
//!
//! Every derivative of such a law is a number times one of few columns: a power over the law, the same times its logarithm, one
//! over the law. Their sums are taken first and multiplied afterwards. The law's own second derivatives are sums of the same
//! columns, so the model has them nearly for nothing, and Newton's method converges quadratically.

use super::expansion::{CHANGE, ExpansionRows, Given};
use super::pieces::{PassBuffers, Plan};
use crate::simd::vector::sums;
use crate::simd::{LANES, Vector, VectorKernel, math};
use crate::solve::objective::Model;

/// Adds the rows of `with` from `row` on to the sums of `model`; false when the law has moved too far for this form.
pub(super) struct OnePass<'k, 'a, 'b> {
    pub(super) rows: &'k mut ExpansionRows<'a>,
    pub(super) plan: &'k Plan,
    pub(super) row: usize,
    pub(super) with: &'k Given<'b>,
    pub(super) weight: &'k [f64],
    /// Where the quadratic of the loss ends.
    pub(super) delta: f64,
    /// Which coordinates are logarithms, where the law's own second derivatives are wanted.
    pub(super) second: Option<&'k [bool]>,
    pub(super) model: &'k mut Model,
}

impl VectorKernel for OnePass<'_, '_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(mut self) -> bool {
        match (self.plan.powers.len(), self.plan.constant.is_some()) {
            (1, false) => self.add::<V, 1, 2>(),
            (1, true) => self.add::<V, 1, 3>(),
            (_, false) => self.add::<V, 2, 4>(),
            (_, true) => self.add::<V, 2, 5>(),
        }
    }
}

/// Sums over the rows of a block.
struct Totals<V, const K: usize, const B: usize> {
    value: V,
    residual_squares: V,
    psi_squares: V,
    curved: V,
    inside: V,
    /// Of w psi times each column, and times each power and the square of its logarithm.
    gradient: [V; B],
    bend: [V; K],
    /// Of w times the square of each column.
    squares: [V; B],
}

impl OnePass<'_, '_, '_> {
    /// `K` powers and `B` columns.
    #[inline(always)]
    fn add<V: Vector, const K: usize, const B: usize>(&mut self) -> bool {
        let vectors = self.weight.len() / LANES;
        let totals = self.columns::<V, K, B>(vectors);
        let [value, residual_squares, psi_squares, curved, inside] =
            sums([totals.value, totals.residual_squares, totals.psi_squares, totals.curved, totals.inside]);
        if self.with.logarithmic && inside != self.weight.len() as f64 {
            return false;
        }
        self.model.value += value;
        self.model.residual_squares += residual_squares;
        self.model.psi_squares += psi_squares;
        self.model.curved += curved as usize;
        let (gradient, squares) = (sums(totals.gradient), sums(totals.squares));
        let buffers = &self.rows.buffers;
        let columns: &[[[f64; LANES]; B]] = &buffers.columns.as_chunks().0.as_chunks::<B>().0[..vectors];
        let hessian = products::<V, B>(&buffers.curved.as_chunks().0[..vectors], columns);
        let (q, coefficients, model) = (self.plan.columns.len(), &self.rows.coefficients, &mut *self.model);
        for (a, (&own, c)) in self.plan.columns.iter().zip(coefficients).enumerate() {
            model.gradient[a] += c * gradient[own];
            model.column_squares[a] += c * c * squares[own];
            for (b, (&other, d)) in self.plan.columns.iter().zip(coefficients).enumerate().take(a + 1) {
                model.hessian[a * q + b] += c * d * hessian[own.max(other)][own.min(other)];
            }
        }
        if let Some(log) = self.second {
            let bend = sums(totals.bend);
            let pulled = if self.with.logarithmic {
                products::<V, B>(&buffers.pulled.as_chunks().0[..vectors], columns)
            } else {
                [[0.0; B]; B]
            };
            self.add_second::<K, B>(log, &gradient, &bend, &pulled);
        }
        true
    }

    /// The columns of a block and what they are multiplied by, into the buffers.
    ///
    /// In three loops: what one row needs, one step after the other, is long, and short steps of many rows overlap.
    #[inline(always)]
    fn columns<V: Vector, const K: usize, const B: usize>(&mut self, vectors: usize) -> Totals<V, K, B> {
        let zero = V::zero();
        let mut totals = Totals {
            value: zero,
            residual_squares: zero,
            psi_squares: zero,
            curved: zero,
            inside: zero,
            gradient: [zero; B],
            bend: [zero; K],
            squares: [zero; B],
        };
        self.terms::<V, K, B>(vectors);
        self.residuals(vectors, &mut totals);
        self.moments(vectors, &mut totals);
        totals
    }

    /// The terms without their factors into the columns, and the change of the law.
    #[inline(always)]
    fn terms<V: Vector, const K: usize, const B: usize>(&mut self, vectors: usize) {
        let plan = self.plan;
        let ExpansionRows { logs, shares, moves, buffers, .. } = &mut *self.rows;
        let place = self.row / LANES..self.row / LANES + vectors;
        let log: [&[[f64; LANES]]; K] = std::array::from_fn(|k| &logs[plan.powers[k].1].as_chunks().0[place.clone()]);
        let share: [&[[f64; LANES]]; K] =
            std::array::from_fn(|k| &shares[plan.powers[k].0].as_chunks().0[place.clone()]);
        let moved: [_; K] = std::array::from_fn(|k| moves[plan.powers[k].0]);
        let (constant, constant_step) = match plan.constant {
            Some(term) => (&shares[term].as_chunks().0[place], V::of(moves[term].step)),
            None => (share[0], V::zero()),
        };
        let columns: &mut [[[f64; LANES]; B]] =
            &mut buffers.columns.as_chunks_mut().0.as_chunks_mut::<B>().0[..vectors];
        let change: &mut [[f64; LANES]] = &mut buffers.change.as_chunks_mut().0[..vectors];
        for v in 0..vectors {
            let mut sum = V::zero();
            if B > 2 * K {
                let constant = V::load(&constant[v]);
                constant.store(&mut columns[v][B - 1]);
                sum = constant * constant_step;
            }
            for k in 0..K {
                let (log, share) = (V::load(&log[k][v]), V::load(&share[k][v]));
                let exponent = V::of(moved[k].exponents[0].1).fused(log, V::of(moved[k].amplitude));
                let added = share * math::exp_m1_reduced(exponent);
                sum = V::of(moved[k].factor).fused(added, share.fused(V::of(moved[k].step), sum));
                (share + added).store(&mut columns[v][2 * k]);
            }
            sum.store(&mut change[v]);
        }
    }

    /// What the columns are multiplied by, from the change of the law.
    #[inline(always)]
    fn residuals<V: Vector, const K: usize, const B: usize>(&mut self, vectors: usize, totals: &mut Totals<V, K, B>) {
        let with = self.with;
        let ExpansionRows { anchor, buffers, .. } = &mut *self.rows;
        let PassBuffers { change, pull, curved, pulled, .. } = buffers;
        let anchor: &[[f64; LANES]] = &anchor.as_chunks().0[self.row / LANES..self.row / LANES + vectors];
        let target: &[[f64; LANES]] = &with.target.as_chunks().0[..vectors];
        let inverse_sigma: Option<&[[f64; LANES]]> = with.inverse_sigma.map(|s| &s.as_chunks().0[..vectors]);
        let weight: &[[f64; LANES]] = &self.weight.as_chunks().0[..vectors];
        let [change, pull, curved, pulled]: [&mut [[f64; LANES]]; 4] =
            [change, pull, curved, pulled].map(|buffer| &mut buffer.as_chunks_mut().0[..vectors]);
        let (delta, minus_delta, zero, one) = (V::of(self.delta), V::of(-self.delta), V::zero(), V::of(1.0));
        for v in 0..vectors {
            let change_here = V::load(&change[v]);
            let base = V::load(&anchor[v]) - V::load(&target[v]);
            let (mut residual, mut slope) = (base + change_here, one);
            if with.logarithmic {
                let (logarithm, inverse) = math::ln_1p_reduced(change_here);
                (residual, slope) = (base + logarithm, inverse);
                let inside = one.where_less(V::of(CHANGE.0), change_here).where_less(change_here, V::of(CHANGE.1));
                totals.inside = totals.inside + inside;
            }
            let weight = V::load(&weight[v]);
            let inverse = inverse_sigma.map(|s| V::load(&s[v]));
            if let Some(inverse) = inverse {
                (residual, slope) = (residual * inverse, slope * inverse);
            }
            // In this order NaN comes through.
            let psi = delta.least(minus_delta.most(residual));
            let (pull_here, quadratic) = (weight * psi, weight.where_equal(psi, residual));
            totals.value = (psi * V::of(-0.5).fused(psi, residual)).fused(weight, totals.value);
            totals.residual_squares = (weight * residual).fused(residual, totals.residual_squares);
            totals.psi_squares = pull_here.fused(psi, totals.psi_squares);
            totals.curved = totals.curved + one.where_less(zero, quadratic);
            slope.store(&mut change[v]);
            pull_here.store(&mut pull[v]);
            quadratic.store(&mut curved[v]);
            inverse.map_or(pull_here, |inverse| pull_here / inverse).store(&mut pulled[v]);
        }
    }

    /// The columns from the terms, and sums of each.
    #[inline(always)]
    fn moments<V: Vector, const K: usize, const B: usize>(&mut self, vectors: usize, totals: &mut Totals<V, K, B>) {
        let plan = self.plan;
        let ExpansionRows { logs, buffers, .. } = &mut *self.rows;
        let place = self.row / LANES..self.row / LANES + vectors;
        let log: [&[[f64; LANES]]; K] = std::array::from_fn(|k| &logs[plan.powers[k].1].as_chunks().0[place.clone()]);
        let weight: &[[f64; LANES]] = &self.weight.as_chunks().0[..vectors];
        let columns: &mut [[[f64; LANES]; B]] =
            &mut buffers.columns.as_chunks_mut().0.as_chunks_mut::<B>().0[..vectors];
        let [slope, pull]: [&[[f64; LANES]]; 2] =
            [&buffers.change, &buffers.pull].map(|buffer| &buffer.as_chunks().0[..vectors]);
        for v in 0..vectors {
            let (slope, pull, weight) = (V::load(&slope[v]), V::load(&pull[v]), V::load(&weight[v]));
            let columns = &mut columns[v];
            let power: [V; K] = std::array::from_fn(|k| slope * V::load(&columns[2 * k]));
            let constant = slope * V::load(&columns[B - 1]);
            let mut add = |b: usize, column: V| {
                column.store(&mut columns[b]);
                totals.gradient[b] = pull.fused(column, totals.gradient[b]);
                totals.squares[b] = (weight * column).fused(column, totals.squares[b]);
            };
            for k in 0..K {
                let log = V::load(&log[k][v]);
                let times_log = power[k] * log;
                add(2 * k, power[k]);
                add(2 * k + 1, times_log);
                totals.bend[k] = pull.fused(times_log * log, totals.bend[k]);
            }
            if B > 2 * K {
                add(B - 1, constant);
            }
        }
    }

    /// Sum of w psi times the second derivatives of the residuals, from the sums of the columns; of a logarithm they are those of the law
    /// over the law, less the products of its first.
    #[inline(always)]
    fn add_second<const K: usize, const B: usize>(
        &mut self,
        log: &[bool],
        gradient: &[f64; B],
        bend: &[f64; K],
        pulled: &[[f64; B]; B],
    ) {
        let (plan, q, model) = (self.plan, self.plan.columns.len(), &mut *self.model);
        let (coefficients, owns, is_whole) = (&self.rows.coefficients, &self.rows.owns, &self.rows.wholes);
        for (a, &own) in plan.columns.iter().enumerate() {
            for (b, &other) in plan.columns.iter().enumerate().take(a + 1) {
                let mut sum = -coefficients[a] * coefficients[b] * pulled[own.max(other)][own.min(other)];
                // Terms know nothing of one another, and a constant is linear in its own.
                if own / 2 == other / 2 && own < 2 * K {
                    let both = owns[a] * owns[b];
                    let factor = match (is_whole[a], is_whole[b]) {
                        (true, true) => self.rows.moves[plan.powers[own / 2].0].factor,
                        (false, false) => 0.0,
                        _ => 1.0,
                    };
                    let moment = match own % 2 + other % 2 {
                        0 => gradient[2 * (own / 2)],
                        1 => gradient[2 * (own / 2) + 1],
                        _ => bend[own / 2],
                    };
                    sum = (both * factor).mul_add(moment, sum);
                }
                if a == b && log[a] {
                    sum = coefficients[a].mul_add(gradient[own], sum);
                }
                model.second[a * q + b] += sum;
            }
        }
    }
}

/// Lower triangle of the sums of weighted products of columns.
#[inline(always)]
fn products<V: Vector, const B: usize>(weight: &[[f64; LANES]], columns: &[[[f64; LANES]; B]]) -> [[f64; B]; B] {
    let mut totals = [[V::zero(); B]; B];
    if V::MANY {
        for (weight, columns) in weight.iter().zip(columns) {
            let weight = V::load(weight);
            for a in 0..B {
                let left = weight * V::load(&columns[a]);
                for b in 0..=a {
                    totals[a][b] = left.fused(V::load(&columns[b]), totals[a][b]);
                }
            }
        }
    } else {
        for a in 0..B {
            for (weight, columns) in weight.iter().zip(columns) {
                let left = V::load(weight) * V::load(&columns[a]);
                for b in 0..=a {
                    totals[a][b] = left.fused(V::load(&columns[b]), totals[a][b]);
                }
            }
        }
    }
    // Row by row, the longest beside the shortest, fills the vectors that are summed together.
    let mut result = [[0.0; B]; B];
    for a in 0..B {
        result[a] = sums(totals[a]);
    }
    result
}

//! From law values to sums: residual, chain rule, loss and normal matrix of one block of rows.

use crate::expr::BLOCK;
use crate::loss::Loss;
use crate::residual::{Excess, Residual};
use crate::simd::{Aligned, Kernel, LANES, Vector, VectorKernel, dispatch, dispatch_vector, lanes, vector};
use crate::solve::objective::Model;
use crate::space::Space;

/// Buffers of one block; column a of a matrix starts at `a * BLOCK`.
#[derive(Debug, Clone)]
pub struct Block {
    /// Law values.
    pub value: Aligned,
    /// Derivatives of the law by every parameter.
    pub raw: Aligned,
    /// Derivatives of the residual by every free coordinate.
    pub jacobian: Aligned,
    /// Residuals.
    pub residual: Aligned,
    /// rho of each residual.
    pub rho: Aligned,
    /// psi of each residual.
    pub psi: Aligned,
    /// psi' of each residual.
    pub curvature: Aligned,
    slope: Aligned,
    work: Aligned,
    /// Jacobian of the rows with curvature, packed.
    packed: Aligned,
    /// Which rows those are.
    curved: Vec<usize>,
}

/// What turns law values into losses.
#[derive(Debug)]
pub struct Prepare<'a> {
    /// The scale of the residual.
    pub residual: Residual,
    /// What a log-excess residual subtracts and is multiplied by.
    pub excess: Excess,
    /// The loss.
    pub loss: Loss,
    /// Targets on that scale.
    pub target: &'a [f64],
    /// One over sigma, where there is one.
    pub inverse_sigma: Option<&'a [f64]>,
    /// The space and the primed parameters, when the Jacobian is wanted.
    pub chain: Option<(&'a Space, &'a Vec<f64>)>,
}

impl Block {
    /// Buffers for `p` parameters of which `q` are free.
    pub fn new(p: usize, q: usize) -> Self {
        let column = Aligned::zeros(BLOCK);
        Self {
            value: column.clone(),
            raw: Aligned::zeros(p * BLOCK),
            jacobian: Aligned::zeros(q * BLOCK),
            residual: column.clone(),
            rho: column.clone(),
            psi: column.clone(),
            curvature: column.clone(),
            slope: column.clone(),
            work: column.clone(),
            packed: Aligned::zeros(q.max(1) * BLOCK),
            curved: vec![0; BLOCK + LANES],
        }
    }

    /// Residuals, losses and (when asked for) the Jacobian of the residuals, from `value` and `raw`.
    pub fn prepare(&mut self, with: &Prepare<'_>) {
        dispatch(PrepareKernel { block: self, with });
    }

    /// Add this block to the sums of `model`.
    pub fn accumulate(&mut self, weight: &[f64], loss: Loss, with_metric: bool, model: &mut Model) {
        dispatch_vector(AccumulateKernel { block: self, weight, loss, with_metric, model });
    }
}

/// Add the lower triangle of J' diag(weight) J of a block to `gram`.
pub fn add_products(block: &mut Block, weight: &[f64], gram: &mut [f64], q: usize) {
    dispatch_vector(ProductsKernel { block, weight, gram, q });
}

struct ProductsKernel<'a> {
    block: &'a mut Block,
    weight: &'a [f64],
    gram: &'a mut [f64],
    q: usize,
}

impl VectorKernel for ProductsKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Block { jacobian, .. } = self.block;
        products::<V>(self.weight, jacobian, BLOCK, self.gram, self.q);
    }
}

struct PrepareKernel<'a, 'b> {
    block: &'a mut Block,
    with: &'a Prepare<'b>,
}

impl Kernel for PrepareKernel<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { block, with } = self;
        let n = with.target.len();
        let Block { value, raw, jacobian, residual, rho, psi, curvature, slope, .. } = block;
        let (value, target) = (&value[..n], &with.target[..n]);
        let (residual, slope) = (&mut residual[..n], &mut slope[..n]);
        with.residual.rows(with.excess, value, target, residual, slope);
        if let Some(inverse) = with.inverse_sigma {
            for ((r, s), inverse) in residual.iter_mut().zip(slope.iter_mut()).zip(inverse) {
                *r *= inverse;
                *s *= inverse;
            }
        }
        with.loss.evaluate(residual, &mut rho[..n], &mut psi[..n], &mut curvature[..n]);
        if let Some((space, primed)) = with.chain {
            for (a, &j) in space.free.iter().enumerate() {
                let factor = if space.log[a] { primed[j] } else { space.sizes[a] };
                let from = &raw[j * BLOCK..j * BLOCK + n];
                let to = &mut jacobian[a * BLOCK..a * BLOCK + n];
                for ((to, from), slope) in to.iter_mut().zip(from).zip(slope.iter()) {
                    *to = from * (slope * factor);
                }
            }
            if let Some(a) = with.excess.coordinate {
                let Excess { floor, factor, growth, .. } = with.excess;
                let chain = if space.log[a] { floor } else { 1.0 };
                for i in 0..n {
                    let inverse = with.inverse_sigma.map_or(1.0, |s| s[i]);
                    let own = factor * inverse / (target[i] - floor) - slope[i] + growth * residual[i];
                    jacobian[a * BLOCK + i] = own.mul_add(chain, jacobian[a * BLOCK + i]);
                }
            }
        }
    }
}

struct AccumulateKernel<'a> {
    block: &'a mut Block,
    weight: &'a [f64],
    loss: Loss,
    with_metric: bool,
    model: &'a mut Model,
}

impl VectorKernel for AccumulateKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { block, weight, loss, with_metric, model } = self;
        let n = weight.len();
        let q = model.gradient.len();
        let Block { jacobian, residual, rho, psi, curvature, slope: pull, work, packed, curved, .. } = block;
        let (residual, psi, curvature) = (&residual[..n], &psi[..n], &curvature[..n]);
        let [value, square, slope] = sums::<V>(weight, &rho[..n], residual, psi, &mut work[..n]);
        model.value += value;
        model.residual_squares += square;
        model.psi_squares += slope;
        // `work` now holds weight x psi.
        let pull = &mut pull[..n];
        if with_metric {
            loss.weights(residual, pull);
            for (pull, weight) in pull.iter_mut().zip(weight) {
                *pull *= weight;
            }
        }
        // Two columns at a time keep four sums in flight, or six.
        let mut columns = jacobian.chunks_exact(BLOCK).map(|column| &column[..n]).take(q).enumerate();
        while let Some((a, one)) = columns.next() {
            let two = columns.next();
            let pair = [one, two.map_or(one, |(_, column)| column)];
            let [gradient, square, metric] = if with_metric {
                pulled_moments::<V>(weight, &work[..n], pull, pair)
            } else {
                let [gradient, square] = moments::<V>(weight, &work[..n], pair);
                [gradient, square, [0.0; 2]]
            };
            for b in a..a + 1 + usize::from(two.is_some()) {
                model.gradient[b] += gradient[b - a];
                model.column_squares[b] += square[b - a];
                model.metric[b] += metric[b - a];
            }
        }
        // Near-L1 losses leave few rows with curvature: only those are multiplied out. Negative curvature would make the
        // model indefinite; redescending losses rely on their metric there.
        let m = find_curved::<V>(weight, curvature, curved);
        model.curved += m;
        curved_products::<V>(&curved[..m], weight, curvature, jacobian, (work, packed), &mut model.hessian, q);
    }
}

/// Add the lower triangle of J' diag(weight x curvature) J of a block to `hessian`, where only the rows `curved` curve;
/// the buffers are a block, and a block a column.
#[inline(always)]
fn curved_products<V: Vector>(
    curved: &[usize],
    weight: &[f64],
    curvature: &[f64],
    columns: &[f64],
    (weighted, packed): (&mut [f64], &mut [f64]),
    hessian: &mut [f64],
    q: usize,
) {
    let (n, m) = (weight.len(), curved.len());
    if 2 * m > n {
        for i in (0..n).step_by(LANES) {
            (V::load(&weight[i..]) * V::load(&curvature[i..]).most(V::zero())).store(&mut weighted[i..]);
        }
        products::<V>(&weighted[..n], columns, BLOCK, hessian, q);
    } else if m > 0 {
        // Whole lanes, the last filled up with zeros, which add nothing.
        let padded = m.next_multiple_of(LANES);
        for a in 0..q {
            let column = &columns[a * BLOCK..a * BLOCK + n];
            let packed = &mut packed[a * BLOCK..a * BLOCK + padded];
            for (to, &i) in packed.iter_mut().zip(curved) {
                *to = column[i];
            }
            packed[m..].fill(0.0);
        }
        for (to, &i) in weighted.iter_mut().zip(curved) {
            *to = weight[i] * curvature[i];
        }
        weighted[m..padded].fill(0.0);
        products::<V>(&weighted[..padded], packed, BLOCK, hessian, q);
    }
}

/// Add the lower triangle of J' diag(weighted) J to `hessian`, columns of J a `stride` apart.
#[inline(always)]
pub(super) fn products<V: Vector>(weighted: &[f64], columns: &[f64], stride: usize, hessian: &mut [f64], q: usize) {
    for a in 0..q {
        let columns = |b: usize| &columns[b * stride..b * stride + weighted.len()];
        // A row of the triangle at a time keeps its sums in registers; four are as many as every processor has.
        for first in (0..=a).step_by(4) {
            let hessian = &mut hessian[a * q + first..];
            match a + 1 - first {
                1 => row_of_products::<V, 1>(weighted, columns(a), |k| columns(first + k), hessian),
                2 => row_of_products::<V, 2>(weighted, columns(a), |k| columns(first + k), hessian),
                3 => row_of_products::<V, 3>(weighted, columns(a), |k| columns(first + k), hessian),
                _ => row_of_products::<V, 4>(weighted, columns(a), |k| columns(first + k), hessian),
            }
        }
    }
}

/// Add the weighted products of the column `own` and of `N` others.
#[inline(always)]
fn row_of_products<'c, V: Vector, const N: usize>(
    weighted: &[f64],
    own: &[f64],
    others: impl Fn(usize) -> &'c [f64],
    hessian: &mut [f64],
) {
    let n = weighted.len();
    let others: [&[f64]; N] = std::array::from_fn(others);
    let mut sums = [V::zero(); N];
    for i in (0..n).step_by(LANES) {
        let left = V::load(&weighted[i..]) * V::load(&own[i..]);
        for k in 0..N {
            sums[k] = left.fused(V::load(&others[k][i..]), sums[k]);
        }
    }
    for (to, sum) in hessian.iter_mut().zip(vector::sums(sums)) {
        *to += sum;
    }
}

/// Sums of weight x rho, weight x residual^2 and weight x psi^2 in one pass; `weighted` then holds weight x psi.
#[inline(always)]
fn sums<V: Vector>(weight: &[f64], rho: &[f64], residual: &[f64], psi: &[f64], weighted: &mut [f64]) -> [f64; 3] {
    let [mut value, mut square, mut slope] = [V::zero(); 3];
    for i in (0..weight.len()).step_by(LANES) {
        let (w, r, psi) = (V::load(&weight[i..]), V::load(&residual[i..]), V::load(&psi[i..]));
        value = V::load(&rho[i..]).fused(w, value);
        square = (w * r).fused(r, square);
        let product = w * psi;
        slope = product.fused(psi, slope);
        product.store(&mut weighted[i..]);
    }
    vector::sums([value, square, slope])
}

/// Sums of weight psi x column and of weight x column^2 of two columns in one pass.
#[inline(always)]
fn moments<V: Vector>(weight: &[f64], weighted: &[f64], columns: [&[f64]; 2]) -> [[f64; 2]; 2] {
    let n = weight.len();
    let (weighted, columns) = (&weighted[..n], columns.map(|column| &column[..n]));
    let (mut gradient, mut square) = ([V::zero(); 2], [V::zero(); 2]);
    for i in (0..n).step_by(LANES) {
        let (weight, weighted) = (V::load(&weight[i..]), V::load(&weighted[i..]));
        for k in 0..2 {
            let v = V::load(&columns[k][i..]);
            gradient[k] = weighted.fused(v, gradient[k]);
            square[k] = (weight * v).fused(v, square[k]);
        }
    }
    let [a, b, c, d] = vector::sums([gradient[0], gradient[1], square[0], square[1]]);
    [[a, b], [c, d]]
}

/// The same, and the sums of pull x column^2.
#[inline(always)]
fn pulled_moments<V: Vector>(weight: &[f64], weighted: &[f64], pull: &[f64], columns: [&[f64]; 2]) -> [[f64; 2]; 3] {
    let n = weight.len();
    let (weighted, pull, columns) = (&weighted[..n], &pull[..n], columns.map(|column| &column[..n]));
    let mut sums = [[V::zero(); 2]; 3];
    for i in (0..n).step_by(LANES) {
        let (weight, weighted, pull) = (V::load(&weight[i..]), V::load(&weighted[i..]), V::load(&pull[i..]));
        for k in 0..2 {
            let v = V::load(&columns[k][i..]);
            sums[0][k] = weighted.fused(v, sums[0][k]);
            sums[1][k] = (weight * v).fused(v, sums[1][k]);
            sums[2][k] = pull.fused(v * v, sums[2][k]);
        }
    }
    sums.map(|sums| sums.map(V::sum))
}

/// Put the rows that weigh and curve upwards at the head of `curved`, a block and lanes long; returns how many they are.
#[inline(always)]
fn find_curved<V: Vector>(weight: &[f64], curvature: &[f64], curved: &mut [usize]) -> usize {
    let mut m = 0;
    for i in (0..weight.len()).step_by(LANES) {
        m += (V::load(&weight[i..]) * V::load(&curvature[i..])).above_zero(i, &mut curved[m..]);
    }
    m
}

/// Sum of weight x rho of a block, for objectives without a model.
pub(super) fn weighted_sum(weight: &[f64], values: &[f64]) -> f64 {
    dispatch(DotKernel { left: weight, right: &values[..weight.len()] })
}

struct DotKernel<'a> {
    left: &'a [f64],
    right: &'a [f64],
}

impl Kernel for DotKernel<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        lanes::dot(self.left, self.right)
    }
}

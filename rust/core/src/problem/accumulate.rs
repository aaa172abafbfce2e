//! From law values to sums: residual, chain rule, loss and normal matrix of one block of rows.

use super::Residual;
use super::excess::Excess;
use crate::expr::BLOCK;
use crate::loss::Loss;
use crate::simd::{Kernel, LANES, dispatch, lanes, math};
use crate::solve::objective::Model;
use crate::space::Space;

/// Buffers of one block; column a of a matrix starts at `a * BLOCK`.
#[derive(Debug, Clone)]
pub struct Block {
    /// Law values.
    pub value: Vec<f64>,
    /// Derivatives of the law by every parameter.
    pub raw: Vec<f64>,
    /// Derivatives of the residual by every free coordinate.
    pub jacobian: Vec<f64>,
    /// Residuals.
    pub residual: Vec<f64>,
    /// rho of each residual.
    pub rho: Vec<f64>,
    /// psi of each residual.
    pub psi: Vec<f64>,
    /// psi' of each residual.
    pub curvature: Vec<f64>,
    slope: Vec<f64>,
    work: Vec<f64>,
    /// Jacobian of the rows with curvature, packed.
    packed: Vec<f64>,
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
        let one = vec![0.0; BLOCK];
        Self {
            value: one.clone(),
            raw: vec![0.0; p * BLOCK],
            jacobian: vec![0.0; q * BLOCK],
            residual: one.clone(),
            rho: one.clone(),
            psi: one.clone(),
            curvature: one.clone(),
            slope: one.clone(),
            work: one,
            packed: vec![0.0; q.max(1) * BLOCK],
            curved: Vec::with_capacity(BLOCK),
        }
    }

    /// Residuals, losses and (when asked for) the Jacobian of the residuals, from `value` and `raw`.
    pub fn prepare(&mut self, with: &Prepare<'_>) {
        dispatch(PrepareKernel { block: self, with });
    }

    /// Add this block to the sums of `model`.
    pub fn accumulate(&mut self, weight: &[f64], loss: Loss, with_metric: bool, model: &mut Model) {
        dispatch(AccumulateKernel { block: self, weight, loss, with_metric, model });
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
        match with.residual {
            Residual::Raw => by_lanes(value, target, residual, slope, |f, y| (f - y, 1.0)),
            Residual::Log => by_lanes(value, target, residual, slope, |f, y| (math::ln(f) - y, 1.0 / f)),
            Residual::Logit => by_lanes(value, target, residual, slope, |f, y| {
                let rest = 1.0 - f;
                (math::ln(f) - math::ln(rest) - y, 1.0 / (f * rest))
            }),
            Residual::LogExcess { .. } => {
                let Excess { offset, factor, .. } = with.excess;
                by_lanes(value, target, residual, slope, |f, y| {
                    let left = f - offset;
                    (factor * (math::ln(left) - math::ln(y - offset)), factor / left)
                });
            }
        }
        if let Some(inverse) = with.inverse_sigma {
            for ((r, s), inverse) in residual.iter_mut().zip(slope.iter_mut()).zip(inverse) {
                *r *= inverse;
                *s *= inverse;
            }
        }
        with.loss.evaluate(residual, &mut rho[..n], &mut psi[..n], &mut curvature[..n]);
        if let Some((space, primed)) = with.chain {
            for (a, &j) in space.free.iter().enumerate() {
                let factor = if space.log[a] { primed[j] } else { 1.0 };
                let from = &raw[j * BLOCK..j * BLOCK + n];
                let to = &mut jacobian[a * BLOCK..a * BLOCK + n];
                for ((to, from), slope) in to.iter_mut().zip(from).zip(slope.iter()) {
                    *to = from * (slope * factor);
                }
            }
            if let Some(a) = with.excess.coordinate {
                let Excess { offset, factor, growth, .. } = with.excess;
                let chain = if space.log[a] { offset } else { 1.0 };
                for i in 0..n {
                    let inverse = with.inverse_sigma.map_or(1.0, |s| s[i]);
                    let own = factor * inverse / (target[i] - offset) - slope[i] + growth * residual[i];
                    jacobian[a * BLOCK + i] = own.mul_add(chain, jacobian[a * BLOCK + i]);
                }
            }
        }
    }
}

/// Apply `f` to (value, target) a vector at a time; blocks are whole numbers of lanes long.
#[inline(always)]
fn by_lanes(value: &[f64], target: &[f64], first: &mut [f64], second: &mut [f64], f: impl Fn(f64, f64) -> (f64, f64)) {
    let lanes = value.chunks_exact(LANES).zip(target.chunks_exact(LANES));
    let out = first.chunks_exact_mut(LANES).zip(second.chunks_exact_mut(LANES));
    for ((value, target), (first, second)) in lanes.zip(out) {
        let (mut a, mut b) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            (a[lane], b[lane]) = f(value[lane], target[lane]);
        }
        first.copy_from_slice(&a);
        second.copy_from_slice(&b);
    }
}

struct AccumulateKernel<'a> {
    block: &'a mut Block,
    weight: &'a [f64],
    loss: Loss,
    with_metric: bool,
    model: &'a mut Model,
}

impl Kernel for AccumulateKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { block, weight, loss, with_metric, model } = self;
        let n = weight.len();
        let q = model.gradient.len();
        let Block { jacobian, residual, rho, psi, curvature, work, packed, curved, .. } = block;
        let (residual, psi, curvature) = (&residual[..n], &psi[..n], &curvature[..n]);
        model.value += lanes::dot(&rho[..n], weight);
        model.square += weighted_square(weight, residual, &mut work[..n]);
        model.slope += weighted_square(weight, psi, &mut work[..n]);
        // `work` now holds weight x psi.
        for a in 0..q {
            model.gradient[a] += lanes::dot(&work[..n], &jacobian[a * BLOCK..a * BLOCK + n]);
        }
        for a in 0..q {
            let column = &jacobian[a * BLOCK..a * BLOCK + n];
            model.column[a] += weighted_square(weight, column, &mut work[..n]);
        }
        // Near-L1 losses leave few rows with curvature: only those are multiplied out. Negative curvature would make the
        // model indefinite; redescending losses rely on their metric there.
        curved.clear();
        for i in 0..n {
            if curvature[i] > 0.0 && weight[i] > 0.0 {
                curved.push(i);
            }
        }
        if 2 * curved.len() > n {
            let (left, right) = (&mut work[..n], weight);
            for a in 0..q {
                let column = &jacobian[a * BLOCK..a * BLOCK + n];
                for i in 0..n {
                    left[i] = right[i] * curvature[i].max(0.0) * column[i];
                }
                for b in 0..=a {
                    model.hessian[a * q + b] += lanes::dot(left, &jacobian[b * BLOCK..b * BLOCK + n]);
                }
            }
        } else {
            let m = curved.len();
            for a in 0..q {
                let column = &jacobian[a * BLOCK..a * BLOCK + n];
                for (to, &i) in packed[a * BLOCK..a * BLOCK + m].iter_mut().zip(curved.iter()) {
                    *to = column[i];
                }
            }
            for a in 0..q {
                for (to, &i) in work[..m].iter_mut().zip(curved.iter()) {
                    *to = weight[i] * curvature[i];
                }
                for (to, from) in work[..m].iter_mut().zip(&packed[a * BLOCK..a * BLOCK + m]) {
                    *to *= from;
                }
                for b in 0..=a {
                    model.hessian[a * q + b] += lanes::dot(&work[..m], &packed[b * BLOCK..b * BLOCK + m]);
                }
            }
        }
        if with_metric {
            for i in 0..n {
                work[i] = weight[i] * loss.weight(residual[i]);
            }
            for a in 0..q {
                let column = &jacobian[a * BLOCK..a * BLOCK + n];
                let squares = &mut packed[..n];
                for i in 0..n {
                    squares[i] = column[i] * column[i];
                }
                model.metric[a] += lanes::dot(&work[..n], squares);
            }
        }
    }
}

/// Sum of weight x value^2; `work` holds weight x value afterwards.
#[inline(always)]
fn weighted_square(weight: &[f64], value: &[f64], work: &mut [f64]) -> f64 {
    for ((to, w), v) in work.iter_mut().zip(weight).zip(value) {
        *to = w * v;
    }
    lanes::dot(work, value)
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

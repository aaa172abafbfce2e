//! From law values to sums: residual, chain rule, loss and normal matrix of one block of rows.

use super::Residual;
use crate::expr::BLOCK;
use crate::loss::Loss;
use crate::simd::{Kernel, dispatch, lanes, math};
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
}

/// What turns law values into losses.
#[derive(Debug)]
pub struct Prepare<'a> {
    /// The scale of the residual.
    pub residual: Residual,
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
        let (value, target) = (&block.value[..n], &with.target[..n]);
        let (residual, slope) = (&mut block.residual[..n], &mut block.slope[..n]);
        match with.residual {
            Residual::Raw => {
                for i in 0..n {
                    residual[i] = value[i] - target[i];
                    slope[i] = 1.0;
                }
            }
            Residual::Log => {
                for i in 0..n {
                    residual[i] = math::ln(value[i]) - target[i];
                    slope[i] = 1.0 / value[i];
                }
            }
            Residual::Logit => {
                for i in 0..n {
                    let rest = 1.0 - value[i];
                    residual[i] = math::ln(value[i]) - math::ln(rest) - target[i];
                    slope[i] = 1.0 / (value[i] * rest);
                }
            }
        }
        if let Some(inverse) = with.inverse_sigma {
            for i in 0..n {
                residual[i] *= inverse[i];
                slope[i] *= inverse[i];
            }
        }
        with.loss.evaluate(residual, &mut block.rho[..n], &mut block.psi[..n], &mut block.curvature[..n]);
        if let Some((space, primed)) = with.chain {
            for (a, &j) in space.free.iter().enumerate() {
                let factor = if space.log[a] { primed[j] } else { 1.0 };
                let from = &block.raw[j * BLOCK..j * BLOCK + n];
                let to = &mut block.jacobian[a * BLOCK..a * BLOCK + n];
                for i in 0..n {
                    to[i] = from[i] * (slope[i] * factor);
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

impl Kernel for AccumulateKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { block, weight, loss, with_metric, model } = self;
        let n = weight.len();
        let q = model.gradient.len();
        let work = &mut block.work[..n];
        let column = |a: usize| &block.jacobian[a * BLOCK..a * BLOCK + n];
        model.value += lanes::dot(&block.rho[..n], weight);
        let (residual, psi) = (&block.residual[..n], &block.psi[..n]);
        for i in 0..n {
            work[i] = weight[i] * residual[i];
        }
        model.square += lanes::dot(work, residual);
        for i in 0..n {
            work[i] = weight[i] * psi[i];
        }
        model.slope += lanes::dot(work, psi);
        for a in 0..q {
            model.gradient[a] += lanes::dot(work, column(a));
        }
        for a in 0..q {
            let left = column(a);
            for i in 0..n {
                work[i] = weight[i] * left[i];
            }
            model.column[a] += lanes::dot(work, left);
            // A negative curvature would make the model indefinite: redescending losses rely on their metric there.
            for i in 0..n {
                work[i] *= block.curvature[i].max(0.0);
            }
            for b in 0..=a {
                model.hessian[a * q + b] += lanes::dot(work, column(b));
            }
        }
        if with_metric {
            for i in 0..n {
                work[i] = weight[i] * loss.weight(residual[i]);
            }
            for a in 0..q {
                let column = column(a);
                let mut sum = 0.0;
                for i in 0..n {
                    sum = (work[i] * column[i]).mul_add(column[i], sum);
                }
                model.metric[a] += sum;
            }
        }
    }
}

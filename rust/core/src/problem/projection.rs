//! The normal equations of the linear parameters, block by block, and how their rows are weighed.

use super::Problem;
use super::accumulate::Block;
use super::clipping::usual_reach;
use super::selection::View;
use crate::expr::BLOCK;
use crate::loss::Loss;
use crate::residual::{Excess, Trust};
use crate::simd::{Kernel, lanes, math};
use crate::solve::separable::BoxLeastSquares;

/// How a fitter solves for the linear parameters.
#[derive(Debug)]
pub(super) struct Projection {
    /// Whether it leaves the scale of the residuals aside.
    pub(super) plain: bool,
    /// The rows it begins with, if not all: number and share of a draw.
    pub(super) part: Option<(u64, f64)>,
    pub(super) system: BoxLeastSquares,
    pub(super) buffers: Vec<f64>,
}

impl Projection {
    /// Of all rows, on the scale of the residuals.
    pub(super) fn new(problem: &Problem<'_>) -> Self {
        let system = BoxLeastSquares::new(problem.linear.len());
        Self { plain: false, part: None, system, buffers: Vec::new() }
    }
}

/// One block's part of the normal equations.
pub(super) struct NormalKernel<'a, 'b> {
    pub(super) block: &'a Block,
    pub(super) view: &'a View<'b>,
    pub(super) problem: &'a Problem<'a>,
    /// Whether rows count alike on the natural scale, whatever scale residuals are taken on.
    pub(super) plain: bool,
    /// The rows that take part: number and share of a draw.
    pub(super) part: Option<(u64, f64)>,
    pub(super) excess: &'a Excess,
    /// The loss whose weights psi/r enter; none on a first pass, when nothing is known of the residuals.
    pub(super) loss: Option<Loss>,
    pub(super) coefficients: &'a [f64],
    pub(super) buffers: &'a mut [f64],
    pub(super) system: &'a mut BoxLeastSquares,
}

impl Kernel for NormalKernel<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { block, view, problem, plain, part, excess, loss, coefficients, buffers, system } = self;
        let n = view.weight.len();
        let k = problem.linear.len();
        let (row_weight, rest) = buffers.split_at_mut(BLOCK);
        let (work, left) = rest.split_at_mut(BLOCK);
        let (row_weight, work, left) = (&mut row_weight[..n], &mut work[..n], &mut left[..n]);
        let (value, residual) = (&block.value[..n], &block.residual[..n]);
        let (centre, reach) = problem.centre_and_reach;
        let trust = usual_trust(problem, plain);
        let bounded = problem.loss != Loss::Squared;
        let excess = *excess;
        for i in 0..n {
            let y = view.target[i];
            let (natural, unit) = problem.residual.linearised(excess, trust, y);
            let distance = (y - centre).abs();
            let scale = unit * view.inverse_sigma.map_or(1.0, |s| s[i]);
            let robustness = match loss {
                Some(loss) if residual[i].is_finite() => loss.weight(residual[i]),
                // Nothing is known of residuals yet: a target far outside the others may only hint.
                _ if bounded && distance > reach => (reach / distance) * (reach / distance),
                _ => 1.0,
            };
            row_weight[i] = view.weight[i] * scale * scale * robustness;
            left[i] = natural - value[i];
            if part.is_some_and(|(number, share)| !is_drawn(number, view.row + i, share)) {
                row_weight[i] = 0.0;
            }
        }
        for (a, &(_, j)) in problem.linear.iter().enumerate() {
            let basis = &block.raw[j * BLOCK..j * BLOCK + n];
            for i in 0..n {
                left[i] = basis[i].mul_add(coefficients[a], left[i]);
            }
        }
        for (a, &(_, j)) in problem.linear.iter().enumerate() {
            let basis = &block.raw[j * BLOCK..j * BLOCK + n];
            for i in 0..n {
                work[i] = row_weight[i] * basis[i];
            }
            system.right[a] += lanes::dot(work, left);
            for (b, &(_, l)) in problem.linear.iter().enumerate() {
                system.gram[a * k + b] += lanes::dot(work, &block.raw[l * BLOCK..l * BLOCK + n]);
            }
        }
    }
}

/// Which targets of `problem` a linearisation trusts; `plain` where rows count alike on the natural scale.
#[inline(always)]
pub(super) fn usual_trust(problem: &Problem<'_>, plain: bool) -> Trust {
    let (centre, reach) = problem.centre_and_reach;
    Trust { centre, usual: usual_reach(reach), plain }
}

/// Whether draw `number` takes `row`, for a share of the rows: a finaliser of splitmix64 (Steele et al. 2014).
fn is_drawn(number: u64, row: usize, share: f64) -> bool {
    let mut z = (number << 32 | row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 * math::power_of_two(-53) < share
}

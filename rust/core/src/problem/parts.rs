//! Sums over very many rows, in parts of a fixed size that any number of threads may share: the same bits for all of them.

use super::accumulate::{Block, Prepare, add_products};
use super::fitter::Fitter;
use crate::expr::BLOCK;
use crate::loss::Loss;
use crate::pool::map_inside;
use crate::solve::objective::{Model, Objective};

/// Rows of a part: blocks enough to hide the hand-over to a thread, parts enough to share.
const PART: usize = 64 * BLOCK;

impl Fitter<'_> {
    /// Whether every row curves the objective wherever its residual lies.
    pub fn is_curved_everywhere(&self) -> bool {
        self.force.loss == Loss::Squared && !self.force.joint
    }

    /// J' W J at `x`, full; false where it is not finite.
    pub fn gram(&mut self, x: &[f64], gram: &mut [f64]) -> bool {
        let q = self.dimension();
        gram.fill(0.0);
        let parts = self.parts(x, || vec![0.0; q * q], |block, weight, sum| add_products(block, weight, sum, q));
        for part in parts {
            for (total, value) in gram.iter_mut().zip(part) {
                *total += value;
            }
        }
        for i in 0..q {
            for j in 0..i {
                gram[j * q + i] = gram[i * q + j];
            }
        }
        gram.iter().all(|v| v.is_finite())
    }

    /// [`Objective::model`] before it is finished, from parts that are added in order.
    pub(super) fn model_in_parts(&mut self, x: &[f64], model: &mut Model) {
        let (loss, with_metric, q) = (self.force.loss, self.with_metric, self.dimension());
        let empty = || {
            let mut model = Model::new(q);
            model.clear();
            model
        };
        let parts = self.parts(x, empty, |block, weight, sum| block.accumulate(weight, loss, with_metric, sum));
        for part in &parts {
            model.add(part);
        }
    }

    /// What `add` makes of every part, in order.
    fn parts<T: Send>(
        &mut self,
        x: &[f64],
        empty: impl Fn() -> T + Sync,
        add: impl Fn(&mut Block, &[f64], &mut T) + Sync,
    ) -> Vec<T> {
        self.bind(x);
        self.selection.gather_slots(self.problem);
        let problem = self.problem;
        let (selection, slots) = (&self.selection, self.selection.slots(problem));
        let (excess, loss, tape, primed) = (self.excess_at(), self.force.loss, &self.tape, &self.primed);
        let padded = selection.padded();
        let worker = || (tape.clone(), Block::new(problem.space.parameters(), problem.space.dimension()));
        map_inside(padded.div_ceil(PART), worker, |(tape, block), part| {
            let mut sum = empty();
            let end = padded.min((part + 1) * PART);
            let mut row = part * PART;
            while row < end {
                let view = selection.view(row..end.min(row + BLOCK));
                let len = view.weight.len();
                problem.program.value_jacobian(slots, row, len, tape, &mut block.value, &mut block.raw);
                block.prepare(&Prepare {
                    residual: problem.residual,
                    excess,
                    loss,
                    target: view.target,
                    inverse_sigma: view.inverse_sigma,
                    chain: Some((&problem.space, primed)),
                });
                add(block, view.weight, &mut sum);
                row += len;
            }
            sum
        })
    }
}

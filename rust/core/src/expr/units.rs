//! What becomes of the parameters when a column or the target is measured in another unit.

use std::sync::Arc;

use super::assemble::assemble_scalar;
use super::differentiate::gradient;
use super::dimension::{ShiftKind, absorb};
use super::graph::{Graph, Id, Op};
use super::sign::Known;
use crate::tape::ScalarTape;

/// What the parameters become when a column (or the target) is measured in units of k.
#[derive(Debug, Clone)]
pub struct UnitChange {
    /// Parameters that change; the others stay. Every group of rows keeps some of them.
    pub shifts: Vec<Arc<Shift>>,
}

/// The change of one parameter.
#[derive(Debug, Clone)]
pub struct Shift {
    /// Index of the parameter.
    pub param: usize,
    /// How k enters.
    pub kind: ShiftKind,
    scalars: Vec<f64>,
    tape: ScalarTape,
    results: Vec<usize>,
    /// Parameters on which the exponent depends.
    dependencies: Vec<usize>,
}

/// Scalars an exponent may need without an allocation.
const FEW: usize = 64;

impl Shift {
    /// The exponent, and its derivative with respect to parameter j in `grad[j]`. It depends only on parameters that do
    /// not change themselves, so natural and new parameters give the same.
    pub fn exponent(&self, params: &[f64], grad: &mut [f64]) -> f64 {
        let mut few = [0.0; FEW];
        let mut many;
        let scalars = if self.tape.len() <= FEW {
            &mut few[..self.tape.len()]
        } else {
            many = vec![0.0; self.tape.len()];
            &mut many[..]
        };
        scalars[..self.scalars.len()].copy_from_slice(&self.scalars);
        scalars[..params.len()].copy_from_slice(params);
        self.tape.run(scalars);
        for (g, &at) in grad.iter_mut().zip(&self.results[1..]) {
            *g = scalars[at];
        }
        scalars[self.results[0]]
    }

    /// The parameters on which the exponent depends.
    pub fn dependencies(&self) -> &[usize] {
        &self.dependencies
    }

    /// Find the parameters on which the exponent depends, of `p`.
    fn depend_on(&mut self, p: usize) {
        // Two unrelated points: a gradient entry that vanishes at both is structurally zero for the shapes that occur.
        let [first, second] = [0.7_f64, 1.3].map(|seed| {
            let point: Vec<f64> = (0..p).map(|k| seed + 0.1 * k as f64).collect();
            let mut gradient = vec![0.0; p];
            self.exponent(&point, &mut gradient);
            gradient
        });
        self.dependencies = (0..p).filter(|&j| first[j] != 0.0 || second[j] != 0.0).collect();
    }
}

/// The change for `column` (None: the target), if parameters can absorb it.
pub(super) fn unit_change(graph: &Graph, root: Id, params: usize, column: Option<u32>) -> Option<UnitChange> {
    let (mut graph, assigned) = absorb(graph, root, params, column)?;
    let zero = graph.constant(0.0);
    let changed: Vec<bool> = assigned.iter().map(|a| matches!(a, Some((_, e)) if *e != zero)).collect();
    let mut shifts = Vec::new();
    for (param, assignment) in assigned.iter().enumerate() {
        let Some((kind, exponent)) = assignment.filter(|(_, e)| *e != zero) else {
            continue;
        };
        let live = graph.reachable(&[exponent]);
        let depends =
            graph.ops.iter().zip(&live).any(|(op, l)| *l && matches!(op, Op::Param(p) if changed[*p as usize]));
        if depends {
            return None;
        }
        let mut outputs = vec![exponent];
        outputs.extend(gradient(&mut graph, exponent, params, &Known::default()));
        let (scalars, tape, results) = assemble_scalar(&graph, params, &outputs);
        let mut shift = Shift { param, kind, scalars, tape, results, dependencies: Vec::new() };
        shift.depend_on(params);
        shifts.push(Arc::new(shift));
    }
    Some(UnitChange { shifts })
}

//! A question looked at one point of natural parameters, in the caller's units: nothing is minimised here.

use crate::batch::Question;
use crate::expr::{BLOCK, Program};
use crate::problem::Residual;
use crate::simd::{lanes, math};

/// Residuals and their Jacobian in natural units.
#[derive(Debug, Clone, PartialEq)]
pub struct NaturalRows {
    /// Residual of each row, divided by its sigma.
    pub residual: Vec<f64>,
    /// psi of each residual.
    pub psi: Vec<f64>,
    /// psi' of each residual.
    pub curvature: Vec<f64>,
    /// Row-major, rows x parameters.
    pub jacobian: Vec<f64>,
}

/// The rows of group `g` at `params`.
pub fn rows(question: &Question, g: usize, params: &[f64]) -> NaturalRows {
    let group = question.group(g);
    let (n, p) = (group.target.len(), params.len());
    let program = &question.program;
    let mut slots = vec![Vec::new(); program.slots()];
    program.fill(&group.inputs, &mut slots);
    let mut workspace = program.workspace();
    program.bind(params, &mut workspace);
    let mut out =
        NaturalRows { residual: vec![0.0; n], psi: vec![0.0; n], curvature: vec![0.0; n], jacobian: vec![0.0; n * p] };
    let (mut value, mut jacobian) = (vec![0.0; BLOCK], vec![0.0; p * BLOCK]);
    let mut row = 0;
    while row < n {
        let len = BLOCK.min(n - row);
        program.value_jacobian(&slots, row, len, &mut workspace, &mut value, &mut jacobian);
        for i in 0..len {
            let (f, y) = (value[i], group.target[row + i]);
            let inverse = group.sigma.map_or(1.0, |s| 1.0 / s[row + i]);
            let (residual, slope) = match question.residual {
                Residual::Raw => (f - y, 1.0),
                Residual::Log => (math::ln(f) - math::ln(y), 1.0 / f),
                Residual::Logit => (math::ln(f / (1.0 - f)) - math::ln(y / (1.0 - y)), 1.0 / (f * (1.0 - f))),
            };
            out.residual[row + i] = residual * inverse;
            out.psi[row + i] = question.loss.psi(residual * inverse);
            out.curvature[row + i] = question.loss.curvature(residual * inverse);
            for j in 0..p {
                out.jacobian[(row + i) * p + j] = jacobian[j * BLOCK + i] * slope * inverse;
            }
        }
        row += len;
    }
    out
}

/// The objective of group `g` at `params`.
pub fn objective(question: &Question, g: usize, params: &[f64]) -> f64 {
    let rows = rows(question, g, params);
    let rho: Vec<f64> = rows.residual.iter().map(|r| question.loss.rho(*r)).collect();
    match question.group(g).weights {
        Some(weights) => lanes::dot(&rho, weights),
        None => lanes::sum(&rho),
    }
}

/// Value of a formula that uses no column, and its derivative by each parameter.
pub fn gradient(program: &Program, params: &[f64]) -> (f64, Vec<f64>) {
    let mut slots = vec![Vec::new(); program.slots()];
    program.fill(&[], &mut slots);
    for slot in &mut slots {
        slot.resize(1, 0.0);
    }
    let mut workspace = program.workspace();
    program.bind(params, &mut workspace);
    let (mut value, mut jacobian) = ([0.0], vec![0.0; BLOCK * params.len()]);
    program.value_jacobian(&slots, 0, 1, &mut workspace, &mut value, &mut jacobian);
    (value[0], (0..params.len()).map(|j| jacobian[j * BLOCK]).collect())
}

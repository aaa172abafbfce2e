//! A question looked at one point of natural parameters, in the caller's units: nothing is minimised here.

use crate::error::Error;
use crate::expr::{BLOCK, Program};
use crate::loss::Criterion;
use crate::memory::ask;
use crate::question::Question;
use crate::residual::Residual;

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
    /// The scale of the residuals, where it is estimated; psi and psi' are then those of the negative log-likelihood.
    pub scale: Option<f64>,
}

/// The rows of group `g` at `params`.
///
/// # Errors
/// [`Error::Resource`] where they do not fit in memory.
pub fn rows(question: &Question, g: usize, params: &[f64]) -> Result<NaturalRows, Error> {
    let group = question.group(g);
    let _promise = ask("the table of residuals and derivatives", question.program.needs(group.target.len(), true))?;
    let (n, p) = (group.target.len(), params.len());
    let program = &question.program;
    let mut slots = vec![Vec::new(); program.slots()];
    program.fill(&group.inputs, &mut slots);
    let mut workspace = program.workspace();
    program.bind(params, &mut workspace);
    let mut out = NaturalRows {
        residual: vec![0.0; n],
        psi: vec![0.0; n],
        curvature: vec![0.0; n],
        jacobian: vec![0.0; n * p],
        scale: None,
    };
    let (mut value, mut jacobian) = (vec![0.0; BLOCK], vec![0.0; p * BLOCK]);
    let mut row = 0;
    while row < n {
        let len = BLOCK.min(n - row);
        program.value_jacobian(&slots, row, len, &mut workspace, &mut value, &mut jacobian);
        for i in 0..len {
            let (f, y) = (value[i], group.target[row + i]);
            let inverse = group.sigma.map_or(1.0, |s| 1.0 / s[row + i]);
            let (residual, slope) = question.residual.natural(f, y, params);
            out.residual[row + i] = residual * inverse;
            for j in 0..p {
                out.jacobian[(row + i) * p + j] = jacobian[j * BLOCK + i] * slope * inverse;
            }
            if let Residual::LogExcess { param, .. } = question.residual {
                out.jacobian[(row + i) * p + param] += (1.0 / (y - params[param]) - slope) * inverse;
            }
        }
        row += len;
    }
    let (loss, strength) = match question.criterion {
        Criterion::Sum(loss) => (loss, 1.0),
        Criterion::Likelihood(density) => {
            let scale = density.scale(&out.residual, &group.weights());
            out.scale = Some(scale);
            (density.at(scale), density.strength(scale))
        }
    };
    for i in 0..n {
        out.psi[i] = strength * loss.psi(out.residual[i]);
        out.curvature[i] = strength * loss.curvature(out.residual[i]);
    }
    Ok(out)
}

/// The objective of group `g` at `params`, as [`Question::objective`].
///
/// # Errors
/// As [`rows`].
pub fn objective(question: &Question, g: usize, params: &[f64]) -> Result<f64, Error> {
    let rows = question.group(g).target.len();
    let _promise = ask("the residuals of the fit", question.program.needs(rows, true))?;
    Ok(question.objective(g, params))
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

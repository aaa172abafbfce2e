//! What replicates are made of, handed out: for estimates that are not fits of the question, on the same draws.

use super::draw::{Design, Drawn};
use super::replicates::Resampling;
use super::row::FitRow;
use crate::error::Error;
use crate::memory::{ask, filled};
use crate::problem::{Fitter, Problem};
use crate::question::Question;
use crate::solve::{Objective, Rows};

/// The rows of the replicates of a resampling, one replicate after the other.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplicateRows {
    /// How often each row counts.
    Weights(Vec<f64>),
    /// Fitted minus new target of each row, on the scale on which residuals are taken, in the caller's units.
    Residuals(Vec<f64>),
}

/// The rows of the replicates of group 0 around its fit; None where there is no fit to take residuals from.
///
/// # Errors
/// [`Error::Resource`] when they do not fit in memory.
pub fn replicate_rows(
    question: &Question,
    base: &FitRow,
    resampling: &Resampling,
) -> Result<Option<ReplicateRows>, Error> {
    let problem =
        Problem::new(&question.program, &question.group(0), &question.params, question.criterion, question.residual);
    let (n, what) = (problem.len(), "the rows of replicates");
    let size = size_of::<f64>() as u128;
    let _promise = ask(what, size * n as u128 * resampling.count as u128)?;
    let mut design = Design::new(question, 0, &resampling.scheme);
    let mut unit = 1.0;
    if design.replaces_targets() {
        if base.params.iter().any(|v| !v.is_finite()) {
            return Ok(None);
        }
        let mut x = vec![0.0; problem.space.dimension()];
        problem.space.coordinates(&base.params, &mut x);
        let (mut fitter, mut rows) = (Fitter::new(&problem), Rows::default());
        if !fitter.rows(&x, &mut rows) {
            return Ok(None);
        }
        unit = fitter.residual_unit();
        design.targets = design.around(&fitter, &problem.space.moving(&x), &rows);
    }
    let mut values = filled(what, n * resampling.count, 0.0)?;
    let mut drawn = Drawn::new(n);
    for (i, row) in values.chunks_mut(n.max(1)).enumerate() {
        design.draw(resampling.seed, 0, resampling.first + i, &mut drawn);
        match &design.targets {
            None => row.copy_from_slice(drawn.weights()),
            Some(targets) => {
                for (value, residual) in row.iter_mut().zip(drawn.residuals(targets)) {
                    *value = residual * unit;
                }
            }
        }
    }
    Ok(Some(match design.targets {
        None => ReplicateRows::Weights(values),
        Some(_) => ReplicateRows::Residuals(values),
    }))
}

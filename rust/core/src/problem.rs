//! One fit: a law, a loss and the rows of a group, seen by the solver as an [`Objective`](crate::solve::Objective).

use crate::expr::Program;
use crate::loss::{Density, Loss};
use crate::residual::Residual;
use crate::solve::certificate::ROUNDING_FACTOR;
use crate::solve::starts::Range;
use crate::space::Space;

pub mod accumulate;
mod clipping;
mod expansion;
mod fitter;
mod in_force;
mod likelihood;
mod linearised;
mod log_excess;
mod one_pass;
mod parts;
mod pieces;
mod preparation;
mod project;
mod projection;
mod retarget;
mod scanned;
mod selection;
mod shortcuts;
mod transitions;

pub use expansion::Expansion;
pub use fitter::Fitter;
pub use linearised::Linearised;
pub use log_excess::largest_floor;
pub use scanned::{MOST_SCANNED, Scanned, ScannedRows};

/// Rows from which a sum is made of parts that threads share.
const MANY_ROWS: usize = 65_536;

/// The rows of one group in solver units; shared by every thread that refits them.
#[derive(Debug, Clone)]
pub struct Problem<'a> {
    program: &'a Program,
    /// The map between natural parameters and coordinates.
    pub space: Space,
    residual: Residual,
    /// The loss for residuals in solver units; of a likelihood, that at scale 1.
    loss: Loss,
    /// What the values of the loss must be multiplied by; of a likelihood, the unit of residuals.
    loss_unit: f64,
    /// The density of the residuals, where their scale is estimated with the law.
    density: Option<Density>,
    /// The caller's residual, divided by sigma, over the solver's.
    residual_unit: f64,
    /// Coordinate of the floor of a log-excess residual, unless it is fixed.
    floor: Option<usize>,
    /// What depends on the data only, padded to whole lanes.
    slots: Vec<Vec<f64>>,
    target: Vec<f64>,
    /// What each residual is multiplied by: one over sigma, in a unit near its median.
    inverse_sigma: Option<Vec<f64>>,
    /// What clipping the targets took from the loss of each row; none when every target stands as given.
    clipped: Option<Vec<f64>>,
    /// Weights in a unit near their median, and that unit.
    weights: Option<Vec<f64>>,
    weight_unit: f64,
    /// Median of the targets, and the distance from it beyond which a row starts a robust fit with less weight.
    centre_and_reach: (f64, f64),
    /// Coordinates in which the law is not linear.
    nonlinear: Vec<usize>,
    /// Coordinates in which it is, with their program indices.
    linear: Vec<(usize, usize)>,
    ranges: Vec<Range>,
}

/// The rows of a group as they come in, in natural units.
#[derive(Debug, Clone)]
pub struct GroupRows<'a> {
    /// Input columns in the order of the program.
    pub inputs: Vec<&'a [f64]>,
    /// Target.
    pub target: &'a [f64],
    /// Weights.
    pub weights: Option<&'a [f64]>,
    /// What residuals are divided by.
    pub sigma: Option<&'a [f64]>,
}

impl GroupRows<'_> {
    /// The weight of each row, 1 where none are given.
    pub fn weights(&self) -> Vec<f64> {
        self.weights.map_or_else(|| vec![1.0; self.target.len()], <[f64]>::to_vec)
    }
}

impl Problem<'_> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.target.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.target.is_empty()
    }

    /// Whether the law is a sum of powers of its columns.
    pub fn is_sum_of_powers(&self) -> bool {
        self.program.power_sum().is_some()
    }

    /// Where to scan the nonlinear coordinates.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Residual norm below which a fit is perfect, for the rows a fitter has selected.
    pub fn rounding(&self, fitter: &Fitter<'_>) -> f64 {
        let (centre, reach) = self.centre_and_reach;
        // A wild target says nothing about the rounding of the others, unless the loss takes it at its word.
        let tame = self.residual == Residual::Raw && self.loss != Loss::Squared;
        let selection = &fitter.selection;
        let mut square = 0.0;
        for i in 0..selection.n {
            let target = selection.target[i];
            let target = if tame { target.clamp(centre - reach, centre + reach) } else { target };
            let y = self.residual.rounding(target) * selection.inverse_sigma.get(i).copied().unwrap_or(1.0);
            square += selection.weight[i] * y * y;
        }
        ROUNDING_FACTOR * f64::EPSILON * square.sqrt()
    }
}

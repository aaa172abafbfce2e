//! From the rows of a group to a problem: units, what depends on the data only, and where to look for the parameters.

use super::clipping::{centre_and_reach, clip};
use super::log_excess::{floor_range, largest_floor};
use super::selection::pad;
use super::{GroupRows, Problem};
use crate::expr::Program;
use crate::loss::Criterion;
use crate::residual::Residual;
use crate::solve::starts::Range;
use crate::space::{ParamSpec, Space, in_unit, unit_of};

impl<'a> Problem<'a> {
    /// The problem of fitting `program` to `rows`.
    pub fn new(
        program: &'a Program,
        rows: &GroupRows<'_>,
        specs: &[ParamSpec],
        criterion: impl Into<Criterion>,
        residual: Residual,
    ) -> Self {
        let specs = &below_the_targets(specs, residual, rows.target)[..];
        let space = Space::new(program, specs, &rows.inputs, rows.target, residual.takes_a_unit(), residual.floor());
        let mut target = residual.on_scale(rows.target, space.target_unit);
        let sigma_unit = rows.sigma.map_or(1.0, unit_of);
        let residual_unit = if residual == Residual::Raw { space.target_unit / sigma_unit } else { 1.0 / sigma_unit };
        let (loss, loss_unit, density) = match criterion.into() {
            Criterion::Sum(loss) => {
                let (loss, unit) = loss.scaled(residual_unit);
                (loss, unit, None)
            }
            Criterion::Likelihood(density) => (density.at(1.0), residual_unit, Some(density)),
        };
        let inverse_sigma: Option<Vec<f64>> = rows.sigma.map(|s| s.iter().map(|v| sigma_unit / v).collect());
        let weight_unit = rows.weights.map_or(1.0, unit_of);
        let centre_and_reach = centre_and_reach(&target);
        // A likelihood weighs how far out a target lies, not only on which side.
        let clipped = match density {
            None => clip(&mut target, inverse_sigma.as_deref(), loss, centre_and_reach),
            Some(_) => None,
        };
        let linear = linear_coordinates(program, &space, residual);
        let nonlinear: Vec<usize> = (0..space.dimension()).filter(|a| linear.iter().all(|(l, _)| l != a)).collect();
        let floor = residual.floor().and_then(|param| space.free.iter().position(|j| *j == param));
        let ranges = ranges(&space, &nonlinear, floor, rows, specs);
        Self {
            program,
            slots: slots(program, &space, rows),
            space,
            residual,
            loss,
            loss_unit,
            density,
            residual_unit,
            floor,
            target,
            inverse_sigma,
            clipped,
            weights: rows.weights.map(|w| w.iter().map(|v| v / weight_unit).collect()),
            weight_unit,
            centre_and_reach,
            nonlinear,
            linear,
            ranges,
        }
    }
}

/// What is known of the parameters, the floor of a log-excess residual below every target.
fn below_the_targets(specs: &[ParamSpec], residual: Residual, target: &[f64]) -> Vec<ParamSpec> {
    let mut specs = specs.to_vec();
    if let Some(j) = residual.floor() {
        // A lower bound between that and the smallest target leaves one place.
        specs[j].upper = specs[j].upper.min(largest_floor(target)).max(specs[j].lower);
    }
    specs
}

/// What depends on the data only, in solver units and padded to whole lanes.
fn slots(program: &Program, space: &Space, rows: &GroupRows<'_>) -> Vec<Vec<f64>> {
    let scaled: Vec<Vec<f64>> =
        rows.inputs.iter().zip(&space.units).map(|(column, unit)| in_unit(column, *unit)).collect();
    let borrowed: Vec<&[f64]> = scaled.iter().map(Vec::as_slice).collect();
    let mut slots = vec![Vec::new(); program.slots()];
    program.fill(&borrowed, &mut slots);
    for slot in &mut slots {
        pad(slot, rows.target.len());
    }
    slots
}

/// Coordinates in which the law is linear, with their program indices.
fn linear_coordinates(program: &Program, space: &Space, residual: Residual) -> Vec<(usize, usize)> {
    let is_linear = |a: usize, j: usize| program.linear().contains(&j) && !space.log[a] && Some(j) != residual.floor();
    space.free.iter().enumerate().filter(|(a, j)| is_linear(*a, **j)).map(|(a, j)| (a, *j)).collect()
}

/// Where to scan the nonlinear coordinates.
fn ranges(
    space: &Space,
    nonlinear: &[usize],
    floor: Option<usize>,
    rows: &GroupRows<'_>,
    specs: &[ParamSpec],
) -> Vec<Range> {
    let mut ranges = space.ranges(nonlinear, &rows.inputs, specs);
    if let Some(place) = nonlinear.iter().position(|a| Some(*a) == floor) {
        ranges[place] = floor_range(space, nonlinear[place], rows.target);
    }
    ranges
}

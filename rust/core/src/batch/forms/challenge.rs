//! What the races of a form say of the answer of the general search, where that was asked.

use super::curve::Curve;
use super::{Effort, Forms};
use crate::problem::{Fitter, GroupRows, Problem};
use crate::solve::separable::Separable;
use crate::solve::starts::Found;
use crate::solve::{Options, Scratch};

/// Share of the objective by which an end is lower, and share of the spread of the targets that is rounding.
const LOWER: f64 = 1e-6;
const ROUNDING: f64 = 1e-20;

/// Different x that a race needs.
const LEAST_PLACES: usize = 4;

impl Forms {
    /// What the general search found, and its point in `x`, unless a race ends lower: then that, if it can be finished. Two searches
    /// that differ are no evidence of anything.
    pub(in crate::batch) fn challenge(
        &self,
        found: Found,
        rows: &GroupRows<'_>,
        (problem, fitter): (&Problem<'_>, &mut Fitter<'_>),
        options: Options,
        x: &mut [f64],
        s: &mut Scratch,
    ) -> Found {
        let Some(curve) = Curve::whatever(rows, self.residual) else { return found };
        let mut places = curve.u.clone();
        places.dedup();
        if places.len() < LEAST_PLACES || s.is_stopped() {
            return found;
        }
        let ends = self.ends(&curve, problem, Effort::Thorough);
        let value = fitter.natural(found.outcome.value);
        let slack = curve.natural(ROUNDING * curve.spread());
        let is_lower = |other: f64| other < value - LOWER * value.abs() - slack;
        if !ends.first().is_some_and(|end| is_lower(end.value)) {
            return Found { doubtful: found.doubtful || self.is_blind(&curve, value), ..found };
        }
        let mut point = x.to_vec();
        if let Some(other) = self.finish(&ends, problem, fitter, options, &mut point, s)
            && is_lower(fitter.natural(other.outcome.value))
        {
            x.copy_from_slice(&point);
            return Found { doubtful: true, starts: found.starts + other.starts, ..other };
        }
        fitter.settle(x);
        Found { doubtful: true, ..found }
    }
}

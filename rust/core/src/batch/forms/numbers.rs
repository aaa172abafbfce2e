//! Where the numbers end in which a search looks for a positive parameter: on the way to a limit one meets that end before the law
//! has come to its limit.

use crate::problem::Problem;
use crate::simd::math;

/// What a positive parameter may be in the solver's units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    /// Smallest and largest logarithm.
    pub(super) ends: (f64, f64),
    /// Logarithms of the units of x and of the target.
    pub(super) ln_x: f64,
    pub(super) ln_y: f64,
}

impl Numbers {
    /// Those of one coordinate; None where it is no logarithm.
    pub(super) fn of(problem: &Problem<'_>, coordinate: usize) -> Option<Self> {
        let space = &problem.space;
        let size = math::ln(space.sizes[coordinate]);
        let unit = space.units.first().copied().unwrap_or(1.0);
        space.log[coordinate].then(|| Self {
            ends: (space.lower[coordinate] + size, space.upper[coordinate] + size),
            ln_x: math::ln(unit),
            ln_y: math::ln(space.target_unit),
        })
    }

    /// Whether a logarithm is within.
    pub(super) fn hold(&self, log: f64) -> bool {
        log >= self.ends.0 && log <= self.ends.1
    }

    /// The first `v` from `from` towards `to`, on a scale of logarithms, at which a logarithm meets an end; None where it meets none.
    pub(super) fn end(&self, (from, to): (f64, f64), log: impl Fn(f64) -> f64) -> Option<f64> {
        /// Looks at the whole way, and halvings of the step that crosses the end.
        const LOOKS: usize = 64;
        const HALVINGS: usize = 60;
        let at = |i: usize| from * math::exp(math::ln(to / from) * i as f64 / LOOKS as f64);
        let outside = (0..=LOOKS).find(|i| !self.hold(log(at(*i))))?;
        let (mut inside, mut outside) = (at(outside.checked_sub(1)?), at(outside));
        for _ in 0..HALVINGS {
            let middle = 0.5 * (inside + outside);
            if self.hold(log(middle)) {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        Some(inside)
    }
}

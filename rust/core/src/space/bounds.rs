//! Bounds: what a caller allows holds for natural parameters to the last bit, and a search ends where doubles do.
//!
//! A fit moves in coordinates, and a bound that went there and back is off by its last digit: exp(ln 5.5) is not 5.5. So the
//! natural bounds are kept, and a coordinate on its bound stands for the bound itself.

use super::{ParamSpec, Space, moved};
use crate::expr::{Shift, ShiftKind};
use crate::simd::math;

/// The natural bounds of one free parameter; infinite where the caller set none, or where none can be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    lower: f64,
    upper: f64,
}

impl Limits {
    pub(super) fn of(spec: &ParamSpec, log: bool) -> Self {
        // A logarithm has no place for zero, and a positive parameter no need of it.
        let open = log && spec.lower <= 0.0;
        Self { lower: if open { f64::NEG_INFINITY } else { spec.lower }, upper: spec.upper }
    }
}

/// How far from 1, in powers of two, a positive parameter is looked for where its caller set no bound.
const FARTHEST: f64 = 1000.0;

/// The same for the logarithm of the number that the solver sees, whose exponential must be an ordinary double.
const FARTHEST_LOG: f64 = 690.0;

impl Space {
    /// Lower and upper end of the coordinate of parameter `j`.
    pub(super) fn ends(&self, j: usize, log: bool, spec: &ParamSpec) -> (f64, f64) {
        let (lower, upper) = (self.primed_bound(j, spec.lower), self.primed_bound(j, spec.upper));
        if !log {
            return (lower, upper);
        }
        let far = FARTHEST * std::f64::consts::LN_2;
        let ones = self.ones();
        let moves = |(_, shift, ln_unit): &(Option<usize>, Shift, f64)| shift.exponent(&ones, &mut []) * ln_unit;
        let unit: f64 = self.shifts.iter().filter(|(_, shift, _)| shift.param == j).map(moves).sum();
        let (mut least, mut most) = ((-far - unit).max(-FARTHEST_LOG), (far - unit).min(FARTHEST_LOG));
        if least >= most {
            (least, most) = (-FARTHEST_LOG, FARTHEST_LOG);
        }
        let lower = if spec.lower > 0.0 { math::ln(lower) } else { least };
        let upper = if spec.upper.is_finite() { math::ln(upper) } else { most };
        // A bound of the caller may lie beyond what is searched elsewhere.
        match (spec.lower > 0.0, spec.upper.is_finite()) {
            (false, true) => (lower.min(upper - 1.0), upper),
            (true, false) => (lower, upper.max(lower + 1.0)),
            _ => (lower, upper),
        }
    }

    /// A bound in solver units; constant exponents only, because [`absorbs`](super::absorbs) let no other pass.
    fn primed_bound(&self, j: usize, bound: f64) -> f64 {
        if bound.is_infinite() {
            return bound;
        }
        let ones = self.ones();
        self.shifts
            .iter()
            .filter(|(_, shift, _)| shift.param == j)
            .fold(bound, |b, (_, shift, ln_unit)| moved(shift.kind, b, -shift.exponent(&ones, &mut []) * ln_unit))
    }

    fn ones(&self) -> Vec<f64> {
        vec![1.0; self.parameters()]
    }

    /// Put the natural parameters `theta` of `x` within the caller's bounds; on a bound they are the bound.
    pub(super) fn keep_within(&self, x: &[f64], theta: &mut [f64]) {
        for (a, (&j, limits)) in self.free.iter().zip(&self.limits).enumerate() {
            if (x[a] <= self.lower[a] && limits.lower.is_finite()) || theta[j] < limits.lower {
                theta[j] = limits.lower;
            } else if (x[a] >= self.upper[a] && limits.upper.is_finite()) || theta[j] > limits.upper {
                theta[j] = limits.upper;
            }
        }
    }

    /// Whether coordinate `a` of natural parameters `theta` is on a bound of the caller.
    pub fn is_on_bound(&self, a: usize, theta: &[f64]) -> bool {
        let (value, limits) = (theta[self.free[a]], &self.limits[a]);
        (value <= limits.lower && limits.lower.is_finite()) || (value >= limits.upper && limits.upper.is_finite())
    }

    /// Whether coordinate `a` went as far as the search does where the caller set no bound: an optimum lies farther, or nowhere.
    pub fn is_at_search_end(&self, a: usize, x: &[f64]) -> bool {
        let limits = &self.limits[a];
        (x[a] <= self.lower[a] && limits.lower.is_infinite()) || (x[a] >= self.upper[a] && limits.upper.is_infinite())
    }

    /// Whether the natural parameters `theta` of `x` kept their digits: none has overflowed or become too small for all of
    /// them, and none is zero in one system of units only.
    pub fn is_expressible(&self, x: &[f64], theta: &[f64]) -> bool {
        let mut primed = theta.to_vec();
        self.primed(x, &mut primed);
        let ordinary = |v: f64| v.is_normal() || v == 0.0;
        let sound = |(a, &j): (usize, &usize)| {
            let (natural, own) = (theta[j], primed[j]);
            let on_bound = self.is_on_bound(a, theta);
            let positive = self.log[a] && natural == 0.0;
            on_bound || (ordinary(natural) && ordinary(own) && !positive && self.is_same_zero(j, natural, own))
        };
        theta.iter().all(|v| v.is_finite()) && self.free.iter().enumerate().all(sound)
    }

    /// Whether a parameter that units multiply is zero in both or in neither; a sum may well be zero in one.
    fn is_same_zero(&self, j: usize, natural: f64, own: f64) -> bool {
        let multiplied =
            self.shifts.iter().any(|(_, shift, _)| shift.param == j && shift.kind == ShiftKind::Multiplicative);
        !multiplied || (natural == 0.0) == (own == 0.0)
    }
}

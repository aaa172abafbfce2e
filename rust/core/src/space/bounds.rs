//! Bounds: what a caller allows holds for natural parameters to the last bit, and a search ends where doubles do.
//!
//! A fit moves in coordinates, and a bound that went there and back is off by its last digit: exp(ln 5.5) is not 5.5. So the
//! natural bounds are kept, and a coordinate on its bound stands for the bound itself.

use std::sync::Arc;

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
        let moves = |(_, shift, ln_unit): &(Option<usize>, Arc<Shift>, f64)| shift.exponent(&ones, &mut []) * ln_unit;
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

    /// Whether the caller set a bound above, or below, coordinate `a`.
    pub fn has_bound(&self, a: usize, above: bool) -> bool {
        if above { self.limits[a].upper.is_finite() } else { self.limits[a].lower.is_finite() }
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

#[cfg(test)]
mod tests {
    use crate::expr::Program;
    use crate::space::{ParamSpec, Space};

    /// The space of a + b*exp(-x/tau) with bounds on tau.
    fn space(unit: f64, lower: f64, upper: f64) -> (Space, usize) {
        let program = Program::compile("a + b*exp(-x/tau)", &["x".into()]).expect("a formula");
        let x: Vec<f64> = (1..9).map(|i| f64::from(i) * unit).collect();
        let target = [2.9, 2.6, 2.4, 2.2, 2.1, 2.0, 2.0, 1.9];
        let tau = program.params().iter().position(|name| name == "tau").expect("tau");
        let mut specs = [ParamSpec::default(); 3];
        specs[tau] = ParamSpec { lower, upper, ..ParamSpec::default() };
        (Space::new(&program, &specs, &[&x], &target, true, None), tau)
    }

    #[test]
    fn a_coordinate_on_its_bound_is_the_bound_and_none_beyond_it() {
        for k in 0..2_000 {
            let size = 1.0 + f64::from(k) * 0.618_033_988_749_894_9;
            let unit = 2.0_f64.powi(k % 400 - 200);
            let (lower, upper) = (size * unit, 1.3 * size * unit);
            let (space, tau) = space(unit, lower, upper);
            let a = space.free.iter().position(|j| *j == tau).expect("free");
            assert!(space.log[a]);
            let mut theta = vec![0.0; 3];
            let mut x = vec![0.5; 3];
            for (at, bound) in [(space.lower[a], lower), (space.upper[a], upper)] {
                for ulps in -2..=2 {
                    x[a] = f64::from_bits((at.to_bits() as i64 + ulps) as u64);
                    space.natural(&x, &mut theta);
                    assert!(theta[tau] >= lower && theta[tau] <= upper);
                }
                x[a] = at;
                space.natural(&x, &mut theta);
                assert_eq!(theta[tau], bound);
                assert!(space.is_on_bound(a, &theta));
                assert!(!space.is_at_search_end(a, &x));
                let mut again = vec![0.0; 3];
                space.coordinates(&theta, &mut again);
                assert_eq!(again[a], at, "a start on the bound is on it");
            }
        }
    }

    #[test]
    fn a_positive_parameter_is_searched_among_the_doubles() {
        for exponent in [-900, -300, 0, 300, 900] {
            let (space, tau) = space(2.0_f64.powi(exponent), 0.0, f64::INFINITY);
            let a = space.free.iter().position(|j| *j == tau).expect("free");
            let (mut theta, mut x) = (vec![0.0; 3], vec![0.5; 3]);
            for end in [space.lower[a], space.upper[a]] {
                x[a] = end;
                space.natural(&x, &mut theta);
                assert!(theta[tau].is_normal() && space.is_expressible(&x, &theta));
                assert!(space.is_at_search_end(a, &x) && !space.is_on_bound(a, &theta));
            }
        }
    }
}

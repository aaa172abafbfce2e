//! Losses whose unit is estimated with the law: negative log-likelihoods of residuals divided by a common scale.
//!
//! For any residuals the best scale is one number and is found exactly, so a solver sees the likelihood with its scale
//! already at the best value. By the envelope theorem the slopes of that profile are those at the best scale, and a
//! stationary point of the profile is one of law and scale together.

use std::f64::consts::{PI, SQRT_2};

use super::Loss;
use crate::Error;
use crate::simd::math;

/// The distribution of residuals over their scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Density {
    /// `exp(-u^2/2)`.
    Normal,
    /// `exp(-rho(u))` with Huber's rho: normal in the middle, exponential tails.
    Huber {
        /// Where the tails begin, in scales.
        delta: f64,
    },
    /// Student's t.
    StudentT {
        /// Degrees of freedom.
        nu: f64,
    },
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Criterion {
    /// A weighted sum of losses.
    Sum(Loss),
    /// A negative log-likelihood whose scale is estimated.
    Likelihood(Density),
}

impl From<Loss> for Criterion {
    fn from(loss: Loss) -> Self {
        Self::Sum(loss)
    }
}

/// Steps after which a scale is taken as found; Newton's need about eight, and bisection alone fewer than this.
const MOST_STEPS: usize = 200;

/// Relative change of a scale at which it is found: some dozens of roundings, as its sums carry.
const SETTLED: f64 = 1e-14;

impl Density {
    /// The density itself, if its constant is legal.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `delta` and `nu` are positive and finite.
    pub fn validate(self) -> Result<Self, Error> {
        let (name, value) = match self {
            Self::Normal => return Ok(self),
            Self::Huber { delta } => ("delta", delta),
            Self::StudentT { nu } => ("nu", nu),
        };
        if value > 0.0 && value.is_finite() {
            Ok(self)
        } else {
            Err(Error::Parameter { name: name.to_owned(), legal: "positive and finite", got: value.to_string() })
        }
    }

    /// Half-width of the quadratic zone, in scales.
    pub fn width(self) -> f64 {
        match self {
            Self::Normal => f64::INFINITY,
            Self::Huber { delta } => delta,
            Self::StudentT { nu } => nu.sqrt(),
        }
    }

    /// The loss L at a given scale s: the cost of a residual is `strength(s) L(r)`.
    pub fn at(self, scale: f64) -> Loss {
        match self {
            Self::Normal => Loss::Squared,
            Self::Huber { delta } => Loss::Huber { delta: delta * scale },
            Self::StudentT { nu } => Loss::Cauchy { delta: nu.sqrt() * scale },
        }
    }

    /// What the loss at a given scale is multiplied by.
    pub fn strength(self, scale: f64) -> f64 {
        self.curvature() / scale / scale
    }

    /// Second derivative of the cost at u = 0.
    fn curvature(self) -> f64 {
        match self {
            Self::Normal | Self::Huber { .. } => 1.0,
            Self::StudentT { nu } => (nu + 1.0) / nu,
        }
    }

    /// Logarithm of the integral of exp(-cost); 0 for the normal, whose constants are left out.
    pub fn ln_norm(self) -> f64 {
        match self {
            Self::Normal => 0.0,
            Self::Huber { delta } => {
                let middle = (2.0 * PI).sqrt() * math::erf(delta / SQRT_2);
                math::ln(middle + 2.0 * math::exp(-0.5 * delta * delta) / delta)
            }
            // Stirling's series where the two logarithms would cancel; its next term is 1/(24 nu^3).
            Self::StudentT { nu } if nu > 1e4 => 0.5 * math::ln(2.0 * PI) + 0.25 / nu,
            Self::StudentT { nu } => {
                math::ln_gamma(0.5 * nu) - math::ln_gamma(0.5 * (nu + 1.0)) + 0.5 * math::ln(nu * PI)
            }
        }
    }

    /// The residual size, in scales, that is typical of this density: what rounding is measured against.
    pub fn typical(self) -> f64 {
        match self {
            Self::Huber { delta } => (1.0 / delta).max(1.0),
            Self::Normal | Self::StudentT { .. } => 1.0,
        }
    }

    /// The scale at which the likelihood of weighted residuals is largest: the root of sum w psi(u) u = sum w, u = r/s.
    ///
    /// 0 where it grows without limit as the scale goes to 0: every residual is 0, or so many that Student's tails do not
    /// object. NaN when a residual is not a number.
    pub fn scale(self, residual: &[f64], weight: &[f64]) -> f64 {
        let largest = residual.iter().fold(0.0_f64, |m, r| if r.is_nan() { f64::NAN } else { m.max(r.abs()) });
        if largest == 0.0 || !largest.is_finite() {
            return if largest == 0.0 { 0.0 } else { f64::NAN };
        }
        let total: f64 = weight.iter().sum();
        // Sizes relative to the largest, so that no square overflows.
        let sizes = || residual.iter().zip(weight).map(|(r, w)| ((r / largest).abs(), *w));
        let square: f64 = sizes().map(|(a, w)| w * a * a).sum();
        let scale = match self {
            Self::Normal => (square / total).sqrt(),
            Self::Huber { delta } => huber_scale(delta, total, sizes),
            Self::StudentT { nu } => student_scale(nu, total, square, sizes),
        };
        scale * largest
    }

    /// Mean cost of weighted residuals at a scale.
    pub fn mean_cost(self, residual: &[f64], weight: &[f64], scale: f64) -> f64 {
        let (unit, curvature) = (self.at(1.0), self.curvature());
        let total: f64 = weight.iter().sum();
        let sum: f64 = residual.iter().zip(weight).map(|(r, w)| w * unit.rho(r / scale)).sum();
        curvature * sum / total
    }

    /// The negative log-likelihood of residuals with total weight `total` whose scale is s and mean cost c, from
    /// `ln_size` = ln s + c. For the normal it is `total/2 ln(sum of squares)`, without the constants.
    pub fn objective(self, ln_size: f64, total: f64) -> f64 {
        let constant = match self {
            Self::Normal => 0.5 * (math::ln(total) - 1.0),
            _ => self.ln_norm(),
        };
        total * (ln_size + constant)
    }
}

/// A size is costed as inside or outside by whichever costs less, so taking too many as outside gives a scale that is too
/// large: from there every step is exact for its zones and goes down, until the zones stay.
fn huber_scale<I: Iterator<Item = (f64, f64)>>(delta: f64, total: f64, sizes: impl Fn() -> I) -> f64 {
    let mut scale = f64::INFINITY;
    let mut reach = -1.0;
    for _ in 0..MOST_STEPS {
        let (mut inside, mut outside) = (0.0, 0.0);
        for (a, w) in sizes() {
            if a <= reach {
                inside += w * a * a;
            } else {
                outside += w * a;
            }
        }
        // With the zones held, sum w psi(u) u = sum w is a quadratic in the scale: s^2 = delta s outside + inside.
        let half = 0.5 * delta * outside / total;
        let next = half + half.mul_add(half, inside / total).sqrt();
        if next >= scale * (1.0 - SETTLED) {
            return next.min(scale);
        }
        scale = next;
        reach = delta * scale;
    }
    scale
}

/// Newton's steps in ln s inside a bracket; the sum falls from (nu + 1) x the weight of the residuals that are not 0 to 0.
fn student_scale<I: Iterator<Item = (f64, f64)>>(nu: f64, total: f64, square: f64, sizes: impl Fn() -> I) -> f64 {
    let moving: f64 = sizes().filter(|(a, _)| *a > 0.0).map(|(_, w)| w).sum();
    if (nu + 1.0) * moving <= total {
        return 0.0;
    }
    // psi(u) u <= (nu + 1)/nu u^2 puts the root below this.
    let mut high = 0.5 * math::ln((nu + 1.0) / nu * square / total);
    let mut low = f64::NEG_INFINITY;
    let mut at = high;
    for _ in 0..MOST_STEPS {
        let scale = math::exp(at);
        let (mut sum, mut slope) = (0.0, 0.0);
        for (a, w) in sizes() {
            // v = psi(u) u / (nu + 1) in a form in which a residual of 0 gives 0 and none overflows.
            let q = scale / a;
            let v = 1.0 / (nu * q).mul_add(q, 1.0);
            sum += w * v;
            slope += w * v * (1.0 - v);
        }
        let surplus = (nu + 1.0) * sum - total;
        if surplus > 0.0 {
            low = low.max(at);
        } else {
            high = high.min(at);
        }
        let step = surplus / (2.0 * (nu + 1.0) * slope);
        if step.abs() <= SETTLED {
            return math::exp(at + step);
        }
        let next = at + step;
        // A step out of the bracket is replaced by its middle; where nothing bounds the scale below, by a factor e^2.
        at = match (next > low && next < high, low.is_finite()) {
            (true, _) => next,
            (false, true) => 0.5 * (low + high),
            (false, false) => at - 2.0,
        };
    }
    math::exp(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESIDUALS: [f64; 9] = [-3.0, 0.4, 0.0, 1.7, -0.2, 0.9, -1.1, 40.0, 0.01];
    const WEIGHTS: [f64; 9] = [1.0, 2.0, 1.0, 0.5, 1.0, 3.0, 1.0, 1.0, 1.0];

    fn all() -> [Density; 7] {
        [
            Density::Normal,
            Density::Huber { delta: 1e-3 },
            Density::Huber { delta: 1.345 },
            Density::Huber { delta: 50.0 },
            Density::StudentT { nu: 1.0 },
            Density::StudentT { nu: 4.0 },
            Density::StudentT { nu: 1e4 },
        ]
    }

    fn likelihood(density: Density, scale: f64) -> f64 {
        scale.ln() + density.mean_cost(&RESIDUALS, &WEIGHTS, scale)
    }

    #[test]
    fn no_other_scale_is_more_likely() {
        for density in all() {
            let scale = density.scale(&RESIDUALS, &WEIGHTS);
            let best = likelihood(density, scale);
            for factor in [0.5, 0.9, 0.999, 1.001, 1.1, 2.0] {
                assert!(likelihood(density, factor * scale) > best, "{density:?} at {factor}");
            }
            let slope = |h: f64| likelihood(density, scale * (1.0 + h));
            assert!((slope(1e-4) - slope(-1e-4)).abs() < 1e-10, "{density:?}");
        }
    }

    #[test]
    fn the_scale_of_larger_residuals_is_larger_by_the_same_factor() {
        for density in all() {
            let scale = density.scale(&RESIDUALS, &WEIGHTS);
            for factor in [1e-200, 3.0, 1e200] {
                let other = RESIDUALS.map(|r| r * factor);
                let ratio = density.scale(&other, &WEIGHTS) / factor / scale;
                assert!((ratio - 1.0).abs() < 1e-13, "{density:?}: {ratio}");
            }
        }
    }

    #[test]
    fn residuals_without_scale_have_scale_zero() {
        for density in all() {
            assert_eq!(density.scale(&[0.0; 4], &[1.0; 4]), 0.0);
            assert!(density.scale(&[1.0, f64::NAN], &[1.0; 2]).is_nan());
            assert!(density.scale(&[1.0, f64::INFINITY], &[1.0; 2]).is_nan());
        }
        // Three of four zeros are more than nu/(nu + 1) of the rows: the likelihood has no end.
        assert_eq!(Density::StudentT { nu: 1.0 }.scale(&[0.0, 0.0, 0.0, 1.0], &[1.0; 4]), 0.0);
        assert!(Density::StudentT { nu: 4.0 }.scale(&[0.0, 0.0, 0.0, 1.0], &[1.0; 4]) > 0.0);
        assert!(Density::Huber { delta: 1.0 }.scale(&[0.0, 0.0, 0.0, 1.0], &[1.0; 4]) > 0.0);
    }

    #[test]
    fn densities_integrate_to_one() {
        for density in [Density::Huber { delta: 0.5 }, Density::Huber { delta: 2.0 }, Density::StudentT { nu: 4.0 }] {
            let norm = density.ln_norm();
            let step = 1e-3;
            let sum: f64 = (-400_000..=400_000)
                .map(|i| {
                    let u = f64::from(i) * step;
                    (-density.mean_cost(&[u], &[1.0], 1.0) - norm).exp() * step
                })
                .sum();
            assert!((sum - 1.0).abs() < 1e-6, "{density:?}: {sum}");
        }
    }

    #[test]
    fn illegal_constants_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Density::Huber { delta: bad }.validate().is_err());
            assert!(Density::StudentT { nu: bad }.validate().is_err());
        }
    }
}

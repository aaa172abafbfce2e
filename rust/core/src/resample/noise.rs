//! Random numbers of known distribution that replace or multiply residuals.

use std::f64::consts::{PI, SQRT_2};

use super::Stream;
use super::robust::{self, Fitted};
use crate::loss::{Criterion, Density, Loss};
use crate::simd::{lanes, math};

/// What a wild bootstrap multiplies residuals by: mean 0, variance 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// -1 or 1 (Davidson and Flachaire 2008).
    Rademacher,
    /// One of six values, so that few clusters still make many different draws (Webb 2014).
    Webb,
    /// Two points whose third moment is 1 (Mammen 1993).
    Mammen,
}

impl Signs {
    /// The next multiplier.
    pub fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Self::Rademacher => [-1.0, 1.0][stream.below(2) as usize],
            Self::Webb => {
                let size = [1.5_f64.sqrt(), 1.0, 0.5_f64.sqrt()];
                let face = stream.below(6) as usize;
                if face < 3 { -size[face] } else { size[face - 3] }
            }
            Self::Mammen => {
                let root = 5.0_f64.sqrt();
                if stream.uniform() < (root + 1.0) / (2.0 * root) { 0.5 - 0.5 * root } else { 0.5 + 0.5 * root }
            }
        }
    }
}

/// A distribution of residuals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// Normal with this standard deviation.
    Normal(f64),
    /// Exponential to both sides of zero, with these means.
    Laplace {
        /// Mean size of the negative ones, which are drawn with probability `below / (below + above)`.
        below: f64,
        /// Mean size of the positive ones.
        above: f64,
    },
    /// Normal up to `delta` scales from zero, exponential beyond: the density of Huber's loss.
    Huber {
        /// Where the tails begin, in scales.
        delta: f64,
        /// The scale.
        scale: f64,
    },
    /// Student's t.
    StudentT {
        /// Degrees of freedom.
        nu: f64,
        /// The scale.
        scale: f64,
    },
}

impl Noise {
    /// The distribution whose likelihood a loss maximises, its scale from the residuals of a fit of `free` parameters.
    ///
    /// `exp(-rho(r)/s^2)` at its most likely s for Huber, Absolute and Pinball, and the density itself for losses with a
    /// scale of their own; the others take the normal of the same mean square. Scales are corrected for the parameters
    /// fitted, by n/(n - free) on the scale of a variance. Residuals are winsorised first, so that one diverged run does
    /// not become the noise of all; `passed` rows are those that the curve passes through ([`robust::scale`]).
    pub fn implied(criterion: Criterion, residual: &[f64], weight: &[f64], free: usize, passed: usize) -> Self {
        let n = residual.len();
        let drawn_in = robust::winsorised(residual, weight, Fitted { n: n as f64, free, passed });
        // A density measures its own scale, and knows its tails.
        let residual = if matches!(criterion, Criterion::Likelihood(_)) { residual } else { &drawn_in };
        let total = lanes::sum(weight);
        let lost = if n > free { n as f64 / (n - free) as f64 } else { 1.0 };
        let mean = |f: &dyn Fn(f64) -> f64| residual.iter().zip(weight).map(|(r, w)| w * f(*r)).sum::<f64>() / total;
        let normal = || Self::Normal((mean(&|r| r * r) * lost).sqrt());
        match criterion {
            Criterion::Likelihood(density) => {
                let scale = density.scale(residual, weight) * lost.sqrt();
                match density {
                    Density::Normal => Self::Normal(scale),
                    Density::Huber { delta } => Self::Huber { delta, scale },
                    Density::StudentT { nu } => Self::StudentT { nu, scale },
                }
            }
            Criterion::Sum(Loss::Absolute) => {
                let size = mean(&f64::abs) * lost;
                Self::Laplace { below: size, above: size }
            }
            Criterion::Sum(loss @ Loss::Pinball { tau }) => {
                let size = mean(&|r| loss.rho(r)) * lost;
                Self::Laplace { below: size / tau, above: size / (1.0 - tau) }
            }
            Criterion::Sum(loss @ Loss::Huber { delta }) => {
                let cost = mean(&|r| loss.rho(r));
                if cost > 0.0 {
                    let scale = huber_scale(delta, cost);
                    Self::Huber { delta: delta / scale, scale: scale * lost.sqrt() }
                } else {
                    normal()
                }
            }
            Criterion::Sum(_) => normal(),
        }
    }

    /// The next residual.
    pub fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Self::Normal(deviation) => deviation * stream.normal(),
            Self::Laplace { below, above } => {
                let size = stream.exponential();
                if stream.uniform() * (below + above) < below { -below * size } else { above * size }
            }
            Self::Huber { delta, scale } => scale * huber(delta, stream),
            Self::StudentT { nu, scale } => {
                let normal = stream.normal();
                scale * normal * (0.5 * nu / gamma(0.5 * nu, stream)).sqrt()
            }
        }
    }
}

/// The scale at which exp(-rho/s^2), with Huber's rho, is most likely, for a mean cost of `cost`: between the square root of
/// the cost (all rows in the tails) and that of twice the cost (none).
fn huber_scale(delta: f64, cost: f64) -> f64 {
    let unlikely = |ln_scale: f64| {
        let scale = math::exp(ln_scale);
        ln_scale + Density::Huber { delta: delta / scale }.ln_norm() + cost / scale / scale
    };
    let middle = 0.5 * math::ln(cost);
    let (mut low, mut high) = (middle - 1.0, middle + 1.0);
    // Golden section: each step keeps 0.618 of the bracket, 80 steps all digits a minimum has.
    let share = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut left, mut right) = (high - share * (high - low), low + share * (high - low));
    let (mut at_left, mut at_right) = (unlikely(left), unlikely(right));
    for _ in 0..80 {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - share * (high - low);
            at_left = unlikely(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + share * (high - low);
            at_right = unlikely(right);
        }
    }
    math::exp(0.5 * (low + high))
}

/// Huber's density at scale 1: its middle by rejection, its tails by their exponential.
fn huber(delta: f64, stream: &mut Stream) -> f64 {
    let middle = (2.0 * PI).sqrt() * math::erf(delta / SQRT_2);
    let tails = 2.0 * math::exp(-0.5 * delta * delta) / delta;
    if stream.uniform() * (middle + tails) < middle {
        // Uniform proposals where the density is nearly level, normal ones where it is not.
        loop {
            let (value, keep) = if delta < 1.0 {
                let value = delta * (2.0 * stream.uniform() - 1.0);
                (value, stream.uniform() < math::exp(-0.5 * value * value))
            } else {
                let value = stream.normal();
                (value, value.abs() <= delta)
            };
            if keep {
                return value;
            }
        }
    }
    let size = delta + stream.exponential() / delta;
    if stream.below(2) == 0 { -size } else { size }
}

/// A gamma variate of this shape and scale 1 (Marsaglia and Tsang 2000).
fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        let power = -stream.exponential() / shape;
        return gamma(shape + 1.0, stream) * math::exp(power);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = stream.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && stream.exponential() > d * v - d - d * math::ln(v) - 0.5 * x * x {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Noise, Signs, huber_scale};
    use crate::loss::{Criterion, Density, Loss};
    use crate::resample::{Purpose, Stream};

    const N: usize = 200_000;

    fn stream() -> Stream {
        Stream::new(5, Purpose::Residuals, 0, 0)
    }

    fn mean(values: &[f64], f: impl Fn(f64) -> f64) -> f64 {
        values.iter().map(|v| f(*v)).sum::<f64>() / values.len() as f64
    }

    /// Within six standard errors of its expectation.
    fn close(values: &[f64], f: impl Fn(f64) -> f64 + Copy, expected: f64) {
        let got = mean(values, f);
        let error = (mean(values, |v| (f(v) - got).powi(2)) / values.len() as f64).sqrt();
        assert!((got - expected).abs() <= 6.0 * error + 1e-12, "{got} against {expected} +- {error}");
    }

    #[test]
    fn signs_have_mean_0_variance_1_and_their_higher_moments() {
        for (signs, third, fourth) in
            [(Signs::Rademacher, 0.0, 1.0), (Signs::Webb, 0.0, 7.0 / 6.0), (Signs::Mammen, 1.0, 2.0)]
        {
            let mut stream = stream();
            let values: Vec<f64> = (0..N).map(|_| signs.draw(&mut stream)).collect();
            close(&values, |v| v, 0.0);
            close(&values, |v| v * v, 1.0);
            close(&values, |v| v * v * v, third);
            close(&values, |v| v * v * v * v, fourth);
        }
    }

    #[test]
    fn noises_have_their_moments() {
        let draw = |noise: Noise| -> Vec<f64> {
            let mut stream = stream();
            (0..N).map(|_| noise.draw(&mut stream)).collect()
        };
        let laplace = draw(Noise::Laplace { below: 3.0, above: 1.0 });
        close(&laplace, |v| f64::from(v < 0.0), 0.75);
        close(&laplace, |v| v.max(0.0), 0.25);
        close(&laplace, |v| (-v).max(0.0), 2.25);
        let student = draw(Noise::StudentT { nu: 9.0, scale: 2.0 });
        close(&student, |v| v, 0.0);
        close(&student, |v| v * v, 4.0 * 9.0 / 7.0);
        let wide = draw(Noise::StudentT { nu: 0.8, scale: 1.0 });
        // scipy 1.17: stats.t.cdf(1, 0.8)
        close(&wide, |v| f64::from(v < 1.0), 0.728_907_447_942_735_6);
        for delta in [0.5, 1.345] {
            let tails = draw(Noise::Huber { delta, scale: 2.0 });
            close(&tails, |v| v, 0.0);
            // The likelihood equation holds on average: the mean of psi(u) u is 1.
            close(&tails, |v| (v / 2.0).abs().min(delta) * (v / 2.0).abs(), 1.0);
        }
    }

    #[test]
    fn a_pinball_noise_has_its_quantile_at_zero() {
        // Fitted minus observed: the fitted value is the tau-quantile of the observed, so a share tau of residuals is above 0.
        let residual: Vec<f64> = (0..2000).map(|i| f64::from(i) / 1000.0 - 1.0).collect();
        let noise = Noise::implied(Criterion::Sum(Loss::Pinball { tau: 0.9 }), &residual, &vec![1.0; 2000], 0, 0);
        let mut stream = stream();
        let values: Vec<f64> = (0..N).map(|_| noise.draw(&mut stream)).collect();
        close(&values, |v| f64::from(v > 0.0), 0.9);
    }

    #[test]
    fn the_scale_of_hubers_density_is_the_laplace_or_the_normal_one_at_its_ends() {
        // delta far inside: cost = delta b, s^2 = delta b. delta far outside: cost = s^2/2.
        assert!((huber_scale(1e-8, 1e-8 * 0.3) / (1e-8_f64 * 0.3).sqrt() - 1.0).abs() < 1e-3);
        assert!((huber_scale(1e3, 0.5 * 0.09) / 0.3 - 1.0).abs() < 1e-6);
        // In between it is what its own draws say.
        let (delta, scale) = (0.8, 0.3);
        let mut stream = stream();
        let noise = Noise::Huber { delta, scale };
        let residual: Vec<f64> = (0..N).map(|_| noise.draw(&mut stream)).collect();
        let loss = Loss::Huber { delta: delta * scale };
        let found = Noise::implied(Criterion::Sum(loss), &residual, &vec![1.0; N], 0, 0);
        let Noise::Huber { delta: found_delta, scale: found_scale } = found else { panic!("{found:?}") };
        assert!((found_scale / scale - 1.0).abs() < 0.02 && (found_delta / delta - 1.0).abs() < 0.02, "{found:?}");
        let own = Criterion::Likelihood(Density::Huber { delta });
        let Noise::Huber { scale: own, .. } = Noise::implied(own, &residual, &vec![1.0; N], 0, 0) else { panic!() };
        assert!((own / scale - 1.0).abs() < 0.02, "{own}");
    }
}

//! The standard normal distribution: density, distribution function and quantiles.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use crate::simd::math;

/// 1 / sqrt(2 pi).
const PEAK: f64 = 0.398_942_280_401_432_7;

/// exp(-x^2/2) without the error of squaring, which would grow as x^2 in the tails.
fn bell(x: f64) -> f64 {
    let exponent = 0.5 * x * x;
    let lost = (0.5 * x).mul_add(x, -exponent);
    let value = math::exp(-exponent);
    if value > 0.0 { value.mul_add(-lost, value) } else { value }
}

/// Density, within 1e-15 relative where it is a normal number.
pub fn density(x: f64) -> f64 {
    PEAK * bell(x)
}

/// P(X <= x), within 2e-15 relative where it is a normal number, in both tails.
pub fn distribution(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.abs() < 0.5 {
        return 0.5 + 0.5 * math::erf(x * FRAC_1_SQRT_2);
    }
    let tail = 0.5 * bell(x) * math::erfcx(x.abs() * FRAC_1_SQRT_2);
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// The x with P(X <= x) = p, within 1e-15 relative; infinite at 0 and 1, NaN outside.
pub fn quantile(p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.5 {
        return 0.0;
    }
    // 1 - p is exact here.
    let tail = if p > 0.5 { 1.0 - p } else { p };
    if tail == 0.0 {
        return if p > 0.5 { f64::INFINITY } else { f64::NEG_INFINITY };
    }
    let x = upper_quantile(tail);
    if p > 0.5 { x } else { -x }
}

/// The x >= 0 with P(X > x) = tail, 0 < tail <= 0.5.
fn upper_quantile(tail: f64) -> f64 {
    // Abramowitz and Stegun 26.2.22, within 3e-3; each step of Halley's method triples the digits.
    let t = (-2.0 * math::ln(tail)).sqrt();
    let mut x = (t - 0.27061_f64.mul_add(t, 2.30753) / (0.04481_f64.mul_add(t, 0.99229) * t + 1.0)).max(0.0);
    for _ in 0..3 {
        let miss = if tail > 0.25 {
            // Near the middle both probabilities are compared by their distance from one half, which is exact.
            (0.5 - tail) - 0.5 * math::erf(x / SQRT_2)
        } else {
            0.5 * bell(x) * math::erfcx(x * FRAC_1_SQRT_2) - tail
        };
        let newton = miss / density(x);
        x += newton / (1.0 - 0.5 * x * newton);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::{distribution, quantile};

    // mpmath 1.4, 60 digits: ncdf(mpf(x)), and the root of ncdf(x) = mpf(p)
    const DISTRIBUTION: &[(f64, f64)] = &[
        (-38.0, 2.88542835e-316),
        (-37.5, 4.605353009581955e-308),
        (-30.1, 2.4226672179857586e-199),
        (-20.0, 2.7536241186062337e-89),
        (-12.3, 4.5287069561587846e-35),
        (-8.0, 6.220960574271784e-16),
        (-5.5, 1.8989562465887718e-08),
        (-3.0, 0.0013498980316300946),
        (-1.96, 0.024997895148220435),
        (-1.0, 0.15865525393145705),
        (-0.51, 0.3050257308975194),
        (-0.49, 0.31206694941739055),
        (-0.1, 0.460172162722971),
        (0.0, 0.5),
        (1e-09, 0.5000000003989423),
        (0.3, 0.6179114221889527),
        (0.6, 0.7257468822499265),
        (1.0, 0.8413447460685429),
        (2.5, 0.9937903346742238),
        (6.0, 0.9999999990134123),
    ];
    const QUANTILE: &[(f64, f64)] = &[
        (1e-300, -37.0470962993612),
        (1e-100, -21.273453560965326),
        (1e-20, -9.262340089798407),
        (1e-09, -5.9978070150076865),
        (0.0001, -3.7190164854556804),
        (0.005, -2.575829303548901),
        (0.02425, -1.972961051311885),
        (0.025, -1.9599639845400543),
        (0.05, -1.6448536269514726),
        (0.1, -1.2815515655446004),
        (0.2, -0.8416212335729142),
        (0.2499, -0.67480447011061),
        (0.2501, -0.674175097074659),
        (0.3, -0.5244005127080408),
        (0.4, -0.2533471031357997),
        (0.49, -0.025068908258711057),
        (0.499999999, -2.5066283428845328e-09),
        (0.500000000001, 2.5065728237018603e-12),
        (0.6, 0.2533471031357997),
        (0.75, 0.6744897501960817),
        (0.9, 1.2815515655446006),
        (0.95, 1.6448536269514722),
        (0.975, 1.9599639845400538),
        (0.995, 2.5758293035489004),
        (0.9999999999, 6.361340889697422),
    ];

    #[test]
    fn both_directions_meet_sixty_digit_values() {
        for &(x, expected) in DISTRIBUTION {
            let error = (distribution(x) - expected).abs() / expected;
            assert!(error <= 2e-15, "{x}: {error:e}");
        }
        for &(p, expected) in QUANTILE {
            let error = (quantile(p) - expected).abs() / expected.abs();
            assert!(error <= 1e-15, "{p:e}: {:e} for {expected:e}, {error:e}", quantile(p));
        }
    }

    #[test]
    fn the_quantile_is_odd_rises_and_returns() {
        let mut last = f64::NEG_INFINITY;
        for i in 1..4096 {
            let p = f64::from(i) / 4096.0;
            let x = quantile(p);
            assert!(x > last);
            assert_eq!(x, -quantile(1.0 - p));
            assert!((distribution(x) - p).abs() <= 2e-15 * p);
            last = x;
        }
    }

    #[test]
    fn ends_are_infinite_and_the_rest_is_nan() {
        assert_eq!((quantile(0.0), quantile(1.0), quantile(0.5)), (f64::NEG_INFINITY, f64::INFINITY, 0.0));
        assert!(quantile(-0.1).is_nan() && quantile(1.1).is_nan() && quantile(f64::NAN).is_nan());
        assert_eq!((distribution(f64::NEG_INFINITY), distribution(f64::INFINITY)), (0.0, 1.0));
        assert!(distribution(f64::NAN).is_nan());
    }
}

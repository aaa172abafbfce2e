//! `erf` and its complements, `ln_gamma`, `digamma`.

use std::f64::consts::PI;

use super::exponential::exp;
use super::logarithm::ln;
use super::polynomial::horner;
use super::trigonometry::{cos, sin};

/// erf(x) / x as a function of x^2 <= 1, to 2e-17.
const ERF: [f64; 13] = [
    std::f64::consts::FRAC_2_SQRT_PI,
    -0.3761263890318375,
    0.11283791670954879,
    -0.026866170645076792,
    0.0052239776248180145,
    -0.000854832698083379,
    0.0001205533111164271,
    -1.4925595266831182e-05,
    1.6461000484121368e-06,
    -1.6350312701054695e-07,
    1.4659775274047431e-08,
    -1.1372848856791657e-09,
    5.957176147748883e-11,
];

/// Chebyshev series of (1 + 2 x) erfcx(x) in t = (x - 3) / (x + 3), x >= 0, to 1e-18.
const ERFCX: [f64; 27] = [
    1.17756257419656,
    0.005353904539615676,
    -0.09377550342284209,
    0.05436652555744322,
    -0.018976596707845208,
    0.004453426061462712,
    -0.0006335531710553147,
    1.7661719523171593e-05,
    1.2841532864056671e-05,
    -2.0072285659059913e-06,
    -1.807522790414837e-07,
    7.549828343825093e-08,
    1.885668523838603e-09,
    -2.699519049798364e-09,
    -1.4600791199391054e-11,
    1.0361607445969482e-10,
    1.4757159766232919e-12,
    -4.277340064396287e-12,
    -2.0792249285527652e-13,
    1.8134502003500007e-13,
    1.973425568420026e-14,
    -7.287943955627583e-15,
    -1.5169874715514384e-15,
    2.3514571162907283e-16,
    1.0006627014325894e-16,
    -2.12171405650479e-18,
    -5.852928334635818e-18,
];

/// Scaled complementary error function exp(x^2) erfc(x) for x >= 0, within 1e-15 relative.
#[inline(always)]
fn erfcx_positive(x: f64) -> f64 {
    let t = if x < 1e300 { (x - 3.0) / (x + 3.0) } else { 1.0 };
    let (mut b1, mut b2) = (0.0_f64, 0.0_f64);
    for c in ERFCX[1..].iter().rev() {
        (b1, b2) = ((2.0 * t).mul_add(b1, c - b2), b1);
    }
    (t.mul_add(b1, ERFCX[0] - b2)) / x.mul_add(2.0, 1.0)
}

/// exp(-x^2) without the error of squaring.
#[inline(always)]
fn gaussian(x: f64) -> f64 {
    let square = x * x;
    let lost = x.mul_add(x, -square);
    let value = exp(-square);
    if value > 0.0 { value.mul_add(-lost, value) } else { value }
}

/// Scaled complementary error function exp(x^2) erfc(x), within 2e-15 relative; infinite below -26.7.
#[inline(always)]
pub fn erfcx(x: f64) -> f64 {
    let upper = erfcx_positive(x.abs());
    if x < 0.0 { 2.0 / gaussian(x) - upper } else { upper }
}

/// Complementary error function 1 - erf(x), within 2e-15 relative while it is a normal number.
#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    let tail = gaussian(x) * erfcx_positive(x.abs());
    let tail = if x.abs() < 0.25 { x.abs().mul_add(-horner(x * x, &ERF), 1.0) } else { tail };
    if x < 0.0 { 2.0 - tail } else { tail }
}

/// Error function within 1e-15 relative.
#[inline(always)]
pub fn erf(x: f64) -> f64 {
    let magnitude = x.abs();
    let value = if magnitude < 1.0 { x * horner(x * x, &ERF) } else { 1.0 - erfc(magnitude) };
    value.copysign(x)
}

/// ln Gamma(x) / ((x - 1) (x - 2)) as a function of x - 1.5, 1 <= x <= 2, to 2e-17.
const LN_GAMMA: [f64; 22] = [
    0.4831289505409809,
    -0.14595989591430608,
    0.06291140107456439,
    -0.031308487501010646,
    0.01679709863127416,
    -0.009425622448525798,
    0.005446457839126065,
    -0.0032120740737152814,
    0.0019229163127905161,
    -0.0011644145847310124,
    0.000711519067515296,
    -0.00043799307479613914,
    0.00027131373861446925,
    -0.0001689178215524898,
    0.00010535512483785591,
    -6.614136022346414e-05,
    4.30276814976503e-05,
    -2.7201673025504752e-05,
    1.3186019073996835e-05,
    -8.355075869795273e-06,
    1.2140008083973407e-05,
    -7.760660152513446e-06,
];

/// Bernoulli numbers over 2k (2k - 1): the asymptotic series of ln Gamma in 1/x^2; 1e-17 from x = 10.
const STIRLING: [f64; 8] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
    -3617.0 / 122_400.0,
];

/// ln |Gamma(x)|, within 2e-15 relative for x > 0; for x < 0 the absolute error is 1e-14 (1 + |value|) away from the poles,
/// where it is infinite.
pub fn ln_gamma(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::INFINITY;
    }
    if x <= 0.0 {
        if x.trunc() == x {
            return f64::INFINITY;
        }
        if x > -1e-8 {
            // Gamma(x) = 1/x - 0.577...: the reflection would lose the sine of a tiny angle.
            return x.mul_add(-EULER, -ln(-x));
        }
        return ln(PI / sin_pi(x).abs()) - ln_gamma(1.0 - x);
    }
    if x >= 10.0 {
        let inverse = 1.0 / x;
        let series = inverse * horner(inverse * inverse, &STIRLING);
        // 1/2 ln(2 pi) + series; (x - 1/2) ln x - x gathered so that it overflows only with the result.
        return (x - 0.5).mul_add(ln(x) - 1.0, -0.5) + (0.918_938_533_204_672_7 + series);
    }
    if x < 1.0 {
        return ln_gamma_above_one(x) - ln(x);
    }
    let (mut y, mut product) = (x, 1.0);
    while y > 2.0 {
        y -= 1.0;
        product *= y;
    }
    ln_gamma_above_one(y - 1.0) + ln(product)
}

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// ln Gamma(1 + y) for 0 <= y <= 1, relative accuracy kept at both zeros.
fn ln_gamma_above_one(y: f64) -> f64 {
    y * (y - 1.0) * horner(y - 0.5, &LN_GAMMA)
}

/// sin(pi x) with the whole turns taken off exactly.
fn sin_pi(x: f64) -> f64 {
    let part = x - 2.0 * (0.5 * x).trunc();
    sin(PI * part)
}

/// Derivative of ln Gamma, within 2e-15 (1 + |value|) absolute for x > 0, 1e-14 of |value| + pi |cot(pi x)| for x < 0;
/// NaN at the poles 0, -1, -2 ...
pub fn digamma(x: f64) -> f64 {
    if x == f64::INFINITY || x.is_nan() {
        return x;
    }
    if x <= 0.0 {
        if x.trunc() == x {
            return f64::NAN;
        }
        let part = x - x.trunc();
        return digamma(1.0 - x) - PI * cos(PI * part) / sin(PI * part);
    }
    let (mut y, mut shift) = (x, 0.0);
    while y < 10.0 {
        shift -= 1.0 / y;
        y += 1.0;
    }
    let z = 1.0 / (y * y);
    // -B_2k / 2k in 1/y^2; 1e-17 from y = 10.
    let series = horner(
        z,
        &[
            -1.0 / 12.0,
            1.0 / 120.0,
            -1.0 / 252.0,
            1.0 / 240.0,
            -1.0 / 132.0,
            691.0 / 32_760.0,
            -1.0 / 12.0,
            3617.0 / 8160.0,
        ],
    );
    shift + (ln(y) - 0.5 / y + z * series)
}

//! `ln`, `ln_1p` and what follows from them.

use std::f64::consts::LN_2;

use super::exponential::{LN_2_HIGH, LN_2_LOW, exp};

const SQRT_HALF_BITS: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
const FRACTION_MASK: u64 = (1 << 52) - 1;
const TWO_54: f64 = 18_014_398_509_481_984.0;
/// The bits of 2^52: a small integer or-ed in becomes 2^52 + integer.
const TWO_52_BITS: u64 = 0x433 << 52;

/// x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), exactly, for positive finite `x`, subnormal or not.
#[inline(always)]
pub(super) fn split(x: f64) -> (f64, f64) {
    let subnormal = x < f64::MIN_POSITIVE;
    let scaled = if subnormal { x * TWO_54 } else { x };
    let bias = if subnormal { 4_503_599_627_370_496.0 + 1077.0 } else { 4_503_599_627_370_496.0 + 1023.0 };
    let bits = scaled.to_bits().wrapping_sub(SQRT_HALF_BITS).wrapping_add(1023 << 52);
    let k = f64::from_bits((bits >> 52) | TWO_52_BITS) - bias;
    let mantissa = f64::from_bits((bits & FRACTION_MASK).wrapping_add(SQRT_HALF_BITS));
    (k, mantissa - 1.0)
}

/// (2 atanh(s) - 2 s) / s^3 as a function of z = s^2 <= 0.02944, to 3.2e-16.
#[inline(always)]
pub(super) fn tail(z: f64) -> f64 {
    let z2 = z * z;
    let c01 = z.mul_add(0.39999999999899444, 0.666666666666667);
    let c23 = z.mul_add(0.22222211130259875, 0.2857142862600327);
    let c45 = z.mul_add(0.1533171061820642, 0.18182889455675105);
    z2.mul_add(z2.mul_add(z2.mul_add(0.14616585424934123, c45), c23), c01)
}

/// ln x + correction for positive finite `x` and a correction far below it.
#[inline(always)]
fn positive(x: f64, correction: f64) -> f64 {
    let (k, f) = split(x);
    let s = f / (f + 2.0);
    let z = s * s;
    let half_square = 0.5 * f * f;
    // ln(1 + f) = f - (f^2/2 - s (f^2/2 + R)): the leading term f is exact, so cancellation costs nothing.
    let inner = z.mul_add(tail(z), half_square);
    let low = s.mul_add(inner, k.mul_add(LN_2_LOW, correction));
    k.mul_add(LN_2_HIGH, f - (half_square - low))
}

/// Natural logarithm within 1 ulp, subnormal numbers included; ln 0 = -inf, NaN below.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let value = positive(x, 0.0);
    let value = if x == f64::INFINITY { x } else { value };
    let outside = if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x > 0.0 { value } else { outside }
}

/// ln(1 + x) within 2 ulp, for small `x` too; -inf at -1, NaN below.
#[inline(always)]
pub fn ln_1p(x: f64) -> f64 {
    let u = 1.0 + x;
    // What rounding took from 1 + x, exactly, whichever of the two is larger.
    let back = u - 1.0;
    let lost = (1.0 - (u - back)) + (x - back);
    let value = positive(u, lost / u);
    let value = if x == f64::INFINITY || x == 0.0 { x } else { value };
    let outside = if x == -1.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x > -1.0 { value } else { outside }
}

/// ln(1 + e^x) within 2 ulp, without overflow.
#[inline(always)]
pub fn softplus(x: f64) -> f64 {
    let above = if x < 0.0 { 0.0 } else { x };
    above + ln_1p(exp(-x.abs()))
}

/// ln(e^a + e^b) without overflow, within 2 ulp of the larger of |result|, |a| and |b|.
#[inline(always)]
pub fn log_add_exp(a: f64, b: f64) -> f64 {
    let larger = if a > b { a } else { b };
    let value = larger + ln_1p(exp(-(a - b).abs()));
    // Equal infinities have no difference.
    if a == b { a + LN_2 } else { value }
}

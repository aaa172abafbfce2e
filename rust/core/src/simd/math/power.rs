//! `powf` through a logarithm carried in two doubles.

#![expect(clippy::needless_bitwise_bool, reason = "a lazy operand is a branch, and a branch ends vector code")]

use super::exponential::{LN_2_HIGH, LN_2_LOW, exp};
use super::logarithm::{split, tail};

/// ln x as an unevaluated sum of two doubles for positive finite `x`, to about 2^-60 relative.
#[inline(always)]
fn ln_pair(x: f64) -> (f64, f64) {
    let (k, f) = split(x);
    let d = f + 2.0;
    let d_low = f - (d - 2.0);
    let s = f / d;
    let s_low = s.mul_add(-d_low, s.mul_add(-d, f)) / d;
    let z = s * s;
    let rest = (s * z).mul_add(tail(z), k.mul_add(LN_2_LOW, 2.0 * s_low));
    // |k ln 2| > |2 s| unless k = 0: the quick two-sums are exact.
    let exponent = k * LN_2_HIGH;
    let leading = exponent + 2.0 * s;
    let leading_low = if k == 0.0 { 0.0 } else { 2.0 * s - (leading - exponent) };
    let low = rest + leading_low;
    let high = leading + low;
    (high, low - (high - leading))
}

/// 2^exponent, exact; the exponent is held between -1022 and 1023.
#[inline(always)]
pub fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent.clamp(-1022, 1023) + 1023) as u64) << 52)
}

/// x^y within 4 ulp of the IEEE 754 function (special cases included): 1 for y = 0 or x = 1 even beside NaN, the sign of
/// `x` kept for odd integers `y`, NaN for negative `x` and fractional `y`.
#[inline(always)]
pub fn powf(x: f64, y: f64) -> f64 {
    let magnitude = x.abs();
    let (high, low) = ln_pair(magnitude);
    let (high, low) = if magnitude == 0.0 { (f64::NEG_INFINITY, 0.0) } else { (high, low) };
    let (high, low) = if magnitude == f64::INFINITY { (f64::INFINITY, 0.0) } else { (high, low) };
    let (high, low) = if x.is_nan() { (x, 0.0) } else { (high, low) };
    let product = y * high;
    let product_low = low.mul_add(y, y.mul_add(high, -product));
    let power = exp(product);
    let correct = (product_low.abs() < 1.0) & power.is_finite();
    let value = if correct { power.mul_add(product_low, power) } else { power };

    let is_integer = y.trunc() == y;
    let is_odd = is_integer & (y.abs() < 9_007_199_254_740_992.0) & ((0.5 * y).trunc() != 0.5 * y);
    let value = if (x < 0.0) & !is_integer & (magnitude != f64::INFINITY) { f64::NAN } else { value };
    let value = if is_odd & x.is_sign_negative() { -value } else { value };
    let is_one = (y == 0.0) | (x == 1.0) | ((x == -1.0) & y.is_infinite());
    if is_one { 1.0 } else { value }
}

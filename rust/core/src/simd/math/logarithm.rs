//! `ln`, `ln_1p` and what follows from them.

#![expect(clippy::needless_bitwise_bool, reason = "a lazy operand is a branch, and a branch ends vector code")]

use std::f64::consts::LN_2;

use super::exponential::{LN_2_HIGH, LN_2_LOW, exp};
use crate::simd::Real;

const SQRT_HALF_BITS: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
const INFINITY_BITS: u64 = f64::INFINITY.to_bits();
const MINUS_INFINITY_BITS: u64 = f64::NEG_INFINITY.to_bits();
const NAN_BITS: u64 = f64::NAN.to_bits();
const FRACTION_MASK: u64 = (1 << 52) - 1;
/// The bits of 2^52: a small integer or-ed in becomes 2^52 + integer.
const TWO_52_BITS: u64 = 0x433 << 52;
/// Makes exponents positive, those of subnormal numbers too.
const BIAS: u64 = 1100;

/// x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), exactly, for positive finite `x`, subnormal or not. Any other bits
/// still give a finite `k` and an `f` in that range.
#[inline(always)]
pub(super) fn split(x: f64) -> (f64, f64) {
    let lift = if x < f64::MIN_POSITIVE { 54 << 52 } else { 0 };
    let scaled = x * f64::from_bits(1f64.to_bits() + lift);
    split_bits(scaled.to_bits(), lift)
}

#[inline(always)]
fn split_bits(bits: u64, lift: u64) -> (f64, f64) {
    let bits = bits.wrapping_add((BIAS << 52).wrapping_sub(SQRT_HALF_BITS));
    let k = f64::from_bits((bits.wrapping_sub(lift) >> 52) | TWO_52_BITS) - (4_503_599_627_370_496.0 + BIAS as f64);
    let mantissa = f64::from_bits((bits & FRACTION_MASK).wrapping_add(SQRT_HALF_BITS));
    (k, mantissa - 1.0)
}

/// (2 atanh(s) - 2 s) / s^3 as a function of z = s^2 <= 0.02944, to 3.2e-16.
#[inline(always)]
pub(super) fn tail<R: Real>(z: R) -> R {
    let z2 = z * z;
    let c01 = z.fused(R::of(0.39999999999899444), R::of(0.666666666666667));
    let c23 = z.fused(R::of(0.22222211130259875), R::of(0.2857142862600327));
    let c45 = z.fused(R::of(0.1533171061820642), R::of(0.18182889455675105));
    z2.fused(z2.fused(z2.fused(R::of(0.14616585424934123), c45), c23), c01)
}

/// k ln 2 + ln(1 + f) + correction, where s = f / (2 + f) and the correction is far below the rest.
#[inline(always)]
fn assemble(k: f64, f: f64, s: f64, correction: f64) -> f64 {
    let z = s * s;
    let half_square = 0.5 * f * f;
    // ln(1 + f) = f - (f^2/2 - s (f^2/2 + R)): the leading term f is exact, so cancellation costs nothing.
    let inner = z.mul_add(tail(z), half_square);
    let low = s.mul_add(inner, k.mul_add(LN_2_LOW, correction));
    k.mul_add(LN_2_HIGH, f - (half_square - low))
}

/// `bits` where the condition holds, otherwise none: cheaper than a choice between two numbers.
#[inline(always)]
fn bits_if(condition: bool, bits: u64) -> u64 {
    if condition { bits } else { 0 }
}

/// Natural logarithm within 1 ulp, subnormal numbers included; ln 0 = -inf, NaN below.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let (k, f) = split(x);
    let value = assemble(k, f, f / (f + 2.0), 0.0);
    let infinite = bits_if(x == f64::INFINITY, INFINITY_BITS);
    let zero = bits_if(x == 0.0, MINUS_INFINITY_BITS);
    let outside = bits_if(x.is_nan() | (x < 0.0), NAN_BITS);
    value + f64::from_bits(infinite | zero | outside)
}

/// ln(1 + x) within 2 ulp, for small `x` too; -inf at -1, NaN below.
#[inline(always)]
pub fn ln_1p(x: f64) -> f64 {
    let u = 1.0 + x;
    // What rounding took from 1 + x, exactly, whichever of the two is larger.
    let back = u - 1.0;
    let lost = (1.0 - (u - back)) + (x - back);
    let (k, f) = split_bits(u.to_bits(), 0);
    let value = assemble(k, f, f / (f + 2.0), lost / u);
    let minus_one = bits_if(x == -1.0, MINUS_INFINITY_BITS);
    let simple = f64::from_bits(x.to_bits() | minus_one);
    let value = if (x == 0.0) | (x == f64::INFINITY) | (x == -1.0) { simple } else { value };
    f64::from_bits(value.to_bits() | bits_if(x < -1.0, NAN_BITS))
}

/// ln(1 + x) and 1/(1 + x) where 1 + x lies between sqrt(1/2) and sqrt(2), so that nothing needs to be reduced.
#[inline(always)]
pub fn ln_1p_reduced<R: Real>(x: R) -> (R, R) {
    let (one, two) = (R::of(1.0) + x, R::of(2.0) + x);
    let inverse = R::of(1.0) / (one * two);
    let s = x * (inverse * one);
    let z = s * s;
    let half_square = R::of(0.5) * x * x;
    let low = s * z.fused(tail(z), half_square);
    (x - (half_square - low), inverse * two)
}

/// [`ln_1p`] for 0 <= x <= 1 or NaN: no special values, one division.
#[inline(always)]
fn ln_1p_unit(x: f64) -> f64 {
    let u = 1.0 + x;
    let lost = x - (u - 1.0);
    let (k, f) = split_bits(u.to_bits(), 0);
    let d = f + 2.0;
    let inverse = 1.0 / (d * u);
    assemble(k, f, f * u * inverse, lost * d * inverse)
}

/// ln(1 + e^x) within 2 ulp, without overflow.
#[inline(always)]
pub fn softplus(x: f64) -> f64 {
    let above = if x < 0.0 { 0.0 } else { x };
    above + ln_1p_unit(exp(-x.abs()))
}

/// ln(e^a + e^b) without overflow, within 2 ulp of the larger of |result|, |a| and |b|.
#[inline(always)]
pub fn log_add_exp(a: f64, b: f64) -> f64 {
    let larger = if a > b { a } else { b };
    let value = larger + ln_1p_unit(exp(-(a - b).abs()));
    // Equal infinities have no difference.
    if a == b { a + LN_2 } else { value }
}

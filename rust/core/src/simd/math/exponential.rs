//! `exp`, `exp_m1` and what follows from them.

use std::f64::consts::LOG2_E;

/// Adding then subtracting 1.5 * 2^52 rounds to the nearest integer and leaves it in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// ln 2 to 33 bits, so that a product with an exponent is exact, and the rest.
pub(super) const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
pub(super) const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// 2^k for an integer -1022 <= k <= 1023.
#[inline(always)]
fn power_of_two(k: f64) -> f64 {
    f64::from_bits(((k + ROUND).to_bits() << 52).wrapping_add(1023 << 52))
}

/// x = k ln 2 + r + `r_low` with |r| <= 0.3466 and 2^k = first * second, both normal numbers.
struct Reduced {
    r: f64,
    r_low: f64,
    first: f64,
    /// Exponent of the second factor.
    second: f64,
}

/// Beyond these bounds `exp` is 0 or infinite in any case; NaN passes.
#[inline(always)]
fn reduce(x: f64) -> Reduced {
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let k = x.mul_add(LOG2_E, ROUND) - ROUND;
    let high = k.mul_add(-LN_2_HIGH, x);
    let r = k.mul_add(-LN_2_LOW, high);
    let r_low = k.mul_add(-LN_2_LOW, high - r);
    let half = k.mul_add(0.5, ROUND) - ROUND;
    Reduced { r, r_low, first: power_of_two(half), second: k - half }
}

/// (e^r - 1 - r) / r^2 for |r| <= 0.3466, to 1.2e-16.
#[inline(always)]
fn tail(r: f64) -> f64 {
    let r2 = r * r;
    let r4 = r2 * r2;
    let c01 = r.mul_add(0.16666666666666669, 0.5000000000000001);
    let c23 = r.mul_add(0.008333333333330062, 0.04166666666662413);
    let c45 = r.mul_add(0.00019841269863053618, 0.0013888888917213717);
    let c67 = r.mul_add(2.7557268459997064e-06, 2.4801521295954376e-05);
    let c89 = r.mul_add(2.510038549551032e-08, 2.7620088445409746e-07);
    let low = r2.mul_add(c23, c01);
    let middle = r2.mul_add(c67, c45);
    r4.mul_add(r4.mul_add(c89, middle), low)
}

/// e^x within 1 ulp; through the subnormal numbers to 0, and to infinity above 709.78.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let Reduced { r, first, second, .. } = reduce(x);
    let fraction = (r * r).mul_add(tail(r), r) + 1.0;
    fraction * first * power_of_two(second)
}

/// e^x - 1 within 2 ulp, for small `x` too.
#[inline(always)]
pub fn exp_m1(x: f64) -> f64 {
    let Reduced { r, r_low, first, second } = reduce(x);
    let fraction = r + (r * r).mul_add(tail(r), r_low);
    // 2^k (fraction + 1) - 1, with both factors of 2^k kept finite.
    let value = first.mul_add(fraction, first - power_of_two(-second)) * power_of_two(second);
    if x == 0.0 { x } else { value }
}

/// Hyperbolic tangent within 2.5 ulp.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let t = exp_m1(-2.0 * x.abs());
    (-t / (t + 2.0)).copysign(x)
}

/// 1 / (1 + e^-x) within 2 ulp (where it is a normal number), without overflow.
#[inline(always)]
pub fn sigmoid(x: f64) -> f64 {
    let t = exp(-x.abs());
    (if x < 0.0 { t } else { 1.0 }) / (1.0 + t)
}

//! `exp`, `exp_m1` and what follows from them.

use std::f64::consts::LOG2_E;

use crate::simd::{Real, Vector};

/// Adding then subtracting 1.5 * 2^52 rounds to the nearest integer and leaves it in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
const TWO_BITS: u64 = 2f64.to_bits();
/// ln 2 to 33 bits, so that a product with an exponent is exact, and the rest.
pub(super) const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
pub(super) const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// x = k ln 2 + r + `r_low` with |r| <= 0.3466.
struct Reduced {
    r: f64,
    r_low: f64,
    /// The exponent bits of 2^(k - 1): half, because 2^1024 is not a double.
    half_scale: u64,
}

#[inline(always)]
fn reduce(x: f64) -> Reduced {
    let rounded = x.mul_add(LOG2_E, ROUND);
    let k = rounded - ROUND;
    let high = k.mul_add(-LN_2_HIGH, x);
    let r = k.mul_add(-LN_2_LOW, high);
    let r_low = k.mul_add(-LN_2_LOW, high - r);
    Reduced { r, r_low, half_scale: (rounded.to_bits() << 52).wrapping_add(1022 << 52) }
}

/// (e^r - 1 - r) / r^2 for |r| <= 0.3466, to 1.2e-16.
#[inline(always)]
fn tail<R: Real>(r: R) -> R {
    let r2 = r * r;
    let c01 = r.fused(R::of(0.16666666666666669), R::of(0.5000000000000001));
    let c23 = r.fused(R::of(0.008333333333330062), R::of(0.04166666666662413));
    let c45 = r.fused(R::of(0.00019841269863053618), R::of(0.0013888888917213717));
    let c67 = r.fused(R::of(2.7557268459997064e-06), R::of(2.4801521295954376e-05));
    let c89 = r.fused(R::of(2.510038549551032e-08), R::of(2.7620088445409746e-07));
    r2.fused(r2.fused(r2.fused(r2.fused(c89, c67), c45), c23), c01)
}

/// e^x within 1.1 ulp; through the subnormal numbers to 0, and to infinity above 709.78.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    // Beyond these bounds the result is 0 or infinite in any case; NaN passes.
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let Reduced { r, half_scale, .. } = reduce(x);
    let fraction = (r * r).mul_add(tail(r), r) + 1.0;
    // 2^k in two factors, so that a subnormal result is rounded once.
    let lift = if x < -707.0 { 56 << 52 } else { 0 };
    let scale = f64::from_bits(half_scale.wrapping_add(lift));
    fraction * scale * f64::from_bits(TWO_BITS - lift)
}

/// e^x within 1.1 ulp for |x| < 700, where nothing overflows.
#[inline(always)]
pub fn exp_bounded<V: Vector>(x: V) -> V {
    let rounded = x.fused(V::of(LOG2_E), V::of(ROUND));
    let k = rounded - V::of(ROUND);
    let r = k.fused(V::of(-LN_2_LOW), k.fused(V::of(-LN_2_HIGH), x));
    ((r * r).fused(tail(r), r) + V::of(1.0)) * rounded.power_of_two()
}

/// e^x - 1 within 2 ulp, for small `x` too.
#[inline(always)]
pub fn exp_m1(x: f64) -> f64 {
    let bounded = if x > 710.0 { 710.0 } else { x };
    let bounded = if bounded < -50.0 { -50.0 } else { bounded };
    let Reduced { r, r_low, half_scale } = reduce(bounded);
    let fraction = r + (r * r).mul_add(tail(r), r_low);
    // 2^k (fraction + 1) - 1, halved and doubled to stay finite.
    let scale = f64::from_bits(half_scale);
    let value = 2.0 * scale.mul_add(fraction, scale - 0.5);
    // Keeps the sign of zero, and the last bit of subnormal numbers from the halving.
    if x.abs() < 1e-290 { x } else { value }
}

/// e^x - 1 for |x| <= 0.3466, where nothing needs to be reduced.
#[inline(always)]
pub fn exp_m1_reduced<R: Real>(x: R) -> R {
    (x * x).fused(tail(x), x)
}

/// Hyperbolic tangent within 3 ulp.
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

/// Derivative of [`sigmoid`] within 4 ulp (where it is a normal number), far out too, where 1 - sigmoid(x) has no digits.
#[inline(always)]
pub fn sigmoid_slope(x: f64) -> f64 {
    let t = exp(-x.abs());
    t / ((1.0 + t) * (1.0 + t))
}

//! `sin`, `cos` and `atan`.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4};

use super::polynomial::horner;

const ROUND: f64 = 6_755_399_441_055_744.0;
/// pi/2 = `FRAC_PI_2` + this + 1e-33.
const FRAC_PI_2_LOW: f64 = 6.123_233_995_736_766e-17;
/// Above this the quarter turn cannot be counted.
const LARGEST: f64 = 1_125_899_906_842_624.0;

/// x = quarter * pi/2 + r + `r_low` with |r| <= 0.79.
#[inline(always)]
fn reduce(x: f64) -> (u64, f64, f64) {
    let rounded = x.mul_add(FRAC_2_PI, ROUND);
    let k = rounded - ROUND;
    // Exact: a multiple of 2^-52 below 1.
    let high = k.mul_add(-FRAC_PI_2, x);
    let r = k.mul_add(-FRAC_PI_2_LOW, high);
    let r_low = k.mul_add(-FRAC_PI_2_LOW, high - r);
    (rounded.to_bits() & 3, r, r_low)
}

#[inline(always)]
fn sine_of_reduced(r: f64, r_low: f64) -> f64 {
    let z = r * r;
    // Taylor: -1/3!, 1/5!, ... -1/19!; the next term is below 1e-21.
    let tail = horner(
        z,
        &[
            -1.0 / 6.0,
            1.0 / 120.0,
            -1.0 / 5040.0,
            1.0 / 362_880.0,
            -1.0 / 39_916_800.0,
            1.0 / 6_227_020_800.0,
            -1.0 / 1_307_674_368_000.0,
            1.0 / 355_687_428_096_000.0,
        ],
    );
    r + (r * z).mul_add(tail, r_low.mul_add(-0.5 * z, r_low))
}

#[inline(always)]
fn cosine_of_reduced(r: f64, r_low: f64) -> f64 {
    let z = r * r;
    let tail = horner(
        z,
        &[
            1.0 / 24.0,
            -1.0 / 720.0,
            1.0 / 40_320.0,
            -1.0 / 3_628_800.0,
            1.0 / 479_001_600.0,
            -1.0 / 87_178_291_200.0,
            1.0 / 20_922_789_888_000.0,
        ],
    );
    let half = 0.5 * z;
    let leading = 1.0 - half;
    leading + ((1.0 - leading) - half + (z * z).mul_add(tail, -r * r_low))
}

#[inline(always)]
fn by_quarter(x: f64, turn: u64) -> f64 {
    let (quarter, r, r_low) = reduce(x);
    let quarter = (quarter + turn) & 3;
    let value = if quarter & 1 == 0 { sine_of_reduced(r, r_low) } else { cosine_of_reduced(r, r_low) };
    let value = if quarter & 2 == 0 { value } else { -value };
    if x.abs() < LARGEST { value } else { f64::NAN }
}

/// Sine, 1e-15 absolute and 2 ulp for |x| < 1e6; the same absolute error up to 2^50, NaN beyond.
#[inline(always)]
pub fn sin(x: f64) -> f64 {
    let value = by_quarter(x, 0);
    if x == 0.0 { x } else { value }
}

/// Cosine, 1e-15 absolute and 2 ulp for |x| < 1e6; the same absolute error up to 2^50, NaN beyond.
#[inline(always)]
pub fn cos(x: f64) -> f64 {
    by_quarter(x, 1)
}

/// (atan(t) - t) / t^3 as a function of t^2 <= 0.1716, to 2e-17.
const ARCTANGENT: [f64; 12] = [
    -0.3333333333333333,
    0.19999999999999804,
    -0.14285714285659779,
    0.11111111105150588,
    -0.09090908753259112,
    0.07692296368042296,
    -0.06666424760200507,
    0.05878927554473668,
    -0.05230443640686046,
    0.0455154473401848,
    -0.034569315063240416,
    0.016284375049956695,
];

/// Arc tangent within 3 ulp.
#[inline(always)]
pub fn atan(x: f64) -> f64 {
    let magnitude = x.abs();
    let inverted = magnitude > 1.0;
    let t = if inverted { 1.0 / magnitude } else { magnitude };
    // tan(pi/8): above it, atan t = pi/4 + atan((t - 1) / (t + 1)).
    let turned = t > 0.414_213_562_373_095_05;
    let t = if turned { (t - 1.0) / (t + 1.0) } else { t };
    let z = t * t;
    let value = (t * z).mul_add(horner(z, &ARCTANGENT), t);
    let value = if turned { FRAC_PI_4 + (value + 0.5 * FRAC_PI_2_LOW) } else { value };
    let value = if inverted { FRAC_PI_2 - (value - FRAC_PI_2_LOW) } else { value };
    value.copysign(x)
}

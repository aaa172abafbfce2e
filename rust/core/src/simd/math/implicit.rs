//! The one function of the tape that is defined by an equation: the share of a saturating power law.
//!
//! The logit z of v solves g(z) = k softplus(z) - softplus(-z) = z + (k - 1) softplus(z) = t. The slope of g lies between 1 and
//! k, and its curvature has one sign.

use std::f64::consts::LN_2;

use super::{exp, exp_bounded, exp_m1, ln, ln_1p_reduced, sigmoid, softplus};
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector};

/// Steps after which the bracket is as narrow as doubles allow; Newton needs 3 to 12.
const MAX_STEPS: usize = 200;

/// Largest k, and one over the smallest, for which shares are found in lanes; most fits have some from 0.1 to 10, and a bend whose
/// ceiling is out of sight some hundreds.
const USUAL_K: f64 = 4096.0;

/// Largest |t| and |t|/k there: logits then stay where an exponential neither overflows nor vanishes.
const USUAL_T: f64 = 500.0;

/// Where logits are kept on the way.
const LARGEST_LOGIT: f64 = 600.0;

/// A step so short that its cube, which the last step leaves out, is below rounding.
const SHORT: f64 = 3.8e-6;

/// Steps in lanes; two or three suffice for k between 0.1 and 10, and eight for nearly every usual one.
const MOST_STEPS: usize = 10;

/// Largest part of a step that the curvature of g adds or takes.
const MOST_BENT: f64 = 0.5;

/// The share v in (0, 1) with v / (1 - v)^k = e^t, for k >= 0; NaN for other k.
///
/// k = 0 gives e^t, whatever its size: the plain power that the equation then is. The error is within 8 ulp of v times
/// the condition of the equation, 1 + |t| dv/dt / v.
pub fn m4(t: f64, k: f64) -> f64 {
    m4_lanes([t; LANES], [k; LANES])[0]
}

/// [`m4`] of eight pairs, the same bits as one at a time.
#[inline]
pub fn m4_lanes(t: [f64; LANES], k: [f64; LANES]) -> [f64; LANES] {
    let mut shares = dispatch_vector(Shares { t, k });
    for (share, (&t, &k)) in shares.iter_mut().zip(t.iter().zip(&k)) {
        if share.is_nan() {
            *share = bracketed(t, k);
        }
    }
    shares
}

/// Whether lanes find the share; the others have it bracketed.
#[inline(always)]
fn is_usual(t: f64, k: f64) -> bool {
    let bound = if k < 1.0 { USUAL_T * k } else { USUAL_T };
    (1.0 / USUAL_K..=USUAL_K).contains(&k) && t.abs() <= bound
}

/// Eight shares by third-order steps (Chebyshev's), NaN where they are not found.
///
/// Every lane stops by a rule of its own, so that no share depends on its neighbours.
struct Shares {
    t: [f64; LANES],
    k: [f64; LANES],
}

impl VectorKernel for Shares {
    type Output = [f64; LANES];

    #[inline(always)]
    fn run<V: Vector>(self) -> [f64; LANES] {
        let (mut t, mut k, mut logit, mut unknown) = (self.t, self.k, [0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            let usual = is_usual(t[lane], k[lane]);
            t[lane] = if usual { t[lane] } else { 0.0 };
            k[lane] = if usual { k[lane] } else { 1.0 };
            unknown[lane] = if usual { 0.0 } else { f64::NAN };
            logit[lane] = start(t[lane], k[lane]);
        }
        let (t, k, mut z) = (V::load(&t), V::load(&k), V::load(&logit));
        let (one, half) = (V::of(1.0), V::of(0.5));
        let (mut share, mut left) = (V::zero(), one);
        for _ in 0..MOST_STEPS {
            let Point { share: v, rest, step } = Point::at(z, t, k);
            // v at z + step: v' = v (1 - v), v'' = v' (1 - 2 v).
            let curved = (half * (rest - v) * step).fused(step, step);
            let found = (v * rest).fused(curved, v);
            let size = step.most(-step);
            let ends = left.where_less(size, V::of(SHORT));
            share = ends.fused(found, share);
            left = left - ends;
            if left.sum() == 0.0 {
                break;
            }
            z = (z + step).least(V::of(LARGEST_LOGIT)).most(V::of(-LARGEST_LOGIT));
        }
        let (mut shares, mut lanes_left) = ([0.0; LANES], [0.0; LANES]);
        share.store(&mut shares);
        left.store(&mut lanes_left);
        for lane in 0..LANES {
            let found = if lanes_left[lane] == 0.0 { shares[lane] } else { f64::NAN };
            shares[lane] = found + unknown[lane];
        }
        shares
    }
}

/// Where a step stands, and the next one.
struct Point<V> {
    /// v and 1 - v.
    share: V,
    rest: V,
    step: V,
}

impl<V: Vector> Point<V> {
    #[inline(always)]
    fn at(z: V, t: V, k: V) -> Self {
        let one = V::of(1.0);
        let small = exp_bounded(-z.most(-z));
        let larger = one / (one + small);
        let smaller = small * larger;
        // 1 below zero and 0 elsewhere, so that a product with it is a choice.
        let below = one.where_less(z, V::zero());
        let above = one - below;
        let share = above.fused(larger, below * smaller);
        let rest = above.fused(smaller, below * larger);
        // ln(1 + small): beyond the range of the polynomial half of it is taken off first.
        let wide = one.where_less(V::of(0.4), small);
        let (inside, halved) = ((one - wide) * small, wide * V::of(0.5) * (small - one));
        let logarithm = wide.fused(V::of(LN_2), ln_1p_reduced(inside + halved).0);
        let value = (k - one).fused(logarithm, z.fused(above.fused(k, below), -t));
        let slope = k.fused(share, rest);
        let newton = -value / slope;
        // Half the curvature of g over its slope.
        let bend = V::of(0.5) * (k - one) * (share * rest) / slope;
        let bent = (newton * bend).least(V::of(MOST_BENT)).most(V::of(-MOST_BENT));
        Self { share, rest, step: newton * (one - bent) }
    }
}

/// The logit at which a hyperbola in the place of softplus solves the equation: (z + sqrt(z^2 + 4 ln(2)^2)) / 2 meets it far
/// out and at 0, and stays within 0.05 of it.
#[inline(always)]
fn start(t: f64, k: f64) -> f64 {
    const WIDTH: f64 = 4.0 * LN_2 * LN_2;
    let (sum, difference) = (0.5 * (k + 1.0), 0.5 * (k - 1.0));
    let root = k.mul_add(WIDTH, t * t).sqrt();
    // The same root of a quadratic twice; of the two one does not cancel.
    let direct = (sum * t - difference * root) / k;
    let turned = (t * t - difference * difference * WIDTH) / (sum * t + difference * root);
    if t * difference > 0.0 { turned } else { direct }
}

/// [`m4`] for any numbers: each of Newton's steps is held inside a bracket.
fn bracketed(t: f64, k: f64) -> f64 {
    if t.is_nan() || k.is_nan() || k < 0.0 || k == f64::INFINITY {
        return f64::NAN;
    }
    if k == 0.0 {
        return exp(t);
    }
    if t.is_infinite() {
        return if t > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut low, mut high) = bracket(t, k);
    // The straight line that g approaches on the side where the root lies.
    let mut z = if t < 0.0 { t } else { t / k }.max(low).min(high);
    for _ in 0..MAX_STEPS {
        let value = residual(z, t, k);
        if value == 0.0 {
            break;
        }
        if value < 0.0 {
            low = z;
        } else {
            high = z;
        }
        let slope = k * sigmoid(z) + sigmoid(-z);
        let newton = z - value / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * low + 0.5 * high };
        let moved = (next - z).abs();
        z = next;
        if moved <= f64::EPSILON * z.abs() || next == low || next == high {
            break;
        }
    }
    // Of the two ways back from z, the one that its rounding disturbs least.
    let (share, rest) = (sigmoid(z), sigmoid(-z));
    if k * share < rest {
        return exp(t - k * softplus(z));
    }
    // What the rounding of z took, which a large k makes several digits of a share.
    let left = share * rest * residual(z, t, k) / k.mul_add(share, rest);
    if left.abs() < SHORT * share { share - left } else { share }
}

/// g(z): increasing, and straight far out.
fn residual(z: f64, t: f64, k: f64) -> f64 {
    k * softplus(z) - softplus(-z) - t
}

/// Finite ends between which the root lies: softplus is at least max(0, z), and at most ln 2 more.
fn bracket(t: f64, k: f64) -> (f64, f64) {
    let slack = (1.0 + k) * LN_2;
    // Where the largest and the smallest straight lines beside g vanish. A minimum or maximum with NaN is the other one.
    let end = |sign: f64| {
        let level = t + sign * slack;
        if level < 0.0 { level } else { t / k + sign * (1.0 + 1.0 / k) * LN_2 }
    };
    let (low, mut high) = (end(-1.0).max(-f64::MAX), end(1.0).min(f64::MAX));
    if t < 0.0 {
        // v is at most e^t, whatever k: without this the bracket of a tiny k is too wide to be halved in time.
        high = high.min(1.0 - ln(exp_m1(-t)));
    }
    ((low - 1.0 - low.abs() * 1e-12).max(-f64::MAX), (high + 1.0 + high.abs() * 1e-12).min(f64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// v for k = 1/2, 1 and 2, where the equation has a root in closed form, written without cancellation.
    fn closed(t: f64, k: f64) -> f64 {
        if k == 1.0 {
            return sigmoid(t);
        }
        let f = t.exp();
        if k == 2.0 {
            2.0 * f / (2.0 * f + 1.0 + (4.0 * f + 1.0).sqrt())
        } else {
            2.0 / (1.0 + (1.0 + 4.0 / (f * f)).sqrt())
        }
    }

    fn near(got: f64, expected: f64, t: f64, what: &str) {
        let bound = 8.0 * f64::EPSILON * (1.0 + t.abs()) * expected.abs();
        assert!((got - expected).abs() <= bound, "{what}: {got:e} for {expected:e}");
    }

    #[test]
    fn closed_forms_are_met_over_the_whole_range() {
        for k in [0.5, 1.0, 2.0] {
            for i in -300..=300 {
                let t = f64::from(i) * 0.77;
                near(m4(t, k), closed(t, k), t, &format!("t {t}, k {k}"));
            }
        }
    }

    #[test]
    fn the_equation_holds_at_the_ends_of_the_range() {
        for k in [1e-300, 1e-12, 1e-3, 0.3, 0.999, 1.001, 3.0, 40.0, 1e6, 1e12] {
            for t in [-700.0, -30.0, -1.0, -1e-9, -1e-300, 0.0, 1e-9, 0.5, 20.0, 700.0, 1e6] {
                let (share, rest) = (m4(t, k), m4(-t / k, 1.0 / k));
                assert!((0.0..=1.0).contains(&share), "t {t}, k {k}: {share:e}");
                if k > 1e-290 {
                    // The complement solves the same equation turned round.
                    assert!((share + rest - 1.0).abs() < 1e-13, "t {t}, k {k}: {share:e} + {rest:e}");
                }
                if share > 0.0 && rest > 0.0 && k > 1e-290 {
                    let (ln_share, ln_rest) = (ln(share), ln(rest));
                    let scale = t.abs() + ln_share.abs() + k * ln_rest.abs() + k.max(1.0);
                    assert!((ln_share - k * ln_rest - t).abs() < 1e-14 * scale, "t {t}, k {k}");
                }
            }
        }
    }

    #[test]
    fn the_largest_and_smallest_numbers_have_a_share_too() {
        for k in [5e-324, 1e-308, 1e-200, 1.0, 1e200, f64::MAX] {
            for t in [-f64::MAX, -1e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1e300, f64::MAX] {
                let share = m4(t, k);
                assert!((0.0..=1.0).contains(&share), "t {t:e}, k {k:e}: {share:e}");
            }
        }
    }

    #[test]
    fn lanes_give_what_the_bracket_gives() {
        for i in 0..4000 {
            let u = |m: f64| (f64::from(i) * m).fract();
            let k = USUAL_K.powf(2.0 * u(0.618_033_988_7) - 1.0);
            let t = USUAL_T * k.min(1.0) * (2.0 * u(0.754_877_666_2) - 1.0).powi(3);
            assert!(is_usual(t, k));
            let (share, expected) = (m4(t, k), bracketed(t, k));
            let condition = 1.0 + t.abs() * (1.0 - expected) / (1.0 - expected + k * expected);
            let bound = 8.0 * f64::EPSILON * condition * expected;
            assert!((share - expected).abs() <= bound, "t {t}, k {k}: {share:e}, {expected:e}");
        }
    }

    #[test]
    fn a_lane_does_not_depend_on_its_neighbours_or_on_the_unit() {
        let t = [-3.0, 0.2, f64::NAN, 480.0, 1e9, -40.0, 0.0, 7.0];
        let k = [0.3, 9.0, 1.0, 2.0, 0.0, 100.0, 1e-9, 1.0];
        let shares = m4_lanes(t, k).map(f64::to_bits);
        for lane in 0..LANES {
            assert_eq!(shares[lane], m4(t[lane], k[lane]).to_bits());
        }
        let usual = |shares: [f64; LANES]| shares.map(|share| if share.is_nan() { 0 } else { share.to_bits() });
        let plain = usual(Shares { t, k }.run::<crate::simd::vector::Plain>());
        assert_eq!(usual(dispatch_vector(Shares { t, k })), plain);
    }

    #[test]
    fn a_tiny_k_is_all_but_the_plain_power() {
        for k in [1e-300, 1e-100, 1e-60, 1e-20] {
            for t in [-30.0, -1.0, -0.15, -0.1, -0.05, -1e-3] {
                near(m4(t, k), exp(t), t, &format!("t {t}, k {k:e}"));
            }
        }
    }

    #[test]
    fn without_saturation_it_is_the_plain_power() {
        for t in [-800.0, -3.0, 0.0, 2.0] {
            assert_eq!(m4(t, 0.0).to_bits(), exp(t).to_bits());
        }
    }

    #[test]
    fn what_has_no_share_is_nan() {
        for (t, k) in [(f64::NAN, 1.0), (0.0, f64::NAN), (0.0, -1.0), (0.0, f64::INFINITY)] {
            assert!(m4(t, k).is_nan());
        }
        assert_eq!(m4(f64::INFINITY, 2.0), 1.0);
        assert_eq!(m4(f64::NEG_INFINITY, 2.0), 0.0);
    }
}

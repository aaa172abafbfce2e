//! The one function of the tape that is defined by an equation: the share of a saturating power law.

use super::{exp, sigmoid, softplus};
use std::f64::consts::LN_2;

/// Steps after which the bracket is as narrow as doubles allow; Newton needs 3 to 12.
const MAX_STEPS: usize = 200;

/// The share v in (0, 1) with v / (1 - v)^k = e^t, for k >= 0; NaN for other k.
///
/// k = 0 gives e^t, whatever its size: the plain power that the equation then is. The error is within 8 ulp of v times
/// the condition of the equation, 1 + |t| dv/dt / v.
///
/// The logit z of v solves g(z) = k softplus(z) - softplus(-z) - t = 0. The slope of g lies between 1 and k and its
/// curvature has one sign, so Newton's steps close in from one side; each is held inside a bracket all the same.
pub fn m4(t: f64, k: f64) -> f64 {
    if t.is_nan() || k.is_nan() || k < 0.0 || k == f64::INFINITY {
        return f64::NAN;
    }
    if k == 0.0 {
        return exp(t);
    }
    if t.is_infinite() {
        return if t > 0.0 { 1.0 } else { 0.0 };
    }
    let residual = |z: f64| k * softplus(z) - softplus(-z) - t;
    let (mut low, mut high) = bracket(t, k);
    // The straight line that g approaches on the side where the root lies.
    let mut z = if t < 0.0 { t } else { t / k }.max(low).min(high);
    for _ in 0..MAX_STEPS {
        let value = residual(z);
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
    let share = sigmoid(z);
    if k * share < 1.0 - share { exp(t - k * softplus(z)) } else { share }
}

/// Finite ends between which the root lies: softplus is at least max(0, z), and at most ln 2 more.
fn bracket(t: f64, k: f64) -> (f64, f64) {
    let slack = (1.0 + k) * LN_2;
    // Where the largest and the smallest straight lines beside g vanish. A minimum or maximum with NaN is the other one.
    let end = |sign: f64| {
        let level = t + sign * slack;
        if level < 0.0 { level } else { t / k + sign * (1.0 + 1.0 / k) * LN_2 }
    };
    let (low, high) = (end(-1.0).max(-f64::MAX), end(1.0).min(f64::MAX));
    ((low - 1.0 - low.abs() * 1e-12).max(-f64::MAX), (high + 1.0 + high.abs() * 1e-12).min(f64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::ln;
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

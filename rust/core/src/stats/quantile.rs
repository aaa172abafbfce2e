//! Sample quantiles of type 7 (Hyndman and Fan 1996): the default of numpy, scipy and R.
//!
//! NaN is never dropped: one NaN among the values makes every quantile NaN, as in `numpy.quantile`. Leave failed
//! replicates out before asking, and count them.

/// The `p`-quantile of ascending values, to the last bit that of `numpy.quantile`. NaN for no values, for a NaN among
/// them (they sort last) and for `p` outside [0, 1].
pub fn of_sorted(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.last() else { return f64::NAN };
    if last.is_nan() || p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let position = (sorted.len() - 1) as f64 * p;
    let below = position.floor();
    let fraction = position - below;
    let index = below as usize;
    let (a, b) = (sorted[index], sorted[(index + 1).min(sorted.len() - 1)]);
    // An infinite neighbour must not reach a quantile it has no share in; past the middle numpy measures from the upper
    // one.
    if a == b || fraction == 0.0 {
        a
    } else if fraction >= 0.5 {
        b - (b - a) * (1.0 - fraction)
    } else {
        a + (b - a) * fraction
    }
}

/// The values in ascending order, NaN last.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    // total_cmp puts a NaN with its sign bit set first.
    for value in &mut sorted {
        if value.is_nan() {
            *value = f64::NAN;
        }
    }
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The `p`-quantile of values in any order.
pub fn quantile(values: &[f64], p: f64) -> f64 {
    of_sorted(&sorted(values), p)
}

/// Several quantiles of the same values, sorted once.
pub fn quantiles(values: &[f64], levels: &[f64]) -> Vec<f64> {
    let sorted = sorted(values);
    levels.iter().map(|&p| of_sorted(&sorted, p)).collect()
}

#[cfg(test)]
mod tests {
    use super::{quantile, quantiles};

    // numpy 2.4: np.quantile([0.1, -3.7, 2.2, 9.41, 0.3, 5.5, -0.01], LEVELS)
    #[test]
    fn quantiles_are_those_of_numpy_to_the_last_bit() {
        let values = [0.1, -3.7, 2.2, 9.41, 0.3, 5.5, -0.01];
        let table = [
            (0.0, -3.7),
            (0.025, -3.1465),
            (0.05, -2.593),
            (0.1, -1.4859999999999998),
            (0.3333333333333333, 0.1),
            (0.5, 0.3),
            (0.6, 1.4399999999999995),
            (0.7, 2.8599999999999977),
            (0.9, 7.064000000000002),
            (0.975, 8.8235),
            (1.0, 9.41),
        ];
        for (p, expected) in table {
            assert_eq!(quantile(&values, p), expected, "{p}");
        }
        assert_eq!(quantiles(&values, &[0.0, 1.0, 0.5]), [-3.7, 9.41, 0.3]);
    }

    #[test]
    fn one_value_is_all_its_quantiles_and_none_has_none() {
        for p in [0.0, 0.3, 1.0] {
            assert_eq!(quantile(&[4.5], p), 4.5);
        }
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn nan_makes_nan_and_illegal_levels_too() {
        for nan in [f64::NAN, -f64::NAN] {
            assert!(quantile(&[1.0, nan, 2.0], 0.0).is_nan());
        }
        for p in [-0.1, 1.1, f64::NAN] {
            assert!(quantile(&[1.0, 2.0], p).is_nan());
        }
    }

    #[test]
    fn infinite_values_keep_their_place() {
        let values = [f64::NEG_INFINITY, 1.0, 2.0, f64::INFINITY, f64::INFINITY];
        let expected = [f64::NEG_INFINITY, 1.0, f64::INFINITY, f64::INFINITY];
        assert_eq!(quantiles(&values, &[0.0, 0.25, 0.8, 1.0]), expected);
    }
}

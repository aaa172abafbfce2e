//! The unit in which a solver measures the values of a column.

use crate::simd::math;

/// The power of two nearest the median magnitude, which one wild value does not move; 1 for columns that are all zero.
///
/// Powers of two are counted rather than values sorted: one pass over a million rows in the place of several.
pub(crate) fn unit_of(values: &[f64]) -> f64 {
    if values.len() <= FEW_VALUES {
        return unit_of_few(values);
    }
    let mut counts = vec![0_usize; 1 << 11];
    let mut total = 0;
    for v in values {
        let magnitude = v.abs();
        if magnitude > 0.0 {
            counts[nearest_exponent(magnitude)] += 1;
            total += 1;
        }
    }
    let mut below = 0;
    for (exponent, count) in counts.iter().enumerate() {
        below += count;
        if below > total / 2 {
            return unit_at(exponent);
        }
    }
    1.0
}

/// Values up to which their powers of two are sorted: to count them costs more than a short curve is worth.
const FEW_VALUES: usize = 64;

/// [`unit_of`] few values.
fn unit_of_few(values: &[f64]) -> f64 {
    let mut exponents = [0_usize; FEW_VALUES];
    let mut total = 0;
    for v in values.iter().filter(|v| v.abs() > 0.0) {
        exponents[total] = nearest_exponent(v.abs());
        total += 1;
    }
    if total == 0 {
        return 1.0;
    }
    unit_at(*exponents[..total].select_nth_unstable(total / 2).1)
}

/// The biased exponent of the power of two nearest to a magnitude: from sqrt(2) times one on, the next one is nearer.
fn nearest_exponent(magnitude: f64) -> usize {
    ((magnitude.to_bits() + ((1 << 52) - SQRT_2_FRACTION)) >> 52) as usize
}

fn unit_at(exponent: usize) -> f64 {
    math::power_of_two((exponent as i64 - 1023).clamp(-1000, 1000))
}

/// The fraction bits of sqrt(2).
const SQRT_2_FRACTION: u64 = std::f64::consts::SQRT_2.to_bits() & ((1 << 52) - 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_values_have_the_unit_that_the_same_have_many_times_over() {
        for n in 1..=FEW_VALUES {
            let values: Vec<f64> = (0..n).map(|i| (0.37 * (i * i) as f64 - 9.0).exp() * (i % 5) as f64).collect();
            assert_eq!(unit_of(&values), unit_of(&values.repeat(FEW_VALUES + 1)), "{n}");
        }
        assert_eq!((unit_of(&[]), unit_of(&[0.0; 3])), (1.0, 1.0));
    }
}

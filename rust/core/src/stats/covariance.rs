//! Means and covariances of columns of draws.

use crate::simd::{Kernel, dispatch, lanes};

/// The mean of each column. NaN for an empty one.
pub fn means(columns: &[&[f64]]) -> Vec<f64> {
    columns.iter().map(|column| dispatch(Sum(column)) / column.len() as f64).collect()
}

/// Covariance of columns of equal length (n - 1 in the denominator), row-major and symmetric, about their means: two
/// passes, so that a large common mean costs no digits. NaN for fewer than two rows.
///
/// The shortest column decides the number of rows.
pub fn covariance(columns: &[&[f64]]) -> Vec<f64> {
    let width = columns.len();
    let n = columns.iter().map(|column| column.len()).min().unwrap_or(0);
    let centred: Vec<Vec<f64>> = columns
        .iter()
        .map(|column| {
            let column = &column[..n];
            let mean = dispatch(Sum(column)) / n as f64;
            column.iter().map(|value| value - mean).collect()
        })
        .collect();
    let mut matrix = vec![f64::NAN; width * width];
    if n < 2 {
        return matrix;
    }
    for i in 0..width {
        for j in 0..=i {
            let value = dispatch(Dot(&centred[i], &centred[j])) / (n - 1) as f64;
            matrix[i * width + j] = value;
            matrix[j * width + i] = value;
        }
    }
    matrix
}

/// The standard deviation of one column (n - 1 in the denominator).
pub fn standard_deviation(column: &[f64]) -> f64 {
    covariance(&[column])[0].sqrt()
}

struct Sum<'a>(&'a [f64]);

impl Kernel for Sum<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        lanes::sum(self.0)
    }
}

struct Dot<'a>(&'a [f64], &'a [f64]);

impl Kernel for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        lanes::dot(self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::{covariance, means, standard_deviation};

    #[test]
    fn small_integers_give_exact_moments() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [2.0, 0.0, 6.0, 4.0]);
        assert_eq!(means(&[&a, &b]), [2.5, 3.0]);
        let expected = [5.0 / 3.0, 2.0, 2.0, 20.0 / 3.0];
        assert_eq!(covariance(&[&a, &b]), expected);
        assert_eq!(standard_deviation(&a), (5.0_f64 / 3.0).sqrt());
    }

    #[test]
    fn a_large_common_mean_costs_no_digits() {
        let small: Vec<f64> = (0..1000).map(|i| f64::from(i * 7919 % 1000)).collect();
        let large: Vec<f64> = small.iter().map(|v| v + 2f64.powi(40)).collect();
        let (near, far) = (covariance(&[&small])[0], covariance(&[&large])[0]);
        assert!((near - far).abs() <= 1e-12 * near, "{near} {far}");
        // The variance of 0 .. 999.
        assert!((near - 1000.0 * 1001.0 / 12.0).abs() <= 1e-12 * near);
    }

    #[test]
    fn too_few_rows_have_no_covariance() {
        assert!(covariance(&[&[1.0], &[2.0]]).iter().all(|v| v.is_nan()));
        assert!(covariance(&[]).is_empty());
        assert!(means(&[&[]])[0].is_nan());
    }
}

//! The scale of residuals that one diverged run does not move: the one home of all that simulates.

/// 1 / (the normal quantile of 3/4): the factor from the median absolute deviation of normal noise to its deviation.
pub const MAD_TO_SIGMA: f64 = 1.4826;

/// Scales beyond which a residual is pulled in before its square counts: 0.3 % of normal noise lies there.
pub const WINSOR: f64 = 3.0;

/// What was fitted: what a scale of its residuals is corrected for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fitted {
    /// The number of rows, each as often as it counts.
    pub n: f64,
    /// The number of parameters that moved.
    pub free: usize,
    /// Rows that the curve passes through because of the loss: a nearly absolute one makes it pass through as many as it has
    /// parameters, and these say nothing about noise (Maronna, Martin, Yohai and Salibian-Barrera, Robust statistics, 2019).
    pub passed: usize,
}

impl Fitted {
    /// The factor n/(n - free) on a variance; 1 without a degree of freedom.
    fn lost(self) -> f64 {
        let spare = self.n - self.free as f64;
        if spare > 0.0 { self.n / spare } else { 1.0 }
    }
}

/// 1.4826 times the median absolute residual, times sqrt(n/(n - free)); the rows that the curve passes through are left out
/// of the median and of n. 0 for no rows.
pub fn scale(residual: &[f64], weight: &[f64], fitted: Fitted) -> f64 {
    let Fitted { n, free, passed } = fitted;
    let mut sizes: Vec<(f64, f64)> = residual.iter().map(|r| r.abs()).zip(weight.iter().copied()).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let kept = if passed < sizes.len() { &sizes[passed..] } else { &[] };
    let total: f64 = kept.iter().map(|(_, w)| w).sum();
    let left = Fitted { n: n - passed as f64, free: free.saturating_sub(passed), passed: 0 };
    MAD_TO_SIGMA * median(kept, total) * left.lost().sqrt()
}

/// The median of ascending values that count as often as their weights: the mean of both where it falls between two.
fn median(sorted: &[(f64, f64)], total: f64) -> f64 {
    let mut below = 0.0;
    for (i, (value, weight)) in sorted.iter().enumerate() {
        below += weight;
        if below > 0.5 * total || i + 1 == sorted.len() {
            return *value;
        }
        if below == 0.5 * total {
            return 0.5 * (value + sorted[i + 1].0);
        }
    }
    0.0
}

/// The residuals, those beyond three scales pulled in to three; as they are where more than half of them are zero.
pub fn winsorised(residual: &[f64], weight: &[f64], fitted: Fitted) -> Vec<f64> {
    let end = WINSOR * scale(residual, weight, fitted);
    if end > 0.0 { residual.iter().map(|r| r.clamp(-end, end)).collect() } else { residual.to_vec() }
}

/// The standard deviation of noise: sqrt(sum w r^2/(n - free)) of the winsorised residuals.
///
/// It keeps what the median alone loses, nearly two thirds of the information of normal noise about its scale, and a
/// single run counts as three scales at most.
pub fn deviation(residual: &[f64], weight: &[f64], fitted: Fitted) -> f64 {
    let total: f64 = weight.iter().sum();
    let squares: f64 = winsorised(residual, weight, fitted).iter().zip(weight).map(|(r, w)| w * r * r).sum();
    (squares / total * fitted.lost()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::{Fitted, MAD_TO_SIGMA, deviation, scale, winsorised};

    fn fitted(n: u32, free: usize, passed: usize) -> Fitted {
        Fitted { n: f64::from(n), free, passed }
    }

    #[test]
    fn the_scale_is_the_median_absolute_residual_corrected_for_the_parameters() {
        let residual = [0.5, -1.0, 2.0, -3.0, 4.0, 0.1];
        let once = [1.0; 6];
        assert!((scale(&residual, &once, fitted(6, 2, 0)) - MAD_TO_SIGMA * 1.5 * 1.5_f64.sqrt()).abs() < 1e-15);
        // Two rows that the curve passes through: the median of the others, and nothing left to correct.
        assert!((scale(&residual, &once, fitted(6, 2, 2)) - MAD_TO_SIGMA * 2.5).abs() < 1e-15);
        // A weight is a number of rows.
        assert!((scale(&[1.0, 2.0, 5.0], &[3.0, 1.0, 2.0], fitted(6, 0, 0)) - MAD_TO_SIGMA * 1.5).abs() < 1e-15);
        assert_eq!(scale(&[], &[], fitted(0, 0, 0)), 0.0);
    }

    #[test]
    fn one_diverged_run_of_sixty_moves_the_deviation_by_less_than_a_tenth() {
        let residual: Vec<f64> = (0..60).map(|i| 0.01 * (f64::from(i) / 29.5 - 1.0)).collect();
        let once = vec![1.0; 60];
        let clean = deviation(&residual, &once, fitted(60, 3, 0));
        assert!((clean / (residual.iter().map(|r| r * r).sum::<f64>() / 57.0).sqrt() - 1.0).abs() < 1e-12);
        let mut bad = residual;
        bad[30] = 1.6;
        assert!((deviation(&bad, &once, fitted(60, 3, 0)) / clean - 1.0).abs() < 0.15);
    }

    #[test]
    fn residuals_of_which_most_are_zero_stay_as_they_are() {
        assert_eq!(winsorised(&[0.0, 0.0, 0.0, 7.0], &[1.0; 4], fitted(4, 1, 0)), [0.0, 0.0, 0.0, 7.0]);
    }
}

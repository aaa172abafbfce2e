//! Residuals made fit for resampling: how much of each row's noise the fit took away, and where the loss puts their zero.

use super::Stream;
use super::rows::{Clusters, Members};
use crate::loss::Loss;
use crate::solve::Rows;
use crate::solve::linalg::{cholesky, cholesky_solve, norm2, qr};

/// By how much a residual is enlarged for the part of the noise that the fit took (White's HC2 and HC3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leverage {
    /// 1/sqrt(1 - h): exact for noise of equal size.
    Hc2,
    /// 1/(1 - h): nearly a jackknife.
    Hc3,
}

/// Share of its own noise above which a row determines a parameter alone: its residual is rounding, and stays as it is.
const ALONE: f64 = 1.0 - 1e-8;

impl Leverage {
    /// The factor for a row of leverage `h`.
    pub fn factor(self, h: f64) -> f64 {
        if h >= ALONE {
            return 1.0;
        }
        match self {
            Self::Hc2 => 1.0 / (1.0 - h).sqrt(),
            Self::Hc3 => 1.0 / (1.0 - h),
        }
    }
}

/// Relative size of a diagonal entry of R below which its direction is not determined by the rows.
const RANK: f64 = 1e-12;

/// The leverage of each row in the weighted least squares of the Jacobian, over the coordinates that are `free` to move.
pub fn leverages(rows: &Rows, free: &[usize]) -> Vec<f64> {
    let (n, q) = (rows.residual.len(), free.len());
    if n <= q {
        // As many parameters as rows: the curve passes through every row.
        return vec![1.0; n];
    }
    let mut columns = Vec::with_capacity(n * q);
    for &a in free {
        let mut column: Vec<f64> =
            rows.jacobian[a * n..(a + 1) * n].iter().zip(&rows.weight).map(|(v, w)| v * w.sqrt()).collect();
        let norm = norm2(&column);
        if norm > 0.0 {
            for v in &mut column {
                *v /= norm;
            }
        }
        columns.extend(column);
    }
    let scaled = columns.clone();
    let mut r = vec![0.0; q * q];
    qr(&mut columns, n, q, &mut r);
    let mut part = vec![0.0; q];
    (0..n)
        .map(|i| {
            for a in 0..q {
                let known: f64 = (0..a).map(|b| r[b * q + a] * part[b]).sum();
                let pivot = r[a * q + a];
                part[a] = if pivot.abs() > RANK { (scaled[a * n + i] - known) / pivot } else { 0.0 };
            }
            part.iter().map(|v| v * v).sum::<f64>().min(1.0)
        })
        .collect()
}

/// The residual that each row would have, had its cluster not been fitted, to first order: (I - H)^-1 r of each cluster's
/// block (Bell and `McCaffrey` 2002: CR3, a jackknife of clusters). With clusters of one row it is r/(1 - h).
///
/// A cluster without which the others do not determine the parameters keeps its residuals.
pub fn left_out(rows: &Rows, free: &[usize], clusters: Clusters<'_>) -> Vec<f64> {
    let (n, q) = (rows.residual.len(), free.len());
    let column = |a: usize| &rows.jacobian[free[a] * n..(free[a] + 1) * n];
    let scale: Vec<f64> =
        (0..q).map(|a| column(a).iter().zip(&rows.weight).map(|(v, w)| w * v * v).sum::<f64>().sqrt()).collect();
    let mut out = rows.residual.clone();
    if scale.iter().any(|s| *s <= 0.0 || !s.is_finite()) {
        return out;
    }
    let entry = |a: usize, i: usize| column(a)[i] / scale[a];
    let gram = |members: &mut dyn Iterator<Item = usize>| {
        let mut gram = vec![0.0; q * q];
        for i in members {
            for a in 0..q {
                let left = rows.weight[i] * entry(a, i);
                for b in 0..q {
                    gram[a * q + b] = left.mul_add(entry(b, i), gram[a * q + b]);
                }
            }
        }
        gram
    };
    for members in Members::of(clusters).each() {
        let inside = |i: &u32| *i as usize;
        let outside = (0..n).filter(|i| clusters.index[*i] != clusters.index[members.first().map_or(0, inside)]);
        let mut others = gram(&mut outside.into_iter());
        if members.is_empty() || !cholesky(&mut others, q) || (0..q).any(|a| others[a * q + a] < ALONE_ROOT) {
            continue;
        }
        let mut moved: Vec<f64> = (0..q)
            .map(|a| members.iter().map(inside).map(|i| rows.weight[i] * entry(a, i) * rows.residual[i]).sum())
            .collect();
        cholesky_solve(&others, q, &mut moved);
        for i in members.iter().map(inside) {
            out[i] += (0..q).map(|a| entry(a, i) * moved[a]).sum::<f64>();
        }
    }
    out
}

/// Size of a pivot of the other clusters' rows, of columns of norm one, below which they do not determine a direction.
const ALONE_ROOT: f64 = 1e-6;

/// 1 / (the normal quantile of 3/4): the factor from the median size of normal noise to its deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

/// Halvings after which a root between two doubles is found.
const HALVINGS: usize = 2_000;

/// Steps of reweighting for a loss that may have several minima; the nearest to zero is the one that is meant.
const REWEIGHTINGS: usize = 500;

/// Where the loss puts the zero of some residuals: the c at which the sum of w rho(r - c) is least. The mean under squares, the
/// median under absolutes.
pub fn centre(loss: Loss, residual: &[f64], weight: &[f64]) -> f64 {
    let rows = || residual.iter().zip(weight);
    if loss == Loss::Squared {
        return rows().map(|(r, w)| w * r).sum::<f64>() / weight.iter().sum::<f64>();
    }
    if !loss.is_convex() {
        let mut c = 0.0;
        for _ in 0..REWEIGHTINGS {
            let (pull, hold) = rows().fold((0.0, 0.0), |(pull, hold), (r, w)| {
                (w.mul_add(loss.psi(r - c), pull), w.mul_add(loss.weight(r - c), hold))
            });
            let step = if hold > 0.0 { pull / hold } else { 0.0 };
            c += step;
            if step.abs() <= f64::EPSILON * c.abs() {
                break;
            }
        }
        return c;
    }
    let (mut low, mut high) =
        residual.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), r| (l.min(*r), h.max(*r)));
    for _ in 0..HALVINGS {
        let middle = 0.5 * low + 0.5 * high;
        if !(middle > low && middle < high) {
            break;
        }
        let pull: f64 = rows().map(|(r, w)| w * loss.psi(r - middle)).sum();
        if pull > 0.0 {
            low = middle;
        } else if pull < 0.0 {
            high = middle;
        } else {
            return middle;
        }
    }
    0.5 * low + 0.5 * high
}

/// Residuals to draw from, as often as their rows count.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    values: Vec<f64>,
    /// Sums of the weights up to each row, where they differ.
    heights: Option<Vec<f64>>,
}

impl Pool {
    /// Enlarged for leverage and centred where the loss puts zero.
    pub fn new(loss: Loss, leverage: Leverage, rows: &Rows, free: &[usize]) -> Self {
        let weight = &rows.weight;
        let mut values: Vec<f64> =
            rows.residual.iter().zip(leverages(rows, free)).map(|(r, h)| r * leverage.factor(h)).collect();
        let middle = centre(loss, &values, weight);
        for v in &mut values {
            *v -= middle;
        }
        let heights = weight.iter().any(|w| *w != weight[0]).then(|| {
            weight
                .iter()
                .scan(0.0, |sum, w| {
                    *sum += w;
                    Some(*sum)
                })
                .collect()
        });
        Self { values, heights }
    }

    /// The pool with every residual multiplied by `factor`.
    #[must_use]
    pub fn enlarged(mut self, factor: f64) -> Self {
        for value in &mut self.values {
            *value *= factor;
        }
        self
    }

    /// The pool with residuals beyond `limit` scales drawn in to there, so that a run that went wrong is not the noise of others.
    ///
    /// The scale is 1.4826 times the median of the sizes without the `free` smallest: under a loss that is nearly absolute as
    /// many residuals are 0 as there are parameters (Maronna, Martin, Yohai and Salibian-Barrera, Robust statistics, 2019).
    #[must_use]
    pub fn drawn_in(mut self, limit: f64, free: usize) -> Self {
        let mut sizes: Vec<f64> = self.values.iter().map(|v| v.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let kept = sizes.get(free..).unwrap_or_default();
        if let (Some(low), Some(high)) = (kept.get((kept.len().max(1) - 1) / 2), kept.get(kept.len() / 2)) {
            let end = limit * MAD_TO_SIGMA * (0.5 * low + 0.5 * high);
            if end > 0.0 && end.is_finite() {
                for value in &mut self.values {
                    *value = value.clamp(-end, end);
                }
            }
        }
        self
    }

    /// The next residual.
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        let n = self.values.len();
        let place = match &self.heights {
            None => stream.below(n as u32) as usize,
            Some(heights) => {
                let at = stream.uniform() * heights[n - 1];
                heights.partition_point(|h| *h <= at).min(n - 1)
            }
        };
        self.values[place]
    }
}

#[cfg(test)]
mod tests {
    use super::{Leverage, Pool, centre, left_out, leverages};
    use crate::loss::Loss;
    use crate::resample::rows::Clusters;
    use crate::resample::{Purpose, Stream};
    use crate::solve::Rows;

    /// A straight line through x = 0, 1, 2, 4 with given residuals.
    fn line(residual: &[f64; 4], weight: &[f64; 4]) -> Rows {
        let x = [0.0, 1.0, 2.0, 4.0];
        Rows {
            weight: weight.to_vec(),
            residual: residual.to_vec(),
            psi: residual.to_vec(),
            curvature: vec![1.0; 4],
            jacobian: [[1.0; 4], x].concat(),
        }
    }

    #[test]
    fn leverages_are_the_diagonal_of_the_hat_matrix() {
        // h = 1/n + (x - mean)^2 / sum (x - mean)^2 for a straight line: mean 7/4, sum 8.75.
        let h = leverages(&line(&[0.0; 4], &[1.0; 4]), &[0, 1]);
        for (got, x) in h.iter().zip([0.0_f64, 1.0, 2.0, 4.0]) {
            assert!((got - (0.25 + (x - 1.75).powi(2) / 8.75)).abs() < 1e-14);
        }
        // Their sum is the number of parameters, whatever the weights; a coordinate held takes no noise.
        let weighted = leverages(&line(&[0.0; 4], &[1.0, 3.0, 0.5, 2.0]), &[0, 1]);
        assert!((weighted.iter().sum::<f64>() - 2.0).abs() < 1e-14);
        assert!(leverages(&line(&[0.0; 4], &[1.0; 4]), &[0]).iter().all(|h| (h - 0.25).abs() < 1e-14));
    }

    #[test]
    fn a_cluster_left_out_moves_its_residuals_as_its_refit_does() {
        // Residuals of an actual weighted least squares, so that leaving a cluster out is exact for a linear law.
        let (x, y, weight) = ([0.0, 1.0, 2.0, 4.0], [1.0, -0.5, 2.0, 0.25], [1.0, 3.0, 0.5, 2.0]);
        let fit = |keep: &dyn Fn(usize) -> bool| {
            let sums = (0..4).filter(|i| keep(*i)).fold([0.0; 5], |mut s, i| {
                for (sum, v) in s.iter_mut().zip([1.0, x[i], x[i] * x[i], y[i], x[i] * y[i]]) {
                    *sum += weight[i] * v;
                }
                s
            });
            let slope = (sums[0] * sums[4] - sums[1] * sums[3]) / (sums[0] * sums[2] - sums[1] * sums[1]);
            ((sums[3] - slope * sums[1]) / sums[0], slope)
        };
        let residuals = |(a, b): (f64, f64)| -> [f64; 4] { std::array::from_fn(|i| a + b * x[i] - y[i]) };
        let rows = line(&residuals(fit(&|_| true)), &weight);
        let index = [0, 1, 0, 2];
        let got = left_out(&rows, &[0, 1], Clusters { index: &index, count: 3 });
        for i in 0..4 {
            let without = residuals(fit(&|k| index[k] != index[i]))[i];
            assert!((got[i] - without).abs() < 1e-12, "{i}: {} {without}", got[i]);
        }
        // Clusters of one row: HC3.
        let single = left_out(&rows, &[0, 1], Clusters { index: &[0, 1, 2, 3], count: 4 });
        for ((got, r), h) in single.iter().zip(&rows.residual).zip(leverages(&rows, &[0, 1])) {
            assert!((got - r * Leverage::Hc3.factor(h)).abs() < 1e-12);
        }
        // A cluster that holds all rows but one cannot be left out.
        assert_eq!(left_out(&rows, &[0, 1], Clusters { index: &[0, 0, 0, 1], count: 2 })[..3], rows.residual[..3]);
    }

    #[test]
    fn a_row_that_decides_alone_keeps_its_residual() {
        assert_eq!(Leverage::Hc3.factor(1.0), 1.0);
        assert_eq!(Leverage::Hc3.factor(0.5), 2.0);
        assert_eq!(Leverage::Hc2.factor(0.75), 2.0);
    }

    #[test]
    fn the_centre_is_the_mean_the_median_the_quantile() {
        let r = [-1.0, 0.5, 2.0, 7.0, 100.0];
        let w = [1.0; 5];
        assert_eq!(centre(Loss::Squared, &r, &w), 21.7);
        assert_eq!(centre(Loss::Absolute, &r, &w), 2.0);
        // Fitted minus observed: a share tau of the residuals lies above zero.
        assert!((centre(Loss::Pinball { tau: 0.7 }, &r, &w) - 0.5).abs() < 1e-12);
        let huber = centre(Loss::Huber { delta: 1.0 }, &r, &w);
        let pull: f64 = r.iter().map(|v| Loss::Huber { delta: 1.0 }.psi(v - huber)).sum();
        assert!(pull.abs() < 1e-12);
        let cauchy = centre(Loss::Cauchy { delta: 2.0 }, &r, &w);
        let pull: f64 = r.iter().map(|v| Loss::Cauchy { delta: 2.0 }.psi(v - cauchy)).sum();
        assert!(pull.abs() < 1e-12);
    }

    #[test]
    fn a_pool_is_centred_and_drawn_as_often_as_its_rows_count() {
        let rows = line(&[1.0, -2.0, 4.0, -1.0], &[1.0, 3.0, 2.0, 2.0]);
        let pool = Pool::new(Loss::Squared, Leverage::Hc2, &rows, &[0, 1]);
        let mean: f64 = pool.values.iter().zip(&rows.weight).map(|(v, w)| v * w).sum();
        assert!(mean.abs() < 1e-12);
        for (twice, value) in pool.clone().enlarged(2.0).values.iter().zip(&pool.values) {
            assert_eq!(*twice, 2.0 * value);
        }
        // Sizes of the two largest are kept: 1.4826 times their mean, and half of that is the end.
        let mut sizes: Vec<f64> = pool.values.iter().map(|v| v.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let end = 0.5 * 1.4826 * 0.5 * (sizes[2] + sizes[3]);
        for (inside, value) in pool.clone().drawn_in(0.5, 2).values.iter().zip(&pool.values) {
            assert!((inside - value.clamp(-end, end)).abs() < 1e-15);
        }
        assert_eq!(pool.clone().drawn_in(3.0, 9).values, pool.values);
        let mut stream = Stream::new(1, Purpose::Residuals, 0, 0);
        let mut hits = [0_u32; 4];
        for _ in 0..80_000 {
            let value = pool.draw(&mut stream);
            hits[pool.values.iter().position(|v| *v == value).expect("one of the pool")] += 1;
        }
        // Binomial(80,000, w/8): standard deviations 94 to 137; the band is 6 of the largest.
        for (hit, weight) in hits.iter().zip(&rows.weight) {
            assert!((f64::from(*hit) - 10_000.0 * weight).abs() < 822.0, "{hits:?}");
        }
    }
}

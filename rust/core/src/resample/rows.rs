//! Who is in a replicate: weight vectors over the rows, drawn from a stream.
//!
//! Every function writes its whole output and depends on nothing but its arguments.

use super::Stream;
use crate::simd::lanes;

/// Rows that stand and fall together: row `i` belongs to cluster `index[i]`, from 0 to `count - 1`. A row of any other
/// cluster is never drawn.
#[derive(Debug, Clone, Copy)]
pub struct Clusters<'a> {
    /// The cluster of each row.
    pub index: &'a [u32],
    /// How many clusters there are.
    pub count: u32,
}

/// `n` draws with replacement from `n` rows: how often each was drawn. The rows are those of
/// `Generator(Philox(...)).integers(0, n, n)` in numpy.
pub fn pairs(stream: &mut Stream, counts: &mut [u32]) {
    counts.fill(0);
    // More rows than 2^32 do not fit in memory.
    let n = counts.len() as u32;
    for _ in 0..n {
        counts[stream.below(n) as usize] += 1;
    }
}

/// As many clusters drawn with replacement as there are; each row counts as often as its cluster was drawn.
pub fn clusters(stream: &mut Stream, cluster_index: &[u32], n_clusters: u32, counts: &mut [u32]) {
    let mut drawn = vec![0; n_clusters as usize];
    pairs(stream, &mut drawn);
    for (count, &cluster) in counts.iter_mut().zip(cluster_index) {
        *count = drawn.get(cluster as usize).copied().unwrap_or(0);
    }
}

/// Exponential weights with mean 1 (Rubin's Bayesian bootstrap: a flat Dirichlet times n) over the rows, or over the
/// clusters, each row carrying its cluster's weight.
pub fn bayesian(stream: &mut Stream, clusters: Option<Clusters<'_>>, weights: &mut [f64]) {
    let Some(clusters) = clusters else {
        exponential_with_mean_one(stream, weights);
        return;
    };
    let mut drawn = vec![0.0; clusters.count as usize];
    exponential_with_mean_one(stream, &mut drawn);
    for (weight, &cluster) in weights.iter_mut().zip(clusters.index) {
        *weight = drawn.get(cluster as usize).copied().unwrap_or(0.0);
    }
}

fn exponential_with_mean_one(stream: &mut Stream, weights: &mut [f64]) {
    for weight in weights.iter_mut() {
        *weight = stream.exponential();
    }
    let mean = lanes::sum(weights) / weights.len() as f64;
    // All zero has probability 2^-53 for a single weight; leave it rather than divide.
    if mean > 0.0 {
        for weight in weights {
            *weight /= mean;
        }
    }
}

/// Weight 1 everywhere but row `left_out`, or every row of cluster `left_out`, which has 0.
pub fn jackknife(left_out: usize, clusters: Option<Clusters<'_>>, weights: &mut [f64]) {
    weights.fill(1.0);
    match clusters {
        None => {
            if let Some(weight) = weights.get_mut(left_out) {
                *weight = 0.0;
            }
        }
        Some(clusters) => {
            for (weight, &cluster) in weights.iter_mut().zip(clusters.index) {
                if cluster as usize == left_out {
                    *weight = 0.0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Clusters, bayesian, clusters, jackknife, pairs};
    use crate::resample::{Purpose, Stream};

    fn stream() -> Stream {
        Stream::new(11, Purpose::Rows, 5, 0)
    }

    const INDEX: [u32; 7] = [0, 0, 1, 2, 2, 2, 3];

    // numpy 2.4: np.bincount(Generator(Philox(key=[11, 1], counter=[0, 0, 5, 0])).integers(0, 12, 12), minlength=12)
    #[test]
    fn pairs_are_the_counts_of_numpy_draws() {
        let mut counts = [7; 12];
        pairs(&mut stream(), &mut counts);
        assert_eq!(counts, [1, 0, 3, 1, 2, 0, 0, 1, 1, 0, 2, 1]);
        pairs(&mut stream(), &mut []);
    }

    // np.bincount(<the same generator>.integers(0, 4, 4), minlength=4)[[0, 0, 1, 2, 2, 2, 3]]
    #[test]
    fn rows_of_a_cluster_count_alike() {
        let mut counts = [7; 7];
        clusters(&mut stream(), &INDEX, 4, &mut counts);
        assert_eq!(counts, [1, 1, 2, 1, 1, 1, 0]);
    }

    #[test]
    fn singleton_clusters_are_rows() {
        let index: Vec<u32> = (0..40).collect();
        let (mut by_row, mut by_cluster) = ([0; 40], [0; 40]);
        pairs(&mut stream(), &mut by_row);
        clusters(&mut stream(), &index, 40, &mut by_cluster);
        assert_eq!(by_row, by_cluster);
        let (mut by_row, mut by_cluster) = ([0.0; 40], [0.0; 40]);
        bayesian(&mut stream(), None, &mut by_row);
        bayesian(&mut stream(), Some(Clusters { index: &index, count: 40 }), &mut by_cluster);
        assert_eq!(by_row, by_cluster);
    }

    #[test]
    fn bayesian_weights_have_mean_one_over_rows_or_clusters() {
        let mut weights = [0.0; 100];
        bayesian(&mut stream(), None, &mut weights);
        assert!((weights.iter().sum::<f64>() - 100.0).abs() < 1e-12);
        assert!(weights.iter().all(|w| *w > 0.0));
        let mut weights = [0.0; 7];
        bayesian(&mut stream(), Some(Clusters { index: &INDEX, count: 4 }), &mut weights);
        assert!((weights[0] + weights[2] + weights[3] + weights[6] - 4.0).abs() < 1e-14);
        assert!(weights[0] == weights[1] && weights[3] == weights[5]);
    }

    #[test]
    fn the_jackknife_leaves_out_one_row_or_one_cluster() {
        let mut weights = [0.0; 7];
        jackknife(2, None, &mut weights);
        assert_eq!(weights, [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        jackknife(2, Some(Clusters { index: &INDEX, count: 4 }), &mut weights);
        assert_eq!(weights, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn every_row_is_drawn_alike() {
        // 4,000 replicates of 30 rows: each total has mean 4,000 and standard deviation 62; the band is 6 of them.
        let mut totals = [0_u32; 30];
        let mut counts = [0; 30];
        for replicate in 0..4000 {
            pairs(&mut Stream::new(0, Purpose::Rows, replicate, 0), &mut counts);
            assert_eq!(counts.iter().sum::<u32>(), 30);
            for (total, count) in totals.iter_mut().zip(counts) {
                *total += count;
            }
        }
        assert!(totals.iter().all(|t| t.abs_diff(4000) < 373), "{totals:?}");
    }
}

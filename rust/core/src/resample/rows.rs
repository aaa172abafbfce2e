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
    stream.each_below(n, counts.len(), |row| counts[row as usize] += 1);
}

/// The rows of each cluster, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Members {
    /// Rows gathered by their cluster.
    pub fn of(clusters: Clusters<'_>) -> Self {
        let mut starts = vec![0; clusters.count as usize + 1];
        for &cluster in clusters.index {
            starts[cluster as usize + 1] += 1;
        }
        for k in 1..starts.len() {
            starts[k] += starts[k - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; clusters.index.len()];
        for (row, &cluster) in (0..).zip(clusters.index) {
            rows[next[cluster as usize]] = row;
            next[cluster as usize] += 1;
        }
        Self { starts, rows }
    }

    /// The rows of each cluster.
    pub fn each(&self) -> impl Iterator<Item = &[u32]> {
        self.starts.windows(2).map(|ends| &self.rows[ends[0]..ends[1]])
    }
}

/// Pairs within each stratum: as many rows of it as it has.
pub fn strata(stream: &mut Stream, members: &Members, counts: &mut [u32]) {
    counts.fill(0);
    for rows in members.each() {
        for _ in rows {
            counts[rows[stream.below(rows.len() as u32) as usize] as usize] += 1;
        }
    }
}

/// Moving blocks within each run (Kunsch 1989): `length` neighbouring rows at a time, from any row that has that many left,
/// until there are as many rows as the run has; the last block is cut. A run shorter than a block stays as it is.
pub fn blocks(stream: &mut Stream, members: &Members, length: usize, counts: &mut [u32]) {
    counts.fill(0);
    for rows in members.each() {
        let length = length.clamp(1, rows.len().max(1));
        let mut left = rows.len();
        while left > 0 {
            let start = stream.below((rows.len() - length + 1) as u32) as usize;
            let take = length.min(left);
            for &row in &rows[start..start + take] {
                counts[row as usize] += 1;
            }
            left -= take;
        }
    }
}

/// `m` different rows, every set of them equally likely (Floyd: Programming pearls, CACM 30, 1987).
pub fn subsample(stream: &mut Stream, m: usize, counts: &mut [u32]) {
    counts.fill(0);
    let n = counts.len();
    for last in n - m.min(n)..n {
        let row = stream.below(last as u32 + 1) as usize;
        counts[if counts[row] == 0 { row } else { last }] = 1;
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
    use super::{Clusters, Members, bayesian, blocks, clusters, jackknife, pairs, strata, subsample};
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

    fn members(index: &[u32], count: u32) -> Members {
        Members::of(Clusters { index, count })
    }

    #[test]
    fn one_stratum_is_pairs_and_each_keeps_its_size() {
        let (mut all, mut one) = ([0; 40], [0; 40]);
        pairs(&mut stream(), &mut all);
        strata(&mut stream(), &members(&[0; 40], 1), &mut one);
        assert_eq!(all, one);
        let index = [2, 0, 1, 2, 0, 2, 2];
        for replicate in 0..200 {
            let mut counts = [0; 7];
            strata(&mut Stream::new(4, Purpose::Rows, replicate, 0), &members(&index, 3), &mut counts);
            for (stratum, size) in [(0, 2), (1, 1), (2, 4)] {
                let drawn: u32 = counts.iter().zip(index).filter(|(_, s)| *s == stratum).map(|(c, _)| c).sum();
                assert_eq!(drawn, size);
            }
        }
    }

    #[test]
    fn blocks_of_one_row_are_strata_and_longer_ones_are_neighbours() {
        let index = [0, 0, 1, 0, 1, 1, 1, 0];
        let (mut rows, mut single) = ([0; 8], [0; 8]);
        strata(&mut stream(), &members(&index, 2), &mut rows);
        blocks(&mut stream(), &members(&index, 2), 1, &mut single);
        assert_eq!(rows, single);
        // Two blocks of 3 from a run of 6: every drawn row has a drawn neighbour, and the places are 0 to 3 alike.
        let mut firsts = [0_u32; 4];
        for replicate in 0..4000 {
            let mut counts = [0; 6];
            blocks(&mut Stream::new(4, Purpose::Rows, replicate, 0), &members(&[0; 6], 1), 3, &mut counts);
            assert_eq!(counts.iter().sum::<u32>(), 6);
            // The sum of the places tells the sum of the two starts, which is triangular on 0 to 6.
            let places: u32 = (0..).zip(counts).map(|(i, c)| i * c).sum();
            firsts[((places - 6) / 3).min(6) as usize % 4] += 1;
        }
        // Sums 0..6 have shares 1,2,3,4,3,2,1 of 16: folded by 4 that is 4/16 each, 1,000 +- 27; the band is 6 of them.
        assert!(firsts.iter().all(|f| f.abs_diff(1000) < 164), "{firsts:?}");
        // A run shorter than a block has one block, itself.
        let mut counts = [0; 3];
        blocks(&mut stream(), &members(&[0; 3], 1), 9, &mut counts);
        assert_eq!(counts, [1; 3]);
    }

    #[test]
    fn a_subsample_is_a_set_and_every_row_is_in_it_alike() {
        let mut totals = [0_u32; 12];
        for replicate in 0..6000 {
            let mut counts = [0; 12];
            subsample(&mut Stream::new(7, Purpose::Rows, replicate, 0), 5, &mut counts);
            assert!(counts.iter().all(|c| *c <= 1) && counts.iter().sum::<u32>() == 5);
            for (total, count) in totals.iter_mut().zip(counts) {
                *total += count;
            }
        }
        // Binomial(6,000, 5/12): 2,500 +- 38; the band is 6 of them.
        assert!(totals.iter().all(|t| t.abs_diff(2500) < 230), "{totals:?}");
    }
}

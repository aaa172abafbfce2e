//! What a replicate is made of: the weights of its rows, drawn by a scheme from the streams of the replicate.

use std::ops::Range;

use super::Question;
use crate::problem::Fitter;
use crate::resample::rows::{self, Clusters};
use crate::resample::stream::{Purpose, Stream};

/// How the weights of a replicate come about.
#[derive(Debug, Clone, PartialEq)]
pub enum Scheme {
    /// As many rows as there are, drawn with replacement.
    Pairs,
    /// As many clusters as there are, drawn with replacement; the cluster of each row of the question, numbered from 0 in
    /// each group.
    Clusters(Vec<u32>),
    /// Exponential weights of mean one, for rows or for clusters.
    Bayesian(Option<Vec<u32>>),
    /// Replicate i leaves out row i, or cluster i.
    Jackknife(Option<Vec<u32>>),
    /// Replicate i takes the rows `table[i * width..(i + 1) * width]`.
    Indices {
        /// Row numbers, concatenated.
        table: Vec<u32>,
        /// Rows a replicate.
        width: usize,
    },
    /// Replicate i weighs the rows with `table[i * rows..(i + 1) * rows]`.
    Weights(Vec<f64>),
}

/// What all replicates of one group share: the scheme and the rows it draws from.
pub(super) struct Design<'a> {
    scheme: &'a Scheme,
    /// The rows of the question that form the group.
    rows: Range<usize>,
    /// Number of clusters in the group.
    clusters: u32,
}

/// One thread's buffers for the rows of a replicate.
pub(super) struct Drawn {
    weights: Vec<f64>,
    counts: Vec<u32>,
}

impl<'a> Design<'a> {
    /// How the rows of group `g` are drawn.
    pub(super) fn new(question: &Question, g: usize, scheme: &'a Scheme) -> Self {
        let rows = question.columns.offsets[g]..question.columns.offsets[g + 1];
        let clusters = match scheme {
            Scheme::Clusters(table) | Scheme::Bayesian(Some(table)) | Scheme::Jackknife(Some(table)) => {
                table[rows.clone()].iter().max().map_or(0, |m| m + 1)
            }
            _ => 0,
        };
        Self { scheme, rows, clusters }
    }

    /// Draw replicate `replicate` of group `g`.
    pub(super) fn draw(&self, seed: u64, g: usize, replicate: usize, drawn: &mut Drawn) {
        let n = drawn.weights.len();
        let mut stream = Stream::new(seed, Purpose::Rows, replicate as u64, g as u64);
        let index = |table: &'a Vec<u32>| Clusters { index: &table[self.rows.clone()], count: self.clusters };
        match self.scheme {
            Scheme::Pairs => {
                rows::pairs(&mut stream, &mut drawn.counts);
                drawn.weigh();
            }
            Scheme::Clusters(table) => {
                let clusters = index(table);
                rows::clusters(&mut stream, clusters.index, clusters.count, &mut drawn.counts);
                drawn.weigh();
            }
            Scheme::Bayesian(table) => rows::bayesian(&mut stream, table.as_ref().map(index), &mut drawn.weights),
            Scheme::Jackknife(table) => rows::jackknife(replicate, table.as_ref().map(index), &mut drawn.weights),
            Scheme::Indices { table, width } => {
                drawn.counts.fill(0);
                for &i in &table[replicate * width..(replicate + 1) * width] {
                    drawn.counts[i as usize] += 1;
                }
                drawn.weigh();
            }
            Scheme::Weights(table) => drawn.weights.copy_from_slice(&table[replicate * n..(replicate + 1) * n]),
        }
    }
}

impl Drawn {
    /// Buffers for `n` rows.
    pub(super) fn new(n: usize) -> Self {
        Self { weights: vec![0.0; n], counts: vec![0; n] }
    }

    /// Give the drawn rows to a fitter: how many there are, and the unit in which their weights were handed over.
    pub(super) fn select(&self, fitter: &mut Fitter<'_>) -> (usize, f64) {
        let unit = replicate_unit(&self.weights);
        (fitter.select(|i| self.weights[i] / unit), unit)
    }

    /// Rows weigh as often as they were drawn.
    fn weigh(&mut self) {
        for (weight, count) in self.weights.iter_mut().zip(&self.counts) {
            *weight = f64::from(*count);
        }
    }
}

/// Binary exponents of the largest weight within which the weights of a replicate are taken as they are.
const USUAL_EXPONENT: f64 = 64.0;

/// The power of two by which the weights of a replicate are divided, because their scale must not matter; 1 for usual ones,
/// which so keep their bits.
fn replicate_unit(weights: &[f64]) -> f64 {
    let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
    let exponent = largest.log2().round();
    if exponent.is_finite() && exponent.abs() > USUAL_EXPONENT { exponent.clamp(-1000.0, 1000.0).exp2() } else { 1.0 }
}

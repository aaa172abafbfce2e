//! What a replicate is made of: the weights of its rows, or their targets, drawn from the streams of the replicate.

use std::ops::Range;

use crate::loss::{Criterion, Loss};
use crate::problem::Fitter;
use crate::question::Question;
use crate::resample::noise::{Noise, Signs};
use crate::resample::residuals::{Leverage, Pool, left_out, leverages};
use crate::resample::rows::{self, Clusters, Members};
use crate::resample::stream::{Purpose, Stream};
use crate::simd::math;
use crate::solve::Rows;

/// How the rows of a replicate come about: by weights, or by targets in place of the observed ones.
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
        /// Rows per replicate.
        width: usize,
    },
    /// Replicate i weighs the rows with `table[i * rows..(i + 1) * rows]`.
    Weights(Vec<f64>),
    /// Pairs within the stratum of each row.
    Strata(Vec<u32>),
    /// Neighbouring rows of the run of each row, this many at a time.
    Blocks {
        /// The run of each row.
        runs: Vec<u32>,
        /// Rows per block.
        length: usize,
    },
    /// That many different rows.
    Subsample(usize),
    /// Fitted values and residuals drawn from those of the fit.
    Residuals {
        /// How residuals are enlarged first.
        leverage: Leverage,
        /// What they are multiplied by beside that; 1 leaves them.
        factor: f64,
        /// Robust scales beyond which they are drawn in.
        limit: Option<f64>,
    },
    /// Fitted values and the row's own residual times a random sign.
    Wild {
        /// What the signs are drawn from.
        signs: Signs,
        /// How residuals are enlarged first.
        leverage: Leverage,
        /// The cluster of each row, where rows of a cluster share a sign.
        clusters: Option<Vec<u32>>,
    },
    /// Fitted values and noise: normal with this deviation, or of the distribution that the loss implies.
    Parametric(Option<f64>),
}

/// What all replicates of one group share: the scheme and the rows it draws from.
pub(super) struct Design<'a> {
    scheme: &'a Scheme,
    /// The rows of the question that form the group.
    rows: Range<usize>,
    /// Number of clusters in the group.
    clusters: u32,
    /// The rows of each stratum or run.
    members: Option<Members>,
    /// What targets are made of, from [`around`](Self::around) the fit.
    pub(super) targets: Option<Targets>,
}

/// What the targets of a replicate are made of, on the scale on which residuals are taken.
pub(super) struct Targets {
    fitted: Vec<f64>,
    /// What residuals are divided by.
    sigma: Vec<f64>,
    from: Source,
}

enum Source {
    Pool(Pool),
    /// The enlarged residual of each row.
    Own(Vec<f64>),
    Noise(Noise),
}

/// One thread's buffers for the rows of a replicate.
pub(super) struct Drawn {
    weights: Vec<f64>,
    counts: Vec<u32>,
    /// Whether the weights are those counts.
    counted: bool,
    /// Targets of the replicate; empty where they are the observed ones.
    target: Vec<f64>,
    /// One sign per cluster.
    signs: Vec<f64>,
}

impl<'a> Design<'a> {
    /// How the rows of group `g` are drawn.
    pub(super) fn new(question: &Question, g: usize, scheme: &'a Scheme) -> Self {
        let rows = question.columns.offsets[g]..question.columns.offsets[g + 1];
        let table = match scheme {
            Scheme::Clusters(table) | Scheme::Strata(table) | Scheme::Blocks { runs: table, .. } => Some(table),
            Scheme::Bayesian(table) | Scheme::Jackknife(table) | Scheme::Wild { clusters: table, .. } => table.as_ref(),
            _ => None,
        };
        let index = table.map(|table| &table[rows.clone()]);
        let clusters = index.and_then(|index| index.iter().max()).map_or(0, |m| m + 1);
        let members = match (scheme, index) {
            (Scheme::Strata(_) | Scheme::Blocks { .. }, Some(index)) => {
                Some(Members::of(Clusters { index, count: clusters }))
            }
            _ => None,
        };
        Self { scheme, rows, clusters, members, targets: None }
    }

    /// The targets around the fit whose `rows` these are, its coordinates `free` to move; nothing for schemes that weigh rows.
    pub(super) fn around(&self, fitter: &Fitter<'_>, free: &[usize], rows: &Rows) -> Option<Targets> {
        let from = match self.scheme {
            Scheme::Residuals { leverage, factor, limit } => {
                let pool = Pool::new(fitter.loss(), *leverage, rows, free).enlarged(*factor);
                Source::Pool(match limit {
                    Some(limit) => pool.drawn_in(*limit, free.len()),
                    None => pool,
                })
            }
            Scheme::Wild { leverage: Leverage::Hc3, clusters: Some(table), .. } => {
                let clusters = Clusters { index: &table[self.rows.clone()], count: self.clusters };
                Source::Own(left_out(rows, free, clusters))
            }
            Scheme::Wild { leverage, .. } => {
                let enlarged = rows.residual.iter().zip(leverages(rows, free)).map(|(r, h)| r * leverage.factor(h));
                Source::Own(enlarged.collect())
            }
            Scheme::Parametric(None) => {
                let passed = if is_nearly_absolute(fitter.criterion(), rows) { free.len() } else { 0 };
                Source::Noise(Noise::implied(fitter.criterion(), &rows.residual, &rows.weight, free.len(), passed))
            }
            Scheme::Parametric(Some(deviation)) => Source::Noise(Noise::Normal(deviation / fitter.residual_unit())),
            _ => return None,
        };
        let sigma = (0..rows.residual.len()).map(|i| fitter.sigma(i)).collect();
        Some(Targets { fitted: fitter.fitted(rows), sigma, from })
    }

    /// Whether replicates keep their rows and have other targets.
    pub(super) fn replaces_targets(&self) -> bool {
        matches!(self.scheme, Scheme::Residuals { .. } | Scheme::Wild { .. } | Scheme::Parametric(_))
    }

    /// The scheme.
    pub(super) fn scheme(&self) -> &Scheme {
        self.scheme
    }

    /// The cluster of each row and how many there are, where whole clusters are drawn or share a sign.
    pub(super) fn clustered(&self) -> Option<(&[u32], u32)> {
        match self.scheme {
            Scheme::Clusters(table) | Scheme::Wild { clusters: Some(table), .. } => {
                Some((&table[self.rows.clone()], self.clusters))
            }
            _ => None,
        }
    }

    /// Draw replicate `replicate` of group `g`.
    pub(super) fn draw(&self, seed: u64, g: usize, replicate: usize, drawn: &mut Drawn) {
        let n = drawn.weights.len();
        let mut stream = Stream::new(seed, Purpose::Rows, replicate as u64, g as u64);
        let index = |table: &'a Vec<u32>| Clusters { index: &table[self.rows.clone()], count: self.clusters };
        match self.scheme {
            Scheme::Pairs => rows::pairs(&mut stream, &mut drawn.counts),
            Scheme::Clusters(table) => {
                let clusters = index(table);
                rows::clusters(&mut stream, clusters.index, clusters.count, &mut drawn.counts);
            }
            Scheme::Strata(_) => {
                if let Some(members) = &self.members {
                    rows::strata(&mut stream, members, &mut drawn.counts);
                }
            }
            Scheme::Blocks { length, .. } => {
                if let Some(members) = &self.members {
                    rows::blocks(&mut stream, members, *length, &mut drawn.counts);
                }
            }
            Scheme::Subsample(m) => rows::subsample(&mut stream, *m, &mut drawn.counts),
            Scheme::Indices { table, width } => {
                drawn.counts.fill(0);
                for &i in &table[replicate * width..(replicate + 1) * width] {
                    drawn.counts[i as usize] += 1;
                }
            }
            Scheme::Bayesian(table) => {
                return rows::bayesian(&mut stream, table.as_ref().map(index), &mut drawn.weights);
            }
            Scheme::Jackknife(table) => {
                return rows::jackknife(replicate, table.as_ref().map(index), &mut drawn.weights);
            }
            Scheme::Weights(table) => return drawn.weights.copy_from_slice(&table[replicate * n..(replicate + 1) * n]),
            Scheme::Residuals { .. } | Scheme::Wild { .. } | Scheme::Parametric(_) => {
                if let Some(targets) = &self.targets {
                    let mut stream = Stream::new(seed, Purpose::Residuals, replicate as u64, g as u64);
                    self.replace(targets, &mut stream, drawn);
                }
                return;
            }
        }
        drawn.weigh();
    }

    /// Fill the targets of a replicate; residuals are fitted minus observed.
    fn replace(&self, targets: &Targets, stream: &mut Stream, drawn: &mut Drawn) {
        let sign = match self.scheme {
            Scheme::Wild { signs, clusters: Some(table), .. } => {
                drawn.signs.clear();
                drawn.signs.extend((0..self.clusters).map(|_| signs.draw(stream)));
                Some(&table[self.rows.clone()])
            }
            _ => None,
        };
        drawn.target.clear();
        for (i, fitted) in targets.fitted.iter().enumerate() {
            let residual = match (&targets.from, self.scheme, sign) {
                (Source::Pool(pool), ..) => pool.draw(stream),
                (Source::Noise(noise), ..) => noise.draw(stream),
                (Source::Own(own), _, Some(cluster)) => own[i] * drawn.signs[cluster[i] as usize],
                (Source::Own(own), Scheme::Wild { signs, .. }, None) => own[i] * signs.draw(stream),
                (Source::Own(own), ..) => own[i],
            };
            drawn.target.push(fitted - residual * targets.sigma[i]);
        }
    }
}

impl Drawn {
    /// Buffers for `n` rows.
    pub(super) fn new(n: usize) -> Self {
        Self { weights: vec![1.0; n], counts: vec![0; n], counted: false, target: Vec::new(), signs: Vec::new() }
    }

    /// Give the drawn rows to a fitter: how many there are, and the unit in which their weights were handed over.
    pub(super) fn select(&self, fitter: &mut Fitter<'_>) -> (usize, f64) {
        if !self.target.is_empty() {
            // Every row is there from the beginning and stays.
            fitter.retarget(&self.target);
            return (fitter.rows_selected(), 1.0);
        }
        // Nobody draws a row 2^64 times.
        if self.counted {
            return (fitter.select(|i| self.weights[i]), 1.0);
        }
        let unit = replicate_unit(&self.weights);
        (fitter.select(|i| self.weights[i] / unit), unit)
    }

    /// The weights of the rows of the last draw.
    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The residuals from the fitted values to the targets of the last draw, in solver units.
    pub(super) fn residuals<'t>(&'t self, targets: &'t Targets) -> impl Iterator<Item = f64> + 't {
        targets.fitted.iter().zip(&self.target).map(|(fitted, target)| fitted - target)
    }

    /// The rows in play and how often each was drawn: all of them once before the first draw.
    pub(super) fn kept(&self) -> Vec<(usize, f64)> {
        self.weights.iter().enumerate().filter(|(_, w)| **w != 0.0).map(|(i, w)| (i, *w)).collect()
    }

    /// Rows weigh as often as they were drawn.
    fn weigh(&mut self) {
        self.counted = true;
        for (weight, count) in self.weights.iter_mut().zip(&self.counts) {
            *weight = f64::from(*count);
        }
    }
}

/// Whether a loss is straight for more than half of the rows, each counted with its weight.
fn is_nearly_absolute(criterion: Criterion, rows: &Rows) -> bool {
    let is_kind = match criterion {
        Criterion::Sum(Loss::Absolute | Loss::Pinball { .. }) => return true,
        Criterion::Sum(Loss::Huber { .. } | Loss::SoftL1 { .. } | Loss::LogCosh { .. }) => true,
        _ => false,
    };
    let largest = rows.curvature.iter().fold(0.0_f64, |m, v| m.max(*v));
    let straight: f64 =
        rows.weight.iter().zip(&rows.curvature).filter(|(_, v)| **v <= 0.5 * largest).map(|(w, _)| w).sum();
    is_kind && straight > 0.5 * rows.weight.iter().sum::<f64>()
}

/// Binary exponents of the largest weight within which the weights of a replicate are taken as they are.
const USUAL_EXPONENT: i64 = 64;

/// The power of two by which the weights of a replicate are divided, because their scale must not matter; 1 for usual ones,
/// which so keep their bits.
fn replicate_unit(weights: &[f64]) -> f64 {
    let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
    let exponent = (largest.to_bits() >> 52) as i64 - 1023;
    let unusual = largest > 0.0 && largest.is_finite() && exponent.abs() > USUAL_EXPONENT;
    if unusual { math::power_of_two(exponent.clamp(-1000, 1000)) } else { 1.0 }
}

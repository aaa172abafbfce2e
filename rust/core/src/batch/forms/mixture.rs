//! The best mixture of powers: amplitudes that are not negative on a grid of exponents, by the active sets of Lawson and Hanson (1974).

use super::curve::Curve;
use crate::simd::{Kernel, dispatch, lanes, math};

/// Exponents of the grid, the smallest over the width of the rows, and how many times that the largest is.
const POINTS: usize = 48;
const FIRST: f64 = 0.1;
const RATIO: f64 = 600.0;

/// A pull of a column, relative to the targets, that is rounding.
const NOTHING: f64 = 1e-10;

/// What is added to a diagonal of one, so that neighbours on the grid can be told apart.
const RIDGE: f64 = 1e-13;

/// Columns in use at most, and rounds.
const MOST: usize = 10;
const ROUNDS: usize = 60;

/// A mixture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mixture {
    /// The exponents, ascending; neighbours on the grid stand for one between them.
    pub(super) powers: Vec<f64>,
    pub(super) has_floor: bool,
}

/// The best mixture, up to the grid.
pub(super) fn mixture(curve: &Curve) -> Mixture {
    dispatch(Best(curve))
}

struct Best<'a>(&'a Curve);

impl Kernel for Best<'_> {
    type Output = Mixture;

    #[inline(always)]
    fn run(self) -> Mixture {
        let curve = self.0;
        let (n, width) = (curve.rows(), curve.width());
        // The first column is the floor.
        let exponent = |k: usize| {
            if k == 0 { 0.0 } else { FIRST / width * math::exp(math::ln(RATIO) * (k - 1) as f64 / (POINTS - 1) as f64) }
        };
        let root: Vec<f64> = curve.relative.iter().map(|w| w.sqrt()).collect();
        let mut columns = Vec::with_capacity((POINTS + 1) * n);
        let mut lengths = Vec::with_capacity(POINTS + 1);
        for k in 0..=POINTS {
            let a = exponent(k);
            let from = columns.len();
            columns.extend_from_slice(&curve.u);
            let column: &mut [f64] = &mut columns[from..];
            let mut square = 0.0;
            for ((v, y), root) in column.iter_mut().zip(&curve.y).zip(&root) {
                *v = math::exp(-a * *v) * (root / y);
                square = v.mul_add(*v, square);
            }
            let length = square.sqrt();
            for v in column {
                *v /= length;
            }
            lengths.push(length);
        }
        let column = |k: usize| &columns[k * n..(k + 1) * n];
        let amplitudes = active_sets(POINTS + 1, &column, &root);
        let has_floor = amplitudes.first().is_some_and(|(k, _)| *k == 0);
        let found: Vec<_> = amplitudes.into_iter().map(|(k, v)| (k, exponent(k), v / lengths[k])).collect();
        Mixture { powers: join(&found), has_floor }
    }
}

/// Amplitudes that are not negative and leave the least squares of `target`, by number of the column.
#[inline(always)]
fn active_sets<'a>(count: usize, column: &impl Fn(usize) -> &'a [f64], target: &[f64]) -> Vec<(usize, f64)> {
    let least = NOTHING * lanes::dot(target, target).sqrt();
    let mut set: Vec<(usize, f64)> = Vec::new();
    let mut left = target.to_vec();
    for _ in 0..ROUNDS {
        let (mut best, mut pull) = (0, f64::NEG_INFINITY);
        for k in 0..count {
            let own = lanes::dot(column(k), &left);
            if own > pull && set.iter().all(|(known, _)| *known != k) {
                (best, pull) = (k, own);
            }
        }
        if pull <= least || set.len() >= MOST {
            break;
        }
        set.push((best, 0.0));
        while !set.is_empty() {
            let wanted = least_squares(&set.iter().map(|(k, _)| column(*k)).collect::<Vec<_>>(), target);
            // Back to where the first of them turns negative.
            let turn = set
                .iter()
                .zip(&wanted)
                .enumerate()
                .filter(|(_, (_, wanted))| **wanted <= 0.0)
                .map(|(i, ((_, now), wanted))| (i, now / (now - wanted).max(f64::MIN_POSITIVE)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let share = turn.map_or(1.0, |(_, share)| share);
            for ((_, now), wanted) in set.iter_mut().zip(&wanted) {
                *now = share.mul_add(wanted - *now, *now);
            }
            let Some((out, _)) = turn else { break };
            set.swap_remove(out);
        }
        left.copy_from_slice(target);
        for (k, amplitude) in &set {
            for (left, v) in left.iter_mut().zip(column(*k)) {
                *left = (-amplitude).mul_add(*v, *left);
            }
        }
    }
    set.sort_unstable_by_key(|(k, _)| *k);
    set
}

/// Plain least squares of columns of length one.
#[inline(always)]
fn least_squares(columns: &[&[f64]], target: &[f64]) -> Vec<f64> {
    let m = columns.len();
    let mut factor = vec![0.0_f64; m * m];
    let mut solution = vec![0.0_f64; m];
    for i in 0..m {
        for j in 0..=i {
            let mut sum = lanes::dot(columns[i], columns[j]) + if i == j { RIDGE } else { 0.0 };
            for k in 0..j {
                sum = (-factor[i * m + k]).mul_add(factor[j * m + k], sum);
            }
            factor[i * m + j] = if i == j { sum.max(RIDGE * RIDGE).sqrt() } else { sum / factor[j * m + j] };
        }
        let mut sum = lanes::dot(columns[i], target);
        for k in 0..i {
            sum = (-factor[i * m + k]).mul_add(solution[k], sum);
        }
        solution[i] = sum / factor[i * m + i];
    }
    for i in (0..m).rev() {
        let mut sum = solution[i];
        for k in i + 1..m {
            sum = (-factor[k * m + i]).mul_add(solution[k], sum);
        }
        solution[i] = sum / factor[i * m + i];
    }
    solution
}

/// The exponents of number, exponent and amplitude, neighbours as their mean; the floor is none.
fn join(found: &[(usize, f64, f64)]) -> Vec<f64> {
    let mut joined: Vec<(usize, f64, f64)> = Vec::new();
    for &(k, exponent, amplitude) in found.iter().filter(|(k, ..)| *k > 0) {
        match joined.last_mut() {
            Some((last, mean, total)) if *last + 1 == k => {
                let sum = *total + amplitude;
                *mean = (*mean * *total + exponent * amplitude) / sum;
                (*last, *total) = (k, sum);
            }
            _ => joined.push((k, exponent, amplitude)),
        }
    }
    joined.into_iter().map(|(_, mean, _)| mean).collect()
}

//! The search from points that a caller gives: each of them is refined, and their agreement is weighed.

use super::certificate::AGREEMENT_TOLERANCE;
use super::options::Options;
use super::scratch::Scratch;
use super::separable::Separable;
use super::starts::{Effort, Found, Range, needed, refine, refine_and_tell};

/// Distance, relative to the coordinate or to one, up to which two points are the same.
const SAME: f64 = 1e-6;

/// Share of the range of each nonlinear coordinate that starts must span before their agreement says anything: a factor of two
/// or so in an exponent.
const SPREAD: f64 = 0.1;

/// Refine every distinct point of `queue`, best point into `x`.
///
/// A point given twice ends where it ended before, so it is counted once. Points next to one another agree because they are
/// neighbours: what they find is doubtful unless they span a good part of every nonlinear coordinate.
pub fn search<O: Separable>(
    objective: &mut O,
    ranges: &[Range],
    queue: &[Vec<f64>],
    options: Options,
    x: &mut [f64],
    s: &mut Scratch,
) -> Found {
    let queue = distinct(queue);
    let mut ends = Vec::new();
    let mut found = refine_and_tell(objective, &queue, 0, Effort::every(queue.len()), options, (x, &mut ends), s);
    // Wide losses may climb out of the basin of a start that was the lowest of all.
    let lowest = queue.iter().map(|point| (objective.value(point), point)).min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((value, point)) = lowest
        && value < found.outcome.value * (1.0 - AGREEMENT_TOLERANCE)
    {
        let mut there = x.to_vec();
        let again = refine(objective, std::slice::from_ref(point), 1, Effort::every(1), options, &mut there, s);
        if again.outcome.value < found.outcome.value {
            x.copy_from_slice(&there);
            found = Found { outcome: again.outcome, agreement: 1, ..found };
        }
    }
    objective.settle(x);
    ends.sort_by(|a, b| a.1.total_cmp(&b.1));
    let spread = objective.nonlinear().iter().zip(ranges).all(|(&j, range)| {
        let values = || ends.iter().take(found.agreement).map(|end| queue[end.0][j]);
        range.share(values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)) >= SPREAD
    });
    Found { doubtful: !spread || objective.is_periodic() || found.agreement < needed(found.starts), ..found }
}

/// The points that differ from all before them.
fn distinct(queue: &[Vec<f64>]) -> Vec<Vec<f64>> {
    // Points that are the same have nearly the same sum, so only those next to one another in its order are compared.
    let sum = |point: &[f64]| point.iter().enumerate().map(|(j, v)| v * (1.0 + 0.37 * j as f64)).sum::<f64>();
    let size =
        |point: &[f64]| point.iter().enumerate().map(|(j, v)| v.abs().max(1.0) * (1.0 + 0.37 * j as f64)).sum::<f64>();
    let same = |a: &[f64], b: &[f64]| {
        a.iter().zip(b).all(|(a, b)| a == b || (a - b).abs() <= SAME * a.abs().max(b.abs()).max(1.0))
    };
    let sums: Vec<(f64, f64)> = queue.iter().map(|point| (sum(point), SAME * size(point))).collect();
    let mut order: Vec<usize> = (0..queue.len()).collect();
    order.sort_by(|a, b| sums[*a].0.total_cmp(&sums[*b].0).then(a.cmp(b)));
    let mut kept: Vec<usize> = Vec::with_capacity(queue.len());
    for i in order {
        let near = |k: usize| sums[i].0 - sums[k].0 <= sums[i].1.max(sums[k].1);
        let again =
            (0..kept.len()).rev().take_while(|&at| near(kept[at])).find(|&at| same(&queue[i], &queue[kept[at]]));
        match again {
            Some(at) => kept[at] = kept[at].min(i),
            None => kept.push(i),
        }
    }
    kept.sort_unstable();
    kept.into_iter().map(|i| queue[i].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_given_again_are_left_out() {
        let queue = vec![vec![0.5, 2.0], vec![0.5, 3.0], vec![0.5 + 1e-9, 2.0], vec![0.5, 2.0], vec![2.0, 0.5]];
        assert_eq!(distinct(&queue), vec![vec![0.5, 2.0], vec![0.5, 3.0], vec![2.0, 0.5]]);
    }
}

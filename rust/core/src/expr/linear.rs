//! Parameters in which a formula is jointly affine.

use super::graph::{Graph, Id, Op};
use crate::tape::{Binary, Unary};

/// A maximal such set, greedy in order of appearance. The greedy set is found by halving, so that a sum of thousands of
/// terms costs a few passes rather than one per parameter.
pub(super) fn linear(graph: &Graph, root: Id, params: usize) -> Vec<usize> {
    let live = graph.reachable(&[root]);
    let order: Vec<usize> = (0..=root as usize).filter(|&id| live[id]).collect();
    let mut chosen = vec![false; params];
    let mut budget = PASSES * 10_000;
    let mut ranges = vec![(0, params)];
    while let Some((from, to)) = ranges.pop() {
        if from == to || budget < order.len() {
            continue;
        }
        budget -= order.len();
        chosen[from..to].fill(true);
        if !affine(graph, &order, root, &chosen) {
            chosen[from..to].fill(false);
            if to - from > 1 {
                let middle = usize::midpoint(from, to);
                ranges.extend([(middle, to), (from, middle)]);
            }
        }
    }
    (0..params).filter(|&p| chosen[p]).collect()
}

/// Passes over a formula of the largest size before giving up on further parameters (milliseconds).
const PASSES: usize = 100;

/// Whether no product, quotient or function spoils linearity in the chosen parameters.
fn affine(graph: &Graph, order: &[usize], root: Id, chosen: &[bool]) -> bool {
    const SPOILT: u8 = 2;
    let mut degree = vec![0_u8; root as usize + 1];
    for &id in order {
        let of = |c: Id| degree[c as usize];
        let only_constant = |d: u8| if d == 0 { 0 } else { SPOILT };
        degree[id] = match graph.ops[id] {
            Op::Constant(_) | Op::Column(_) => 0,
            Op::Param(p) => u8::from(chosen[p as usize]),
            Op::One(Unary::Neg, a) => of(a),
            Op::One(_, a) => only_constant(of(a)),
            Op::Two(Binary::Add | Binary::Sub, a, b) => of(a).max(of(b)),
            Op::Two(Binary::Mul | Binary::Limit, a, b) => (of(a) + of(b)).min(SPOILT),
            Op::Two(Binary::Div, a, b) => of(a).max(only_constant(of(b))),
            Op::Two(_, a, b) => only_constant(of(a).max(of(b))),
            Op::MulAdd(a, b, c) => (of(a) + of(b)).max(of(c)).min(SPOILT),
            Op::Select(c, a, b) => only_constant(of(c)).max(of(a)).max(of(b)),
        };
    }
    degree[root as usize] < SPOILT
}

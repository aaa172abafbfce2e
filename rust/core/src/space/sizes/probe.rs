//! The law on a sample of rows: by how much a parameter moves it.

use super::Window;
use crate::expr::{BLOCK, Program, Workspace};
use crate::space::{Space, in_unit};

/// Rows of the sample on which the law is tried, besides the ends of each column.
const ROWS: usize = 24;

/// Change of the law by a parameter that moves by its own size, relative to the law, below which nothing is seen of it.
pub(super) const SEEN: f64 = 1e-3;

/// A small step, which leaves the direction of what a parameter does as it is.
const NEAR: f64 = 1.03;

/// Columns of the sample, and the law on them.
pub(super) struct Probe<'a> {
    pub(super) program: &'a Program,
    slots: Vec<Vec<f64>>,
    rows: usize,
    workspace: Workspace,
    values: Vec<f64>,
    jacobian: Vec<f64>,
    /// Free parameters in which the law is linear.
    linear: Vec<usize>,
    /// Where the other parameters are.
    pub(super) point: Vec<f64>,
    /// What the last response was the size of.
    left: Vec<f64>,
}

impl<'a> Probe<'a> {
    /// The sample of these columns; other parameters are at `point`.
    pub(super) fn new(
        program: &'a Program,
        space: &Space,
        inputs: &[&[f64]],
        linear: Vec<usize>,
        point: Vec<f64>,
    ) -> Self {
        let kept = sample(inputs);
        let columns: Vec<Vec<f64>> = inputs
            .iter()
            .zip(&space.units)
            .map(|(column, unit)| in_unit(&kept.iter().map(|&i| column[i]).collect::<Vec<_>>(), *unit))
            .collect();
        let borrowed: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut slots = vec![Vec::new(); program.slots()];
        program.fill(&borrowed, &mut slots);
        for slot in &mut slots {
            slot.resize(BLOCK.max(slot.len()), 1.0);
        }
        let jacobian = vec![0.0; point.len() * BLOCK];
        let workspace = program.workspace();
        let (rows, values) = (kept.len(), vec![0.0; BLOCK]);
        Self { program, slots, rows, workspace, values, jacobian, linear, point, left: Vec::new() }
    }

    /// Whether parameter `j` moves the law there, and by more than the rounding of differences such as exp(x) - 1: that changes
    /// its direction with every small step.
    pub(super) fn is_seen(&mut self, j: usize, size: f64, window: Window) -> bool {
        if self.response(j, size, window) < SEEN {
            return false;
        }
        let signs = [(1.0, window.positive), (-1.0, window.negative)];
        signs.into_iter().filter(|(_, legal)| *legal).any(|(sign, _)| {
            let here = self.response_at(j, sign * size) >= SEEN;
            let direction = std::mem::take(&mut self.left);
            here && self.response_at(j, sign * size * NEAR) >= SEEN && {
                let along = direction.iter().zip(&self.left).map(|(a, b)| a * b).sum::<f64>() / self.rows as f64;
                along >= 0.5 * norm(&direction) * norm(&self.left)
            }
        })
    }

    /// By how much parameter `j` moves the law, relative to it, when it moves by its own size: what no linear parameter can
    /// take back, at the sign that shows more of it.
    pub(super) fn response(&mut self, j: usize, size: f64, window: Window) -> f64 {
        let up = if window.positive { self.response_at(j, size) } else { 0.0 };
        if window.negative { up.max(self.response_at(j, -size)) } else { up }
    }

    fn response_at(&mut self, j: usize, value: f64) -> f64 {
        if !value.is_normal() {
            return 0.0;
        }
        let mut params = self.point.clone();
        params[j] = value;
        self.evaluate(&params);
        // Every term of the law counts for as much as any other.
        for l in self.linear.clone() {
            let own = norm(self.column(l));
            params[l] = if own.is_normal() { 1.0 / own } else { 1.0 };
        }
        if !self.linear.is_empty() {
            self.evaluate(&params);
        }
        // Terms of size 1 may cancel, which does not make what is left of them the size of the law.
        let least = if self.linear.is_empty() { 0.0 } else { 1.0 };
        let law = norm(&self.values[..self.rows]).max(least);
        let mut left: Vec<f64> = self.column(j).iter().map(|v| v * value).collect();
        let mut basis: Vec<Vec<f64>> = Vec::new();
        for &l in &self.linear {
            let mut direction = self.column(l).to_vec();
            scale(&mut direction);
            for _ in 0..2 {
                for b in &basis {
                    remove(b, &mut direction);
                }
            }
            if norm(&direction) > 1e-12 {
                scale(&mut direction);
                basis.push(direction);
            }
        }
        for _ in 0..2 {
            for b in &basis {
                remove(b, &mut left);
            }
        }
        let response = norm(&left) / law;
        for v in &mut left {
            *v /= law;
        }
        self.left = left;
        if response.is_finite() { response } else { 0.0 }
    }

    fn evaluate(&mut self, params: &[f64]) {
        self.program.bind(params, &mut self.workspace);
        let Self { program, slots, rows, workspace, values, jacobian, .. } = self;
        program.value_jacobian(slots, 0, *rows, workspace, values, jacobian);
    }

    fn column(&self, j: usize) -> &[f64] {
        &self.jacobian[j * BLOCK..j * BLOCK + self.rows]
    }
}

/// Some rows: evenly spread ones, and those at the ends of each column.
fn sample(inputs: &[&[f64]]) -> Vec<usize> {
    let n = inputs[0].len();
    let mut kept: Vec<usize> = (0..n.min(ROWS)).map(|k| k * n / n.min(ROWS)).collect();
    for column in inputs {
        let end =
            |better: fn(f64, f64) -> bool| (1..n).fold(0, |at, i| if better(column[i], column[at]) { i } else { at });
        kept.extend([end(|a, b| a < b), end(|a, b| a > b)]);
    }
    kept.sort_unstable();
    kept.dedup();
    kept.truncate(BLOCK);
    kept
}

/// Root of the mean square; of values that no square would hold, too.
fn norm(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0_f64, |m, v| if v.is_nan() { f64::NAN } else { m.max(v.abs()) });
    if largest == 0.0 || !largest.is_finite() {
        return if largest == 0.0 && values.iter().all(|v| !v.is_nan()) { 0.0 } else { f64::NAN };
    }
    let sum: f64 = values.iter().map(|v| (v / largest) * (v / largest)).sum();
    largest * (sum / values.len() as f64).sqrt()
}

fn scale(direction: &mut [f64]) {
    let size = norm(direction);
    if size > 0.0 {
        for v in direction {
            *v /= size;
        }
    }
}

/// Takes the part along `direction`, whose mean square is 1, out of `from`.
fn remove(direction: &[f64], from: &mut [f64]) {
    let along = direction.iter().zip(from.iter()).map(|(d, f)| d * f).sum::<f64>() / direction.len() as f64;
    for (f, d) in from.iter_mut().zip(direction) {
        *f -= along * d;
    }
}

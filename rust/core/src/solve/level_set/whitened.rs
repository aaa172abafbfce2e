//! Coordinates in which distances are those of the residuals.

use crate::solve::linalg::{back_substitute, qr};
use crate::solve::objective::Rows;

/// Coordinates in which J' W J is the identity: distances are those of the residuals.
#[derive(Debug)]
pub(super) struct Whitened {
    q: usize,
    factor: Vec<f64>,
    /// Jacobian in these coordinates, row by row.
    rows: Vec<f64>,
    pub(super) residual: Vec<f64>,
    /// Sum of w r^2.
    pub(super) squares: f64,
}

impl Whitened {
    pub(super) fn new(rows: &Rows, q: usize) -> Option<Self> {
        let n = rows.residual.len();
        let mut columns = rows.jacobian.clone();
        for a in 0..q {
            for (v, w) in columns[a * n..(a + 1) * n].iter_mut().zip(&rows.weight) {
                *v *= w.sqrt();
            }
        }
        let mut factor = vec![0.0; q * q];
        qr(&mut columns, n, q, &mut factor);
        if (0..q).any(|a| !factor[a * q + a].is_normal()) {
            return None;
        }
        let squares = rows.weight.iter().zip(&rows.residual).map(|(w, r)| w * r * r).sum();
        let mut whitened =
            Self { q, factor, rows: Vec::with_capacity(n * q), residual: rows.residual.clone(), squares };
        for i in 0..n {
            let row: Vec<f64> = (0..q).map(|a| rows.jacobian[a * n + i]).collect();
            let row = whitened.covector(&row);
            whitened.rows.extend(row);
        }
        Some(whitened)
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.q..(i + 1) * self.q]
    }

    /// R^-T times a gradient.
    pub(super) fn covector(&self, gradient: &[f64]) -> Vec<f64> {
        let q = self.q;
        let mut out = gradient.to_vec();
        for a in 0..q {
            for k in 0..a {
                out[a] -= self.factor[k * q + a] * out[k];
            }
            out[a] /= self.factor[a * q + a];
        }
        out
    }

    /// R' times a direction: the gradient that it is in the caller's coordinates.
    pub(super) fn back(&self, direction: &[f64]) -> Vec<f64> {
        let q = self.q;
        (0..q).map(|a| (0..=a).map(|k| self.factor[k * q + a] * direction[k]).sum()).collect()
    }

    /// R^-1 times a direction: the step that it is.
    pub(super) fn step(&self, direction: &[f64]) -> Vec<f64> {
        let mut out = direction.to_vec();
        back_substitute(&self.factor, self.q, self.q, &mut out);
        out
    }

    /// Sum over rows of slope times gradient.
    pub(super) fn pull(&self, slopes: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.q];
        for (i, slope) in slopes.iter().enumerate() {
            for (to, v) in sum.iter_mut().zip(self.row(i)) {
                *to += slope * v;
            }
        }
        sum
    }
}

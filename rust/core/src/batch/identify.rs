//! Which parameters the rows determine: the null space of the scaled Jacobian.

use crate::problem::Fitter;
use crate::solve::linalg::{norm2, qr, singular};
use crate::solve::{Objective, Rows};

/// Smallest singular value of the column-scaled Jacobian, relative to the largest, that still identifies a parameter.
///
/// Ten times the rounding of a QR of a few hundred rows; the worst-conditioned certified problem of the NIST suite that is
/// identified stands at 1e-11.
const RANK: f64 = 1e-13;

/// Share of a null direction above which a parameter is part of it.
const SHARE: f64 = 1e-3;

/// Condition number of the column-scaled J'J, and the coordinates that take part in its null space.
pub(super) fn identify(fitter: &mut Fitter<'_>, x: &[f64]) -> (f64, Vec<bool>) {
    let q = x.len();
    let mut rows = Rows::default();
    let mut null = vec![false; q];
    if q == 0 || !fitter.rows(x, &mut rows) {
        return (f64::NAN, null);
    }
    let n = rows.residual.len();
    let mut columns = rows.jacobian;
    for a in 0..q {
        let column = &mut columns[a * n..(a + 1) * n];
        for (v, w) in column.iter_mut().zip(&rows.weight) {
            *v *= w.sqrt();
        }
        let norm = norm2(column);
        if norm == 0.0 {
            null[a] = true;
        } else {
            for v in column.iter_mut() {
                *v /= norm;
            }
        }
    }
    let mut r = vec![0.0; q * q];
    qr(&mut columns, n, q, &mut r);
    let mut v = vec![0.0; q * q];
    let values = singular(&mut r, &mut v, q);
    let largest = values.iter().fold(0.0_f64, |m, s| m.max(*s));
    let smallest = values.iter().fold(f64::INFINITY, |m, s| m.min(*s));
    for (k, value) in values.iter().enumerate() {
        if *value <= RANK * largest {
            for a in 0..q {
                if v[a * q + k].abs() > SHARE {
                    null[a] = true;
                }
            }
        }
    }
    ((largest / smallest).powi(2), null)
}

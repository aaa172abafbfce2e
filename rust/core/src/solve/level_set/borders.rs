//! At which borders of the curved zones a level set can be more than a point: at nearly every optimum, none.

use crate::solve::linalg::cholesky;
use crate::solve::objective::Rows;
use crate::solve::separable::Separable;

/// Share of the rows' curvature that those in the curved zones must have in every direction for the optimum to be a point, a
/// hundred times what [`LevelSet::around`](super::LevelSet::around) asks for.
const ENOUGH: f64 = 1e-8;

/// What must be left of scaled columns, far above the rounding of their products.
const CLEAR: f64 = 1e-12;

/// Those of `borders`, largest first, at which [`LevelSet::around`](super::LevelSet::around) may find a set that it finds at none before.
pub fn borders_worth_a_look<O: Separable>(objective: &mut O, x: &[f64], rounding: f64, borders: &[f64]) -> Vec<f64> {
    let mut rows = Rows::default();
    let Some(straight) = objective.straight().filter(|_| !x.is_empty()) else { return Vec::new() };
    if !objective.rows(x, &mut rows) {
        return Vec::new();
    }
    if objective.kink().is_some() {
        // What is near a kink does not depend on a border.
        return borders[..borders.len().min(1)].to_vec();
    }
    let (mut worth, mut last) = (Vec::new(), None);
    for &border in borders {
        let zone = straight - reach(border, straight, rounding);
        let kept = rows.residual.iter().filter(|r| r.abs() <= zone).count();
        // The smaller the border, the more rows are inside: as many are the same.
        if last.replace(kept) != Some(kept) && !are_enough(&rows, x.len(), zone) {
            worth.push(border);
        }
    }
    worth
}

/// By how much a residual must be inside a curved zone to count as inside.
pub(super) fn reach(border: f64, straight: f64, rounding: f64) -> f64 {
    border * straight + 4e-3 * rounding
}

/// Whether the rows inside the zone hold every direction, beyond doubt.
fn are_enough(rows: &Rows, q: usize, zone: f64) -> bool {
    let n = rows.residual.len();
    let (mut inside, mut all) = (vec![0.0; q * q], vec![0.0; q * q]);
    for a in 0..q {
        for b in 0..=a {
            let (mut part, mut total) = (0.0, 0.0);
            for i in 0..n {
                let product = rows.weight[i] * rows.jacobian[a * n + i] * rows.jacobian[b * n + i];
                total += product;
                part += if rows.residual[i].abs() <= zone { product } else { 0.0 };
            }
            (inside[a * q + b], all[a * q + b]) = (part, total);
        }
    }
    let length: Vec<f64> = (0..q).map(|a| all[a * q + a].sqrt()).collect();
    for a in 0..q {
        for b in 0..=a {
            let scaled = (inside[a * q + b] - ENOUGH * all[a * q + b]) / (length[a] * length[b]);
            inside[a * q + b] = scaled - if a == b { CLEAR } else { 0.0 };
        }
    }
    cholesky(&mut inside, q)
}

//! The level set of an optimum: the points with the same objective, where a loss with straight parts balances on many.
//!
//! On a convex level set every loss is straight: a row strictly inside a curved zone, or on a kink whose multiplier is inside
//! its interval, keeps its residual, and every other row stays on its side. In the residuals that is a polyhedron; it is
//! walked by linearising the law again at each step.

mod borders;
mod face;
mod whitened;

use super::curvature::frozen_curvature;
use super::kink::{distinct, merge};
use super::linalg::{dot, norm2, singular};
use super::objective::Rows;
use super::separable::{BoxLeastSquares, Separable};
pub use borders::borders_worth_a_look;
use borders::reach;
use face::Face;
use whitened::Whitened;

/// Share of the interval of slopes of a kink within which a multiplier is at its end, and the row free to leave to that side.
const AT_END: f64 = 1e-9;

/// Largest part of the pulls that multipliers may leave unbalanced at an optimum.
const UNBALANCED: f64 = 1e-6;

/// Share of the rows' curvature below which those that keep their residual leave a direction free.
const FREE: f64 = 1e-10;

/// The law's own curvature along a direction, relative to the pulls, above which the objective is not level along it. The
/// differences that it is made of leave less noise, and the objective itself has the last word.
const CURVED: f64 = 1e-5;

/// Zero-residual rows beyond the coordinates that are still looked at.
const MOST_SURPLUS: usize = 64;

/// Share of the norm of the residuals below which a step ends a walk.
const SHORT: f64 = 1e-11;

/// How far a step without end goes, in norms of the residuals: most level sets end before.
pub const REACH: f64 = 4.0;

/// Share of a step by which residuals may leave the set and still have followed it.
const FOLLOWED: f64 = 0.1;

/// Cuts of a step before the law is too curved to be followed.
const MOST_HALVINGS: usize = 30;

/// Where a residual may be on the level set.
#[derive(Debug, Clone, Copy)]
enum Side {
    Kept(f64),
    Above(f64),
    Below(f64),
}

/// The rows and bounds that make a level set.
#[derive(Debug, Clone)]
pub struct LevelSet {
    sides: Vec<Side>,
    /// Coordinates that their bound holds.
    held: Vec<bool>,
    /// Covectors along which the law itself curves the objective.
    curved: Vec<Vec<f64>>,
    /// Number of directions in which the set extends.
    pub dimension: usize,
}

/// Where a step on a level set aims.
#[derive(Debug, Clone, Copy)]
pub enum Aim<'a> {
    /// At the least sum of squared residuals.
    LeastSquares,
    /// As far as possible up a quantity with this gradient.
    Up(&'a [f64]),
    /// At a change of a quantity with this gradient.
    By(&'a [f64], f64),
}

impl LevelSet {
    /// The level set around the optimum `x`; none where it is a point. A residual inside a curved zone by less than `border`
    /// times its width is taken to be at its end: gradients do not tell the two apart where a search ends.
    pub fn around<O: Separable>(objective: &mut O, x: &[f64], rounding: f64, border: f64) -> Option<Self> {
        let q = x.len();
        let straight = objective.straight()?;
        let mut rows = Rows::default();
        if q == 0 || !objective.rows(x, &mut rows) {
            return None;
        }
        let whitened = Whitened::new(&rows, q)?;
        let n = rows.residual.len();
        let mut slopes: Vec<f64> = (0..n).map(|i| rows.weight[i] * rows.psi[i]).collect();
        let bounds = (objective.lower().to_vec(), objective.upper().to_vec());
        let near = if objective.kink().is_some() { rounding } else { -reach(border, straight, rounding) };
        let side = |r: f64| match r {
            r if r.abs() <= straight + near => Side::Kept(r),
            r if r > 0.0 => Side::Above(straight),
            _ => Side::Below(-straight),
        };
        let mut set = Self {
            sides: rows.residual.iter().map(|r| side(*r)).collect(),
            held: vec![false; q],
            curved: Vec::new(),
            dimension: 0,
        };
        set.balance(objective.kink(), &rows, &whitened, &mut slopes, (x, &bounds.0, &bounds.1))?;
        let face = set.face(&rows, &whitened, x, (&bounds.0, &bounds.1));
        if face.dimension == 0 {
            return None;
        }
        set.dimension = face.dimension;
        set.leave_out_curved(objective, x, &slopes, &whitened, &face)?;
        (set.dimension > 0).then_some(set)
    }

    /// Find the rows on a kink and the coordinates on a bound that are free to leave, by the multipliers that balance the
    /// pulls; none when nothing does.
    fn balance(
        &mut self,
        kink: Option<(f64, f64)>,
        rows: &Rows,
        whitened: &Whitened,
        slopes: &mut [f64],
        (x, lower, upper): (&[f64], &[f64], &[f64]),
    ) -> Option<()> {
        let q = x.len();
        let (low, high) = kink.unwrap_or((0.0, 0.0));
        let near: Vec<usize> = match kink {
            Some(_) => (0..self.sides.len()).filter(|&i| matches!(self.sides[i], Side::Kept(_))).collect(),
            None => Vec::new(),
        };
        let mut merged = rows.clone();
        let (zero, ties) = distinct(rows, &near, q);
        merge(&mut merged, &ties);
        if zero.len() > q + MOST_SURPLUS {
            return None;
        }
        for &i in &near {
            slopes[i] = 0.0;
        }
        let on_bound: Vec<usize> = (0..q).filter(|&a| x[a] <= lower[a] || x[a] >= upper[a]).collect();
        let (m, k) = (zero.len(), zero.len() + on_bound.len());
        let mut columns: Vec<Vec<f64>> =
            zero.iter().map(|&i| whitened.row(i).iter().map(|v| v * merged.weight[i]).collect()).collect();
        columns.extend(on_bound.iter().map(|&a| whitened.covector(&unit(a, q))));
        let pull = whitened.pull(slopes);
        let total: f64 = (0..slopes.len()).map(|i| slopes[i].abs() * norm2(whitened.row(i))).sum();
        let mut multipliers = vec![0.0; k];
        if k > 0 {
            let mut fit = BoxLeastSquares::new(k);
            for a in 0..k {
                fit.right[a] = -dot(&columns[a], &pull);
                for b in 0..k {
                    fit.gram[a * k + b] = dot(&columns[a], &columns[b]);
                }
            }
            // A bound pushes back: at a lower one against an objective that rises inwards.
            let mut least = vec![low; m];
            let mut most = vec![high; m];
            least.extend(on_bound.iter().map(|&a| if x[a] <= lower[a] { f64::NEG_INFINITY } else { 0.0 }));
            most.extend(on_bound.iter().map(|&a| if x[a] >= upper[a] { f64::INFINITY } else { 0.0 }));
            fit.solve(&least, &most, &mut multipliers);
        }
        let mut rest = pull;
        for (column, mu) in columns.iter().zip(&multipliers) {
            for (r, v) in rest.iter_mut().zip(column) {
                *r += mu * v;
            }
        }
        if norm2(&rest) > UNBALANCED * total.max(f64::MIN_POSITIVE) {
            return None;
        }
        for (&i, &mu) in zero.iter().zip(&multipliers) {
            slopes[i] = merged.weight[i] * mu;
            let end = AT_END * (high - low);
            let side = match mu {
                mu if mu >= high - end => Side::Above(0.0),
                mu if mu <= low + end => Side::Below(0.0),
                _ => Side::Kept(0.0),
            };
            self.sides[i] = side;
            for (_, other) in ties.iter().filter(|(first, _)| *first == i) {
                self.sides[*other] = side;
            }
        }
        for ((&a, &t), column) in on_bound.iter().zip(&multipliers[m..]).zip(&columns[m..]) {
            self.held[a] = t.abs() * norm2(column) > AT_END * total;
        }
        Some(())
    }

    /// Take away the directions of `face` along which the law itself curves the objective.
    fn leave_out_curved<O: Separable>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        slopes: &[f64],
        whitened: &Whitened,
        face: &Face,
    ) -> Option<()> {
        let (q, k) = (x.len(), face.dimension);
        let mut second = vec![0.0; q * q];
        let mut pulled = [vec![0.0; q], vec![0.0; q]];
        if !frozen_curvature(objective, x, slopes, &mut vec![0.0; q], &mut pulled, &mut second) {
            return None;
        }
        let directions: Vec<Vec<f64>> = face.basis.iter().map(|v| whitened.step(v)).collect();
        let mut along = vec![0.0; k * k];
        for (a, left) in directions.iter().enumerate() {
            for (b, right) in directions.iter().enumerate() {
                along[a * k + b] =
                    (0..q).map(|i| left[i] * (0..q).map(|j| second[i * q + j] * right[j]).sum::<f64>()).sum();
            }
        }
        let pulls: f64 = slopes.iter().zip(&whitened.residual).map(|(s, r)| (s * r).abs()).sum();
        let scale = pulls / whitened.squares.max(f64::MIN_POSITIVE);
        let mut vectors = vec![0.0; k * k];
        let values = singular(&mut along, &mut vectors, k);
        for (c, value) in values.iter().enumerate() {
            if *value > CURVED * scale {
                let direction: Vec<f64> =
                    (0..q).map(|i| (0..k).map(|a| vectors[a * k + c] * face.basis[a][i]).sum()).collect();
                self.curved.push(whitened.back(&direction));
                self.dimension -= 1;
            }
        }
        Some(())
    }

    /// The directions of the set at one point, and the step that brings the rows it keeps back to their residuals.
    fn face(&self, rows: &Rows, whitened: &Whitened, x: &[f64], (lower, upper): (&[f64], &[f64])) -> Face {
        let q = x.len();
        let (mut gram, mut right) = (vec![0.0; q * q], vec![0.0; q]);
        let mut keep = |column: &[f64], weight: f64, left: f64| {
            for a in 0..q {
                right[a] += weight * column[a] * left;
                for b in 0..q {
                    gram[a * q + b] += weight * column[a] * column[b];
                }
            }
        };
        for (i, side) in self.sides.iter().enumerate() {
            if let Side::Kept(value) = side {
                keep(whitened.row(i), rows.weight[i], value - rows.residual[i]);
            }
        }
        let covectors = (0..q).filter(|&a| self.held[a]).map(|a| unit(a, q)).chain(self.curved.iter().cloned());
        for covector in covectors {
            let column = whitened.covector(&covector);
            let length = norm2(&column).max(f64::MIN_POSITIVE);
            keep(&column, 1.0 / (length * length), 0.0);
        }
        let mut vectors = vec![0.0; q * q];
        let values = singular(&mut gram, &mut vectors, q);
        let mut face = Face { basis: Vec::new(), back: vec![0.0; q], dimension: 0, walls: Vec::new() };
        for (k, value) in values.iter().enumerate() {
            let vector: Vec<f64> = (0..q).map(|a| vectors[a * q + k]).collect();
            if *value <= FREE {
                face.basis.push(vector);
            } else {
                let amount = dot(&vector, &right) / value;
                for (to, v) in face.back.iter_mut().zip(&vector) {
                    *to += amount * v;
                }
            }
        }
        face.dimension = face.basis.len();
        for (i, side) in self.sides.iter().enumerate() {
            let (sign, limit) = match side {
                Side::Kept(_) => continue,
                Side::Above(limit) => (1.0, limit),
                Side::Below(limit) => (-1.0, limit),
            };
            face.wall(whitened.row(i), sign, sign * (rows.residual[i] - limit));
        }
        for a in (0..q).filter(|&a| !self.held[a]) {
            let column = whitened.covector(&unit(a, q));
            if lower[a].is_finite() {
                face.wall(&column, 1.0, x[a] - lower[a]);
            }
            if upper[a].is_finite() {
                face.wall(&column, -1.0, upper[a] - x[a]);
            }
        }
        face
    }

    /// How far the residuals at a point leave the set, in the norm of the weights.
    fn violation(&self, rows: &Rows) -> f64 {
        let outside = |(i, side): (usize, &Side)| {
            let r = rows.residual[i];
            let by = match side {
                Side::Kept(value) => r - value,
                Side::Above(limit) => (limit - r).max(0.0),
                Side::Below(limit) => (r - limit).max(0.0),
            };
            rows.weight[i] * by * by
        };
        self.sides.iter().enumerate().map(outside).sum::<f64>().sqrt()
    }

    /// Move `x` one step towards the aim, no farther along the set than the radius, which follows what the law allows; the
    /// length of the step in norms of the residuals, none where the law cannot be followed.
    pub fn step<O: Separable>(
        &self,
        objective: &mut O,
        x: &mut [f64],
        aim: Aim<'_>,
        radius: &mut f64,
        rows: &mut Rows,
    ) -> Option<f64> {
        let q = x.len();
        if !objective.rows(x, rows) {
            return None;
        }
        let whitened = Whitened::new(rows, q)?;
        let (lower, upper) = (objective.lower().to_vec(), objective.upper().to_vec());
        let face = self.face(rows, &whitened, x, (&lower, &upper));
        let norm = whitened.squares.sqrt();
        let wish = wish(&face, &whitened, rows, aim, norm);
        let size = norm2(&wish);
        let before = self.violation(rows);
        for _ in 0..MOST_HALVINGS {
            let share = if size > *radius * norm { *radius * norm / size } else { 1.0 };
            let step = face.step_to(&wish.iter().map(|v| share * v).collect::<Vec<f64>>());
            let length = norm2(&step);
            let move_by = whitened.step(&step);
            let trial: Vec<f64> = (0..q).map(|a| (x[a] + move_by[a]).clamp(lower[a], upper[a])).collect();
            if !length.is_finite() {
                return None;
            }
            // Residuals that leave the set by much of the step did not follow it.
            let allowed = (FOLLOWED * share * size).max(0.5 * before).max(SHORT * norm);
            if objective.rows(&trial, rows) && self.violation(rows) <= allowed {
                *radius = (2.0 * *radius).min(REACH);
                x.copy_from_slice(&trial);
                return Some(length / norm.max(f64::MIN_POSITIVE));
            }
            *radius *= 0.25;
        }
        None
    }

    /// Whether a step of this length (in norms of the residuals) is the last one.
    pub fn is_short(length: f64) -> bool {
        length <= SHORT
    }
}

/// The step along the set that the aim asks for, in the basis of the face.
fn wish(face: &Face, whitened: &Whitened, rows: &Rows, aim: Aim<'_>, norm: f64) -> Vec<f64> {
    let gradient = match aim {
        Aim::LeastSquares => {
            let slopes: Vec<f64> = rows.weight.iter().zip(&rows.residual).map(|(w, r)| w * r).collect();
            let pull = whitened.pull(&slopes);
            return face.basis.iter().map(|v| -dot(v, &pull)).collect();
        }
        Aim::Up(gradient) | Aim::By(gradient, _) => whitened.covector(gradient),
    };
    let along: Vec<f64> = face.basis.iter().map(|v| dot(v, &gradient)).collect();
    let length = norm2(&along);
    let amount = match aim {
        _ if length <= 1e-12 * norm2(&gradient) => 0.0,
        Aim::By(_, amount) => amount / (length * length),
        _ => REACH * norm / length,
    };
    along.iter().map(|v| amount * v).collect()
}

fn unit(a: usize, q: usize) -> Vec<f64> {
    (0..q).map(|b| f64::from(u8::from(a == b))).collect()
}

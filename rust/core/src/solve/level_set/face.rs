//! The linearised level set at one point: a polyhedron, and the point of it nearest to another.

use crate::solve::linalg::{dot, norm2};
use crate::solve::separable::BoxLeastSquares;

/// A polyhedron in the whitened space of its directions.
#[derive(Debug)]
pub(super) struct Face {
    /// Orthonormal directions of the set.
    pub(super) basis: Vec<Vec<f64>>,
    /// The step that brings the kept rows back.
    pub(super) back: Vec<f64>,
    pub(super) dimension: usize,
    /// Normal in the basis, and distance to the wall, for a normal of length one.
    pub(super) walls: Vec<(Vec<f64>, f64)>,
}

impl Face {
    pub(super) fn wall(&mut self, column: &[f64], sign: f64, slack: f64) {
        let normal: Vec<f64> = self.basis.iter().map(|v| sign * dot(v, column)).collect();
        let length = norm2(&normal);
        if length > 1e-9 * norm2(column) {
            let slack = slack + sign * dot(&self.back, column);
            self.walls.push((normal.iter().map(|v| v / length).collect(), slack / length));
        }
    }

    /// The step that brings the kept rows back and goes as near to `wish` as the walls allow.
    pub(super) fn step_to(&self, wish: &[f64]) -> Vec<f64> {
        let mut step = self.back.clone();
        for (vector, amount) in self.basis.iter().zip(&self.nearest(wish)) {
            for (to, v) in step.iter_mut().zip(vector) {
                *to += amount * v;
            }
        }
        step
    }

    /// The point between the walls that is nearest to `wish`: its dual, over the few walls that it meets.
    pub(super) fn nearest(&self, wish: &[f64]) -> Vec<f64> {
        let mut point = wish.to_owned();
        let (mut met, mut forces): (Vec<usize>, Vec<f64>) = (Vec::new(), Vec::new());
        let scale = norm2(wish);
        for _ in 0..8 * self.dimension + 8 {
            let depth = |k: &usize| {
                let (normal, slack) = &self.walls[*k];
                -(dot(normal, &point) + slack)
            };
            let worst = (0..self.walls.len()).filter(|k| !met.contains(k)).max_by(|a, b| depth(a).total_cmp(&depth(b)));
            let Some(worst) = worst.filter(|k| depth(k) > 1e-14 * scale) else { break };
            met.push(worst);
            forces = self.forces(&met, wish, 0.0);
            point.copy_from_slice(wish);
            self.push(&met, &forces, &mut point);
        }
        // What rounding left between the point and the walls that hold it.
        let held: Vec<usize> = met.iter().zip(&forces).filter(|(_, force)| **force > 0.0).map(|(k, _)| *k).collect();
        let rest = self.forces(&held, &point, f64::NEG_INFINITY);
        self.push(&held, &rest, &mut point);
        point
    }

    /// The pushes, none below `least`, with which these walls keep `point` inside.
    fn forces(&self, walls: &[usize], point: &[f64], least: f64) -> Vec<f64> {
        let m = walls.len();
        let mut dual = BoxLeastSquares::new(m);
        for (a, &i) in walls.iter().enumerate() {
            dual.right[a] = -(dot(&self.walls[i].0, point) + self.walls[i].1);
            for (b, &j) in walls.iter().enumerate() {
                dual.gram[a * m + b] = dot(&self.walls[i].0, &self.walls[j].0);
            }
        }
        let mut forces = vec![0.0; m];
        dual.solve(&vec![least; m], &vec![f64::INFINITY; m], &mut forces);
        forces
    }

    fn push(&self, walls: &[usize], forces: &[f64], point: &mut [f64]) {
        for (&i, force) in walls.iter().zip(forces) {
            for (to, v) in point.iter_mut().zip(&self.walls[i].0) {
                *to += force * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square() -> Face {
        let basis = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
        let mut face = Face { basis, back: vec![0.0; 2], dimension: 2, walls: Vec::new() };
        for axis in [[1.0, 0.0], [0.0, 1.0]] {
            face.wall(&axis, 1.0, 1.0);
            face.wall(&axis, -1.0, 2.0);
        }
        face
    }

    #[test]
    fn a_point_between_the_walls_stays() {
        assert_eq!(square().nearest(&[0.5, -0.5]), [0.5, -0.5]);
    }

    #[test]
    fn a_point_beyond_them_is_put_on_the_nearest_edge_or_corner() {
        for (wish, nearest) in [([9.0, 0.5], [2.0, 0.5]), ([9.0, -7.0], [2.0, -1.0]), ([0.0, -3.0], [0.0, -1.0])] {
            let found = square().nearest(&wish);
            assert!(found.iter().zip(&nearest).all(|(a, b)| (a - b).abs() < 1e-14), "{wish:?} {found:?}");
        }
    }

    #[test]
    fn a_slanted_wall_is_met_at_a_right_angle() {
        let mut face = square();
        face.wall(&[1.0, 1.0], -1.0, 2.0);
        let found = face.nearest(&[1.5, 1.5]);
        assert!(found.iter().all(|v| (v - 1.0).abs() < 1e-14), "{found:?}");
    }
}

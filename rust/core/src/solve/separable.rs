//! Variable projection: the linear parameters that are best for given nonlinear ones, inside their box.

use super::linalg::{cholesky, cholesky_solve};
use super::objective::Objective;

/// An objective whose law is linear in some coordinates.
pub trait Separable: Objective {
    /// Coordinates in which the law is not linear.
    fn nonlinear(&self) -> &[usize];

    /// Replace the linear coordinates of `x` by their weighted least-squares optimum; false where the law is undefined.
    fn project(&mut self, x: &mut [f64]) -> bool;

    /// The same on the natural scale with rows that count alike, for where that leads outside the domain of the residual; false
    /// where residuals have no other scale.
    fn project_plainly(&mut self, x: &mut [f64]) -> bool;

    /// The same by a part of the rows that `number` draws, then by the rows that the loss keeps there.
    fn project_part(&mut self, x: &mut [f64], number: usize) -> bool;

    /// Whether the loss makes basins of its own: each passes through another part of the rows.
    fn has_many_basins(&self) -> bool;

    /// Whether the law has about as many basins as rows whatever the loss, so that agreement of starts proves nothing.
    fn is_periodic(&self) -> bool;

    /// Whether the box ends above, or below, a coordinate at a bound of the caller; where it does not, numbers end.
    fn has_bound(&self, coordinate: usize, above: bool) -> bool;

    /// Replace the loss by one whose quadratic zone reaches at least `width`, with the same slopes far out; None restores it.
    fn soften(&mut self, width: Option<f64>);

    /// Put the absolute loss in place of the true one, or take it away again.
    fn sharpen(&mut self, on: bool);

    /// Estimate the scale of the residuals at `x`, where the loss has one, so that [`width`](Self::width) is that of `x`.
    fn settle(&mut self, x: &[f64]);

    /// Half-width of the quadratic zone of the true loss: infinite for least squares, 0 for kinked losses.
    fn width(&self) -> f64;

    /// Size of a residual beyond which the loss in force is straight; none for a loss that never is.
    fn straight(&self) -> Option<f64>;

    /// Whether the scale of the loss follows the residuals, so that no point is too far for its quadratic zone.
    fn has_scale(&self) -> bool;

    /// Starts to refine before their agreement is believed.
    fn least_starts(&self) -> usize;

    /// The interval of slopes at a zero residual, for losses with a kink.
    fn kink(&self) -> Option<(f64, f64)>;

    /// Median of the absolute residuals at `x`, and the largest one.
    fn spread(&mut self, x: &[f64]) -> Option<(f64, f64)>;
}

/// A small weighted least-squares problem in normal form: minimise c' G c / 2 - h' c with lower <= c <= upper.
#[derive(Debug, Clone, Default)]
pub struct BoxLeastSquares {
    /// Normal matrix, k x k row-major.
    pub gram: Vec<f64>,
    /// Right side.
    pub right: Vec<f64>,
    factor: Vec<f64>,
    work: Vec<f64>,
    free: Vec<usize>,
    state: Vec<i8>,
}

impl BoxLeastSquares {
    /// An empty problem of `k` unknowns.
    pub fn new(k: usize) -> Self {
        Self {
            gram: vec![0.0; k * k],
            right: vec![0.0; k],
            factor: vec![0.0; k * k],
            work: vec![0.0; k],
            free: Vec::with_capacity(k),
            state: vec![0; k],
        }
    }

    /// Solve by an active set; directions without curvature are left where the box or zero puts them.
    pub fn solve(&mut self, lower: &[f64], upper: &[f64], c: &mut [f64]) {
        let k = c.len();
        self.state.fill(0);
        for j in 0..k {
            c[j] = 0.0_f64.clamp(lower[j], upper[j]);
        }
        // Every pass pins or frees one unknown; the limit guards against cycling on degenerate data.
        for _ in 0..4 * k + 4 {
            self.free.clear();
            self.free.extend((0..k).filter(|&j| self.state[j] == 0));
            if !self.solve_free(c) {
                return;
            }
            let mut worst = None;
            let mut depth = 0.0;
            for (a, &j) in self.free.iter().enumerate() {
                let scale = self.gram[j * k + j].sqrt();
                let below = (lower[j] - self.work[a]) * scale;
                let above = (self.work[a] - upper[j]) * scale;
                if below > depth {
                    (worst, depth) = (Some((j, -1_i8)), below);
                }
                if above > depth {
                    (worst, depth) = (Some((j, 1)), above);
                }
            }
            if let Some((j, side)) = worst {
                self.state[j] = side;
                c[j] = if side < 0 { lower[j] } else { upper[j] };
                continue;
            }
            for (a, &j) in self.free.iter().enumerate() {
                c[j] = self.work[a];
            }
            // At a bound the gradient must push outward; otherwise free the coordinate again.
            let mut release = None;
            for j in 0..k {
                if self.state[j] != 0 {
                    let gradient: f64 = (0..k).map(|i| self.gram[j * k + i] * c[i]).sum::<f64>() - self.right[j];
                    let tolerance = 1e-12 * self.right[j].abs();
                    if (self.state[j] < 0 && gradient < -tolerance) || (self.state[j] > 0 && gradient > tolerance) {
                        release = Some(j);
                    }
                }
            }
            match release {
                Some(j) => self.state[j] = 0,
                None => return,
            }
        }
    }

    /// Optimum of the free unknowns given the pinned ones, into `work`; false when nothing is free.
    fn solve_free(&mut self, c: &[f64]) -> bool {
        let k = c.len();
        let q = self.free.len();
        if q == 0 {
            return false;
        }
        // A ridge of rounding size keeps collinear columns solvable; starts need no more.
        let mut ridge = 1e-14;
        loop {
            for (a, &i) in self.free.iter().enumerate() {
                let di = scale(self.gram[i * k + i]);
                for (b, &j) in self.free.iter().enumerate().take(a + 1) {
                    let dj = scale(self.gram[j * k + j]);
                    self.factor[a * q + b] = self.gram[i * k + j] / (di * dj) + if a == b { ridge } else { 0.0 };
                }
                let mut right = self.right[i];
                for j in 0..k {
                    if self.state[j] != 0 {
                        right -= self.gram[i * k + j] * c[j];
                    }
                }
                self.work[a] = right / di;
            }
            if cholesky(&mut self.factor[..q * q], q) {
                break;
            }
            ridge *= 100.0;
            if ridge > 1.0 {
                return false;
            }
        }
        cholesky_solve(&self.factor[..q * q], q, &mut self.work[..q]);
        for (a, &i) in self.free.iter().enumerate() {
            self.work[a] /= scale(self.gram[i * k + i]);
        }
        true
    }
}

/// Length of a column; 1 for one that vanishes, which any value solves.
fn scale(square: f64) -> f64 {
    if square > 0.0 { square.sqrt() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solved(gram: [f64; 4], right: [f64; 2], lower: [f64; 2], upper: [f64; 2]) -> [f64; 2] {
        let mut problem = BoxLeastSquares::new(2);
        problem.gram.copy_from_slice(&gram);
        problem.right.copy_from_slice(&right);
        let mut c = [0.0; 2];
        problem.solve(&lower, &upper, &mut c);
        c
    }

    #[test]
    fn the_free_optimum_is_found() {
        let c = solved([2.0, 1.0, 1.0, 3.0], [4.0, 7.0], [f64::NEG_INFINITY; 2], [f64::INFINITY; 2]);
        assert!((c[0] - 1.0).abs() < 1e-12 && (c[1] - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_bound_is_met_and_the_rest_reoptimised() {
        let c = solved([2.0, 1.0, 1.0, 3.0], [-4.0, 7.0], [0.0; 2], [f64::INFINITY; 2]);
        assert!(c[0] == 0.0 && (c[1] - 7.0 / 3.0).abs() < 1e-12);
    }
}

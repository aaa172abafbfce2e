//! The condition number of three columns of length one, which every fit of a curve is judged by.

use crate::solve::linalg::eigenvalues;

/// Columns: a constant, an amplitude, an exponent.
pub(super) const PARAMS: usize = 3;

/// The condition number of a scaled J'J.
pub(super) fn condition(scaled: &mut [f64; PARAMS * PARAMS], q: usize) -> f64 {
    /// Condition up to which the closed form has as many digits as rotations.
    const PLAIN: f64 = 1e6;
    if q == PARAMS {
        let condition = condition_of_three([scaled[1], scaled[2], scaled[5]]);
        // Rounding may leave a determinant below zero.
        if (1.0..=PLAIN).contains(&condition) {
            return condition;
        }
    }
    eigenvalues(&mut scaled[..q * q], q);
    let values = (0..q).map(|j| scaled[j * q + j].abs());
    let (small, large) = values.fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    large / small
}

/// The condition number of three cosines, of entries (0,1), (0,2) and (1,2), from the characteristic polynomial.
fn condition_of_three([a, b, c]: [f64; 3]) -> f64 {
    /// Steps at most: they only come near that many where two eigenvalues are the same.
    const STEPS: usize = 60;
    let minor = |cosine: f64| (1.0 - cosine) * (1.0 + cosine);
    let rest = c - a * b;
    let determinant = minor(a) * (minor(b) - rest * rest / minor(a));
    // The largest eigenvalue is 1 + mu: mu^3 - squares mu - 2 a b c = 0, by Newton's method from above.
    let squares = a * a + b * b + c * c;
    let mut mu = 2.0 * (squares * (1.0 / 3.0)).sqrt();
    for _ in 0..STEPS {
        let slope = 3.0 * mu * mu - squares;
        let next = 2.0 * (mu * mu * mu + a * b * c) / slope;
        if !(slope > 0.0 && next < mu) {
            break;
        }
        mu = next;
    }
    let large = 1.0 + mu;
    let product = determinant / large;
    let half = 0.5 * (minor(a) + minor(b) + minor(c) - product) / large;
    let middle = half + (half * half - product).max(0.0).sqrt();
    large * middle / product
}

#[cfg(test)]
mod tests {
    use super::{PARAMS, condition, condition_of_three};
    use crate::solve::linalg::eigenvalues;

    /// A matrix of cosines, and its condition number by rotations.
    fn scaled([a, b, c]: [f64; 3]) -> ([f64; 9], f64) {
        let matrix = [1.0, a, b, a, 1.0, c, b, c, 1.0];
        let mut rotated = matrix;
        eigenvalues(&mut rotated, PARAMS);
        let values = [rotated[0], rotated[4], rotated[8]].map(f64::abs);
        (matrix, values.iter().fold(0.0, |m: f64, v| m.max(*v)) / values.iter().fold(f64::INFINITY, |m, v| m.min(*v)))
    }

    #[test]
    fn the_closed_form_is_what_rotations_find() {
        for k in 1..2000 {
            // Three vectors that come closer and closer to a plane and to each other.
            let near = 10_f64.powf(-0.0025 * f64::from(k));
            let angle = 0.37 * f64::from(k);
            let rows =
                [[1.0, 0.0, 0.0], [angle.cos(), angle.sin(), 0.0], [(2.1 * angle).cos(), (2.1 * angle).sin(), near]];
            let unit = rows.map(|row| {
                let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
                row.map(|v| v / length)
            });
            let cosine = |i: usize, j: usize| (0..3).map(|k| unit[i][k] * unit[j][k]).sum::<f64>();
            let (mut matrix, expected) = scaled([cosine(0, 1), cosine(0, 2), cosine(1, 2)]);
            let found = condition(&mut matrix, PARAMS);
            assert!((found / expected - 1.0).abs() < 1e-15 * expected.min(1e6) + 1e-13, "{found:e} {expected:e}");
        }
    }

    #[test]
    fn columns_of_one_direction_have_no_condition_that_is_small() {
        assert!((condition_of_three([0.0; 3]) - 1.0).abs() < 1e-15);
        for cosines in [[1.0; 3], [1.0, 0.5, 0.5], [-1.0, 1.0, -1.0], [1.0 - 1e-16, 0.3, 0.3], [0.6, 0.8, 0.0]] {
            let (mut matrix, _) = scaled(cosines);
            let found = condition(&mut matrix, PARAMS);
            assert!(found.is_nan() || found >= 1e12, "{cosines:?}: {found:e}");
        }
    }
}

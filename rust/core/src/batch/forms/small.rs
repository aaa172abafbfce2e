//! Least squares of a few columns on the rows of a curve.

/// The solution of the symmetric positive definite equations `a` x = `b`; None where they are none.
#[inline(always)]
pub(super) fn solve<const K: usize>(mut a: [[f64; K]; K], mut b: [f64; K]) -> Option<[f64; K]> {
    /// Share of a diagonal below which a pivot is rounding.
    const ROUNDING: f64 = 1e-13;
    for i in 0..K {
        let own = a[i][i];
        for j in 0..=i {
            let mut sum = a[i][j];
            for k in 0..j {
                sum = (-a[i][k]).mul_add(a[j][k], sum);
            }
            if i != j {
                a[i][j] = sum / a[j][j];
            } else if sum > ROUNDING * own {
                a[i][i] = sum.sqrt();
            } else {
                return None;
            }
        }
        let mut sum = b[i];
        for k in 0..i {
            sum = (-a[i][k]).mul_add(b[k], sum);
        }
        b[i] = sum / a[i][i];
    }
    for i in (0..K).rev() {
        let mut sum = b[i];
        for k in i + 1..K {
            sum = (-a[k][i]).mul_add(b[k], sum);
        }
        b[i] = sum / a[i][i];
    }
    Some(b)
}

/// Weighted least squares: the coefficients of the columns that each row gives, and half the sum of squares they leave.
#[inline(always)]
pub(super) fn fit<const K: usize>(rows: impl Iterator<Item = ([f64; K], f64, f64)> + Clone) -> Option<([f64; K], f64)> {
    let (mut gram, mut right) = ([[0.0; K]; K], [0.0; K]);
    for (columns, target, weight) in rows.clone() {
        for a in 0..K {
            let weighted = weight * columns[a];
            right[a] = weighted.mul_add(target, right[a]);
            for b in 0..=a {
                gram[a][b] = weighted.mul_add(columns[b], gram[a][b]);
            }
        }
    }
    let solution = solve(gram, right)?;
    let mut squares = 0.0;
    for (columns, target, weight) in rows {
        let mut left = -target;
        for a in 0..K {
            left = columns[a].mul_add(solution[a], left);
        }
        squares = (weight * left).mul_add(left, squares);
    }
    Some((solution, 0.5 * squares))
}

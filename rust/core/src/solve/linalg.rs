//! Small dense linear algebra for a handful of parameters: Cholesky, QR in a stream of rows, symmetric eigenvalues.

/// Smallest pivot, relative to its diagonal, that a Cholesky factor accepts.
pub const PIVOT: f64 = 1e-15;

/// Cholesky factor of the symmetric `a` (row-major, p x p), overwriting its lower triangle; false when not positive definite.
#[inline(always)]
pub fn cholesky(a: &mut [f64], p: usize) -> bool {
    for i in 0..p {
        let diagonal = a[i * p + i];
        for j in 0..=i {
            let mut sum = a[i * p + j];
            for k in 0..j {
                sum -= a[i * p + k] * a[j * p + k];
            }
            if i == j {
                if sum.is_nan() || sum <= PIVOT * diagonal.abs() {
                    return false;
                }
                a[i * p + i] = sum.sqrt();
            } else {
                a[i * p + j] = sum / a[j * p + j];
            }
        }
    }
    true
}

/// Solve L L' x = b in place, with the factor of [`cholesky`].
#[inline(always)]
pub fn cholesky_solve(l: &[f64], p: usize, b: &mut [f64]) {
    for i in 0..p {
        let mut sum = b[i];
        for k in 0..i {
            sum -= l[i * p + k] * b[k];
        }
        b[i] = sum / l[i * p + i];
    }
    for i in (0..p).rev() {
        let mut sum = b[i];
        for k in i + 1..p {
            sum -= l[k * p + i] * b[k];
        }
        b[i] = sum / l[i * p + i];
    }
}

/// Solve A x = b in place for the symmetric positive definite `a` (row-major, p x p), of which the lower triangle is read and
/// everything overwritten; false when it is not positive definite.
///
/// L D L' without roots, unrolled for the numbers of parameters that laws have; nothing is fused, because it is also called
/// where that would be a call of a function.
#[inline(always)]
pub fn solve_positive(a: &mut [f64], p: usize, b: &mut [f64]) -> bool {
    match p {
        2 => solve_positive_of(a, 2, b),
        3 => solve_positive_of(a, 3, b),
        4 => solve_positive_of(a, 4, b),
        5 => solve_positive_of(a, 5, b),
        6 => solve_positive_of(a, 6, b),
        _ => solve_positive_of(a, p, b),
    }
}

#[inline(always)]
fn solve_positive_of(a: &mut [f64], p: usize, b: &mut [f64]) -> bool {
    let (a, b) = (&mut a[..p * p], &mut b[..p]);
    // The first row is free to keep what the pivots are compared with.
    for j in 1..p {
        a[j] = a[j * p + j];
    }
    for j in 0..p {
        // Columns to the left have taken their share already: what stands here is what remains.
        let pivot = a[j * p + j];
        let original = b[j];
        if pivot.is_nan() || pivot <= PIVOT * a[j].abs() {
            return false;
        }
        let inverse = 1.0 / pivot;
        for i in j + 1..p {
            let factor = a[i * p + j] * inverse;
            for k in j + 1..=i {
                a[i * p + k] -= factor * a[k * p + j];
            }
            b[i] -= factor * original;
        }
        for i in j + 1..p {
            a[i * p + j] *= inverse;
        }
        b[j] = original * inverse;
    }
    for i in (0..p).rev() {
        for k in i + 1..p {
            b[i] -= a[k * p + i] * b[k];
        }
    }
    true
}

/// Upper triangle R (row-major, q x q) of the QR factorisation of a column-major n x q matrix, which is overwritten.
pub fn qr(a: &mut [f64], n: usize, q: usize, r: &mut [f64]) {
    r[..q * q].fill(0.0);
    for k in 0..q.min(n) {
        let (head, tail) = a.split_at_mut((k + 1) * n);
        let column = &mut head[k * n + k..];
        let norm = norm2(column);
        if norm == 0.0 {
            for (j, other) in tail.chunks_exact(n).enumerate() {
                r[k * q + k + 1 + j] = other[k];
            }
            continue;
        }
        let alpha = if column[0] > 0.0 { -norm } else { norm };
        column[0] -= alpha;
        r[k * q + k] = alpha;
        let square: f64 = -alpha * column[0];
        for (j, other) in tail.chunks_exact_mut(n).enumerate() {
            let other = &mut other[k..];
            let dot: f64 = column.iter().zip(other.iter()).map(|(u, v)| u * v).sum();
            let factor = dot / square;
            for (v, u) in other.iter_mut().zip(column.iter()) {
                *v -= factor * u;
            }
            r[k * q + k + 1 + j] = other[0];
        }
    }
}

/// Sum of products.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Euclidean norm that neither overflows nor underflows.
pub fn norm2(v: &[f64]) -> f64 {
    let largest = v.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * v.iter().map(|x| (x / largest) * (x / largest)).sum::<f64>().sqrt()
}

/// Solve R s = b in place by back substitution; false when a diagonal entry vanishes.
pub fn back_substitute(r: &[f64], stride: usize, p: usize, b: &mut [f64]) -> bool {
    for i in (0..p).rev() {
        let mut sum = b[i];
        for k in i + 1..p {
            sum -= r[i * stride + k] * b[k];
        }
        if r[i * stride + i] == 0.0 {
            return false;
        }
        b[i] = sum / r[i * stride + i];
    }
    true
}

/// Solve a general square system (row-major) in place by elimination with partial pivoting; false when singular.
pub fn solve_general(a: &mut [f64], p: usize, b: &mut [f64]) -> bool {
    for k in 0..p {
        let mut pivot = k;
        for i in k + 1..p {
            if a[i * p + k].abs() > a[pivot * p + k].abs() {
                pivot = i;
            }
        }
        let largest = a[pivot * p + k].abs();
        if largest.is_nan() || largest == 0.0 {
            return false;
        }
        if pivot != k {
            for j in 0..p {
                a.swap(k * p + j, pivot * p + j);
            }
            b.swap(k, pivot);
        }
        for i in k + 1..p {
            let factor = a[i * p + k] / a[k * p + k];
            if factor != 0.0 {
                for j in k..p {
                    a[i * p + j] -= factor * a[k * p + j];
                }
                b[i] -= factor * b[k];
            }
        }
    }
    back_substitute(a, p, p, b)
}

/// Right singular vectors and singular values of a p x p matrix (row-major) by one-sided Jacobi rotations.
///
/// On return column j of `a` is `u_j s_j` and column j of `v` the right singular vector; the values are returned unsorted.
pub fn singular(a: &mut [f64], v: &mut [f64], p: usize) -> Vec<f64> {
    v[..p * p].fill(0.0);
    for j in 0..p {
        v[j * p + j] = 1.0;
    }
    // Convergence is quadratic: a dozen sweeps are plenty for any p met here; 60 is a guard, not a target.
    for _ in 0..60 {
        let mut rotated = false;
        for i in 0..p {
            for j in i + 1..p {
                let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
                for k in 0..p {
                    let (x, y) = (a[k * p + i], a[k * p + j]);
                    aa += x * x;
                    bb += y * y;
                    ab += x * y;
                }
                if ab.abs() <= f64::EPSILON * (aa * bb).sqrt() {
                    continue;
                }
                rotated = true;
                let zeta = (bb - aa) / (2.0 * ab);
                let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                let s = c * t;
                for m in [&mut *a, &mut *v] {
                    for k in 0..p {
                        let (x, y) = (m[k * p + i], m[k * p + j]);
                        m[k * p + i] = c * x - s * y;
                        m[k * p + j] = s * x + c * y;
                    }
                }
            }
        }
        if !rotated {
            break;
        }
    }
    (0..p).map(|j| (0..p).map(|k| a[k * p + j] * a[k * p + j]).sum::<f64>().sqrt()).collect()
}

/// Eigenvalues of a symmetric p x p matrix, onto its diagonal, unsorted, by cyclic Jacobi rotations: small ones to as many
/// digits as large ones where the matrix is positive definite (Demmel and Veselić 1992).
#[inline(always)]
pub fn eigenvalues(a: &mut [f64], p: usize) {
    // As in `singular`: a guard, not a target.
    for _ in 0..60 {
        let mut rotated = false;
        for i in 0..p {
            for j in i + 1..p {
                let off = a[i * p + j];
                if off.abs() <= f64::EPSILON * (a[i * p + i] * a[j * p + j]).abs().sqrt() {
                    continue;
                }
                rotated = true;
                let theta = (a[j * p + j] - a[i * p + i]) / (2.0 * off);
                let t = theta.signum() / (theta.abs() + (1.0 + theta * theta).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                let s = c * t;
                a[i * p + i] -= t * off;
                a[j * p + j] += t * off;
                (a[i * p + j], a[j * p + i]) = (0.0, 0.0);
                for k in (0..p).filter(|&k| k != i && k != j) {
                    let (x, y) = (a[k * p + i], a[k * p + j]);
                    let (x, y) = (c * x - s * y, s * x + c * y);
                    (a[k * p + i], a[i * p + k]) = (x, x);
                    (a[k * p + j], a[j * p + k]) = (y, y);
                }
            }
        }
        if !rotated {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cholesky_solves_and_refuses() {
        let mut a = vec![4.0, 2.0, 2.0, 3.0];
        let mut b = vec![10.0, 8.0];
        assert!(cholesky(&mut a, 2));
        cholesky_solve(&a, 2, &mut b);
        assert!((b[0] - 1.75).abs() < 1e-15 && (b[1] - 1.5).abs() < 1e-15);
        assert!(!cholesky(&mut [1.0, 2.0, 2.0, 1.0], 2));
        assert!(!cholesky(&mut [f64::NAN], 1));
    }

    #[test]
    fn qr_reproduces_the_normal_matrix() {
        let a: Vec<f64> = vec![1.0, 2.0, 3.0, 4.0, 0.5, -1.0, 2.0, 7.0];
        let mut work = a.clone();
        let mut r = vec![0.0; 4];
        qr(&mut work, 4, 2, &mut r);
        for i in 0..2 {
            for j in 0..2 {
                let direct: f64 = (0..4).map(|k| a[i * 4 + k] * a[j * 4 + k]).sum();
                let through: f64 = (0..2).map(|k| r[k * 2 + i] * r[k * 2 + j]).sum();
                assert!((direct - through).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn singular_values_of_a_known_matrix() {
        let mut a = vec![3.0, 0.0, 4.0, 5.0];
        let mut v = vec![0.0; 4];
        let mut values = singular(&mut a, &mut v, 2);
        values.sort_by(f64::total_cmp);
        assert!((values[0] - 5.0_f64.sqrt()).abs() < 1e-14);
        assert!((values[1] - 45.0_f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn eigenvalues_are_those_of_the_factors() {
        // B'B with B of singular values known to `singular`.
        let b = [1.0, 2.0, 3.0, 0.5, -1.0, 2.0, 1e-3, 4.0, 1.0];
        let mut gram = [0.0; 9];
        for i in 0..3 {
            for j in 0..3 {
                gram[i * 3 + j] = (0..3).map(|k| b[k * 3 + i] * b[k * 3 + j]).sum();
            }
        }
        eigenvalues(&mut gram, 3);
        let mut found = [gram[0], gram[4], gram[8]];
        let mut expected = singular(&mut b.clone(), &mut [0.0; 9], 3);
        found.sort_by(f64::total_cmp);
        expected.sort_by(f64::total_cmp);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected * expected).abs() <= 1e-13 * found, "{found} {expected}");
        }
    }

    #[test]
    fn positive_systems_are_solved_and_others_refused() {
        for p in 1..9 {
            let x: Vec<f64> = (0..p).map(|i| i as f64 - 1.5).collect();
            let entry = |i: usize, j: usize| if i == j { 3.0 + i as f64 } else { 1.0 / (1.0 + (i + j) as f64) };
            let mut a: Vec<f64> = (0..p * p).map(|k| entry(k / p, k % p)).collect();
            let mut b: Vec<f64> = (0..p).map(|i| (0..p).map(|j| entry(i, j) * x[j]).sum()).collect();
            assert!(solve_positive(&mut a, p, &mut b));
            assert!(b.iter().zip(&x).all(|(b, x)| (b - x).abs() < 1e-13));
        }
        assert!(!solve_positive(&mut [1.0, 2.0, 2.0, 1.0], 2, &mut [1.0, 2.0]));
        assert!(!solve_positive(&mut [f64::NAN], 1, &mut [1.0]));
        assert!(!solve_positive(&mut [0.0], 1, &mut [1.0]));
    }

    #[test]
    fn general_systems_are_solved_with_pivoting() {
        let mut a = vec![0.0, 1.0, 2.0, 3.0];
        let mut b = vec![5.0, 19.0];
        assert!(solve_general(&mut a, 2, &mut b));
        assert!((b[0] - 2.0).abs() < 1e-15 && (b[1] - 5.0).abs() < 1e-15);
        assert!(!solve_general(&mut [1.0, 1.0, 1.0, 1.0], 2, &mut [1.0, 2.0]));
    }
}

//! Polynomials by Horner's rule in fused multiply-adds.

/// `c[0] + c[1] x + c[2] x^2 + ...`
#[inline(always)]
pub(super) fn horner<const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let mut value = c[N - 1];
    for i in (0..N - 1).rev() {
        value = value.mul_add(x, c[i]);
    }
    value
}

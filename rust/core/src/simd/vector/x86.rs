//! The registers of x86-64. Their constructors are private to this file: whoever holds one has seen the processor's features.

#![expect(unsafe_code, reason = "vector instructions, reached only through the dispatcher that detected them")]
#![allow(clippy::wildcard_imports, reason = "two score instructions, each named where it is used")]

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{ONE_BITS, Real, Vector, operators};
use crate::simd::LANES;

/// One AVX-512 register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct One(__m512d);

// SAFETY of every block below: `simd::dispatch_vector` names these types only inside functions compiled for the features
// they need, after it has detected them; slices are at least LANES long where pointers are read.

operators!(
    One,
    // SAFETY: the dispatcher found AVX-512.
    |a: One, b: One| One(unsafe { _mm512_add_pd(a.0, b.0) }),
    |a: One, b: One| One(unsafe { _mm512_sub_pd(a.0, b.0) }),
    |a: One, b: One| One(unsafe { _mm512_mul_pd(a.0, b.0) }),
    |a: One, b: One| One(unsafe { _mm512_div_pd(a.0, b.0) })
);

impl Real for One {
    #[inline(always)]
    fn of(value: f64) -> Self {
        // SAFETY: the dispatcher found AVX-512.
        Self(unsafe { _mm512_set1_pd(value) })
    }

    #[inline(always)]
    fn fused(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm512_fmadd_pd(self.0, b.0, c.0) })
    }
}

impl Vector for One {
    const MANY: bool = true;

    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        // SAFETY: the dispatcher found AVX-512; the slice holds LANES numbers.
        Self(unsafe { _mm512_loadu_pd(from[..LANES].as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        unsafe { _mm512_storeu_pd(to[..LANES].as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn least(self, other: Self) -> Self {
        // SAFETY: the dispatcher found AVX-512.
        Self(unsafe { _mm512_min_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn most(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn where_less(self, a: Self, b: Self) -> Self {
        // SAFETY: the dispatcher found AVX-512.
        Self(unsafe { _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(a.0, b.0), self.0) })
    }

    #[inline(always)]
    fn where_equal(self, a: Self, b: Self) -> Self {
        Self(unsafe { _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a.0, b.0), self.0) })
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        // SAFETY: the dispatcher found AVX-512.
        unsafe {
            let exponent = _mm512_slli_epi64::<52>(_mm512_castpd_si512(self.0));
            Self(_mm512_castsi512_pd(_mm512_add_epi64(exponent, _mm512_set1_epi64(ONE_BITS as i64))))
        }
    }

    #[inline(always)]
    fn above_zero(self, first: usize, to: &mut [usize]) -> usize {
        let to = to[..LANES].as_mut_ptr();
        // SAFETY: the dispatcher found AVX-512; the slice holds LANES numbers of 64 bits.
        unsafe {
            let above = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_pd());
            let lanes = _mm512_add_epi64(_mm512_set1_epi64(first as i64), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
            _mm512_storeu_epi64(to.cast(), _mm512_maskz_compress_epi64(above, lanes));
            above.count_ones() as usize
        }
    }

    #[inline(always)]
    fn nonzero(self) -> u8 {
        // SAFETY: the dispatcher found AVX-512.
        unsafe { _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_pd()) }
    }

    #[inline(always)]
    fn pack(self, bits: u8, to: &mut [f64]) {
        let to = to[..LANES].as_mut_ptr();
        // SAFETY: the dispatcher found AVX-512; the slice holds LANES numbers.
        unsafe { _mm512_storeu_pd(to, _mm512_maskz_compress_pd(bits, self.0)) }
    }

    #[inline(always)]
    fn sums(p: [Self; LANES]) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        // SAFETY: the dispatcher found AVX-512; the array holds LANES numbers.
        unsafe {
            // Halves, then quarters, then neighbours, of two vectors in one: the tree of the plain form.
            let halves = |a: Self, b: Self| {
                _mm512_add_pd(_mm512_shuffle_f64x2::<0x44>(a.0, b.0), _mm512_shuffle_f64x2::<0xEE>(a.0, b.0))
            };
            let quarters = |a, b| _mm512_add_pd(_mm512_shuffle_f64x2::<0x88>(a, b), _mm512_shuffle_f64x2::<0xDD>(a, b));
            // The last step interleaves the two, so even ones come in first and odd ones second.
            let even = quarters(halves(p[0], p[2]), halves(p[4], p[6]));
            let odd = quarters(halves(p[1], p[3]), halves(p[5], p[7]));
            let all = _mm512_add_pd(_mm512_unpacklo_pd(even, odd), _mm512_unpackhi_pd(even, odd));
            _mm512_storeu_pd(sums.as_mut_ptr(), all);
        }
        sums
    }
}

/// For each choice of four lanes, the halves of the lanes chosen, one after the other.
const HEADS: [[i32; LANES]; 16] = {
    let mut heads = [[0; LANES]; 16];
    let mut bits = 0;
    while bits < 16 {
        let (mut lane, mut count) = (0, 0);
        while lane < 4 {
            if bits >> lane & 1 == 1 {
                heads[bits][count] = 2 * lane;
                heads[bits][count + 1] = 2 * lane + 1;
                count += 2;
            }
            lane += 1;
        }
        bits += 1;
    }
    heads
};

/// Two AVX2 registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Two(__m256d, __m256d);

operators!(
    Two,
    // SAFETY: the dispatcher found AVX2 and FMA.
    |a: Two, b: Two| unsafe { Two(_mm256_add_pd(a.0, b.0), _mm256_add_pd(a.1, b.1)) },
    |a: Two, b: Two| unsafe { Two(_mm256_sub_pd(a.0, b.0), _mm256_sub_pd(a.1, b.1)) },
    |a: Two, b: Two| unsafe { Two(_mm256_mul_pd(a.0, b.0), _mm256_mul_pd(a.1, b.1)) },
    |a: Two, b: Two| unsafe { Two(_mm256_div_pd(a.0, b.0), _mm256_div_pd(a.1, b.1)) }
);

impl Real for Two {
    #[inline(always)]
    fn of(value: f64) -> Self {
        // SAFETY: the dispatcher found AVX2 and FMA.
        let half = unsafe { _mm256_set1_pd(value) };
        Self(half, half)
    }

    #[inline(always)]
    fn fused(self, b: Self, c: Self) -> Self {
        // SAFETY: the dispatcher found AVX2 and FMA.
        unsafe { Self(_mm256_fmadd_pd(self.0, b.0, c.0), _mm256_fmadd_pd(self.1, b.1, c.1)) }
    }
}

impl Vector for Two {
    const MANY: bool = false;

    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        let from = from[..LANES].as_ptr();
        // SAFETY: the dispatcher found AVX2 and FMA; the slice holds LANES numbers.
        unsafe { Self(_mm256_loadu_pd(from), _mm256_loadu_pd(from.add(LANES / 2))) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        let to = to[..LANES].as_mut_ptr();
        // SAFETY: the dispatcher found AVX2 and FMA; the slice holds LANES numbers.
        unsafe {
            _mm256_storeu_pd(to, self.0);
            _mm256_storeu_pd(to.add(LANES / 2), self.1);
        }
    }

    #[inline(always)]
    fn least(self, other: Self) -> Self {
        // SAFETY: the dispatcher found AVX2 and FMA.
        unsafe { Self(_mm256_min_pd(self.0, other.0), _mm256_min_pd(self.1, other.1)) }
    }

    #[inline(always)]
    fn most(self, other: Self) -> Self {
        unsafe { Self(_mm256_max_pd(self.0, other.0), _mm256_max_pd(self.1, other.1)) }
    }

    #[inline(always)]
    fn where_less(self, a: Self, b: Self) -> Self {
        // SAFETY: the dispatcher found AVX2 and FMA.
        unsafe {
            let first = _mm256_cmp_pd::<_CMP_LT_OQ>(a.0, b.0);
            let second = _mm256_cmp_pd::<_CMP_LT_OQ>(a.1, b.1);
            Self(_mm256_and_pd(self.0, first), _mm256_and_pd(self.1, second))
        }
    }

    #[inline(always)]
    fn where_equal(self, a: Self, b: Self) -> Self {
        // SAFETY: the dispatcher found AVX2 and FMA.
        unsafe {
            let first = _mm256_cmp_pd::<_CMP_EQ_OQ>(a.0, b.0);
            let second = _mm256_cmp_pd::<_CMP_EQ_OQ>(a.1, b.1);
            Self(_mm256_and_pd(self.0, first), _mm256_and_pd(self.1, second))
        }
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        // SAFETY: the dispatcher found AVX2 and FMA.
        unsafe {
            let one = _mm256_set1_epi64x(ONE_BITS as i64);
            let power = |v| _mm256_add_epi64(_mm256_slli_epi64::<52>(_mm256_castpd_si256(v)), one);
            Self(_mm256_castsi256_pd(power(self.0)), _mm256_castsi256_pd(power(self.1)))
        }
    }

    #[inline(always)]
    fn above_zero(self, first: usize, to: &mut [usize]) -> usize {
        let to = &mut to[..LANES];
        // SAFETY: the dispatcher found AVX2 and FMA.
        let above = unsafe {
            let zero = _mm256_setzero_pd();
            let first = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(self.0, zero));
            let second = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(self.1, zero));
            (first | (second << 4)) as usize
        };
        let mut count = 0;
        for lane in 0..LANES {
            to[count] = first + lane;
            count += (above >> lane) & 1;
        }
        count
    }

    #[inline(always)]
    fn nonzero(self) -> u8 {
        // SAFETY: the dispatcher found AVX2 and FMA.
        unsafe {
            let zero = _mm256_setzero_pd();
            let first = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(self.0, zero));
            let second = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(self.1, zero));
            (first | (second << 4)) as u8
        }
    }

    #[inline(always)]
    fn pack(self, bits: u8, to: &mut [f64]) {
        let to = to[..LANES].as_mut_ptr();
        let (first, second) = (usize::from(bits & 15), usize::from(bits >> 4));
        // SAFETY: the dispatcher found AVX2 and FMA; the slice holds LANES numbers, and each half is written whole, the second at
        // most four numbers in.
        unsafe {
            let packed = |half: __m256d, bits: usize| {
                let places = _mm256_loadu_si256(HEADS[bits].as_ptr().cast());
                _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(half), places))
            };
            _mm256_storeu_pd(to, packed(self.0, first));
            _mm256_storeu_pd(to.add(first.count_ones() as usize), packed(self.1, second));
        }
    }

    #[inline(always)]
    fn sums(p: [Self; LANES]) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        // SAFETY: the dispatcher found AVX2 and FMA; the array holds LANES numbers.
        unsafe {
            // Halves, then quarters, then neighbours, of two vectors in one: the tree of the plain form.
            let half = |a: Self| _mm256_add_pd(a.0, a.1);
            let quarters = |a: Self, b: Self| {
                let (a, b) = (half(a), half(b));
                _mm256_add_pd(_mm256_permute2f128_pd::<0x20>(a, b), _mm256_permute2f128_pd::<0x31>(a, b))
            };
            for first in [0, LANES / 2] {
                // The last step interleaves the two, so even ones come in first and odd ones second.
                let even = quarters(p[first], p[first + 2]);
                let odd = quarters(p[first + 1], p[first + 3]);
                let all = _mm256_add_pd(_mm256_unpacklo_pd(even, odd), _mm256_unpackhi_pd(even, odd));
                _mm256_storeu_pd(sums[first..].as_mut_ptr(), all);
            }
        }
        sums
    }
}

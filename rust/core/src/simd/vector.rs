//! Eight numbers in the registers of whatever vector unit there is, for loops the compiler does not widen by itself.
//!
//! Sums in lanes are such loops: eight running totals in an array end up in narrow registers. A kernel that is generic over
//! [`Vector`] says what is meant. Every operation is exact IEEE arithmetic a lane, so all units give the same bits.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{LANES, lanes};

/// One number or eight: what a polynomial needs.
pub trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The number, in every lane.
    fn of(value: f64) -> Self;
    /// self * b + c, rounded once.
    #[must_use]
    fn fused(self, b: Self, c: Self) -> Self;
}

impl Real for f64 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn fused(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
}

/// Eight numbers.
pub trait Vector: Real {
    /// The first eight of `from`.
    fn load(from: &[f64]) -> Self;
    /// Into the first eight of `to`.
    fn store(self, to: &mut [f64]);
    /// The smaller of each pair; the second where one is NaN.
    #[must_use]
    fn least(self, other: Self) -> Self;
    /// The larger of each pair; the second where one is NaN.
    #[must_use]
    fn most(self, other: Self) -> Self;
    /// `self` where a < b, else 0; NaN is not less.
    #[must_use]
    fn where_less(self, a: Self, b: Self) -> Self;
    /// `self` where a = b, else 0.
    #[must_use]
    fn where_equal(self, a: Self, b: Self) -> Self;
    /// 2^k, where k is an integer between -1022 and 1023 in the lowest bits of each lane.
    #[must_use]
    fn power_of_two(self) -> Self;
    /// Write the numbers of the lanes above 0, counted from `first`, to the head of `to`, which holds at least [`LANES`] and
    /// may lose all of them; returns how many they are.
    fn above_zero(self, first: usize, to: &mut [usize]) -> usize;
    /// 0 in every lane.
    #[inline(always)]
    fn zero() -> Self {
        Self::of(0.0)
    }
    /// Sum of the lanes by the tree of [`lanes::reduce`].
    #[inline(always)]
    fn sum(self) -> f64 {
        let mut lane = [0.0; LANES];
        self.store(&mut lane);
        lanes::reduce(lane)
    }
}

/// The portable form.
#[derive(Debug, Clone, Copy)]
pub struct Plain([f64; LANES]);

/// A value of each pair of lanes.
#[inline(always)]
fn each(a: Plain, b: Plain, f: impl Fn(f64, f64) -> f64) -> Plain {
    let mut out = a;
    for lane in 0..LANES {
        out.0[lane] = f(a.0[lane], b.0[lane]);
    }
    out
}

/// The operators of a vector type from four functions of two.
macro_rules! operators {
    ($name:ty, $add:expr, $sub:expr, $mul:expr, $div:expr) => {
        impl Add for $name {
            type Output = Self;
            #[inline(always)]
            fn add(self, b: Self) -> Self {
                $add(self, b)
            }
        }
        impl Sub for $name {
            type Output = Self;
            #[inline(always)]
            fn sub(self, b: Self) -> Self {
                $sub(self, b)
            }
        }
        impl Mul for $name {
            type Output = Self;
            #[inline(always)]
            fn mul(self, b: Self) -> Self {
                $mul(self, b)
            }
        }
        impl Div for $name {
            type Output = Self;
            #[inline(always)]
            fn div(self, b: Self) -> Self {
                $div(self, b)
            }
        }
        impl Neg for $name {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                Self::of(-1.0) * self
            }
        }
    };
}

operators!(
    Plain,
    |a, b| each(a, b, |x, y| x + y),
    |a, b| each(a, b, |x, y| x - y),
    |a, b| each(a, b, |x, y| x * y),
    |a, b| each(a, b, |x, y| x / y)
);

impl Real for Plain {
    #[inline(always)]
    fn of(value: f64) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn fused(self, b: Self, c: Self) -> Self {
        let mut out = self;
        for lane in 0..LANES {
            out.0[lane] = self.0[lane].mul_add(b.0[lane], c.0[lane]);
        }
        out
    }
}

impl Vector for Plain {
    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        let mut out = [0.0; LANES];
        out.copy_from_slice(&from[..LANES]);
        Self(out)
    }

    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        to[..LANES].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn least(self, other: Self) -> Self {
        each(self, other, |x, y| if x < y { x } else { y })
    }

    #[inline(always)]
    fn most(self, other: Self) -> Self {
        each(self, other, |x, y| if x > y { x } else { y })
    }

    #[inline(always)]
    fn where_less(self, a: Self, b: Self) -> Self {
        let mut out = self;
        for lane in 0..LANES {
            out.0[lane] = if a.0[lane] < b.0[lane] { self.0[lane] } else { 0.0 };
        }
        out
    }

    #[inline(always)]
    fn where_equal(self, a: Self, b: Self) -> Self {
        let mut out = self;
        for lane in 0..LANES {
            out.0[lane] = if a.0[lane] == b.0[lane] { self.0[lane] } else { 0.0 };
        }
        out
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        let mut out = self;
        for lane in 0..LANES {
            out.0[lane] = f64::from_bits((self.0[lane].to_bits() << 52).wrapping_add(ONE_BITS));
        }
        out
    }

    #[inline(always)]
    fn above_zero(self, first: usize, to: &mut [usize]) -> usize {
        let mut count = 0;
        for lane in 0..LANES {
            // Without a branch: which lanes these are is as good as random.
            to[count] = first + lane;
            count += usize::from(self.0[lane] > 0.0);
        }
        count
    }
}

/// The exponent bits of 1.
const ONE_BITS: u64 = 1f64.to_bits();

/// The registers of x86-64. Their constructors are private to `simd`: whoever holds one has seen the processor's features.
#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    #![expect(unsafe_code, reason = "vector instructions, reached only through the dispatcher that detected them")]
    #![allow(clippy::wildcard_imports, reason = "two score instructions, each named where it is used")]

    use std::arch::x86_64::*;
    use std::ops::{Add, Div, Mul, Neg, Sub};

    use super::{LANES, ONE_BITS, Real, Vector};

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
    }

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
    }
}

#[cfg(test)]
mod tests {
    use super::super::{VectorKernel, dispatch_vector};
    use super::*;

    struct Everything<'a>(&'a [f64], &'a [f64], &'a [f64]);

    impl VectorKernel for Everything<'_> {
        type Output = Vec<u64>;

        #[inline(always)]
        fn run<V: Vector>(self) -> Vec<u64> {
            let (a, b, c) = (V::load(self.0), V::load(self.1), V::load(self.2));
            let mut out = Vec::new();
            let results = [
                a + b,
                a - b,
                a * b,
                a / b,
                -a,
                a.fused(b, c),
                a.least(b),
                a.most(b),
                a.where_less(b, c),
                a.where_equal(b, c),
            ];
            for value in results {
                let mut lane = [0.0; LANES];
                value.store(&mut lane);
                // The payload of a NaN is nobody's promise.
                out.extend(lane.map(|v| if v.is_nan() { u64::MAX } else { v.to_bits() }));
                out.push(if value.sum().is_nan() { u64::MAX } else { value.sum().to_bits() });
                let mut lanes = [0; LANES];
                let above = value.above_zero(5, &mut lanes);
                out.extend(lanes[..above].iter().map(|lane| *lane as u64));
            }
            out
        }
    }

    #[test]
    fn every_unit_gives_the_bits_of_the_plain_form() {
        let a = [1.5, -2.0, 0.1, f64::NAN, f64::INFINITY, -0.0, 1e-310, 3.0];
        let b = [0.3, 7.0, 0.1, 1.0, 2.0, 0.0, 1e300, f64::NAN];
        let c = [0.3, 8.0, -0.1, 1.0, f64::NEG_INFINITY, 5.0, 1e301, 1.0];
        let here = dispatch_vector(Everything(&a, &b, &c));
        assert_eq!(here, Everything(&a, &b, &c).run::<Plain>());
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            assert_eq!(here, super::super::on_avx2(Everything(&a, &b, &c)));
        }
    }
}

//! Eight numbers in the registers of whatever vector unit there is, for loops the compiler does not widen by itself.
//!
//! Sums in lanes are such loops: eight running totals in an array end up in narrow registers. A kernel that is generic over
//! [`Vector`] says what is meant. Every operation is exact IEEE arithmetic in each lane, so all units give the same bits.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{LANES, lanes};

mod plain;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

pub use plain::Plain;

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
    /// Whether some thirty of them fit the registers, so that a whole matrix may be summed in one pass.
    const MANY: bool;
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
    /// A bit for each lane, the first lowest: whether it is not 0, as NaN is not.
    fn nonzero(self) -> u8;
    /// Write the lanes whose bits are set to the head of `to`, which holds at least [`LANES`] and may lose all of them.
    fn pack(self, bits: u8, to: &mut [f64]);
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
    /// [`sum`](Self::sum) of each, which together cost hardly more than two.
    #[inline(always)]
    fn sums(parts: [Self; LANES]) -> [f64; LANES] {
        parts.map(Self::sum)
    }
}

/// [`Vector::sum`] of each.
#[inline(always)]
pub fn sums<V: Vector, const N: usize>(parts: [V; N]) -> [f64; N] {
    let mut sums = [0.0; N];
    for first in (0..N).step_by(LANES) {
        let eight = std::array::from_fn(|k| if first + k < N { parts[first + k] } else { V::zero() });
        for (to, sum) in sums[first..].iter_mut().zip(V::sums(eight)) {
            *to = sum;
        }
    }
    sums
}

/// A function of each lane, which selects instead of branching.
#[inline(always)]
pub fn by_lane<V: Vector>(v: V, f: impl Fn(f64) -> f64) -> V {
    let mut lanes = [0.0; LANES];
    v.store(&mut lanes);
    for lane in &mut lanes {
        *lane = f(*lane);
    }
    V::load(&lanes)
}

/// The exponent bits of 1.
const ONE_BITS: u64 = 1f64.to_bits();

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

use operators;

#[cfg(test)]
mod tests {
    use super::{Plain, Vector, sums};
    use crate::simd::{LANES, VectorKernel, dispatch_vector};

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
                out.push(u64::from(value.nonzero()));
            }
            for part in [sums(results), sums([results[0]; 10])] {
                out.extend(part.map(|sum| if sum.is_nan() { u64::MAX } else { sum.to_bits() }));
            }
            let numbers = V::load(&[0.1, 0.2, 0.3, -0.7, 1e-3, 3.3, 5e7, 1.1]);
            let finite: [V; 8] = std::array::from_fn(|k| numbers * V::of(1.0 + 0.37 * k as f64) + V::of(0.7));
            let each: [f64; 8] = sums(finite);
            assert_eq!(each.map(f64::to_bits), finite.map(|v| v.sum().to_bits()));
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
            assert_eq!(here, crate::simd::on_avx2(Everything(&a, &b, &c)));
        }
    }
}

//! Eight numbers in an array: the form that every processor has, and the one that says what the others must give.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{ONE_BITS, Real, Vector, operators};
use crate::simd::LANES;

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
    const MANY: bool = false;

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

    #[inline(always)]
    fn nonzero(self) -> u8 {
        (0..LANES).fold(0, |bits, lane| bits | u8::from(self.0[lane] != 0.0) << lane)
    }

    #[inline(always)]
    fn pack(self, bits: u8, to: &mut [f64]) {
        let mut count = 0;
        for lane in 0..LANES {
            to[count] = self.0[lane];
            count += usize::from(bits >> lane & 1);
        }
    }
}

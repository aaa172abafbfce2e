//! A stream of random numbers that is a pure function of (seed, purpose, replicate, group).
//!
//! Philox4x64 with ten rounds (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011): the
//! numbers of `numpy.random.Philox(key=[seed, purpose], counter=[0, 0, replicate, group])`, so any draw can be repeated
//! from Python.

use std::f64::consts::TAU;

use crate::simd::math;

/// What a stream is for; streams of different purposes share nothing.
///
/// The only list of them: whoever draws random numbers, in Python too, has a purpose here, or its numbers would be those of
/// somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Which rows a replicate holds.
    Rows = 1,
    /// What a replicate's target becomes: residuals, signs, noise.
    Residuals = 2,
    /// Where fits begin.
    Starts = 3,
    /// Which replicates are solved again, and other checks of the answer.
    Checks = 4,
    /// Data made up from a law.
    Simulation = 5,
    /// Which rows a refit of the audit holds.
    AuditRows = 6,
    /// Which clusters a refit of the audit holds.
    AuditClusters = 7,
    /// The noise of a future observation in a prediction band.
    Bands = 8,
    /// Which rows the findings of a fit look at, and in which order.
    Findings = 9,
}

impl Purpose {
    /// Every purpose, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Rows,
        Self::Residuals,
        Self::Starts,
        Self::Checks,
        Self::Simulation,
        Self::AuditRows,
        Self::AuditClusters,
        Self::Bands,
        Self::Findings,
    ];
}

/// The state of one stream.
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u64; 2],
    counter: [u64; 4],
    block: [u64; 4],
    /// How many of the block's numbers are used up.
    used: usize,
    /// The high half of a number whose low half was given out.
    half: Option<u32>,
    /// The second normal of a pair.
    spare: Option<f64>,
}

/// Integers that are drawn side by side: two blocks of four numbers of 64 bits.
const AT_ONCE: usize = 16;

const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
/// Added to the key after each round: the golden ratio and sqrt(3) - 1.
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];

fn philox(counter: [u64; 4], key: [u64; 2]) -> [u64; 4] {
    let [block] = philox_blocks([counter], key);
    block
}

/// The blocks of several counters side by side, because the products of one wait for each other.
#[inline(always)]
fn philox_blocks<const N: usize>(mut counters: [[u64; 4]; N], mut key: [u64; 2]) -> [[u64; 4]; N] {
    for _ in 0..10 {
        for counter in &mut counters {
            let first = u128::from(MULTIPLIERS[0]) * u128::from(counter[0]);
            let second = u128::from(MULTIPLIERS[1]) * u128::from(counter[2]);
            *counter = [
                (second >> 64) as u64 ^ counter[1] ^ key[0],
                second as u64,
                (first >> 64) as u64 ^ counter[3] ^ key[1],
                first as u64,
            ];
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counters
}

impl Stream {
    /// The stream at its beginning.
    pub fn new(seed: u64, purpose: Purpose, replicate: u64, group: u64) -> Self {
        Self {
            key: [seed, purpose as u64],
            counter: [0, 0, replicate, group],
            block: [0; 4],
            used: 4,
            half: None,
            spare: None,
        }
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        if self.used == 4 {
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.block = philox(self.counter, self.key);
            self.used = 0;
        }
        let value = self.block[self.used];
        self.used += 1;
        value
    }

    /// 32 random bits: the low half of the next 64, then its high half.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if let Some(high) = self.half.take() {
            return high;
        }
        let both = self.next_u64();
        self.half = Some((both >> 32) as u32);
        both as u32
    }

    /// An integer from 0 to n - 1, each exactly as likely (Lemire, Fast random integer generation in an interval, 2019):
    /// `Generator.integers(n)` of numpy. For n = 0 or 1 it is 0 and draws nothing.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        if n <= 1 {
            return 0;
        }
        let mut product = u64::from(self.next_u32()) * u64::from(n);
        if (product as u32) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(n);
            }
        }
        (product >> 32) as u32
    }

    /// `count` of the integers of [`below`](Self::below), one after the other.
    #[inline]
    pub fn each_below(&mut self, n: u32, count: usize, mut each: impl FnMut(u32)) {
        let mut left = count;
        while left > 0 {
            if left >= AT_ONCE
                && n > 1
                && let Some(products) = self.whole_blocks(n)
            {
                for product in products {
                    each((product >> 32) as u32);
                }
                left -= AT_ONCE;
            } else {
                each(self.below(n));
                left -= 1;
            }
        }
    }

    /// The next [`AT_ONCE`] numbers of 32 bits times `n`, if they begin a block and none of them may have to be drawn again.
    #[inline]
    fn whole_blocks(&mut self, n: u32) -> Option<[u64; AT_ONCE]> {
        if self.used < 4 || self.half.is_some() {
            return None;
        }
        let ahead = |k: u64| {
            let [first, rest @ ..] = self.counter;
            let [second, third, fourth] = rest;
            [first.wrapping_add(k), second, third, fourth]
        };
        let blocks = philox_blocks([ahead(1), ahead(2)], self.key);
        let products = std::array::from_fn(|i| {
            let both = blocks[i / 8][i % 8 / 2];
            (both >> (32 * (i as u64 % 2)) & u64::from(u32::MAX)) * u64::from(n)
        });
        if products.iter().any(|product| (*product as u32) < n) {
            return None;
        }
        self.counter = ahead(2);
        Some(products)
    }

    /// As [`below`](Self::below) for any n; from 64 random bits where 32 do not suffice, as numpy.
    pub fn below_u64(&mut self, n: u64) -> u64 {
        if let Ok(small) = u32::try_from(n) {
            return u64::from(self.below(small));
        }
        if n == 1 << 32 {
            return u64::from(self.next_u32());
        }
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// Uniform on [0, 1), a multiple of 2^-53: `Generator.random()` of numpy.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * 2f64.powi(-53)
    }

    /// Exponential with mean 1, by inversion: -ln(1 - u). Not numpy's, which uses tables.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -math::ln_1p(-self.uniform())
    }

    /// Standard normal, by Box and Muller (1958): two uniforms make two normals, the cosine first. Not numpy's.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (2.0 * self.exponential()).sqrt();
        let angle = TAU * self.uniform();
        self.spare = Some(radius * math::sin(angle));
        radius * math::cos(angle)
    }
}

#[cfg(test)]
mod tests;

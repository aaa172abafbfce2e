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
}

impl Purpose {
    /// Every purpose, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Rows,
        Self::Residuals,
        Self::Starts,
        Self::Checks,
        Self::Simulation,
        Self::AuditRows,
        Self::AuditClusters,
        Self::Bands,
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
                products.into_iter().for_each(|product| each((product >> 32) as u32));
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
mod tests {
    use super::{Purpose, Stream, philox};

    // numpy 2.4: [hex(v) for v in Philox(key=[seed, purpose], counter=[0, 0, replicate, group]).random_raw(6)]
    #[test]
    fn raw_numbers_are_those_of_numpy() {
        let table: [(u64, Purpose, u64, u64, [u64; 6]); 4] = [
            (
                0,
                Purpose::Rows,
                0,
                0,
                [
                    0xd037f8c3f9a1d176,
                    0xc057419b4c210765,
                    0xabf13115117b0065,
                    0x7bae035dea6ea5c0,
                    0xb487ac82e7ddd46f,
                    0x45e81edba7c59426,
                ],
            ),
            (
                42,
                Purpose::Residuals,
                7,
                3,
                [
                    0x83b6b9cbbb368fcb,
                    0x86ea2ad4f2c042f4,
                    0x83c31c148531b06b,
                    0xd37a765ec65119df,
                    0x6fcb807f5a9c5da9,
                    0xce1f50a0dedffa0b,
                ],
            ),
            (
                u64::MAX,
                Purpose::Starts,
                u64::MAX,
                u64::MAX,
                [
                    0x2271daafd39832e4,
                    0x4c9abb2eba6a27f3,
                    0x0eba3da5b642dc4e,
                    0x799dbe35d283c513,
                    0x5ec8a50a0b6a9004,
                    0x695cc83f22c83e30,
                ],
            ),
            (
                9223372036854775808,
                Purpose::Simulation,
                1000000000000,
                99999,
                [
                    0x45e670504bd3328f,
                    0x9cfdf10b70e68dc8,
                    0x9fbe0f62dc8d7c66,
                    0x585bca5e28b37e0e,
                    0x5bd34d64eb495c45,
                    0x94ddea8672dec7f6,
                ],
            ),
        ];
        for (seed, purpose, replicate, group, expected) in table {
            let mut stream = Stream::new(seed, purpose, replicate, group);
            assert_eq!(expected.map(|_| stream.next_u64()), expected);
        }
    }

    // numpy 2.4: g = Generator(Philox(key=[42, 1], counter=[0, 0, 7, 3])); [g.integers(n) for n in NS]
    #[test]
    fn bounded_integers_are_those_of_numpy_rejections_included() {
        let mut stream = Stream::new(42, Purpose::Rows, 7, 3);
        let expected: [(u32, u32); 14] = [
            (240, 11),
            (7, 1),
            (3000000000, 790754099),
            (2147483649, 45615367),
            (4294967295, 2010333225),
            (10, 5),
            (1, 0),
            (2, 1),
            (2147483649, 1275462051),
            (2147483649, 2099081524),
            (2147483649, 153309356),
            (2147483649, 1571681695),
            (3000000000, 1011545474),
            (240, 85),
        ];
        for (n, value) in expected {
            assert_eq!(stream.below(n), value, "below {n}");
        }
        let draws: [u32; 24] = std::array::from_fn(|_| stream.below(240));
        // g.integers(240, size=24)
        assert_eq!(
            draws,
            [
                56, 46, 149, 47, 175, 225, 88, 175, 203, 31, 106, 125, 206, 34, 112, 158, 7, 101, 181, 233, 133, 54,
                85, 156
            ]
        );
    }

    #[test]
    fn many_integers_are_those_of_one_after_the_other() {
        // The last two have to be drawn again often.
        for n in [0, 1, 2, 7, 240, 1 << 20, 2_147_483_649, 3_000_000_000] {
            for (count, before) in [(0, 0), (15, 0), (16, 3), (240, 0), (241, 1), (1000, 8)] {
                let mut single = Stream::new(42, Purpose::Rows, 7, 3);
                (0..before).for_each(|_| _ = single.next_u32());
                let mut many = single.clone();
                let mut drawn = Vec::new();
                many.each_below(n, count, |i| drawn.push(i));
                assert_eq!(drawn, (0..count).map(|_| single.below(n)).collect::<Vec<u32>>());
                assert_eq!(many.next_u32(), single.next_u32());
            }
        }
    }

    // numpy 2.4: the same generator; [g.integers(n, dtype=np.uint64) for n in NS], then g.random(3)
    #[test]
    fn wide_integers_and_uniforms_are_those_of_numpy() {
        let mut stream = Stream::new(42, Purpose::Rows, 7, 3);
        let expected: [(u64, u64); 10] = [
            (4294967296, 213658837),
            (4294967297, 91230735),
            (9223372036854775809, 5266450001989050389),
            (5, 1),
            (9223372036854788153, 5478067797456132718),
            (18446744073709551615, 15920459796072899252),
            (9223372036854775809, 9015486498148972127),
            (9223372036854775809, 6738535462849102700),
            (4294967296, 4037675363),
            (1000000000000000, 847330433486380),
        ];
        for (n, value) in expected {
            assert_eq!(stream.below_u64(n), value, "below {n}");
        }
        assert_eq!([(); 3].map(|()| stream.uniform()), [0.4423928666230408, 0.8621125092089531, 0.47007599290098034]);
    }

    #[test]
    fn philox_passes_its_authors_test_of_all_ones() {
        // Random123's kat_vectors: philox4x64 10, counter and key all ones.
        let expected = [0x87b0_92c3_013f_e90b, 0x438c_3c67_be8d_0224, 0x9cc7_d7c6_9cd7_77b6, 0xa09c_aebf_594f_0ba0];
        assert_eq!(philox([u64::MAX; 4], [u64::MAX; 2]), expected);
    }

    #[test]
    fn streams_differ_in_every_coordinate_and_repeat_exactly() {
        let first = |mut s: Stream| [s.next_u64(), s.next_u64()];
        let base = first(Stream::new(1, Purpose::Rows, 2, 3));
        assert_eq!(base, first(Stream::new(1, Purpose::Rows, 2, 3)));
        for other in [
            Stream::new(0, Purpose::Rows, 2, 3),
            Stream::new(1, Purpose::Starts, 2, 3),
            Stream::new(1, Purpose::Rows, 3, 3),
            Stream::new(1, Purpose::Rows, 2, 2),
        ] {
            assert_ne!(base, first(other));
        }
    }

    #[test]
    fn every_purpose_has_a_number_of_its_own() {
        let numbers = Purpose::ALL.map(|purpose| purpose as u64);
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn one_choice_takes_no_bits() {
        let mut stream = Stream::new(5, Purpose::Rows, 0, 0);
        let first = stream.clone().next_u64();
        assert_eq!((stream.below(1), stream.below(0), stream.below_u64(1)), (0, 0, 0));
        assert_eq!(stream.next_u64(), first);
    }

    #[test]
    fn exponentials_and_normals_have_their_moments() {
        // Bands of 6 standard errors of each moment at n = 200,000.
        let n = 200_000;
        let mut stream = Stream::new(3, Purpose::Simulation, 0, 0);
        let moments = |draw: &mut dyn FnMut() -> f64| -> [f64; 4] {
            let mut sums = [0.0; 4];
            for _ in 0..n {
                let x = draw();
                for (power, sum) in (1..).zip(&mut sums) {
                    *sum += x.powi(power) / f64::from(n);
                }
            }
            sums
        };
        let check = |got: [f64; 4], expected: [f64; 4], deviations: [f64; 4]| {
            for i in 0..4 {
                let band = 6.0 * deviations[i] / f64::from(n).sqrt();
                assert!((got[i] - expected[i]).abs() < band, "moment {}: {}", i + 1, got[i]);
            }
        };
        let variance = |m2: f64, m: f64| (m2 - m * m).sqrt();
        let exponential = moments(&mut || stream.exponential());
        let deviations = [1.0, variance(24.0, 2.0), variance(720.0, 6.0), variance(40_320.0, 24.0)];
        check(exponential, [1.0, 2.0, 6.0, 24.0], deviations);
        let normal = moments(&mut || stream.normal());
        check(normal, [0.0, 1.0, 0.0, 3.0], [1.0, 2f64.sqrt(), 15f64.sqrt(), 96f64.sqrt()]);
    }
}

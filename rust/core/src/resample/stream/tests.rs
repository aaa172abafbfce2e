//! Streams of random numbers beside those of numpy.

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
        [56, 46, 149, 47, 175, 225, 88, 175, 203, 31, 106, 125, 206, 34, 112, 158, 7, 101, 181, 233, 133, 54, 85, 156]
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
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
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

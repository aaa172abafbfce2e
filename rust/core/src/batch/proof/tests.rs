use super::anchors::{Buffers, solve};
use super::curve::{Curve, Given, Point};
use super::search::Prove;
use super::stretch::{Anchor, PARTS, closed};
use crate::loss::Loss;
use crate::residual::Residual;
use crate::simd::{LANES, math};

/// Numbers between 0 and 1 by a multiplicative congruence.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// x and y of a curve with noise.
fn rows(numbers: &mut Numbers) -> (Vec<f64>, Vec<f64>) {
    let x: Vec<f64> = (0..16).map(|i| math::exp(0.4 * f64::from(i))).collect();
    let y = x.iter().map(|x| (1.0 + math::exp(-0.3 * math::ln(*x))) * (1.0 + 0.02 * (numbers.next() - 0.5))).collect();
    (x, y)
}

const LOSSES: [Loss; 4] = [Loss::Squared, Loss::Huber { delta: 1e-3 }, Loss::SoftL1 { delta: 1e-2 }, Loss::Absolute];

#[test]
fn no_exponent_of_a_closed_part_lets_the_sum_fall_below_the_room() {
    let mut numbers = Numbers(7);
    let best = Point { constant: 1.0, factor: 1.0, exponent: 0.3 };
    let mut parts = 0;
    for loss in LOSSES {
        for residual in [Residual::Raw, Residual::Log] {
            let (x, y) = rows(&mut numbers);
            let given = Given { x: &x, unit: 1.0, target: &y, weights: None, sigma: None };
            let value: f64 = x
                .iter()
                .zip(&y)
                .map(|(x, y)| {
                    let f = 1.0 + math::exp(-0.3 * math::ln(*x));
                    loss.rho(if residual == Residual::Log { math::ln(f / y) } else { f - y })
                })
                .sum();
            let curve = Curve::of(&given, (loss, residual), best, value).unwrap();
            let exponents: [f64; LANES] = std::array::from_fn(|k| 0.02 * 2.5_f64.powi(k as i32));
            let batch = solve(&curve, exponents, &mut Buffers::new(x.len()));
            for lane in 0..LANES {
                let (low, high) = (0.5 * exponents[lane], 2.0 * exponents[lane]);
                let closed = closed(&curve, (low, high), Anchor { batch: &batch, lane });
                for (part, _) in closed.iter().enumerate().filter(|(_, closed)| **closed) {
                    parts += 1;
                    for k in 0..=20 {
                        let p = low + (high - low) * (part as f64 + f64::from(k) / 20.0) / PARTS as f64;
                        let term = |(i, row): (usize, &super::curve::Row)| {
                            batch.slopes[i * LANES + lane] * math::exp(-p * row.log)
                        };
                        let sum: f64 = curve.rows.iter().enumerate().map(term).sum();
                        let least = sum.min(0.0) * curve.most_factor(p) + batch.room[lane];
                        assert!(least >= -1e-9 * value, "{loss:?} {residual:?} at {p}: {least:e}");
                    }
                }
            }
        }
    }
    assert!(parts > 100, "only {parts} parts were closed");
}

#[test]
fn a_point_that_is_no_optimum_is_not_proven() {
    let mut numbers = Numbers(11);
    for loss in LOSSES {
        for residual in [Residual::Raw, Residual::Log] {
            let (x, y) = rows(&mut numbers);
            let given = Given { x: &x, unit: 1.0, target: &y, weights: None, sigma: None };
            let best = Point { constant: 1.0, factor: 1.0, exponent: 0.3 };
            let prove = Prove { given, law: (loss, residual), best, value: 0.01 };
            assert!(!prove.holds(), "{loss:?} {residual:?}");
        }
    }
}

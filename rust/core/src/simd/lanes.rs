//! Sums in eight lanes combined by one fixed tree: fast, and the same bits on every machine.

use super::LANES;

/// Adds the lanes pairwise: ((0+4)+(2+6)) + ((1+5)+(3+7)).
#[inline(always)]
pub fn reduce(lane: [f64; LANES]) -> f64 {
    ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]))
}

/// Sum of `values`; element `i` goes to lane `i % 8`. Empty: 0.
#[inline(always)]
pub fn sum(values: &[f64]) -> f64 {
    let mut lane = [0.0; LANES];
    let mut blocks = values.chunks_exact(LANES);
    for block in &mut blocks {
        for (total, value) in lane.iter_mut().zip(block) {
            *total += value;
        }
    }
    for (total, value) in lane.iter_mut().zip(blocks.remainder()) {
        *total += value;
    }
    reduce(lane)
}

/// Sum of `a[i] * b[i]` over the shorter length, fused, in the order of [`sum`].
#[inline(always)]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut lane = [0.0; LANES];
    let (mut a_blocks, mut b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (x, y) in (&mut a_blocks).zip(&mut b_blocks) {
        for i in 0..LANES {
            lane[i] = x[i].mul_add(y[i], lane[i]);
        }
    }
    for (i, (x, y)) in a_blocks.remainder().iter().zip(b_blocks.remainder()).enumerate() {
        lane[i] = x.mul_add(*y, lane[i]);
    }
    reduce(lane)
}

/// Smallest and largest value, NaN aside; of none, infinity and its opposite.
pub fn ends(values: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let blocks = values.chunks_exact(LANES);
    let rest = blocks.remainder();
    let mut look = |block: &[f64]| {
        for ((low, high), &v) in low.iter_mut().zip(&mut high).zip(block) {
            *low = if v < *low { v } else { *low };
            *high = if v > *high { v } else { *high };
        }
    };
    blocks.for_each(&mut look);
    look(rest);
    (low.into_iter().fold(f64::INFINITY, f64::min), high.into_iter().fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests {
    use super::{dot, ends, sum};

    #[test]
    fn ends_are_found_wherever_they_lie() {
        for n in 0..40 {
            let x: Vec<f64> = (0..n).map(|i| f64::from((i * 7) % 11) - 5.0).collect();
            let low = x.iter().copied().fold(f64::INFINITY, f64::min);
            let high = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(ends(&x), (low, high));
        }
        assert_eq!(ends(&[f64::NAN, 1.0, f64::NAN]), (1.0, 1.0));
    }

    #[test]
    fn sums_are_exact_on_small_integers_for_every_length() {
        for n in 0..40_u32 {
            let x: Vec<f64> = (0..n).map(f64::from).collect();
            let ones = vec![1.0; n as usize];
            let expected = f64::from(n) * (f64::from(n) - 1.0) / 2.0;
            assert_eq!(sum(&x), expected);
            assert_eq!(dot(&x, &ones), expected);
        }
    }

    #[test]
    fn the_order_is_lane_by_lane_then_the_tree() {
        let x: Vec<f64> = (0..19).map(|i| 0.1 * f64::from(i) + 1e-3).collect();
        let lane = |l: usize| x.iter().skip(l).step_by(8).fold(0.0, |t, v| t + v);
        let expected = ((lane(0) + lane(4)) + (lane(2) + lane(6))) + ((lane(1) + lane(5)) + (lane(3) + lane(7)));
        assert_eq!(sum(&x).to_bits(), expected.to_bits());
    }
}

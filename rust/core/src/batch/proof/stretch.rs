//! Which exponents an anchor closes: a lower bound of a sum of exponentials, not samples of it.
//!
//! The sum of c b(p) with b = e^(-p l) is that over the positive c less that over the others, and both are convex in p. So over a
//! stretch the first is above its tangents at both ends and the second below its chord: the least of the difference of these lies at
//! an end or where the tangents meet.

use super::anchors::{Batch, SUM_ROUNDED};
use super::curve::Curve;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, math};

/// Largest exponent of e.
const FAR: f64 = 690.0;

/// Parts that a stretch is looked at in.
pub(super) const PARTS: usize = LANES;

/// One anchor of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor<'a> {
    pub(super) batch: &'a Batch,
    pub(super) lane: usize,
}

impl Anchor<'_> {
    #[inline(always)]
    fn room(self) -> f64 {
        self.batch.room[self.lane]
    }

    #[inline(always)]
    fn slope(self, row: usize) -> f64 {
        self.batch.slopes[row * LANES + self.lane]
    }
}

/// Which of the equal parts of a stretch the anchor closes.
pub(super) fn closed(curve: &Curve, (low, high): (f64, f64), anchor: Anchor<'_>) -> [bool; PARTS] {
    if anchor.room().is_nan() || anchor.room() < 0.0 {
        return [false; PARTS];
    }
    dispatch_vector(Closed { curve, ends: (low, high), anchor, most: curve.most_factor(low) })
}

struct Closed<'a> {
    curve: &'a Curve,
    ends: (f64, f64),
    anchor: Anchor<'a>,
    /// What the factor cannot exceed there.
    most: f64,
}

impl VectorKernel for Closed<'_> {
    type Output = [bool; PARTS];

    #[inline(always)]
    fn run<V: Vector>(self) -> [bool; PARTS] {
        parts::<V>(self.curve, self.ends, self.anchor, self.most)
    }
}

#[inline(always)]
fn parts<V: Vector>(curve: &Curve, (low, high): (f64, f64), anchor: Anchor<'_>, most: f64) -> [bool; PARTS] {
    let part = (high - low) / PARTS as f64;
    let left: [f64; LANES] = std::array::from_fn(|k| (k as f64).mul_add(part, low));
    let left = V::load(&left);
    let zero = V::zero();
    let [mut up_left, mut up_right, mut fall_left, mut fall_right, mut down_left, mut down_right] = [zero; 6];
    for (i, row) in curve.rows.iter().enumerate() {
        let power = (left * V::of(-row.log)).most(V::of(-FAR));
        let here = math::exp_bounded(power);
        let there = here * V::of(math::exp((-part * row.log).max(-FAR)));
        let c = anchor.slope(i);
        let (up, down) = (V::of(c.max(0.0)), V::of((-c).max(0.0)));
        let (up_here, up_there) = (up * here, up * there);
        up_left = up_left + up_here;
        up_right = up_right + up_there;
        fall_left = V::of(-row.log).fused(up_here, fall_left);
        fall_right = V::of(-row.log).fused(up_there, fall_right);
        down_left = down.fused(here, down_left);
        down_right = down.fused(there, down_right);
    }
    let width = V::of(part);
    // Where the two tangents meet, as a distance from the left end.
    let meet = (up_right - fall_right * width - up_left) / (fall_left - fall_right);
    let meet = meet.most(zero).least(width);
    let between = fall_left.fused(meet, up_left) - ((down_right - down_left) / width).fused(meet, down_left);
    // Where both tangents are the same, the division has no answer and the ends decide.
    let least = between.least((up_left - down_left).least(up_right - down_right));
    let allowance = V::of(SUM_ROUNDED) * (up_left + down_left);
    let mut over = [0.0; LANES];
    // A sum that is positive only helps.
    let most = V::of(most);
    ((least - allowance) * most + V::of(anchor.room())).store(&mut over);
    over.map(|v| v >= 0.0)
}

/// Whether the anchor closes all exponents from `low` on.
pub(super) fn closes_tail(curve: &Curve, low: f64, anchor: Anchor<'_>) -> bool {
    if anchor.room().is_nan() || anchor.room() < 0.0 {
        return false;
    }
    let (mut least, mut size) = (0.0, 0.0);
    for (i, row) in curve.rows.iter().enumerate() {
        let c = anchor.slope(i);
        // What is positive shrinks to nothing, what is negative is largest where the stretch begins.
        if row.log == 0.0 || c < 0.0 {
            let term = c * math::exp((-low * row.log).max(-FAR));
            least += term;
            size += term.abs();
        }
    }
    (least - SUM_ROUNDED * size) * curve.most_factor(low) + anchor.room() >= 0.0
}

//! From end to end of the exponents: every stretch is closed by an anchor, the one about the best by what is local.

use super::anchors::{Batch, Buffers, solve};
use super::curve::{Curve, Given, Point};
use super::local::Local;
use super::stretch::{Anchor, PARTS, closed, closes_tail};
use crate::loss::Loss;
use crate::residual::Residual;
use crate::simd::{LANES, math};

/// Logarithms of the first anchors' distances from the best exponent, on either side.
const DISTANCES: [f64; 7] = [0.1, 0.25, 0.5, 0.9, 1.5, 2.4, 3.8];

/// Shares of what is left between a closed stretch and the best exponent, where anchors are put next.
const SHARES: [f64; LANES / 2] = [0.0, 0.35, 0.6, 0.75];

/// Batches of eight anchors in all.
const MOST_BATCHES: usize = 8;

/// Relative distance from the best exponent at which it is first seen whether a proof is to be had.
const BESIDE: f64 = 1e-3;

/// Times that what is left about the best is narrowed.
const MOST_NARROWED: usize = 3;

/// Largest exponent of e.
const FAR: f64 = 690.0;

/// Whether no better fit of a curve exists than the best one known, whose objective is given.
pub(super) struct Prove<'a> {
    pub(super) given: Given<'a>,
    pub(super) law: (Loss, Residual),
    pub(super) best: Point,
    pub(super) value: f64,
}

impl Prove<'_> {
    /// Whether everything closes.
    pub(super) fn holds(&self) -> bool {
        let Some(curve) = Curve::of(&self.given, self.law, self.best, self.value) else { return false };
        let buffers = Buffers::new(curve.rows.len());
        Search { curve: &curve, buffers, batches: Vec::new() }.is_proven()
    }
}

/// A stretch that is not closed, and the anchors beside it.
#[derive(Debug, Clone, Copy)]
struct Open {
    low: f64,
    high: f64,
    beside: [(usize, usize); 2],
}

struct Search<'a> {
    curve: &'a Curve,
    buffers: Buffers,
    batches: Vec<Batch>,
}

impl Search<'_> {
    fn is_proven(&mut self) -> bool {
        let best = self.curve.best.exponent;
        let Some(local) = Local::of(self.curve) else { return false };
        // What does not hold beside the best exponent will hold nowhere.
        if !local.is_best(((1.0 - BESIDE) * best, (1.0 + BESIDE) * best)) {
            return false;
        }
        let exponents: [f64; 2 * LANES] = std::array::from_fn(|k| match k {
            0..7 => best * math::exp(-DISTANCES[6 - k]),
            7..14 => best * math::exp(DISTANCES[k - 7]),
            14 => best * math::exp(5.2),
            _ => FAR / self.curve.first,
        });
        self.put(&exponents[..LANES]);
        self.put(&exponents[LANES..]);
        let place = |k: usize| (k / LANES, k % LANES);
        let mut open: Vec<Open> = Vec::new();
        open.push(Open { low: 0.0, high: exponents[0], beside: [place(0), place(0)] });
        for k in (0..14).filter(|&k| k != 6) {
            open.push(Open { low: exponents[k], high: exponents[k + 1], beside: [place(k), place(k + 1)] });
        }
        if !(self.closes_tail(exponents[14], place(14)) || self.closes_tail(exponents[14], place(15))) {
            let far = exponents[15].max(2.0 * exponents[14]);
            let mut low = exponents[14];
            while low < far {
                let high = (2.0 * low).min(far);
                open.push(Open { low, high, beside: [place(14), place(15)] });
                low = high;
            }
            if !self.closes_tail(far, place(15)) {
                return false;
            }
        }
        self.close_all(open) && self.close_best(&local, (exponents[6], exponents[7]), (place(6), place(7)))
    }

    /// Put eight anchors.
    fn put(&mut self, exponents: &[f64]) {
        let mut eight = [exponents[0]; LANES];
        eight[..exponents.len()].copy_from_slice(exponents);
        let batch = solve(self.curve, eight, &mut self.buffers);
        self.batches.push(batch);
    }

    fn anchor(&self, (batch, lane): (usize, usize)) -> Anchor<'_> {
        Anchor { batch: &self.batches[batch], lane }
    }

    fn closed(&self, low: f64, high: f64, anchor: (usize, usize)) -> [bool; PARTS] {
        closed(self.curve, (low, high), self.anchor(anchor))
    }

    fn closes_tail(&self, low: f64, anchor: (usize, usize)) -> bool {
        closes_tail(self.curve, low, self.anchor(anchor))
    }

    /// Close these stretches, anchors put into what stays open.
    fn close_all(&mut self, mut open: Vec<Open>) -> bool {
        loop {
            let mut left = Vec::new();
            for stretch in open.drain(..) {
                let mut parts = self.closed(stretch.low, stretch.high, stretch.beside[0]);
                if parts.iter().all(|p| *p) {
                    continue;
                }
                if stretch.beside[1] != stretch.beside[0] {
                    let more = self.closed(stretch.low, stretch.high, stretch.beside[1]);
                    for (part, more) in parts.iter_mut().zip(more) {
                        *part |= more;
                    }
                }
                let (Some(first), Some(last)) = (parts.iter().position(|p| !p), parts.iter().rposition(|p| !p)) else {
                    continue;
                };
                let part = (stretch.high - stretch.low) / PARTS as f64;
                let low = (first as f64).mul_add(part, stretch.low);
                let high =
                    if last + 1 == PARTS { stretch.high } else { (last as f64 + 1.0).mul_add(part, stretch.low) };
                left.push(Open { low, high, ..stretch });
            }
            if left.is_empty() {
                return true;
            }
            if self.batches.len() + left.len().div_ceil(LANES) > MOST_BATCHES {
                return false;
            }
            for eight in left.chunks(LANES) {
                let middles: Vec<f64> = eight.iter().map(|s| 0.5 * (s.low + s.high)).collect();
                self.put(&middles);
                let batch = self.batches.len() - 1;
                for (lane, stretch) in eight.iter().enumerate() {
                    let middle = (batch, lane);
                    open.push(Open { high: middles[lane], beside: [middle, stretch.beside[0]], ..*stretch });
                    open.push(Open { low: middles[lane], beside: [middle, stretch.beside[1]], ..*stretch });
                }
            }
        }
    }

    /// Close the stretch that holds the best exponent.
    fn close_best(
        &mut self,
        local: &Local<'_>,
        (mut low, mut high): (f64, f64),
        (left, right): ((usize, usize), (usize, usize)),
    ) -> bool {
        let best = self.curve.best.exponent;
        self.narrow(&mut low, &mut high, &[left], &[right]);
        if local.is_best((low, high)) {
            return true;
        }
        for _ in 0..MOST_NARROWED {
            let before = high - low;
            let mut exponents = [0.0; LANES];
            for (k, share) in SHARES.iter().enumerate() {
                exponents[k] = share.mul_add(best - low, low);
                exponents[k + LANES / 2] = share.mul_add(best - high, high);
            }
            self.put(&exponents);
            let batch = self.batches.len() - 1;
            let places: [(usize, usize); LANES] = std::array::from_fn(|lane| (batch, lane));
            let (left, right) = places.split_at(LANES / 2);
            self.narrow(&mut low, &mut high, left, right);
            if local.is_best((low, high)) {
                return true;
            }
            if high - low > 0.95 * before {
                return false;
            }
        }
        false
    }

    /// Move the ends of what is open about the best exponent as far as these anchors close.
    fn narrow(&self, low: &mut f64, high: &mut f64, left: &[(usize, usize)], right: &[(usize, usize)]) {
        let best = self.curve.best.exponent;
        for anchor in left {
            let parts = self.closed(*low, best, *anchor);
            let closed = parts.iter().take_while(|p| **p).count();
            *low = (closed as f64).mul_add((best - *low) / PARTS as f64, *low);
        }
        for anchor in right {
            let parts = self.closed(best, *high, *anchor);
            let closed = parts.iter().rev().take_while(|p| **p).count();
            *high = (closed as f64).mul_add(-(*high - best) / PARTS as f64, *high);
        }
    }
}

//! The rows of one curve as searches of known forms see them: by ascending x, as logarithms from the middle of their range.

use crate::problem::GroupRows;
use crate::residual::Residual;
use crate::simd::{Kernel, dispatch, math};

/// Rows of one curve.
const MOST_ROWS: usize = 512;

/// Largest |ln x| in the middle at which all limits of a law are numbers.
const FAR: f64 = 40.0;

/// How many times the smallest weight the largest may be: beyond that a few rows decide alone.
const UNEQUAL: f64 = 10.0;

/// Share of the width by which two places lie apart.
const APART: f64 = 0.01;

/// Share of the width that the widest gap may be: between two clusters of rows a law may do what it likes.
const WIDEST: f64 = 0.4;

/// Magnitudes of targets whose squares are ordinary numbers.
const USUAL: (f64, f64) = (1e-100, 1e100);

/// One curve.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve {
    /// ln x - `middle`, ascending.
    pub(super) u: Vec<f64>,
    /// Targets in `unit`, and as the residual takes them: their logarithms, or as they are.
    pub(super) y: Vec<f64>,
    pub(super) observed: Vec<f64>,
    pub(super) weight: Vec<f64>,
    /// Weight of the square of a small relative change of the law.
    pub(super) relative: Vec<f64>,
    pub(super) is_log: bool,
    pub(super) middle: f64,
    /// What targets are divided by: a power of two.
    pub(super) unit: f64,
    /// Smallest and largest target.
    pub(super) low: f64,
    pub(super) top: f64,
}

impl Curve {
    /// The curve of a group; None where its numbers or gaps are not ordinary ones.
    pub(super) fn of(rows: &GroupRows<'_>, residual: Residual) -> Option<Self> {
        let curve = Self::whatever(rows, residual)?;
        let weights = curve.weight.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), w| (l.min(*w), m.max(*w)));
        let widest = curve.u.windows(2).fold(0.0_f64, |widest, pair| widest.max(pair[1] - pair[0]));
        (weights.1 <= UNEQUAL * weights.0 && widest <= WIDEST * curve.width()).then_some(curve)
    }

    /// The same, wherever its rows lie and whatever they weigh.
    pub(super) fn whatever(rows: &GroupRows<'_>, residual: Residual) -> Option<Self> {
        let [x] = rows.inputs.as_slice() else { return None };
        let (y, n) = (rows.target, x.len());
        let is_usual = |v: &f64| *v >= USUAL.0 && *v <= USUAL.1;
        if n > MOST_ROWS || !x.iter().all(is_usual) || !y.iter().all(is_usual) {
            return None;
        }
        let curve = dispatch(Sort { x, y, weights: rows.weights, is_log: residual == Residual::Log });
        (curve.width() > 0.0 && curve.middle.abs() <= FAR).then_some(curve)
    }

    /// The rows from row `from` on.
    pub(super) fn from(&self, from: usize) -> Self {
        let rest = |values: &[f64]| values[from..].to_vec();
        Self {
            u: rest(&self.u),
            y: rest(&self.y),
            observed: rest(&self.observed),
            weight: rest(&self.weight),
            relative: rest(&self.relative),
            ..*self
        }
    }

    /// Number of places: x that lie closer together than a hundredth of the width are one, because they tell shapes apart no better.
    pub(super) fn places(&self) -> usize {
        let (mut count, mut last) = (1, self.ends().0);
        for u in &self.u {
            if u - last > APART * self.width() {
                (count, last) = (count + 1, *u);
            }
        }
        count
    }

    /// Half the sum of squares that the best constant leaves.
    pub(super) fn spread(&self) -> f64 {
        let (mut total, mut sum) = (0.0, 0.0);
        for (w, y) in self.weight.iter().zip(&self.observed) {
            total += w;
            sum += w * y;
        }
        let mean = sum / total;
        0.5 * self.weight.iter().zip(&self.observed).map(|(w, y)| w * (y - mean) * (y - mean)).sum::<f64>()
    }

    /// An objective in the caller's units.
    pub(super) fn natural(&self, value: f64) -> f64 {
        if self.is_log { value } else { value * self.unit * self.unit }
    }

    pub(super) fn rows(&self) -> usize {
        self.u.len()
    }

    /// The smallest and the largest u.
    pub(super) fn ends(&self) -> (f64, f64) {
        match (self.u.first(), self.u.last()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => (0.0, 0.0),
        }
    }

    pub(super) fn width(&self) -> f64 {
        let (first, last) = self.ends();
        last - first
    }

    /// Floor `index` of `count` under the smallest target: none, then ever closer to it.
    #[inline(always)]
    pub(super) fn floor(&self, index: usize, count: usize) -> f64 {
        /// Halvings of the distance to the smallest target, and the part of the first.
        const HALVINGS: f64 = 7.5;
        const FIRST: f64 = 0.25;
        if index == 0 {
            return 0.0;
        }
        let halvings = HALVINGS.mul_add(index as f64 / count as f64, FIRST);
        self.low * (1.0 - math::exp(-halvings * std::f64::consts::LN_2))
    }
}

struct Sort<'a> {
    x: &'a [f64],
    y: &'a [f64],
    weights: Option<&'a [f64]>,
    is_log: bool,
}

impl Kernel for Sort<'_> {
    type Output = Curve;

    #[inline(always)]
    fn run(self) -> Curve {
        let Self { x, y, weights, is_log } = self;
        // Rows without weight say nothing, not even where gaps are.
        let counts = |i: &usize| weights.is_none_or(|w| w[*i] > 0.0);
        let mut order: Vec<usize> = (0..x.len()).filter(counts).collect();
        order.sort_by(|a, b| x[*a].total_cmp(&x[*b]));
        let mut u: Vec<f64> = order.iter().map(|i| x[*i]).collect();
        for v in &mut u {
            *v = math::ln(*v);
        }
        let middle = match (u.first(), u.last()) {
            (Some(first), Some(last)) => 0.5 * (first + last),
            _ => 0.0,
        };
        for v in &mut u {
            *v -= middle;
        }
        let (low, top) = y.iter().fold((f64::INFINITY, 0.0_f64), |(low, top), y| (low.min(*y), top.max(*y)));
        let unit =
            math::power_of_two(((low.to_bits() >> 52) as i64 - 1023).midpoint((top.to_bits() >> 52) as i64 - 1023));
        let y: Vec<f64> = order.iter().map(|i| y[*i] / unit).collect();
        let mut observed = y.clone();
        if is_log {
            for v in &mut observed {
                *v = math::ln(*v);
            }
        }
        let weight: Vec<f64> = order.iter().map(|i| weights.map_or(1.0, |w| w[*i])).collect();
        let relative = weight.iter().zip(&y).map(|(w, y)| if is_log { *w } else { w * y * y }).collect();
        Curve { u, y, observed, weight, relative, is_log, middle, unit, low: low / unit, top: top / unit }
    }
}

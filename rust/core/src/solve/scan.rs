//! The scan: points spread evenly over the nonlinear coordinates, the linear ones solved for.

use super::scratch::Scratch;
use super::separable::Separable;
use crate::simd::math;

/// Where to look for one nonlinear coordinate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Uniformly between two ends, with `tail` of the points spread to `reach` times as far on either side.
    Span {
        /// Lower end.
        lower: f64,
        /// Upper end.
        upper: f64,
        /// How far the outermost points lie beyond the ends, in widths; 0 keeps to the ends.
        reach: f64,
    },
    /// Uniformly in the logarithm of the magnitude.
    Magnitude {
        /// Smallest magnitude.
        smallest: f64,
        /// Largest magnitude.
        largest: f64,
        /// Both signs, or only the positive one.
        signed: bool,
    },
}

impl Range {
    /// From end to end, without what reaches beyond.
    pub fn width(self) -> f64 {
        match self {
            Self::Span { lower, upper, .. } => upper - lower,
            Self::Magnitude { largest, signed, .. } => largest * if signed { 2.0 } else { 1.0 },
        }
    }

    /// The share of the range between two points: of its logarithm, where it is one of magnitudes.
    pub fn share(self, from: f64, to: f64) -> f64 {
        match self {
            Self::Span { lower, upper, .. } if upper > lower => (to - from) / (upper - lower),
            Self::Span { .. } => 1.0,
            Self::Magnitude { smallest, largest, .. } => {
                let place =
                    |v: f64| math::ln(v.abs().clamp(smallest, largest) / smallest) / math::ln(largest / smallest);
                // Points on both sides of zero are as far apart as the two ways to it.
                if from < 0.0 && to > 0.0 { place(from) + place(to) } else { (place(to) - place(from)).abs() }
            }
        }
    }

    /// The upper half of magnitudes, up to `factor` times as large; of ends that are logarithms, both that much farther out.
    pub(super) fn sharpened(self, factor: f64) -> Self {
        match self {
            Self::Span { lower, upper, reach } => {
                let more = math::ln(factor.max(1.0));
                Self::Span { lower: lower - more, upper: upper + more, reach }
            }
            Self::Magnitude { smallest, largest, signed } => {
                Self::Magnitude { smallest: (smallest * largest).sqrt(), largest: largest * factor.max(1.0), signed }
            }
        }
    }

    /// Its upper end or its lower one.
    pub(super) fn end(self, upper_one: bool) -> f64 {
        match self {
            Self::Span { upper, .. } if upper_one => upper,
            Self::Span { lower, .. } => lower,
            Self::Magnitude { largest, .. } if upper_one => largest,
            Self::Magnitude { largest, signed: true, .. } => -largest,
            Self::Magnitude { smallest, .. } => smallest,
        }
    }

    /// The point of the range that belongs to `u` in (0, 1).
    pub fn at(self, u: f64) -> f64 {
        match self {
            Self::Span { lower, upper, reach } => {
                // The middle eight tenths of the points lie inside the ends, the rest beyond them.
                let t = (u - 0.5) / 0.4;
                let beyond = (t.abs() - 1.0).max(0.0) * 4.0 * reach * 2.0;
                let half = 0.5 * (upper - lower);
                0.5 * (lower + upper) + half * (t.clamp(-1.0, 1.0) + t.signum() * beyond)
            }
            Self::Magnitude { smallest, largest, signed } => {
                let (v, sign) = if signed { ((2.0 * u).fract(), if u < 0.5 { 1.0 } else { -1.0 }) } else { (u, 1.0) };
                sign * smallest * math::exp(v * math::ln(largest / smallest))
            }
        }
    }
}

/// How the linear coordinates of a scanned point are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Projection {
    /// By weighted least squares on the scale of the residuals; where basins are many, by some of the rows for most points.
    Usual,
    /// On the natural scale, where that leads outside the domain of the law.
    Plain,
}

/// The points of the scan that have these numbers, linear coordinates solved for, best first.
pub fn scan<O: Separable>(
    objective: &mut O,
    ranges: &[Range],
    numbers: std::ops::Range<usize>,
    s: &Scratch,
) -> Vec<Vec<f64>> {
    let candidates = scan_with(objective, ranges, numbers.clone(), Projection::Usual, s);
    if candidates.is_empty() { scan_with(objective, ranges, numbers, Projection::Plain, s) } else { candidates }
}

fn scan_with<O: Separable>(
    objective: &mut O,
    ranges: &[Range],
    numbers: std::ops::Range<usize>,
    projection: Projection,
    s: &Scratch,
) -> Vec<Vec<f64>> {
    let p = objective.dimension();
    let mut candidates: Vec<(f64, Vec<f64>)> = Vec::new();
    let nonlinear = objective.nonlinear().to_vec();
    let fractions = kronecker(nonlinear.len());
    let parts = objective.has_many_basins();
    for index in numbers {
        if s.is_stopped() {
            break;
        }
        let mut point = vec![0.0; p];
        for j in 0..p {
            point[j] = 1.0_f64.clamp(objective.lower()[j], objective.upper()[j]);
        }
        for (d, &j) in nonlinear.iter().enumerate() {
            let u = (0.5 + (index as f64 + 1.0) * fractions[d]).fract();
            point[j] = ranges[d].at(u).clamp(objective.lower()[j], objective.upper()[j]);
        }
        let sound = match projection {
            Projection::Plain => objective.project_plainly(&mut point),
            Projection::Usual if parts && !index.is_multiple_of(4) => objective.project_part(&mut point, index),
            Projection::Usual => objective.project(&mut point),
        };
        if sound {
            let value = objective.value(&point);
            if value.is_finite() {
                candidates.push((value, point));
            }
        }
    }
    candidates.sort_by(|a, b| a.0.total_cmp(&b.0));
    candidates.into_iter().map(|c| c.1).collect()
}

/// Steps of a Kronecker sequence in `d` dimensions: powers of the root of x^(d+1) = x + 1 (Roberts 2018), which spreads any
/// number of points evenly and needs no table.
pub(super) fn kronecker(d: usize) -> Vec<f64> {
    let mut root = 1.5_f64;
    for _ in 0..64 {
        root = math::powf(1.0 + root, 1.0 / (d as f64 + 1.0));
    }
    (1..=d).map(|k| root.powi(-(k as i32)).fract()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_their_ends_and_beyond() {
        let span = Range::Span { lower: -1.0, upper: 3.0, reach: 1.0 };
        assert!((span.at(0.5) - 1.0).abs() < 1e-15);
        assert!((span.at(0.9) - 3.0).abs() < 1e-12);
        assert!(span.at(0.999) > 6.0);
        let both = Range::Magnitude { smallest: 0.01, largest: 100.0, signed: true };
        assert!(both.at(0.25) > 0.0 && both.at(0.75) < 0.0);
    }

    #[test]
    fn kronecker_points_are_spread_evenly() {
        let steps = kronecker(2);
        let mut counts = [0_usize; 16];
        for index in 0..1600 {
            let cell = |k: usize| ((0.5 + f64::from(index) * steps[k]).fract() * 4.0) as usize;
            counts[cell(0) * 4 + cell(1)] += 1;
        }
        assert!(counts.iter().all(|&c| (90..=110).contains(&c)));
    }
}

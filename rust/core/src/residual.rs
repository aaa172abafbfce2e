//! The scale on which residuals are taken, and every formula that depends on it.
//!
//! A residual is fitted minus observed. [`Residual::on_scale`] takes targets to the scale once, [`Residual::rows`] compares
//! law values with them block by block, [`Residual::linearised`] goes back to natural values for the linear parameters, and
//! [`Residual::natural`] is the definition itself, from natural values alone.

use crate::simd::{Kernel, LANES, dispatch, math};

/// The scale on which residuals are taken, always fitted minus observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residual {
    /// f - y.
    Raw,
    /// ln f - ln y.
    Log,
    /// logit f - logit y.
    Logit,
    /// ln(f - E) - ln(y - E).
    LogExcess {
        /// Which parameter of the law E, the floor, is.
        param: usize,
        /// Whether the residual is multiplied by the geometric mean of y - E, which makes a likelihood of it one of y
        /// (Box and Cox 1964): the sum of ln(y - E) enters the negative log-likelihood.
        jacobian: bool,
    },
}

/// What a log-excess residual is made with at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excess {
    /// E.
    pub floor: f64,
    /// Geometric mean of y - E over the rows selected, or 1.
    pub factor: f64,
    /// Derivative of ln(factor) by E.
    pub growth: f64,
    /// Coordinate of E, unless it is fixed.
    pub coordinate: Option<usize>,
}

impl Excess {
    /// Of the other residuals.
    pub const NONE: Self = Self { floor: 0.0, factor: 1.0, growth: 0.0, coordinate: None };
}

/// Where the targets of a problem lie on the scale of the residual, and which of them a linearisation trusts.
#[derive(Debug, Clone, Copy)]
pub struct Trust {
    /// Median of the targets.
    pub centre: f64,
    /// Distance from it within which a residual on a scale of its own is linearised at its target.
    pub usual: f64,
    /// Whether rows count alike on the natural scale, whatever scale residuals are taken on.
    pub plain: bool,
}

impl Residual {
    /// The parameter that is subtracted before logarithms are taken.
    pub fn floor(self) -> Option<usize> {
        match self {
            Self::LogExcess { param, .. } => Some(param),
            Self::Raw | Self::Log | Self::Logit => None,
        }
    }

    /// Whether the target may be measured in a unit of the solver's own.
    pub fn takes_a_unit(self) -> bool {
        matches!(self, Self::Raw | Self::Log)
    }

    /// Whether a law that is linear in a parameter gives residuals that are nearly so once weighted, and not exactly.
    pub fn is_curved(self) -> bool {
        matches!(self, Self::Log | Self::Logit)
    }

    /// The targets on the scale of the residual, measured in `unit`, a power of two.
    pub fn on_scale(self, target: &[f64], unit: f64) -> Vec<f64> {
        let mut scaled = match self {
            Self::Raw | Self::Log if unit != 1.0 => target.iter().map(|y| y / unit).collect(),
            Self::Logit => target.iter().map(|y| y / (1.0 - y)).collect(),
            Self::Raw | Self::Log | Self::LogExcess { .. } => target.to_vec(),
        };
        if self.is_curved() {
            dispatch(Logarithms(&mut scaled));
        }
        scaled
    }

    /// Residuals of law values against targets on the scale, and their slopes by the law; one match for a whole block.
    #[inline(always)]
    pub fn rows(self, excess: Excess, value: &[f64], target: &[f64], residual: &mut [f64], slope: &mut [f64]) {
        match self {
            Self::Raw => by_lanes(value, target, residual, slope, |f, y| (f - y, 1.0)),
            Self::Log => by_lanes(value, target, residual, slope, |f, y| (math::ln(f) - y, 1.0 / f)),
            Self::Logit => by_lanes(value, target, residual, slope, |f, y| {
                let rest = 1.0 - f;
                (math::ln(f) - math::ln(rest) - y, 1.0 / (f * rest))
            }),
            Self::LogExcess { .. } => {
                let Excess { floor, factor, .. } = excess;
                by_lanes(value, target, residual, slope, |f, y| {
                    let left = f - floor;
                    (factor * (math::ln(left) - math::ln(y - floor)), factor / left)
                });
            }
        }
    }

    /// The natural value that a law linear in its parameters should take for a target `y` on the scale, and what its distance
    /// from it is multiplied by there: the slope of the scale at the target.
    ///
    /// A slope taken at a target far out would let it outweigh all others, or count for nothing: it is taken at the centre
    /// there, and trusted the less the farther out the target is.
    #[inline(always)]
    pub fn linearised(self, excess: Excess, trust: Trust, y: f64) -> (f64, f64) {
        let Trust { centre, usual, plain } = trust;
        let distance = (y - centre).abs();
        let (at, trusted) = if distance > usual { (centre, usual / distance) } else { (y, 1.0) };
        match self {
            Self::Raw => (y, 1.0),
            Self::Log | Self::Logit if plain => {
                let near = y.clamp(centre - usual, centre + usual);
                (if self == Self::Log { math::exp(near) } else { math::sigmoid(near) }, trusted)
            }
            // A target far above counts for nothing anyhow.
            Self::Log if y > at => (math::exp(y), math::exp(-y)),
            Self::Log => (math::exp(y), trusted * math::exp(-at)),
            Self::Logit => {
                let slope = math::sigmoid(at);
                (math::sigmoid(y), trusted / (slope * (1.0 - slope)))
            }
            Self::LogExcess { .. } => (y, excess.factor / (y - excess.floor)),
        }
    }

    /// The size of the rounding error of a residual against a target `y` on the scale, in machine epsilons.
    pub fn rounding(self, y: f64) -> f64 {
        match self {
            Self::Raw => y,
            // The logarithm carries the relative error of its argument: one unit per row.
            Self::Log | Self::Logit => y.abs().max(1.0),
            Self::LogExcess { .. } => 1.0,
        }
    }

    /// The residual of a law value against an observed one and its slope by the law, all natural, at these parameters.
    #[inline(always)]
    pub fn natural(self, f: f64, y: f64, params: &[f64]) -> (f64, f64) {
        match self {
            Self::Raw => (f - y, 1.0),
            Self::Log => (math::ln(f) - math::ln(y), 1.0 / f),
            Self::Logit => (math::ln(f / (1.0 - f)) - math::ln(y / (1.0 - y)), 1.0 / (f * (1.0 - f))),
            Self::LogExcess { param, .. } => {
                let left = f - params[param];
                (math::ln(left) - math::ln(y - params[param]), 1.0 / left)
            }
        }
    }
}

struct Logarithms<'a>(&'a mut [f64]);

impl Kernel for Logarithms<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for v in self.0 {
            *v = math::ln(*v);
        }
    }
}

/// Apply `f` to (value, target) a vector at a time; blocks are whole numbers of lanes long.
#[inline(always)]
fn by_lanes(value: &[f64], target: &[f64], first: &mut [f64], second: &mut [f64], f: impl Fn(f64, f64) -> (f64, f64)) {
    let lanes = value.chunks_exact(LANES).zip(target.chunks_exact(LANES));
    let out = first.chunks_exact_mut(LANES).zip(second.chunks_exact_mut(LANES));
    for ((value, target), (first, second)) in lanes.zip(out) {
        let (mut a, mut b) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            (a[lane], b[lane]) = f(value[lane], target[lane]);
        }
        first.copy_from_slice(&a);
        second.copy_from_slice(&b);
    }
}

#[cfg(test)]
mod tests {
    use super::{Excess, Residual, Trust};

    const ALL: [Residual; 4] =
        [Residual::Raw, Residual::Log, Residual::Logit, Residual::LogExcess { param: 0, jacobian: false }];

    #[test]
    fn a_block_of_rows_agrees_with_the_definition() {
        let excess = Excess { floor: 0.05, ..Excess::NONE };
        let (value, target) = ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9], [0.15, 0.2, 0.1, 0.45, 0.8, 0.55, 0.7, 0.95]);
        for residual in ALL {
            let scaled = residual.on_scale(&target, 1.0);
            let (mut rows, mut slopes) = ([0.0; 8], [0.0; 8]);
            residual.rows(excess, &value, &scaled, &mut rows, &mut slopes);
            for i in 0..8 {
                let (expected, slope) = residual.natural(value[i], target[i], &[0.05]);
                assert!((rows[i] - expected).abs() < 1e-14, "{residual:?} {i}");
                assert!((slopes[i] / slope - 1.0).abs() < 1e-14, "{residual:?} {i}");
            }
        }
    }

    #[test]
    fn a_linearised_target_comes_back_to_its_natural_value_with_the_slope_there() {
        let excess = Excess { floor: 0.05, ..Excess::NONE };
        let trust = Trust { centre: 0.0, usual: 100.0, plain: false };
        for residual in ALL {
            for y in [0.1, 0.3, 0.8] {
                let scaled = residual.on_scale(&[y], 1.0)[0];
                let (natural, factor) = residual.linearised(excess, trust, scaled);
                let (zero, slope) = residual.natural(natural, y, &[0.05]);
                assert!(zero.abs() < 1e-14 && (factor / slope - 1.0).abs() < 1e-14, "{residual:?} {y}");
            }
        }
    }
}

//! Losses: how much a residual costs, how hard it pulls, how the pull changes.
//!
//! A residual is fitted minus observed. Every loss equals `r^2/2` near zero (except the two with a kink), and has the
//! value of scipy's `least_squares(loss=..., f_scale=delta)` cost where both have it.

mod density;
mod shapes;
mod soften;

use crate::Error;
use crate::simd::{LANES, Vector};
use shapes::Shape;

pub use density::{Criterion, Density};
pub use shapes::LARGEST_WEIGHT;

/// A loss and its constants, in units of the residual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// `r^2/2`.
    Squared,
    /// `r^2/2` up to `delta`, `delta (|r| - delta/2)` beyond (Huber 1964).
    Huber {
        /// Where the quadratic ends.
        delta: f64,
    },
    /// `|r|`.
    Absolute,
    /// `delta^2 (sqrt(1 + (r/delta)^2) - 1)`.
    SoftL1 {
        /// Where the quadratic gives way.
        delta: f64,
    },
    /// `delta^2/2 ln(1 + (r/delta)^2)`; redescending.
    Cauchy {
        /// Where the pull is largest.
        delta: f64,
    },
    /// `c^2/6 (1 - (1 - (r/c)^2)^3)` up to `c`, `c^2/6` beyond (Tukey's biweight); redescending.
    Tukey {
        /// Where a row stops to count.
        c: f64,
    },
    /// `scale^2 ln cosh(r/scale)`.
    LogCosh {
        /// Where the quadratic gives way.
        scale: f64,
    },
    /// `(1 - tau) r` above zero, `-tau r` below: its minimum makes the fitted value the `tau`-quantile of the observed.
    Pinball {
        /// The quantile's level.
        tau: f64,
    },
    /// `r^2/(2 width)` where its slope lies between `-below` and `above`, straight beyond: the kink of `Absolute` and
    /// `Pinball` rounded off (their Moreau envelope). A step of the solver, not a loss a caller asks for.
    Ramp {
        /// Slope far below zero, sign reversed.
        below: f64,
        /// Slope far above zero.
        above: f64,
        /// The quadratic zone is `-below width` to `above width`.
        width: f64,
    },
}

/// Runs one expression with `$shape` bound to the loss's shape: the only match over the losses outside their constants.
macro_rules! with_shape {
    ($loss:expr, $shape:ident => $body:expr) => {
        match $loss {
            Loss::Squared => {
                let $shape = shapes::Squared;
                $body
            }
            Loss::Huber { delta } => {
                let $shape = shapes::Huber { delta };
                $body
            }
            Loss::Absolute => {
                let $shape = shapes::Kinked { below: 1.0, above: 1.0 };
                $body
            }
            Loss::SoftL1 { delta } => {
                let $shape = shapes::SoftL1 { delta };
                $body
            }
            Loss::Cauchy { delta } => {
                let $shape = shapes::Cauchy { delta };
                $body
            }
            Loss::Tukey { c } => {
                let $shape = shapes::Tukey { c };
                $body
            }
            Loss::LogCosh { scale } => {
                let $shape = shapes::LogCosh { scale };
                $body
            }
            Loss::Pinball { tau } => {
                let $shape = shapes::Kinked { below: tau, above: 1.0 - tau };
                $body
            }
            Loss::Ramp { below, above, width } => {
                let $shape = shapes::Ramp { below, above, width };
                $body
            }
        }
    };
}

impl Loss {
    /// The loss itself, if its constants are legal.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `delta`, `c` and `scale` are positive and finite and `0 < tau < 1`.
    pub fn validate(self) -> Result<Self, Error> {
        let (name, value, legal, largest) = match self {
            Self::Squared | Self::Absolute => return Ok(self),
            Self::Huber { delta } | Self::SoftL1 { delta } | Self::Cauchy { delta } => {
                ("delta", delta, "positive and finite", f64::INFINITY)
            }
            Self::Tukey { c } => ("c", c, "positive and finite", f64::INFINITY),
            Self::LogCosh { scale } => ("scale", scale, "positive and finite", f64::INFINITY),
            Self::Pinball { tau } => ("tau", tau, "between 0 and 1, ends excluded", 1.0),
            Self::Ramp { below, above, width } => {
                let bad = [("below", below), ("above", above), ("width", width)]
                    .into_iter()
                    .find(|(_, value)| !(*value > 0.0 && value.is_finite()));
                let Some((name, value)) = bad else { return Ok(self) };
                (name, value, "positive and finite", f64::INFINITY)
            }
        };
        if value > 0.0 && value < largest {
            Ok(self)
        } else {
            Err(Error::Parameter { name: name.to_owned(), legal, got: value.to_string() })
        }
    }

    /// The cost of a residual. NaN for NaN; finite for every |r| <= 1e300, save that `r^2/2` overflows above 1e154.
    #[inline(always)]
    pub fn rho(self, r: f64) -> f64 {
        with_shape!(self, shape => shape.point(r).rho)
    }

    /// The slope of [`rho`](Self::rho); at a kink 0, which is one of its subgradients.
    #[inline(always)]
    pub fn psi(self, r: f64) -> f64 {
        with_shape!(self, shape => shape.point(r).psi)
    }

    /// `psi(r)/r`, or its limit at 0; at most [`LARGEST_WEIGHT`] for the losses with a kink, whose limit is infinite.
    #[inline(always)]
    pub fn weight(self, r: f64) -> f64 {
        with_shape!(self, shape => shape.point(r).weight)
    }

    /// The slope of [`psi`](Self::psi) where it has one; 0 in linear zones, negative where a loss redescends. On the border
    /// of Huber's quadratic zone the value inside, 1.
    #[inline(always)]
    pub fn curvature(self, r: f64) -> f64 {
        with_shape!(self, shape => shape.point(r).curvature)
    }

    /// All of `rho`, `psi` and `curvature` for each residual: the same bits as one at a time, at vector speed inside a
    /// [`Kernel`](crate::simd::Kernel). The shortest slice decides how many.
    #[inline(always)]
    pub fn evaluate(self, r: &[f64], rho: &mut [f64], psi: &mut [f64], curvature: &mut [f64]) {
        with_shape!(self, shape => shapes::evaluate(shape, r, rho, psi, curvature));
    }

    /// [`evaluate`](Self::evaluate) for whole lanes in registers of type `V`, with the same bits.
    #[inline(always)]
    pub fn evaluate_in<V: Vector>(self, r: &[f64], rho: &mut [f64], psi: &mut [f64], curvature: &mut [f64]) {
        match self {
            Self::Huber { delta } => shapes::huber::<V>(delta, r, rho, psi, curvature),
            Self::Squared => {
                for i in (0..r.len()).step_by(LANES) {
                    let value = V::load(&r[i..]);
                    (V::of(0.5) * value * value).store(&mut rho[i..]);
                    value.store(&mut psi[i..]);
                    V::of(1.0).store(&mut curvature[i..]);
                }
            }
            _ => self.evaluate(r, rho, psi, curvature),
        }
    }

    /// [`weight`](Self::weight) of each residual, at vector speed inside a [`Kernel`](crate::simd::Kernel).
    #[inline(always)]
    pub fn weights(self, r: &[f64], weight: &mut [f64]) {
        with_shape!(self, shape => shapes::weights(shape, r, weight));
    }

    /// `rho`, `psi` and `curvature` of residuals in a register: the bits of [`evaluate_in`](Self::evaluate_in).
    #[inline(always)]
    pub fn in_register<V: Vector>(self, r: V) -> [V; 3] {
        if let Self::Huber { delta } = self {
            return shapes::huber_of(delta, r);
        }
        let (mut residual, mut out) = ([0.0; LANES], [[0.0; LANES]; 3]);
        r.store(&mut residual);
        let [rho, psi, curvature] = &mut out;
        self.evaluate_in::<V>(&residual, rho, psi, curvature);
        out.map(|part| V::load(&part))
    }

    /// Where the quadratic ends of a loss that is `r^2/2` up to there and straight beyond; none of other losses.
    pub fn quadratic_until(self) -> Option<f64> {
        match self {
            Self::Squared => Some(f64::INFINITY),
            Self::Huber { delta } => Some(delta),
            _ => None,
        }
    }

    /// Has a slope everywhere.
    pub fn is_smooth(self) -> bool {
        self.kink().is_none()
    }

    /// Never curves downwards.
    pub fn is_convex(self) -> bool {
        !matches!(self, Self::Cauchy { .. } | Self::Tukey { .. })
    }

    /// The subgradients at a residual of 0, where there is more than one.
    pub fn kink(self) -> Option<(f64, f64)> {
        match self {
            Self::Absolute => Some((-1.0, 1.0)),
            Self::Pinball { tau } => Some((-tau, 1.0 - tau)),
            _ => None,
        }
    }

    /// The loss of residuals measured in other units: `(scaled, m)` with `rho(factor * r) = m * scaled.rho(r)` for every
    /// `r`. `factor` is finite and not zero.
    #[must_use]
    pub fn scaled(self, factor: f64) -> (Self, f64) {
        let size = factor.abs();
        let square = size * size;
        match self {
            Self::Squared => (self, square),
            Self::Huber { delta } => (Self::Huber { delta: delta / size }, square),
            Self::Absolute => (self, size),
            Self::SoftL1 { delta } => (Self::SoftL1 { delta: delta / size }, square),
            Self::Cauchy { delta } => (Self::Cauchy { delta: delta / size }, square),
            Self::Tukey { c } => (Self::Tukey { c: c / size }, square),
            Self::LogCosh { scale } => (Self::LogCosh { scale: scale / size }, square),
            Self::Pinball { tau } => (Self::Pinball { tau: if factor < 0.0 { 1.0 - tau } else { tau } }, size),
            Self::Ramp { below, above, width } => {
                let (below, above) = if factor < 0.0 { (above, below) } else { (below, above) };
                (Self::Ramp { below, above, width: width / size }, size)
            }
        }
    }
}

#[cfg(test)]
mod tests;

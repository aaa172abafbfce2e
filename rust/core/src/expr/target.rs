//! The left side of `~`: a column and an invertible function of it.

use crate::simd::math;
use std::f64::consts::{LN_2, LN_10};

/// The functions `Transform` knows, for messages.
pub(super) const LEGAL_TRANSFORMS: &str = "log, ln, log10, log2, log1p, exp, expm1, sqrt, logit";

/// The function of the target column that a law describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// y
    Identity,
    /// ln y
    Ln,
    /// log10 y
    Log10,
    /// log2 y
    Log2,
    /// ln(1 + y)
    Log1p,
    /// e^y
    Exp,
    /// e^y - 1
    Expm1,
    /// Square root of y.
    Sqrt,
    /// ln(y / (1 - y))
    Logit,
}

/// The target of a formula: what stands to the left of `~`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name of the column.
    pub column: String,
    /// What the law describes of it.
    pub transform: Transform,
}

impl Target {
    /// The transform of a value; NaN or infinite outside its domain.
    pub fn apply(&self, y: f64) -> f64 {
        self.transform.apply(y)
    }

    /// The value whose transform is `t`.
    pub fn inverse(&self, t: f64) -> f64 {
        self.transform.inverse(t)
    }
}

impl Transform {
    pub(super) fn named(name: &str) -> Option<Transform> {
        Some(match name {
            "log" | "ln" => Transform::Ln,
            "log10" => Transform::Log10,
            "log2" => Transform::Log2,
            "log1p" => Transform::Log1p,
            "exp" => Transform::Exp,
            "expm1" => Transform::Expm1,
            "sqrt" => Transform::Sqrt,
            "logit" => Transform::Logit,
            _ => return None,
        })
    }

    /// Its name in a formula; empty for the identity.
    pub fn name(self) -> &'static str {
        match self {
            Transform::Identity => "",
            Transform::Ln => "log",
            Transform::Log10 => "log10",
            Transform::Log2 => "log2",
            Transform::Log1p => "log1p",
            Transform::Exp => "exp",
            Transform::Expm1 => "expm1",
            Transform::Sqrt => "sqrt",
            Transform::Logit => "logit",
        }
    }

    /// The transform of a value; NaN or infinite outside its domain.
    pub fn apply(self, y: f64) -> f64 {
        match self {
            Transform::Identity => y,
            Transform::Ln => math::ln(y),
            Transform::Log10 => math::ln(y) / LN_10,
            Transform::Log2 => math::ln(y) / LN_2,
            Transform::Log1p => math::ln_1p(y),
            Transform::Exp => math::exp(y),
            Transform::Expm1 => math::exp_m1(y),
            Transform::Sqrt => y.sqrt(),
            Transform::Logit => math::ln(y) - math::ln_1p(-y),
        }
    }

    /// The value whose transform is `t`; NaN when there is none (the square root is never negative).
    pub fn inverse(self, t: f64) -> f64 {
        match self {
            Transform::Identity => t,
            Transform::Ln => math::exp(t),
            Transform::Log10 => math::exp(t * LN_10),
            Transform::Log2 => math::exp(t * LN_2),
            Transform::Log1p => math::exp_m1(t),
            Transform::Exp => math::ln(t),
            Transform::Expm1 => math::ln_1p(t),
            Transform::Sqrt => {
                if t >= 0.0 {
                    t * t
                } else {
                    f64::NAN
                }
            }
            Transform::Logit => math::sigmoid(t),
        }
    }
}

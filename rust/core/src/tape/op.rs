//! The operations of a tape and what each does to numbers.

use crate::simd::math;

/// Operations of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unary {
    /// -a
    Neg,
    /// e^a
    Exp,
    /// Natural logarithm.
    Ln,
    /// ln(1 + a), accurate near 0.
    Log1p,
    /// e^a - 1, accurate near 0.
    Expm1,
    /// Square root.
    Sqrt,
    /// Absolute value.
    Abs,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-a)
    Sigmoid,
    /// Derivative of `Sigmoid`.
    SigmoidSlope,
    /// ln(1 + e^a)
    Softplus,
    /// ln |Gamma(a)|
    Lgamma,
    /// Derivative of `Lgamma`.
    Digamma,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Inverse tangent.
    Arctan,
    /// Error function.
    Erf,
}

/// Operations of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// a * b, and 0 where one of them is 0 and the other infinite: the limit where the infinite one is a logarithm of 0 or
    /// an exponential too large for a number.
    Limit,
    /// a / b
    Div,
    /// a ** b
    Pow,
    /// The smaller.
    Min,
    /// The larger.
    Max,
    /// ln(e^a + e^b)
    LogAddExp,
    /// The share v in (0, 1) with v / (1 - v)^b = e^a.
    M4,
    /// 1 where a < b, else 0, and NaN where one of them is NaN; likewise below.
    Less,
    /// a <= b
    LessEqual,
    /// a == b
    Equal,
    /// a != b
    NotEqual,
}

impl Unary {
    /// The value for one number.
    pub fn apply(self, a: f64) -> f64 {
        match self {
            Unary::Neg => -a,
            Unary::Exp => math::exp(a),
            Unary::Ln => math::ln(a),
            Unary::Log1p => math::ln_1p(a),
            Unary::Expm1 => math::exp_m1(a),
            Unary::Sqrt => a.sqrt(),
            Unary::Abs => a.abs(),
            Unary::Tanh => math::tanh(a),
            Unary::Sigmoid => math::sigmoid(a),
            Unary::SigmoidSlope => math::sigmoid_slope(a),
            Unary::Softplus => math::softplus(a),
            Unary::Lgamma => math::ln_gamma(a),
            Unary::Digamma => math::digamma(a),
            Unary::Sin => math::sin(a),
            Unary::Cos => math::cos(a),
            Unary::Arctan => math::atan(a),
            Unary::Erf => math::erf(a),
        }
    }
}

impl Binary {
    /// The value for two numbers.
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Limit => limit(a, b),
            Binary::Div => a / b,
            Binary::Pow => power(a, b),
            Binary::Min => minimum(a, b),
            Binary::Max => maximum(a, b),
            Binary::LogAddExp => math::log_add_exp(a, b),
            Binary::M4 => math::m4(a, b),
            Binary::Less => less(a, b),
            Binary::LessEqual => less_equal(a, b),
            Binary::Equal => equal(a, b),
            Binary::NotEqual => not_equal(a, b),
        }
    }

    /// Whether the order of the operands is irrelevant, bit for bit.
    pub fn commutes(self) -> bool {
        matches!(self, Binary::Add | Binary::Mul | Binary::Limit | Binary::Equal | Binary::NotEqual)
    }
}

/// NaN if either is NaN, unlike `f64::min`: a row without a value must not look like one.
#[inline(always)]
pub(super) fn minimum(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

#[inline(always)]
pub(super) fn maximum(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// NaN if either is NaN, unlike the power of IEEE 754, to which 1**NaN is 1.
#[inline(always)]
pub(super) fn power(a: f64, b: f64) -> f64 {
    let value = math::powf(a, b);
    if a.is_nan() | b.is_nan() { f64::NAN } else { value }
}

/// The product, or 0 where it is 0 times infinity. NaN stays NaN.
#[inline(always)]
pub(super) fn limit(a: f64, b: f64) -> f64 {
    let zero = ((a == 0.0) & (b.abs() == f64::INFINITY)) | ((b == 0.0) & (a.abs() == f64::INFINITY));
    if zero { 0.0 } else { a * b }
}

/// 1 or 0, or NaN where a comparison has no answer: NaN is neither smaller nor larger, and "no" would be a lie.
#[inline(always)]
fn answer(a: f64, b: f64, yes: bool) -> f64 {
    let answer = if yes { 1.0 } else { 0.0 };
    if a.is_nan() | b.is_nan() { f64::NAN } else { answer }
}

#[inline(always)]
pub(super) fn less(a: f64, b: f64) -> f64 {
    answer(a, b, a < b)
}

#[inline(always)]
pub(super) fn less_equal(a: f64, b: f64) -> f64 {
    answer(a, b, a <= b)
}

#[inline(always)]
pub(super) fn equal(a: f64, b: f64) -> f64 {
    answer(a, b, a == b)
}

#[inline(always)]
pub(super) fn not_equal(a: f64, b: f64) -> f64 {
    answer(a, b, a != b)
}

/// `a` where `condition` is not 0, else `b`; NaN where nobody knows.
#[inline(always)]
pub fn select(condition: f64, a: f64, b: f64) -> f64 {
    let chosen = if condition == 0.0 { b } else { a };
    if condition.is_nan() { condition } else { chosen }
}

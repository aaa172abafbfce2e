//! What holds a point of a sum of absolute deviations, and what is met on a way from one.

/// What keeps a point where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// The residual of this row is zero.
    Row(usize),
    /// The constant is on its bound, zero.
    NoConstant,
    /// The amplitude is.
    NoPower,
}

/// A place along a way, the rise of the objective's slope there, and what is met.
pub(super) type Break = (f64, f64, Hold);

//! How a fit ended, and the proof that comes with it: `success` of an optimiser is never trusted.

/// How one fit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// The certificate holds.
    Converged = 0,
    /// No step lowers the objective, yet the gradient is not zero to tolerance.
    Stalled = 1,
    /// The iteration limit was reached.
    IterationLimit = 2,
    /// The rows do not determine every parameter.
    NotIdentified = 3,
    /// Fewer rows than free parameters.
    TooFewRows = 4,
    /// The law or the objective is not finite at any start, or a parameter leaves the range of numbers in natural units.
    NotFinite = 5,
    /// Cancelled before it ran.
    Unfinished = 6,
    /// The scale of the residuals went to zero, and the likelihood with it beyond every bound.
    Degenerate = 7,
    /// The optimum lies at infinity: the objective keeps falling, or stays level, as a parameter grows or shrinks without end.
    Unbounded = 8,
}

impl Status {
    /// Every status, in the order of its code.
    pub const ALL: [Self; 9] = [
        Self::Converged,
        Self::Stalled,
        Self::IterationLimit,
        Self::NotIdentified,
        Self::TooFewRows,
        Self::NotFinite,
        Self::Unfinished,
        Self::Degenerate,
        Self::Unbounded,
    ];

    /// The word a table shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::Stalled => "stalled",
            Self::IterationLimit => "iteration_limit",
            Self::NotIdentified => "not_identified",
            Self::TooFewRows => "too_few_rows",
            Self::NotFinite => "not_finite",
            Self::Unfinished => "unfinished",
            Self::Degenerate => "degenerate",
            Self::Unbounded => "unbounded",
        }
    }

    /// What happened and what to try.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Converged => {
                "the certificate holds: the gradient is zero to tolerance and no step lowers the objective"
            }
            Self::Stalled => {
                "no step lowers the objective although its gradient is not zero to tolerance; try other starts, wider bounds or a larger delta"
            }
            Self::IterationLimit => "the iteration limit was reached; try other starts or a simpler law",
            Self::NotIdentified => {
                "the rows do not determine every parameter, or the loss is level without end around the optimum; fix a parameter, add rows at other scales, or use a smaller law or a smoother loss"
            }
            Self::TooFewRows => "fewer rows than free parameters; add rows or fix parameters",
            Self::NotFinite => {
                "the law is not finite at any start, or a parameter is too large or too small for a number; give starts or bounds inside its domain, or measure the columns in other units"
            }
            Self::Unfinished => "cancelled before it ran; run again to finish it",
            Self::Degenerate => {
                "the curve passes through so many rows that the residuals have no scale and the likelihood no maximum; use Squared() or Huber(delta), a larger nu, or add rows"
            }
            Self::Unbounded => {
                "no finite optimum: the objective keeps falling, or stays level, as a parameter goes to infinity or to 0; fit the limiting law instead, bound or fix the parameter, or add rows where it acts"
            }
        }
    }
}

/// |`J_j`' psi| <= this x ||`J_j`|| ||psi|| for every free parameter.
pub const GRADIENT_TOLERANCE: f64 = 1e-8;

/// Predicted decrease of the next step <= this x objective.
pub const DECREASE_TOLERANCE: f64 = 1e-14;

/// ||r|| <= this x eps x ||y||: a perfect fit, where gradients are rounding noise.
pub const ROUNDING_FACTOR: f64 = 1e3;

/// Starts that must end within [`AGREEMENT_TOLERANCE`] of the best objective before a fit is called global.
pub const AGREEMENT_NEEDED: usize = 3;

/// Relative distance from the best objective at which a start agrees with it.
pub const AGREEMENT_TOLERANCE: f64 = 1e-8;

/// The numbers behind a status.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// Largest |`J_j`' psi| / (||`J_j`|| ||psi||) over coordinates that are free to move.
    pub gradient: f64,
    /// Predicted decrease of the next step relative to the objective.
    pub decrease: f64,
    /// Largest multiplier of a zero-residual row relative to its legal interval (at most 1), 0 without kinks.
    pub multiplier: f64,
}

impl Certificate {
    /// Nothing is known yet.
    pub const UNKNOWN: Self = Self { gradient: f64::INFINITY, decrease: f64::INFINITY, multiplier: 0.0 };

    /// Whether every tolerance is met.
    pub fn holds(&self) -> bool {
        self.gradient <= GRADIENT_TOLERANCE && self.decrease <= DECREASE_TOLERANCE && self.multiplier <= 1.0 + 1e-9
    }
}

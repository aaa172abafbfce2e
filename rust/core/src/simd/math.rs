//! Elementary functions of our own: vectorisable, deterministic, no system library.
//!
//! `exp`, `ln`, `exp_m1`, `ln_1p`, `tanh`, `sigmoid`, `softplus` and `log_add_exp` decide by selects, so a loop over a
//! block of rows that calls them becomes vector code; conditions are joined by `|` and `&`, whose operands do not branch. The others are exact to their stated bounds at ordinary speed.
//! Polynomial coefficients are our own: interpolation at Chebyshev nodes in 60 digits, rounded to double.

mod exponential;
mod implicit;
mod logarithm;
mod polynomial;
mod power;
mod special;
mod trigonometry;

pub use exponential::{exp, exp_bounded, exp_m1, exp_m1_reduced, sigmoid, sigmoid_slope, tanh};
pub use implicit::{m4, m4_lanes};
pub use logarithm::{ln, ln_1p, ln_1p_reduced, log_add_exp, softplus};
pub use power::{power_of_two, powf};
pub use special::{digamma, erf, erfc, erfcx, ln_gamma};
pub use trigonometry::{atan, cos, sin};

#[cfg(test)]
mod accuracy;

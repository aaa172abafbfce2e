//! The numerics of `scaling_fast`: formulas compiled to tapes, robust fits with a certificate, resampling in parallel.
//!
//! Modules stand in dependency order; each uses only what stands above it.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "what is expected may come from the C library"))]

pub mod error;
pub mod memory;
pub mod pool;
pub mod simd;
pub mod tape;
pub mod expr;
pub mod loss;
pub mod solve;
pub mod space;
pub mod columns;
pub mod residual;
pub mod problem;
pub mod question;
pub mod resample;
pub mod stats;
pub mod batch;
pub mod point;

pub use error::Error;

//! The numerics of `scaling_fast`: formulas compiled to tapes, robust fits with a certificate, resampling in parallel.
//!
//! Modules stand in dependency order; each uses only what stands above it.

pub mod batch;
pub mod columns;
pub mod error;
pub mod expr;
pub mod loss;
pub mod point;
pub mod pool;
pub mod problem;
pub mod resample;
pub mod simd;
pub mod solve;
pub mod space;
pub mod stats;
pub mod tape;

pub use error::Error;

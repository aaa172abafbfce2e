//! Summaries of finished tables: pure functions of columns of numbers, each sum in one fixed order.

pub mod covariance;
pub mod interval;
pub mod normal;
pub mod quantile;

pub use interval::{Method, acceleration, interval};

//! Random rows: counter-based streams and the weight vectors drawn from them.

pub mod rows;
pub mod stream;

pub use stream::{Purpose, Stream};

//! Random rows and random targets: counter-based streams and what is drawn from them.

pub mod noise;
pub mod residuals;
pub mod robust;
pub mod rows;
pub mod stream;

pub use stream::{Purpose, Stream};

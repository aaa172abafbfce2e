//! Minimise an [`Objective`]: damped semismooth Newton, starts by variable projection, exact kinks, and the certificate.

pub mod box_step;
pub mod certificate;
pub mod challenge;
pub mod curvature;
pub mod descend;
pub mod given;
pub mod kink;
pub mod level_set;
pub mod linalg;
pub mod newton;
pub mod objective;
pub mod options;
pub mod polish;
pub mod scan;
pub mod scratch;
pub mod separable;
pub mod starts;
pub mod transition;
pub mod trust;
pub mod unbounded;
pub mod valley;
mod visit;
pub mod within;

pub use certificate::{Certificate, Status};
pub use newton::minimise;
pub use objective::{Model, Objective, Rows};
pub use options::{Options, Outcome};
pub use scratch::Scratch;

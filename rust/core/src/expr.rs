//! Formulas: text to tokens to a tree to a graph of shared nodes to tapes, and what can be known before any fit.

mod assemble;
mod beside;
mod boundary;
mod differentiate;
mod dimension;
mod domain;
mod form;
mod graph;
mod linear;
mod location;
mod lower;
mod node;
mod parse;
mod power_sum;
mod powers;
mod program;
mod sign;
mod target;
mod token;
mod tree;
mod units;

pub use crate::tape::BLOCK;
pub use dimension::ShiftKind;
pub use domain::{Requirement, RequirementKind};
pub use form::{Form, Recognised};
pub use location::{Crossing, Location, Root};
pub use power_sum::{LinearForm, PowerSum, PowerTerm};
pub use powers::Power;
pub use program::{Names, Program, Workspace, names};
pub use target::{Target, Transform};
pub use units::{Shift, UnitChange};

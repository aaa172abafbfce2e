//! The door between Python and `scaling-core`: values are converted, errors get their sentence, nothing is computed.

#![expect(clippy::needless_pass_by_value, reason = "arguments arrive from Python as owned handles")]

mod args;
mod enter;
mod error;
mod machine;
mod program;
mod question;
mod replicates;
mod resampling;
mod statistics;
mod streams;

/// The compiled core of `scaling_fast`.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::machine::{available, can_allocate, share_heaps, vector_unit};
    #[pymodule_export]
    use super::program::{Program, names};
    #[pymodule_export]
    use super::question::{Question, statuses};
    #[pymodule_export]
    use super::replicates::{errors, selected};
    #[pymodule_export]
    use super::resampling::{Resampling, Scheme};
    #[pymodule_export]
    use super::statistics::{interval, quantiles, robust_scales};
    #[pymodule_export]
    use super::streams::{Purpose, philox};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

//! How replicates are drawn, and which of them: handles that Python builds once and hands over as they are.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use scaling_core::batch;

use crate::args;

/// How the rows or the targets of a replicate come about.
#[pyclass(frozen, module = "scaling_fast._core")]
#[derive(Debug)]
pub(crate) struct Scheme {
    inner: Arc<batch::Scheme>,
}

#[pymethods]
impl Scheme {
    #[new]
    #[pyo3(signature = (kind, table=None, constants=None))]
    fn new(
        py: Python<'_>,
        kind: &str,
        table: Option<&Bound<'_, PyAny>>,
        constants: Option<&Bound<'_, PyTuple>>,
    ) -> PyResult<Self> {
        let none = PyTuple::empty(py);
        let inner = args::scheme(py, kind, table, constants.unwrap_or(&none))?;
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// The replicates `first` to `first + count` of a scheme, each searched from `starts` starts beside the warm one.
#[pyclass(frozen, module = "scaling_fast._core")]
#[derive(Debug)]
pub(crate) struct Resampling {
    pub(crate) inner: batch::Resampling,
}

#[pymethods]
impl Resampling {
    #[new]
    #[pyo3(signature = (scheme, *, first, count, seed, starts))]
    fn new(scheme: &Scheme, first: usize, count: usize, seed: u64, starts: usize) -> Self {
        Self { inner: batch::Resampling { scheme: Arc::clone(&scheme.inner), first, count, seed, starts } }
    }
}

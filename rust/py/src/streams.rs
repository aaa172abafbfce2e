//! The random streams of the core, for draws that Python makes itself.

use numpy::PyArray1;
use pyo3::prelude::*;
use scaling_core::memory::collected;
use scaling_core::resample;

use crate::error::raise;

/// What a stream is for; `int` of it is the second word of the key of numpy's Philox.
#[pyclass(frozen, eq, eq_int, hash, from_py_object, rename_all = "SCREAMING_SNAKE_CASE", module = "scaling_fast._core")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    Rows = resample::Purpose::Rows as isize,
    Residuals = resample::Purpose::Residuals as isize,
    Starts = resample::Purpose::Starts as isize,
    Checks = resample::Purpose::Checks as isize,
    Simulation = resample::Purpose::Simulation as isize,
    AuditRows = resample::Purpose::AuditRows as isize,
    AuditClusters = resample::Purpose::AuditClusters as isize,
    Bands = resample::Purpose::Bands as isize,
    Findings = resample::Purpose::Findings as isize,
}

impl From<Purpose> for resample::Purpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Rows => Self::Rows,
            Purpose::Residuals => Self::Residuals,
            Purpose::Starts => Self::Starts,
            Purpose::Checks => Self::Checks,
            Purpose::Simulation => Self::Simulation,
            Purpose::AuditRows => Self::AuditRows,
            Purpose::AuditClusters => Self::AuditClusters,
            Purpose::Bands => Self::Bands,
            Purpose::Findings => Self::Findings,
        }
    }
}

/// `count` raw numbers of a stream: those of numpy's Philox with key (seed, purpose) and counter (0, 0, replicate, group).
#[pyfunction]
pub(crate) fn philox(
    py: Python<'_>,
    seed: u64,
    purpose: Purpose,
    replicate: u64,
    group: u64,
    count: usize,
) -> PyResult<Bound<'_, PyArray1<u64>>> {
    let mut stream = resample::Stream::new(seed, purpose.into(), replicate, group);
    let numbers = collected("the random numbers", (0..count).map(|_| stream.next_u64()));
    Ok(PyArray1::from_vec(py, numbers.map_err(|error| raise(py, &error))?))
}

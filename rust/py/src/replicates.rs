//! Replicates looked at again: solved from other starts, and their standard errors.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;
use scaling_core::batch::{self, Control, Quantity, Resampling};

use crate::args;
use crate::enter::enter;
use crate::error::parameter;
use crate::program::Program;
use crate::question::{Question, around};

/// Refit the replicates `picks`, pairs of a group and a replicate, each searched from `starts` starts as well: status codes
/// and objectives, and whether Ctrl-C ended it early.
#[pyfunction]
#[pyo3(signature = (question, params, kind, table, picks, *, seed, starts, threads))]
#[expect(clippy::too_many_arguments, reason = "the fields of one resampling, all by name")]
#[expect(clippy::type_complexity, reason = "the columns of one table")]
pub(crate) fn again<'py>(
    py: Python<'py>,
    question: &Question,
    params: PyReadonlyArray2<'py, f64>,
    kind: &str,
    table: Option<&Bound<'py, PyAny>>,
    picks: Vec<(usize, usize)>,
    seed: u64,
    starts: usize,
    threads: usize,
) -> PyResult<(Bound<'py, PyArray1<u8>>, Bound<'py, PyArray1<f64>>, bool)> {
    let base = around(&params);
    if let Some((g, _)) = picks.iter().find(|(g, _)| *g >= base.len()) {
        return Err(parameter(py, "picks", "pairs of a group and a replicate", &g.to_string()));
    }
    let resampling = Resampling { scheme: args::scheme(py, kind, table)?, first: 0, count: 0, seed, starts };
    let control = Control::default();
    let ran = enter(py, &control, picks.len(), None, || {
        batch::selected(&question.inner, &base, &resampling, &picks, threads, &control)
    })?;
    let status = ran.value.status.iter().map(|s| *s as u8).collect();
    Ok((PyArray1::from_vec(py, status), PyArray1::from_vec(py, ran.value.objective), ran.interrupted))
}

/// Standard errors of formulas of parameters, each with the places of its parameters in the law: at the fits (groups x
/// formulas) and at `draws` (groups x replicates rows of parameters), and whether Ctrl-C ended it early.
#[pyfunction]
#[pyo3(signature = (question, params, kind, table, draws, quantities, *, first, seed, threads, progress=None))]
#[expect(clippy::too_many_arguments, reason = "the fields of one resampling, all by name")]
#[expect(clippy::type_complexity, reason = "the columns of one table")]
pub(crate) fn errors<'py>(
    py: Python<'py>,
    question: &Question,
    params: PyReadonlyArray2<'py, f64>,
    kind: &str,
    table: Option<&Bound<'py, PyAny>>,
    draws: PyReadonlyArray2<'py, f64>,
    quantities: Vec<(PyRef<'py, Program>, Vec<usize>)>,
    first: usize,
    seed: u64,
    threads: usize,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>, bool)> {
    let base = around(&params);
    let p = question.inner.params.len();
    let (rows, width) = (draws.as_array().nrows(), draws.as_array().ncols());
    if base.is_empty() || rows % base.len() != 0 || width != p {
        return Err(parameter(
            py,
            "draws",
            "as many rows per group, one column per parameter",
            &format!("{rows} x {width}"),
        ));
    }
    let quantities: Vec<Quantity> = quantities
        .iter()
        .map(|(program, places)| Quantity { program: program.inner.clone(), places: places.clone() })
        .collect();
    if quantities.iter().any(|q| q.places.len() != q.program.params().len() || q.places.iter().any(|j| *j >= p)) {
        return Err(parameter(py, "quantities", "formulas with a place for each parameter", "others"));
    }
    let count = rows / base.len();
    let resampling = Resampling { scheme: args::scheme(py, kind, table)?, first, count, seed, starts: 0 };
    let points: Vec<f64> = draws.as_array().iter().copied().collect();
    let control = Control::default();
    let ran = enter(py, &control, rows, progress, || {
        batch::errors(&question.inner, &base, &resampling, &points, &quantities, threads, &control)
    })?;
    let k = quantities.len();
    let estimates = PyArray1::from_vec(py, ran.value.estimates).reshape([base.len(), k])?;
    Ok((estimates, PyArray1::from_vec(py, ran.value.draws).reshape([rows, k])?, ran.interrupted))
}

//! Replicates looked at again: solved from other starts, and their standard errors.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;
use scaling_core::batch::{self, Control, Quantity};

use crate::args;
use crate::enter::enter;
use crate::error::parameter;
use crate::program::Program;
use crate::question::{Question, around};
use crate::resampling::Resampling;

/// Refit the replicates `picks`, pairs of a group and a replicate: status codes and objectives, and whether Ctrl-C ended it
/// early.
#[pyfunction]
#[pyo3(signature = (question, params, resampling, picks, *, threads))]
#[expect(clippy::type_complexity, reason = "the columns of one table")]
pub(crate) fn selected<'py>(
    py: Python<'py>,
    question: &Question,
    params: PyReadonlyArray2<'py, f64>,
    resampling: &Resampling,
    picks: Vec<(usize, usize)>,
    threads: usize,
) -> PyResult<(Bound<'py, PyArray1<u8>>, Bound<'py, PyArray1<f64>>, bool)> {
    let base = around(py, &params)?;
    if let Some((g, _)) = picks.iter().find(|(g, _)| *g >= base.len()) {
        return Err(parameter(py, "picks", "pairs of a group and a replicate", &g.to_string()));
    }
    let control = Control::default();
    let ran = enter(py, &control, picks.len(), None, || {
        batch::selected(&question.inner, &base, &resampling.inner, &picks, threads, &control)
    })?;
    let status = ran.value.status.iter().map(|s| *s as u8).collect();
    Ok((PyArray1::from_vec(py, status), PyArray1::from_vec(py, ran.value.objective), ran.interrupted))
}

/// Standard errors of formulas of parameters, each with the places of its parameters in the law: at the fits (groups x
/// formulas) and at `draws`, the parameters of the replicates of a resampling (groups x replicates rows), and whether Ctrl-C
/// ended it early.
#[pyfunction]
#[pyo3(signature = (question, params, resampling, draws, quantities, *, threads))]
#[expect(clippy::type_complexity, reason = "the columns of one table")]
pub(crate) fn errors<'py>(
    py: Python<'py>,
    question: &Question,
    params: PyReadonlyArray2<'py, f64>,
    resampling: &Resampling,
    draws: PyReadonlyArray2<'py, f64>,
    quantities: Vec<(PyRef<'py, Program>, Vec<usize>)>,
    threads: usize,
) -> PyResult<(Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>, bool)> {
    let (base, resampling) = (around(py, &params)?, &resampling.inner);
    let p = question.inner.params.len();
    let (rows, width) = (draws.as_array().nrows(), draws.as_array().ncols());
    if resampling.count.checked_mul(base.len()) != Some(rows) || width != p {
        return Err(parameter(
            py,
            "draws",
            "as many rows per group as replicates, one column per parameter",
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
    let points = args::flat(py, draws.as_array().iter())?;
    let control = Control::default();
    let ran = enter(py, &control, rows, None, || {
        batch::errors(&question.inner, &base, resampling, &points, &quantities, threads, &control)
    })?;
    let k = quantities.len();
    let estimates = PyArray1::from_vec(py, ran.value.estimates).reshape([base.len(), k])?;
    Ok((estimates, PyArray1::from_vec(py, ran.value.draws).reshape([rows, k])?, ran.interrupted))
}

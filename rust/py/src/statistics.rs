//! Quantiles and intervals, for tables that Python holds.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use scaling_core::memory::{Promise, ask};
use scaling_core::resample::robust::{self, Fitted};
use scaling_core::stats;
use scaling_core::stats::Method;

use crate::error::{parameter, raise};

/// Bytes of all copies of a draw, of its error and of its jackknife value that a method makes.
const COPIES: u128 = 48;

/// The type-7 quantiles of some values at some levels.
#[pyfunction]
pub(crate) fn quantiles(py: Python<'_>, values: PyReadonlyArray1<'_, f64>, levels: Vec<f64>) -> PyResult<Vec<f64>> {
    let _promise = promised(py, values.as_array().len())?;
    Ok(stats::quantile::quantiles(&values.as_array().to_vec(), &levels))
}

/// A promise of room for copies of that many draws.
fn promised(py: Python<'_>, draws: usize) -> PyResult<Promise> {
    ask("the sorted draws", COPIES * draws as u128).map_err(|error| raise(py, &error))
}

/// Lower and upper end of an interval; `jackknife` is wanted by "bca" only, `errors` (of the estimate, of each draw) by
/// "studentized".
#[pyfunction]
#[pyo3(signature = (method, level, estimate, draws, jackknife=None, errors=None))]
pub(crate) fn interval(
    py: Python<'_>,
    method: &str,
    level: f64,
    estimate: f64,
    draws: PyReadonlyArray1<'_, f64>,
    jackknife: Option<PyReadonlyArray1<'_, f64>>,
    errors: Option<(f64, PyReadonlyArray1<'_, f64>)>,
) -> PyResult<(f64, f64)> {
    let _promise =
        promised(py, draws.as_array().len() + jackknife.as_ref().map_or(0, |values| values.as_array().len()))?;
    let (standard_error, draw_errors) =
        errors.map_or((f64::NAN, Vec::new()), |(own, each)| (own, each.as_array().to_vec()));
    let method = match (method, &jackknife) {
        ("percentile", _) => Method::Percentile,
        ("basic", _) => Method::Basic,
        ("normal", _) => Method::Normal,
        ("bc", _) => Method::BiasCorrected,
        ("bca", Some(values)) => Method::Accelerated { acceleration: stats::acceleration(&values.as_array().to_vec()) },
        ("studentized", _) => Method::Studentized { standard_error, draw_standard_errors: &draw_errors },
        (other, _) => return Err(parameter(py, "method", "a method of intervals", other)),
    };
    Ok(stats::interval(method, level, estimate, &draws.as_array().to_vec()))
}

/// 1.4826 x median |residual| x sqrt(n/(n - free)), leaving out `passed` rows that the curve passes through; and the standard
/// deviation of noise, from residuals winsorised at three such scales.
#[pyfunction]
pub(crate) fn robust_scales(
    residual: PyReadonlyArray1<'_, f64>,
    weight: PyReadonlyArray1<'_, f64>,
    free: usize,
    passed: usize,
) -> (f64, f64) {
    let (residual, weight) = (residual.as_array().to_vec(), weight.as_array().to_vec());
    let fitted = Fitted { n: weight.iter().sum(), free, passed };
    (robust::scale(&residual, &weight, fitted), robust::deviation(&residual, &weight, fitted))
}

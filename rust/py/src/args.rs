//! Python values to core values: names to variants, arrays to vectors.

use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use scaling_core::batch::{Scheme, Starts};
use scaling_core::loss::Loss;
use scaling_core::problem::Residual;
use scaling_core::space::ParamSpec;

use crate::error::{parameter, raise};

/// (kind, parameter) to a loss.
pub(crate) fn loss(py: Python<'_>, kind: &str, value: f64) -> PyResult<Loss> {
    let loss = match kind {
        "squared" => Loss::Squared,
        "huber" => Loss::Huber { delta: value },
        "absolute" => Loss::Absolute,
        "soft_l1" => Loss::SoftL1 { delta: value },
        "cauchy" => Loss::Cauchy { delta: value },
        "tukey" => Loss::Tukey { c: value },
        "log_cosh" => Loss::LogCosh { scale: value },
        "pinball" => Loss::Pinball { tau: value },
        other => return Err(parameter(py, "loss", "one of the losses of scaling_fast", other)),
    };
    loss.validate().map_err(|error| raise(py, &error))
}

/// The name of a residual scale.
pub(crate) fn residual(py: Python<'_>, name: &str) -> PyResult<Residual> {
    match name {
        "raw" => Ok(Residual::Raw),
        "log" => Ok(Residual::Log),
        "logit" => Ok(Residual::Logit),
        other => Err(parameter(py, "residual", "\"log\", \"raw\" or \"logit\"", other)),
    }
}

/// (start, lower, upper, fixed) of each parameter.
pub(crate) fn specs(params: Vec<(Option<f64>, f64, f64, Option<f64>)>) -> Vec<ParamSpec> {
    params.into_iter().map(|(start, lower, upper, fixed)| ParamSpec { start, lower, upper, fixed }).collect()
}

/// None for automatic starts, a number of them, or one row a start.
pub(crate) fn starts(value: Option<&Bound<'_, PyAny>>) -> PyResult<Starts> {
    let Some(value) = value else { return Ok(Starts::Auto) };
    if let Ok(count) = value.extract::<usize>() {
        return Ok(Starts::Count(count));
    }
    let table: PyReadonlyArray2<'_, f64> = value.extract()?;
    Ok(Starts::Points(table.as_array().rows().into_iter().map(|row| row.to_vec()).collect()))
}

/// A scheme by its kind; `table` is its clusters, indices or weights.
pub(crate) fn scheme(py: Python<'_>, kind: &str, table: Option<&Bound<'_, PyAny>>) -> PyResult<Scheme> {
    let clusters = || -> PyResult<Option<Vec<u32>>> {
        let Some(table) = table else { return Ok(None) };
        let array: PyReadonlyArray1<'_, u32> = table.extract()?;
        Ok(Some(array.as_array().to_vec()))
    };
    let missing = || parameter(py, "scheme", "given with its table", kind);
    Ok(match kind {
        "pairs" => Scheme::Pairs,
        "clusters" => Scheme::Clusters(clusters()?.ok_or_else(missing)?),
        "bayesian" => Scheme::Bayesian(clusters()?),
        "jackknife" => Scheme::Jackknife(clusters()?),
        "indices" => {
            let array: PyReadonlyArray2<'_, u32> = table.ok_or_else(missing)?.extract()?;
            let width = array.as_array().ncols();
            Scheme::Indices { table: array.as_array().iter().copied().collect(), width }
        }
        "weights" => {
            let array: PyReadonlyArray2<'_, f64> = table.ok_or_else(missing)?.extract()?;
            Scheme::Weights(array.as_array().iter().copied().collect())
        }
        other => return Err(parameter(py, "scheme", "one of the schemes of scaling_fast", other)),
    })
}

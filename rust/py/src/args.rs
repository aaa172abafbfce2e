//! Python values to core values: names to variants, arrays to vectors.

use numpy::{Element, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use scaling_core::batch::Scheme;
use scaling_core::loss::{Criterion, Density, Loss};
use scaling_core::memory::{ask, collected, copied};
use scaling_core::question::Starts;
use scaling_core::resample::noise::Signs;
use scaling_core::resample::residuals::Leverage;
use scaling_core::residual::Residual;
use scaling_core::space::ParamSpec;

use crate::error::{parameter, raise};

/// A copy of an array.
pub(crate) fn vector<T: Element + Copy>(py: Python<'_>, array: &PyReadonlyArray1<'_, T>) -> PyResult<Vec<T>> {
    match array.as_slice() {
        Ok(slice) => copied("a column", slice).map_err(|error| raise(py, &error)),
        Err(_) => flat(py, array.as_array().iter()),
    }
}

/// A copy of all numbers of an array.
pub(crate) fn flat<'a, T: Copy + 'a>(
    py: Python<'_>,
    numbers: impl ExactSizeIterator<Item = &'a T>,
) -> PyResult<Vec<T>> {
    collected("an array", numbers.copied()).map_err(|error| raise(py, &error))
}

/// (kind, parameter) to what is minimised.
pub(crate) fn criterion(py: Python<'_>, kind: &str, value: f64) -> PyResult<Criterion> {
    let density = match kind {
        "normal" => Some(Density::Normal),
        "scaled_huber" => Some(Density::Huber { delta: value }),
        "student_t" => Some(Density::StudentT { nu: value }),
        _ => None,
    };
    match density {
        Some(density) => density.validate().map(Criterion::Likelihood).map_err(|error| raise(py, &error)),
        None => loss(py, kind, value).map(Criterion::Sum),
    }
}

/// (kind, parameter) to a loss without a scale of its own.
fn loss(py: Python<'_>, kind: &str, value: f64) -> PyResult<Loss> {
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

/// The name of a residual scale; of a log-excess one, the place of its offset among `count` parameters and whether the
/// Jacobian counts.
pub(crate) fn residual(py: Python<'_>, name: &str, offset: Option<(usize, bool)>, count: usize) -> PyResult<Residual> {
    match (name, offset) {
        ("raw", None) => Ok(Residual::Raw),
        ("log", None) => Ok(Residual::Log),
        ("logit", None) => Ok(Residual::Logit),
        ("log_excess", Some((param, jacobian))) if param < count => Ok(Residual::LogExcess { param, jacobian }),
        (other, _) => {
            Err(parameter(py, "residual", "\"log\", \"raw\", \"logit\" or a log-excess with its parameter", other))
        }
    }
}

/// (start, lower, upper, fixed) of each parameter.
pub(crate) fn specs(params: Vec<(Option<f64>, f64, f64, Option<f64>)>) -> Vec<ParamSpec> {
    params.into_iter().map(|(start, lower, upper, fixed)| ParamSpec { start, lower, upper, fixed }).collect()
}

/// None for automatic starts, a number of them, or one row per start.
pub(crate) fn starts(py: Python<'_>, value: Option<&Bound<'_, PyAny>>) -> PyResult<Starts> {
    let Some(value) = value else { return Ok(Starts::Auto) };
    if let Ok(count) = value.extract::<usize>() {
        return Ok(Starts::Count(count));
    }
    let table: PyReadonlyArray2<'_, f64> = value.extract()?;
    let (rows, width) = (table.as_array().nrows() as u128, table.as_array().ncols() as u128);
    let _promise = ask("the starts", rows * (8 * width + 64)).map_err(|error| raise(py, &error))?;
    Ok(Starts::Points(table.as_array().rows().into_iter().map(|row| row.to_vec()).collect()))
}

/// By how much residuals are enlarged.
fn leverage(py: Python<'_>, word: &str) -> PyResult<Leverage> {
    match word {
        "hc2" => Ok(Leverage::Hc2),
        "hc3" => Ok(Leverage::Hc3),
        other => Err(parameter(py, "leverage", "\"hc2\" or \"hc3\"", other)),
    }
}

/// What residuals are multiplied by.
fn signs(py: Python<'_>, word: &str) -> PyResult<Signs> {
    match word {
        "rademacher" => Ok(Signs::Rademacher),
        "webb" => Ok(Signs::Webb),
        "mammen" => Ok(Signs::Mammen),
        other => Err(parameter(py, "signs", "\"webb\", \"rademacher\" or \"mammen\"", other)),
    }
}

/// A scheme by its kind: `table` is one number per row, or one row of them per replicate; `constants` is what else it says.
pub(crate) fn scheme(
    py: Python<'_>,
    kind: &str,
    table: Option<&Bound<'_, PyAny>>,
    constants: &Bound<'_, PyTuple>,
) -> PyResult<Scheme> {
    let numbers = |table: &Bound<'_, PyAny>| -> PyResult<Vec<u32>> {
        let array: PyReadonlyArray1<'_, u32> = table.extract()?;
        vector(py, &array)
    };
    let missing = || parameter(py, "scheme", "given with its table", kind);
    let clusters = || table.map(numbers).transpose();
    let each_row = || clusters()?.ok_or_else(missing);
    Ok(match kind {
        "pairs" => Scheme::Pairs,
        "clusters" => Scheme::Clusters(each_row()?),
        "bayesian" => Scheme::Bayesian(clusters()?),
        "jackknife" => Scheme::Jackknife(clusters()?),
        "indices" => {
            let array: PyReadonlyArray2<'_, u32> = table.ok_or_else(missing)?.extract()?;
            let width = array.as_array().ncols();
            Scheme::Indices { table: flat(py, array.as_array().iter())?, width }
        }
        "weights" => {
            let array: PyReadonlyArray2<'_, f64> = table.ok_or_else(missing)?.extract()?;
            Scheme::Weights(flat(py, array.as_array().iter())?)
        }
        "strata" => Scheme::Strata(each_row()?),
        "blocks" => {
            let (length,) = constants.extract()?;
            Scheme::Blocks { runs: each_row()?, length }
        }
        "subsample" => {
            let (rows,) = constants.extract()?;
            Scheme::Subsample(rows)
        }
        "residuals" if constants.len() == 1 => {
            let (word,): (String,) = constants.extract()?;
            Scheme::Residuals { leverage: leverage(py, &word)?, factor: 1.0, limit: None }
        }
        "residuals" => {
            let (word, factor, limit): (String, f64, f64) = constants.extract()?;
            Scheme::Residuals { leverage: leverage(py, &word)?, factor, limit: Some(limit) }
        }
        "wild" => {
            let (multiplier, word): (String, String) = constants.extract()?;
            Scheme::Wild { signs: signs(py, &multiplier)?, leverage: leverage(py, &word)?, clusters: clusters()? }
        }
        "parametric" if constants.is_empty() => Scheme::Parametric(None),
        "parametric" => {
            let (deviation,) = constants.extract()?;
            Scheme::Parametric(Some(deviation))
        }
        other => return Err(parameter(py, "scheme", "one of the schemes of scaling_fast", other)),
    })
}

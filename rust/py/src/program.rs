//! A compiled formula as Python sees it.

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use scaling_core::expr;
use scaling_core::memory::{ask, collected};

use crate::args::vector;
use crate::error::{parameter, raise};

/// Target column, transform and the names on the right side of a formula, in order of appearance.
#[pyfunction]
pub(crate) fn names(py: Python<'_>, formula: &str) -> PyResult<(Option<String>, Option<String>, Vec<String>)> {
    let names = expr::names(formula).map_err(|error| raise(py, &error))?;
    let (column, transform) = match names.target {
        Some(target) => (Some(target.column), Some(target.transform.name().to_owned()).filter(|n| !n.is_empty())),
        None => (None, None),
    };
    Ok((column, transform, names.names))
}

/// A formula compiled against the names of its columns; everything else in it is a parameter.
#[pyclass(frozen, module = "scaling_fast._core")]
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) inner: expr::Program,
}

#[pymethods]
impl Program {
    #[new]
    fn new(py: Python<'_>, formula: &str, columns: Vec<String>) -> PyResult<Self> {
        let inner = expr::Program::compile(formula, &columns).map_err(|error| raise(py, &error))?;
        Ok(Self { inner })
    }

    /// Canonical text of the formula.
    #[getter]
    fn formula(&self) -> String {
        self.inner.text()
    }

    /// Columns in use, in the order in which arrays are expected.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.inner.columns().to_vec()
    }

    /// Parameters in order of appearance.
    #[getter]
    fn params(&self) -> Vec<String> {
        self.inner.params().to_vec()
    }

    /// Column on the left of `~`, if there is one.
    #[getter]
    fn target(&self) -> Option<String> {
        self.inner.target().map(|target| target.column.clone())
    }

    /// Name of the transform of the target.
    #[getter]
    fn transform(&self) -> Option<String> {
        self.inner.target().map(|target| target.transform.name().to_owned()).filter(|name| !name.is_empty())
    }

    /// Parameters in which the law is jointly linear.
    #[getter]
    fn linear(&self) -> Vec<String> {
        self.inner.linear().iter().map(|&j| self.inner.params()[j].clone()).collect()
    }

    /// Parameters that must be positive for the formula to be defined.
    #[getter]
    fn positive(&self) -> Vec<String> {
        self.inner.positive().iter().map(|&j| self.inner.params()[j].clone()).collect()
    }

    /// Whether the law is a sum of power laws.
    #[getter]
    fn is_power_sum(&self) -> bool {
        self.inner.power_sum().is_some()
    }

    /// (column, scales, exponents) for each column that enters as a power.
    #[getter]
    fn powers(&self) -> Vec<(String, Vec<String>, Vec<String>)> {
        let named = |of: &[usize]| of.iter().map(|&j| self.inner.params()[j].clone()).collect();
        let read = |power: &expr::Power| {
            (self.inner.columns()[power.column].clone(), named(&power.scales), named(&power.exponents))
        };
        self.inner.powers().iter().map(read).collect()
    }

    /// (column, "positive" | "non-negative" | "non-zero", because) for each demand on a column.
    #[getter]
    fn requirements(&self) -> Vec<(String, &'static str, String)> {
        self.inner
            .requirements()
            .iter()
            .map(|r| (self.inner.columns()[r.column].clone(), r.kind.name(), r.because.clone()))
            .collect()
    }

    /// Values of the formula, one per row; with no column, one value.
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        columns: Vec<PyReadonlyArray1<'py, f64>>,
        params: Vec<f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        if columns.len() != self.inner.columns().len() {
            return Err(parameter(py, "columns", "one array per column", &columns.len().to_string()));
        }
        if params.len() != self.inner.params().len() {
            return Err(parameter(py, "params", "one value per parameter", &params.len().to_string()));
        }
        let rows = columns.first().map_or(1, |column| column.as_array().len());
        let _promise = ask("the table of values", self.inner.needs(rows, false)).map_err(|error| raise(py, &error))?;
        let columns: Vec<Vec<f64>> = columns.iter().map(|c| vector(py, c)).collect::<PyResult<_>>()?;
        if columns.windows(2).any(|pair| pair[0].len() != pair[1].len()) {
            return Err(parameter(py, "columns", "arrays of one length", "arrays of several"));
        }
        let inner = &self.inner;
        let values = py.detach(|| {
            let borrowed: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            inner.evaluate(&borrowed, &params)
        });
        Ok(PyArray1::from_vec(py, values))
    }

    /// Value and derivatives by each parameter of a formula without columns.
    fn gradient(&self, py: Python<'_>, params: Vec<f64>) -> PyResult<(f64, Vec<f64>)> {
        if !self.inner.columns().is_empty() || params.len() != self.inner.params().len() {
            return Err(parameter(
                py,
                "params",
                "one value per parameter of a formula without columns",
                "something else",
            ));
        }
        Ok(scaling_core::point::gradient(&self.inner, &params))
    }

    /// The target's transform of each value.
    fn transform_target<'py>(
        &self,
        py: Python<'py>,
        values: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.map_target(py, &values, scaling_core::expr::Target::apply)
    }

    /// The inverse of the target's transform of each value.
    fn invert_target<'py>(
        &self,
        py: Python<'py>,
        values: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.map_target(py, &values, scaling_core::expr::Target::inverse)
    }

    fn __repr__(&self) -> String {
        format!("Program({:?})", self.inner.text())
    }
}

impl Program {
    fn map_target<'py>(
        &self,
        py: Python<'py>,
        values: &PyReadonlyArray1<'py, f64>,
        f: impl Fn(&expr::Target, f64) -> f64,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let mapped = values.as_array().into_iter().map(|&v| self.inner.target().map_or(v, |t| f(t, v)));
        let mapped = collected("the values", mapped).map_err(|error| raise(py, &error))?;
        Ok(PyArray1::from_vec(py, mapped))
    }
}

//! A question as Python asks it: fitted, resampled, and looked at one point.

use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use scaling_core::batch::{self, Control, FitRow, ReplicateRows, RunsOff};
use scaling_core::columns::Columns;
use scaling_core::memory::{ask, collected};
use scaling_core::point;
use scaling_core::question;
use scaling_core::solve::Status;

use crate::args;
use crate::enter::enter;
use crate::error::{parameter, raise};
use crate::program::Program;
use crate::resampling::Resampling;

/// (word, sentence) of every status, in the order of its code.
#[pyfunction]
pub(crate) fn statuses() -> Vec<(&'static str, &'static str)> {
    Status::ALL.iter().map(|s| (s.name(), s.sentence())).collect()
}

/// A law, its rows, a loss and what is known of each parameter; a snapshot that nothing outside can change.
#[pyclass(frozen, module = "scaling_fast._core")]
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) inner: question::Question,
}

#[pymethods]
impl Question {
    #[new]
    #[pyo3(signature = (program, columns, target, *, weights, sigma, offsets, params, loss, residual, offset=None))]
    #[expect(clippy::too_many_arguments, reason = "the fields of one question, all by name")]
    fn new(
        py: Python<'_>,
        program: &Program,
        columns: Vec<PyReadonlyArray1<'_, f64>>,
        target: PyReadonlyArray1<'_, f64>,
        weights: Option<PyReadonlyArray1<'_, f64>>,
        sigma: Option<PyReadonlyArray1<'_, f64>>,
        offsets: PyReadonlyArray1<'_, i64>,
        params: Vec<(Option<f64>, f64, f64, Option<f64>)>,
        loss: (String, f64),
        residual: &str,
        offset: Option<(usize, bool)>,
    ) -> PyResult<Self> {
        if params.len() != program.inner.params().len() {
            return Err(parameter(py, "params", "one entry per parameter", &params.len().to_string()));
        }
        let vector = |array: &PyReadonlyArray1<'_, f64>| args::vector(py, array);
        let columns = Columns {
            names: program.inner.columns().to_vec(),
            inputs: columns.iter().map(vector).collect::<PyResult<_>>()?,
            target: vector(&target)?,
            weights: weights.as_ref().map(vector).transpose()?,
            sigma: sigma.as_ref().map(vector).transpose()?,
            // A negative one is far beyond the rows, and refused with the others.
            offsets: collected("the groups", offsets.as_array().iter().map(|&offset| offset as usize))
                .map_err(|error| raise(py, &error))?,
        };
        let inner = question::Question {
            program: program.inner.clone(),
            columns: columns.checked().map_err(|error| raise(py, &error))?,
            residual: args::residual(py, residual, offset, params.len())?,
            params: args::specs(params),
            criterion: args::criterion(py, &loss.0, loss.1)?,
        };
        Ok(Self { inner })
    }

    /// Fit every group: a mapping of column name to array, one entry per group, and whether Ctrl-C ended it early.
    #[pyo3(signature = (starts, *, threads, progress=None))]
    fn fit<'py>(
        &self,
        py: Python<'py>,
        starts: Option<&Bound<'py, PyAny>>,
        threads: usize,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyDict>, bool)> {
        let starts = args::starts(py, starts)?;
        let control = Control::default();
        let groups = self.inner.columns.groups();
        let ran = enter(py, &control, groups, progress, || batch::fit_groups(&self.inner, &starts, threads, &control))?;
        Ok((fit_table(py, &ran.value, self.inner.params.len())?, ran.interrupted))
    }

    /// Which groups are proven to have no better fit than `params` (groups x parameters) with their `objective`; none where that is NaN.
    #[pyo3(signature = (params, objective, *, threads))]
    fn prove<'py>(
        &self,
        py: Python<'py>,
        params: PyReadonlyArray2<'py, f64>,
        objective: PyReadonlyArray1<'py, f64>,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<bool>>> {
        let rows = params.as_array();
        let fits: Vec<(Vec<f64>, f64)> =
            rows.rows().into_iter().map(|row| row.to_vec()).zip(objective.as_array().iter().copied()).collect();
        if fits.len() != self.inner.columns.groups() || rows.ncols() != self.inner.params.len() {
            return Err(parameter(
                py,
                "params",
                "one row per group, one value per parameter",
                &format!("{:?}", rows.dim()),
            ));
        }
        let proven =
            py.detach(|| batch::prove_groups(&self.inner, &fits, threads)).map_err(|error| raise(py, &error))?;
        Ok(PyArray1::from_vec(py, proven))
    }

    /// Refit every group around `params` (groups x parameters): status codes, objectives, one array per parameter, and
    /// whether Ctrl-C ended it early.
    #[pyo3(signature = (params, resampling, *, threads, progress=None))]
    #[expect(clippy::type_complexity, reason = "the columns of one table")]
    fn resample<'py>(
        &self,
        py: Python<'py>,
        params: PyReadonlyArray2<'py, f64>,
        resampling: &Resampling,
        threads: usize,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyArray1<u8>>, Bound<'py, PyArray1<f64>>, Vec<Bound<'py, PyArray1<f64>>>, bool)> {
        let (base, resampling) = (around(py, &params)?, &resampling.inner);
        let control = Control::default();
        let total = resampling.count.saturating_mul(base.len());
        let ran = enter(py, &control, total, progress, || {
            batch::resample(&self.inner, &base, resampling, threads, &control)
        })?;
        let draws = ran.value;
        let status = draws.status.iter().map(|s| *s as u8).collect();
        Ok((
            PyArray1::from_vec(py, status),
            PyArray1::from_vec(py, draws.objective),
            draws.params.into_iter().map(|column| PyArray1::from_vec(py, column)).collect(),
            ran.interrupted,
        ))
    }

    /// Residual, psi, psi' and Jacobian (rows x parameters, natural units) of one group at natural parameters.
    #[expect(clippy::type_complexity, reason = "the columns of one table")]
    fn rows<'py>(
        &self,
        py: Python<'py>,
        group: usize,
        params: Vec<f64>,
    ) -> PyResult<(
        Bound<'py, PyArray1<f64>>,
        Bound<'py, PyArray1<f64>>,
        Bound<'py, PyArray1<f64>>,
        Bound<'py, PyArray2<f64>>,
    )> {
        self.check(py, group, &params)?;
        let rows = py.detach(|| point::rows(&self.inner, group, &params)).map_err(|error| raise(py, &error))?;
        let (n, p) = (rows.residual.len(), params.len());
        let jacobian = PyArray1::from_vec(py, rows.jacobian).reshape([n, p])?;
        Ok((
            PyArray1::from_vec(py, rows.residual),
            PyArray1::from_vec(py, rows.psi),
            PyArray1::from_vec(py, rows.curvature),
            jacobian,
        ))
    }

    /// What the replicates of the only group are made of, replicates x rows: how often each row counts, or, where targets are
    /// replaced, None and the residuals (fitted minus new target); None twice where there is no fit to take them from.
    #[expect(clippy::type_complexity, reason = "two tables of which one is there")]
    fn replicate_rows<'py>(
        &self,
        py: Python<'py>,
        params: PyReadonlyArray2<'py, f64>,
        resampling: &Resampling,
    ) -> PyResult<(Option<Bound<'py, PyArray2<f64>>>, Option<Bound<'py, PyArray2<f64>>>)> {
        let base = around(py, &params)?;
        let [base] = base.as_slice() else {
            return Err(parameter(py, "params", "those of one group", &base.len().to_string()));
        };
        let resampling = &resampling.inner;
        let rows =
            py.detach(|| batch::replicate_rows(&self.inner, base, resampling)).map_err(|error| raise(py, &error))?;
        let table = |values: Vec<f64>| {
            let width = values.len() / resampling.count.max(1);
            PyArray1::from_vec(py, values).reshape([resampling.count, width])
        };
        Ok(match rows {
            None => (None, None),
            Some(ReplicateRows::Weights(values)) => (Some(table(values)?), None),
            Some(ReplicateRows::Residuals(values)) => (None, Some(table(values)?)),
        })
    }

    /// The objective of one group at natural parameters, in the caller's units.
    fn objective(&self, py: Python<'_>, group: usize, params: Vec<f64>) -> PyResult<f64> {
        self.check(py, group, &params)?;
        py.detach(|| point::objective(&self.inner, group, &params)).map_err(|error| raise(py, &error))
    }
}

impl Question {
    fn check(&self, py: Python<'_>, group: usize, params: &[f64]) -> PyResult<()> {
        if group >= self.inner.columns.groups() {
            return Err(parameter(py, "group", "the number of a group", &group.to_string()));
        }
        if params.len() != self.inner.params.len() {
            return Err(parameter(py, "params", "one value per parameter", &params.len().to_string()));
        }
        Ok(())
    }
}

/// The fits that replicates are refitted around, from their parameters (groups x parameters).
pub(crate) fn around(py: Python<'_>, params: &PyReadonlyArray2<'_, f64>) -> PyResult<Vec<FitRow>> {
    let rows = params.as_array();
    let needed = FitRow::needs(rows.ncols()) * rows.nrows() as u128;
    let _promise = ask("the fits to resample", needed).map_err(|error| raise(py, &error))?;
    let fit = |params: Vec<f64>| FitRow { params: params.clone(), ..FitRow::empty(params.len(), 0, Status::NotFinite) };
    Ok(rows.rows().into_iter().map(|row| fit(row.to_vec())).collect())
}

/// The columns of the table of fits.
fn fit_table<'py>(py: Python<'py>, rows: &[FitRow], p: usize) -> PyResult<Bound<'py, PyDict>> {
    let table = PyDict::new(py);
    let numbers = |f: &dyn Fn(&FitRow) -> f64| PyArray1::from_vec(py, rows.iter().map(f).collect());
    let counts = |f: &dyn Fn(&FitRow) -> usize| PyArray1::from_vec(py, rows.iter().map(|row| f(row) as i64).collect());
    table.set_item("status", PyArray1::from_vec(py, rows.iter().map(|r| r.status as u8).collect()))?;
    table.set_item("objective", numbers(&|r| r.objective))?;
    table.set_item("scale", numbers(&|r| r.scale))?;
    table.set_item("gradient", numbers(&|r| r.certificate.gradient))?;
    table.set_item("decrease", numbers(&|r| r.certificate.decrease))?;
    table.set_item("multiplier", numbers(&|r| r.certificate.multiplier))?;
    table.set_item("condition", numbers(&|r| r.condition))?;
    table.set_item("n", counts(&|r| r.rows))?;
    table.set_item("n_starts", counts(&|r| r.starts))?;
    table.set_item("agreement", counts(&|r| r.agreement))?;
    table.set_item("doubtful", PyArray1::from_vec(py, rows.iter().map(|r| r.doubtful).collect()))?;
    table.set_item("exhaustive", PyArray1::from_vec(py, rows.iter().map(|r| r.exhaustive).collect()))?;
    table.set_item("proven", PyArray1::from_vec(py, rows.iter().map(|r| r.proven).collect()))?;
    table.set_item("evaluations", counts(&|r| r.evaluations))?;
    table.set_item("params", wide(py, rows, p, |r| &r.params, |v| *v, f64::NAN)?)?;
    table.set_item("at_bound", wide(py, rows, p, |r| &r.at_bound, |v| *v, false)?)?;
    table.set_item("unidentified", wide(py, rows, p, |r| &r.unidentified, |v| *v, false)?)?;
    table.set_item("level", wide(py, rows, p, |r| &r.level, |v| *v, false)?)?;
    table.set_item("runs_off", wide(py, rows, p, |r| &r.runs_off, |end| *end as u8, RunsOff::Nowhere as u8)?)?;
    table.set_item("level_lower", wide(py, rows, p, |r| &r.level_lower, |v| *v, f64::NAN)?)?;
    table.set_item("level_upper", wide(py, rows, p, |r| &r.level_upper, |v| *v, f64::NAN)?)?;
    Ok(table)
}

/// A column with one entry per group and parameter; a row of which nothing is to be said is filled with `other`.
fn wide<'py, F, T: Element + Copy>(
    py: Python<'py>,
    rows: &[FitRow],
    p: usize,
    entries: impl Fn(&FitRow) -> &[F],
    entry: impl Fn(&F) -> T,
    other: T,
) -> PyResult<Bound<'py, PyArray2<T>>> {
    let mut flat = Vec::with_capacity(rows.len() * p);
    for (i, row) in rows.iter().enumerate() {
        flat.extend(entries(row).iter().map(&entry));
        flat.resize((i + 1) * p, other);
    }
    PyArray1::from_vec(py, flat).reshape([rows.len(), p])
}

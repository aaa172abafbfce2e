//! One table from core errors to the exception classes of `scaling_fast.errors`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use scaling_core::Error;

/// The Python exception for a core error, with its attributes.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let attributes = PyDict::new(py);
    let (class, code) = match error {
        Error::Formula { start, .. } => {
            set(&attributes, "position", *start);
            ("FormulaError", "formula")
        }
        Error::Data { column, row, .. } => {
            set(&attributes, "column", column);
            set(&attributes, "row", *row);
            ("DataError", "data")
        }
        Error::Shape { name, .. } => {
            set(&attributes, "column", name);
            ("DataError", "shape")
        }
        Error::Parameter { name, .. } => {
            set(&attributes, "param", name);
            ("ParameterError", "parameter")
        }
        Error::Resource { .. } => ("ResourceError", "memory"),
        Error::Threads { .. } => ("ResourceError", "threads"),
    };
    set(&attributes, "code", code);
    build(py, class, &sentence(error), &attributes)
}

/// The sentence a user reads.
fn sentence(error: &Error) -> String {
    match error {
        Error::Formula { problem, start, .. } => format!("{problem} (character {start})"),
        other => other.to_string(),
    }
}

/// A bug in `scaling_fast`, as `InternalError`.
pub(crate) fn internal(py: Python<'_>, message: &str) -> PyErr {
    let attributes = PyDict::new(py);
    set(&attributes, "code", "panic");
    let message = format!("a bug in scaling_fast: {message}; please report it with the data and the formula");
    build(py, "InternalError", &message, &attributes)
}

/// A malformed argument, as `ParameterError`.
pub(crate) fn parameter(py: Python<'_>, name: &str, legal: &'static str, got: &str) -> PyErr {
    raise(py, &Error::Parameter { name: name.to_owned(), legal, got: got.to_owned() })
}

fn set<'py>(attributes: &Bound<'py, PyDict>, name: &str, value: impl IntoPyObject<'py>) {
    // A new dictionary takes every string and number.
    let _ = attributes.set_item(name, value);
}

fn build(py: Python<'_>, class: &str, message: &str, attributes: &Bound<'_, PyDict>) -> PyErr {
    let made = py
        .import("scaling_fast.errors")
        .and_then(|module| module.getattr(class))
        .and_then(|class| class.call((message,), Some(attributes)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

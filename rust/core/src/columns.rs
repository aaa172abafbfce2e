//! The rows of a question: columns of numbers, target, weights and groups, checked once on entry.

use crate::error::Error;

/// Columns of equal length, sorted by group; owned, because the caller may go on changing his arrays.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// Name of each input column, in the order of the program.
    pub names: Vec<String>,
    /// The input columns.
    pub inputs: Vec<Vec<f64>>,
    /// The target, on the scale on which residuals are taken (a target transform is already applied).
    pub target: Vec<f64>,
    /// What each row counts; positive.
    pub weights: Option<Vec<f64>>,
    /// What each residual is divided by; positive.
    pub sigma: Option<Vec<f64>>,
    /// Group g is the rows `offsets[g]..offsets[g + 1]`.
    pub offsets: Vec<usize>,
}

impl Columns {
    /// The same columns, if every length agrees and every number is finite.
    ///
    /// # Errors
    /// [`Error::Shape`] for lengths that disagree or offsets that do not rise from 0 to the number of rows;
    /// [`Error::Data`] for a value that is not finite, a weight or sigma that is not positive.
    pub fn checked(self) -> Result<Self, Error> {
        let n = self.target.len();
        if self.names.len() != self.inputs.len() {
            return Err(shape("columns", self.inputs.len(), self.names.len()));
        }
        for (name, column) in self.names.iter().zip(&self.inputs) {
            if column.len() != n {
                return Err(shape(name, column.len(), n));
            }
            all(name, column, "is not finite", f64::is_finite)?;
        }
        all("target", &self.target, "is not finite", f64::is_finite)?;
        for (name, column) in [("weights", &self.weights), ("sigma", &self.sigma)] {
            if let Some(column) = column {
                if column.len() != n {
                    return Err(shape(name, column.len(), n));
                }
                all(name, column, "is not positive and finite", |v| v > 0.0 && v.is_finite())?;
            }
        }
        let rising = self.offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if self.offsets.first() != Some(&0) || self.offsets.last() != Some(&n) || !rising {
            return Err(shape("offsets", self.offsets.last().copied().unwrap_or(0), n));
        }
        Ok(self)
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.offsets.len() - 1
    }
}

/// Values of a column that are checked in one go.
const LOOKED_AT_TOGETHER: usize = 256;

fn shape(name: &str, got: usize, expected: usize) -> Error {
    Error::Shape { name: name.to_owned(), got, expected }
}

fn all(name: &str, column: &[f64], problem: &str, good: impl Fn(f64) -> bool) -> Result<(), Error> {
    // Nearly always all are good, and whole chunks are told without a branch.
    if column.chunks(LOOKED_AT_TOGETHER).all(|chunk| chunk.iter().fold(true, |sound, v| sound & good(*v))) {
        return Ok(());
    }
    let mut bad = column.iter().enumerate().filter(|(_, v)| !good(**v));
    match bad.next() {
        None => Ok(()),
        Some((row, value)) => Err(Error::Data {
            column: name.to_owned(),
            problem: format!("{problem} (`{value}`)"),
            row,
            more: bad.count(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_rows() -> Columns {
        Columns {
            names: vec!["x".into()],
            inputs: vec![vec![1.0, 2.0]],
            target: vec![3.0, 4.0],
            weights: None,
            sigma: None,
            offsets: vec![0, 2],
        }
    }

    #[test]
    fn sound_columns_pass() {
        assert!(two_rows().checked().is_ok());
    }

    #[test]
    fn the_offending_row_is_named() {
        let mut columns = two_rows();
        columns.inputs[0][1] = f64::NAN;
        assert!(matches!(columns.checked(), Err(Error::Data { row: 1, more: 0, .. })));
    }

    #[test]
    fn offsets_must_cover_the_rows() {
        let mut columns = two_rows();
        columns.offsets = vec![0, 1];
        assert!(matches!(columns.checked(), Err(Error::Shape { .. })));
    }
}

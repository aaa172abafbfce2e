//! One question as it comes in: a law, its rows, what is minimised, and where fits begin.

use crate::columns::Columns;
use crate::expr::Program;
use crate::loss::Criterion;
use crate::problem::GroupRows;
use crate::residual::Residual;
use crate::space::ParamSpec;

/// One question: a law, its rows and how far off they may be.
#[derive(Debug, Clone)]
pub struct Question {
    /// The compiled law.
    pub program: Program,
    /// The rows, sorted by group.
    pub columns: Columns,
    /// What is known of each parameter.
    pub params: Vec<ParamSpec>,
    /// What is minimised.
    pub criterion: Criterion,
    /// The scale of the residual.
    pub residual: Residual,
}

impl Question {
    /// The rows of group `g`.
    pub fn group(&self, g: usize) -> GroupRows<'_> {
        let range = self.columns.offsets[g]..self.columns.offsets[g + 1];
        GroupRows {
            inputs: self.columns.inputs.iter().map(|c| &c[range.clone()]).collect(),
            target: &self.columns.target[range.clone()],
            weights: self.columns.weights.as_ref().map(|w| &w[range.clone()]),
            sigma: self.columns.sigma.as_ref().map(|s| &s[range]),
        }
    }

    /// Number of free parameters.
    pub fn free(&self) -> usize {
        self.params.iter().filter(|p| p.fixed.is_none()).count()
    }
}

/// Where fits begin.
#[derive(Debug, Clone, PartialEq)]
pub enum Starts {
    /// As many as the law needs.
    Auto,
    /// That many automatic starts, every one of them refined.
    Count(usize),
    /// Each of these points, in natural parameters.
    Points(Vec<Vec<f64>>),
}

/// More starts than an automatic search scans.
const MOST_AUTOMATIC: usize = 8_192;

impl Starts {
    /// How many they are at most.
    pub fn most(&self) -> usize {
        match self {
            Self::Auto => MOST_AUTOMATIC,
            Self::Count(count) => (*count).max(MOST_AUTOMATIC),
            Self::Points(points) => points.len(),
        }
    }
}

//! The objective of a group at natural parameters, remembered where it is asked for more than once.

use std::cell::RefCell;

use crate::question::Question;

/// One group of a question, and the parameters whose objective was asked for last.
pub(super) struct NaturalObjective<'a> {
    question: &'a Question,
    g: usize,
    last: RefCell<Option<(Vec<f64>, f64)>>,
}

impl<'a> NaturalObjective<'a> {
    /// Of group `g`.
    pub(super) fn new(question: &'a Question, g: usize) -> Self {
        Self { question, g, last: RefCell::new(None) }
    }

    /// [`Question::objective`] at `params`.
    pub(super) fn at(&self, params: &[f64]) -> f64 {
        let mut last = self.last.borrow_mut();
        match &*last {
            Some((known, value)) if known == params => *value,
            _ => {
                let value = self.question.objective(self.g, params);
                *last = Some((params.to_vec(), value));
                value
            }
        }
    }
}

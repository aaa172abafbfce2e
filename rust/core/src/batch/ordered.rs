//! The rows of a law with breaks in an order of their own: sums in another order round otherwise, and a search that rounds otherwise may
//! end in another basin.

use crate::columns::Columns;
use crate::expr::Program;
use crate::question::Question;
use std::borrow::Cow;
use std::cmp::Ordering;

/// The question with the rows of every group by x, then by target, weight and sigma, where the law has searches to which their order
/// could matter.
pub(super) fn ordered(question: &Question) -> Cow<'_, Question> {
    let columns = &question.columns;
    if columns.inputs.len() != 1 || !has_many_basins(&question.program) {
        return Cow::Borrowed(question);
    }
    let before = |a: usize, b: usize| compared(columns, a, b) != Ordering::Greater;
    let is_in_order = columns.offsets.windows(2).all(|pair| (pair[0] + 1..pair[1]).all(|i| before(i - 1, i)));
    if is_in_order {
        return Cow::Borrowed(question);
    }
    let mut order: Vec<usize> = (0..columns.target.len()).collect();
    for pair in columns.offsets.windows(2) {
        order[pair[0]..pair[1]].sort_by(|a, b| compared(columns, *a, *b));
    }
    let sorted = |values: &Vec<f64>| -> Vec<f64> { order.iter().map(|i| values[*i]).collect() };
    let columns = Columns {
        names: columns.names.clone(),
        inputs: columns.inputs.iter().map(sorted).collect(),
        target: sorted(&columns.target),
        weights: columns.weights.as_ref().map(sorted),
        sigma: columns.sigma.as_ref().map(sorted),
        offsets: columns.offsets.clone(),
    };
    Cow::Owned(Question { columns, ..question.clone() })
}

/// Whether it is a law of known form, or a sum of two powers or more.
fn has_many_basins(program: &Program) -> bool {
    program.form().is_some()
        || program.power_sum().is_some_and(|sum| sum.terms.iter().filter(|term| !term.exponents.is_empty()).count() > 1)
}

/// Row `a` against row `b`.
fn compared(columns: &Columns, a: usize, b: usize) -> Ordering {
    let own = |values: &Option<Vec<f64>>| values.as_ref().map_or(Ordering::Equal, |v| v[a].total_cmp(&v[b]));
    let (x, y) = (&columns.inputs[0], &columns.target);
    x[a].total_cmp(&x[b])
        .then(y[a].total_cmp(&y[b]))
        .then_with(|| own(&columns.weights))
        .then_with(|| own(&columns.sigma))
}

//! Exchangeable terms in a canonical order: A*x**(-a) + B*x**(-b) has two equal optima, and callers get the one with a <= b.

use super::FitRow;
use crate::expr::{PowerTerm, Program};
use crate::space::ParamSpec;

/// Sort terms of the same shape by their exponent's parameter; what is said of each parameter moves along.
pub(super) fn canonical(program: &Program, specs: &[ParamSpec], row: &mut FitRow) {
    let Some(sum) = program.power_sum() else { return };
    // Insertion sort over at most a handful of terms.
    for k in 1..sum.terms.len() {
        for i in (0..k).rev() {
            let Some(pairs) = exchange(&sum.terms, i, k, specs) else { continue };
            let [_, exponents] = pairs;
            if row.params[exponents.0] > row.params[exponents.1] {
                for (a, b) in pairs {
                    row.params.swap(a, b);
                    row.at_bound.swap(a, b);
                    row.unidentified.swap(a, b);
                    row.level.swap(a, b);
                }
            }
        }
    }
}

/// The parameter pairs (amplitudes, exponents) whose exchange leaves the law as it is; None when there are none.
fn exchange(terms: &[PowerTerm], i: usize, k: usize, specs: &[ParamSpec]) -> Option<[(usize, usize); 2]> {
    let (first, second) = (&terms[i], &terms[k]);
    let (amplitude, exponent) = shape(first)?;
    let (other_amplitude, other_exponent) = shape(second)?;
    let pairs = [(amplitude, other_amplitude), (exponent, other_exponent)];
    let same_shape = first.scale == second.scale
        && first.exponents[0].0 == second.exponents[0].0
        && first.exponents[0].1.constant == second.exponents[0].1.constant
        && first.exponents[0].1.coefficients[0].1 == second.exponents[0].1.coefficients[0].1;
    let same_limits = pairs.iter().all(|&(a, b)| specs[a] == specs[b] && specs[a].fixed.is_none());
    let alone = pairs.iter().all(|&(a, b)| {
        a != b
            && terms.iter().enumerate().all(|(t, term)| t == i || t == k || !(mentions(term, a) || mentions(term, b)))
    });
    (same_shape && same_limits && alone).then_some(pairs)
}

/// Amplitude and exponent parameter of a term `A * column**(c * a + constant)`.
fn shape(term: &PowerTerm) -> Option<(usize, usize)> {
    let [(_, exponent)] = term.exponents.as_slice() else { return None };
    let [(parameter, _)] = exponent.coefficients.as_slice() else { return None };
    let plain = term.log_amplitude.coefficients.is_empty() && term.log_amplitude.constant == 0.0;
    term.factor.filter(|_| plain).map(|factor| (factor, *parameter))
}

fn mentions(term: &PowerTerm, parameter: usize) -> bool {
    let in_form = |form: &crate::expr::LinearForm| form.coefficients.iter().any(|(p, _)| *p == parameter);
    term.factor == Some(parameter) || in_form(&term.log_amplitude) || term.exponents.iter().any(|(_, e)| in_form(e))
}

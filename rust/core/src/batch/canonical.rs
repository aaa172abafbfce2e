//! Exchangeable terms in a canonical order: A*x**(-a) + B*x**(-b) has two equal optima, and callers get the one with a <= b.
//! The numbered breaks of a curve, d1 and d2 with all that bears their numbers, come back in the order of their places.

use super::row::FitRow;
use crate::expr::{PowerTerm, Program};
use crate::space::ParamSpec;

/// Sort terms of the same shape by their exponent's parameter; what is said of each parameter moves along.
pub(super) fn reorder(program: &Program, specs: &[ParamSpec], row: &mut FitRow) {
    breaks(program, specs, row);
    let Some(sum) = program.power_sum() else { return };
    // Insertion sort over at most a handful of terms.
    for k in 1..sum.terms.len() {
        for i in 0..k {
            let Some(pairs) = exchange(&sum.terms, i, k, specs) else { continue };
            let [_, exponents] = pairs;
            if row.params[exponents.0] > row.params[exponents.1] {
                swap(row, &pairs);
            }
        }
    }
}

fn swap(row: &mut FitRow, pairs: &[(usize, usize)]) {
    for &(a, b) in pairs {
        row.params.swap(a, b);
        row.at_bound.swap(a, b);
        row.unidentified.swap(a, b);
        row.level.swap(a, b);
        row.runs_off.swap(a, b);
        row.level_lower.swap(a, b);
        row.level_upper.swap(a, b);
    }
}

/// Sort numbered breaks by their places, where the law does not change when all of their parameters change places.
fn breaks(program: &Program, specs: &[ParamSpec], row: &mut FitRow) {
    let locations = program.locations();
    for (k, second) in locations.iter().enumerate() {
        for first in &locations[..k] {
            let places = (first.param, second.param);
            if first.column != second.column || places.0 == places.1 {
                continue;
            }
            let Some(pairs) = numbered(program.params(), places) else { continue };
            let free = pairs.iter().all(|&(a, b)| specs[a] == specs[b] && specs[a].fixed.is_none());
            if free && row.params[places.0] > row.params[places.1] && unchanged(program, &pairs) {
                swap(row, &pairs);
            }
        }
    }
}

/// The parameters that bear the numbers of two places, in pairs: (d1, d2) leads to (c1, c2), (f1, f2) and (d1, d2).
fn numbered(names: &[String], places: (usize, usize)) -> Option<Vec<(usize, usize)>> {
    let split = |j: usize| {
        let stem = names[j].trim_end_matches(|c: char| c.is_ascii_digit());
        (stem, &names[j][stem.len()..])
    };
    let ((stem, one), (other, two)) = (split(places.0), split(places.1));
    if stem != other || one.is_empty() || two.is_empty() {
        return None;
    }
    let with = |number: &str| (0..names.len()).filter(|&j| split(j).1 == number).collect::<Vec<_>>();
    let (ones, twos) = (with(one), with(two));
    let partner = |j: usize| twos.iter().copied().find(|&k| split(k).0 == split(j).0);
    let pairs: Option<Vec<_>> = ones.iter().map(|&j| partner(j).map(|k| (j, k))).collect();
    pairs.filter(|found| found.len() == twos.len())
}

/// Whether the law has the same values after the exchange, to rounding, at three points without relation.
fn unchanged(program: &Program, pairs: &[(usize, usize)]) -> bool {
    let number = |i: usize| 0.6 + (0.618_033_988_749_894_9 * (i + 1) as f64).fract();
    let columns: Vec<Vec<f64>> =
        (0..program.columns().len()).map(|c| (0..3).map(|i| 1.1 + number(3 * c + i)).collect()).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut params: Vec<f64> = (0..program.params().len()).map(|j| number(j + 31)).collect();
    let before = program.evaluate(&columns, &params);
    for &(a, b) in pairs {
        params.swap(a, b);
    }
    let after = program.evaluate(&columns, &params);
    before.iter().zip(&after).all(|(a, b)| (a - b).abs() <= 1e-12 * a.abs())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::Status;

    fn sorted(formula: &str, params: &[f64]) -> Vec<f64> {
        let program = Program::compile(formula, &["x".into()]).unwrap();
        assert_eq!(program.params().len(), params.len());
        let specs = vec![ParamSpec::default(); params.len()];
        let mut row = FitRow::empty(params.len(), 9, Status::Converged);
        row.params.copy_from_slice(params);
        reorder(&program, &specs, &mut row);
        row.params
    }

    #[test]
    fn three_terms_in_any_order_come_back_by_their_exponents() {
        let law = "E + A1*x**(-a1) + A2*x**(-a2) + A3*x**(-a3)";
        for order in [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0], [2.0, 3.0, 1.0], [3.0, 2.0, 1.0]] {
            let [a, b, c] = order;
            let found = sorted(law, &[9.0, 10.0 * a, a, 10.0 * b, b, 10.0 * c, c]);
            assert_eq!(found, [9.0, 10.0, 1.0, 20.0, 2.0, 30.0, 3.0]);
        }
    }

    #[test]
    fn three_breaks_in_any_order_come_back_by_their_places() {
        let each = |term: &dyn Fn(usize) -> String| [1, 2, 3].map(term).concat();
        let smooth = each(&|i| format!(" - c{i}*f{i}*softplus((log(x) - log(d{i}))/f{i})"));
        let sharp = each(&|i| format!(" - c{i}*max(log(x) - d{i}, 0)"));
        for [a, b, c] in [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0], [2.0, 3.0, 1.0], [3.0, 2.0, 1.0]] {
            let given = [9.0, 10.0 * a, 7.0 * a, a, 10.0 * b, 7.0 * b, b, 10.0 * c, 7.0 * c, c];
            let found = sorted(&format!("exp(c0*log(x){smooth})"), &given);
            assert_eq!(found, [9.0, 10.0, 7.0, 1.0, 20.0, 14.0, 2.0, 30.0, 21.0, 3.0]);
            let found = sorted(&format!("exp(c0*log(x){sharp})"), &[9.0, 10.0 * a, a, 10.0 * b, b, 10.0 * c, c]);
            assert_eq!(found, [9.0, 10.0, 1.0, 20.0, 2.0, 30.0, 3.0]);
        }
    }

    #[test]
    fn numbers_alone_make_no_exchange() {
        // The second break counts twice, so the two do not mean the same.
        let law = "exp(c0 - c1*max(log(x) - d1, 0) - 2*c2*max(log(x) - d2, 0))";
        assert_eq!(sorted(law, &[0.0, 1.0, 5.0, 2.0, 3.0]), [0.0, 1.0, 5.0, 2.0, 3.0]);
    }
}

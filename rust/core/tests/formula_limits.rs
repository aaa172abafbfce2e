//! Where a formula has a value, and where it has none: signs of rows, NaN in comparisons, powers of 0, saturated functions.

#![allow(clippy::disallowed_methods, reason = "what is expected may come from the C library")]

use scaling_core::expr::{BLOCK, Program};

fn compile(formula: &str) -> Program {
    let columns: Vec<String> = ["x", "y", "D"].iter().map(ToString::to_string).collect();
    Program::compile(formula, &columns).unwrap_or_else(|error| panic!("{formula}: {error:?}"))
}

/// Value and derivatives at one row; `row` holds the values of the columns in use.
fn at(formula: &str, row: &[f64], params: &[f64]) -> Vec<f64> {
    let program = compile(formula);
    let columns: Vec<&[f64]> = row.iter().map(std::slice::from_ref).collect();
    assert_eq!((columns.len(), params.len()), (program.columns().len(), program.params().len()), "{formula}");
    let mut slots = vec![Vec::new(); program.slots()];
    program.fill(&columns, &mut slots);
    let mut workspace = program.workspace();
    program.bind(params, &mut workspace);
    let (mut value, mut jacobian) = ([0.0], vec![0.0; BLOCK * params.len()]);
    program.value_jacobian(&slots, 0, 1, &mut workspace, &mut value, &mut jacobian);
    let alone = program.evaluate(&columns, params)[0];
    assert!(alone.to_bits() == value[0].to_bits() || (alone.is_nan() && value[0].is_nan()), "{formula}");
    value.into_iter().chain((0..params.len()).map(|j| jacobian[j * BLOCK])).collect()
}

fn near(formula: &str, row: &[f64], params: &[f64], expected: &[f64]) {
    let got = at(formula, row, params);
    for (got, expected) in got.iter().zip(expected) {
        let close = (got - expected).abs() <= 1e-13 * (1.0 + expected.abs());
        assert!(close || got == expected, "{formula} at {row:?}, {params:?}: {got:?} for {expected:?}");
    }
    assert_eq!(got.len(), expected.len(), "{formula}");
}

#[test]
fn a_comparison_with_nan_has_no_answer() {
    for (formula, row) in [
        ("where(log(x) < 1, a*y, b*y)", &[-1.0, 2.0][..]),
        ("where(log(x) >= 1, a*y, b*y)", &[-1.0, 2.0]),
        ("where(log(x) == 1, a*y, b*y)", &[-1.0, 2.0]),
        ("where(log(x) != 1, a*y, b*y)", &[-1.0, 2.0]),
        ("where(sqrt(a*x) < 1, a, b)", &[-1.0]),
        ("where(log(x) < 1, a, a) + 0*b", &[-1.0]),
        ("min(a*log(x), b)", &[-1.0]),
        ("min(b, a*log(x))", &[-1.0]),
        ("max(a*log(x), b)", &[-1.0]),
        ("max(b, a*log(x))", &[-1.0]),
        ("abs(a*log(x)) + b", &[-1.0]),
    ] {
        let got = at(formula, row, &[1.2, 0.7]);
        assert!(got[0].is_nan(), "{formula}: {got:?}");
        if !formula.contains(" + ") {
            assert!(got[1..].iter().all(|slope| slope.is_nan()), "{formula}: {got:?}");
        }
    }
}

#[test]
fn a_value_without_one_is_not_simplified_away() {
    for formula in
        ["0*log(x)", "log(x) - log(x)", "0/log(x)", "where(x > 0, x, 0)*log(x)", "1**log(x)", "abs(x)**log(x)"]
    {
        assert!(at(formula, &[-1.0], &[])[0].is_nan(), "{formula}");
    }
}

#[test]
fn a_branch_not_taken_is_not_heard_of() {
    near("where(x > 0, x**a, 0)*b", &[-2.0], &[0.5, 3.0], &[0.0, 0.0, 0.0]);
    near("where(x > 0, (log(x) - c)**b, 1)", &[-2.0], &[0.5, 3.0], &[1.0, 0.0, 0.0]);
    near("where(x > 0, abs(a*log(x)), a)", &[-2.0], &[0.5], &[0.5, 1.0]);
    near("where(x > 0, min(a*log(x), 1), a)", &[-2.0], &[0.5], &[0.5, 1.0]);
}

#[test]
fn even_powers_and_products_of_negative_columns_have_their_value() {
    let (x, y) = (-1.7_f64, -0.6_f64);
    near("(x**2)**0.7", &[x], &[], &[(x * x).powf(0.7)]);
    near("(x*x)**b", &[x], &[0.7], &[(x * x).powf(0.7), (x * x).powf(0.7) * (x * x).ln()]);
    near("log(x**2)", &[x], &[], &[(x * x).ln()]);
    near("log10(x*x)", &[x], &[], &[(x * x).log10()]);
    near("log(x*y)", &[x, y], &[], &[(x * y).ln()]);
    near("log(a*x*y)", &[x, y], &[1.5], &[(1.5 * x * y).ln(), 1.0 / 1.5]);
    near("log(x/y)", &[x, y], &[], &[(x / y).ln()]);
    near("(x*y)**b", &[x, y], &[0.4], &[(x * y).powf(0.4), (x * y).powf(0.4) * (x * y).ln()]);
    near("sqrt(x**2)", &[x], &[], &[-x]);
    near("sqrt(x*y)", &[x, y], &[], &[(x * y).sqrt()]);
    near("log(-2*x)", &[x], &[], &[(-2.0 * x).ln()]);
    near("(-x)**b", &[x], &[0.4], &[1.7_f64.powf(0.4), 1.7_f64.powf(0.4) * 1.7_f64.ln()]);
    // A power of a negative number that is not written as a whole one has none.
    assert!(at("(x - 1)**b", &[x], &[2.0])[0].is_nan());
    assert!(at("x**b", &[x], &[0.4])[0].is_nan());
    near("(-1)**x", &[3.0], &[], &[-1.0]);
}

#[test]
fn only_signs_that_follow_are_demanded() {
    let demands = |formula: &str| {
        let program = compile(formula);
        let words: Vec<String> = program
            .requirements()
            .iter()
            .map(|r| format!("{} {}", program.columns()[r.column], r.kind.name()))
            .collect();
        words.join(", ")
    };
    for (formula, expected) in [
        ("log(x)", "x positive"),
        ("log(x**3)", "x positive"),
        ("log(a*x)", "x positive"),
        ("log(x*x)", "x non-zero"),
        ("log(x**2)", "x non-zero"),
        ("log(x*y)", "x non-zero, y non-zero"),
        ("(x*y)**b", "x non-zero, y non-zero"),
        ("log(x**2*y)", "x non-zero, y positive"),
        ("log(-2*x)", "x non-zero"),
        ("x**b*(x*y)**c", "x positive, y non-zero"),
        ("(x*(1 - y))**b", "x non-zero"),
        ("sqrt(x*x)", ""),
        ("sqrt(2*x)", "x non-negative"),
        ("a/x**2", "x non-zero"),
        ("a/x**0.5", "x positive"),
        ("a/sqrt(x)", "x positive"),
        ("(1 - x)**b", ""),
    ] {
        assert_eq!(demands(formula), expected, "{formula}");
    }
}

#[test]
fn a_column_may_be_zero_where_the_law_has_a_value_for_every_sign_of_the_exponent() {
    let kind = |formula: &str| compile(formula).requirements()[0].kind.name();
    for formula in ["B/(Dl + D**beta)", "E + A/(1 + (D/D0)**alpha)", "sigmoid(a*D**b)", "E + A*exp(-(D/tau)**k)"] {
        assert_eq!(kind(formula), "non-negative", "{formula}");
    }
    for formula in ["E + A*D**b", "E + A/D**b", "B/(Dl + D**beta) + log(D)", "a*exp(-b*D**c)", "1/(D**b + D**c)"] {
        assert_eq!(kind(formula), "positive", "{formula}");
    }
    let row = |beta: f64| at("B/(Dl + D**beta)", &[0.0], &[3.0, 2.0, beta]);
    assert_eq!(row(0.6), [1.5, 0.5, -0.75, 0.0]);
    assert_eq!(row(-0.6), [0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn powers_of_zero_have_the_limits_of_their_derivatives() {
    near("(1 - x)**b", &[1.0], &[0.6], &[0.0, 0.0]);
    near("E + A*(1 - x)**b", &[1.0], &[1.0, 2.0, 0.6], &[1.0, 1.0, 0.0, 0.0]);
    near("A*(1 - x)**b*y**c", &[1.0, 3.0], &[2.0, 0.6, 0.4], &[0.0, 0.0, 0.0, 0.0]);
    // 0**0 is 1, beside 0**b = 0: there is no derivative.
    assert_eq!(at("(1 - x)**b", &[1.0], &[0.0])[0], 1.0);
    assert!(!at("(1 - x)**b", &[1.0], &[0.0])[1].is_finite());
    // By the base: b 0**(b - 1).
    near("(x - c)**b", &[2.0], &[2.0, 1.5], &[0.0, 0.0, 0.0]);
    near("(x - c)**b", &[2.0], &[2.0, 1.0], &[0.0, -1.0, 0.0]);
    assert_eq!(at("(x - c)**b", &[2.0], &[2.0, 0.5])[1], f64::NEG_INFINITY);
    assert_eq!(at("(x - c)**b", &[2.0], &[2.0, -0.5])[0], f64::INFINITY);
    near("((x - c)**b)**d", &[2.0], &[2.0, 3.0, 0.5], &[0.0, 0.0, 0.0, 0.0]);
    near("(x - c)**1.5", &[2.0], &[2.0], &[0.0, 0.0]);
}

#[test]
fn a_product_with_zero_is_zero_whatever_the_sign_of_the_other_factor() {
    for y in [0.3, 3.0] {
        near("(log(y)*(1 - x)**0.6)**1.5", &[1.0, y], &[], &[0.0]);
        near("(log(y)*(1 - x)**b)**c", &[1.0, y], &[0.6, 1.5], &[0.0, 0.0, 0.0]);
        near("(log(y)*(1 - x)**b)**c", &[1.0, y], &[0.6, 0.4], &[0.0, 0.0, 0.0]);
        near("((1 - x)**b*(y - 1)*2)**c", &[1.0, y], &[0.6, 1.5], &[0.0, 0.0, 0.0]);
        near("((1 - x)**b/(y - 1))**c", &[1.0, y], &[0.6, 1.5], &[0.0, 0.0, 0.0]);
    }
    // Beside 0 the sign decides.
    assert!(at("(log(y)*(1 - x)**b)**c", &[0.5, 0.3], &[0.6, 1.5])[0].is_nan());
    assert!(at("(log(y)*(1 - x)**b)**c", &[1.0, -1.0], &[0.6, 1.5])[0].is_nan());
    let power = |y: f64| (y.ln() * 0.5_f64.powf(0.6)).powf(1.5);
    near("(log(y)*(1 - x)**0.6)**1.5", &[0.5, 3.0], &[], &[power(3.0)]);
}

#[test]
fn what_has_left_the_range_of_numbers_is_at_its_limit() {
    near("B/(1 + exp(k*(x - d)))", &[1e6], &[2.0, 3.0, 1.0], &[0.0, 0.0, 0.0, 0.0]);
    near("B/(c + exp(k*(x - d)))", &[1e6], &[2.0, 1.0, 3.0, 1.0], &[0.0, 0.0, 0.0, 0.0, 0.0]);
    near("B/(1 + exp(k*(x - d)))**2", &[1e6], &[2.0, 3.0, 1.0], &[0.0, 0.0, 0.0, 0.0]);
    near("A/(1 + (x/d)**k)", &[1e9], &[2.0, 3.0, 80.0], &[0.0, 0.0, 0.0, 0.0]);
    near("A*exp(-x/tau)*x", &[1e9], &[2.0, 3.0], &[0.0, 0.0, 0.0]);
    near("exp(-b*x*x)", &[1e200], &[0.5], &[0.0, 0.0]);
    near("tanh(a*exp(b*x))", &[1e4], &[2.0, 1.0], &[1.0, 0.0, 0.0]);
    near("A*exp(-exp(k*(x - d)))", &[1e4], &[2.0, 1.0, 3.0], &[0.0, 0.0, 0.0, 0.0]);
    near("exp(b*log(1 - x))", &[1.0], &[0.5], &[0.0, 0.0]);
    near("erf(lgamma(exp(b*x)))", &[1e4], &[2.0], &[1.0, 0.0]);
    near("B/(1 + lgamma(exp(b*x)))", &[1e4], &[3.0, 2.0], &[0.0, 0.0, 0.0]);
    near("exp(-lgamma(c + exp(b*x)))", &[1e4], &[3.0, 2.0], &[0.0, 0.0, 0.0]);
    // Powers with the exponent 0 are 1 in doubles too.
    for a in [0.0, 2.0] {
        let power = if a == 0.0 { 1.0 } else { 0.0 };
        assert_eq!(at("(c/(c + exp(x)))**a", &[1e4], &[3.0, a])[0], power);
        assert_eq!(at("(c/(c + exp(x)))**(a - y)", &[1e4, 2.0], &[3.0, a + 2.0])[0], power);
        assert_eq!(at("c**b/(c + exp(x))**a", &[1e4], &[3.0, 0.0, a])[0], power);
    }
    // No derivative is lost where the value has digits.
    let got = at("log(1/(2 + 4**c))", &[], &[300.0]);
    assert!((got[1] + 4_f64.ln()).abs() < 1e-13, "{got:?}");
    let far = at("tanh(a*x)", &[20.0], &[1.0])[1];
    assert!((far / (80.0 * (-40.0_f64).exp()) - 1.0).abs() < 1e-14, "{far}");
}

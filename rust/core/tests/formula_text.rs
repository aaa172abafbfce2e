//! What is a formula and what is not: precedence, transforms, and where an error lies.

#![allow(clippy::disallowed_methods, reason = "what is expected may come from the C library")]

use scaling_core::Error;
use scaling_core::error::FormulaProblem as P;
use scaling_core::expr::{Program, Transform, names};

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn value(formula: &str) -> f64 {
    let program = Program::compile(formula, &columns(&["x", "y"])).unwrap_or_else(|e| panic!("{formula}: {e}"));
    let data: [&[f64]; 2] = [&[3.0], &[5.0]];
    let used: Vec<&[f64]> = program.columns().iter().map(|c| data[usize::from(c == "y")]).collect();
    let params: Vec<f64> = program.params().iter().map(|p| p.len() as f64 + 1.0).collect();
    program.evaluate(&used, &params)[0]
}

fn refused(formula: &str) -> (P, usize, usize) {
    match Program::compile(formula, &columns(&["x", "y"])) {
        Err(Error::Formula { problem, start, end }) => (problem, start, end),
        other => panic!("{formula:?} gave {other:?}"),
    }
}

#[test]
fn precedence_is_pythons() {
    for (formula, expected) in [
        ("-x^2", -9.0),
        ("-x**2", -9.0),
        ("(-x)**2", 9.0),
        ("2^-1", 0.5),
        ("2**-x", 0.125),
        ("2^3^2", 512.0),
        ("(2^3)^2", 64.0),
        ("-2^-2", -0.25),
        ("2**-x**2*y", 5.0 / 512.0),
        ("y/x/2", 5.0 / 6.0),
        ("y-x-1", 1.0),
        ("y-(x-1)", 3.0),
        ("y*-x", -15.0),
        ("+x", 3.0),
        ("+-+x", -3.0),
        ("--x", 3.0),
        ("1 - -x", 4.0),
        ("y*x**2/3", 15.0),
        ("2*x+y", 11.0),
        ("1e-3*x", 0.003),
        (".5*x", 1.5),
        ("5.*x", 15.0),
        ("1.5E+1*x", 45.0),
        ("x*pi", 3.0 * std::f64::consts::PI),
        ("E*x + e", 8.0),
        ("min(x, y) + max(x, y)", 8.0),
        ("where(x < y, 1, 2)*x", 3.0),
        ("where(x >= y, 1, 2)*x", 6.0),
        ("where(x != y, x, y)", 3.0),
        ("where(x == 3, 7*x, y)", 21.0),
        ("abs(-x)", 3.0),
        ("sqrt(x)**2", 3.0),
        ("x**0", 1.0),
        ("x**-2", 1.0 / 9.0),
        ("(-x)**3", -27.0),
        ("(-x)**65", -(3_f64.powi(65))),
        ("log10(x)", 3_f64.log10()),
        ("log2(x) - ln(x)/log(2)", 0.0),
        ("x\n + \ty\r", 8.0),
        ("exp(log(0*x)) + x", 3.0),
    ] {
        let got = value(formula);
        assert!((got - expected).abs() <= 1e-14 * (1.0 + expected.abs()), "{formula}: {got} against {expected}");
    }
}

#[test]
fn errors_name_the_characters_and_what_was_meant() {
    let hinted = |formula: &str, at: usize, part: &str| {
        let (problem, start, end) = refused(formula);
        assert!(matches!(problem, P::UnexpectedCharacter { .. }), "{formula:?}: {problem}");
        assert_eq!((start, end), (at, at + 1), "{formula:?}: {problem}");
        assert!(problem.to_string().contains(part), "{formula:?}: {problem}");
    };
    hinted("a \u{2212} x", 2, "`-`");
    hinted("a\u{d7}x", 1, "`*`");
    hinted("`a b`*x", 0, "columns=");
    hinted("x.real", 1, "attributes");
    hinted("x[0]", 1, "indexing");
    hinted("'x'", 0, "strings");
    hinted("x = 2", 2, "`==`");
    hinted("x // 2", 2, "integer division");
    hinted("x << 2", 2, "shifts");
    hinted("a*x; b", 3, "one expression");
    hinted("a*x # note", 4, "comments");
    hinted("\u{3b1}*x", 0, "ASCII");
    hinted("x\0", 1, "unexpected");
    hinted("(y := x)", 3, "one expression");
    hinted("__import__('os').system('x')", 11, "strings");
    for (formula, start, end, part) in [
        ("", 0, 0, "empty"),
        (" \n\t", 0, 3, "empty"),
        ("1..2*x", 0, 4, "one decimal point"),
        ("1e*x", 0, 2, "exponent"),
        ("0x10*x", 0, 4, "decimal"),
        ("2x", 0, 2, "`*`"),
        ("1_000*x", 0, 5, "grouped"),
        ("x x", 2, 3, "operator is missing"),
        ("x (y)", 0, 1, "unknown function"),
        ("2 (y)", 2, 3, "operator is missing"),
        ("a*", 2, 2, "at the end"),
        ("*x", 0, 1, "before `*`"),
        ("a + * x", 4, 5, "before `*`"),
        ("(a*x", 0, 1, "never closed"),
        ("exp(a*x", 3, 4, "never closed"),
        ("a*x)", 3, 4, "closes nothing"),
        ("()", 1, 2, "before `)`"),
        ("a, x", 1, 2, "comma"),
        ("exq(x)", 0, 3, "did you mean `exp`"),
        ("sigmod(x)", 0, 6, "did you mean `sigmoid`"),
        ("atan(x)", 0, 4, "did you mean `arctan`"),
        ("quux(x)", 0, 4, "unknown function `quux`"),
        ("exp", 0, 3, "is a function"),
        ("a*log + x", 2, 5, "is a function"),
        ("pi(x)", 0, 2, "unknown function `pi`"),
        ("exp(x, y)", 0, 9, "takes 1 argument, got 2"),
        ("exp()", 0, 5, "takes 1 argument, got 0"),
        ("max(x)", 0, 6, "takes 2 arguments, got 1"),
        ("where(x < y, 1)", 0, 15, "takes 3 arguments, got 2"),
        ("where(x, 1, 2)", 6, 7, "must be a comparison"),
        ("where(x)", 0, 8, "takes 3 arguments"),
        ("where(x < y < 2, 1, 2)", 12, 13, "chained"),
        ("x < y", 2, 3, "`<` may only be"),
        ("max(x > 1, 2)", 6, 7, "`>` may only be"),
        ("lambda: x", 0, 6, "keyword"),
        ("x if y else 2", 2, 4, "keyword"),
        ("not x", 0, 3, "keyword"),
        ("1/0*x", 0, 3, "inf"),
        ("9**9**9**9*x", 3, 10, "inf"),
        ("x + log(-1)", 4, 11, "NaN"),
        ("x + (0 - 1)**0.5", 4, 16, "NaN"),
        ("1e999*x", 0, 5, "inf"),
        ("x + (1e308*10)", 4, 14, "inf"),
        ("y ~ a*y", 6, 7, "right side"),
        ("y ~ a ~ x", 6, 7, "at most one"),
        ("~ a*x", 0, 1, "left side"),
        ("y + 1 ~ a*x", 0, 5, "left side"),
        ("tanh(y) ~ a*x", 0, 7, "cannot be brought back"),
        ("log ~ a*x", 0, 3, "is a function"),
        ("y ~", 3, 3, "at the end"),
    ] {
        let (problem, from, to) = refused(formula);
        let sentence = problem.to_string();
        assert!(sentence.contains(part), "{formula:?}: {sentence}");
        assert_eq!((from, to), (start, end), "{formula:?}: {sentence}");
    }
}

#[test]
fn e_is_a_parameter_and_pi_is_not() {
    let found = names("log(L) ~ E + e*pi*N + E").unwrap();
    assert_eq!(found.names, ["E", "e", "N"]);
    let target = found.target.unwrap();
    assert_eq!((target.column.as_str(), target.transform), ("L", Transform::Ln));
}

#[test]
fn transforms_of_the_target_are_undone() {
    for name in ["log", "ln", "log10", "log2", "log1p", "exp", "expm1", "sqrt", "logit"] {
        let program = Program::compile(&format!("{name}(L) ~ a*x"), &columns(&["x", "L"])).unwrap();
        let target = program.target().unwrap();
        for y in [0.01, 0.3, 0.97] {
            assert!((target.inverse(target.apply(y)) - y).abs() < 1e-14, "{name}");
        }
        assert_eq!(Program::compile(&program.text(), &columns(&["x"])).unwrap().target(), Some(target));
    }
}

#[test]
fn branches_not_taken_leave_no_trace() {
    let program = Program::compile("where(x > 1, a*log(x - 1), b*x) + c*abs(x - d)", &columns(&["x"])).unwrap();
    let x: [f64; 4] = [0.5, 0.9, 2.0, 3.0];
    let mut slots = vec![Vec::new(); program.slots()];
    program.fill(&[&x], &mut slots);
    let mut ws = program.workspace();
    program.bind(&[2.0, 3.0, 1.0, 1.5], &mut ws);
    let block = scaling_core::expr::BLOCK;
    let (mut out, mut jac) = (vec![0.0; 4], vec![0.0; 4 * block]);
    program.value_jacobian(&slots, 0, 4, &mut ws, &mut out, &mut jac);
    for (i, &x) in x.iter().enumerate() {
        let (da, db) = if x > 1.0 { ((x - 1.0).ln(), 0.0) } else { (0.0, x) };
        assert!((jac[i] - da).abs() < 1e-15 && jac[block + i] == db, "{x}");
        assert_eq!(jac[2 * block + i], (x - 1.5).abs());
        assert_eq!(jac[3 * block + i], if x < 1.5 { 1.0 } else { -1.0 });
    }
    assert!(program.requirements().is_empty());
}

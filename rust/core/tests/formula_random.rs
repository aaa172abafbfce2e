//! Random formulas: their text reads back as the same formula, and a change of units found for one is exact.

#![allow(clippy::disallowed_methods, reason = "what is expected may come from the C library")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use scaling_core::expr::{Program, ShiftKind};

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Text of a random formula, fully parenthesised as Python would read it, beside a shorter one.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("x".to_string()),
        Just("y".to_string()),
        Just("alpha".to_string()),
        Just("b_1".to_string()),
        Just("pi".to_string()),
        (0_u32..1000).prop_map(|n| n.to_string()),
        (0.001_f64..1e6).prop_map(|x| format!("{x:e}")),
    ];
    leaf.prop_recursive(6, 48, 4, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("**"), Just("^")],
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("{a}{op}{b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("tanh({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("max({a}, {b})")),
            (inner.clone(), inner.clone(), inner.clone(), inner)
                .prop_map(|(l, r, a, b)| format!("where({l} <= {r}, {a}, {b})")),
        ]
    })
}

/// Formulas in which units can often be absorbed.
fn law() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "x", "y", "a", "b", "c", "d", "log(x)", "log(y)", "2", "a*x", "b/y", "x/c", "x**d", "1",
    ]);
    let leaf = leaf.prop_map(ToString::to_string);
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} + {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} - {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}*{b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}/({b})")),
            (inner.clone(), prop::sample::select(vec!["2", "0.5", "a", "b", "-c"]))
                .prop_map(|(a, e)| format!("({a})**({e})")),
            inner.clone().prop_map(|a| format!("exp({a})")),
            inner.clone().prop_map(|a| format!("log({a})")),
            inner.clone().prop_map(|a| format!("tanh({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("max({a}, {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("where({a} < {b}, {a}, {b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn text_parses_to_the_same_tree(formula in expression()) {
        let Ok(program) = Program::compile(&formula, &columns(&["x", "y"])) else { return Ok(()) };
        let text = program.text();
        let again = Program::compile(&text, &columns(&["x", "y"])).unwrap();
        prop_assert_eq!(&again.text(), &text);
        prop_assert_eq!(again.params(), program.params());
        let data: [&[f64]; 2] = [&[0.3, 1.7], &[2.2, 0.9]];
        let used: Vec<&[f64]> = program.columns().iter().map(|c| data[usize::from(c == "y")]).collect();
        let params = vec![0.7; program.params().len()];
        let (a, b) = (program.evaluate(&used, &params), again.evaluate(&used, &params));
        prop_assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())));
    }

    #[test]
    fn changes_of_units_are_exact_or_none(formula in law()) {
        let Ok(program) = Program::compile(&formula, &columns(&["x", "y"])) else { return Ok(()) };
        let data = [[1.3, 2.7, 4.1], [2.2, 1.9, 3.7]];
        let used: Vec<[f64; 3]> = program.columns().iter().map(|c| data[usize::from(c == "y")]).collect();
        let new: Vec<f64> = (0..program.params().len()).map(|i| 0.6 + 0.17 * i as f64).collect();
        let k = 1.3_f64;
        for column in (0..used.len()).map(Some).chain([None]) {
            let Some(change) = program.unit_change(column) else { continue };
            let mut natural = new.clone();
            for shift in &change.shifts {
                let e = shift.exponent(&new, &mut vec![0.0; new.len()]);
                match shift.kind {
                    ShiftKind::Multiplicative => natural[shift.param] *= k.powf(e),
                    ShiftKind::Additive => natural[shift.param] += e * k.ln(),
                }
            }
            let mut moved = used.clone();
            if let Some(c) = column {
                moved[c].iter_mut().for_each(|x| *x /= k);
            }
            let view = |d: &[[f64; 3]], p: &[f64]| {
                let columns: Vec<&[f64]> = d.iter().map(|c| &c[..]).collect();
                program.evaluate(&columns, p)
            };
            let (before, after) = (view(&used, &natural), view(&moved, &new));
            let factor = if column.is_none() { k } else { 1.0 };
            for (b, a) in before.iter().zip(&after) {
                let a = factor * a;
                // Random formulas cancel and overflow; a wrong exponent is off by a tenth or more.
                let same = (b - a).abs() <= 1e-6 * (1.0 + b.abs()) || !b.is_finite() || !a.is_finite() || b.abs() > 1e6;
                prop_assert!(same, "{} unit of {:?}: {} {}", formula, column, b, a);
            }
        }
    }
}

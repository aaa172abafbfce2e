//! What the compiler knows of the published laws: derivatives, structure, changes of units.

#![allow(clippy::disallowed_methods, reason = "what is expected may come from the C library")]

use scaling_core::expr::{BLOCK, Program, ShiftKind};

/// Formula, its columns, columns whose unit parameters absorb, whether they absorb the target's, linear parameters.
type Known = (&'static str, &'static [&'static str], &'static [&'static str], bool, &'static [&'static str]);

const LAWS: &[Known] = &[
    ("A*x**(-alpha)", &["x"], &["x"], true, &["A"]),
    ("E + A*x**(-alpha)", &["x"], &["x"], true, &["E", "A"]),
    ("A*(1/x + gamma)**alpha", &["x"], &["x"], true, &["A"]),
    ("E + A*(x + s)**(-alpha)", &["x"], &["x"], true, &["E", "A"]),
    ("E + A*exp(-x/tau)", &["x"], &["x"], true, &["E", "A"]),
    ("E + A*exp(-b*x)", &["x"], &["x"], true, &["E", "A"]),
    ("E + A*exp(-(x/tau)**kappa)", &["x"], &["x"], true, &["E", "A"]),
    ("c0 - c1*log(x)", &["x"], &["x"], true, &["c0", "c1"]),
    ("E + A*log(x)**(-alpha)", &["x"], &[], true, &["E", "A"]),
    ("exp(c0 + c1*log(x) + c2*log(x)**2)", &["x"], &[], true, &[]),
    ("E + A/(1 + (x/x0)**alpha)", &["x"], &["x"], true, &["E", "A"]),
    ("E + A1*x**(-alpha1) + A2*x**(-alpha2)", &["x"], &["x"], true, &["E", "A1", "A2"]),
    ("E + A*x**(-alpha)*(1 + log(1 + x))**gamma", &["x"], &[], true, &["E", "A"]),
    ("E + B*x**(-c0)*(1 + (x/d1)**(1/f1))**(-c1*f1)", &["x"], &["x"], true, &["E", "B"]),
    ("E + B*x**(-c0)*(1 + (x/d1)**(1/f1))**(-c1*f1)*(1 + (x/d2)**(1/f2))**(-c2*f2)", &["x"], &["x"], true, &["E", "B"]),
    ("exp(c0 - alpha0*log(x) - c1*max(log(x) - d1, 0)) + E", &["x"], &["x"], true, &["E"]),
    ("(Nc/N)**alpha_N", &["N"], &["N"], true, &[]),
    ("((Nc/N)**(alpha_N/alpha_D) + Dc/D)**alpha_D", &["N", "D"], &["N", "D"], true, &[]),
    ("(Nc/N)**alpha_N + (Sc/S)**alpha_S", &["N", "S"], &["N", "S"], true, &[]),
    ("E + A/N**alpha + B/D**beta", &["N", "D"], &["N", "D"], true, &["E", "A", "B"]),
    ("E + A/N**alpha + B/D**alpha", &["N", "D"], &["N", "D"], true, &["E", "A", "B"]),
    ("E + exp(a - alpha*log(N)) + exp(b - beta*log(D))", &["N", "D"], &["N", "D"], true, &["E"]),
    ("E + (A*M**eta + B*M**(-eta))*C**(-eta)", &["M", "C"], &["M", "C"], true, &["E", "A", "B"]),
    (
        "E + A/(U*k + U*k*rN*(1 - exp(-max(N/(U*k) - 1, 0)/rN)))**alpha + B/(U + U*r*(1 - exp(-max(D/U - 1, 0)/r)))**beta",
        &["N", "D", "U"],
        &[],
        true,
        &["E", "A", "B"],
    ),
    ("10**(a*log10(N) + b*log10(H) + c*log10(N)*log10(H) + d)", &["N", "H"], &[], true, &[]),
    (
        "c + (g/G**gamma + a)*N**(-alpha) + b*D**(-beta)",
        &["N", "D", "G"],
        &["N", "D", "G"],
        true,
        &["c", "g", "a", "b"],
    ),
    (
        "a*H**delta*N**(alpha + gamma*log(H)) + b*H**omega*D**(beta + zeta*log(H)) + c",
        &["N", "D", "H"],
        &[],
        true,
        &["a", "b", "c"],
    ),
    (
        "a/N**alpha + b/D**beta + c/(1 - S)**lambda_ + d/((1 - S)**delta*N**gamma) + e",
        &["N", "D", "S"],
        &["N", "D"],
        true,
        &["a", "b", "c", "d", "e"],
    ),
    (
        "A*(N*(1 - exp(-Pw/gw))*(1 - exp(-Pa/ga))*(1 - exp(-Pkv/gkv)))**(-alpha) + B*D**(-beta) + E",
        &["N", "D", "Pw", "Pa", "Pkv"],
        &["N", "D", "Pw", "Pa", "Pkv"],
        true,
        &["A", "B", "E"],
    ),
    ("k*F**alpha*N**beta", &["F", "N"], &["F", "N"], true, &["k"]),
    ("L0 + A*S1**(-alpha) - C*S2", &["S1", "S2"], &["S1", "S2"], true, &["L0", "A", "C"]),
    ("c*N**a*D**b", &["N", "D"], &["N", "D"], true, &["c"]),
    ("c*D**b", &["D"], &["D"], true, &["c"]),
    ("exp(s*N**q + S) + exp(B*N**b + Q)*D**(-exp(A*N**a + E))", &["N", "D"], &["N"], true, &[]),
    ("eps - k*exp(-gamma*L)", &["L"], &["L"], true, &["eps", "k"]),
    ("b + a/(1 + exp(-k*(x - x0)))", &["x"], &["x"], true, &["b", "a"]),
    ("b + a*sigmoid(k*(log(x) - x0))", &["x"], &["x"], true, &["b", "a"]),
    ("exp(-n*(N/c)**(-alpha))", &["N"], &["N"], false, &[]),
    ("exp(-a*k**(-b))", &["k"], &["k"], false, &[]),
    (
        "exp(ac + d1*p + d2*w - ay*(t - 4) - ap*log(N)) + exp(bc + e1*p + e2*w - by*(t - 4) - bd*log(D))",
        &["N", "D", "t", "p", "w"],
        &["N", "D", "p", "w"],
        true,
        &[],
    ),
    ("E + A*m4(a - alpha*log(x), k)", &["x"], &["x"], true, &["E", "A"]),
    ("logaddexp(e, logaddexp(a - alpha*log(N), b - beta*log(D)))", &["N", "D"], &["N", "D"], false, &["e"]),
    ("where(x < d, a + b*x, a + b*d + c*(x - d))", &["x"], &["x"], true, &["a", "b", "c"]),
    ("A*A*x", &["x"], &["x"], true, &[]),
    ("x/A/A", &["x"], &["x"], true, &[]),
    ("exp(a + a - b*log(x))", &["x"], &["x"], true, &[]),
    ("E + A/(c0 + sqrt(x/s))", &["x"], &["x"], true, &["E", "A"]),
];

fn compile(formula: &str, columns: &[&str]) -> Program {
    let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
    Program::compile(formula, &columns).unwrap_or_else(|e| panic!("{formula}: {e}"))
}

/// Numbers in (low, high) that depend on `seed` only.
fn numbers(seed: u64, n: usize, low: f64, high: f64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..n).map(|_| low + (high - low) * next()).collect()
}

#[test]
fn derivatives_agree_with_central_differences() {
    for (formula, columns, ..) in LAWS {
        let program = compile(formula, columns);
        let n = 37;
        let data: Vec<Vec<f64>> = (0..columns.len()).map(|c| numbers(c as u64 + 1, n, 1.6, 9.0)).collect();
        // Differences of a law of a share need shares.
        let data: Vec<Vec<f64>> = data
            .into_iter()
            .zip(program.columns())
            .map(
                |(d, name)| {
                    if name == "S" && formula.contains("1 - S") { d.iter().map(|x| x / 10.0).collect() } else { d }
                },
            )
            .collect();
        let data: Vec<&[f64]> = data.iter().map(Vec::as_slice).collect();
        let params = numbers(99, program.params().len(), 0.4, 1.4);
        let mut slots = vec![Vec::new(); program.slots()];
        program.fill(&data, &mut slots);
        let mut ws = program.workspace();
        program.bind(&params, &mut ws);
        let mut out = vec![0.0; n];
        let mut only = vec![0.0; n];
        let mut jac = vec![f64::NAN; params.len() * BLOCK];
        program.value_jacobian(&slots, 0, n, &mut ws, &mut out, &mut jac);
        program.value(&slots, 0, n, &mut ws, &mut only);
        assert_eq!(out, only, "{formula}");
        assert_eq!(out, program.evaluate(&data, &params), "{formula}");
        for j in 0..params.len() {
            // h = 1e-5: truncation h^2 f''' / 6 and rounding eps f / h are both near 1e-10 of the scale of f.
            let h = 1e-5;
            let at = |step: f64| {
                let mut moved = params.clone();
                moved[j] += step;
                program.evaluate(&data, &moved)
            };
            let (up, down, up2, down2) = (at(h), at(-h), at(2.0 * h), at(-2.0 * h));
            for i in 0..n {
                let near = (up[i] - down[i]) / (2.0 * h);
                let far = (up2[i] - down2[i]) / (4.0 * h);
                let difference = (4.0 * near - far) / 3.0;
                let exact = jac[j * BLOCK + i];
                let scale = out[i].abs() + exact.abs() + 1.0;
                assert!(
                    (difference - exact).abs() < 2e-8 * scale,
                    "{formula} d/d{} row {i}: {exact} against {difference}",
                    program.params()[j]
                );
            }
        }
    }
}

#[test]
fn linear_parameters_are_found() {
    for (formula, columns, _, _, expected) in LAWS {
        let program = compile(formula, columns);
        let names: Vec<&str> = program.linear().iter().map(|&p| program.params()[p].as_str()).collect();
        if !formula.starts_with("logaddexp") {
            assert_eq!(&names, expected, "{formula}");
        }
    }
}

#[test]
fn changes_of_units_leave_the_law_as_it_was() {
    for (formula, columns, absorbed, target, _) in LAWS {
        let program = compile(formula, columns);
        for (c, name) in program.columns().iter().enumerate() {
            let found = check_unit(&program, formula, Some(c));
            assert_eq!(found, absorbed.contains(&name.as_str()), "{formula}: unit of {name}");
        }
        assert_eq!(check_unit(&program, formula, None), *target, "{formula}: unit of the target");
    }
}

fn check_unit(program: &Program, formula: &str, column: Option<usize>) -> bool {
    let Some(change) = program.unit_change(column) else {
        return false;
    };
    let k = 1.7;
    let n = 20;
    let share = formula.contains("1 - S");
    let natural_data: Vec<Vec<f64>> = (0..program.columns().len())
        .map(|c| numbers(c as u64 + 11, n, if share { 0.1 } else { 1.6 }, if share { 0.9 } else { 9.0 }))
        .collect();
    let mut new_data = natural_data.clone();
    if let Some(c) = column {
        new_data[c].iter_mut().for_each(|x| *x /= k);
    }
    let new = numbers(5, program.params().len(), 0.4, 1.4);
    let mut natural = new.clone();
    for shift in &change.shifts {
        let mut grad = vec![f64::NAN; new.len()];
        let e = shift.exponent(&new, &mut grad);
        for j in 0..new.len() {
            let h = 1e-5;
            let mut up = new.clone();
            up[j] += h;
            let mut down = new.clone();
            down[j] -= h;
            let mut ignored = vec![0.0; new.len()];
            let difference = (shift.exponent(&up, &mut ignored) - shift.exponent(&down, &mut ignored)) / (2.0 * h);
            assert!((difference - grad[j]).abs() < 1e-7 * (1.0 + difference.abs()), "{formula}");
        }
        natural[shift.param] = match shift.kind {
            ShiftKind::Multiplicative => new[shift.param] * k.powf(e),
            ShiftKind::Additive => new[shift.param] + e * k.ln(),
        };
    }
    let view = |d: &[Vec<f64>]| -> Vec<f64> {
        let columns: Vec<&[f64]> = d.iter().map(Vec::as_slice).collect();
        program.evaluate(&columns, if std::ptr::eq(d, &raw const natural_data[..]) { &natural } else { &new })
    };
    let before = view(&natural_data);
    let after = view(&new_data);
    let factor = if column.is_none() { k } else { 1.0 };
    for (b, a) in before.iter().zip(&after) {
        assert!(
            (b - factor * a).abs() <= 1e-12 * (b.abs() + 1.0),
            "{formula}: {b} against {} in new units of {column:?}",
            factor * a
        );
    }
    true
}

#[test]
fn chinchilla_is_two_slots_and_a_sum_of_powers() {
    for formula in ["E + A/N**alpha + B/D**beta", "E + A*N**-alpha + B*D**-beta"] {
        let program = compile(formula, &["N", "D", "unused"]);
        assert_eq!(program.columns(), ["N", "D"]);
        assert_eq!(program.params(), ["E", "A", "alpha", "B", "beta"]);
        assert_eq!(program.slots(), 2);
        let [fill, bind, value, jacobian] = program.instructions();
        assert!(fill <= 4 && bind == 0 && value <= 6 && jacobian <= 13, "{fill} {bind} {value} {jacobian}");
        let sum = program.power_sum().unwrap();
        assert_eq!(sum.terms.len(), 3);
        assert_eq!(sum.terms[1].factor, Some(1));
        assert_eq!(sum.terms[1].exponents[0].1.coefficients, [(2, -1.0)]);
        let why: Vec<&str> = program.requirements().iter().map(|r| r.because.as_str()).collect();
        assert!(why.iter().all(|w| w.contains("**")), "{why:?}");
    }
    let log = compile("E + exp(a - alpha*log(N)) + exp(b - beta*log(D))", &["N", "D"]);
    let terms = &log.power_sum().unwrap().terms;
    assert_eq!(terms[1].log_amplitude.coefficients, [(1, 1.0)]);
    assert_eq!(terms[1].exponents[0].1.coefficients, [(2, -1.0)]);
}

#[test]
fn sums_of_powers_have_the_value_of_the_formula() {
    let mut recognised = 0;
    for (formula, columns, ..) in LAWS {
        let program = compile(formula, columns);
        let Some(sum) = program.power_sum() else {
            continue;
        };
        recognised += 1;
        let row = numbers(3, program.columns().len(), 1.6, 9.0);
        let params = numbers(4, program.params().len(), 0.4, 1.4);
        let value: f64 = sum
            .terms
            .iter()
            .map(|t| {
                let amplitude = t.scale * t.factor.map_or(1.0, |p| params[p]) * t.log_amplitude.value(&params).exp();
                t.exponents.iter().fold(amplitude, |v, (c, e)| v * row[*c].powf(e.value(&params)))
            })
            .sum();
        let columns: Vec<&[f64]> = row.iter().map(std::slice::from_ref).collect();
        let expected = program.evaluate(&columns, &params)[0];
        assert!((value - expected).abs() < 1e-13 * (1.0 + expected.abs()), "{formula}: {value} {expected}");
    }
    assert!(recognised >= 9, "{recognised}");
}

#[test]
fn positive_parameters_are_the_scales_under_powers() {
    for (formula, columns, expected) in [
        ("((Nc/N)**(alpha_N/alpha_D) + Dc/D)**alpha_D", &["N", "D"][..], &["Nc"][..]),
        ("E + B*x**(-c0)*(1 + (x/d1)**(1/f1))**(-c1*f1)", &["x"], &["d1"]),
        ("E + A/(1 + (x/x0)**alpha)", &["x"], &["x0"]),
        ("a*log(b*x)", &["x"], &["b"]),
        ("a*x**2 + sqrt(s)*x", &["x"], &["s"]),
    ] {
        let program = compile(formula, columns);
        let names: Vec<&str> = program.positive().iter().map(|&p| program.params()[p].as_str()).collect();
        assert_eq!(names, expected, "{formula}");
    }
}

#[test]
fn every_operation_has_its_derivative() {
    // a and b are parameters, so both sides of each operation are differentiated; x keeps it in the row stratum.
    for formula in [
        "-(a*x)",
        "exp(a*x)",
        "log(a*x)",
        "log10(a+x)",
        "log2(a+x)",
        "log1p(a*x)",
        "expm1(a*x)",
        "sqrt(a*x)",
        "abs(a*x-b)",
        "tanh(a*x)",
        "sigmoid(a*x)",
        "softplus(a*x-b)",
        "lgamma(a*x)",
        "sin(a*x)",
        "cos(a*x)",
        "arctan(a*x)",
        "erf(a*x)",
        "a*x+b*x",
        "a*x-b*x",
        "(a+x)*(b+x)",
        "(a+x)/(b+x)",
        "(a+x)**(b+x)",
        "(a+x)**3",
        "(a+x)**-2",
        "(a+x)**0.5",
        "(a+x)**-0.5",
        "(a+x)**1.5",
        "(a+x)**70",
        "2**(a*x)",
        "min(a*x, b+x)",
        "max(a*x, b+x)",
        "logaddexp(a*x, b-x)",
        "m4(a*x - 1, b)",
        "m4(30*a + x, b)",
        "m4(-20*a - x, b*x)",
        "m4(a - b*log(x), 0.3)",
        "where(a*x < b, a*x**2, b*x)",
        "where(a <= b, a*x**2, b*x)",
        "where(x == 2, a, b)",
        "a*(b*x + 1)",
        "a - b*x",
        "1/(1+exp(a*x))",
        "log(1+exp(a*x))",
        "(a/(b*x))**(a*x)",
        "sqrt(exp(a*x))",
        "log(a*exp(b*x))",
        "x**a*x**b",
        "x**a/x**b",
    ] {
        let program = compile(formula, &["x"]);
        let x = numbers(8, 13, 0.3, 2.4);
        let params = [0.8, 1.1];
        let mut slots = vec![Vec::new(); program.slots()];
        program.fill(&[&x], &mut slots);
        let mut ws = program.workspace();
        program.bind(&params[..program.params().len()], &mut ws);
        let p = program.params().len();
        let (mut out, mut jac) = (vec![0.0; 13], vec![f64::NAN; p * BLOCK]);
        program.value_jacobian(&slots, 0, 13, &mut ws, &mut out, &mut jac);
        for j in 0..p {
            // Five-point stencil: truncation h^4/30 times the fifth derivative, rounding 2 eps f / h; both are below 1e-11
            // at h = 1e-3 but for the 70th power, whose fifth derivative is 70^5 / 1.4^5 times its value.
            let h = 1e-3 / if formula.contains("70") { 100.0 } else { 1.0 };
            let at = |k: f64| {
                let mut moved = params;
                moved[j] += k * h;
                program.evaluate(&[&x], &moved)
            };
            let (a, b, c, d) = (at(-2.0), at(-1.0), at(1.0), at(2.0));
            for i in 0..13 {
                let difference = (a[i] - 8.0 * b[i] + 8.0 * c[i] - d[i]) / (12.0 * h);
                let exact = jac[j * BLOCK + i];
                let scale = exact.abs() + out[i].abs() + 1.0;
                // A kink within the stencil says nothing.
                let kink = (c[i] - 2.0 * out[i] + b[i]).abs() > 0.01 * h * scale && !formula.contains("**");
                assert!(
                    kink || (difference - exact).abs() < 3e-9 * scale,
                    "{formula} d{j} row {i}: {exact} {difference}"
                );
            }
        }
    }
}

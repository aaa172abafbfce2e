//! Curves of one power, fitted one after another, are those of the general search, which takes the same law written with |x|.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "the data of tests may differ in a last digit")]

use scaling_core::batch::{Control, FitRow, fit_groups};
use scaling_core::columns::Columns;
use scaling_core::expr::Program;
use scaling_core::loss::{Criterion, Loss};
use scaling_core::question::{Question, Starts};
use scaling_core::residual::Residual;
use scaling_core::solve::Status;
use scaling_core::space::ParamSpec;

const LOSSES: [Loss; 5] = [
    Loss::Squared,
    Loss::Huber { delta: 1e-2 },
    Loss::Huber { delta: 1e-3 },
    Loss::SoftL1 { delta: 1e-2 },
    Loss::LogCosh { scale: 1e-2 },
];

const CONVEX: [Loss; 6] = [LOSSES[0], LOSSES[1], LOSSES[2], LOSSES[3], LOSSES[4], Loss::Absolute];

/// Evaluations of the law that a fit makes do with, among them the descents from all over a shallow objective.
const FEW: usize = 2500;

/// A number in (0, 1), equally spread over `i`.
fn share(step: f64, i: usize) -> f64 {
    (step * (i + 1) as f64).fract()
}

/// Rows of several curves: x, y and where each begins.
#[derive(Clone, Default)]
struct Rows {
    x: Vec<f64>,
    y: Vec<f64>,
    offsets: Vec<usize>,
}

/// Curves of `law` at x over three decades, with noise of .5 %.
fn curves(count: usize, law: impl Fn(usize, f64) -> f64) -> Rows {
    let mut rows = Rows { offsets: vec![0], ..Rows::default() };
    for k in 0..count {
        let n = 8 + k % 17;
        for i in 0..n {
            // In no order, and not evenly.
            let x = 10_f64.powf(3.0 * share(0.618_033_988_749, 7 * k + i));
            let noise = 0.005 * (share(0.414_213_562_37, 31 * k + i) + share(0.732_050_807_57, 17 * k + i) - 1.0) * 2.4;
            rows.x.push(x);
            rows.y.push(law(k, x) * noise.exp());
        }
        rows.offsets.push(rows.x.len());
    }
    rows
}

/// A floor and a power, of an amplitude that many curves hardly show above the noise.
fn offset(k: usize, x: f64) -> f64 {
    let (e, a, c) = (0.5 + 2.5 * share(0.618, k), share(0.755, k), 0.1 + 0.5 * share(0.57, k));
    e + if k.is_multiple_of(3) { 0.03 * a } else { a } * x.powf(-c)
}

fn fits(formula: &str, rows: &Rows, loss: Loss, residual: Residual, specs: Option<&[ParamSpec]>) -> Vec<FitRow> {
    let program = Program::compile(formula, &["x".into()]).unwrap();
    let params = specs.map_or_else(|| vec![ParamSpec::default(); program.params().len()], <[ParamSpec]>::to_vec);
    let columns = Columns {
        names: vec!["x".into()],
        inputs: vec![rows.x.clone()],
        target: rows.y.clone(),
        weights: None,
        sigma: None,
        offsets: rows.offsets.clone(),
    };
    let question = Question { program, columns, params, criterion: Criterion::Sum(loss), residual };
    fit_groups(&question, &Starts::Auto, 1, &Control::default()).unwrap()
}

fn positive() -> [ParamSpec; 3] {
    [ParamSpec { lower: 0.0, ..ParamSpec::default() }; 3]
}

/// No fit is above that of the general search, and where they are the same point they say the same of it.
fn compare(quick: &[FitRow], slow: &[FitRow], what: &str) {
    let mut same = 0;
    for (k, (a, b)) in quick.iter().zip(slow).enumerate() {
        if b.status == Status::Unbounded || !b.objective.is_finite() {
            continue;
        }
        assert!(a.objective <= b.objective * (1.0 + 1e-9), "{what}, curve {k}: {:e} {:e}", a.objective, b.objective);
        if b.objective > a.objective * (1.0 + 1e-9) || a.status != b.status || a.status != Status::Converged {
            continue;
        }
        same += 1;
        assert_eq!(a.at_bound, b.at_bound, "{what}, curve {k}");
        assert!(a.certificate.holds(), "{what}, curve {k}: {:?}", a.certificate);
        assert!(a.condition < 10.0 * b.condition && b.condition < 10.0 * a.condition, "{what}, curve {k}");
        for (p, q) in a.params.iter().zip(&b.params) {
            let far = (p - q).abs() > 1e-7 * q.abs().max(1.0) * a.condition.sqrt();
            assert!(!far, "{what}, curve {k}: {p} {q}");
        }
    }
    assert!(2 * same >= quick.len(), "{what}: only {same} are the same");
    let few = quick.iter().filter(|row| row.evaluations < FEW).count();
    assert!(10 * few >= 9 * quick.len(), "{what}: {few} of {} with few evaluations", quick.len());
}

#[test]
fn curves_under_every_smooth_convex_loss_are_those_of_the_general_search() {
    let rows = curves(24, offset);
    for loss in LOSSES {
        for residual in [Residual::Log, Residual::Raw] {
            for specs in [None, Some(&positive()[..])] {
                if specs.is_none() && residual == Residual::Log {
                    continue;
                }
                let [quick, slow] =
                    ["E + A*x**(-c)", "E + A*abs(x)**(-c)"].map(|f| fits(f, &rows, loss, residual, specs));
                compare(&quick, &slow, &format!("{loss:?} {residual:?}"));
            }
        }
    }
}

#[test]
fn curves_under_absolute_deviations_are_those_of_the_general_search() {
    let falling = curves(24, |k, x| offset(3 * k + 1, x));
    let rising = curves(24, |k, x| 0.5 + share(0.6, k) + (0.1 + share(0.755, k)) * x.powf(0.1 + 0.3 * share(0.57, k)));
    for (quick, slow, rows) in [
        ("E + A*x**(-c)", "E + A*abs(x)**(-c)", &falling),
        ("A/x**c + E", "A/abs(x)**c + E", &falling),
        ("E + A*x**c", "E + A*abs(x)**c", &rising),
    ] {
        for residual in [Residual::Log, Residual::Raw] {
            let [a, b] = [quick, slow].map(|f| fits(f, rows, Loss::Absolute, residual, Some(&positive())));
            compare(&a, &b, &format!("{quick} {residual:?}"));
        }
    }
}

#[test]
fn a_curve_under_absolute_deviations_meets_as_many_rows_as_it_has_parameters() {
    let rows = curves(24, |k, x| offset(3 * k + 1, x));
    let fits = fits("E + A*x**(-c)", &rows, Loss::Absolute, Residual::Log, Some(&positive()));
    let mut vertices = 0;
    for (row, ends) in fits.iter().zip(rows.offsets.windows(2)) {
        let [e, a, c] = row.params[..] else { panic!("three parameters") };
        let met =
            (ends[0]..ends[1]).filter(|&i| ((e + a * rows.x[i].powf(-c)) / rows.y[i] - 1.0).abs() < 1e-11).count();
        let multiplier = row.certificate.multiplier;
        assert!(row.status == Status::Converged && row.exhaustive && multiplier <= 1.0, "{:?}", row.certificate);
        // Where the law bends enough, two will do.
        assert!((2..=3).contains(&met), "{met}");
        vertices += usize::from(met == 3);
    }
    assert!(vertices >= 20, "{vertices}");
}

#[test]
fn spellings_of_the_law_are_one_law() {
    let falling = curves(12, |k, x| offset(3 * k + 1, x));
    let rising = curves(12, |k, x| 6.0 - offset(3 * k + 1, x));
    let alone = curves(12, |k, x| (0.5 + share(0.6, k)) * x.powf(-0.3 * share(0.755, k)));
    for (quick, slow, rows) in [
        ("A/x**c + E", "A/abs(x)**c + E", &falling),
        ("exp(e) + exp(a - c*log(x))", "exp(e) + exp(a - c*log(abs(x)))", &falling),
        ("E + 3*A*exp(-2*c*log(x))", "E + 3*A*exp(-2*c*log(abs(x)))", &falling),
        ("E - A*x**(-c)", "E - A*abs(x)**(-c)", &rising),
        ("A*x**(-c)", "A*abs(x)**(-c)", &alone),
    ] {
        for residual in [Residual::Log, Residual::Raw] {
            let loss = Loss::Huber { delta: 1e-2 };
            let [a, b] = [quick, slow].map(|f| fits(f, rows, loss, residual, None));
            compare(&a, &b, &format!("{quick} {residual:?}"));
        }
    }
}

#[test]
fn units_change_nothing() {
    let rows = curves(12, |k, x| offset(3 * k + 1, x));
    let mut other = rows.clone();
    other.x.iter_mut().for_each(|x| *x *= 1e12);
    other.y.iter_mut().for_each(|y| *y *= 1e-6);
    for loss in [Loss::Huber { delta: 1e-3 }, Loss::Absolute] {
        let of = |rows: &Rows| fits("E + A*x**(-c)", rows, loss, Residual::Log, Some(&positive()));
        for (a, b) in of(&rows).iter().zip(&of(&other)) {
            assert_eq!(a.status, b.status);
            assert!((a.objective - b.objective).abs() <= 1e-9 * a.objective);
            assert!((a.params[2] - b.params[2]).abs() <= 1e-6 * a.params[2]);
            assert!((1e-6 * a.params[0] - b.params[0]).abs() <= 1e-6 * b.params[0]);
        }
    }
}

#[test]
fn weights_count_rows_as_often_as_they_say() {
    let rows = curves(6, |k, x| offset(3 * k + 1, x));
    let program = Program::compile("E + A*x**(-c)", &["x".into()]).unwrap();
    let weights: Vec<f64> = (0..rows.x.len()).map(|i| (1 + i % 3) as f64).collect();
    let mut twice = Rows { offsets: vec![0], ..Rows::default() };
    for ends in rows.offsets.windows(2) {
        for i in (ends[0]..ends[1]).flat_map(|i| std::iter::repeat_n(i, 1 + i % 3)) {
            twice.x.push(rows.x[i]);
            twice.y.push(rows.y[i]);
        }
        twice.offsets.push(twice.x.len());
    }
    for loss in CONVEX {
        let columns = Columns {
            names: vec!["x".into()],
            inputs: vec![rows.x.clone()],
            target: rows.y.clone(),
            weights: Some(weights.clone()),
            sigma: None,
            offsets: rows.offsets.clone(),
        };
        let question = Question {
            program: program.clone(),
            columns,
            params: positive().to_vec(),
            criterion: Criterion::Sum(loss),
            residual: Residual::Log,
        };
        let weighted = fit_groups(&question, &Starts::Auto, 1, &Control::default()).unwrap();
        let repeated = fits("E + A*x**(-c)", &twice, loss, Residual::Log, Some(&positive()));
        for (a, b) in weighted.iter().zip(&repeated) {
            assert_eq!(a.status, b.status);
            assert!((a.objective - b.objective).abs() <= 1e-9 * a.objective, "{loss:?}");
        }
    }
}

#[test]
fn a_power_that_only_the_smallest_x_shows_runs_off() {
    let y = [1.3, 1.0, 1.01, 0.99, 1.02, 1.0, 0.98, 1.0, 1.01];
    let x = [1.5, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 89.0];
    let rows = Rows { x: x.to_vec(), y: y.to_vec(), offsets: vec![0, 9] };
    for loss in [Loss::Squared, Loss::Huber { delta: 1e-2 }, Loss::Absolute] {
        for residual in [Residual::Log, Residual::Raw] {
            let row = fits("E + A*x**(-c)", &rows, loss, residual, Some(&positive())).remove(0);
            assert_eq!(row.status, Status::Unbounded);
            // Nowhere, and to infinity.
            let ends: Vec<u8> = row.runs_off.iter().map(|end| *end as u8).collect();
            assert_eq!(ends, [0, 1, 1]);
            let at_first = row.params[0] + row.params[1] * 1.5_f64.powf(-row.params[2]);
            assert!((at_first - 1.3).abs() < 1e-9, "{loss:?} {residual:?}: {:?}", row.params);
        }
    }
}

#[test]
fn rows_that_rise_have_no_falling_power() {
    let rows = curves(6, |k, x| 1.0 + 0.1 * (1 + k) as f64 * x.ln());
    for loss in CONVEX {
        for row in fits("E + A*x**(-c)", &rows, loss, Residual::Log, Some(&positive())) {
            assert_eq!(row.params[1], 0.0, "{loss:?}");
            // Where other constants are as good, the general report speaks of the exponent alone.
            if row.status != Status::Unbounded {
                assert_eq!(row.status, Status::NotIdentified, "{loss:?}");
                assert!(row.at_bound[1] && row.unidentified[2], "{loss:?}");
            }
        }
    }
}

#[test]
fn a_floor_that_lies_at_zero_is_on_its_bound() {
    // A line in logs that bends downwards.
    let rows = curves(6, |k, x| (-(0.1 + 0.02 * k as f64) * x.ln() - 0.02 * x.ln().powi(2)).exp());
    for loss in CONVEX {
        for row in fits("E + A*x**(-c)", &rows, loss, Residual::Log, Some(&positive())) {
            assert!(row.status == Status::Converged && row.params[0] < 1e-12, "{loss:?}");
            assert_eq!(row.at_bound[0], row.params[0] == 0.0);
        }
    }
}

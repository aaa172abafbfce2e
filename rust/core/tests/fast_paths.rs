//! Every short cut beside the long way round: a law that is recognised, and the same law written so that it is not.

#![allow(clippy::disallowed_methods, reason = "what is expected may come from the C library")]

use scaling_core::batch::{Control, FitRow, Resampling, Scheme, fit_groups, resample};
use scaling_core::columns::Columns;
use scaling_core::expr::Program;
use scaling_core::loss::{Criterion, Loss};
use scaling_core::problem::{Expansion, Fitter, Linearised, Problem};
use scaling_core::question::{Question, Starts};
use scaling_core::residual::Residual;
use scaling_core::solve::{Model, Objective, Rows, Status};
use scaling_core::space::ParamSpec;

/// Numbers between 0 and 1 that look random.
fn share(step: f64, i: usize) -> f64 {
    (step * (i as f64 + 1.0)).fract()
}

fn question(formula: &str, columns: &[(&str, Vec<f64>)], target: Vec<f64>, loss: Loss, residual: Residual) -> Question {
    let names: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let program = Program::compile(formula, &names).expect("the law compiles");
    let of = |name: &String| columns.iter().find(|(n, _)| n == name).expect("every column is given").1.clone();
    let inputs = program.columns().iter().map(of).collect();
    let params = vec![ParamSpec { lower: 0.0, ..ParamSpec::default() }; program.params().len()];
    let offsets = vec![0, target.len()];
    let columns = Columns { names: program.columns().to_vec(), inputs, target, weights: None, sigma: None, offsets };
    Question { columns, program, params, criterion: Criterion::Sum(loss), residual }
}

/// Runs of a Chinchilla-like design with heavy noise.
fn runs(n: usize, noise: f64) -> ([(&'static str, Vec<f64>); 2], Vec<f64>) {
    let size: Vec<f64> = (0..n).map(|i| (17.5 + 6.0 * share(0.618_033_988_749_895, i)).exp()).collect();
    let tokens: Vec<f64> = (0..n).map(|i| (19.0 + 7.0 * share(0.754_877_666_246_693, i)).exp()).collect();
    let target = (0..n)
        .map(|i| {
            let wild = noise * (share(0.569_840_290_998_053, i) - 0.5) * if i % 7 == 0 { 6.0 } else { 1.0 };
            (1.8 + 478.0 / size[i].powf(0.347) + 2143.0 / tokens[i].powf(0.367)) * wild.exp()
        })
        .collect();
    ([("N", size), ("D", tokens)], target)
}

const RECOGNISED: &str = "E + A/N**alpha + B/D**beta";
const WRITTEN_OTHERWISE: &str = "abs(E) + A/N**alpha + B/D**beta";

fn fit(question: &Question) -> Vec<FitRow> {
    fit_groups(question, &Starts::Auto, 1, &Control::default()).expect("one thread can be had")
}

#[test]
fn the_law_near_a_point_is_the_law() {
    let (columns, target) = runs(500, 0.05);
    for residual in [Residual::Log, Residual::Raw] {
        for loss in [Loss::Huber { delta: 1e-2 }, Loss::Squared, Loss::Cauchy { delta: 0.05 }] {
            let question = question(RECOGNISED, &columns, target.clone(), loss, residual);
            let group = question.group(0);
            let problem =
                Problem::new(&question.program, &group, &question.params, question.criterion, question.residual);
            let mut x = vec![0.0; 5];
            problem.space.coordinates(&[1.8, 478.0, 0.347, 2143.0, 0.367], &mut x);
            let expansion = Expansion::new(&problem, &group.inputs, &x).unwrap();
            let (mut long, mut short) = (Fitter::new(&problem), Fitter::new(&problem));
            short.expand_around(&expansion);
            for fitter in [&mut long, &mut short] {
                fitter.select(|i| f64::from((i * i % 3) as u32));
            }
            let (mut expected, mut found) = (Model::new(5), Model::new(5));
            // From hardly moved to so far that only the law itself will do; without a metric in one pass over the rows.
            for (number, step) in [0.0, 1e-6, 1e-3, 0.03, 0.1, 0.5, 3.0].repeat(2).into_iter().enumerate() {
                (long.with_metric, short.with_metric) = (number < 7, number < 7);
                let moved: Vec<f64> = x.iter().enumerate().map(|(a, v)| v + step * (share(0.414, a) - 0.4)).collect();
                let (a, b) = (long.model(&moved, &mut expected), short.model(&moved, &mut found));
                assert!((a - b).abs() <= 1e-12 * a.abs(), "{loss:?} {step}: {a:e} {b:e}");
                let scale = expected.psi_squares.sqrt();
                for j in 0..5 {
                    let size = scale * expected.column_squares[j].sqrt();
                    assert!((expected.gradient[j] - found.gradient[j]).abs() <= 1e-12 * size, "{loss:?} {step}");
                }
                for (a, b) in expected.hessian.iter().zip(&found.hessian) {
                    assert!((a - b).abs() <= 1e-10 * expected.hessian[0].abs().max(a.abs()), "{loss:?} {step}");
                }
                assert_eq!(expected.curved, found.curved);
            }
        }
    }
}

/// Columns with their names.
type Named<'a> = &'a [(&'a str, Vec<f64>)];

/// Where no parameter is fixed.
const NONE: usize = usize::MAX;

#[test]
fn second_derivatives_near_a_point_are_those_of_the_law() {
    let (columns, target) = runs(250, 0.05);
    let size = vec![("N", columns[0].1.clone())];
    let laws: [(&str, Named<'_>, &[f64], usize); 6] = [
        (RECOGNISED, &columns, &[1.8, 478.0, 0.347, 2143.0, 0.367], NONE),
        (RECOGNISED, &columns, &[1.8, 478.0, 0.347, 2143.0, 0.367], 2),
        ("A/N**alpha + B/D**beta", &columns, &[478.0, 0.347, 2143.0, 0.367], NONE),
        ("exp(a)/N**alpha + E", &size, &[6.0, 0.33, 1.8], NONE),
        ("A/N**alpha", &size, &[30.0, 0.15], NONE),
        ("E + 2*A*N**(-3*alpha) + exp(b - beta*log(D))", &columns, &[1.8, 239.0, 0.1157, 7.67, 0.367], 0),
    ];
    for (formula, columns, natural, fixed) in laws {
        for (residual, loss, sigma) in [
            (Residual::Log, Loss::Huber { delta: 1e-2 }, false),
            (Residual::Log, Loss::Squared, true),
            (Residual::Raw, Loss::Huber { delta: 0.1 }, true),
        ] {
            let mut question = question(formula, columns, target.clone(), loss, residual);
            for param in &mut question.params {
                param.lower = f64::NEG_INFINITY;
            }
            if fixed != NONE {
                question.params[fixed].fixed = Some(natural[fixed]);
            }
            if sigma {
                question.columns.sigma = Some((0..250).map(|i| 0.5 + share(0.7, i)).collect());
            }
            let group = question.group(0);
            let problem =
                Problem::new(&question.program, &group, &question.params, question.criterion, question.residual);
            let q = problem.space.dimension();
            let mut x = vec![0.0; q];
            problem.space.coordinates(natural, &mut x);
            let expansion = Expansion::new(&problem, &group.inputs, &x).expect(formula);
            let mut fitter = Fitter::new(&problem);
            fitter.select(|i| f64::from((i * i % 3) as u32));
            for (a, v) in x.iter_mut().enumerate() {
                *v += 0.02 * (share(0.414, a) - 0.4);
            }
            let mut rows = Rows::default();
            assert!(fitter.rows(&x, &mut rows));
            let slopes: Vec<f64> = rows.weight.iter().zip(&rows.psi).map(|(w, psi)| w * psi).collect();
            let mut expected = vec![vec![0.0; q]; q];
            for b in 0..q {
                let (h, mut ends) = (1e-5 * x[b].abs().max(0.1), [vec![0.0; q], vec![0.0; q]]);
                for (end, sign) in ends.iter_mut().zip([1.0, -1.0]) {
                    let mut there = x.clone();
                    there[b] += sign * h;
                    assert!(fitter.pull_back(&there, &slopes, end));
                }
                for a in 0..q {
                    expected[a][b] = (ends[0][a] - ends[1][a]) / (2.0 * h);
                }
            }
            fitter.expand_around(&expansion);
            (fitter.with_metric, fitter.with_second) = (false, true);
            let mut model = Model::new(q);
            fitter.model(&x, &mut model);
            assert!(model.has_second, "{formula}");
            let slope = model.psi_squares.sqrt();
            for a in 0..q {
                for b in 0..q {
                    let scale = slope * (model.column_squares[a] * model.column_squares[b]).sqrt().sqrt().max(1.0);
                    let (a_b, other) = (model.second[a * q + b], expected[a][b]);
                    assert!(
                        (a_b - other).abs() <= 1e-6 * scale + 1e-6 * other.abs(),
                        "{formula} {a} {b}: {a_b} {other}"
                    );
                }
            }
        }
    }
}

#[test]
fn replicates_that_go_far_are_those_of_the_law_itself() {
    // Few noisy rows: exponents of replicates differ from those of the fit by more than the short form can bear.
    let (columns, target) = runs(14, 0.25);
    let [quick, slow] = [RECOGNISED, WRITTEN_OTHERWISE].map(|formula| {
        let question = question(formula, &columns, target.clone(), Loss::Huber { delta: 1e-2 }, Residual::Log);
        assert_eq!(question.program.power_sum().is_some(), formula == RECOGNISED);
        let base = fit(&question);
        let resampling = Resampling { scheme: Scheme::Pairs.into(), first: 0, count: 400, seed: 3, starts: 0 };
        let draws = resample(&question, &base, &resampling, 2, &Control::default()).unwrap();
        (base, draws)
    });
    let columns: Vec<&Vec<f64>> = columns.iter().map(|(_, values)| values).collect();
    let spread = |values: &Vec<f64>| {
        let logs: Vec<f64> = values.iter().map(|v| v.ln()).collect();
        logs.iter().fold(f64::MIN, |m, v| m.max(*v)) - logs.iter().fold(f64::MAX, |m, v| m.min(*v))
    };
    let (mut far, mut compared) = (0, 0);
    for i in 0..400 {
        if quick.1.status[i] != Status::Converged || slow.1.status[i] != Status::Converged {
            continue;
        }
        compared += 1;
        let change = (quick.1.params[2][i] - quick.0[0].params[2]).abs() * spread(columns[0]);
        far += usize::from(change > 2.0);
        let (a, b) = (quick.1.objective[i], slow.1.objective[i]);
        assert!((a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-15, "replicate {i}: {a:e} {b:e}");
    }
    assert!(far > 20 && compared > 100, "{far} of {compared} go far: the case no longer needs the law itself");
}

#[test]
fn curves_in_a_row_are_those_of_the_general_search() {
    let (mut x, mut y, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
    for k in 0..200 {
        let n = 6 + k % 25;
        let (e, a, c) = (0.5 + share(0.618, k), 1.0 + 9.0 * share(0.755, k), 0.05 + 1.2 * share(0.57, k));
        for i in 0..n {
            let at = 10_f64.powf(3.0 * i as f64 / (n as f64 - 1.0));
            x.push(at);
            // Some curves are mostly noise.
            let noise = if k % 5 == 0 { 0.3 } else { 0.01 };
            y.push((e + a * at.powf(-c)) * (noise * (share(0.414_213_56, 31 * k + i) - 0.5)).exp());
        }
        offsets.push(x.len());
    }
    let [quick, slow] = ["E + A*x**(-c)", "E + A*abs(x)**(-c)"].map(|formula| {
        let mut question = question(formula, &[("x", x.clone())], y.clone(), Loss::Squared, Residual::Raw);
        question.columns.offsets.clone_from(&offsets);
        question.params = vec![ParamSpec::default(); 3];
        assert_eq!(question.program.power_sum().is_some(), formula == "E + A*x**(-c)");
        fit(&question)
    });
    for (k, (a, b)) in quick.iter().zip(&slow).enumerate() {
        if a.status == Status::Converged && b.status == Status::Converged {
            assert!(a.objective <= b.objective * (1.0 + 1e-9), "curve {k}: {:e} {:e}", a.objective, b.objective);
            if b.objective <= a.objective * (1.0 + 1e-9) {
                for (p, q) in a.params.iter().zip(&b.params) {
                    assert!((p - q).abs() <= 1e-6 * q.abs().max(1.0) * a.condition.sqrt(), "curve {k}: {p} {q}");
                }
            }
        }
    }
    let converged = |rows: &[FitRow]| rows.iter().filter(|row| row.status == Status::Converged).count();
    assert!(converged(&quick) >= converged(&slow) && converged(&quick) > 150);
}

#[test]
fn two_powers_of_one_exponent_are_searched_everywhere() {
    // Along c such curves have valleys close together: what was one power read as two, and two as one.
    let (mut x, mut y, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
    for k in 0..60 {
        let n = 8 + k % 45;
        let (a, b, c) = (1.0 + 4.0 * share(0.618, k), 1.0 + 4.0 * share(0.755, k), 0.2 + 0.6 * share(0.57, k));
        for i in 0..n {
            let at = 10_f64.powf(3.0 * share(0.382, 17 * k + i));
            x.push(at);
            let noise = 1.0 + 0.03 * (share(0.414_213_56, 31 * k + i) - 0.5);
            y.push((1.0 + a * at.powf(-c) + b * at.powf(-2.0 * c)) * noise);
        }
        offsets.push(x.len());
    }
    let mut question =
        question("E + A*x**(-c) + B*x**(-2*c)", &[("x", x.clone())], y.clone(), Loss::Squared, Residual::Raw);
    question.columns.offsets.clone_from(&offsets);
    question.params = vec![ParamSpec::default(); 4];
    for (k, row) in fit(&question).iter().enumerate() {
        // The best of two hundred exponents, the rest solved by elimination.
        let rows = offsets[k]..offsets[k + 1];
        let scanned = (0..200).map(|i| {
            let c = 0.02 * 300_f64.powf(f64::from(i) / 199.0);
            let basis = |v: f64| [1.0, v.powf(-c), v.powf(-2.0 * c)];
            let (mut gram, mut right) = ([0.0; 9], [0.0; 3]);
            for (v, y) in x[rows.clone()].iter().zip(&y[rows.clone()]) {
                let b = basis(*v);
                for i in 0..3 {
                    right[i] += b[i] * y;
                    for j in 0..3 {
                        gram[i * 3 + j] += b[i] * b[j];
                    }
                }
            }
            if !scaling_core::solve::linalg::solve_general(&mut gram, 3, &mut right) {
                return f64::INFINITY;
            }
            let square =
                |(v, y): (&f64, &f64)| (basis(*v).iter().zip(&right).map(|(b, p)| b * p).sum::<f64>() - y).powi(2);
            0.5 * x[rows.clone()].iter().zip(&y[rows.clone()]).map(square).sum::<f64>()
        });
        let best = scanned.fold(f64::INFINITY, f64::min);
        assert!(row.objective <= best * (1.0 + 1e-6), "curve {k}: {:e} above {best:e}", row.objective);
    }
}

#[test]
fn very_many_rows_have_the_bits_of_any_number_of_threads() {
    let (columns, target) = runs(70_000, 0.02);
    let question = question(RECOGNISED, &columns, target, Loss::Squared, Residual::Log);
    let [one, two] = [1, 2].map(|threads| fit_groups(&question, &Starts::Auto, threads, &Control::default()).unwrap());
    // The scale of the residuals is not estimated here, and NaN equals nothing.
    let bits = |rows: &[FitRow]| {
        let row = &rows[0];
        let numbers = row.params.iter().chain([&row.objective, &row.condition, &row.certificate.gradient]);
        numbers.map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(&one), bits(&two));
    assert_eq!(one[0].status, Status::Converged);
    assert!(one[0].condition > 1.0 && one[0].condition < 1e5);
}

/// J'J of rows, the metric in which a predicted step is damped.
fn gram(rows: &Rows, q: usize) -> Vec<f64> {
    let n = rows.residual.len();
    let column = |a: usize| &rows.jacobian[a * n..(a + 1) * n];
    (0..q * q).map(|k| column(k / q).iter().zip(column(k % q)).map(|(a, b)| a * b).sum()).collect()
}

#[test]
fn a_linear_replicate_is_predicted_to_its_end() {
    let (columns, _) = runs(500, 0.0);
    let target: Vec<f64> = (0..500).map(|i| 3.0 + 2.0 * columns[0].1[i].ln() + share(0.57, i)).collect();
    let sigma: Vec<f64> = (0..500).map(|i| 0.5 + share(0.23, i)).collect();
    for loss in [Loss::Squared, Loss::Huber { delta: 0.05 }, Loss::SoftL1 { delta: 0.05 }, Loss::LogCosh { scale: 0.1 }]
    {
        let mut question = question("E + A*log(N)", &columns[..1], target.clone(), loss, Residual::Raw);
        question.columns.sigma = Some(sigma.clone());
        let group = question.group(0);
        let base = fit(&question);
        let problem = Problem::new(&question.program, &group, &question.params, question.criterion, question.residual);
        let mut start = vec![0.0; 2];
        problem.space.coordinates(&base[0].params, &mut start);
        let (mut fitter, mut rows) = (Fitter::new(&problem), Rows::default());
        assert!(fitter.rows(&start, &mut rows));
        let metric = gram(&rows, 2);
        let linearised = Linearised::new(&problem, &rows, &start).expect("convex and smooth");
        fitter.predict_by(&linearised);
        for replicate in 1..20 {
            fitter.select(|i| (4.0 * share(0.754, replicate * i)).floor());
            let mut x = start.clone();
            fitter.predict_start(&mut x, &metric);
            let mut model = Model::new(2);
            let [before, after] = [&start, &x].map(|x| fitter.model(x, &mut model));
            let cosine = (0..2).map(|j| model.cosine(j)).fold(0.0, f64::max);
            // Steps end where one promises a ten-thousandth of the objective, which is a cosine of the root of two of those.
            assert!(after <= before && cosine < 0.0142, "{loss:?} {replicate}: {before:e} {after:e} {cosine:e}");
        }
    }
}

#[test]
fn a_predicted_start_stays_in_the_box_and_lies_lower() {
    let (columns, target) = runs(300, 0.05);
    for (residual, loss) in [
        (Residual::Log, Loss::Huber { delta: 1e-3 }),
        (Residual::Log, Loss::Huber { delta: 1e-2 }),
        (Residual::Raw, Loss::Squared),
        (Residual::Log, Loss::LogCosh { scale: 0.01 }),
    ] {
        let mut question = question(RECOGNISED, &columns, target.clone(), loss, residual);
        // Below the free optimum: the fit ends on the bound, and stays on it.
        question.params[2].upper = 0.3;
        let base = fit(&question);
        assert!(base[0].at_bound[2]);
        let group = question.group(0);
        let problem = Problem::new(&question.program, &group, &question.params, question.criterion, question.residual);
        let mut start = vec![0.0; 5];
        problem.space.coordinates(&base[0].params, &mut start);
        let (mut fitter, mut rows) = (Fitter::new(&problem), Rows::default());
        assert!(fitter.rows(&start, &mut rows));
        let metric = gram(&rows, 5);
        let linearised = Linearised::new(&problem, &rows, &start).expect("convex and smooth");
        fitter.predict_by(&linearised);
        let (mut lower, mut model) = (0, Model::new(5));
        for replicate in 1..=50 {
            fitter.select(|i| (3.0 * share(0.618, replicate * (i + 7))).floor());
            let mut x = start.clone();
            fitter.predict_start(&mut x, &metric);
            for a in 0..5 {
                assert!(x[a] >= problem.space.lower[a] && x[a] <= problem.space.upper[a]);
            }
            // The coordinate on the bound does not move at all.
            assert!((0..5).all(|a| start[a] > problem.space.lower[a] && start[a] < problem.space.upper[a] || x[a] == start[a]));
            assert!(x.iter().zip(&start).any(|(x, s)| x != s), "{loss:?} {replicate}: nothing moved");
            let [before, after] = [&start, &x].map(|x| fitter.model(x, &mut model));
            lower += usize::from(after < before);
        }
        // A start, not a result: where the law bends more than the loss is wide it may lie higher.
        assert!(4 * lower >= 3 * 50, "{loss:?}: {lower} of 50 lie lower");
    }
}

#[test]
fn only_convex_smooth_problems_have_a_predicted_start() {
    let (columns, target) = runs(60, 0.05);
    for loss in [Loss::Absolute, Loss::Tukey { c: 0.1 }, Loss::Cauchy { delta: 0.1 }] {
        let question = question(RECOGNISED, &columns, target.clone(), loss, Residual::Log);
        let group = question.group(0);
        let problem = Problem::new(&question.program, &group, &question.params, question.criterion, question.residual);
        let mut x = vec![0.0; 5];
        problem.space.coordinates(&[1.8, 478.0, 0.347, 2143.0, 0.367], &mut x);
        let mut rows = Rows::default();
        assert!(Fitter::new(&problem).rows(&x, &mut rows));
        assert!(Linearised::new(&problem, &rows, &x).is_none(), "{loss:?}");
    }
}

//! Nanoseconds per row of the kernels everything else is made of: `cargo bench`, or `-- --test` to run each once.

#![allow(clippy::disallowed_methods, reason = "what is expected may come from the C library")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scaling_core::batch::{Control, Resampling, Scheme, fit_groups, resample};
use scaling_core::columns::Columns;
use scaling_core::expr::{BLOCK, Program};
use scaling_core::loss::{Criterion as Objectives, Loss};
use scaling_core::problem::{Expansion, Fitter, GroupRows, Linearised, Problem};
use scaling_core::question::{Question, Starts};
use scaling_core::resample::{Purpose, Stream, rows};
use scaling_core::residual::Residual;
use scaling_core::simd::{Kernel, LANES, dispatch, math};
use scaling_core::solve::objective::{Model, Objective, Rows};
use scaling_core::space::ParamSpec;

/// Whole blocks, so that the tape runs without a remainder.
const ROWS: usize = 6 * BLOCK;

const CHINCHILLA: &str = "E + A/N**alpha + B/D**beta";

/// E, A, alpha, B, beta: near the optimum of the reference problem.
const OPTIMUM: [f64; 5] = [1.817, 478.0, 0.347, 2143.0, 0.367];

/// The saturating power law of M4, solved for the loss.
const M4: &str = "E + (H - E)*m4(log(A) - alpha*log(N) - (1 - k)*log(H - E), k)";

/// E, H, A, alpha, k: half saturated at 10^10 parameters.
const M4_PARAMS: [f64; 5] = [1.5, 4.0, 1e7, 0.7, 0.6];

/// One function over a column, a block of lanes in registers at a time, as the tape does it.
struct Map<'a, F> {
    x: &'a [f64],
    out: &'a mut [f64],
    function: F,
}

impl<F: Fn(f64) -> f64> Kernel for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (x, out) in self.x.chunks_exact(LANES).zip(self.out.chunks_exact_mut(LANES)) {
            let (mut block, mut values) = ([0.0; LANES], [0.0; LANES]);
            block.copy_from_slice(x);
            for lane in 0..LANES {
                values[lane] = (self.function)(block[lane]);
            }
            out.copy_from_slice(&values);
        }
    }
}

struct Evaluate<'a> {
    loss: Loss,
    r: &'a [f64],
    out: &'a mut [Vec<f64>; 3],
}

impl Kernel for Evaluate<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [rho, psi, curvature] = self.out;
        self.loss.evaluate(self.r, rho, psi, curvature);
    }
}

fn column() -> Vec<f64> {
    (0..ROWS).map(|i| 0.013 * (i as f64 + 0.5)).collect()
}

fn function<F: Fn(f64) -> f64 + Copy>(criterion: &mut Criterion, name: &str, function: F) {
    let (x, mut out) = (column(), vec![0.0; ROWS]);
    let mut group = criterion.benchmark_group("function");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| dispatch(Map { x: black_box(&x), out: black_box(&mut out), function }));
    });
    group.finish();
}

#[expect(clippy::redundant_closure, reason = "a function passed by name is not inlined into the wide code")]
fn functions(criterion: &mut Criterion) {
    function(
        criterion,
        "exp",
        #[inline(always)]
        |x| math::exp(x),
    );
    function(
        criterion,
        "ln",
        #[inline(always)]
        |x| math::ln(x),
    );
    function(
        criterion,
        "exp_m1",
        #[inline(always)]
        |x| math::exp_m1(x),
    );
    function(
        criterion,
        "ln_1p",
        #[inline(always)]
        |x| math::ln_1p(x),
    );
    function(
        criterion,
        "tanh",
        #[inline(always)]
        |x| math::tanh(x),
    );
    function(
        criterion,
        "softplus",
        #[inline(always)]
        |x| math::softplus(x),
    );
}

fn losses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loss");
    group.throughput(Throughput::Elements(ROWS as u64));
    let r: Vec<f64> = column().iter().map(|x| x - 6.0).collect();
    let mut out = [vec![0.0; ROWS], vec![0.0; ROWS], vec![0.0; ROWS]];
    for (name, loss) in [("huber", Loss::Huber { delta: 1e-3 }), ("log_cosh", Loss::LogCosh { scale: 1e-3 })] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| dispatch(Evaluate { loss, r: black_box(&r), out: black_box(&mut out) }));
        });
    }
    group.finish();
}

fn draws(criterion: &mut Criterion) {
    let mut counts = [0; 240];
    criterion.bench_function("draw/pairs of 240 rows", |bencher| {
        let mut replicate = 0;
        bencher.iter(|| {
            replicate += 1;
            rows::pairs(&mut Stream::new(42, Purpose::Rows, replicate, 0), black_box(&mut counts));
        });
    });
}

/// Model sizes and tokens of a Chinchilla-like design, on a lattice that looks random.
fn design(n: usize) -> [Vec<f64>; 2] {
    let spread = |low: f64, high: f64, step: f64| -> Vec<f64> {
        (0..n).map(|i| (low + (high - low) * (step * (i as f64 + 1.0)).fract()).exp()).collect()
    };
    [spread(17.5, 23.5, 0.618_033_988_749_895), spread(19.0, 26.0, 0.754_877_666_246_693)]
}

fn chinchilla() -> Program {
    Program::compile(CHINCHILLA, &["N".to_owned(), "D".to_owned()]).expect("the law compiles")
}

/// Laws by their tapes, a row: value, then value and a derivative by each parameter.
fn tape(criterion: &mut Criterion) {
    let columns = design(ROWS);
    let columns = columns.each_ref().map(Vec::as_slice);
    run_tape(criterion, "chinchilla", &chinchilla(), &columns, &OPTIMUM);
    let m4 = Program::compile(M4, &["N".to_owned()]).expect("the law compiles");
    run_tape(criterion, "m4", &m4, &columns[..1], &M4_PARAMS);
}

fn run_tape(criterion: &mut Criterion, name: &str, program: &Program, columns: &[&[f64]], params: &[f64]) {
    let mut slots = vec![Vec::new(); program.slots()];
    program.fill(columns, &mut slots);
    let mut workspace = program.workspace();
    let (mut value, mut jacobian) = (vec![0.0; BLOCK], vec![0.0; BLOCK * program.params().len()]);
    let mut group = criterion.benchmark_group("tape");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function(format!("{name} value"), |bencher| {
        bencher.iter(|| {
            program.bind(black_box(params), &mut workspace);
            for row in (0..ROWS).step_by(BLOCK) {
                program.value(&slots, row, BLOCK, &mut workspace, black_box(&mut value));
            }
        });
    });
    group.bench_function(format!("{name} value and jacobian"), |bencher| {
        bencher.iter(|| {
            program.bind(black_box(params), &mut workspace);
            for row in (0..ROWS).step_by(BLOCK) {
                program.value_jacobian(
                    &slots,
                    row,
                    BLOCK,
                    &mut workspace,
                    black_box(&mut value),
                    black_box(&mut jacobian),
                );
            }
        });
    });
    group.finish();
}

/// Targets of a design: residuals of the size of the reference data's, most of them beyond the bend of the loss.
fn targets([size, tokens]: &[Vec<f64>; 2]) -> Vec<f64> {
    (size.iter().zip(tokens).enumerate())
        .map(|(i, (n, d))| {
            let noise = 0.02 * ((0.569_840_290_998_053 * (i as f64 + 1.0)).fract() - 0.5);
            (OPTIMUM[0] + OPTIMUM[1] / n.powf(OPTIMUM[2]) + OPTIMUM[3] / d.powf(OPTIMUM[4])) * noise.exp()
        })
        .collect()
}

const LOSS: Loss = Loss::Huber { delta: 1e-3 };

fn specs() -> Vec<ParamSpec> {
    vec![ParamSpec { lower: 0.0, ..ParamSpec::default() }; 5]
}

/// A problem the size of the reference one (240 rows, Huber, log residual): all a Newton step asks for, and the
/// gathering of a replicate's rows before it.
fn model(criterion: &mut Criterion) {
    let program = chinchilla();
    let columns = design(240);
    let target = targets(&columns);
    let [size, tokens] = columns;
    let rows = GroupRows { inputs: vec![&size, &tokens], target: &target, weights: None, sigma: None };
    let problem = Problem::new(&program, &rows, &specs(), LOSS, Residual::Log);
    let mut fitter = Fitter::new(&problem);
    let mut x = vec![0.0; problem.space.dimension()];
    problem.space.coordinates(&OPTIMUM, &mut x);
    let mut model = Model::new(x.len());
    let mut group = criterion.benchmark_group("problem");
    group.throughput(Throughput::Elements(240));
    group.bench_function("model of 240 rows", |bencher| {
        bencher.iter(|| fitter.model(black_box(&x), &mut model));
    });
    fitter.with_metric = false;
    group.bench_function("model of 240 rows without metric", |bencher| {
        bencher.iter(|| fitter.model(black_box(&x), &mut model));
    });
    group.bench_function("value of 240 rows", |bencher| {
        bencher.iter(|| fitter.value(black_box(&x)));
    });
    let expansion = Expansion::new(&problem, &rows.inputs, &x).expect("the law is a sum of powers");
    fitter.expand_around(&expansion);
    group.bench_function("model of 240 rows by changes of the law", |bencher| {
        bencher.iter(|| fitter.model(black_box(&x), &mut model));
    });
    // As many rows as a pairs bootstrap keeps: 1 - 1/e of them.
    group.bench_function("select 152 of 240 rows", |bencher| {
        bencher.iter(|| fitter.select(black_box(|i| if i % 30 < 19 { 1.5 } else { 0.0 })));
    });
    let (mut held, mut metric) = (Rows::default(), vec![0.0; 25]);
    fitter.select(|_| 1.0);
    fitter.rows(&x, &mut held);
    for (k, entry) in metric.iter_mut().enumerate() {
        let [a, b] = [k / 5, k % 5].map(|a| &held.jacobian[a * 240..(a + 1) * 240]);
        *entry = a.iter().zip(b).map(|(a, b)| a * b).sum();
    }
    let linearised = Linearised::new(&problem, &held, &x).expect("the loss is convex and smooth");
    fitter.predict_by(&linearised);
    fitter.select(|i| [1.0, 2.0, 0.0][i % 3]);
    group.bench_function("optimum of 160 linearised rows", |bencher| {
        bencher.iter(|| fitter.predict_start(black_box(&mut x.clone()), &metric));
    });
    group.finish();
}

/// A whole refit of the same problem, pairs, one thread; the evaluations it takes are counted and said.
fn refit(criterion: &mut Criterion) {
    let columns = design(240);
    let target = targets(&columns);
    let program = chinchilla();
    let inputs = columns.to_vec();
    let names = program.columns().to_vec();
    let columns = Columns { names, inputs, target, weights: None, sigma: None, offsets: vec![0, 240] };
    let criteria = Objectives::Sum(LOSS);
    let question = Question { columns, program, params: specs(), criterion: criteria, residual: Residual::Log };
    let base = fit_groups(&question, &Starts::Auto, 1, &Control::default()).expect("one thread can be had");
    let control = Control::default();
    let mut first = 0;
    let mut group = criterion.benchmark_group("refit");
    group.throughput(Throughput::Elements(REFITS as u64));
    group.bench_function("pairs of 240 rows", |bencher| {
        bencher.iter(|| {
            let resampling = Resampling { scheme: Scheme::Pairs.into(), first, count: REFITS, seed: 1, starts: 0 };
            first += REFITS;
            resample(&question, &base, &resampling, 1, &control).expect("one thread can be had")
        });
    });
    group.finish();
    eprintln!("refit: {:.2} evaluations each, {first} refits", control.evaluations() as f64 / first as f64);
}

/// Refits of one measurement.
const REFITS: usize = 500;

criterion_group!(kernels, functions, losses, draws, tape, model, refit);
criterion_main!(kernels);

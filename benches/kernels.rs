//! Nanoseconds per row of the kernels everything else is made of: `cargo bench`, or `-- --test` to run each once.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scaling_core::loss::Loss;
use scaling_core::resample::{Purpose, Stream, rows};
use scaling_core::simd::{Kernel, LANES, dispatch, math};

const ROWS: usize = 1024;

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

criterion_group!(kernels, functions, losses, draws);
criterion_main!(kernels);

use super::super::cost::{Absolute, Log, Raw, Scale};
use super::super::hold::Hold;
use super::super::look::Engine;
use super::super::place::{Curve, Side, Workspace, place};
use super::Bottom;

/// Twelve rows of a floor and a power, with noise of some per cent and two rows far off.
fn rows() -> (Vec<f64>, Vec<f64>) {
    let x: Vec<f64> = (0..12).map(|i| f64::from(1 << i)).collect();
    let noise = [0.01, -0.02, 0.015, 0.3, -0.01, 0.02, -0.015, 0.005, -0.2, 0.012, -0.007, 0.003];
    let y = x.iter().zip(noise).map(|(x, noise)| (1.3 + 0.8 / x.cbrt()) * (1.0 + noise)).collect();
    (x, y)
}

fn with_engine<S: Scale>(test: impl Fn(&mut Engine<'_, S, Absolute>, &[f64], &[f64])) {
    let (x, y) = rows();
    let mut w = Workspace::new();
    let placed = place(&Curve { x: &x, y: &y, weights: None }, (S::IS_LOG, false), &mut w).expect("ordinary rows");
    let kind = std::marker::PhantomData;
    let mut engine = Engine::<S, _> { w: &mut w, placed, cost: Absolute, evaluations: 0, kind };
    test(&mut engine, &x, &y);
}

fn sum<S: Scale>(x: &[f64], y: &[f64], [e, m, a]: [f64; 3]) -> f64 {
    let miss = |(x, y): (&f64, &f64)| {
        let f = e + m * x.powf(-a);
        if S::IS_LOG { (f / y).ln().abs() } else { (f - y).abs() }
    };
    x.iter().zip(y).map(miss).sum()
}

/// The least sum of all laws of an exponent that pass through two rows, or one on a bound.
fn by_pairs<S: Scale>(x: &[f64], y: &[f64], a: f64) -> f64 {
    let b: Vec<f64> = x.iter().map(|x| x.powf(-a)).collect();
    let mut least = f64::INFINITY;
    for i in 0..x.len() {
        least = least.min(sum::<S>(x, y, [y[i], 0.0, a])).min(sum::<S>(x, y, [0.0, y[i] / b[i], a]));
        for j in 0..i {
            let m = (y[i] - y[j]) / (b[i] - b[j]);
            let e = y[i] - m * b[i];
            if m >= 0.0 && e >= 0.0 {
                least = least.min(sum::<S>(x, y, [e, m, a]));
            }
        }
    }
    least
}

fn is_best_of_all_pairs<S: Scale>() {
    with_engine::<S>(|engine, x, y| {
        let unit = engine.placed.unit;
        for a in [0.01, 0.05, 0.2, 0.333, 0.6, 1.0, 2.5, 8.0] {
            let pair = engine.pair_near(Side::Falling, [1.3 / unit, 0.8 / unit, a]).expect("a pair");
            let trace = engine.trace(Side::Falling, a, pair).expect("a law");
            let least = by_pairs::<S>(x, y, a);
            assert!((trace.seen.value - least).abs() <= 1e-12 * least, "{a}: {} {least}", trace.seen.value);
        }
    });
}

#[test]
fn the_law_of_an_exponent_is_the_best_of_all_pairs() {
    is_best_of_all_pairs::<Log>();
    is_best_of_all_pairs::<Raw>();
}

fn slopes_are_differences<S: Scale>() {
    with_engine::<S>(|engine, _, _| {
        for a in [0.05, 0.21, 0.6, 2.5] {
            let pair = engine.pair_near(Side::Falling, [1.3, 0.8, a]).expect("a pair");
            let trace = engine.trace(Side::Falling, a, pair).expect("a law");
            let step = 1e-6 * a;
            let [low, high] = [-step, step].map(|by| engine.trace(Side::Falling, a + by, trace.pair).expect("a law"));
            if low.pair == trace.pair && high.pair == trace.pair {
                let slope = (high.seen.value - low.seen.value) / (2.0 * step);
                assert!((slope - trace.slope).abs() <= 1e-5 * slope.abs().max(1e-3), "{a}: {slope} {}", trace.slope);
            }
        }
    });
}

#[test]
fn the_slope_of_a_profile_is_its_difference() {
    slopes_are_differences::<Log>();
    slopes_are_differences::<Raw>();
}

fn bottom_is_lower_than_all_around<S: Scale>() {
    with_engine::<S>(|engine, x, y| {
        let unit = engine.placed.unit;
        let ends = [0.02, 3.0].map(|a| {
            let pair = engine.pair_near(Side::Falling, [1.3 / unit, 0.8 / unit, a]).expect("a pair");
            engine.trace(Side::Falling, a, pair).expect("a law")
        });
        assert!(ends[0].slope < 0.0 && ends[1].slope > 0.0);
        let bottom = engine.bottom(Side::Falling, ends[0], ends[1]).expect("a bottom");
        let a = bottom.exponent();
        for share in [0.9, 0.99, 0.999, 1.001, 1.01, 1.1] {
            assert!(bottom.value() <= by_pairs::<S>(x, y, share * a) * (1.0 + 1e-12), "{share}");
        }
        let Bottom::Vertex(vertex) = bottom else { return };
        assert!(vertex.multiplier <= 1.0);
        engine.see(Side::Falling, vertex.seen.point).expect("a point");
        for hold in vertex.holds {
            let Hold::Row(i) = hold else { panic!("the floor is not zero") };
            assert!(engine.w.miss[i].abs() < 1e-13);
        }
    });
}

#[test]
fn the_bottom_of_a_valley_is_lower_than_all_around_it() {
    bottom_is_lower_than_all_around::<Log>();
    bottom_is_lower_than_all_around::<Raw>();
}

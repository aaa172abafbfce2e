//! Each search finds the curve that its rows were made of.

use super::Effort;
use super::curve::Curve;
use super::mixture::mixture;
use super::numbers::Numbers;
use super::race::{Shape, heats};
use super::small;
use super::start::Start;
use super::{beyond, ceiling, corner, double_power, newton, saturating, smooth_break, stretched};
use crate::problem::GroupRows;
use crate::residual::Residual;
use crate::simd::{Vector, VectorKernel, dispatch_vector, math};

/// Rows of one curve from x = 1 to 1,000, evenly in ln x.
fn sizes(n: usize) -> Vec<f64> {
    (0..n).map(|i| 10f64.powf(3.0 * i as f64 / (n - 1) as f64)).collect()
}

fn placed(x: &[f64], y: &[f64], residual: Residual) -> Curve {
    let rows = GroupRows { inputs: vec![x], target: y, weights: None, sigma: None };
    Curve::of(&rows, residual).unwrap()
}

fn usual(curve: &Curve) -> Vec<Start<5>> {
    corner::ends(curve, Effort::Usual)
}

/// Whether the best end of a search is `truth`, in natural parameters.
fn assert_found<const P: usize>(
    law: impl Fn(f64) -> f64,
    ends: impl Fn(&Curve) -> Vec<Start<P>>,
    natural: impl Fn(&[f64; P], &Curve) -> Vec<f64>,
    truth: &[f64],
) {
    for residual in [Residual::Log, Residual::Raw] {
        let x = sizes(24);
        let y: Vec<f64> = x.iter().map(|x| law(*x)).collect();
        let curve = placed(&x, &y, residual);
        let ends = ends(&curve);
        assert!(ends[0].score < 1e-16, "{residual:?}: {:e}", ends[0].score);
        for (found, truth) in natural(&ends[0].q, &curve).iter().zip(truth) {
            assert!((found - truth).abs() < 1e-4 * truth.abs().max(1e-3), "{residual:?}: {found} for {truth}");
        }
    }
}

#[test]
fn a_corner_between_rows_is_found() {
    let law = |x: f64| 1.5 + (0.2 - 0.3 * x.ln() - 0.4 * (x.ln() - 3.1).max(0.0)).exp();
    assert_found(law, usual, corner::natural, &[0.2, 0.3, 0.4, 3.1, 1.5]);
}

#[test]
fn a_corner_on_a_row_is_held_there() {
    let x = sizes(25);
    let mut held = 0;
    for seed in 0..100_u32 {
        let share = |i: usize, step: f64| ((f64::from(seed) * 31.0 + i as f64 + 1.0) * step).fract() - 0.5;
        let noise =
            |i: usize| 5e-3 * (share(i, 0.618_033_988_7) + share(i, 0.754_877_666_2) + share(i, 0.414_213_562_4));
        let place = 2.0 + 0.03 * f64::from(seed);
        let of = |x: f64| 1.5 + (0.2 - 0.3 * x.ln() - 0.3 * (x.ln() - place).max(0.0)).exp();
        let y: Vec<f64> = x.iter().enumerate().map(|(i, x)| of(*x) * noise(i).exp()).collect();
        let curve = placed(&x, &y, Residual::Log);
        let best = usual(&curve)[0];
        assert!(best.held.at_row.is_none() || curve.u.contains(&best.q[4]), "{seed}");
        held += usize::from(best.held.at_row == Some(3));
    }
    assert!(held > 1, "{held}");
}

#[test]
fn a_power_that_ends_at_a_corner_is_held_at_its_limit() {
    let x = sizes(24);
    let y: Vec<f64> = x.iter().map(|x| 1.5 + if *x < 60.0 { 2.0 * x.powf(-0.3) } else { 0.0 }).collect();
    let ends = usual(&placed(&x, &y, Residual::Log));
    assert!(ends[0].score < 1e-12, "{:e}", ends[0].score);
    assert!(ends[0].held.at_limit.is_some());
}

#[test]
fn a_smooth_break_is_found() {
    let law = |x: f64| 0.8 + 1.3 * (-0.25 * x.ln() - 0.5 * 0.4 * (1.0 + ((x.ln() - 3.0) / 0.4).exp()).ln()).exp();
    assert_found(law, smooth_break::ends, smooth_break::natural, &[0.8, 1.3, 0.25, 0.5, 0.4, 3f64.exp()]);
}

#[test]
fn a_break_that_goes_off_beyond_the_rows_is_held_at_its_limit() {
    let x = sizes(24);
    let mut held = 0;
    for seed in 0..20_u32 {
        let noise = |i: usize| 4e-3 * ((f64::from(seed) * 31.0 + i as f64 + 1.0) * 0.618_033_988_7).fract();
        let of = |x: f64| 1.5 + 1.2 * (-0.12 * x.ln() - 0.9 * (x / 1000.0).powf(0.8)).exp();
        let y: Vec<f64> = x.iter().enumerate().map(|(i, x)| of(*x) * noise(i).exp()).collect();
        let best = smooth_break::ends(&placed(&x, &y, Residual::Log))[0];
        if best.held.at_limit == Some(5) {
            held += 1;
            let farther = smooth_break::farther(&best);
            assert!(farther[4] > best.q[4] && farther[3].abs() > 10.0 * best.q[3].abs(), "{seed}");
        }
    }
    assert!(held > 1, "{held}");
}

#[test]
fn a_stretched_exponential_is_found() {
    let law = |x: f64| 1.2 + 2.5 * (-(x / 80.0).powf(0.45)).exp();
    assert_found(law, |curve| stretched::ends(curve, None), stretched::natural, &[1.2, 2.5, 80.0, 0.45]);
}

#[test]
fn two_powers_are_found_with_a_floor_and_without_one() {
    let law = |x: f64| 1.1 + 0.9 * x.powf(-0.15) + 1.4 * x.powf(-0.7);
    assert_found(law, double_power::ends, double_power::natural, &[1.1, 0.9, 0.15, 1.4, 0.7]);
    let law = |x: f64| 0.9 * x.powf(-0.15) + 1.4 * x.powf(-0.7);
    assert_found(law, double_power::ends, double_power::natural, &[0.0, 0.9, 0.15, 1.4, 0.7]);
}

#[test]
fn a_power_that_is_faster_than_the_search_is_told_of_where_rows_begin_close_together() {
    let law = |x: f64| 1.1 + 0.9 * x.powf(-0.3);
    let mut x = sizes(24);
    let noise = |i: usize| 1.0 + 4e-3 * (((i as f64 + 1.0) * 0.618_033_988_7).fract() - 0.5);
    let rows = |x: &[f64]| -> Vec<f64> { x.iter().enumerate().map(|(i, x)| law(*x) * noise(i)).collect() };
    assert_eq!(double_power::bound_beyond(&placed(&x, &rows(&x), Residual::Log)), None);
    x[1] = 1.0 + 1e-4;
    let curve = placed(&x, &rows(&x), Residual::Log);
    let bound = double_power::bound_beyond(&curve).unwrap();
    assert!(bound > 0.0 && bound <= double_power::ends(&curve)[0].score, "{bound:e}");
}

#[test]
fn a_slope_between_two_close_rows_may_be_steep() {
    let mut x = sizes(24);
    x[1] = 1.0 + 1e-3;
    let corner = x[1].ln();
    let law = |x: f64| 1.5 + (0.2 - 900.0 * x.ln() + 899.8 * (x.ln() - corner).max(0.0)).exp();
    let y: Vec<f64> = x.iter().map(|x| law(*x)).collect();
    let best = usual(&placed(&x, &y, Residual::Log))[0];
    assert!(best.score < 1e-10, "{:e}", best.score);
}

#[test]
fn a_power_between_two_ends_is_found() {
    let (floor, ceiling, amplitude, alpha, k) = (1.0, 4.0, 9.0, 0.8, 0.6);
    let law = |x: f64| {
        let t = f64::ln(amplitude) - alpha * x.ln() - (1.0 - k) * f64::ln(ceiling - floor);
        floor + (ceiling - floor) * math::m4(t, k)
    };
    assert_found(
        law,
        |curve| saturating::ends(curve, None),
        saturating::natural,
        &[floor, ceiling, amplitude, alpha, k],
    );
}

/// Numbers such as the solver's, in its own units.
const NUMBERS: Numbers = Numbers { ends: (-690.0, 690.0), ln_x: 0.0, ln_y: 0.0 };

#[test]
fn a_power_is_held_where_the_scale_of_a_stretched_exponential_has_no_number() {
    let x = sizes(24);
    let y: Vec<f64> = x.iter().map(|x| 1.2 + 2.5 * x.powf(-0.4)).collect();
    let curve = placed(&x, &y, Residual::Log);
    let best = stretched::ends(&curve, Some(&NUMBERS))[0];
    assert!(best.held.end_of_numbers.is_some() && best.score < 1e-5, "{best:?}");
    let scale = stretched::natural(&best.q, &curve)[2];
    assert!((scale.ln() - NUMBERS.ends.0).abs() < 1.0, "{scale:e}");
}

#[test]
fn a_power_whose_ceiling_is_out_of_sight_is_held_where_its_amplitude_has_no_number() {
    let x = sizes(24);
    // w + ln w = c - alpha u, by Newton.
    let share = |x: f64| {
        let t = 4.0 - 1.1 * x.ln();
        (0..50).fold(1.0_f64, |w, _| (w - (w + w.ln() - t) / (1.0 + 1.0 / w)).max(1e-3 * w))
    };
    let y: Vec<f64> = x.iter().map(|x| 1.2 + 0.3 * share(*x)).collect();
    let curve = placed(&x, &y, Residual::Log);
    let best = saturating::ends(&curve, Some(&NUMBERS))[0];
    assert!(best.held.end_of_numbers.is_some() && best.score < 1e-4, "{best:?}");
    let amplitude = saturating::natural(&best.q, &curve)[2];
    assert!((amplitude.ln().abs() - 690.0).abs() < 1e-6, "{amplitude:e}");
}

struct Mixed<'a>(&'a Curve);

impl VectorKernel for Mixed<'_> {
    type Output = Vec<f64>;

    fn run<V: Vector>(self) -> Vec<f64> {
        mixture::<V>(self.0)
    }
}

#[test]
fn the_best_mixture_of_two_powers_is_these_powers() {
    let x = sizes(24);
    let y: Vec<f64> = x.iter().map(|x| 1.1 + 0.9 * x.powf(-0.15) + 1.4 * x.powf(-0.7)).collect();
    let found = dispatch_vector(Mixed(&placed(&x, &y, Residual::Log)));
    // Up to the grid: what lies between two of its exponents may be shared by more of them.
    assert!(!found.is_empty() && found.len() <= 3, "{found:?}");
    let y: Vec<f64> = x.iter().map(|x| 2.0 * x.powf(-0.3)).collect();
    let found = dispatch_vector(Mixed(&placed(&x, &y, Residual::Log)));
    assert!(found.iter().any(|a| (a - 0.3).abs() < 0.05), "{found:?}");
}

#[test]
fn least_squares_are_solved_and_singular_ones_refused() {
    let rows = || (0..5).map(|i| ([1.0, f64::from(i)], 2.0 - 0.5 * f64::from(i), 1.0));
    let (found, left) = small::fit(rows()).unwrap();
    assert!((found[0] - 2.0).abs() < 1e-12 && (found[1] + 0.5).abs() < 1e-12 && left < 1e-24);
    assert!(small::fit((0..5).map(|_| ([1.0, 1.0], 2.0, 1.0))).is_none());
}

/// A law, for the derivatives of every shape against differences.
struct Slopes<S, const P: usize>(S, [f64; P], [f64; P], f64);

impl<S: Shape<P>, const P: usize> VectorKernel for Slopes<S, P> {
    type Output = (f64, [f64; P]);

    fn run<V: Vector>(self) -> Self::Output {
        let Self(shape, q, upper, u) = self;
        let (q, upper) = (q.map(V::of), upper.map(V::of));
        let (value, slopes) = shape.at(V::of(u), &q, shape.ready(&q, &upper));
        let first = |v: V| {
            let mut lanes = [0.0; crate::simd::LANES];
            v.store(&mut lanes);
            lanes[0]
        };
        (first(value), slopes.map(first))
    }
}

fn assert_slopes<S: Shape<P>, const P: usize>(shape: S, q: [f64; P], upper: [f64; P]) {
    for u in [-3.0, -0.4, 0.3, 2.7] {
        let (_, slopes) = dispatch_vector(Slopes(shape, q, upper, u));
        for a in 0..P {
            let step = 1e-6 * q[a].abs().max(1.0);
            let at = |sign: f64| {
                let mut there = q;
                there[a] += sign * step;
                dispatch_vector(Slopes(shape, there, upper, u)).0
            };
            let difference = (at(1.0) - at(-1.0)) / (2.0 * step);
            assert!((slopes[a] - difference).abs() < 1e-7 * difference.abs().max(1.0), "{a} at {u}: {}", slopes[a]);
        }
    }
}

#[test]
fn slopes_are_those_of_the_law() {
    assert_slopes(corner::Corner, [0.7, 0.3, 0.2, 0.4, 0.1], [9.0, 9.0, 9.0, 9.0, 0.25]);
    assert_slopes(smooth_break::SmoothBreak, [0.7, 0.3, 0.2, 0.4, 0.1, -0.5], [9.0; 6]);
    assert_slopes(beyond::Beyond { last: 2.0 }, [0.7, 0.3, 0.2, 0.4, 0.3], [9.0; 5]);
    assert_slopes(stretched::Stretched, [0.7, 1.3, 0.2, 0.4], [9.0; 4]);
    assert_slopes(saturating::Saturating, [0.7, 1.3, 0.2, 0.4, -0.3], [9.0; 5]);
    assert_slopes(ceiling::Ceiling, [0.7, 1.3, 0.2, 0.4, 0.02], [9.0; 5]);
    assert_slopes(ceiling::AtEnd { log: -60.0, middle: 0.7, unit: 0.3 }, [0.7, 1.2, 0.4, 0.03], [9.0; 4]);
}

/// Two powers, in eight lanes.
struct Powers([f64; 5], f64, f64);

impl VectorKernel for Powers {
    type Output = (f64, [f64; 5], [f64; 4]);

    fn run<V: Vector>(self) -> Self::Output {
        let Self(q, u, gap) = self;
        let (value, slopes, bends) = newton::law(V::of(u), &q.map(V::of), V::of(gap));
        let first = |v: V| {
            let mut lanes = [0.0; crate::simd::LANES];
            v.store(&mut lanes);
            lanes[0]
        };
        (first(value), slopes.map(first), bends.map(first))
    }
}

#[test]
fn slopes_and_bends_are_those_of_two_powers() {
    const STEP: f64 = 1e-6;
    let q = [0.7, 0.3, 0.2, 0.4, 0.9];
    for u in [0.0, 0.3, 2.7, 6.0] {
        let at = |a: usize, by: f64| {
            let mut there = q;
            there[a] += by;
            dispatch_vector(Powers(there, u, 0.0))
        };
        let (_, slopes, bends) = at(0, 0.0);
        for a in 0..5 {
            let difference = (at(a, STEP).0 - at(a, -STEP).0) / (2.0 * STEP);
            assert!((slopes[a] - difference).abs() < 1e-8, "{a} at {u}: {}", slopes[a]);
        }
        for (k, (a, b)) in [(1, 2), (2, 2), (3, 4), (4, 4)].into_iter().enumerate() {
            let difference = (at(b, STEP).1[a] - at(b, -STEP).1[a]) / (2.0 * STEP);
            assert!((bends[k] - difference).abs() < 1e-8, "{k} at {u}: {}", bends[k]);
        }
    }
}

#[test]
fn a_race_keeps_to_the_box_of_each_start() {
    let x = sizes(16);
    let y: Vec<f64> = x.iter().map(|x| 1.2 + 2.5 * (-(x / 80.0).powf(0.45)).exp()).collect();
    let curve = placed(&x, &y, Residual::Log);
    let limits = ([0.0, 0.0, 0.01, 0.6], [1.0, 9.0, 5.0, 1.0]);
    let mut starts = vec![Start::new(0.0, [0.5, 1.0, 0.3, 0.8], limits); 3];
    heats(&curve, stretched::Stretched, &mut starts, 3);
    for start in &starts {
        assert!(start.is_settled);
        for a in 0..4 {
            assert!((limits.0[a]..=limits.1[a]).contains(&start.q[a]), "{a}: {}", start.q[a]);
        }
    }
}

//! How large a parameter is where it matters, told by the law and its columns.
//!
//! A law in a caller's units hides scales in its constants: in exp(-x*sigma/1.6e-16) nothing depends on sigma unless it is
//! near 1e-16. Where no size at which a parameter would be looked for moves the law, sizes farther and farther away are
//! tried, and the solver measures the parameter in the power of two nearest to where it does.

mod probe;

use super::{ParamSpec, Space};
use crate::expr::Program;
use crate::simd::math;
use crate::solve::starts::Range;
use probe::Probe;

/// Change that is clear enough for a usual size to be right, and how many times as much of it makes another better.
const CLEAR: f64 = 0.03;
const CLEARLY_MORE: f64 = 10.0;

/// The same for what turns back, which has a usual size near one radian.
const TURNED: f64 = 0.3;

/// Step between sizes that are tried, and how many of them cover what doubles hold.
const STEP: f64 = 3.162_277_660_168_379_5;
const STEPS: i32 = 610;

/// Steps beyond the usual sizes of a frequency that are reached all the same.
const NEAR_STEPS: i32 = 3;

/// Steps that the best size may lie behind the first that is seen.
const CLIMB: i32 = 8;

/// Rounds, since what one parameter does may be seen only once another has its size; the last is for parameters without a
/// constant beside them, too.
const ROUNDS: usize = 3;

/// Logarithm of the constants beside a parameter, or of a column that no parameter absorbs, below which it has a usual size.
const USUAL: f64 = 2.0 * std::f64::consts::LN_10;

/// Sizes at which a parameter is looked for.
#[derive(Clone, Copy)]
struct Window {
    smallest: f64,
    largest: f64,
    negative: bool,
    positive: bool,
}

impl Window {
    fn middle(self) -> f64 {
        (self.smallest * self.largest).sqrt()
    }

    fn at(self, share: f64) -> f64 {
        self.smallest * math::exp(share * math::ln(self.largest / self.smallest))
    }

    fn usual(self) -> f64 {
        if self.positive { self.middle() } else { -self.middle() }
    }
}

impl Space {
    /// Measures each nonlinear parameter in a size at which it moves the law; `still` is left alone.
    pub(super) fn measure(&mut self, program: &Program, specs: &[ParamSpec], inputs: &[&[f64]], still: Option<usize>) {
        let apart: Vec<bool> = self.free.iter().map(|&j| program.beside()[j].abs() >= USUAL).collect();
        if inputs.first().is_none_or(|column| column.is_empty()) {
            return;
        }
        let strange = self.is_strange(inputs);
        if !strange && !apart.contains(&true) {
            return;
        }
        let is_linear = |a: &usize| program.linear().contains(&self.free[*a]) && !self.log[*a];
        let (linear, others): (Vec<usize>, Vec<usize>) = (0..self.dimension()).partition(is_linear);
        let windows: Vec<(usize, Option<Window>)> = others
            .iter()
            .filter(|a| Some(self.free[**a]) != still)
            .map(|&a| (a, self.window(a, inputs, specs)))
            .collect();
        let mut start = vec![1.0; self.dimension()];
        for (a, window) in &windows {
            start[*a] = match window {
                Some(window) if self.log[*a] => math::ln(window.middle()),
                Some(window) => window.usual(),
                None => self.ranges(&[*a], inputs, specs)[0].at(0.5),
            };
            start[*a] = start[*a].clamp(self.lower[*a], self.upper[*a]);
        }
        let mut point = vec![1.0; self.parameters()];
        self.primed(&start, &mut point);
        let linear = linear.into_iter().map(|a| self.free[a]).collect();
        let mut probe = Probe::new(program, self, inputs, linear, point);
        for round in 0..ROUNDS {
            for (a, window) in &windows {
                if let Some(window) = window
                    && (strange || apart[*a] || round + 1 == ROUNDS)
                    && self.sizes[*a] == 1.0
                    && let Some(size) = probe.size(self.free[*a], *window)
                {
                    self.resize(*a, size);
                    probe.point[self.free[*a]] *= size;
                }
            }
        }
    }

    /// Whether columns or fixed parameters that no other absorbs may give any parameter another size.
    fn is_strange(&self, inputs: &[&[f64]]) -> bool {
        let far = |v: f64| v != 0.0 && math::ln(v.abs()).abs() >= USUAL;
        self.fixed.iter().flatten().any(|v| far(*v))
            || inputs.iter().zip(&self.units).any(|(column, unit)| *unit == 1.0 && far(super::unit_of(column)))
    }

    /// Sizes at which coordinate `a` is looked for; None where its bounds or a column say where it lies.
    fn window(&self, a: usize, inputs: &[&[f64]], specs: &[ParamSpec]) -> Option<Window> {
        let (smallest, largest) = match self.ranges(&[a], inputs, specs)[0] {
            Range::Magnitude { smallest, largest, .. } => (smallest, largest),
            Range::Span { lower, upper, reach } if self.log[a] && reach > 0.0 => (math::exp(lower), math::exp(upper)),
            Range::Span { .. } => return None,
        };
        let window = Window {
            smallest,
            largest,
            negative: !self.log[a] && self.lower[a] < 0.0,
            positive: self.log[a] || self.upper[a] > 0.0,
        };
        (smallest > 0.0 && largest.is_finite()).then_some(window)
    }

    fn resize(&mut self, a: usize, size: f64) {
        self.sizes[a] = size;
        for bound in [&mut self.lower[a], &mut self.upper[a]] {
            *bound = if self.log[a] { *bound - math::ln(size) } else { *bound / size };
        }
    }
}

impl Probe<'_> {
    /// The size in which to measure parameter `j`, a power of two; None where the usual one will do or none is better.
    fn size(&mut self, j: usize, window: Window) -> Option<f64> {
        let written = self.program.beside()[j];
        let ln_size = if written.abs() >= USUAL && self.suits(j, window, written) {
            written
        } else {
            let best = if self.program.is_wavy() { self.turns(j, window) } else { self.moves(j, window) }?;
            math::ln(best) - math::ln(window.middle())
        };
        let exponent = (ln_size / std::f64::consts::LN_2).round().clamp(-1000.0, 1000.0);
        Some(math::power_of_two(exponent as i64))
    }

    /// Whether the size that constants give parameter `j` moves the law, and the usual one moves it clearly less. With that
    /// size the law is searched as if it had no constants. (What turns back does so the more at wrong sizes.)
    fn suits(&mut self, j: usize, window: Window, ln_size: f64) -> bool {
        let written = Window {
            smallest: window.smallest * math::exp(ln_size),
            largest: window.largest * math::exp(ln_size),
            ..window
        };
        let there = self.most(j, written);
        there > 0.0 && (self.program.is_wavy() || self.most(j, window) < CLEAR.min(there))
    }

    /// The most that parameter `j` moves the law at the sizes of a window; 0 where nothing is seen.
    fn most(&mut self, j: usize, window: Window) -> f64 {
        (0..=8).fold(0.0_f64, |most, k| {
            let size = window.at(f64::from(k) / 8.0);
            if self.is_seen(j, size, window) { most.max(self.response(j, size, window)) } else { most }
        })
    }

    /// The nearest size at which parameter `j` moves the law, if it is not a usual one.
    fn moves(&mut self, j: usize, window: Window) -> Option<f64> {
        let usual: Vec<f64> = (0..=8).map(|k| window.at(f64::from(k) / 8.0)).collect();
        let seen: Vec<f64> = usual
            .iter()
            .map(|&size| if self.is_seen(j, size, window) { self.response(j, size, window) } else { 0.0 })
            .collect();
        let most = seen.iter().fold(0.0_f64, |m, s| m.max(*s));
        if most > 0.0 {
            // The tail of something that lies beyond is seen most at an end.
            let (end, factor) = if seen[0] == most { (usual[0], 1.0 / STEP) } else { (usual[8], STEP) };
            if most >= CLEAR || (seen[0] < most && seen[8] < most) {
                return None;
            }
            let size = self.nearest_to_one(j, end, factor, window);
            return (self.response(j, size, window) >= CLEARLY_MORE * most).then_some(size);
        }
        for step in 1..=STEPS {
            for (from, factor) in [(window.smallest, 1.0 / STEP), (window.largest, STEP)] {
                let size = from * factor.powi(step);
                if self.is_seen(j, size, window) {
                    return Some(self.nearest_to_one(j, size, factor, window));
                }
            }
        }
        None
    }

    /// The size from `size` on, in steps of `factor`, at which the law is moved by most nearly its own size: less is hardly
    /// seen, and far more is the rest of something that has run away.
    fn nearest_to_one(&mut self, j: usize, mut size: f64, factor: f64, window: Window) -> f64 {
        let mut far = math::ln(self.response(j, size, window)).abs();
        for _ in 0..CLIMB {
            let next = math::ln(self.response(j, size * factor, window)).abs();
            if next.is_nan() || next >= far {
                break;
            }
            (size, far) = (size * factor, next);
        }
        size
    }

    /// A size of parameter `j` at which the law turns back a few times, if a usual one is not: a frequency turns it from some
    /// size on, a period up to some size.
    fn turns(&mut self, j: usize, window: Window) -> Option<f64> {
        let turned: Vec<bool> = (0..=8).map(|k| self.is_turned(j, window.at(f64::from(k) / 8.0), window)).collect();
        let ways = [(window.smallest, 1.0 / STEP), (window.largest, STEP)];
        if turned.iter().all(|turned| *turned) {
            // The end of it, unless that is near the usual sizes.
            for step in 1..=STEPS {
                for (from, factor) in ways {
                    let size = from * factor.powi(step);
                    if !self.is_turned(j, size, window) {
                        return (step > NEAR_STEPS).then(|| size / factor.powi(3));
                    }
                }
            }
            return None;
        }
        if turned.contains(&true) {
            return None;
        }
        for step in 1..=STEPS {
            for (from, factor) in ways {
                let size = from * factor.powi(step);
                if self.is_turned(j, size, window) {
                    let ran_away = self.response(j, size, window) > 1.0 / TURNED;
                    return Some(if ran_away {
                        self.nearest_to_one(j, size, factor, window)
                    } else {
                        size * factor.powi(2)
                    });
                }
            }
        }
        self.moves(j, window)
    }

    fn is_turned(&mut self, j: usize, size: f64, window: Window) -> bool {
        self.response(j, size, window) >= TURNED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(formula: &str, x: &[f64]) -> Vec<f64> {
        let program = Program::compile(formula, &["x".into()]).expect("a formula");
        let specs = vec![ParamSpec::default(); program.params().len()];
        let target: Vec<f64> = (0..x.len()).map(|i| 1.0 + i as f64 / 9.0).collect();
        let space = Space::new(&program, &specs, &[x], &target, true, None);
        // Natural sizes of coordinates at 1, or at 0 where they are logarithms.
        let x: Vec<f64> = space.log.iter().map(|log| if *log { 0.0 } else { 1.0 }).collect();
        let mut natural = vec![0.0; x.len()];
        space.natural(&x, &mut natural);
        natural
    }

    #[test]
    fn parameters_are_measured_where_they_move_the_law() {
        let x: Vec<f64> = (0..30).map(|i| 0.5 + 0.1 * f64::from(i)).collect();
        for (formula, place, expected) in [
            ("o + a*exp(-x*k/1.6e-16)", 2, 1.6e-16),
            ("o + a*exp(-x*1e200*k)", 2, 1e-200),
            ("o + a*exp(-x/(1e9*k))", 2, 1e-9),
            ("a/(1 + exp(-(x*1e-12*k - b)))", 1, 1e12),
            ("a/(1 + (x/(1e6*k))**b)", 1, 1e-6),
            ("o + a*log(1 + 1e15*k*x)", 2, 1e-15),
            ("o + a*cos(2*pi*k*1e6*x)", 2, 1e-6 / std::f64::consts::TAU),
            ("o + a*max(k*x*1e-9, 1)", 2, 1e9),
            ("o + a*exp(-((x - 1e-9*m)/(1e-9*k))**2)", 3, 1e9),
            ("o + a*exp(-((x - 1e-9*k)/(1e-9*m))**2)", 2, 1e9),
            ("o + a*exp(-x*k)", 2, 1.0),
            ("o + a*x**(-k)", 2, 1.0),
            ("o + a*arctan(1e12*m*x - k)", 3, 1.0),
        ] {
            let got = sizes(formula, &x)[place];
            assert!(got / expected < 30.0 && expected / got < 30.0, "{formula}: {got:e} for {expected:e}");
        }
    }

    #[test]
    fn a_column_that_no_parameter_absorbs_is_seen_too() {
        let x: Vec<f64> = (1..30).map(|i| 1e9 * f64::from(i)).collect();
        let got = sizes("o + a*sqrt(1 + x)*exp(-(x + 1)*k)", &x)[2];
        assert!((1e-12..1e-7).contains(&got), "{got:e}");
    }
}

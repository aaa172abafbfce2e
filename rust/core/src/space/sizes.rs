//! How large a parameter is where it matters, told by the law and its columns.
//!
//! A law in a caller's units hides scales in its constants: in exp(-x*sigma/1.6e-16) nothing depends on sigma unless it is
//! near 1e-16. Where no size at which a parameter would be looked for moves the law, sizes farther and farther away are
//! tried, and the solver measures the parameter in the power of two nearest to where it does.

use super::{ParamSpec, Space, in_unit};
use crate::expr::{BLOCK, Program, Workspace};
use crate::simd::math;
use crate::solve::starts::Range;

/// Rows of the sample on which the law is tried, besides the ends of each column.
const ROWS: usize = 24;

/// Change of the law by a parameter that moves by its own size, relative to the law, below which nothing is seen of it.
const SEEN: f64 = 1e-3;

/// The same for what turns back, which has a usual size near one radian.
const TURNED: f64 = 0.3;

/// Step between sizes that are tried, and how many of them cover what doubles hold.
const STEP: f64 = 3.162_277_660_168_379_5;
const STEPS: i32 = 610;

/// Steps that the best size may lie behind the first that is seen.
const CLIMB: i32 = 6;

/// Rounds, since what one parameter does may be seen only once another has its size.
const ROUNDS: usize = 3;

/// Decades of constants and of columns that no parameter absorbs, in all, up to which the usual sizes are right.
const USUAL: f64 = 3.0;

/// Columns of the sample, and the law on them.
struct Probe<'a> {
    program: &'a Program,
    slots: Vec<Vec<f64>>,
    rows: usize,
    workspace: Workspace,
    values: Vec<f64>,
    jacobian: Vec<f64>,
    /// Free parameters in which the law is linear.
    linear: Vec<usize>,
    /// Where the other parameters are.
    point: Vec<f64>,
}

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
        if inputs.first().is_none_or(|column| column.is_empty()) || self.is_usual(program, inputs) {
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
        for _ in 0..ROUNDS {
            let mut moved = false;
            for (a, window) in &windows {
                if let Some(window) = window
                    && self.sizes[*a] == 1.0
                    && let Some(size) = probe.size(self.free[*a], *window)
                {
                    self.resize(*a, size);
                    probe.point[self.free[*a]] *= size;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
    }

    /// Whether constants and columns are such that a parameter has the size at which it is looked for.
    fn is_usual(&self, program: &Program, inputs: &[&[f64]]) -> bool {
        let decades = |v: f64| if v == 0.0 { 0.0 } else { math::ln(v.abs()).abs() / std::f64::consts::LN_10 };
        let fixed: f64 = self.fixed.iter().flatten().map(|v| decades(*v)).sum();
        let mut left = USUAL - program.decades() - fixed;
        for (column, unit) in inputs.iter().zip(&self.units) {
            if left < 0.0 {
                return false;
            }
            if *unit == 1.0 {
                left -= decades(super::unit_of(column));
            }
        }
        left >= 0.0
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

impl<'a> Probe<'a> {
    fn new(program: &'a Program, space: &Space, inputs: &[&[f64]], linear: Vec<usize>, point: Vec<f64>) -> Self {
        let kept = sample(inputs);
        let columns: Vec<Vec<f64>> = inputs
            .iter()
            .zip(&space.units)
            .map(|(column, unit)| in_unit(&kept.iter().map(|&i| column[i]).collect::<Vec<_>>(), *unit))
            .collect();
        let borrowed: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut slots = vec![Vec::new(); program.slots()];
        program.fill(&borrowed, &mut slots);
        for slot in &mut slots {
            slot.resize(BLOCK.max(slot.len()), 1.0);
        }
        let jacobian = vec![0.0; point.len() * BLOCK];
        let workspace = program.workspace();
        Self { program, slots, rows: kept.len(), workspace, values: vec![0.0; BLOCK], jacobian, linear, point }
    }

    /// The size in which to measure parameter `j`, a power of two; None where the usual one will do or none is better.
    fn size(&mut self, j: usize, window: Window) -> Option<f64> {
        let middle = window.middle();
        let best = if self.program.is_wavy() { self.turns(j, window) } else { self.moves(j, window) }?;
        let exponent = ((math::ln(best) - math::ln(middle)) / std::f64::consts::LN_2).round().clamp(-1000.0, 1000.0);
        Some(math::power_of_two(exponent as i64))
    }

    /// The nearest size at which parameter `j` moves the law, if it is not a usual one.
    fn moves(&mut self, j: usize, window: Window) -> Option<f64> {
        let usual = (0..=8).map(|k| window.at(f64::from(k) / 8.0));
        if usual.into_iter().any(|size| self.response(j, size, window) >= SEEN) {
            return None;
        }
        for step in 1..=STEPS {
            for (from, factor) in [(window.smallest, 1.0 / STEP), (window.largest, STEP)] {
                let mut size = from * factor.powi(step);
                let mut seen = self.response(j, size, window);
                if seen < SEEN {
                    continue;
                }
                for _ in 0..CLIMB {
                    let next = self.response(j, size * factor, window);
                    if next <= seen {
                        break;
                    }
                    (size, seen) = (size * factor, next);
                }
                return Some(size);
            }
        }
        None
    }

    /// The size of parameter `j` at which the law begins to turn back, if it is not a usual one.
    fn turns(&mut self, j: usize, window: Window) -> Option<f64> {
        let turned = |probe: &mut Self, size: f64| probe.response(j, size, window) >= TURNED;
        let (smallest, largest) = (window.smallest, window.largest);
        for (from, factor) in [(largest, 1.0 / STEP), (smallest, STEP)] {
            let walk: Vec<f64> = (0..=STEPS).map(|step| from * factor.powi(step)).collect();
            // A frequency turns the law from some size on, a period up to some size.
            let Some(first) = walk.iter().position(|size| turned(self, *size)) else { continue };
            if let Some(last) = walk[first..].iter().position(|size| !turned(self, *size)).map(|n| walk[first + n - 1])
            {
                let far = if factor < 1.0 { last < smallest / 30.0 } else { last > largest * 30.0 };
                return far.then(|| last / factor.powi(2));
            }
        }
        self.moves(j, window)
    }

    /// By how much parameter `j` moves the law, relative to it, when it moves by its own size: what no linear parameter can
    /// take back, at the sign that shows more of it.
    fn response(&mut self, j: usize, size: f64, window: Window) -> f64 {
        let up = if window.positive { self.response_at(j, size) } else { 0.0 };
        if window.negative { up.max(self.response_at(j, -size)) } else { up }
    }

    fn response_at(&mut self, j: usize, value: f64) -> f64 {
        if !value.is_normal() {
            return 0.0;
        }
        let mut params = self.point.clone();
        params[j] = value;
        self.evaluate(&params);
        // Every term of the law counts for as much as any other.
        for l in self.linear.clone() {
            let own = norm(self.column(l));
            params[l] = if own.is_normal() { 1.0 / own } else { 1.0 };
        }
        if !self.linear.is_empty() {
            self.evaluate(&params);
        }
        let law = norm(&self.values[..self.rows]);
        let mut left: Vec<f64> = self.column(j).iter().map(|v| v * value).collect();
        let mut basis: Vec<Vec<f64>> = Vec::new();
        for &l in &self.linear {
            let mut direction = self.column(l).to_vec();
            scale(&mut direction);
            for _ in 0..2 {
                basis.iter().for_each(|b| remove(b, &mut direction));
            }
            if norm(&direction) > 1e-12 {
                scale(&mut direction);
                basis.push(direction);
            }
        }
        for _ in 0..2 {
            basis.iter().for_each(|b| remove(b, &mut left));
        }
        let response = norm(&left) / law;
        if response.is_finite() { response } else { 0.0 }
    }

    fn evaluate(&mut self, params: &[f64]) {
        self.program.bind(params, &mut self.workspace);
        let Self { program, slots, rows, workspace, values, jacobian, .. } = self;
        program.value_jacobian(slots, 0, *rows, workspace, values, jacobian);
    }

    fn column(&self, j: usize) -> &[f64] {
        &self.jacobian[j * BLOCK..j * BLOCK + self.rows]
    }
}

/// Some rows: evenly spread ones, and those at the ends of each column.
fn sample(inputs: &[&[f64]]) -> Vec<usize> {
    let n = inputs[0].len();
    let mut kept: Vec<usize> = (0..n.min(ROWS)).map(|k| k * n / n.min(ROWS)).collect();
    for column in inputs {
        let end =
            |better: fn(f64, f64) -> bool| (1..n).fold(0, |at, i| if better(column[i], column[at]) { i } else { at });
        kept.extend([end(|a, b| a < b), end(|a, b| a > b)]);
    }
    kept.sort_unstable();
    kept.dedup();
    kept.truncate(BLOCK);
    kept
}

/// Root of the mean square; of values that no square would hold, too.
fn norm(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0_f64, |m, v| if v.is_nan() { f64::NAN } else { m.max(v.abs()) });
    if largest == 0.0 || !largest.is_finite() {
        return if largest == 0.0 && values.iter().all(|v| !v.is_nan()) { 0.0 } else { f64::NAN };
    }
    let sum: f64 = values.iter().map(|v| (v / largest) * (v / largest)).sum();
    largest * (sum / values.len() as f64).sqrt()
}

fn scale(direction: &mut [f64]) {
    let size = norm(direction);
    if size > 0.0 {
        direction.iter_mut().for_each(|v| *v /= size);
    }
}

/// Takes the part along `direction`, whose mean square is 1, out of `from`.
fn remove(direction: &[f64], from: &mut [f64]) {
    let along = direction.iter().zip(from.iter()).map(|(d, f)| d * f).sum::<f64>() / direction.len() as f64;
    from.iter_mut().zip(direction).for_each(|(f, d)| *f -= along * d);
}

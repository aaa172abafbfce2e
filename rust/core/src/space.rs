//! Where a fit moves: bounds, fixed parameters, and the units in which the solver measures columns and target.
//!
//! The solver never sees the caller's units. Each column is divided by a power of two near its geometric mean and the
//! parameters that absorb the change (A in A/N**alpha) are carried along, which takes the condition of the Chinchilla
//! problem from 48,000 to 1,100. Powers of two divide exactly, so no digit is lost. Positive scale-like parameters move in
//! their logarithm. All of it is undone on output: callers only ever see the parameters their formula names.

mod bounds;
mod natural;
mod sizes;
mod slopes;
mod unit;

use std::sync::Arc;

use bounds::Limits;
pub(crate) use unit::unit_of;

use crate::expr::{Location, Program, Shift, ShiftKind};
use crate::simd::{lanes, math};
use crate::solve::starts::Range;

/// What a caller says of one parameter, in natural units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParamSpec {
    /// A value to start from.
    pub start: Option<f64>,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// A value to hold it at.
    pub fixed: Option<f64>,
}

impl Default for ParamSpec {
    fn default() -> Self {
        Self { start: None, lower: f64::NEG_INFINITY, upper: f64::INFINITY, fixed: None }
    }
}

impl ParamSpec {
    /// Whether the only finite bound is zero, which every positive change of units leaves where it is.
    fn is_scale_free(&self) -> bool {
        let free = |bound: f64| bound == 0.0 || bound.is_infinite();
        self.fixed.is_none_or(|v| v == 0.0) && free(self.lower) && free(self.upper)
    }

    /// Whether nothing ties the parameter to a place, so that it may be shifted.
    fn is_shift_free(&self) -> bool {
        self.fixed.is_none() && self.lower.is_infinite() && self.upper.is_infinite()
    }
}

/// The map between solver coordinates, parameters in solver units ("primed") and natural parameters.
#[derive(Debug, Clone)]
pub struct Space {
    /// Program indices of the free parameters; coordinate a belongs to parameter `free[a]`.
    pub free: Vec<usize>,
    /// Whether coordinate a is the logarithm of its primed parameter.
    pub log: Vec<bool>,
    /// Lower bound of each coordinate: the caller's, or as far down as a positive parameter is looked for.
    pub lower: Vec<f64>,
    /// Upper bound of each coordinate.
    pub upper: Vec<f64>,
    /// The primed parameter of each coordinate at 1, or at 0 where it is a logarithm: a power of two, nearly always 1.
    pub sizes: Vec<f64>,
    /// Unit of each column of the program; 1 where the law cannot absorb another.
    pub units: Vec<f64>,
    /// Unit of the target.
    pub target_unit: f64,
    /// What the caller said of each free parameter, which a fitted value obeys to the last bit.
    limits: Vec<Limits>,
    fixed: Vec<Option<f64>>,
    locations: Vec<Location>,
    /// Parameters that are the logarithm of an amplitude: a change of the target's unit adds to them.
    amplitudes: Vec<usize>,
    /// Column (None: the target), the parameter that absorbs its unit, and the logarithm of the unit.
    shifts: Vec<(Option<usize>, Arc<Shift>, f64)>,
}

impl Space {
    /// The space of a law on one group of rows.
    ///
    /// `rescale_target` is false where the residual has a scale of its own (logit); the parameter `still` keeps its natural
    /// value whatever the columns are measured in.
    pub fn new(
        program: &Program,
        specs: &[ParamSpec],
        inputs: &[&[f64]],
        target: &[f64],
        rescale_target: bool,
        still: Option<usize>,
    ) -> Self {
        let p = specs.len();
        let mut space = Self {
            free: (0..p).filter(|&j| specs[j].fixed.is_none()).collect(),
            log: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
            sizes: Vec::new(),
            units: vec![1.0; inputs.len()],
            target_unit: 1.0,
            limits: Vec::new(),
            fixed: specs.iter().map(|s| s.fixed).collect(),
            locations: program.locations().to_vec(),
            amplitudes: program.unit_change(None).map_or_else(Vec::new, |change| {
                change.shifts.iter().filter(|s| s.kind == ShiftKind::Additive).map(|s| s.param).collect()
            }),
            shifts: Vec::new(),
        };
        let mut accepted: Vec<(Option<usize>, f64, Vec<Arc<Shift>>)> = Vec::new();
        for column in (0..inputs.len()).map(Some).chain([None]) {
            let values = column.map_or(target, |c| inputs[c]);
            if column.is_none() && !rescale_target {
                continue;
            }
            let unit = unit_of(values);
            if unit == 1.0 {
                continue;
            }
            if let Some(change) = program.unit_change(column)
                && change.shifts.iter().all(|shift| absorbs(shift, &specs[shift.param]))
                && change.shifts.iter().all(|shift| Some(shift.param) != still)
            {
                accepted.push((column, unit, change.shifts.clone()));
            }
        }
        // An exponent may depend only on parameters that no unit touches; otherwise the map would need an order.
        let moved: Vec<usize> = accepted.iter().flat_map(|(_, _, s)| s.iter().map(|shift| shift.param)).collect();
        accepted.retain(|(_, _, shifts)| {
            shifts.iter().all(|shift| shift.dependencies().iter().all(|j| !moved.contains(j)))
        });
        for (column, unit, shifts) in accepted {
            match column {
                Some(c) => space.units[c] = unit,
                None => space.target_unit = unit,
            }
            space.shifts.extend(shifts.into_iter().map(|shift| (column, shift, math::ln(unit))));
        }
        for &j in &space.free {
            let log = is_logarithmic(program, j, &specs[j], &space, inputs);
            let (lower, upper) = space.ends(j, log, &specs[j]);
            space.log.push(log);
            space.lower.push(lower);
            space.upper.push(upper);
            space.limits.push(Limits::of(&specs[j], log));
        }
        space.sizes = vec![1.0; space.free.len()];
        space.measure(program, specs, inputs, still);
        space
    }

    /// Number of free coordinates.
    pub fn dimension(&self) -> usize {
        self.free.len()
    }

    /// Number of parameters of the law, free and fixed.
    pub fn parameters(&self) -> usize {
        self.fixed.len()
    }

    /// Parameters in solver units at coordinates `x`.
    #[inline]
    pub fn primed(&self, x: &[f64], primed: &mut [f64]) {
        for (a, &j) in self.free.iter().enumerate() {
            primed[j] = self.primed_at(a, x[a]);
        }
        for j in 0..primed.len() {
            if let Some(value) = self.fixed[j] {
                primed[j] = value;
            }
        }
        // Only constant exponents touch a fixed parameter, so the order of this loop does not matter.
        for (_, shift, ln_unit) in &self.shifts {
            if self.fixed[shift.param].is_some() {
                let e = shift.exponent(primed, &mut []);
                primed[shift.param] = moved(shift.kind, primed[shift.param], -e * ln_unit);
            }
        }
    }

    /// Coordinates of natural parameters.
    pub fn coordinates(&self, theta: &[f64], x: &mut [f64]) {
        let mut primed = theta.to_vec();
        for (_, shift, ln_unit) in &self.shifts {
            let e = shift.exponent(theta, &mut []);
            primed[shift.param] = moved(shift.kind, primed[shift.param], -e * ln_unit);
        }
        for (a, &j) in self.free.iter().enumerate() {
            x[a] = self.coordinate(a, primed[j]);
        }
    }

    /// Where to scan each of the given coordinates for starts.
    pub fn ranges(&self, nonlinear: &[usize], inputs: &[&[f64]], specs: &[ParamSpec]) -> Vec<Range> {
        nonlinear
            .iter()
            .map(|&a| {
                // Narrow bounds say where to look; wide ones only forbid.
                let natural = self.range(a, inputs, specs);
                let (lower, upper) = (self.lower[a], self.upper[a]);
                if upper - lower <= natural.width() { Range::Span { lower, upper, reach: 0.0 } } else { natural }
            })
            .collect()
    }

    /// Where coordinate `a` lies by its role in the law.
    fn range(&self, a: usize, inputs: &[&[f64]], specs: &[ParamSpec]) -> Range {
        let p = specs.len();
        let j = self.free[a];
        let spread = |c: usize| log_spread(inputs[c], self.units[c]);
        // The exponent of a column: one e-fold of the whole range is the natural size, and starts span 400 of it.
        let has_exponent = |c: &usize| self.shifts_of(*c).any(|shift| shift.dependencies().contains(&j));
        let widths = || (0..inputs.len()).filter(has_exponent).map(spread).map(|(low, high)| high - low);
        // A column that does not vary says nothing of its exponent; another may.
        if let Some(width) = widths().find(|width| *width > LEAST_WIDTH).or_else(|| widths().next()) {
            let width = width.max(LEAST_WIDTH);
            return Range::Magnitude { smallest: 0.1 / width, largest: 20.0 / width, signed: specs[j].lower < 0.0 };
        }
        if self.log[a] {
            // A scale of one column lies within the column or not far from it.
            let scale_of = (0..inputs.len()).find(|&c| self.shifts_of(c).any(|shift| shift.param == j));
            if let Some(c) = scale_of {
                let (low, high) = spread(c);
                let ones = vec![1.0; p];
                let e = self
                    .shifts_of(c)
                    .find(|shift| shift.param == j)
                    .map_or(1.0, |shift| shift.exponent(&ones, &mut []));
                let (from, to) = if e < 0.0 { (high * e, low * e) } else { (low * e, high * e) };
                return Range::Span { lower: from, upper: to, reach: 2.0 };
            }
            return SCALE;
        }
        if self.amplitudes.contains(&j) {
            return SCALE;
        }
        if let Some(at) = self.locations.iter().find(|at| at.param == j && !at.positive) {
            let values = || inputs[at.column].iter().map(|v| v / self.units[at.column]);
            let (low, high) = if at.logarithm {
                spread(at.column)
            } else {
                (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
            };
            if low < high {
                return Range::Span { lower: low, upper: high, reach: 0.5 };
            }
        }
        Range::Magnitude { smallest: 0.03, largest: 30.0, signed: self.lower[a] < 0.0 }
    }

    /// Coordinate `a` of a parameter in solver units.
    pub fn coordinate(&self, a: usize, primed: f64) -> f64 {
        let own = primed / self.sizes[a];
        if self.log[a] { math::ln(own.max(0.0)) } else { own }
    }

    /// The parameter in solver units of coordinate `a` at `x`.
    pub fn primed_at(&self, a: usize, x: f64) -> f64 {
        self.sizes[a] * if self.log[a] { math::exp(x) } else { x }
    }

    /// Whether parameter `j` is the logarithm of an amplitude of the target.
    pub fn is_amplitude(&self, j: usize) -> bool {
        self.amplitudes.contains(&j)
    }

    /// Shifts in force for column `c`.
    fn shifts_of(&self, c: usize) -> impl Iterator<Item = &Shift> {
        self.shifts.iter().filter(move |(column, _, _)| *column == Some(c)).map(|(_, shift, _)| &**shift)
    }
}

/// Width of the logarithm of a column below which it does not vary.
const LEAST_WIDTH: f64 = 1e-3;

/// Where the logarithm of a positive scale is looked for: in solver units it is near 1.
const SCALE: Range = Range::Span { lower: -3.5, upper: 2.5, reach: 1.0 };

/// A value moved by `amount` = exponent x ln(unit).
#[inline(always)]
fn moved(kind: ShiftKind, value: f64, amount: f64) -> f64 {
    match kind {
        ShiftKind::Multiplicative => value * math::exp(amount),
        ShiftKind::Additive => value + amount,
    }
}

/// Whether a parameter can take the change of units: its bounds must survive it.
fn absorbs(shift: &Shift, spec: &ParamSpec) -> bool {
    let constant = shift.dependencies().is_empty();
    match shift.kind {
        ShiftKind::Multiplicative => constant || spec.is_scale_free(),
        ShiftKind::Additive => constant || spec.is_shift_free(),
    }
}

/// A column in another unit, a power of two.
pub(crate) fn in_unit(column: &[f64], unit: f64) -> Vec<f64> {
    if unit == 1.0 { column.to_vec() } else { column.iter().map(|v| v / unit).collect() }
}

/// Ends of ln(column / unit); a column with non-positive values spans [-1, 1].
fn log_spread(values: &[f64], unit: f64) -> (f64, f64) {
    let (low, high) = lanes::ends(values);
    if low > 0.0 { (math::ln(low / unit), math::ln(high / unit)) } else { (-1.0, 1.0) }
}

/// Whether a parameter moves in its logarithm: it must be positive, or zero would break the law.
fn is_logarithmic(program: &Program, j: usize, spec: &ParamSpec, space: &Space, inputs: &[&[f64]]) -> bool {
    if program.linear().contains(&j) || spec.upper <= 0.0 {
        return false;
    }
    if program.positive().contains(&j) {
        return true;
    }
    if spec.lower < 0.0 {
        return false;
    }
    let mut params = vec![1.0; space.fixed.len()];
    params[j] = 0.0;
    let first: Vec<Vec<f64>> =
        inputs.iter().zip(&space.units).map(|(c, u)| c.iter().take(1).map(|v| v / u).collect()).collect();
    let borrowed: Vec<&[f64]> = first.iter().map(Vec::as_slice).collect();
    let mut slots = vec![Vec::new(); program.slots()];
    program.fill(&borrowed, &mut slots);
    let mut workspace = program.workspace();
    let block = crate::expr::BLOCK;
    let (mut out, mut jacobian) = (vec![0.0; block], vec![0.0; params.len() * block]);
    program.bind(&params, &mut workspace);
    program.value_jacobian(&slots, 0, 1, &mut workspace, &mut out, &mut jacobian);
    !(out[0].is_finite() && (0..params.len()).all(|k| jacobian[k * block].is_finite()))
}

//! Many small curves: a power with or without a constant, least squares, one curve after another without a pause.
//!
//! Everything but the exponent c is linear, so the objective is a function of c alone (Golub and Pereyra 1973). It is walked from
//! end to end like [`valley`](crate::solve::valley) does, every valley is followed to its bottom by Newton's method kept
//! between its neighbours, and the point found is refined in all parameters at once. Whatever is not an ordinary optimum
//! (a bound, a perfect fit, parameters that the rows hardly determine) is left to the general search.

mod table;

use super::row::FitRow;
use crate::loss::{Criterion, Loss};
use crate::question::{Question, Starts};
use crate::residual::Residual;
use crate::simd::{Aligned, LANES, Vector, VectorKernel, dispatch_vector, lanes, math};
use crate::solve::Status;
use crate::solve::starts::Range;
use crate::solve::valley::{MOST_VALLEYS, POINTS};
use table::{Look, Table};

/// Rows of one curve.
const MOST_ROWS: usize = 256;

/// Terms of the law: a power, and a constant beside it.
const TERMS: usize = 2;

/// Parameters.
const PARAMS: usize = TERMS + 1;

/// Points of the walk, to whole lanes.
const WALK: usize = POINTS.next_multiple_of(LANES);

/// Largest exponent of e.
const FAR: f64 = 600.0;

/// Magnitudes of targets whose squares are ordinary numbers.
const USUAL: (f64, f64) = (1e-100, 1e100);

/// A term p b with b = scale x^(constant + slope c).
#[derive(Debug, Clone, Copy, Default)]
struct Term {
    param: usize,
    scale: f64,
    constant: f64,
    slope: f64,
}

impl Term {
    /// Whether it is the same for every x.
    fn is_constant(self) -> bool {
        self.slope == 0.0 && self.constant == 0.0
    }
}

/// What is common to all curves of a question.
#[derive(Debug)]
pub(super) struct Curves {
    terms: [Term; TERMS],
    count: usize,
    /// Parameter c.
    exponent: usize,
    lower: [f64; PARAMS],
    upper: [f64; PARAMS],
    /// The points of the walk, in ascending order, over logarithms that are 1 apart.
    points: [f64; WALK],
}

/// One thread's buffers.
#[derive(Debug)]
pub(super) struct Workspace {
    logs: Aligned,
    target: Aligned,
    present: Aligned,
    basis: [Aligned; TERMS],
    /// The same for all points of a walk: row by row, term by term, one point per lane.
    walk: Aligned,
}

impl Workspace {
    pub(super) fn new() -> Self {
        let zeros = || Aligned::zeros(MOST_ROWS);
        Self {
            logs: zeros(),
            target: zeros(),
            present: zeros(),
            basis: [zeros(), zeros()],
            walk: Aligned::zeros(TERMS * MOST_ROWS * LANES),
        }
    }
}

impl Curves {
    /// The curves of `question`, if its law, loss and limits are of this kind.
    pub(super) fn of(question: &Question, starts: &Starts) -> Option<Self> {
        let plain = question.criterion == Criterion::Sum(Loss::Squared)
            && question.residual == Residual::Raw
            && *starts == Starts::Auto
            && question.columns.weights.as_ref().is_none_or(|weights| weights.iter().all(|w| *w == 1.0))
            && question.columns.sigma.is_none()
            && question.columns.inputs.len() == 1;
        let free = question.params.iter().all(|spec| spec.fixed.is_none() && spec.start.is_none());
        let sum = question.program.power_sum()?;
        let parameters = question.params.len();
        let one_power = sum.is_one_power() && parameters == sum.terms.len() + 1;
        if !(plain && free && one_power) {
            return None;
        }
        let factors: Vec<usize> = sum.terms.iter().map(|term| term.factor).collect::<Option<_>>()?;
        let exponent = (0..parameters).find(|j| !factors.contains(j))?;
        let distinct = (0..factors.len()).all(|k| !factors[..k].contains(&factors[k]));
        let mut curves = Self {
            terms: [Term::default(); TERMS],
            count: factors.len(),
            exponent,
            lower: [f64::NEG_INFINITY; PARAMS],
            upper: [f64::INFINITY; PARAMS],
            points: [0.0; WALK],
        };
        for (k, term) in sum.terms.iter().enumerate() {
            let (constant, slope) = match term.exponents.as_slice() {
                [] => (0.0, 0.0),
                [(0, form)] => match form.coefficients.as_slice() {
                    [] => (form.constant, 0.0),
                    [(j, slope)] if *j == exponent => (form.constant, *slope),
                    _ => return None,
                },
                _ => return None,
            };
            if !term.log_amplitude.coefficients.is_empty() {
                return None;
            }
            let scale = term.scale * math::exp(term.log_amplitude.constant);
            curves.terms[k] = Term { param: factors[k], scale, constant, slope };
        }
        for (j, spec) in question.params.iter().enumerate() {
            (curves.lower[j], curves.upper[j]) = (spec.lower, spec.upper);
        }
        let (low, high) = (curves.lower[exponent], curves.upper[exponent]);
        let range = Range::Magnitude { smallest: 0.1, largest: 20.0, signed: low < 0.0 };
        for (k, point) in curves.points[..POINTS].iter_mut().enumerate() {
            *point = range.at((k as f64 + 0.5) / POINTS as f64);
        }
        curves.points[..POINTS].sort_unstable_by(f64::total_cmp);
        let last = curves.points[POINTS - 1];
        curves.points[POINTS..].fill(last);
        let unbounded = (low == 0.0 || low == f64::NEG_INFINITY) && high == f64::INFINITY;
        (distinct && unbounded && curves.terms[..curves.count].iter().any(|t| t.slope != 0.0)).then_some(curves)
    }

    /// The fit of one curve, unless it is for the general search.
    pub(super) fn fit(&self, x: &[f64], y: &[f64], workspace: &mut Workspace) -> Option<FitRow> {
        if x.len() > MOST_ROWS || x.len() < self.count + 1 {
            return None;
        }
        dispatch_vector(Fit { curves: self, x, y, workspace })
    }
}

struct Fit<'a> {
    curves: &'a Curves,
    x: &'a [f64],
    y: &'a [f64],
    workspace: &'a mut Workspace,
}

impl VectorKernel for Fit<'_> {
    type Output = Option<FitRow>;

    #[inline(always)]
    fn run<V: Vector>(self) -> Option<FitRow> {
        // Numbers of terms that the compiler knows keep everything in registers.
        match self.curves.count {
            1 => self.run_of::<V, 1>(),
            _ => self.run_of::<V, TERMS>(),
        }
    }
}

impl Fit<'_> {
    #[inline(always)]
    fn run_of<V: Vector, const K: usize>(self) -> Option<FitRow> {
        let Self { curves, x, y, workspace } = self;
        let unit = place(x, y, workspace)?;
        let (low, high) = lanes::ends(&workspace.logs[..x.len()]);
        // An exponent matters by what it does over the width of the data: the walk is scaled by that.
        let width = (high - low).max(1e-3);
        let reach = FAR / low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
        let rows = x.len();
        let n = rows.next_multiple_of(LANES);
        let mut table =
            Table::<V, K> { curves, rows, n, workspace, reach, evaluations: 0, held: std::marker::PhantomData };
        table.constants();
        let points = curves.points.map(|c| c / width);
        let walk = table.walk(&points)?;
        // A level stretch counts once, at its right end.
        let is_valley = |k: usize| (k == 0 || walk[k] <= walk[k - 1]) && (k + 1 == POINTS || walk[k] < walk[k + 1]);
        let valleys = (0..POINTS).filter(|&k| is_valley(k)).count();
        if valleys > MOST_VALLEYS {
            return None;
        }
        let mut best: Option<Look> = None;
        for k in (0..POINTS).filter(|&k| is_valley(k)) {
            // A valley at either end is not seen whole.
            if k == 0 || k + 1 == POINTS {
                return None;
            }
            let bottom = table.descend(points[k], points[k - 1], points[k + 1])?;
            if best.is_none_or(|b| bottom.value < b.value) {
                best = Some(bottom);
            }
        }
        let mut end = table.finish(best?)?;
        let evaluations = table.evaluations;
        let mut row = FitRow::empty(K + 1, rows, Status::Converged);
        // Back to the caller's unit of x.
        for (term, value) in curves.terms.iter().zip(&mut end.linear).take(K) {
            *value *= math::exp(-(term.slope.mul_add(end.c, term.constant)) * math::ln(unit));
            row.params[term.param] = *value;
        }
        row.params[curves.exponent] = end.c;
        let inside = row.params.iter().enumerate().all(|(j, v)| *v > curves.lower[j] && *v < curves.upper[j]);
        let normal = row.params.iter().all(|v| v.is_finite() && (*v == 0.0 || v.is_normal()));
        if !(inside && normal) {
            return None;
        }
        row.objective = end.value;
        row.certificate = end.certificate;
        row.condition = end.condition;
        (row.starts, row.agreement, row.exhaustive) = (valleys, 1, true);
        row.evaluations = evaluations;
        Some(row)
    }
}

/// Logarithms of x in a unit near its geometric mean, which is returned, and targets; padded with rows that do not count.
#[inline(always)]
fn place(x: &[f64], y: &[f64], workspace: &mut Workspace) -> Option<f64> {
    let n = x.len();
    let padded = n.next_multiple_of(LANES);
    let exponent = |v: f64| (v.to_bits() >> 52) as i64 - 1023;
    let usual = x.iter().all(|v| v.is_normal() && *v > 0.0);
    let (least, most) = y.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), v| (l.min(v.abs()), m.max(v.abs())));
    if !usual || most > USUAL.1 || most < USUAL.0 || least.is_nan() {
        return None;
    }
    // A unit near the middle keeps the linear parameters apart from the exponent; a power of two costs no digit.
    let total: i64 = x.iter().map(|v| exponent(*v)).sum();
    let unit = math::power_of_two(total.div_euclid(n as i64));
    let inverse = 1.0 / unit;
    let Workspace { logs, target, present, .. } = workspace;
    for (to, v) in logs.iter_mut().zip(x) {
        *to = math::ln(v * inverse);
    }
    target[..n].copy_from_slice(y);
    present[..n].fill(1.0);
    for part in [&mut *logs, &mut *target, &mut *present] {
        part[n..padded].fill(0.0);
    }
    (unit.is_normal() && inverse.is_normal()).then_some(unit)
}

//! Many small curves: a power with or without a constant, least squares, one curve after another without a pause.
//!
//! Everything but the exponent c is linear, so the objective is a function of c alone (Golub and Pereyra 1973). It is walked from
//! end to end like [`valley`](crate::solve::valley) does, every valley is followed to its bottom by Newton's method kept
//! between its neighbours, and the point found is refined in all parameters at once. Whatever is not an ordinary optimum
//! (a bound, a perfect fit, parameters that the rows hardly determine) is left to the general search.

use super::{FitRow, Question, Starts};
use crate::loss::{Criterion, Loss};
use crate::problem::Residual;
use crate::simd::{Aligned, LANES, Vector, VectorKernel, dispatch_vector, lanes, math};
use crate::solve::Status;
use crate::solve::certificate::{Certificate, ROUNDING_FACTOR};
use crate::solve::linalg::{PIVOT, cholesky, cholesky_solve, eigenvalues};
use crate::solve::starts::Range;
use crate::solve::valley::{MOST_VALLEYS, POINTS};

/// Rows of one curve.
const MOST_ROWS: usize = 256;

/// Terms of the law: a power, and a constant beside it.
const TERMS: usize = 2;

/// Parameters.
const PARAMS: usize = TERMS + 1;

/// Condition of the scaled J'J above which a factorisation of the rows must decide.
const WELL_POSED: f64 = 1e8;

/// Points of the walk, to whole lanes.
const WALK: usize = POINTS.next_multiple_of(LANES);

/// Largest exponent of e.
const FAR: f64 = 600.0;

/// Magnitudes of targets whose squares are ordinary numbers.
const USUAL: (f64, f64) = (1e-100, 1e100);

/// Steps to the bottom of a valley, and in all parameters, at most.
const MOST_STEPS: usize = 40;

/// Relative predicted decrease at which the walk along c ends, and that of a final point.
const NEAR_BOTTOM: f64 = 1e-9;
const BOTTOM: f64 = 1e-18;

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
pub(super) struct Desk {
    logs: Aligned,
    target: Aligned,
    present: Aligned,
    basis: [Aligned; TERMS],
    /// The same for all points of a walk: row by row, term by term, a point a lane.
    walk: Aligned,
}

impl Desk {
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
            && question.columns.weights.as_ref().is_none_or(|all| all.iter().all(|one| *one == 1.0))
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
        // Without a second look at equal bases, a law such as A*x**c + B*x**c would only be found singular.
        (distinct && unbounded && curves.terms[..curves.count].iter().any(|t| t.slope != 0.0)).then_some(curves)
    }

    /// The fit of one curve, unless it is for the general search.
    pub(super) fn fit(&self, x: &[f64], y: &[f64], desk: &mut Desk) -> Option<FitRow> {
        if x.len() > MOST_ROWS || x.len() < self.count + 1 {
            return None;
        }
        dispatch_vector(Fit { curves: self, x, y, desk })
    }
}

struct Fit<'a> {
    curves: &'a Curves,
    x: &'a [f64],
    y: &'a [f64],
    desk: &'a mut Desk,
}

/// The objective along c, and its first two derivatives.
#[derive(Debug, Clone, Copy)]
struct Look {
    c: f64,
    linear: [f64; TERMS],
    value: f64,
    slope: f64,
    bend: f64,
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
        let Self { curves, x, y, desk } = self;
        let unit = place(x, y, desk)?;
        let (low, high) = lanes::ends(&desk.logs[..x.len()]);
        let width = (high - low).max(1e-3);
        let reach = FAR / low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
        let rows = x.len();
        let n = rows.next_multiple_of(LANES);
        let mut table = Table::<V, K> { curves, rows, n, desk, reach, evaluations: 0, held: std::marker::PhantomData };
        table.constants();
        let points = curves.points.map(|c| c / width);
        let walk = table.walk(&points)?;
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
fn place(x: &[f64], y: &[f64], desk: &mut Desk) -> Option<f64> {
    let n = x.len();
    let padded = n.next_multiple_of(LANES);
    let exponent = |v: f64| (v.to_bits() >> 52) as i64 - 1023;
    let usual = x.iter().all(|v| v.is_normal() && *v > 0.0);
    let (least, most) = y.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), v| (l.min(v.abs()), m.max(v.abs())));
    if !usual || most > USUAL.1 || most < USUAL.0 || least.is_nan() {
        return None;
    }
    let total: i64 = x.iter().map(|v| exponent(*v)).sum();
    let unit = math::power_of_two(total.div_euclid(n as i64));
    let inverse = 1.0 / unit;
    let Desk { logs, target, present, .. } = desk;
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

/// A refined point and what is known of it.
struct End {
    c: f64,
    linear: [f64; TERMS],
    value: f64,
    certificate: Certificate,
    condition: f64,
}

struct Table<'a, V, const K: usize> {
    curves: &'a Curves,
    /// Rows, and rows to whole lanes.
    rows: usize,
    n: usize,
    desk: &'a mut Desk,
    reach: f64,
    evaluations: usize,
    held: std::marker::PhantomData<V>,
}

impl<V: Vector, const K: usize> Table<'_, V, K> {
    /// Fill the bases that no exponent changes.
    #[inline(always)]
    fn constants(&mut self) {
        let Desk { present, basis, .. } = &mut *self.desk;
        for (term, basis) in self.curves.terms.iter().zip(basis).take(K).filter(|(term, _)| term.is_constant()) {
            for i in (0..self.n).step_by(LANES) {
                (V::of(term.scale) * V::load(&present[i..])).store(&mut basis[i..]);
            }
        }
    }

    /// The objective at every point of a walk, the linear parameters at their best; a point a lane. None where a base leaves the
    /// numbers or the rows do not determine the linear parameters.
    #[inline(always)]
    fn walk(&mut self, points: &[f64; WALK]) -> Option<[f64; WALK]> {
        self.evaluations += POINTS;
        let terms = &self.curves.terms;
        let within = |term: &Term, c: f64| term.slope.mul_add(c, term.constant).abs() <= self.reach;
        if !terms[..K].iter().all(|term| within(term, points[0]) && within(term, points[POINTS - 1])) {
            return None;
        }
        let Desk { logs, target, walk: bases, .. } = &mut *self.desk;
        let (logs, target) = (&logs[..self.rows], &target[..self.rows]);
        let mut values = [0.0; WALK];
        for first in (0..WALK).step_by(LANES) {
            let c = V::load(&points[first..]);
            let exponents: [V; K] = std::array::from_fn(|a| V::of(terms[a].slope).fused(c, V::of(terms[a].constant)));
            let (mut gram, mut linear) = ([[V::zero(); K]; K], [V::zero(); K]);
            for ((log, y), to) in logs.iter().zip(target).zip(bases.chunks_exact_mut(K * LANES)) {
                let basis: [V; K] = std::array::from_fn(|a| {
                    let scale = V::of(terms[a].scale);
                    if terms[a].is_constant() { scale } else { scale * math::exp_bounded(exponents[a] * V::of(*log)) }
                });
                for a in 0..K {
                    basis[a].store(&mut to[a * LANES..]);
                    linear[a] = basis[a].fused(V::of(*y), linear[a]);
                    for b in 0..=a {
                        gram[a][b] = basis[a].fused(basis[b], gram[a][b]);
                    }
                }
            }
            let sound = solve_lanes(&mut gram, &mut linear);
            let mut square = V::zero();
            for (y, basis) in target.iter().zip(bases.chunks_exact(K * LANES)) {
                let mut r = V::of(-*y);
                for a in 0..K {
                    r = linear[a].fused(V::load(&basis[a * LANES..]), r);
                }
                square = r.fused(r, square);
            }
            (V::of(0.5) * square / sound).store(&mut values[first..]);
        }
        values.iter().all(|v| v.is_finite()).then_some(values)
    }

    /// Fill the basis at `c`; None where it leaves the numbers.
    #[inline(always)]
    fn bases(&mut self, c: f64) -> Option<()> {
        self.evaluations += 1;
        let Desk { logs, present, basis, .. } = &mut *self.desk;
        for (term, basis) in self.curves.terms.iter().zip(basis).take(K).filter(|(term, _)| !term.is_constant()) {
            let exponent = term.slope.mul_add(c, term.constant);
            if exponent.abs() > self.reach || exponent.is_nan() {
                return None;
            }
            let (exponent, scale) = (V::of(exponent), V::of(term.scale));
            for i in (0..self.n).step_by(LANES) {
                let power = math::exp_bounded(exponent * V::load(&logs[i..]));
                (scale * power * V::load(&present[i..])).store(&mut basis[i..]);
            }
        }
        Some(())
    }

    /// The best linear parameters at `c`, and derivatives of the objective along c.
    #[inline(always)]
    fn look(&mut self, c: f64) -> Option<Look> {
        self.bases(c)?;
        let n = self.n;
        let Desk { logs, target, basis, .. } = &*self.desk;
        let (mut gram, mut linear) = ([0.0; TERMS * TERMS], [0.0; TERMS]);
        for a in 0..K {
            for b in 0..=a {
                gram[a * K + b] = dot::<V>(&basis[a], &basis[b], n);
            }
            linear[a] = dot::<V>(&basis[a], target, n);
        }
        if !cholesky(&mut gram[..K * K], K) {
            return None;
        }
        cholesky_solve(&gram[..K * K], K, &mut linear[..K]);
        let mut look = Look { c, linear, value: 0.0, slope: 0.0, bend: 0.0 };
        let [mut square, mut slope, mut first, mut second] = [V::zero(); 4];
        let (mut cross, mut own) = ([V::zero(); TERMS], [V::zero(); TERMS]);
        for i in (0..n).step_by(LANES) {
            let mut r = V::zero() - V::load(&target[i..]);
            for a in 0..K {
                r = V::of(linear[a]).fused(V::load(&basis[a][i..]), r);
            }
            square = r.fused(r, square);
            let log = V::load(&logs[i..]);
            let (mut d, mut dd) = (V::zero(), V::zero());
            for a in 0..K {
                let g = V::of(self.curves.terms[a].slope);
                let part = g * log * V::load(&basis[a][i..]);
                own[a] = r.fused(part, own[a]);
                d = V::of(linear[a]).fused(part, d);
                dd = (V::of(linear[a]) * g * log).fused(part, dd);
            }
            for a in 0..K {
                cross[a] = d.fused(V::load(&basis[a][i..]), cross[a]);
            }
            slope = r.fused(d, slope);
            first = d.fused(d, first);
            second = r.fused(dd, second);
        }
        look.value = 0.5 * square.sum();
        look.slope = slope.sum();
        let mut mixed = [0.0; TERMS];
        for a in 0..K {
            mixed[a] = cross[a].sum() + own[a].sum();
        }
        let held = mixed;
        cholesky_solve(&gram[..K * K], K, &mut mixed[..K]);
        let taken: f64 = (0..K).map(|a| held[a] * mixed[a]).sum();
        look.bend = first.sum() + second.sum() - taken;
        look.value.is_finite().then_some(look)
    }

    /// The bottom of the valley around `c`, between two points that lie higher.
    #[inline(always)]
    fn descend(&mut self, c: f64, mut low: f64, mut high: f64) -> Option<Look> {
        let mut here = self.look(c)?;
        for _ in 0..MOST_STEPS {
            if here.slope > 0.0 {
                high = here.c;
            } else {
                low = here.c;
            }
            let step = -here.slope / here.bend;
            if here.bend > 0.0 && -step * here.slope <= NEAR_BOTTOM * here.value {
                return Some(here);
            }
            let next = here.c + step;
            let inside = here.bend > 0.0 && next > low && next < high;
            here = self.look(if inside { next } else { 0.5 * (low + high) })?;
        }
        None
    }

    /// Newton steps in all parameters, from gradients that are summed from residuals; None where that is no ordinary optimum.
    #[inline(always)]
    fn finish(&mut self, look: Look) -> Option<End> {
        let n = self.n;
        let q = K + 1;
        let (mut c, mut linear) = (look.c, look.linear);
        let mut previous = f64::INFINITY;
        for _ in 0..MOST_STEPS {
            self.bases(c)?;
            let Desk { logs, target, basis, .. } = &*self.desk;
            let (mut square, mut total, mut second) = (V::zero(), V::zero(), V::zero());
            let (mut gradient, mut bent) = ([V::zero(); PARAMS], [V::zero(); TERMS]);
            let mut gram = [V::zero(); PARAMS * PARAMS];
            for i in (0..n).step_by(LANES) {
                let (y, log) = (V::load(&target[i..]), V::load(&logs[i..]));
                let mut r = V::zero() - y;
                let (mut d, mut dd) = (V::zero(), V::zero());
                let mut column = [V::zero(); PARAMS];
                let mut parts = [V::zero(); TERMS];
                for a in 0..K {
                    column[a] = V::load(&basis[a][i..]);
                    r = V::of(linear[a]).fused(column[a], r);
                    let g = V::of(self.curves.terms[a].slope) * log;
                    parts[a] = g * column[a];
                    d = V::of(linear[a]).fused(parts[a], d);
                    dd = (V::of(linear[a]) * g).fused(parts[a], dd);
                }
                column[K] = d;
                square = r.fused(r, square);
                total = y.fused(y, total);
                second = r.fused(dd, second);
                for a in 0..K {
                    bent[a] = r.fused(parts[a], bent[a]);
                }
                for a in 0..q {
                    gradient[a] = r.fused(column[a], gradient[a]);
                    for b in 0..=a {
                        gram[a * q + b] = column[a].fused(column[b], gram[a * q + b]);
                    }
                }
            }
            let square = square.sum();
            let norm = square.sqrt();
            // A perfect fit has a certificate of its own.
            if norm <= ROUNDING_FACTOR * f64::EPSILON * total.sum().sqrt() {
                return None;
            }
            let (mut pull, mut scale, mut scaled) = ([0.0; PARAMS], [0.0; PARAMS], [0.0; PARAMS * PARAMS]);
            let mut cosine = 0.0_f64;
            for a in 0..q {
                scale[a] = gram[a * q + a].sum().sqrt();
                pull[a] = gradient[a].sum() / scale[a];
                cosine = cosine.max(pull[a].abs() / norm);
            }
            for a in 0..q {
                for b in 0..=a {
                    let value = if a == b { 1.0 } else { gram[a * q + b].sum() / (scale[a] * scale[b]) };
                    (scaled[a * q + b], scaled[b * q + a]) = (value, value);
                }
            }
            let mut system = scaled;
            system[K * q + K] += second.sum() / (scale[K] * scale[K]);
            for a in 0..K {
                system[K * q + a] += bent[a].sum() / (scale[a] * scale[K]);
            }
            let mut step = pull;
            if !cholesky(&mut system[..q * q], q) {
                return None;
            }
            cholesky_solve(&system[..q * q], q, &mut step[..q]);
            let value = 0.5 * square;
            let decrease = 0.5 * (0..q).map(|a| step[a] * pull[a]).sum::<f64>() / value;
            let certificate = Certificate { gradient: cosine, decrease: decrease.max(0.0), multiplier: 0.0 };
            let rested = decrease <= BOTTOM || decrease >= 0.25 * previous;
            if certificate.holds() && rested {
                let condition = condition(&mut scaled, q);
                return (condition <= WELL_POSED).then_some(End { c, linear, value, certificate, condition });
            }
            if decrease >= previous {
                return None;
            }
            previous = decrease;
            for a in 0..K {
                linear[a] -= step[a] / scale[a];
            }
            c -= step[K] / scale[K];
        }
        None
    }
}

#[inline(always)]
fn dot<V: Vector>(a: &[f64], b: &[f64], n: usize) -> f64 {
    let mut sum = V::zero();
    for i in (0..n).step_by(LANES) {
        sum = V::load(&a[i..]).fused(V::load(&b[i..]), sum);
    }
    sum.sum()
}

/// Solve a positive definite system in every lane, in place; 1 in the lanes where it is one, else 0.
#[inline(always)]
fn solve_lanes<V: Vector, const K: usize>(gram: &mut [[V; K]; K], right: &mut [V; K]) -> V {
    let mut sound = V::of(1.0);
    let least: [V; K] = std::array::from_fn(|a| V::of(PIVOT) * gram[a][a]);
    for j in 0..K {
        let pivot = gram[j][j];
        sound = sound.where_less(least[j], pivot);
        let inverse = V::of(1.0) / pivot;
        for i in j + 1..K {
            let factor = gram[i][j] * inverse;
            for b in j + 1..=i {
                gram[i][b] = gram[i][b] - factor * gram[b][j];
            }
            right[i] = right[i] - factor * right[j];
        }
        for i in j + 1..K {
            gram[i][j] = gram[i][j] * inverse;
        }
        right[j] = right[j] * inverse;
    }
    for i in (0..K).rev() {
        for b in i + 1..K {
            right[i] = right[i] - gram[b][i] * right[b];
        }
    }
    sound
}

/// Condition number of a symmetric matrix; infinite where it is singular.
#[inline(always)]
fn condition(matrix: &mut [f64], q: usize) -> f64 {
    eigenvalues(&mut matrix[..q * q], q);
    let values = (0..q).map(|j| matrix[j * q + j].abs());
    let (small, large) = values.fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    large / small
}

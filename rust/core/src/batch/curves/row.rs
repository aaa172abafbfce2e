//! From the point where a search ended to a row of the table, as [`report`](crate::batch::report) would fill it.

use super::Curves;
use super::condition::{PARAMS, condition};
use super::cost::{Cost, Scale};
use super::descent::{constant, solve, stiffness};
use super::faces::{Level, STRAIGHT};
use super::look::Engine;
use super::place::{Best, Side, Workspace};
use super::search::{Found, Place};
use crate::batch::row::{FitRow, RunsOff};
use crate::simd::vector::sums;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector, math};
use crate::solve::Status;
use crate::solve::certificate::{Certificate, ROUNDING_FACTOR};
use crate::solve::linalg::singular;

/// Condition of the scaled J'J above which an optimum may lie at infinity, and above which rounding decides.
const SUSPICIOUS: f64 = 1e8;
const LARGEST: f64 = 1e12;

/// Share of the residuals that every parameter must move by far more than.
const FELT: f64 = 1e-5;

/// Relative rise of the objective that still counts as level.
const LEVEL: f64 = 1e-9;

/// The same on the way to the exponent zero, foretold from the optimum.
const BENT: f64 = 1e-7;

/// Times the rounding of residuals that a perfect fit may be off, with a margin.
const PERFECT: f64 = 4.0;

/// How much farther out than where a search ends a limit is reported: six steps of one and a half.
const FARTHER: f64 = 11.390_625;

/// Largest logarithm of a number that is ordinary.
const ORDINARY: f64 = 600.0;

/// What the search of a curve leaves.
#[derive(Debug)]
pub(in crate::batch) enum Ending {
    /// All that may be said of it.
    Whole(FitRow),
    /// An optimum from which the way to a limit may be open: that is for the general report.
    Open(FitRow),
    /// The best of what was seen along a rough objective: the general search has a say too.
    Unsure(FitRow),
}

/// What the rows say of one point in the caller's own parameters.
struct Measures {
    /// Squared lengths: of the slopes of the loss, of the residuals, of their rounding.
    pull: f64,
    residual: f64,
    rounding: f64,
    /// Rows at the end of a curved zone, and curvature of those well inside of one.
    borders: f64,
    curved: f64,
    gradient: [f64; PARAMS],
    gram: [[f64; PARAMS]; PARAMS],
    /// The amplitude in that unit of x.
    centred: f64,
}

impl<S: Scale, C: Cost> Engine<'_, S, C> {
    /// The end of a search; None where more must be known than was looked at here.
    pub(super) fn ending(&mut self, curves: &Curves, found: &Found) -> Option<Ending> {
        let ending = self.ending_of(curves, found)?;
        match ending {
            Ending::Whole(row) if found.is_rough => Some(Ending::Unsure(row)),
            Ending::Open(_) if found.is_rough => None,
            ending => Some(ending),
        }
    }

    fn ending_of(&mut self, curves: &Curves, found: &Found) -> Option<Ending> {
        match found.place {
            Place::Inside(point, look, decrease) => {
                if !C::IS_CURVED && !self.is_determined(found.side, point, &look.hessian) {
                    return None;
                }
                let best = Best {
                    constant: constant(point),
                    amplitude: point[1] / point[2],
                    exponent: point[2],
                    objective: look.value,
                };
                // To an exponent of zero the objective rises by a parabola.
                let rise = 0.5 * stiffness(&look.hessian) * point[2] * point[2];
                let is_bent = !curves.may_straighten() || rise > BENT * look.value;
                self.optimum(curves, found, best, decrease, is_bent)
            }
            Place::Alone(alone, _) if alone.is_level => None,
            Place::Alone(alone, sign) => {
                let amplitude = sign * math::exp(alone.height);
                let best = Best { constant: 0.0, amplitude, exponent: alone.exponent, objective: alone.value };
                self.optimum(curves, found, best, alone.decrease, true)
            }
            Place::Level(level) => self.without_power(curves, found, level).map(Ending::Whole),
            Place::Limit([constant, amplitude, exponent], objective) => {
                let best = Best { constant, amplitude, exponent, objective };
                self.without_end(curves, (found.side, found.starts), best).map(Ending::Whole)
            }
        }
    }

    /// The row of an optimum, on the bound of the constant or off it.
    fn optimum(&mut self, curves: &Curves, found: &Found, best: Best, decrease: f64, is_bent: bool) -> Option<Ending> {
        let measures = self.measures(found.side, best, self.offset(found.side, best.exponent))?;
        let first = usize::from(!matches!(found.place, Place::Inside(..)));
        let cosine = |a: usize| measures.gradient[a].abs() / (measures.gram[a][a].sqrt() * measures.pull.sqrt());
        let gradient = (first..PARAMS).map(cosine).fold(0.0, f64::max);
        let certificate = Certificate { gradient, decrease: decrease.max(0.0) / best.objective, multiplier: 0.0 };
        // An optimum that is poorly determined may lie at infinity: not where the limits are known to be higher.
        let is_closed = is_bent && found.limit > best.objective * (1.0 + LEVEL);
        self.certified(curves, (found.side, found.starts), best, (certificate, first, is_closed), &measures)
    }

    /// The row of an optimum of certificate `certificate`, `first` parameters being on their bounds.
    fn certified(
        &mut self,
        curves: &Curves,
        (side, starts): (Side, usize),
        best: Best,
        (certificate, first, is_closed): (Certificate, usize, bool),
        measures: &Measures,
    ) -> Option<Ending> {
        let lengths: [f64; PARAMS] = std::array::from_fn(|a| measures.gram[a][a].sqrt());
        let mut scaled = [0.0; PARAMS * PARAMS];
        let q = PARAMS - first;
        for a in first..PARAMS {
            for b in first..PARAMS {
                let cosine = measures.gram[a][b] / (lengths[a] * lengths[b]);
                scaled[(a - first) * q + b - first] = if a == b { 1.0 } else { cosine };
            }
        }
        let mut gram = scaled;
        let condition = condition(&mut scaled, q);
        let least = FELT * measures.residual.sqrt();
        let moves = |a: usize, size: f64| lengths[a] * size.abs() > least;
        let is_felt = moves(1, measures.centred) && moves(2, best.exponent);
        if !(certificate.holds() && is_felt && is_imperfect(measures, best.objective)) {
            return None;
        }
        let mut row = FitRow::ordinary(curves.parameters(), self.placed.rows);
        self.fill(curves, (side, starts), best, &mut row)?;
        row.certificate = certificate;
        row.condition = condition;
        row.exhaustive = true;
        let is_closed = condition <= SUSPICIOUS || is_closed;
        if !is_closed {
            return Some(Ending::Open(row));
        }
        if condition > LARGEST {
            row.status = Status::NotIdentified;
            row.unidentified.resize(curves.parameters(), false);
            let order = curves.order();
            for a in undetermined(&mut gram, q) {
                row.unidentified[order[first + a]] = true;
            }
        }
        Some(Ending::Whole(row))
    }

    /// The row of a vertex of absolute deviations; that of one that may lie at infinity is open.
    pub(super) fn vertex(
        &mut self,
        curves: &Curves,
        (side, starts): (Side, usize),
        best: Best,
        certificate: Certificate,
    ) -> Option<Ending> {
        let measures = self.measures(side, best, self.offset(side, best.exponent))?;
        let first = usize::from(best.constant == 0.0);
        self.certified(curves, (side, starts), best, (certificate, first, false), &measures)
    }

    /// The row of a law that is best without its power: nothing is said of the exponent.
    fn without_power(&mut self, curves: &Curves, found: &Found, level: Level) -> Option<FitRow> {
        let constant = if S::IS_LOG { math::exp(level.place) } else { level.place };
        let best = Best { constant, amplitude: 0.0, exponent: 1.0 / self.placed.width, objective: level.value };
        let measures = self.measures(found.side, best, self.offset(found.side, best.exponent))?;
        if !is_imperfect(&measures, best.objective) || !curves.amplitude_is_bounded_by_zero() {
            return None;
        }
        let mut row = FitRow::empty(curves.parameters(), self.placed.rows, Status::NotIdentified);
        self.fill(curves, (found.side, found.starts), best, &mut row)?;
        let cosine = measures.gradient[0].abs() / (measures.gram[0][0] * measures.pull).sqrt();
        row.certificate = Certificate { gradient: cosine, decrease: 0.0, multiplier: 0.0 };
        row.condition = f64::INFINITY;
        row.unidentified[curves.exponent()] = true;
        Some(row)
    }

    /// The row of a law that is best at an infinite exponent: a point so far out that nothing changes any more.
    pub(super) fn without_end(&mut self, curves: &Curves, (side, starts): (Side, usize), best: Best) -> Option<FitRow> {
        let measures = self.measures(side, best, 0.0)?;
        if !is_imperfect(&measures, best.objective) {
            return None;
        }
        let mut row = FitRow::empty(curves.parameters(), self.placed.rows, Status::Unbounded);
        self.fill(curves, (side, starts), best, &mut row)?;
        let mut nearer = row.clone();
        self.fill(curves, (side, starts), Best { exponent: best.exponent / FARTHER, ..best }, &mut nearer)?;
        for j in 0..row.params.len() {
            let (here, farther) = (nearer.params[j], row.params[j]);
            row.runs_off[j] = match RunsOff::between(here, farther) {
                RunsOff::Infinity if curves.is_stopped(j, true) => RunsOff::Nowhere,
                RunsOff::MinusInfinity if curves.is_stopped(j, false) => RunsOff::Nowhere,
                end => end,
            };
        }
        let exponent = curves.exponent();
        let is_up = row.params[exponent] > 0.0;
        row.runs_off[exponent] = if is_up { RunsOff::Infinity } else { RunsOff::MinusInfinity };
        let cosine = |a: usize| measures.gradient[a].abs() / (measures.gram[a][a] * measures.pull).sqrt();
        row.certificate = Certificate { gradient: cosine(0).max(cosine(1)), decrease: 0.0, multiplier: 0.0 };
        row.condition = f64::INFINITY;
        (!curves.is_stopped(exponent, is_up)).then_some(row)
    }

    /// Parameters and objective in the caller's units; None where a parameter has no number or lies beyond its bounds.
    pub(super) fn fill(
        &self,
        curves: &Curves,
        (side, starts): (Side, usize),
        best: Best,
        row: &mut FitRow,
    ) -> Option<()> {
        let exponent = signed(side, best.exponent);
        let end = self.end(side);
        row.objective = best.objective;
        row.evaluations = self.evaluations;
        (row.starts, row.agreement) = (starts, 1);
        curves.natural(
            best.constant * self.placed.unit,
            (best.amplitude * self.placed.unit, exponent * end),
            exponent,
            row,
        )
    }

    /// ln x of the end from which logarithms are counted.
    pub(super) fn end(&self, side: Side) -> f64 {
        match side {
            Side::Falling => self.placed.smallest,
            Side::Rising => self.placed.smallest + self.placed.width,
        }
    }

    /// The same over the unit near the middle, or over one so far from there that the amplitude is a number.
    fn offset(&self, side: Side, exponent: f64) -> f64 {
        let most = ORDINARY / exponent.abs();
        (self.end(side) - self.placed.middle).clamp(-most, most)
    }

    /// Whether the objective curves in every direction, though rows in the straight parts of a loss do not.
    fn is_determined(&mut self, side: Side, point: [f64; 3], hessian: &[[f64; 3]; 3]) -> bool {
        let metric = self.metric(side, point);
        let mut rest = *hessian;
        for (row, metric) in rest.as_flattened_mut().iter_mut().zip(metric.as_flattened()) {
            *row -= STRAIGHT * metric;
        }
        solve(&rest, [0.0; 3]).is_some()
    }

    /// What the rows say of a point in E, A and a, with x in a unit at a distance of `offset` from the end; None where the best
    /// points may be many.
    fn measures(&self, side: Side, best: Best, offset: f64) -> Option<Measures> {
        // Where rows stand at the end of a curved zone the best points may be many, and a fit is their centre: of a constant alone
        // only where no other row curves.
        let may_be_level = |m: &Measures| m.borders > 0.0 && (best.amplitude != 0.0 || m.curved == 0.0);
        dispatch_vector(Measure { engine: self, side, best, offset }).filter(|measures| !may_be_level(measures))
    }
}

struct Measure<'e, 'a, S, C> {
    engine: &'e Engine<'a, S, C>,
    side: Side,
    best: Best,
    offset: f64,
}

impl<S: Scale, C: Cost> VectorKernel for Measure<'_, '_, S, C> {
    type Output = Option<Measures>;

    #[inline(always)]
    fn run<V: Vector>(self) -> Option<Measures> {
        let Self { engine, side, best, offset } = self;
        let a = best.exponent;
        let shift = signed(side, a) * offset;
        if !shift.is_finite() {
            return None;
        }
        let centred = best.amplitude * math::exp(shift);
        let scale = V::of(math::exp(-shift));
        let (e, m, minus) = (V::of(best.constant), V::of(best.amplitude), V::of(-a));
        let sense = if side == Side::Falling { 1.0 } else { -1.0 };
        let logs = engine.w.logs(side);
        let Workspace { observed, present, .. } = &*engine.w;
        let [mut pull, mut square, mut rounding, mut borders, mut curved] = [V::zero(); 5];
        let [mut g0, mut g1, mut g2] = [V::zero(); 3];
        let [mut m00, mut m01, mut m02, mut m11, mut m12, mut m22] = [V::zero(); 6];
        for i in (0..engine.placed.padded).step_by(LANES) {
            let (l, y, weight) = (V::load(&logs[i..]), V::load(&observed[i..]), V::load(&present[i..]));
            let b = math::exp_bounded(V::of(super::look::FAR).least(V::of(-super::look::FAR).most(minus * l)));
            let (r, v) = S::residual(m.fused(b, e), y);
            let [_, psi, curvature] = engine.cost.at(r);
            let border = engine.cost.border(r);
            borders = borders + border.where_less(V::zero(), weight);
            curved = (weight * curvature).fused(V::of(1.0) - border, curved);
            let c1 = b * scale * v;
            let c2 = V::of(-centred) * V::of(sense).fused(l, V::of(offset)) * c1;
            let pulled = weight * psi;
            pull = pulled.fused(psi, pull);
            square = (weight * r).fused(r, square);
            let size = if S::IS_LOG { y.most(-y).most(V::of(1.0)) } else { y };
            rounding = (weight * size).fused(size, rounding);
            g0 = pulled.fused(v, g0);
            g1 = pulled.fused(c1, g1);
            g2 = pulled.fused(c2, g2);
            let (w0, w1) = (weight * v, weight * c1);
            m00 = w0.fused(v, m00);
            m01 = w0.fused(c1, m01);
            m02 = w0.fused(c2, m02);
            m11 = w1.fused(c1, m11);
            m12 = w1.fused(c2, m12);
            m22 = (weight * c2).fused(c2, m22);
        }
        let [pull, residual, rounding, borders, curved] = sums([pull, square, rounding, borders, curved]);
        let [g0, g1, g2, m00, m01, m02, m11, m12, m22] = sums([g0, g1, g2, m00, m01, m02, m11, m12, m22]);
        Some(Measures {
            pull,
            residual,
            rounding,
            borders,
            curved,
            gradient: [g0, g1, g2],
            gram: [[m00, m01, m02], [m01, m11, m12], [m02, m12, m22]],
            centred,
        })
    }
}

/// The parameters that take part in directions which rounding decides, of a scaled J'J.
fn undetermined(gram: &mut [f64], q: usize) -> Vec<usize> {
    /// Share of a direction above which a parameter is part of it.
    const SHARE: f64 = 1e-3;
    let mut vectors = [0.0; PARAMS * PARAMS];
    let values = singular(&mut gram[..q * q], &mut vectors[..q * q], q);
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(*v));
    let takes_part = |a: usize| (0..q).any(|k| values[k] * LARGEST <= largest && vectors[a * q + k].abs() > SHARE);
    (0..q).filter(|&a| takes_part(a)).collect()
}

/// The exponent a of x^-a.
fn signed(side: Side, a: f64) -> f64 {
    if side == Side::Falling { a } else { -a }
}

/// Whether the residuals are more than rounding.
fn is_imperfect(measures: &Measures, value: f64) -> bool {
    let rounding = PERFECT * ROUNDING_FACTOR * f64::EPSILON;
    value > rounding * rounding * measures.rounding
}

//! About the best exponent: the fit is the only best one there, by bounds of the second order.
//!
//! With v the relative change of a law value (the change itself under raw residuals), a row's loss is at least its value + c times the
//! change + q v^2 / 2 while |v| stays below some v0; q takes in how the loss curves up to v0 and how the logarithm does. The change is
//! linear in the changes of the constant and of the factor and in u = m' t, where m' is the new factor, t the step of the exponent
//! and the third column a difference quotient of the powers. So the objective rises by at least a quadratic form in the three plus
//! u t k, k being the sum of c times second difference quotients. Three conditions make that positive at every exponent of a stretch:
//! the form beats u t k at every m'; nothing reaches |v| = v0 without a rise beyond what separates the objective from its convex lower
//! bound, so that no better fit lies outside (fits no worse than a level are a convex set at each exponent); and what is left of the
//! gradient is rounding.

use super::curve::Curve;
use super::form::{Form, Ground, Here, Part};
use crate::loss::Loss;
use crate::simd::{Kernel, LANES, Vector, VectorKernel, dispatch, dispatch_vector, math};

/// What the gradient adds to a rise at most, as a factor; the rest of it is a share of the objective.
const GRADIENT_RISE: f64 = 1.001;

/// How far the bound is to hold, in typical residuals: the wider the more it must bear, the narrower the less it says.
const TRIES: [f64; 5] = [1.0, 4.0, 16.0, 2.0, 8.0];

/// Constants so small beside the law, and costing so little of the objective, are zero.
const FACE: f64 = 1e-12;
const ON_FACE: f64 = 1e-12;

/// Residuals of a kinked loss up to this, relative to the typical one, are on the kink.
const ON_KINK: f64 = 1e-7;

/// The second-order bound of a row while |v| <= `reach`.
#[derive(Debug, Clone, Copy, Default)]
struct Bound {
    /// q.
    bend: f64,
    /// How far the objective may be above its convex lower bound.
    apart: f64,
}

/// The best point, looked at closely.
#[derive(Debug)]
pub(super) struct Local<'a> {
    curve: &'a Curve,
    ground: Ground,
    rows: Vec<Here>,
    /// By how much an objective is above its convex lower bound at most: a share of its own rise, and a constant.
    apart: [f64; 2],
}

impl<'a> Local<'a> {
    /// None where the slopes of the rows on a kink cannot be told.
    pub(super) fn of(curve: &'a Curve) -> Option<Self> {
        dispatch(Prepare { curve })
    }

    #[inline(always)]
    fn prepared(curve: &'a Curve) -> Option<Self> {
        let best = curve.best;
        let is_kinked = curve.loss.kink().is_some();
        let mut rows = Vec::with_capacity(curve.rows.len());
        for row in &curve.rows {
            let power = math::exp(-best.exponent * row.log);
            let f = best.factor.mul_add(power, best.constant);
            let natural = if curve.is_log { math::ln(f * row.unit) } else { f - row.offset };
            let scale = if curve.is_log { f } else { 1.0 };
            let is_on_kink = is_kinked && natural.abs() <= ON_KINK * curve.typical;
            let residual = if is_on_kink { 0.0 } else { natural };
            let psi = curve.loss.psi(row.inverse_sigma * residual);
            let pull = row.weight * row.inverse_sigma * psi;
            rows.push(Here { log: row.log, power, scale, residual, pull, slope: pull / scale, is_on_kink });
        }
        if is_kinked {
            multipliers(curve, &mut rows)?;
        }
        let mut gradient = [0.0; 3];
        for row in &rows {
            for (to, entry) in gradient.iter_mut().zip([1.0, row.power, -row.log * row.power]) {
                *to += row.slope * entry;
            }
        }
        // At its bound of zero the constant can only grow, and the objective with it.
        let held = best.constant * gradient[0] <= ON_FACE * curve.value;
        let is_on_face = gradient[0] > 0.0 && held && best.constant <= FACE * curve.most;
        if is_on_face {
            gradient[0] = 0.0;
        }
        let apart = apart(curve);
        let ground = Ground { best, value: curve.value, most: curve.most, gradient, is_on_face };
        Some(Self { curve, ground, rows, apart })
    }

    /// Whether no exponent from `low` to `high` has a better fit.
    pub(super) fn is_best(&self, (low, high): (f64, f64)) -> bool {
        let typical = self.curve.typical / self.curve.sharpest();
        let best = self.curve.best.exponent;
        [(low, best), (best, high)]
            .into_iter()
            .all(|ends| TRIES.iter().any(|share| dispatch_vector(Within { local: self, ends, reach: share * typical })))
    }

    #[inline(always)]
    fn is_best_within<V: Vector>(&self, (low, high): (f64, f64), reach: f64) -> bool {
        if self.curve.is_log && reach > 0.3 {
            return false;
        }
        let Some(bounds) = (0..self.rows.len()).map(|i| self.bound(i, reach)).collect::<Option<Vec<Bound>>>() else {
            return false;
        };
        let part = (high - low) / LANES as f64;
        let begin: [f64; LANES] = std::array::from_fn(|k| (k as f64).mul_add(part, low - self.curve.best.exponent));
        let mut form = Form::<V>::new(V::load(&begin), part, self.curve.width);
        for (row, bound) in self.rows.iter().zip(&bounds) {
            form.add(row, bound.bend);
        }
        let parts: [Option<Part>; LANES] = form.parts(&self.ground);
        let mut known = [Part::default(); LANES];
        for (to, part) in known.iter_mut().zip(parts) {
            let Some(part) = part else { return false };
            *to = part;
        }
        self.holds::<V>(&known, &form, &bounds, reach)
    }

    /// The second condition: no better fit is farther away than `reach`.
    #[inline(always)]
    fn holds<V: Vector>(&self, parts: &[Part; LANES], form: &Form<V>, bounds: &[Bound], reach: f64) -> bool {
        let get = |f: fn(&Part) -> f64| V::load(&parts.each_ref().map(f));
        let inverse: [V; 6] = std::array::from_fn(|k| V::load(&parts.each_ref().map(|p| p.inverse[k])));
        let (shift_1, shift_b) = (get(|p| p.shift[0]), get(|p| p.shift[1]));
        // The best fit of every exponent may be taken this far along u.
        let (moved, most) = (get(|p| p.moved), get(|p| p.most));
        let (mut least, mut apart, mut rise) = (V::of(f64::MAX), V::zero(), get(|p| p.bent));
        let mut outside = V::zero();
        for ((here, bound), row) in self.rows.iter().zip(bounds).zip(&self.curve.rows) {
            let (d, unsure) = form.quotient(here);
            let scale = V::of(1.0 / here.scale);
            let (one, b, d) = (scale, V::of(here.power) * scale, d * scale);
            let unsure = unsure * scale;
            let lever = one * (one * inverse[0] + V::of(2.0) * (b * inverse[1] + d * inverse[3]))
                + b * (b * inverse[2] + V::of(2.0) * d * inverse[4])
                + d * d * inverse[5];
            let inside = (V::of(reach) - most * unsure).most(V::zero());
            least = least.least(inside * inside / lever);
            apart = apart + V::of(bound.apart);
            // How far the point from which the others are reached is above the best one.
            let v = d - shift_1 * one - shift_b * b;
            let v = moved * (v.most(-v) + unsure);
            outside = outside.most(v);
            rise = rise + self.rise(here, (row.weight, row.inverse_sigma), reach, v);
        }
        let (mut short, mut far) = ([0.0; LANES], [0.0; LANES]);
        // The lower bound is also a share of the objective at least.
        let apart = apart.least(V::of(self.apart[0]).fused(rise, V::of(self.apart[1])));
        (V::of(0.5) * least - apart - V::of(GRADIENT_RISE) * rise - get(|p| p.lost)).store(&mut short);
        outside.store(&mut far);
        short.iter().all(|v| *v > 0.0) && far.iter().all(|v| *v < reach)
    }

    /// What a change v, of either sign, adds to the loss of a row at most, but for its slope.
    #[inline(always)]
    fn rise<V: Vector>(&self, here: &Here, (weight, z): (f64, f64), reach: f64, v: V) -> V {
        let (log, stretch) = if self.curve.is_log { (1.0, 1.0 / (1.0 - reach)) } else { (0.0, 1.0) };
        let by_log = V::of(0.5 * log * here.pull.abs() * stretch * stretch) * v * v;
        if self.curve.loss.kink().is_some() {
            let beyond = V::of(stretch).fused(v, V::of(-here.residual.abs())).most(V::zero());
            return V::of(2.0 * weight * z).fused(beyond, by_log);
        }
        let square = V::of(0.5 * weight * z * z * stretch * stretch) * v * v;
        if let Loss::Huber { delta } = self.curve.loss {
            // Straight until the zone is reached, and then no steeper than from one slope to the other.
            let until = V::of(delta / z - here.residual.abs()).least(V::zero());
            let beyond = V::of(stretch).fused(v, until).most(V::zero());
            return square.least(V::of(2.0 * weight * z * delta) * beyond) + by_log;
        }
        square + by_log
    }

    /// None where the convex lower bound does not reach so far.
    #[inline(always)]
    fn bound(&self, i: usize, reach: f64) -> Option<Bound> {
        let (curve, here, row) = (self.curve, &self.rows[i], &self.curve.rows[i]);
        let (weight, z) = (row.weight, row.inverse_sigma);
        // As a change of the residual.
        let far = if curve.is_log { reach / (1.0 - reach) } else { reach };
        let farthest = if curve.is_convex_log { curve.straight_from } else { row.reach };
        if curve.is_log && here.residual.abs() + far > farthest {
            return None;
        }
        let bend = weight * z * z * secant(curve.loss, z * here.residual, z * far, here, weight * z);
        if !curve.is_log {
            return Some(Bound { bend, apart: 0.0 });
        }
        let by_log = if here.pull > 0.0 { here.pull / (1.0 - reach) } else { here.pull / (1.0 + reach) };
        let bend = bend / ((1.0 + reach) * (1.0 + reach)) - by_log;
        let (up, down) = ((here.residual + far).max(0.0), (far - here.residual).max(0.0));
        let slope = |r: f64| if curve.loss.is_smooth() { curve.loss.psi(z * r) } else { 1.0 };
        let apart = if curve.is_convex_log {
            0.0
        } else {
            (slope(up) * up * (1.0 - row.above)).max(slope(down) * 0.5 * down * down)
        };
        Some(Bound { bend, apart: weight * z * apart })
    }
}

struct Prepare<'a> {
    curve: &'a Curve,
}

impl<'a> Kernel for Prepare<'a> {
    type Output = Option<Local<'a>>;

    #[inline(always)]
    fn run(self) -> Option<Local<'a>> {
        Local::prepared(self.curve)
    }
}

struct Within<'a> {
    local: &'a Local<'a>,
    ends: (f64, f64),
    reach: f64,
}

impl VectorKernel for Within<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        self.local.is_best_within::<V>(self.ends, self.reach)
    }
}

/// Shares by which an objective may be above its convex lower bound, as far as residuals reach.
///
/// The bound is the sum of rho(sigma r) at least, sigma being the chord above zero and 1 - r/2 below. That is sigma^2 rho(r) for every
/// loss here, and sigma rho(r) but for a constant where the loss is straight.
#[inline(always)]
fn apart(curve: &Curve) -> [f64; 2] {
    if !curve.is_log || curve.is_convex_log {
        return [0.0, 0.0];
    }
    let sigma = curve.rows.iter().fold(1.0_f64, |m, row| m.min(row.above).min(0.5_f64.mul_add(-row.reach, 1.0)));
    if sigma <= 0.0 {
        return [f64::INFINITY, f64::INFINITY];
    }
    let (share, constant) = match curve.loss {
        Loss::Absolute => (sigma, 0.0),
        Loss::Huber { delta } => {
            let weight: f64 = curve.rows.iter().map(|row| row.weight).sum();
            (sigma, (1.0 - sigma) * 0.5 * delta * delta * weight)
        }
        _ => (sigma * sigma, 0.0),
    };
    let lost = 1.0 / share - 1.0;
    [lost, lost.mul_add(curve.value, constant / share)]
}

/// The least of 2 (rho(r + e) - rho(r) - psi e) / e^2 over |e| <= far: it lies where the residual grows.
#[inline(always)]
fn secant(loss: Loss, r: f64, far: f64, here: &Here, unit: f64) -> f64 {
    match loss {
        Loss::Squared => 1.0,
        Loss::Absolute => {
            let left = 1.0 - here.pull.abs() / unit;
            if here.is_on_kink { 2.0 * left.max(0.0) / far } else { 0.0 }
        }
        _ => {
            let size = r.abs();
            let rise = loss.rho(size + far) - loss.rho(size) - loss.psi(size) * far;
            (2.0 * rise / (far * far) * (1.0 - 1e-9) - 1e-9).max(0.0)
        }
    }
}

/// Slopes of the three rows on the kink, at which the objective is stationary.
fn multipliers(curve: &Curve, rows: &mut [Here]) -> Option<()> {
    let on: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].is_on_kink).collect();
    let [i, j, k] = on[..] else { return None };
    let column = |row: &Here| [1.0, row.power, -row.log * row.power];
    let mut right = [0.0; 3];
    for row in rows.iter().filter(|row| !row.is_on_kink) {
        for (to, entry) in right.iter_mut().zip(column(row)) {
            *to -= row.slope * entry;
        }
    }
    let mut matrix = [0.0; 9];
    for (place, &row) in [i, j, k].iter().enumerate() {
        for (a, entry) in column(&rows[row]).iter().enumerate() {
            matrix[a * 3 + place] = *entry;
        }
    }
    if !crate::solve::linalg::solve_general(&mut matrix, 3, &mut right) {
        return None;
    }
    for (slope, row) in right.iter().zip([i, j, k]) {
        let most = curve.rows[row].weight * curve.rows[row].inverse_sigma;
        rows[row].slope = *slope;
        rows[row].pull = slope * rows[row].scale;
        if rows[row].pull.abs().is_nan() || rows[row].pull.abs() > most {
            return None;
        }
    }
    Some(())
}

//! One curve, prepared: its rows, and how far off a better fit could be.

use crate::loss::Loss;
use crate::residual::Residual;
use crate::simd::{Kernel, dispatch, math};

/// Relative allowance for the rounding of a bound.
const ROUNDED: f64 = 1e-12;

/// Residuals smaller than this share of the targets have too few digits.
const LEAST_TYPICAL: f64 = 1e-5;

/// How much farther than a fit that is no worse can be off the loss must be convex.
const FARTHER: f64 = 1.2;

/// Width of the quadratic zone that stands for a kink, in mean absolute residuals of the fit.
const KINK_WIDTH: f64 = 0.02;

/// A fit c + m x^-p of the rows, in units of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    /// The constant.
    pub(super) constant: f64,
    /// The power where x is smallest.
    pub(super) factor: f64,
    pub(super) exponent: f64,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Logarithm of x over the smallest x.
    pub(super) log: f64,
    pub(super) weight: f64,
    /// What the residual is multiplied by: one over sigma.
    pub(super) inverse_sigma: f64,
    /// The distance of a law value f from the target is unit f - offset: f - y, or f/y - 1 where residuals are logarithms.
    pub(super) unit: f64,
    pub(super) offset: f64,
    /// What a distance above zero is multiplied by, so that its loss is a lower bound.
    pub(super) above: f64,
    /// The largest residual of a fit that is no worse, before it is divided by sigma.
    pub(super) reach: f64,
}

/// The rows of a curve, and the fit that is to be proven.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) rows: Vec<Row>,
    pub(super) loss: Loss,
    /// The loss itself, or a smooth one below it where it has a kink.
    pub(super) smooth: Loss,
    pub(super) is_log: bool,
    pub(super) best: Point,
    /// Its objective.
    pub(super) value: f64,
    /// Whether the loss of a logarithm is itself convex in the law as far as a fit that is no worse can be off, and somewhat farther.
    pub(super) is_convex_log: bool,
    /// The logarithm f/y from which it is taken to go on straight.
    pub(super) straight_from: f64,
    /// What neither the constant nor the factor of a fit that is no worse can exceed.
    pub(super) most: f64,
    /// By how much the law can be lower at rows that far from the first than there.
    pub(super) falls: [(f64, f64); 2],
    /// The largest logarithm, and the smallest one that is not 0.
    pub(super) width: f64,
    pub(super) first: f64,
    /// Mean absolute residual, were the loss one of absolute values; a size that residuals have.
    pub(super) typical: f64,
}

/// The columns of a curve; the unit of x is that of its ends at which the power is largest.
pub(super) struct Given<'a> {
    pub(super) x: &'a [f64],
    pub(super) unit: f64,
    pub(super) target: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
    pub(super) sigma: Option<&'a [f64]>,
}

impl Curve {
    /// None where a number is out of the usual or the loss is not known here.
    pub(super) fn of(given: &Given<'_>, law: (Loss, Residual), best: Point, value: f64) -> Option<Self> {
        dispatch(Prepare { given, law, best, value })
    }

    #[inline(always)]
    fn prepared(given: &Given<'_>, (loss, residual): (Loss, Residual), best: Point, value: f64) -> Option<Self> {
        let is_log = residual == Residual::Log;
        let total: f64 = given.weights.map_or(given.target.len() as f64, |w| w.iter().sum());
        let mut curve = Self {
            rows: Vec::with_capacity(given.target.len()),
            loss,
            smooth: loss,
            is_log,
            best,
            value,
            is_convex_log: false,
            straight_from: 0.0,
            most: f64::INFINITY,
            falls: [(0.0, f64::INFINITY); 2],
            width: 0.0,
            first: f64::INFINITY,
            typical: 0.0,
        };
        for (i, (x, &y)) in given.x.iter().zip(given.target).enumerate() {
            let log = math::ln(x / given.unit).abs();
            let weight = given.weights.map_or(1.0, |w| w[i]);
            let inverse_sigma = given.sigma.map_or(1.0, |s| 1.0 / s[i]);
            let reach = reach(loss, value / weight)? / inverse_sigma * (1.0 + ROUNDED);
            let (unit, offset, above, farthest) = if is_log {
                // ln(1 + s) is above its chord from 0 to the farthest s.
                let s = math::exp_m1(reach);
                (1.0 / y, 1.0, reach / s * (1.0 - ROUNDED), y * (1.0 + s))
            } else {
                (1.0, y, 1.0, y + reach)
            };
            if log == 0.0 {
                curve.most = curve.most.min(farthest * (1.0 + ROUNDED));
            } else {
                curve.first = curve.first.min(log);
            }
            curve.width = curve.width.max(log);
            curve.typical += weight * reach_of_mean(loss, value / total) / total;
            curve.rows.push(Row { log, weight, inverse_sigma, unit, offset, above, reach });
        }
        if loss.kink().is_some() {
            curve.smooth = Loss::Ramp { below: 1.0, above: 1.0, width: KINK_WIDTH * value / total };
        }
        curve.straight_from = FARTHER * curve.rows.iter().fold(0.0_f64, |m, row| m.max(row.reach));
        let all = |row: &Row| is_convex_in_law(loss, curve.straight_from * row.inverse_sigma, row.inverse_sigma);
        curve.is_convex_log = is_log && curve.rows.iter().all(all);
        for (k, share) in [(0, 1.0), (1, 0.5)] {
            let from = share * curve.width;
            let lowest = |row: &Row, y: f64| if is_log { y * math::exp(-row.reach) } else { y - row.reach };
            let low = curve.rows.iter().zip(given.target).filter(|(row, _)| row.log >= from);
            let low = low.fold(f64::NEG_INFINITY, |m, (row, y)| m.max(lowest(row, *y)));
            curve.falls[k] = (from, (curve.most - low).max(0.0) + ROUNDED * curve.most);
        }
        let size = if is_log { 1.0 } else { given.target.iter().fold(0.0_f64, |m, y| m.max(y.abs())) };
        if curve.typical.is_nan() || curve.typical <= LEAST_TYPICAL * size * curve.sharpest() {
            return None;
        }
        let usual = curve.most.is_finite() && curve.most > 0.0 && curve.first.is_finite() && value > 0.0;
        let sound = |row: &Row| row.above > 0.0 && row.unit.is_finite() && row.reach.is_finite() && row.weight > 0.0;
        (usual && curve.rows.iter().all(sound)).then_some(curve)
    }

    /// What the factor of a fit that is no worse cannot exceed, its exponent being at least so large.
    pub(super) fn most_factor(&self, exponent: f64) -> f64 {
        self.falls.iter().fold(self.most, |most, &(log, fall)| {
            let share = -math::exp_m1(-exponent * log);
            if share > 0.0 { most.min(fall / share * (1.0 + ROUNDED)) } else { most }
        })
    }

    /// The largest of what residuals are multiplied by.
    #[inline(always)]
    pub(super) fn sharpest(&self) -> f64 {
        self.rows.iter().fold(0.0, |m, row| m.max(row.inverse_sigma))
    }
}

struct Prepare<'a> {
    given: &'a Given<'a>,
    law: (Loss, Residual),
    best: Point,
    value: f64,
}

impl Kernel for Prepare<'_> {
    type Output = Option<Curve>;

    #[inline(always)]
    fn run(self) -> Option<Curve> {
        Curve::prepared(self.given, self.law, self.best, self.value)
    }
}

/// Whether rho(z ln f) is convex in f while |z ln f| <= r: its second derivative has the sign of z rho'' - rho'.
fn is_convex_in_law(loss: Loss, r: f64, z: f64) -> bool {
    match loss {
        Loss::Squared => r < z,
        // z (1 + u^2)^(-3/2) >= delta u (1 + u^2)^(-1/2), up to the factor of u.
        Loss::SoftL1 { delta } => (r / delta).mul_add(r / delta, 1.0) * r < z,
        _ => false,
    }
}

/// The largest residual of a row that costs no more than this.
#[inline(always)]
fn reach(loss: Loss, cost: f64) -> Option<f64> {
    Some(match loss {
        Loss::Squared => (2.0 * cost).sqrt(),
        Loss::Huber { delta } if cost <= 0.5 * delta * delta => (2.0 * cost).sqrt(),
        Loss::Huber { delta } => cost / delta + 0.5 * delta,
        Loss::Absolute => cost,
        Loss::SoftL1 { delta } => {
            let over = cost / (delta * delta);
            delta * (over * (over + 2.0)).sqrt()
        }
        _ => return None,
    })
}

#[inline(always)]
fn reach_of_mean(loss: Loss, cost: f64) -> f64 {
    reach(loss, cost).unwrap_or(0.0)
}

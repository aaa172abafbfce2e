//! Proofs that the fit of a curve is the best one there is, for one power beside a constant.
//!
//! The law is e + m b(p), b = e^(-p l), with e, m and p not negative and l the logarithm of x over its end, so that b <= 1. Assume that
//! the loss of a row is convex in the law, and let c be its slopes at some point of exponent a. For every e', m' and p
//!
//! F(e' + m' b(p)) >= D + e' S + m' h(p),  S = sum c,  h(p) = sum c b(p),
//!
//! where D is the value of the dual problem at c: the sum of minus the conjugates of the losses at c. That holds for any legal slopes;
//! at the best e and m of the exponent a (an *anchor*) S and h(a) are not negative and D = F(a). A curve better than the fit has bounds:
//! none of its rows costs more than the whole fit does, so its law values, e' and m' are bounded. An exponent is *closed* where D less
//! what S and h may take, with those bounds, is not below the objective of the fit. `anchors` solves for eight anchors at once, `stretch`
//! bounds h from below over a stretch of exponents, `search` goes from end to end, and `local` proves what is left about the fit.
//!
//! Residuals that are logarithms: rho(ln f - ln y) is convex in f while rho'' > rho', for squares up to f = e y. Where that holds as far as
//! a better fit can be off, the loss is taken as it is. Otherwise its place takes rho(sigma s) with s = f/y - 1 > 0 and rho(s) below zero: a
//! convex lower bound where sigma s is the chord of ln(1 + s) up to the farthest s that a better fit can have.
//!
//! Every sum carries an allowance for its rounding; residuals too small to have digits are not tried.

mod anchors;
mod curve;
mod form;
mod local;
mod search;
mod stretch;

use super::row::FitRow;
use crate::expr::{LinearForm, PowerTerm};
use crate::loss::{Criterion, Loss};
use crate::problem::GroupRows;
use crate::question::{Question, Starts};
use crate::residual::Residual;
use crate::simd::math;
use crate::solve::Status;
use crate::space::ParamSpec;
use curve::{Given, Point};
use search::Prove;

/// Rows of a curve whose proof is worth its time.
const MOST_ROWS: usize = 256;

/// What is common to the proofs of all curves of a question.
#[derive(Debug)]
pub(super) struct Proofs<'a> {
    constant: &'a PowerTerm,
    power: &'a PowerTerm,
    /// The exponent of x in the power.
    exponent: &'a LinearForm,
    /// Whether it is never positive; otherwise it is never negative.
    falls: bool,
    loss: Loss,
    residual: Residual,
}

impl<'a> Proofs<'a> {
    /// None where the law, its bounds, the loss or the residual is not of this kind.
    pub(super) fn of(question: &'a Question, starts: &Starts) -> Option<Self> {
        let Criterion::Sum(loss) = question.criterion else { return None };
        let known = matches!(loss, Loss::Squared | Loss::Huber { .. } | Loss::SoftL1 { .. } | Loss::Absolute)
            && matches!(question.residual, Residual::Raw | Residual::Log)
            && !matches!(starts, Starts::Points(points) if points.len() == 1)
            && question.columns.inputs.len() == 1;
        if !known {
            return None;
        }
        let sum = question.program.power_sum()?;
        let [first, second] = &sum.terms[..] else { return None };
        let (constant, power) = if first.exponents.is_empty() { (first, second) } else { (second, first) };
        let [(0, exponent)] = &power.exponents[..] else { return None };
        let positive = |term: &PowerTerm| {
            let least = |spec: &ParamSpec| spec.fixed.unwrap_or(spec.lower);
            term.scale > 0.0 && term.factor.is_none_or(|j| least(&question.params[j]) >= 0.0)
        };
        let (least, most) = ends(exponent, &question.params);
        let falls = most <= 0.0;
        (constant.exponents.is_empty() && positive(constant) && positive(power) && (falls || least >= 0.0))
            .then_some(Self { constant, power, exponent, falls, loss, residual: question.residual })
    }

    /// Whether no parameters within their bounds have a lower objective than those of this row.
    pub(super) fn is_proven(&self, rows: &GroupRows<'_>, row: &FitRow) -> bool {
        let x = rows.inputs[0];
        let plain = row.status == Status::Converged && x.len() <= MOST_ROWS && !row.level.contains(&true);
        if !plain
            || !x.iter().all(|v| *v > 0.0)
            || (self.residual == Residual::Log && !rows.target.iter().all(|y| *y > 0.0))
        {
            return false;
        }
        let ends = x.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
        let unit = if self.falls { ends.0 } else { ends.1 };
        let params = &row.params;
        let exponent = self.exponent.value(params);
        let amplitude = |term: &PowerTerm| {
            term.scale * term.factor.map_or(1.0, |j| params[j]) * math::exp(term.log_amplitude.value(params))
        };
        let best = Point {
            constant: amplitude(self.constant),
            factor: amplitude(self.power) * math::exp(exponent * math::ln(unit)),
            exponent: exponent.abs(),
        };
        let inside = best.constant > 0.0 && best.factor > 0.0 && best.exponent > 0.0;
        if !inside || !best.factor.is_finite() {
            return false;
        }
        let given = Given { x, unit, target: rows.target, weights: rows.weights, sigma: rows.sigma };
        Prove { given, law: (self.loss, self.residual), best, value: row.objective }.holds()
    }
}

/// The least and the largest value of a form within the bounds of its parameters.
fn ends(form: &LinearForm, params: &[ParamSpec]) -> (f64, f64) {
    form.coefficients.iter().fold((form.constant, form.constant), |(low, high), &(j, slope)| {
        let (lower, upper) = params[j].fixed.map_or((params[j].lower, params[j].upper), |v| (v, v));
        let (from, to) = if slope > 0.0 { (lower, upper) } else { (upper, lower) };
        (low + slope * from, high + slope * to)
    })
}

#[cfg(test)]
mod tests;

//! Proofs that the fit of a curve is the best one there is, for one power beside a constant.
mod anchors;
mod curve;
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

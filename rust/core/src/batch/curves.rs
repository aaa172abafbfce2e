//! Many small curves: a power with or without a constant under a smooth convex loss, one curve after another without a pause.
//!
//! Everything but the exponent is linear, or nearly so. It is walked from end to end, one exponent per lane, every valley
//! that comes near the least value is followed to its bottom by Newton's method on the objective itself, and the faces on which
//! a term is lost, or an exponent infinite, are looked at as laws of their own. What is neither an ordinary optimum nor one of
//! these (a perfect fit, parameters that the rows hardly determine, other bounds in force) is left to the general search.

mod absolute;
mod balance;
mod condition;
mod cost;
mod descent;
mod faces;
mod hold;
mod limit;
mod look;
mod place;
mod profile;
mod row;
mod search;
mod shallow;
mod sharp;
mod tangent;
mod vertex;
mod walk;

use super::row::FitRow;
use crate::expr::PowerTerm;
use crate::loss::{Criterion, Loss};
use crate::question::{Question, Starts};
use crate::residual::Residual;
use crate::simd::{Kernel, dispatch, math};
use cost::{Absolute, Cost, Huber, Log, LogCosh, Raw, Scale, SoftL1, Squares};
use look::Engine;
use place::Curve;
pub(super) use place::Workspace;
pub(super) use row::Ending;
use search::Domain;
use walk::Signs;

/// A term p b with b = scale x^(constant + slope c).
#[derive(Debug, Clone, Copy)]
struct Term {
    param: usize,
    scale: f64,
    constant: f64,
    slope: f64,
}

/// Whether walks see every valley of such laws: of two terms that are not negative and whose power goes one way, and under squares of
/// raw residuals, of which a walk knows the very values, of those that are free too. Between these lie limits and faces
/// that only the general search knows.
fn is_sure(signs: Signs, sides: [bool; 2], is_exact: bool) -> bool {
    const FREE: [bool; 2] = [true, true];
    const POSITIVE: [bool; 2] = [false, true];
    let is_positive = signs.has_constant
        && signs.constant == POSITIVE
        && signs.amplitude == POSITIVE
        && sides.iter().filter(|side| **side).count() == 1;
    is_positive || (is_exact && signs.constant == FREE && signs.amplitude == FREE && sides.contains(&true))
}

/// What is common to all curves of a question.
#[derive(Debug)]
pub(super) struct Curves {
    constant: Option<Term>,
    power: Term,
    /// Parameter c.
    exponent: usize,
    /// Bounds of every parameter, in their order.
    bounds: Vec<(f64, f64)>,
    domain: Domain,
    loss: Loss,
    is_log: bool,
}

impl Curves {
    /// The curves of `question`, if its law, loss and limits are of this kind.
    pub(super) fn of(question: &Question, starts: &Starts) -> Option<Self> {
        let Criterion::Sum(loss) = question.criterion else { return None };
        let is_log = match question.residual {
            Residual::Raw => false,
            Residual::Log => true,
            Residual::Logit | Residual::LogExcess { .. } => return None,
        };
        let is_known = matches!(
            loss,
            Loss::Absolute | Loss::Squared | Loss::Huber { .. } | Loss::SoftL1 { .. } | Loss::LogCosh { .. }
        );
        let columns = &question.columns;
        let plain = *starts == Starts::Auto && columns.sigma.is_none() && columns.inputs.len() == 1;
        let free = question.params.iter().all(|spec| spec.fixed.is_none() && spec.start.is_none());
        let sum = question.program.power_sum()?;
        let parameters = question.params.len();
        if !(is_known && plain && free && sum.is_one_power() && parameters == sum.terms.len() + 1) {
            return None;
        }
        let (constants, powers): (Vec<_>, Vec<_>) = sum.terms.iter().partition(|term| term.exponents.is_empty());
        let [power] = powers.as_slice() else { return None };
        let [(0, form)] = power.exponents.as_slice() else { return None };
        let [(exponent, slope)] = form.coefficients.as_slice() else { return None };
        let power = Term { constant: form.constant, slope: *slope, ..amplitude(power)? };
        let constant = match constants.as_slice() {
            [] => None,
            [term] => Some(amplitude(term)?),
            _ => return None,
        };
        let others = [Some(power.param), constant.map(|term| term.param)];
        if others.contains(&Some(*exponent)) || others[0] == others[1] {
            return None;
        }
        let bounds: Vec<_> = question.params.iter().map(|spec| (spec.lower, spec.upper)).collect();
        // x^(constant + slope c) falls where that is negative.
        let ends = [bounds[*exponent].0, bounds[*exponent].1].map(|c| -slope.mul_add(c, form.constant));
        let sides = [ends[0].max(ends[1]) > 0.0, ends[0].min(ends[1]) < 0.0];
        let signs = Signs {
            has_constant: constant.is_some(),
            constant: constant.map_or([true, true], |term| term.signs(&bounds)),
            amplitude: power.signs(&bounds),
        };
        let domain = Domain { signs, sides, places: walk::places(walk::ENDS) };
        is_sure(signs, sides, loss == Loss::Squared && !is_log).then_some(Self {
            constant,
            power,
            exponent: *exponent,
            bounds,
            domain,
            loss,
            is_log,
        })
    }

    /// The end of the search of one curve, unless it is for the general one.
    pub(super) fn fit(
        &self,
        (x, y): (&[f64], &[f64]),
        weights: Option<&[f64]>,
        workspace: &mut Workspace,
    ) -> Option<Ending> {
        if x.len() > place::MOST_ROWS || x.len() < self.parameters() {
            return None;
        }
        let curve = Curve { x, y, weights };
        match (self.is_log, self.loss) {
            (true, Loss::Squared) => self.search::<Log, _>(&curve, Squares, workspace),
            (true, Loss::Huber { delta }) => self.search::<Log, _>(&curve, Huber { delta }, workspace),
            (true, Loss::SoftL1 { delta }) => self.search::<Log, _>(&curve, SoftL1 { delta }, workspace),
            (true, Loss::LogCosh { scale }) => self.search::<Log, _>(&curve, LogCosh { scale }, workspace),
            (false, Loss::Squared) => self.search::<Raw, _>(&curve, Squares, workspace),
            (false, Loss::Huber { delta }) => self.search::<Raw, _>(&curve, Huber { delta }, workspace),
            (false, Loss::SoftL1 { delta }) => self.search::<Raw, _>(&curve, SoftL1 { delta }, workspace),
            (false, Loss::LogCosh { scale }) => self.search::<Raw, _>(&curve, LogCosh { scale }, workspace),
            (true, Loss::Absolute) => self.search_exactly::<Log>(&curve, workspace),
            (false, Loss::Absolute) => self.search_exactly::<Raw>(&curve, workspace),
            _ => None,
        }
    }

    fn search<S: Scale, C: Cost>(&self, curve: &Curve<'_>, cost: C, workspace: &mut Workspace) -> Option<Ending> {
        let placed = place::place(curve, (S::IS_LOG, self.domain.sides[1]), workspace)?;
        let mut engine = Engine::<S, C> { w: workspace, placed, cost, evaluations: 0, kind: std::marker::PhantomData };
        let found = engine.search(&self.domain)?;
        engine.ending(self, &found)
    }

    fn search_exactly<S: Scale>(&self, curve: &Curve<'_>, workspace: &mut Workspace) -> Option<Ending> {
        let placed = place::place(curve, (S::IS_LOG, self.domain.sides[1]), workspace)?;
        let kind = std::marker::PhantomData;
        let mut engine = Engine::<S, _> { w: workspace, placed, cost: Absolute, evaluations: 0, kind };
        let least = engine.search_exactly(&self.domain)?;
        engine.sharp_ending(self, &least)
    }

    fn parameters(&self) -> usize {
        self.bounds.len()
    }

    fn exponent(&self) -> usize {
        self.exponent
    }

    /// The parameters in the order constant, amplitude, exponent; the constant's place is the amplitude's where there is none.
    fn order(&self) -> [usize; 3] {
        [self.constant.map_or(self.power.param, |term| term.param), self.power.param, self.exponent]
    }

    /// Whether an exponent of zero is a limit that the law may go to: there it becomes a logarithm.
    fn may_straighten(&self) -> bool {
        let Signs { has_constant, constant, .. } = self.domain.signs;
        has_constant && constant == [true, true]
    }

    /// Whether the amplitude may be zero and has a bound there.
    fn amplitude_is_bounded_by_zero(&self) -> bool {
        let (lower, upper) = self.bounds[self.power.param];
        lower == 0.0 || upper == 0.0
    }

    /// Whether the caller's bound ends a way upwards, or downwards.
    fn is_stopped(&self, parameter: usize, up: bool) -> bool {
        let (lower, upper) = self.bounds[parameter];
        if up { upper.is_finite() } else { lower.is_finite() }
    }

    /// Put parameters into a row: of the law constant + amplitude exp(ln `factor`) x^-exponent. None where one has no number or lies
    /// beyond its bounds.
    #[inline(always)]
    fn natural(&self, constant: f64, (amplitude, factor): (f64, f64), exponent: f64, row: &mut FitRow) -> Option<()> {
        row.params[self.exponent] = (-exponent - self.power.constant) / self.power.slope;
        // Each half of the factor is a number where the whole is.
        let half = dispatch(Exponential(0.5 * factor));
        row.params[self.power.param] = amplitude / self.power.scale * half * half;
        if let Some(term) = self.constant {
            row.params[term.param] = constant / term.scale;
        }
        for (j, (lower, upper)) in self.bounds.iter().enumerate() {
            let value = row.params[j];
            row.at_bound[j] = value == 0.0 && (*lower == 0.0 || *upper == 0.0);
            let is_inside = value > *lower && value < *upper;
            if !(row.at_bound[j] || is_inside) || !(value == 0.0 || value.is_normal()) {
                return None;
            }
        }
        Some(())
    }
}

/// The amplitude of a term, where that is a parameter and not the exponential of one.
fn amplitude(term: &PowerTerm) -> Option<Term> {
    let scale = term.scale * math::exp(term.log_amplitude.constant);
    let param = term.factor.filter(|_| term.log_amplitude.coefficients.is_empty())?;
    scale.is_normal().then_some(Term { param, scale, constant: 0.0, slope: 0.0 })
}

impl Term {
    /// Whether it may be negative, and positive.
    fn signs(&self, bounds: &[(f64, f64)]) -> [bool; 2] {
        let (lower, upper) = bounds[self.param];
        if self.scale > 0.0 { [lower < 0.0, upper > 0.0] } else { [upper > 0.0, lower < 0.0] }
    }
}

/// The exponential of one number, by the instructions that kernels have.
struct Exponential(f64);

impl Kernel for Exponential {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        math::exp(self.0)
    }
}

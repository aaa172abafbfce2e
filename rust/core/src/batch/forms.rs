//! Laws of one column with a structure of their own: most of each is a closed form, which says where to start; races of eight
//! starts lead to where they end, and the best of these are finished by the general descent.

mod beyond;
mod ceiling;
mod challenge;
mod corner;
mod curve;
mod double_power;
mod finish;
mod mixture;
mod newton;
mod numbers;
mod race;
mod saturating;
mod small;
mod smooth_break;
mod start;
mod stretched;
#[cfg(test)]
mod tests;

use crate::expr::{Form, LinearForm, PowerSum};
use crate::loss::{Criterion, Loss};
use crate::problem::{Fitter, GroupRows, Problem};
use crate::question::{Question, Starts};
use crate::residual::Residual;
use crate::solve::starts::Found;
use crate::solve::{Options, Scratch};
use curve::Curve;
use start::{Held, Start};

/// How many places in x there must be beyond the number of parameters.
const MORE: usize = 5;

/// Smallest and largest share of the spread of the targets that a law may leave, and the smallest for a corner, of which no place in the
/// rows is left out: below that lies rounding.
const UNEXPLAINED: (f64, f64) = (1e-5, 0.1);
const ROUNDED: f64 = 1e-12;

/// Which search is for a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Search {
    Known(Form),
    DoublePower,
}

/// How many starts a search takes: those that curves with enough places ask for, or, where another search is to be checked, more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effort {
    Usual,
    Thorough,
}

/// What is common to all curves of a question.
#[derive(Debug, Clone)]
pub(super) struct Forms {
    search: Search,
    /// The index of each parameter, in the order of the form.
    params: Vec<usize>,
    residual: Residual,
}

/// Where a start ended.
struct End {
    /// The objective there, in the caller's units.
    value: f64,
    /// The parameters, in the order of the form.
    params: Vec<f64>,
    /// Whether nothing is left to gain there.
    is_settled: bool,
    held: Held,
    /// The parameters farther on, where one is held at its limit, and those before it if they are not as far on the other side.
    farther: Option<Vec<f64>>,
    nearer: Option<Vec<f64>>,
}

impl Forms {
    /// The search for the curves of `question`, if there is one.
    pub(super) fn of(question: &Question, starts: &Starts) -> Option<Self> {
        let columns = &question.columns;
        let is_plain = *starts == Starts::Auto
            && columns.sigma.is_none()
            && columns.inputs.len() == 1
            && question.criterion == Criterion::Sum(Loss::Squared)
            && matches!(question.residual, Residual::Raw | Residual::Log)
            && question.params.iter().all(|spec| spec.fixed.is_none() && spec.start.is_none());
        if !is_plain {
            return None;
        }
        let (search, params) = match question.program.form() {
            Some(found) => (Search::Known(found.form), found.params.clone()),
            None => (Search::DoublePower, double_power(question.program.power_sum()?)?),
        };
        let free = (f64::NEG_INFINITY, f64::INFINITY);
        let positive = (0.0, f64::INFINITY);
        let bounds: &[(f64, f64)] = match search {
            Search::Known(Form::SmoothBreak) => &[positive, positive, free, free, positive, positive],
            Search::Known(Form::Corner) => &[free, free, free, free, positive],
            Search::Known(Form::Stretched) => &[positive, positive, positive, (0.0, 2.0)],
            Search::Known(Form::Saturating) | Search::DoublePower => &[positive; 5],
        };
        let are_usual = params.len() == question.params.len()
            && params.iter().zip(bounds).all(|(&j, bounds)| {
                let spec = &question.params[j];
                (spec.lower, spec.upper) == *bounds
            });
        are_usual.then_some(Self { search, params, residual: question.residual })
    }

    /// The best fit of a curve, point into `x`; None where the curve is for the general search.
    pub(super) fn search(
        &self,
        rows: &GroupRows<'_>,
        problem: &Problem<'_>,
        fitter: &mut Fitter<'_>,
        options: Options,
        x: &mut [f64],
        s: &mut Scratch,
    ) -> Option<Found> {
        let curve = Curve::of(rows, self.residual)?;
        if curve.places() < self.params.len() + MORE {
            return None;
        }
        let ends = self.ends(&curve, problem, Effort::Usual);
        // What the law hardly explains has other optima than starts of its form lead to; where it explains nearly all, a break beyond
        // the rows may hide in the rest.
        let left = ends.first()?.value / curve.natural(curve.spread());
        let least = if self.search == Search::Known(Form::Corner) { ROUNDED } else { UNEXPLAINED.0 };
        if !(least..=UNEXPLAINED.1).contains(&left) {
            return None;
        }
        let found = self.finish(&ends, problem, fitter, options, x, s)?;
        let is_blind = self.is_blind(&curve, fitter.natural(found.outcome.value));
        Some(Found { doubtful: found.doubtful || is_blind, ..found })
    }

    /// Whether a power that falls faster than the search can follow may be better than a fit of this objective.
    fn is_blind(&self, curve: &Curve, value: f64) -> bool {
        self.search == Search::DoublePower
            && double_power::bound_beyond(curve).is_some_and(|bound| curve.natural(bound) < value)
    }

    /// Where the races of a curve end, best first.
    fn ends(&self, curve: &Curve, problem: &Problem<'_>, effort: Effort) -> Vec<End> {
        match self.search {
            Search::Known(Form::SmoothBreak) => {
                told(curve, &smooth_break::ends(curve), smooth_break::natural, Some(smooth_break::farther))
            }
            Search::Known(Form::Corner) => {
                told(curve, &corner::ends(curve, effort), corner::natural, Some(corner::farther))
            }
            Search::Known(Form::Stretched) => {
                let numbers = self.numbers(problem, stretched::SCALE);
                told(curve, &stretched::ends(curve, numbers.as_ref()), stretched::natural, None)
            }
            Search::Known(Form::Saturating) => {
                let numbers = self.numbers(problem, ceiling::AMPLITUDE);
                told(curve, &saturating::ends(curve, numbers.as_ref()), saturating::natural, None)
            }
            Search::DoublePower => {
                let starts = double_power::ends(curve);
                let mut ends = told(curve, &starts, double_power::natural, Some(double_power::farther));
                for (end, start) in ends.iter_mut().zip(&starts).filter(|(end, _)| end.farther.is_some()) {
                    end.nearer = Some(double_power::natural(&double_power::nearer(start), curve));
                }
                ends
            }
        }
    }
}

/// The ends of a race, and what lies farther on from those that are held at a limit.
fn told<const P: usize>(
    curve: &Curve,
    ends: &[Start<P>],
    natural: impl Fn(&[f64; P], &Curve) -> Vec<f64>,
    farther: Option<fn(&Start<P>) -> [f64; P]>,
) -> Vec<End> {
    ends.iter()
        .map(|end| End {
            value: curve.natural(end.score),
            params: natural(&end.q, curve),
            is_settled: end.is_settled,
            held: end.held,
            farther: farther.filter(|_| end.held.at_limit.is_some()).map(|farther| natural(&farther(end), curve)),
            nearer: None,
        })
        .collect()
}

/// The parameters E, A1, a1, A2, a2 of a sum of two powers that fall over a floor.
fn double_power(sum: &PowerSum) -> Option<Vec<usize>> {
    let (constants, powers): (Vec<_>, Vec<_>) = sum.terms.iter().partition(|term| term.exponents.is_empty());
    let is_plain = |form: &LinearForm| form.constant == 0.0 && form.coefficients.is_empty();
    let ([constant], [_, _]) = (&constants[..], &powers[..]) else { return None };
    let mut params = vec![constant.factor?];
    if !sum.terms.iter().all(|term| term.scale == 1.0 && is_plain(&term.log_amplitude)) {
        return None;
    }
    for power in powers {
        let [(0, exponent)] = power.exponents.as_slice() else { return None };
        let [(param, slope)] = exponent.coefficients.as_slice() else { return None };
        if exponent.constant != 0.0 || *slope != -1.0 {
            return None;
        }
        params.extend([power.factor?, *param]);
    }
    let mut different = params.clone();
    different.sort_unstable();
    different.dedup();
    (different.len() == params.len()).then_some(params)
}

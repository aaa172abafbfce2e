//! Laws of one column with a structure of their own: most of each is a closed form, which says where to start; races of eight
//! starts lead to where they end, and the best of these are finished by the general descent.

mod beyond;
mod ceiling;
mod challenge;
mod corner;
mod curve;
mod double_power;
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
use crate::solve::certificate::AGREEMENT_TOLERANCE;
use crate::solve::separable::Separable;
use crate::solve::starts::{Found, descend, is_better, needed};
use crate::solve::trust::{self, Linear};
use crate::solve::unbounded::{self, Escape};
use crate::solve::within::Within;
use crate::solve::{Options, Outcome, Scratch, Status, polish};
use curve::Curve;
use numbers::Numbers;
use start::{AtEnd, Held, Start};

/// How many places in x there must be beyond the number of parameters.
const MORE: usize = 5;

/// Smallest and largest share of the spread of the targets that a law may leave, and the smallest for a corner, of which no place in the
/// rows is left out: below that lies rounding.
const UNEXPLAINED: (f64, f64) = (1e-5, 0.1);
const ROUNDED: f64 = 1e-12;

/// Descents of one end.
const MOST_DESCENTS: usize = 2;

/// Evaluations along a trust region that an end gets which has no certificate.
const MOST_GUIDED: usize = 1_000;

/// Starts of two powers that must agree where the best mixture does not say where to start.
const AGREED: usize = 6;

/// How far beside its row a corner is tried, in ln x.
const ASIDE: f64 = 1e-6;

/// Ends that are finished, how many times the best they may be, and how alike two of them are that are the same.
const MOST_FINISHED: usize = 3;
const NEAR: f64 = 1.02;
const SAME: f64 = 1e-6;

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

    /// Finish the best ends that differ, and keep the best of all.
    fn finish(
        &self,
        ends: &[End],
        problem: &Problem<'_>,
        fitter: &mut Fitter<'_>,
        options: Options,
        x: &mut [f64],
        s: &mut Scratch,
    ) -> Option<Found> {
        let lowest = ends.first()?.value;
        let mut best = Outcome::FAILED;
        let mut escape = None;
        let mut values: Vec<f64> = Vec::with_capacity(ends.len());
        let mut finished: Vec<f64> = Vec::new();
        for end in ends {
            let first = finished.first().copied();
            // Settled ends that lie higher are optima of their own; of the others it is assumed that they lead where the first did, an
            // optimum or a limit.
            let is_higher = first.is_some_and(|first| end.value > first * (1.0 + SAME));
            let is_over = best.status == Status::Converged || escape.is_some();
            let is_known = (is_higher && (end.is_settled || is_over))
                || finished.iter().any(|known| (known - end.value).abs() <= SAME * known.abs());
            if is_known || end.value > NEAR * lowest || finished.len() >= MOST_FINISHED {
                values.push(end.value);
                continue;
            }
            finished.push(end.value);
            let mut point = self.coordinates(problem, &end.params);
            let outcome = self.end((problem, fitter), end.held, &mut point, options, s);
            values.push(fitter.natural(outcome.value));
            if is_better(&outcome, &best) {
                best = outcome;
                x.copy_from_slice(&point);
                escape = self.escape((problem, fitter), end, x, outcome.value);
            }
        }
        // An end whose parameters have no number, or that the descent leads away from, is lost: what is left is no evidence.
        let value = fitter.natural(best.value);
        if !best.value.is_finite() || value > lowest * (1.0 + SAME) {
            return None;
        }
        let agrees = |end: &&f64| (**end - value).abs() <= AGREEMENT_TOLERANCE * value.abs();
        let agreement = values.iter().filter(agrees).count();
        // Starts that are chosen are few, and a quarter of them agree by chance sooner than of many.
        let is_chosen = self.search == Search::DoublePower && ends.len() > double_power::FEW_STARTS;
        let least = if is_chosen { AGREED } else { 0 };
        let doubtful = agreement < needed(ends.len()).max(least);
        Some(Found { outcome: best, starts: ends.len(), agreement, doubtful, exhaustive: false, escape })
    }

    /// The coordinates of parameters in the order of the form.
    fn coordinates(&self, problem: &Problem<'_>, params: &[f64]) -> Vec<f64> {
        let mut theta = vec![0.0; self.params.len()];
        for (&j, v) in self.params.iter().zip(params) {
            theta[j] = *v;
        }
        let space = &problem.space;
        let mut point = vec![0.0; space.dimension()];
        space.coordinates(&theta, &mut point);
        for (a, v) in point.iter_mut().enumerate() {
            *v = v.clamp(space.lower[a], space.upper[a]);
        }
        point
    }

    /// The coordinate of a parameter of the form.
    fn coordinate(&self, problem: &Problem<'_>, place: usize) -> Option<usize> {
        problem.space.free.iter().position(|j| *j == self.params[place])
    }

    /// The numbers of a parameter of the form.
    fn numbers(&self, problem: &Problem<'_>, place: usize) -> Option<Numbers> {
        self.coordinate(problem, place).and_then(|coordinate| Numbers::of(problem, coordinate))
    }

    /// Finish one end.
    fn end(
        &self,
        (problem, fitter): (&Problem<'_>, &mut Fitter<'_>),
        held: Held,
        point: &mut [f64],
        options: Options,
        s: &mut Scratch,
    ) -> Outcome {
        let of = |place: Option<usize>| place.and_then(|place| self.coordinate(problem, place));
        if let Some(a) = of(held.end_of_numbers.map(|end| end.place)) {
            let ends = (problem.space.lower[a], problem.space.upper[a]);
            point[a] = if point[a] - ends.0 < ends.1 - point[a] { ends.0 } else { ends.1 };
            let place = (point[a], point[a]);
            let outcome = stalled(down(&mut Within::new(fitter, a, place), point, options, s));
            let mut theta = vec![0.0; self.params.len()];
            problem.space.natural(point, &mut theta);
            // Elsewhere on the way there may be a point that the caller can hold.
            return if problem.space.is_expressible(point, &theta) { outcome } else { Outcome::FAILED };
        }
        let place = |a: usize| (point[a], point[a]);
        let outcome = match (of(held.at_row), of(held.at_limit)) {
            (None, None) => down(fitter, point, options, s),
            (Some(a), None) | (None, Some(a)) => {
                let place = place(a);
                down(&mut Within::new(fitter, a, place), point, options, s)
            }
            (Some(a), Some(b)) => {
                let (here, there) = (place(a), place(b));
                down(&mut Within::new(&mut Within::new(fitter, a, here), b, there), point, options, s)
            }
        };
        if let Some(a) = of(held.at_row)
            && !is_lowest_at(fitter, a, point, outcome.value)
        {
            return Outcome { status: Status::Stalled, ..outcome };
        }
        if held.at_limit.is_some() { stalled(outcome) } else { outcome }
    }

    /// Where the parameter at its limit runs off, the others taking the steps from `end` to what lies farther on.
    fn escape(
        &self,
        (problem, fitter): (&Problem<'_>, &mut Fitter<'_>),
        end: &End,
        x: &[f64],
        value: f64,
    ) -> Option<Escape> {
        if let Some(AtEnd { place, runs_off }) = end.held.end_of_numbers {
            let coordinate = |place| self.coordinate(problem, place);
            return unbounded::at_end(fitter, coordinate(place)?, coordinate(runs_off)?, x, value);
        }
        let coordinate = self.coordinate(problem, end.held.at_limit?)?;
        let from = self.coordinates(problem, &end.params);
        let led = |params: &[f64]| -> Vec<f64> {
            let to = self.coordinates(problem, params);
            // An amplitude may be many orders of magnitude smaller there: differences would lose it.
            let step = |a: usize| {
                if problem.space.log[a] || from[a] == 0.0 { x[a] + (to[a] - from[a]) } else { x[a] * (to[a] / from[a]) }
            };
            (0..x.len()).map(step).collect()
        };
        let farther = led(end.farther.as_ref()?);
        let before = match &end.nearer {
            Some(nearer) => led(nearer),
            None => x.iter().zip(&farther).map(|(here, there)| 2.0 * here - there).collect(),
        };
        unbounded::known(fitter, coordinate, (x, &before, &farther), value)
    }
}

/// What is at its limit has no optimum, which the report is to find.
fn stalled(outcome: Outcome) -> Outcome {
    let is_over = outcome.status == Status::Converged;
    Outcome { status: if is_over { Status::Stalled } else { outcome.status }, ..outcome }
}

/// Whether moving coordinate `a` a little to either side raises the objective: where the others are at their best, so does moving it
/// together with them.
fn is_lowest_at<O: Separable>(objective: &mut O, a: usize, point: &[f64], value: f64) -> bool {
    let is_lowest = [-ASIDE, ASIDE].into_iter().all(|step| {
        let mut beside = point.to_vec();
        beside[a] += step;
        objective.value(&beside) >= value
    });
    objective.settle(point);
    is_lowest
}

/// The last of a way down, to its last digits; one towards a limit goes on along a trust region.
fn down<O: Separable>(objective: &mut O, point: &mut [f64], options: Options, s: &mut Scratch) -> Outcome {
    let mut best = Outcome::FAILED;
    for _ in 0..MOST_DESCENTS {
        let outcome = descend(objective, point, options, false, s);
        let outcome = polish::polish(objective, point, outcome, options, s);
        best = Outcome { evaluations: best.evaluations + outcome.evaluations, ..outcome };
        // After its last digits are found, the next descent sees that nothing is left to gain.
        if outcome.status != Status::Stalled {
            break;
        }
    }
    if best.status != Status::Converged && best.value.is_finite() {
        trust::follow(objective, point, Linear::Stepped, MOST_GUIDED, s);
        let outcome = descend(objective, point, options, false, s);
        return Outcome { evaluations: best.evaluations + outcome.evaluations, ..outcome };
    }
    best
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

//! From the ends of races to an answer: the best that differ are finished by the general descent, and held where the form says.

use super::double_power;
use super::numbers::Numbers;
use super::start::{AtEnd, Held};
use super::{End, Forms, Search};
use crate::problem::{Fitter, Problem};
use crate::solve::certificate::AGREEMENT_TOLERANCE;
use crate::solve::separable::Separable;
use crate::solve::starts::{Found, descend, is_better, needed};
use crate::solve::trust::{self, Linear};
use crate::solve::unbounded::{self, Escape};
use crate::solve::within::Within;
use crate::solve::{Options, Outcome, Scratch, Status, polish};

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

impl Forms {
    /// Finish the best ends that differ, and keep the best of all.
    pub(super) fn finish(
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
    pub(super) fn numbers(&self, problem: &Problem<'_>, place: usize) -> Option<Numbers> {
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

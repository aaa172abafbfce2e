//! Global search: the best points of a scan refined until enough of them agree, then their neighbours.

use std::collections::VecDeque;

use super::certificate::{AGREEMENT_NEEDED, AGREEMENT_TOLERANCE, Status};
pub use super::descend::descend;
use super::newton::minimise;
use super::objective::Model;
use super::options::{Options, Outcome};
use super::polish;
pub use super::scan::Range;
use super::scan::{kronecker, scan};
use super::scratch::Scratch;
use super::separable::Separable;
use super::transition::{self, Region};
use super::trust::{self, Linear};
use super::unbounded::Escape;
use super::visit::promising;

/// How many times as many points are scanned again where the first did not agree.
const FURTHER: usize = 4;

/// How many times as many points are scanned under a loss that makes basins of its own, most of them fitted to a few rows.
const MANY_BASINS: usize = 64;

/// Points of that scan at most.
const MOST_SCANNED: usize = 4_096;

/// Candidates of it that are refined.
const REFINED_BASINS: usize = 64;

/// Neighbours of the best basin looked at in a round, how many of them are refined, and rounds at most.
const HOPS: usize = 512;
const HOPS_REFINED: usize = 32;
const MOST_ROUNDS: usize = 6;

/// How far neighbours lie in the nonlinear coordinates, relative to the coordinate or to the least it is taken for.
const HOP_REACHES: [f64; 3] = [0.03, 0.1, 0.4];
const HOP_LEAST: f64 = 0.1;

/// Candidates of a law with a break, and of one with more coordinates, after which the agreement of a half is believed.
const EASY: usize = 16;
const EASY_OF_MANY: usize = 32;

/// What a parameter that moves by its own size must do to the residuals, relative to them, for a point to say anything of it.
const FELT: f64 = 1e-6;

/// Nonlinear coordinates that are scanned so densely that starts do not lose their way.
const DENSE: usize = 2;

/// Points of that second scan at most.
const MOST_FURTHER: usize = 2_560;

/// Evaluations along a trust region that a start of the second scan gets.
const GUIDED: usize = 300;

/// Evaluations along a trust region that a search gets which ended without a certificate.
const LAST_RESORT: usize = 3_000;

/// How many points are scanned and how many of them refined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Points at which the objective is evaluated after projection.
    pub scanned: usize,
    /// Candidates refined at most.
    pub refined: usize,
    /// Candidates refined at least.
    pub least: usize,
    /// Candidates after which it is enough that a half of them agrees.
    pub easy: usize,
    /// Stop as soon as enough of them agree on the best.
    pub until_agreed: bool,
    /// Points scanned further where these do not agree.
    pub further: usize,
}

impl Effort {
    /// The effort of `starts="auto"` for a law with `d` nonlinear coordinates.
    pub fn automatic(d: usize) -> Self {
        let (scanned, refined, least) = match d {
            0 => (1, 3, 1),
            1 => (24, 16, 1),
            2 => (48, 16, 1),
            // A curve with a break is mistaken for another in one fit of fifty when forty starts are refined.
            3 | 4 => (256 * d, 96, 64),
            // Two breaks of a curve are six or seven coordinates: there several starts agree on a curve with one of them
            // before the first finds both, in half of the fits with 450 points and 24 refinements, and in one of twenty
            // with 3,600 points and 32 refinements. One refinement in fifty finds both.
            _ => ((512 * d).min(8192), 96, 96),
        };
        let further = (FURTHER * scanned).min(MOST_FURTHER);
        let easy = match d {
            0..=2 => usize::MAX,
            3 | 4 => EASY,
            _ => EASY_OF_MANY,
        };
        Self { scanned, refined, least, easy, until_agreed: true, further }
    }

    /// The same where the loss makes basins of its own.
    fn for_many_basins(self) -> Self {
        if !self.until_agreed {
            return self;
        }
        Self {
            scanned: self.scanned.max((MANY_BASINS * self.scanned).min(MOST_SCANNED)),
            refined: self.refined.max(REFINED_BASINS),
            least: self.least.max(REFINED_BASINS),
            easy: usize::MAX,
            ..self
        }
    }

    /// Every one of `count` starts.
    pub fn every(count: usize) -> Self {
        Self { scanned: count, refined: count, least: count, easy: usize::MAX, until_agreed: false, further: 0 }
    }
}

/// What a search found; the point itself is in the argument of the call.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// How the best refinement ended.
    pub outcome: Outcome,
    /// Candidates refined.
    pub starts: usize,
    /// Refinements that ended within 1e-8 relative of the best objective.
    pub agreement: usize,
    /// Whether those are too small a share of many starts to prove anything.
    pub doubtful: bool,
    /// Whether every valley of the only nonlinear coordinate was seen, so that no agreement is needed.
    pub exhaustive: bool,
    /// Where a coordinate runs off, if the search took it there.
    pub escape: Option<Escape>,
}

/// Search from the scan of a region, from its transitions and from the `given` points, best point into `x`.
pub fn search<O: Separable>(
    objective: &mut O,
    region: &Region<'_>,
    given: &[Vec<f64>],
    effort: Effort,
    options: Options,
    x: &mut [f64],
    s: &mut Scratch,
) -> Found {
    let effort = if objective.has_many_basins() { effort.for_many_basins() } else { effort };
    let ranges = region.ranges;
    let candidates = scan(objective, ranges, 0..effort.scanned, s);
    // Points a user gives come first: whoever gives a start wants it tried.
    let queue: Vec<Vec<f64>> = given.iter().cloned().chain(candidates).collect();
    let effort = Effort { refined: effort.refined.max(given.len()), ..effort };
    let mut values = Vec::new();
    let mut first = refine_and_tell(objective, &queue, given.len(), effort, options, (x, &mut values), s);
    let hops =
        if objective.has_many_basins() && effort.until_agreed { hop(objective, &mut first, options, x, s) } else { 0 };
    let visited = if effort.until_agreed {
        transition::candidates(objective, region, first.outcome.value, options, s)
    } else {
        Vec::new()
    };
    let scanned = first.starts;
    // A loss that gives rows up has basins beside those of the gaps.
    let every_gap = region.is_exhaustive && !visited.is_empty() && !objective.has_many_basins();
    if !visited.is_empty() {
        visit(objective, (&visited, every_gap), (&mut first, &mut values), options, x, s);
    }
    let felt = proves(objective, x);
    if effort.further == 0 || (is_settled(&first, scanned) && felt) {
        return believed(first, (felt, every_gap), hops);
    }
    // Long valleys and shy basins: more starts, each led some way along a trust region before it is refined.
    let mut queue = scan(objective, ranges, effort.scanned..effort.scanned + effort.further, s);
    queue.truncate(effort.refined);
    for (index, point) in queue.iter_mut().enumerate() {
        let linear = if index.is_multiple_of(2) { Linear::Stepped } else { Linear::Projected };
        if objective.width() > 0.0 {
            trust::follow(objective, point, linear, GUIDED, s);
        }
    }
    if first.outcome.value.is_finite() {
        queue.insert(0, x.to_vec());
    }
    let mut second = refine(objective, &queue, 1, Effort { refined: queue.len(), ..effort }, options, x, s);
    second.starts += first.starts;
    if first.outcome.value <= second.outcome.value * (1.0 + AGREEMENT_TOLERANCE) {
        second.agreement += first.agreement.saturating_sub(1);
    }
    if second.outcome.status != Status::Converged && second.outcome.value.is_finite() && objective.width() > 0.0 {
        let mut point = x.to_vec();
        trust::follow(objective, &mut point, Linear::Stepped, LAST_RESORT, s);
        let outcome = minimise(objective, &mut point, None, options, s);
        let outcome = polish::polish(objective, &mut point, outcome, options, s);
        if outcome.value < second.outcome.value || outcome.status == Status::Converged {
            x.copy_from_slice(&point);
            second = Found { outcome, agreement: 1, ..second };
        }
    }
    believed(second, (proves(objective, x), every_gap), hops)
}

/// Starts that must agree on the best of `starts`: of many, a quarter, because few of many agree by chance where basins are many.
pub fn needed(starts: usize) -> usize {
    AGREEMENT_NEEDED.max(starts.div_ceil(4))
}

/// Whether starts that agree on `x` say that it is the best of all.
fn proves<O: Separable>(objective: &mut O, x: &[f64]) -> bool {
    !objective.is_periodic() && every_parameter_is_felt(objective, x)
}

/// The search as it is told: `hops` refinements more, and whether its agreement proves anything.
///
/// Where every gap was visited few starts agree, those of one gap: the others went to see what else there is.
fn believed(found: Found, (felt, every_gap): (bool, bool), hops: usize) -> Found {
    let few = found.agreement < if every_gap { AGREEMENT_NEEDED } else { needed(found.starts) };
    Found { doubtful: few || !felt, starts: found.starts + hops, ..found }
}

/// Look for a better basin next to the best one, until a round finds none.
///
/// Neighbours are no evidence that a basin is the best of all: only starts of the scan that led to it agree on it. Returns
/// how many were refined.
fn hop<O: Separable>(objective: &mut O, found: &mut Found, options: Options, x: &mut [f64], s: &mut Scratch) -> usize {
    let nonlinear = objective.nonlinear().to_vec();
    let fractions = kronecker(nonlinear.len());
    let effort = Effort::every(HOPS_REFINED);
    let mut refined = 0;
    for round in 0..MOST_ROUNDS {
        let mut queue: Vec<(f64, Vec<f64>)> = Vec::new();
        for index in round * HOPS..(round + 1) * HOPS {
            if s.is_stopped() {
                return refined;
            }
            let mut point = x.to_vec();
            let reach = HOP_REACHES[index % HOP_REACHES.len()];
            for (d, &j) in nonlinear.iter().enumerate() {
                let u = (0.5 + (index as f64 + 1.0) * fractions[d]).fract();
                let moved = point[j] + reach * (2.0 * u - 1.0) * point[j].abs().max(HOP_LEAST);
                point[j] = moved.clamp(objective.lower()[j], objective.upper()[j]);
            }
            if objective.project_part(&mut point, index) {
                let value = objective.value(&point);
                if value.is_finite() {
                    queue.push((value, point));
                }
            }
        }
        queue.sort_by(|a, b| a.0.total_cmp(&b.0));
        let queue: Vec<Vec<f64>> = queue.into_iter().map(|c| c.1).collect();
        let mut point = x.to_vec();
        let next = refine(objective, &queue, queue.len(), effort, options, &mut point, s);
        let better = next.outcome.value < found.outcome.value * (1.0 - AGREEMENT_TOLERANCE)
            && (next.outcome.status == Status::Converged || found.outcome.status != Status::Converged);
        refined += next.starts;
        if !better {
            return refined;
        }
        x.copy_from_slice(&point);
        (found.outcome, found.agreement) = (next.outcome, 1);
    }
    refined
}

/// Refine the points of `visited`, which have a transition in every gap, and keep the best in `x` and `found`.
fn visit<O: Separable>(
    objective: &mut O,
    (visited, every_gap): (&[Vec<f64>], bool),
    (found, values): (&mut Found, &mut Vec<(usize, f64)>),
    options: Options,
    x: &mut [f64],
    s: &mut Scratch,
) {
    let mut point = x.to_vec();
    let promising = promising(objective, visited, found.outcome.value, options, s);
    let effort = Effort::every(promising.len());
    let next = refine_and_tell(objective, &promising, promising.len(), effort, options, (&mut point, values), s);
    let clearly = next.outcome.value < found.outcome.value * (1.0 - AGREEMENT_TOLERANCE)
        || (next.outcome.status == Status::Converged && found.outcome.status != Status::Converged);
    if clearly && is_better(&next.outcome, &found.outcome) {
        x.copy_from_slice(&point);
        found.outcome = next.outcome;
    } else {
        objective.settle(x);
        if !every_gap {
            // They only asked whether there is anything lower: who ends elsewhere is no evidence either way.
            return;
        }
    }
    found.starts += next.starts;
    found.agreement = agreement(values, found.outcome.value, perfect(objective, options));
}

/// Whether an outcome replaces the best one so far: lower, or as low and certified where that one is not.
pub fn is_better(outcome: &Outcome, best: &Outcome) -> bool {
    match (outcome.status == Status::Converged, best.status == Status::Converged) {
        (true, false) => outcome.value <= best.value * (1.0 + AGREEMENT_TOLERANCE),
        (false, true) => outcome.value < best.value * (1.0 - AGREEMENT_TOLERANCE),
        _ => outcome.value < best.value,
    }
}

/// What an objective of rounding noise amounts to: a sum of absolutes, or of squares.
fn perfect<O: Separable>(objective: &O, options: Options) -> f64 {
    if objective.width() == 0.0 { 10.0 * options.rounding } else { options.rounding * options.rounding }
}

/// Whether enough starts agree on a certified optimum, as many as a scan of `scanned` starts needs.
fn is_settled(found: &Found, scanned: usize) -> bool {
    found.outcome.status == Status::Converged && found.agreement >= needed(scanned)
}

/// Refine the points of `queue` in order, the first `exact` of them straight down from where they are, until enough of them agree on the best.
pub fn refine<O: Separable>(
    objective: &mut O,
    queue: &[Vec<f64>],
    exact: usize,
    effort: Effort,
    options: Options,
    x: &mut [f64],
    s: &mut Scratch,
) -> Found {
    refine_and_tell(objective, queue, exact, effort, options, (x, &mut Vec::new()), s)
}

/// The same, with the objective at which each point of the queue ended in the second part of `(x, values)`.
pub(super) fn refine_and_tell<O: Separable>(
    objective: &mut O,
    queue: &[Vec<f64>],
    exact: usize,
    effort: Effort,
    options: Options,
    (x, values): (&mut [f64], &mut Vec<(usize, f64)>),
    s: &mut Scratch,
) -> Found {
    let least = objective.least_starts().max(effort.least);
    let many_basins = objective.has_many_basins();
    let perfect = perfect(objective, options);
    let mut best = Outcome::FAILED;
    let (mut starts, mut is_proof) = (0, false);
    // Points that say nothing of a parameter wait: few of them find the way back to where it matters.
    let (mut order, mut late): (VecDeque<usize>, VecDeque<usize>) = ((0..queue.len()).collect(), VecDeque::new());
    while starts < effort.refined && !s.is_stopped() {
        let Some(place) = order.pop_front().or_else(|| late.pop_front()) else { break };
        let point = &queue[place];
        let may_wait = effort.until_agreed && place >= exact && !order.is_empty();
        if may_wait && !every_parameter_is_felt(objective, point) {
            late.push_back(place);
            continue;
        }
        let index = starts;
        starts += 1;
        let mut trial = point.clone();
        // Coming down through wide losses forgives a bad start, and leads many starts to one place; every other start goes
        // straight down, so that a second basin is seen.
        let staged = index >= exact && (index - exact).is_multiple_of(if many_basins { 4 } else { 2 });
        let outcome = descend(objective, &mut trial, options, staged, s);
        if !outcome.value.is_finite() {
            continue;
        }
        values.push((place, outcome.value));
        if is_better(&outcome, &best) {
            best = outcome;
            x.copy_from_slice(&trial);
            is_proof = outcome.status == Status::Converged && every_parameter_is_felt(objective, x);
        }
        // Starts that agree on a place where a parameter has stopped to matter have lost their way alike.
        if effort.until_agreed && is_proof && best.status == Status::Converged && starts >= least.min(effort.easy) {
            let agreed = agreement(values, best.value, perfect);
            if (starts >= least && agreed >= needed(starts)) || (starts >= effort.easy && 2 * agreed >= starts) {
                break;
            }
        }
    }
    if best.value.is_finite() {
        best = polish::polish(objective, x, best, options, s);
    }
    let agreement = agreement(values, best.value, perfect);
    Found { outcome: best, starts, agreement, doubtful: false, exhaustive: false, escape: None }
}

/// Whether no parameter has stopped to matter at `x`, or there are so few coordinates that the scan cannot lose its way.
fn every_parameter_is_felt<O: Separable>(objective: &mut O, x: &[f64]) -> bool {
    if objective.nonlinear().len() <= DENSE {
        return true;
    }
    let mut model = Model::new(x.len());
    if !objective.model(x, &mut model).is_finite() {
        return false;
    }
    let least = FELT * FELT * model.residual_squares;
    (0..x.len()).all(|j| model.column_squares[j] * (x[j] * x[j]).max(1.0) > least)
}

/// Values within the agreement tolerance of `best`; a perfect fit agrees with every other perfect fit.
fn agreement(values: &[(usize, f64)], best: f64, perfect: f64) -> usize {
    values.iter().filter(|&&(_, v)| v <= best + AGREEMENT_TOLERANCE * best.abs() || v <= perfect).count()
}

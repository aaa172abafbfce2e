//! One fit per group, global unless the caller gave its start.

use super::canonical;
use super::control::Control;
use super::curves::{Curves, Ending, Workspace};
use super::forms::Forms;
use super::identifiability::identify;
use super::natural::NaturalObjective;
use super::needs::Needs;
use super::ordered::ordered;
use super::outside::is_outside;
use super::proof::Proofs;
use super::report::report;
use super::row::FitRow;
use crate::error::Error;
use crate::expr::PowerSum;
use crate::loss::{Criterion, Loss};
use crate::memory::ask;
use crate::pool::{Threads, alone};
use crate::problem::{Fitter, Problem};
use crate::question::{Question, Starts};
use crate::residual::Residual;
use crate::simd::lanes;
use crate::solve::certificate::{AGREEMENT_NEEDED, AGREEMENT_TOLERANCE};
use crate::solve::objective::Objective;
use crate::solve::separable::Separable;
use crate::solve::starts::{Effort, Found, descend, refine, search};
use crate::solve::transition::Region;
use crate::solve::trust::{self, Linear};
use crate::solve::{Options, Outcome, Scratch, Status, given, kink, polish, valley};

/// Damping of a second attempt: the first step is then a short one downhill.
const CAREFUL: f64 = 10.0;

/// Evaluations of a trust region run; the worst certified problem of the NIST suite needs a tenth.
const MOST_GUIDED: usize = 3_000;

/// Quick fits that are counted at a time.
const COUNTED: usize = 16;

/// Rows above which starts are searched on a sample.
const MANY_ROWS: usize = 20_000;

/// Rows of that sample.
const SCOUT_ROWS: usize = 4_000;

/// Relative difference up to which the objective in the solver's units is that of the natural parameters.
const SAME_OBJECTIVE: f64 = 1e-12;

/// Objective of a quick fit, relative to the rows, or to their squares where residuals are raw, below which the digits of the caller's parameters show in it.
const SMALL: f64 = 1e-6;

/// Condition above which a level set may well be without end.
const POOR: f64 = 1e6;

/// Whether row `i` of `n` belongs to the sample: a multiplicative hash (Knuth), so that no order of the rows can hide a part
/// of the design from it.
fn is_scout(i: usize, n: usize) -> bool {
    let hash = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    (hash as usize).wrapping_mul(n) >> 32 < SCOUT_ROWS
}

/// Fit every group; the order of the answer is the order of the groups.
///
/// # Errors
/// [`Error::Resource`] where memory does not suffice, [`Error::Parameter`] and [`Error::Threads`] for threads that cannot be had.
pub fn fit_groups(
    question: &Question,
    starts: &Starts,
    threads: usize,
    control: &Control,
) -> Result<Vec<FitRow>, Error> {
    let question = &*ordered(question);
    let (groups, rows) = (question.columns.groups(), question.columns.target.len());
    let many = if groups == 1 && rows <= MANY_ROWS { None } else { Some(Threads::new(threads)?) };
    let needs = Needs::of(question);
    let _promise = ask("the fit", needs.fits() + needs.search(starts.most(), threads))?;
    let curves = Curves::of(question, starts);
    let forms = Forms::of(question, starts);
    let proofs = Proofs::of(question, starts);
    let fit = |workspace: &mut Option<Workspace>, g: usize| {
        let row = if control.is_cancelled() {
            FitRow::empty(question.params.len(), question.group(g).target.len(), Status::Unfinished)
        } else {
            let quick = curves
                .as_ref()
                .and_then(|curves| fit_quickly(curves, question, g, workspace.get_or_insert_with(Workspace::new)));
            // Threads share the groups, and the rows of a group that is more than one thread's share of all.
            let own = question.columns.offsets[g + 1] - question.columns.offsets[g];
            let fit = || fit_group(question, g, (starts, forms.as_ref()), control);
            let fit = || if own * threads < rows { alone(fit) } else { fit() };
            let is_proven =
                |row: &FitRow| proofs.as_ref().is_some_and(|proofs| proofs.is_proven(&question.group(g), row));
            let row = match quick {
                Some((row, true)) => row,
                // A proof costs more than the fit of a curve, and far less than a general search.
                Some((row, false)) if is_proven(&row) => FitRow { proven: true, exhaustive: false, ..row },
                Some((row, false)) => lower(row, fit()),
                None => fit(),
            };
            // Of many groups the others are proven where starts do not agree, or later.
            let is_agreed = row.exhaustive || (row.agreement >= AGREEMENT_NEEDED && !row.doubtful);
            let proven = row.proven || ((groups == 1 || !is_agreed) && is_proven(&row));
            FitRow { proven, ..row }
        };
        // Threads that count after every quick fit wait for each other.
        let every = if curves.is_some() { COUNTED } else { 1 };
        if (g + 1).is_multiple_of(every) || g + 1 == groups {
            control.finished(g % every + 1);
        }
        row
    };
    Ok(match many {
        None => vec![fit(&mut None, 0)],
        Some(threads) => threads.map_with(groups, || None, fit),
    })
}

/// Which groups have no better fit than these parameters, with their objective, as far as a proof is to be had.
///
/// # Errors
/// [`Error::Parameter`] and [`Error::Threads`] for threads that cannot be had.
pub fn prove_groups(question: &Question, fits: &[(Vec<f64>, f64)], threads: usize) -> Result<Vec<bool>, Error> {
    let Some(proofs) = Proofs::of(question, &Starts::Auto) else { return Ok(vec![false; fits.len()]) };
    let prove = |(): &mut (), g: usize| {
        let (params, objective) = &fits[g];
        let rows = question.group(g);
        let row = FitRow::empty(params.len(), rows.target.len(), Status::Converged);
        objective.is_finite()
            && proofs.is_proven(&rows, &FitRow { params: params.clone(), objective: *objective, ..row })
    };
    Ok(Threads::new(threads)?.map_with(fits.len(), || (), prove))
}

/// The fit of a group as one of many curves, and whether it is sure to be the best; None where it is for the general search.
fn fit_quickly(curves: &Curves, question: &Question, g: usize, workspace: &mut Workspace) -> Option<(FitRow, bool)> {
    let columns = &question.columns;
    let rows = columns.offsets[g]..columns.offsets[g + 1];
    let (x, y) = (&columns.inputs[0][rows.clone()], &columns.target[rows.clone()]);
    let weights = columns.weights.as_ref().map(|weights| &weights[rows.clone()]);
    let (mut row, is_sure) = match curves.fit((x, y), weights, workspace)? {
        Ending::Whole(row) => (row, true),
        Ending::Unsure(row) => (row, false),
        Ending::Open(row) => {
            let has_power = row.params.iter().all(|v| *v != 0.0);
            // A level set that was lost on the way from here may be followed from elsewhere.
            let is_lost = |row: &FitRow| row.status == Status::NotIdentified && row.condition < POOR && has_power;
            return fit_from(question, g, &row).map(|row| (!is_lost(&row), row)).map(|(is_sure, row)| (row, is_sure));
        }
    };
    let size = if question.residual == Residual::Raw { lanes::dot(y, y) } else { rows.len() as f64 };
    if row.status != Status::Converged || row.objective <= SMALL * size {
        keep_objective_of_params(&NaturalObjective::new(question, g), &mut row);
    }
    Some((row, is_sure))
}

/// The general fit of a rough curve, or the quick one where that is lower: then nothing says that it is the best of all.
fn lower(quick: FitRow, general: FitRow) -> FitRow {
    let is_lower = quick.objective < general.objective - AGREEMENT_TOLERANCE * general.objective.abs();
    if is_lower || (general.objective.is_nan() && !quick.objective.is_nan()) {
        return FitRow { exhaustive: false, starts: quick.starts + general.starts, ..quick };
    }
    general
}

/// Fit one group.
fn fit_group(question: &Question, g: usize, (starts, forms): (&Starts, Option<&Forms>), control: &Control) -> FitRow {
    let rows = question.group(g);
    if rows.target.len() < question.free() || rows.target.is_empty() {
        return FitRow::empty(question.params.len(), rows.target.len(), Status::TooFewRows);
    }
    // One given start is a local fit from exactly there: it keeps the places the caller chose.
    let is_local = matches!(starts, Starts::Points(points) if points.len() == 1);
    let row = report_of((question, g), control, !is_local, |problem, fitter, options, x, scratch| {
        if let Some(found) = forms.and_then(|forms| forms.search(&rows, problem, fitter, options, x, scratch)) {
            return found;
        }
        let region = if *starts == Starts::Auto { problem.region(&rows) } else { Region::of(problem.ranges()) };
        let found = run((problem, &region), fitter, question, starts, options, x, scratch);
        match forms {
            Some(forms) => forms.challenge(found, &rows, (problem, fitter), options, x, scratch),
            None => found,
        }
    });
    let doubtful = row.doubtful || is_outside(question, g, &row.params);
    FitRow { doubtful, ..row }
}

/// The general report of the optimum that a quick search found; None where it is lost on the way.
fn fit_from(question: &Question, g: usize, quick: &FitRow) -> Option<FitRow> {
    let row = report_of((question, g), &Control::default(), true, |problem, fitter, options, x, scratch| {
        problem.space.coordinates(&quick.params, x);
        let outcome = kink::settle(fitter, x, options, scratch).unwrap_or_else(|| {
            let outcome = descend(fitter, x, options, false, scratch);
            polish::polish(fitter, x, outcome, options, scratch)
        });
        Found { outcome, starts: quick.starts, agreement: 1, doubtful: false, exhaustive: true, escape: None }
    });
    (row.objective <= quick.objective * (1.0 + AGREEMENT_TOLERANCE)).then_some(row)
}

/// What may be said of the point at which `search` leaves its fourth argument, with exchangeable parameters in order where
/// `in_order` asks for that.
fn report_of(
    (question, g): (&Question, usize),
    control: &Control,
    in_order: bool,
    search: impl FnOnce(&Problem<'_>, &mut Fitter<'_>, Options, &mut [f64], &mut Scratch) -> Found,
) -> FitRow {
    let problem =
        Problem::new(&question.program, &question.group(g), &question.params, question.criterion, question.residual);
    let mut fitter = Fitter::new(&problem);
    let q = problem.space.dimension();
    let mut scratch = Scratch::new(q).until(control.flag());
    let options = Options { rounding: problem.rounding(&fitter), ..Options::default() };
    let mut x = vec![0.0; q];
    let found = search(&problem, &mut fitter, options, &mut x, &mut scratch);
    let natural = NaturalObjective::new(question, g);
    let mut row = report(&natural, &problem, &mut fitter, &found, &mut x, options, &mut scratch);
    if in_order {
        canonical::reorder(&question.program, &question.params, &mut row);
    }
    keep_objective_of_params(&natural, &mut row);
    row
}

/// Put the objective of the natural parameters into a row, where it is not that of the solver's own.
///
/// They have fewer digits than the solver's, and away from an optimum each of them tells. That of a degenerate fit is infinite.
fn keep_objective_of_params(natural: &NaturalObjective<'_>, row: &mut FitRow) {
    if row.status == Status::Degenerate || !row.objective.is_finite() {
        return;
    }
    let natural = natural.at(&row.params);
    let same = row.status == Status::Converged && (row.objective - natural).abs() <= SAME_OBJECTIVE * natural.abs();
    if natural.is_finite() && !same {
        row.objective = natural;
    }
}

fn run(
    (problem, region): (&Problem<'_>, &Region<'_>),
    fitter: &mut Fitter<'_>,
    question: &Question,
    starts: &Starts,
    options: Options,
    x: &mut [f64],
    scratch: &mut Scratch,
) -> Found {
    let coordinates = |theta: &[f64]| {
        let mut point = vec![0.0; x.len()];
        problem.space.coordinates(theta, &mut point);
        point
    };
    match starts {
        Starts::Points(points) => {
            let queue: Vec<Vec<f64>> = points.iter().map(|theta| coordinates(theta)).collect();
            if queue.len() == 1 {
                return local(fitter, &queue[0], options, x, scratch);
            }
            given::search(fitter, problem.ranges(), &queue, options, x, scratch)
        }
        Starts::Auto | Starts::Count(_) => {
            let mut effort = Effort::automatic(problem.ranges().len());
            if let Starts::Count(count) = starts {
                effort = Effort::every(*count);
            }
            let given: Vec<Vec<f64>> = if question.params.iter().all(|s| s.start.is_some() || s.fixed.is_some()) {
                let theta: Vec<f64> = question.params.iter().map(|s| s.fixed.or(s.start).unwrap_or(f64::NAN)).collect();
                vec![coordinates(&theta)]
            } else {
                Vec::new()
            };
            // Where projection is exact, the exponent of a power can be walked from end to end; other laws (a period, a
            // polynomial, two powers) may have valleys between any two points.
            if matches!(starts, Starts::Auto)
                && given.is_empty()
                && question.program.power_sum().is_some_and(PowerSum::is_one_power)
                && (question.criterion, question.residual) == (Criterion::Sum(Loss::Squared), Residual::Raw)
                && let [range] = *problem.ranges()
                && let Some(found) = valley::search(fitter, range, options, x, scratch)
            {
                return found;
            }
            if problem.len() <= MANY_ROWS {
                return search(fitter, region, &given, effort, options, x, scratch);
            }
            // The basin is found on a few thousand rows; all of them only say where in it the optimum lies.
            fitter.select(|i| f64::from(u8::from(is_scout(i, problem.len()))));
            let scouted = search(fitter, region, &given, effort, options, x, scratch);
            fitter.select(|_| 1.0);
            // So near the optimum caution only costs passes over the rows.
            let bold = Options { damping: 0.0, ..options };
            let found = refine(fitter, &[x.to_vec()], 1, Effort::every(1), bold, x, scratch);
            let agreement = if found.outcome.status == Status::Converged { scouted.agreement } else { 0 };
            Found { agreement, doubtful: scouted.doubtful, starts: scouted.starts, ..found }
        }
    }
}

/// A local fit from exactly one point. Should it fail or run off to where parameters stop to matter, it is tried again along
/// a trust region, and at last more carefully and with the linear parameters re-solved at the start.
fn local(fitter: &mut Fitter<'_>, start: &[f64], options: Options, x: &mut [f64], scratch: &mut Scratch) -> Found {
    let mut best: Option<Outcome> = None;
    let from = fitter.value(start);
    let mut projected = start.to_vec();
    let mut attempts = vec![
        (start.to_vec(), options.damping, None),
        (start.to_vec(), options.damping, Some(Linear::Stepped)),
        (start.to_vec(), CAREFUL, None),
    ];
    if fitter.project(&mut projected) {
        attempts.push((projected.clone(), options.damping, None));
        attempts.push((projected.clone(), options.damping, Some(Linear::Projected)));
        attempts.push((projected, CAREFUL, None));
    }
    for (mut point, damping, guided) in attempts {
        let options = Options { damping, ..options };
        if let Some(linear) = guided.filter(|_| fitter.width() > 0.0) {
            trust::follow(fitter, &mut point, linear, MOST_GUIDED, scratch);
        }
        let outcome = descend(fitter, &mut point, options, false, scratch);
        let outcome = polish::polish(fitter, &mut point, outcome, options, scratch);
        let sound =
            outcome.status == Status::Converged && !identify(fitter, &point, options.rounding).1.contains(&true);
        // An optimum that lies higher than the start is another one, however sound.
        let settled = sound && (outcome.value <= from * (1.0 + AGREEMENT_TOLERANCE) || !from.is_finite());
        if settled || best.is_none_or(|b| outcome.value < b.value) {
            best = Some(outcome);
            x.copy_from_slice(&point);
        }
        if settled {
            break;
        }
    }
    let outcome = best.unwrap_or(Outcome::FAILED);
    let agreement = usize::from(outcome.value.is_finite());
    Found { outcome, starts: 1, agreement, doubtful: false, exhaustive: false, escape: None }
}

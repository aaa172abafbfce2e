//! Starts that have a transition in every gap: led a short way, and finished where they lead lowest.

use super::newton::minimise;
use super::options::Options;
use super::scratch::Scratch;
use super::separable::Separable;

/// Evaluations of a descent that only asks where a start leads.
const SHORT: usize = 40;

/// Such descents that are finished, and how many times the lowest objective they may have reached.
const MOST_FINISHED: usize = 32;
const NEAR: f64 = 1.5;

/// Where short descents from `visited` lead lowest, in the order of their objectives.
pub(super) fn promising<O: Separable>(
    objective: &mut O,
    visited: &[Vec<f64>],
    best: f64,
    options: Options,
    s: &mut Scratch,
) -> Vec<Vec<f64>> {
    let short = Options { max_evaluations: SHORT, decrease: 1e-4, ..options };
    let mut ends: Vec<(f64, Vec<f64>)> = Vec::new();
    for start in visited {
        let mut point = start.clone();
        // A loss with a kink is descended in stages of its own, too many for a look.
        let value = if objective.width() > 0.0 {
            objective.settle(&point);
            minimise(objective, &mut point, None, short, s).value
        } else {
            objective.value(&point)
        };
        if value.is_finite() {
            ends.push((value, point));
        }
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lowest = ends.first().map_or(best, |end| end.0.min(best));
    // Of a likelihood, which may be negative, ratios say nothing.
    let is_near = |value: f64| lowest <= 0.0 || objective.width() == 0.0 || value <= NEAR * lowest;
    ends.truncate(MOST_FINISHED);
    ends.into_iter().filter(|end| is_near(end.0)).map(|end| end.1).collect()
}

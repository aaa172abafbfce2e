//! A start of a race, with the box that it keeps to.

/// A point of a law of `P` coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Start<const P: usize> {
    /// What it promises, or the objective where a race took it.
    pub(super) score: f64,
    /// The coordinates in which the race of the law runs.
    pub(super) q: [f64; P],
    pub(super) lower: [f64; P],
    pub(super) upper: [f64; P],
    /// Whether a race left nothing to gain.
    pub(super) is_settled: bool,
    pub(super) held: Held,
}

/// Parameters of the law, by their places, that stay where they are while an end is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Held {
    /// Where a corner lies: on a row, from which moving it to either side raises the objective.
    pub(super) at_row: Option<usize>,
    /// What has no end: so far out that no row tells it from its limit.
    pub(super) at_limit: Option<usize>,
    /// Where numbers end on the way to a limit.
    pub(super) end_of_numbers: Option<AtEnd>,
}

/// A parameter that stays where its numbers end, and the one of which that is the way to its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AtEnd {
    pub(super) place: usize,
    pub(super) runs_off: usize,
}

impl Held {
    pub(super) fn at_row(place: usize) -> Self {
        Self { at_row: Some(place), ..Self::default() }
    }

    pub(super) fn at_limit(place: usize) -> Self {
        Self { at_limit: Some(place), ..Self::default() }
    }

    pub(super) fn at_end(place: usize, runs_off: usize) -> Self {
        Self { end_of_numbers: Some(AtEnd { place, runs_off }), ..Self::default() }
    }
}

impl<const P: usize> Start<P> {
    /// A start that nothing is known of but what a scan makes of it.
    pub(super) fn new(score: f64, q: [f64; P], (lower, upper): ([f64; P], [f64; P])) -> Self {
        Self { score, q, lower, upper, is_settled: false, held: Held::default() }
    }
}

/// The best `most` of `starts`, best first.
pub(super) fn keep_best<const P: usize>(starts: &mut Vec<Start<P>>, most: usize) {
    starts.retain(|start| !start.score.is_nan());
    starts.sort_by(|a, b| a.score.total_cmp(&b.score));
    starts.truncate(most);
}

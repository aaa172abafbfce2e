//! A start of a race, with the box that it keeps to.

/// A point of a law of `P` coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Start<const P: usize> {
    /// What it promises, or the objective where a race took it.
    pub(super) score: f64,
    pub(super) q: [f64; P],
    pub(super) lower: [f64; P],
    pub(super) upper: [f64; P],
    /// Whether a race left nothing to gain.
    pub(super) is_settled: bool,
    pub(super) held: Held,
}

/// A parameter of the law, by its place, that stays where it is while an end is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Nothing,
    /// Where a corner lies: on a row that it leaves to neither side.
    AtRow(usize),
    /// What has no end: so far out that no row tells it from its limit.
    AtLimit(usize),
}

impl<const P: usize> Start<P> {
    /// A start that nothing is known of but what a scan makes of it.
    pub(super) fn new(score: f64, q: [f64; P], (lower, upper): ([f64; P], [f64; P])) -> Self {
        Self { score, q, lower, upper, is_settled: false, held: Held::Nothing }
    }
}

/// The best `most` of `starts`, best first.
pub(super) fn keep_best<const P: usize>(starts: &mut Vec<Start<P>>, most: usize) {
    starts.retain(|start| !start.score.is_nan());
    starts.sort_by(|a, b| a.score.total_cmp(&b.score));
    starts.truncate(most);
}

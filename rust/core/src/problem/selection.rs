//! Which rows of a problem count, gathered to whole lanes: all of them, or those that a replicate drew.

use std::ops::Range;

use super::Problem;
use crate::simd::{Aligned, LANES, Picks};

/// The rows of one group that count.
#[derive(Debug)]
pub(super) struct Selection {
    /// Which rows they are.
    pub(super) picks: Picks,
    /// How many they are.
    pub(super) n: usize,
    /// Their targets, on the scale of the residual.
    pub(super) target: Aligned,
    /// One over their sigma; empty where there is none.
    pub(super) inverse_sigma: Aligned,
    /// Their weights; 0 in the lanes that fill up the last vector.
    pub(super) weight: Aligned,
    /// What clipping their targets took from the loss.
    pub(super) clipped: f64,
    /// The weight of every row.
    weights: Aligned,
    /// Their slots, when not all rows are selected and once a point was looked at with the law itself.
    slots: Vec<Vec<f64>>,
    gathered: bool,
}

/// The rows a block stands for.
pub(super) struct View<'v> {
    pub(super) row: usize,
    pub(super) weight: &'v [f64],
    pub(super) target: &'v [f64],
    pub(super) inverse_sigma: Option<&'v [f64]>,
}

impl Selection {
    /// No rows yet, and room for all.
    pub(super) fn new(problem: &Problem<'_>) -> Self {
        let capacity = problem.len().next_multiple_of(LANES);
        Self {
            picks: Picks::default(),
            n: 0,
            target: Aligned::zeros(capacity),
            inverse_sigma: Aligned::zeros(if problem.inverse_sigma.is_some() { capacity } else { 0 }),
            weight: Aligned::zeros(capacity),
            clipped: 0.0,
            weights: Aligned::zeros(capacity),
            slots: vec![Vec::new(); problem.slots.len()],
            gathered: false,
        }
    }

    /// Gather the rows whose weight `count(i)` is not zero; returns how many there are.
    ///
    /// Rows without weight leave here, before lanes, so that they change no bit of what follows.
    #[inline]
    pub(super) fn select(&mut self, problem: &Problem<'_>, count: impl Fn(usize) -> f64) -> usize {
        let all = problem.len();
        for (i, weight) in self.weights[..all].iter_mut().enumerate() {
            *weight = count(i);
        }
        if let Some(given) = &problem.weights {
            for (weight, given) in self.weights.iter_mut().zip(given) {
                *weight *= given;
            }
        }
        self.picks.nonzero(&self.weights);
        let (n, room) = (self.picks.count(), self.picks.room());
        let padded = n.next_multiple_of(LANES);
        self.weight.hold(room);
        self.target.hold(room);
        let columns = [(&self.weights[..], &mut self.weight[..]), (&problem.target, &mut self.target)];
        self.picks.pack(columns.into_iter());
        self.weight.hold(padded);
        self.weight[n..].fill(0.0);
        self.target.hold(padded);
        if let Some(sigma) = &problem.inverse_sigma {
            self.inverse_sigma.hold(room);
            self.picks.pack(std::iter::once((&sigma[..], &mut self.inverse_sigma[..])));
            self.inverse_sigma.hold(padded);
        }
        self.clipped = match &problem.clipped {
            Some(clipped) => self.picks.numbers().zip(self.weight.iter()).map(|(i, w)| w * clipped[i]).sum(),
            None => 0.0,
        };
        self.n = n;
        self.gathered = false;
        n
    }

    /// Take these targets in place of the observed ones.
    pub(super) fn retarget(&mut self, target: &[f64]) {
        let n = self.n;
        self.target[..n].copy_from_slice(&target[..n]);
        if let Some(last) = n.checked_sub(1) {
            let last = self.target[last];
            self.target[n..].fill(last);
        }
        // Whatever a far target had given to the objective left with it.
        self.clipped = 0.0;
    }

    /// Gather the slots of the rows, unless that is done or all rows are selected.
    pub(super) fn gather_slots(&mut self, problem: &Problem<'_>) {
        if self.gathered || self.n == problem.len() {
            return;
        }
        for slot in &mut self.slots {
            slot.resize(self.picks.room(), 0.0);
        }
        let sources = problem.slots.iter().map(|source| &source[..problem.len()]);
        self.picks.pack(sources.zip(self.slots.iter_mut().map(|slot| &mut slot[..])));
        self.gathered = true;
    }

    /// The slots of the rows, once they were gathered.
    pub(super) fn slots<'s>(&'s self, problem: &'s Problem<'_>) -> &'s [Vec<f64>] {
        if self.n == problem.len() { &problem.slots } else { &self.slots }
    }

    /// Number of rows to whole lanes.
    pub(super) fn padded(&self) -> usize {
        self.weight.len()
    }

    /// Rows `rows`, of which there are [`padded`](Self::padded).
    #[inline]
    pub(super) fn view(&self, rows: Range<usize>) -> View<'_> {
        View {
            row: rows.start,
            weight: &self.weight[rows.clone()],
            target: &self.target[rows.clone()],
            inverse_sigma: self.inverse_sigma.get(rows),
        }
    }

    /// What the residual of row `i` was divided by, in solver units.
    pub(super) fn sigma(&self, i: usize) -> f64 {
        self.inverse_sigma.get(i).map_or(1.0, |inverse| 1.0 / inverse)
    }

    /// Sum of the weights, in solver units.
    pub(super) fn total_weight(&self) -> f64 {
        self.weight.iter().sum()
    }
}

/// Fill `n` values up to whole lanes with copies of the last one.
pub(super) fn pad(values: &mut Vec<f64>, n: usize) {
    if let Some(&last) = values.last() {
        values.resize(n.next_multiple_of(LANES), last);
    }
}

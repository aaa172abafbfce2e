//! Which rows of a problem count, gathered to whole lanes: all of them, or those that a replicate drew.

use std::ops::Range;

use super::Problem;
use crate::simd::LANES;

/// The rows of one group that count.
#[derive(Debug)]
pub(super) struct Selection {
    /// Numbers of the rows.
    pub(super) chosen: Vec<u32>,
    /// How many they are.
    pub(super) n: usize,
    /// Their targets, on the scale of the residual.
    pub(super) target: Vec<f64>,
    /// One over their sigma; empty where there is none.
    pub(super) inverse_sigma: Vec<f64>,
    /// Their weights; 0 in the lanes that fill up the last vector.
    pub(super) weight: Vec<f64>,
    /// What clipping their targets took from the loss.
    pub(super) clipped: f64,
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
            chosen: Vec::with_capacity(capacity),
            n: 0,
            target: Vec::with_capacity(capacity),
            inverse_sigma: Vec::with_capacity(capacity),
            weight: Vec::with_capacity(capacity),
            clipped: 0.0,
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
        // Every row is written and the place moves on past those with weight: which rows those are is as good as random.
        self.chosen.resize(all, 0);
        self.weight.clear();
        self.weight.resize(all.next_multiple_of(LANES), 0.0);
        let mut n = 0;
        for i in 0..all {
            let weight = count(i) * problem.weights.as_ref().map_or(1.0, |w| w[i]);
            self.chosen[n] = i as u32;
            self.weight[n] = weight;
            n += usize::from(weight != 0.0);
        }
        self.n = n;
        self.chosen.truncate(n);
        self.weight.truncate(n);
        self.clipped = match &problem.clipped {
            Some(clipped) => self.chosen.iter().zip(&self.weight).map(|(&i, w)| w * clipped[i as usize]).sum(),
            None => 0.0,
        };
        self.weight.resize(n.next_multiple_of(LANES), 0.0);
        gather(&problem.target, &self.chosen, &mut self.target);
        if let Some(sigma) = &problem.inverse_sigma {
            gather(sigma, &self.chosen, &mut self.inverse_sigma);
        }
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
        for (slot, source) in self.slots.iter_mut().zip(&problem.slots) {
            gather(source, &self.chosen, slot);
        }
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

/// The values at these places, and copies of the last one up to whole lanes.
fn gather(from: &[f64], places: &[u32], to: &mut Vec<f64>) {
    to.clear();
    to.extend(places.iter().map(|&i| from[i as usize]));
    pad(to, places.len());
}

/// Fill `n` values up to whole lanes with copies of the last one.
pub(super) fn pad(values: &mut Vec<f64>, n: usize) {
    if let Some(&last) = values.last() {
        values.resize(n.next_multiple_of(LANES), last);
    }
}

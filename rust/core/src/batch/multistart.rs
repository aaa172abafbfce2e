//! The searched starts of a replicate: chosen from a scan that replicates share, and refined as far as they may find anything.

use super::replicates::Worker;
use crate::problem::{Fitter, Scanned};
use crate::solve::challenge::{Known, challenge};
use crate::solve::scan::scan;
use crate::solve::separable::Separable;
use crate::solve::starts::{Effort, refine, search};
use crate::solve::transition::Region;
use crate::solve::{Options, Outcome};

/// Points scanned for each start of a replicate.
const SCANNED: usize = 8;

impl Worker<'_> {
    /// The best that `starts` searched ones find, or without any the search of a single fit; its point is left in `x`.
    pub(super) fn search(&mut self, starts: usize, options: Options) -> Outcome {
        let ranges = self.refits.problem.ranges();
        if starts == 0 {
            let effort = Effort { further: 0, ..Effort::automatic(ranges.len()) };
            let (region, scratch) = (Region::of(ranges), &mut self.scratch);
            return search(&mut self.fitter, &region, &[], effort, options, &mut self.x, scratch).outcome;
        }
        let queue = self.candidates(starts);
        refine(&mut self.fitter, &queue, 0, Effort::every(starts), options, &mut self.x, &mut self.scratch).outcome
    }

    /// The best points of a scan, from which `starts` are refined.
    fn candidates(&mut self, starts: usize) -> Vec<Vec<f64>> {
        let (refits, scratch) = (self.refits, &self.scratch);
        let (ranges, numbers) = (refits.problem.ranges(), 0..starts.max(2) * SCANNED);
        let scanned = refits.scanned.get_or_init(|| {
            let mut fitter = Fitter::new(&refits.problem);
            let points = scan(&mut fitter, ranges, numbers.clone(), scratch);
            Scanned::new(&mut fitter, points)
        });
        match scanned {
            Some(scanned) if !self.fitter.has_many_basins() => {
                self.fitter.solve_scanned(scanned, starts, &mut self.scanned_rows)
            }
            _ => scan(&mut self.fitter, ranges, numbers, scratch),
        }
    }

    /// Whether starts may stop as soon as they have come into the basin of the warm optimum, whose objective is `value`.
    ///
    /// Basins are told apart where the law is smooth and the optimum sharp; elsewhere every start goes all its way.
    pub(super) fn may_be_challenged(&mut self, value: f64) -> bool {
        let is_smooth = self.refits.problem.is_sum_of_powers();
        is_smooth && !self.fitter.has_scale() && value > 0.0 && self.has_clear_optimum()
    }

    /// The best of the warm optimum in `x`, whose objective is `value`, and of `starts` that do not lead to it.
    pub(super) fn challenged(&mut self, starts: usize, options: Options, value: f64) -> f64 {
        let Some(mut known) = Known::new(&mut self.fitter, &self.x, value) else { return value };
        let queue = self.candidates(starts);
        let queue = &queue[..starts.min(queue.len())];
        let (lower, evaluations) =
            challenge(&mut self.fitter, &mut known, queue, options, &mut self.x, &mut self.scratch);
        self.evaluations += evaluations;
        self.look_again(options);
        lower.unwrap_or(value)
    }
}

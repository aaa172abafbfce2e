//! Some replicates of a resampling solved again, with other starts perhaps: the same draws, wherever they stand.

use super::control::Control;
use super::draws::Draws;
use super::needs::{self, Needs};
use super::replicates::{Refits, Resampling, Worker};
use super::row::FitRow;
use crate::error::Error;
use crate::memory::{ask, filled};
use crate::pool::{Threads, alone};
use crate::question::Question;
use crate::solve::Status;

/// Refit the replicates `picks`, pairs of a group and a replicate; the order of the answer is theirs.
///
/// `first` and `count` of the resampling are not looked at. Picks of one group that follow each other share its preparation.
///
/// # Errors
/// [`Error::Resource`] when the table does not fit in memory; [`Error::Parameter`] for an impossible number of threads.
pub fn selected(
    question: &Question,
    base: &[FitRow],
    resampling: &Resampling,
    picks: &[(usize, usize)],
    threads: usize,
    control: &Control,
) -> Result<Draws, Error> {
    let p = question.params.len();
    let width = p + 2;
    let needs = Needs::of(question).refits(picks.len() as u128, 1, resampling.starts, threads, true);
    let parts_of_picks = picks.len() as u128 * 32;
    let _promise = ask("the refits", needs::table(picks.len() as u128, width) + needs + parts_of_picks)?;
    let mut table = filled("the table of draws", picks.len() * width, f64::NAN)?;
    let mut parts = Vec::new();
    let mut rest = &mut table[..];
    for same in picks.chunk_by(|a, b| a.0 == b.0) {
        let (part, after) = rest.split_at_mut(same.len() * width);
        parts.push((same, part));
        rest = after;
    }
    let threads = Threads::new(threads)?;
    // Groups side by side where there are several, else the replicates of the only one.
    let (across, within) = if parts.len() > 1 { (threads, Threads::new(1)?) } else { (Threads::new(1)?, threads) };
    across.each_part(
        &mut parts,
        1,
        || (),
        |(), _, picked| {
            let (same, part) = &mut picked[0];
            let g = same[0].0;
            let status = if control.is_cancelled() { Status::Unfinished } else { base[g].status };
            let refits = Refits::new(question, g, &base[g], &resampling.scheme).filter(|_| !control.is_cancelled());
            match refits {
                None => part.chunks_mut(width).for_each(|row| row[0] = f64::from(status as u8)),
                Some(refits) => {
                    let worker = || Worker::new(&refits, control);
                    within.each_part(part, width, worker, |worker, i, row| {
                        alone(|| worker.replicate(resampling, g, same[i].1, row));
                    });
                }
            }
            control.finished(same.len());
        },
    );
    Draws::of_table(&table, width, picks.len(), p)
}

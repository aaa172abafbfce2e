//! How far a running batch has come, and how another thread asks it to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How a running batch is watched and stopped from another thread.
#[derive(Debug, Default)]
pub struct Control {
    cancelled: Arc<AtomicBool>,
    done: AtomicUsize,
    evaluations: AtomicUsize,
}

impl Control {
    /// Ask the batch to stop after the rows it is working on.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// The flag that [`cancel`](Self::cancel) sets, for work that looks at it itself.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Rows finished so far.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Evaluations of the model that replicates have cost so far.
    pub fn evaluations(&self) -> usize {
        self.evaluations.load(Ordering::Relaxed)
    }

    pub(super) fn spent(&self, evaluations: usize) {
        self.evaluations.fetch_add(evaluations, Ordering::Relaxed);
    }

    pub(super) fn finished(&self, rows: usize) {
        self.done.fetch_add(rows, Ordering::Relaxed);
    }
}

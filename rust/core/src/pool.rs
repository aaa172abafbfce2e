//! Threads of our own, one pool a process: rayon's global pool does not survive a fork, and other libraries use it.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;

/// Most threads a pool may have; more can only be a slip of the pen.
pub const MOST_THREADS: usize = 1024;

struct Keyed {
    process: u32,
    threads: usize,
    pool: Arc<ThreadPool>,
}

static POOL: Mutex<Option<Keyed>> = Mutex::new(None);

/// The pool of this process with that many threads, built at first use and again after a fork.
///
/// # Errors
/// [`Error::Parameter`] for 0 or more than [`MOST_THREADS`] threads, or when the system refuses to start them.
pub fn pool(threads: usize) -> Result<Arc<ThreadPool>, Error> {
    let refused = |got: String| Error::Parameter { name: "threads".into(), legal: "between 1 and 1024", got };
    if threads == 0 || threads > MOST_THREADS {
        return Err(refused(threads.to_string()));
    }
    let process = std::process::id();
    let mut held = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(keyed) = held.as_ref()
        && keyed.process == process
        && keyed.threads == threads
    {
        return Ok(Arc::clone(&keyed.pool));
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("scaling-{index}"))
        .build()
        .map_err(|cause| refused(format!("{threads} ({cause})")))?;
    let pool = Arc::new(pool);
    let old = held.replace(Keyed { process, threads, pool: Arc::clone(&pool) });
    if let Some(old) = old
        && old.process != process
    {
        // The threads of the parent do not exist here; joining them would wait for ever.
        std::mem::forget(old);
    }
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_kept_and_counts_are_checked() {
        let first = pool(2).unwrap();
        assert!(Arc::ptr_eq(&first, &pool(2).unwrap()));
        assert!(matches!(pool(0), Err(Error::Parameter { .. })));
        assert!(matches!(pool(5000), Err(Error::Parameter { .. })));
    }
}

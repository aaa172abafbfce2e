//! Threads of our own, one pool a process: rayon's global pool does not survive a fork, and other libraries use it.

use std::cell::Cell;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;
use crate::memory;

/// Most threads a pool may have; more can only be a slip of the pen.
pub const MOST_THREADS: usize = 1024;

/// How often, and after what rest, the shared pool is asked for before a call makes one for itself alone.
const ATTEMPTS: usize = 20;
const REST: Duration = Duration::from_millis(1);

struct Keyed {
    process: u32,
    threads: usize,
    pool: Arc<ThreadPool>,
}

/// Only ever tried, never waited for: the thread that holds it may be one that did not survive a fork.
static POOL: Mutex<Option<Keyed>> = Mutex::new(None);

thread_local! {
    /// Whether what this thread does now may not be shared.
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Do `work` by the calling thread alone.
///
/// A thread that waits for others takes up work that waits for a thread, and with it memory for that work, and may come to
/// wait again there: whoever has work enough for all threads must not share the pieces of it.
pub fn alone<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }
    let _restore = Restore(ALONE.replace(true));
    work()
}

/// Threads that a call may use: a pool, or the caller's own thread alone.
#[derive(Debug, Clone)]
pub struct Threads(Option<Arc<ThreadPool>>);

impl Threads {
    /// That many threads. One is the caller's, so that callers side by side do not wait for each other; more are the pool
    /// of this process, built at first use and again after a fork.
    ///
    /// # Errors
    /// [`Error::Parameter`] for 0 or more than [`MOST_THREADS`] threads, [`Error::Resource`] or [`Error::Threads`] when the system
    /// refuses to start them.
    pub fn new(threads: usize) -> Result<Self, Error> {
        if threads == 1 { Ok(Self(None)) } else { pool(&POOL, threads).map(|pool| Self(Some(pool))) }
    }

    /// Call `work` with the number and the content of every part of `size` items; each thread makes a state of its own and
    /// keeps it between parts.
    pub fn each_part<S, T: Send>(
        &self,
        items: &mut [T],
        size: usize,
        state: impl Fn() -> S + Sync + Send,
        work: impl Fn(&mut S, usize, &mut [T]) + Sync + Send,
    ) {
        match &self.0 {
            None => {
                let mut own = state();
                items.chunks_mut(size).enumerate().for_each(|(i, part)| work(&mut own, i, part));
            }
            Some(pool) => pool.install(|| {
                items.par_chunks_mut(size).enumerate().for_each_init(&state, |own, (i, part)| work(own, i, part));
            }),
        }
    }

    /// `work` of every number below `count`, in order; each thread makes a state of its own and keeps it between them.
    pub fn map_with<S, T: Send>(
        &self,
        count: usize,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, usize) -> T + Sync,
    ) -> Vec<T> {
        match &self.0 {
            None => map_inside(count, &state, &work),
            Some(pool) => pool.install(|| map_inside(count, &state, &work)),
        }
    }
}

/// The same by the threads of the pool that this is called from, or by the caller's own where it is not one of the pool.
pub fn map_inside<S, T: Send>(
    count: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    // Outside of a pool rayon would start its global one.
    if rayon::current_thread_index().is_some() && !ALONE.get() {
        return (0..count).into_par_iter().map_init(&state, &work).collect();
    }
    let mut own = state();
    (0..count).map(|i| work(&mut own, i)).collect()
}

fn pool(shared: &Mutex<Option<Keyed>>, threads: usize) -> Result<Arc<ThreadPool>, Error> {
    if threads == 0 || threads > MOST_THREADS {
        return Err(refused(threads.to_string()));
    }
    let process = std::process::id();
    for _ in 0..ATTEMPTS {
        let mut held = match shared.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(REST);
                continue;
            }
        };
        if let Some(keyed) = held.as_ref()
            && keyed.process == process
            && keyed.threads == threads
        {
            return Ok(Arc::clone(&keyed.pool));
        }
        let pool = build(threads)?;
        let old = held.replace(Keyed { process, threads, pool: Arc::clone(&pool) });
        if let Some(old) = old
            && old.process != process
        {
            // The threads of the parent do not exist here; joining them would wait for ever.
            std::mem::forget(old);
        }
        return Ok(pool);
    }
    build(threads)
}

fn build(threads: usize) -> Result<Arc<ThreadPool>, Error> {
    memory::ask_for_threads(threads)?;
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("scaling-{index}"))
        .build()
        .map(Arc::new)
        .map_err(|_| Error::Threads { wanted: threads })
}

fn refused(got: String) -> Error {
    Error::Parameter { name: "threads".into(), legal: "between 1 and 1024", got }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_kept_and_counts_are_checked() {
        let shared = Mutex::new(None);
        let first = pool(&shared, 2).unwrap();
        assert!(Arc::ptr_eq(&first, &pool(&shared, 2).unwrap()));
        assert!(matches!(Threads::new(0), Err(Error::Parameter { .. })));
        assert!(matches!(Threads::new(5000), Err(Error::Parameter { .. })));
    }

    #[test]
    fn a_lock_that_nobody_will_open_keeps_nobody_waiting() {
        let shared = Mutex::new(None);
        let held = shared.lock().unwrap();
        assert_eq!(pool(&shared, 3).unwrap().current_num_threads(), 3);
        drop(held);
    }

    #[test]
    fn work_that_is_done_alone_stays_on_its_thread() {
        let pool = Threads::new(2).unwrap();
        let places = pool.map_with(
            4,
            || (),
            |(), _| {
                let own = rayon::current_thread_index();
                alone(|| map_inside(64, || (), |(), _| rayon::current_thread_index())).iter().all(|place| *place == own)
            },
        );
        assert_eq!(places, [true; 4]);
        assert!(!ALONE.get());
    }

    #[test]
    fn one_thread_and_several_do_the_same() {
        for threads in [1, 2, 3] {
            let threads = Threads::new(threads).unwrap();
            let mut items = [0; 10];
            threads.each_part(&mut items, 4, || (), |(), part, items| items.iter_mut().for_each(|item| *item = part));
            assert_eq!(items, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]);
            assert_eq!(threads.map_with(3, || 1, |one, i| i + *one), [1, 2, 3]);
        }
    }
}

//! Memory is asked for before work begins: an allocation that fails half-way would end the process, not the call.

use std::collections::TryReserveError;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::Error;

/// Bytes a call must find beside what it asks for: its thread, and what is too small to be counted.
const SPARE: u64 = 32 << 20;

/// Bytes of the stack of a thread, and what it allocates before it can say that it failed.
const STACK: usize = 4 << 20;

/// Bytes of address space of a thread's own heap: glibc reserves 64 MiB, and twice that while it looks for an aligned place.
const HEAP: usize = 128 << 20;

/// Whether threads share the heaps there are.
static HEAPS_ARE_SHARED: AtomicBool = AtomicBool::new(false);

/// Threads started from now on make no heaps of their own: whoever told the allocator so says it here.
pub fn share_heaps() {
    HEAPS_ARE_SHARED.store(true, Ordering::Relaxed);
}

fn heap() -> usize {
    if HEAPS_ARE_SHARED.load(Ordering::Relaxed) { 0 } else { HEAP }
}

/// Bytes from which a request is tried by itself first.
const LARGE: u64 = 1 << 32;

/// Bytes promised to calls that are running.
static PROMISED: AtomicU64 = AtomicU64::new(0);

/// A promise of memory; it ends with this value.
#[derive(Debug)]
#[must_use = "the promise ends when this value is dropped"]
pub struct Promise(u64);

impl Drop for Promise {
    fn drop(&mut self) {
        PROMISED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Ask the system for `bytes` beside those promised to other calls; they are given back at once, for the caller to allocate.
///
/// Calls side by side are promised different bytes, so that together they cannot run out either.
///
/// # Errors
/// [`Error::Resource`] when the system does not give them, with what it would give.
pub fn ask(what: &str, bytes: u128) -> Result<Promise, Error> {
    let wanted = u64::try_from(bytes).unwrap_or(u64::MAX >> 1).min(u64::MAX >> 1);
    // One that no machine grants must not stand in the way of those beside it, not even for a moment.
    if wanted > LARGE && !can_allocate(wanted) {
        return Err(Error::Resource { what: what.to_owned(), bytes, limit: available() });
    }
    let before = PROMISED.fetch_add(wanted, Ordering::Relaxed);
    let promise = Promise(wanted);
    let others = before.saturating_add(SPARE + heap() as u64);
    if can_allocate(wanted.saturating_add(others)) {
        return Ok(promise);
    }
    Err(Error::Resource { what: what.to_owned(), bytes, limit: available().saturating_sub(others) })
}

/// Ask for what `count` new threads take.
///
/// # Errors
/// As [`ask`].
pub fn ask_for_threads(count: usize) -> Result<(), Error> {
    // In pieces: a heap that is reserved and not used counts against no limit but that of the address space.
    let mut held: Vec<Vec<u8>> = Vec::new();
    let each = STACK + heap() / 2;
    for _ in 0..count {
        match reserve(each) {
            Ok(piece) => held.push(piece),
            Err(_) => {
                return Err(Error::Resource {
                    what: format!("a pool of {count} threads"),
                    bytes: count as u128 * each as u128,
                    limit: (held.len() * each) as u64,
                });
            }
        }
    }
    Ok(())
}

/// Whether the system would give this process `bytes` in one piece.
pub fn can_allocate(bytes: u64) -> bool {
    usize::try_from(bytes).is_ok_and(|bytes| reserve(bytes).is_ok())
}

/// About how many bytes the system would give this process in one piece.
pub fn available() -> u64 {
    let (mut given, mut refused) = (0, 1_u64 << 47);
    while refused - given > (refused >> 6).max(1 << 16) {
        let middle = given + (refused - given) / 2;
        if can_allocate(middle) {
            given = middle;
        } else {
            refused = middle;
        }
    }
    given
}

/// Bytes that nobody writes to, so that they take address space and no memory.
fn reserve(bytes: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut piece = Vec::new();
    piece.try_reserve_exact(bytes)?;
    // The compiler may drop an allocation that nobody looks at.
    Ok(black_box(piece))
}

/// `count` copies of `fill`.
///
/// # Errors
/// [`Error::Resource`] where they do not fit in memory.
pub fn filled<T: Clone>(what: &str, count: usize, fill: T) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| refused::<T>(what, count))?;
    values.resize(count, fill);
    Ok(values)
}

/// A copy of `values`.
///
/// # Errors
/// [`Error::Resource`] where it does not fit in memory.
pub fn copied<T: Copy>(what: &str, values: &[T]) -> Result<Vec<T>, Error> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(values.len()).map_err(|_| refused::<T>(what, values.len()))?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// A vector of what `items` yields, which says how many that is.
///
/// # Errors
/// [`Error::Resource`] where they do not fit in memory.
pub fn collected<T>(what: &str, items: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    values.try_reserve_exact(items.len()).map_err(|_| refused::<T>(what, items.len()))?;
    values.extend(items);
    Ok(values)
}

fn refused<T>(what: &str, count: usize) -> Error {
    Error::Resource { what: what.to_owned(), bytes: count as u128 * size_of::<T>() as u128, limit: available() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused_with_what_there_is() {
        let Err(Error::Resource { bytes, limit, .. }) = ask("a table", 1 << 60) else { panic!("promised 2^60 bytes") };
        assert_eq!(bytes, 1 << 60);
        assert!(limit > 0 && limit < 1 << 60);
        assert!(matches!(ask("a table", u128::MAX), Err(Error::Resource { .. })));
        assert!(ask("a table", 1 << 20).is_ok());
    }

    #[test]
    fn vectors_too_long_are_errors() {
        assert!(matches!(filled("numbers", usize::MAX >> 4, 0.0), Err(Error::Resource { .. })));
        assert!(matches!(
            collected("numbers", std::iter::repeat_n(0_u8, usize::MAX >> 4)),
            Err(Error::Resource { .. })
        ));
        assert_eq!(collected("numbers", [1, 2].into_iter()).unwrap(), [1, 2]);
    }

    #[test]
    fn threads_that_fit_nowhere_are_refused() {
        assert!(ask_for_threads(2).is_ok());
    }
}

//! What the machine has: its vector instructions, and the memory it would still give.

use pyo3::prelude::*;
use scaling_core::memory;

/// The vector instructions this processor runs the kernels with; results do not depend on it.
#[pyfunction]
pub(crate) fn vector_unit() -> &'static str {
    scaling_core::simd::unit()
}

/// Whether the system would give this process so many bytes in one piece.
#[pyfunction]
pub(crate) fn can_allocate(bytes: u64) -> bool {
    memory::can_allocate(bytes)
}

/// Threads started from now on share the heaps there are, as the caller has told the allocator.
#[pyfunction]
pub(crate) fn share_heaps() {
    memory::share_heaps();
}

/// About how many bytes the system would give this process in one piece.
#[pyfunction]
pub(crate) fn available() -> u64 {
    memory::available()
}

//! Returns the memory that a flood of clients took to the machine. The C library keeps freed memory for its next use, for
//! ever where something in use lies above it, see `malloc_trim(3)`.
#![allow(unsafe_code, reason = "the C library's allocator has no safe interface")]

/// Returns free memory to the kernel.
#[cfg(target_env = "gnu")]
pub(crate) fn give_back() {
    // SAFETY: it takes its own locks, and touches free memory only. 0: keep nothing for later.
    let given = unsafe { libc::malloc_trim(0) };
    tracing::debug!("free memory was returned to the kernel: {given}");
}

/// Does nothing: other C libraries return free memory by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}

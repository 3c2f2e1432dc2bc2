//! What a flood of clients has taken of the memory goes back to the machine. The C library keeps what was freed for its
//! next use, for ever where something else lies above it, see `malloc_trim(3)`.
#![allow(unsafe_code, reason = "the C library's allocator has no safe interface")]

/// Gives back what is free.
#[cfg(target_env = "gnu")]
pub(crate) fn give_back() {
    // SAFETY: it takes its own locks, and touches free memory only. 0: nothing is kept for later.
    let given = unsafe { libc::malloc_trim(0) };
    tracing::debug!("memory was given back: {given}");
}

/// Other C libraries give it back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}

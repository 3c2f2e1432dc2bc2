//! How much memory this process and those that it starts may have: `RLIMIT_DATA`, see getrlimit(2).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Sets the limit, in bytes; no higher than it may be.
pub(crate) fn set(most: u64) {
    let now = getrlimit(Resource::Data);
    let may = now.maximum.map_or(most, |maximum| maximum.min(most));
    apply(Rlimit {
        current: Some(may),
        ..now
    });
}

/// Takes the limit away again, as far as that is allowed.
pub(crate) fn lift() {
    let now = getrlimit(Resource::Data);
    apply(Rlimit {
        current: now.maximum,
        ..now
    });
}

fn apply(limit: Rlimit) {
    if let Err(error) = setrlimit(Resource::Data, limit) {
        tracing::warn!("the memory of this process could not be limited: {error}");
    }
}

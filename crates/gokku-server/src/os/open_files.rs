//! How many files and connections this process may have open, see `getrlimit(2)`.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process have as many as it may: the usual limit is for programs that use an old system call, see select(2).
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
}

//! Work that waits for a program or the disk, beside the runtime: its threads are for what waits by itself.

use crate::os::Error;

/// Runs work on a thread of its own kind, and returns what came of it.
pub(crate) async fn run<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(Error::from)?
}

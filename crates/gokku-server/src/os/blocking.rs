//! Work that waits for a program or the disk, beside the runtime: its threads are for what waits by itself.

use crate::error::Error;

/// Runs work on a thread of its own kind, and returns what came of it.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::failed(error.to_string()))?
}

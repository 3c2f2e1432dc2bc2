//! Work that panics takes nothing with it but itself: whoever waits for it hears that there is no result, and what is to
//! be done for ever is begun again.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use gokku_core::machine::backoff::Pause;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// How long is waited before what has panicked is begun again; longer each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Does something; nothing comes of it when it panics, which the log is told.
pub async fn caught<T>(what: &str, work: impl Future<Output = T>) -> Option<T> {
    // What it leaves half done is behind locks that are taken over from whoever has panicked.
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => Some(done),
        Err(panic) => {
            tracing::error!(
                "{what}: this part of the program has panicked: {}",
                words(&*panic)
            );
            None
        }
    }
}

/// Does something to its end, and begins again as often as it panics.
pub async fn again<T, F: Future<Output = T>>(what: &str, mut begin: impl FnMut() -> F) -> T {
    let mut pause = Pause::between(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        // Also what panics before it is waited for.
        if let Some(done) = caught(what, async { begin().await }).await {
            return done;
        }
        sleep(pause.take()).await;
    }
}

/// Does something in a task of its own, so that nobody waits while it computes or works on files; nothing comes of it
/// when it panics. It ends with whoever waits for it.
pub fn beside<T: Send + 'static>(
    what: String,
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Option<T>> + Send {
    let task = AbortOnDropHandle::new(tokio::spawn(async move { caught(&what, work).await }));
    async move { task.await.ok().flatten() }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn a_panic_leaves_no_result_and_nothing_else() {
        assert_eq!(caught("a test", async { 1 }).await, Some(1));
        let held = Mutex::new(0);
        let broken = async {
            let _held = held.lock();
            panic!("on purpose")
        };
        assert_eq!(caught::<()>("a test", broken).await, None);
        assert!(held.is_poisoned());
    }

    #[tokio::test]
    async fn a_task_beside_that_panics_is_heard_of() {
        assert_eq!(beside("a test".to_owned(), async { 1 }).await, Some(1));
        let broken = async { panic!("on purpose") };
        assert_eq!(beside::<()>("a test".to_owned(), broken).await, None);
    }

    #[tokio::test]
    async fn what_panics_is_begun_again() {
        let mut begun = 0;
        let done = again("a test", || {
            begun += 1;
            let now = begun;
            async move {
                assert!(now > 1, "{now} is too early");
                now
            }
        });
        assert_eq!(done.await, 2);
        let mut begun = 0;
        let done = again("a test", || {
            begun += 1;
            assert!(begun > 1, "before it is waited for");
            async {}
        });
        done.await;
        assert_eq!(begun, 2);
    }
}

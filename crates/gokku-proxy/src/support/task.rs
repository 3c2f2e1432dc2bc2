//! Contains panics: work that panics takes nothing else with it. Whoever waits for it learns that there is no result, and
//! work that runs for ever is started again.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use gokku_core::machine::backoff::Backoff;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// How long to wait before work that has panicked is started again; longer each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Runs some work, and returns nothing when it panics; the log says so then.
pub async fn catch_panic<T>(what: &str, work: impl Future<Output = T>) -> Option<T> {
    // What it leaves behind is guarded by locks, which are taken over from whoever has panicked.
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => Some(done),
        Err(panic) => {
            tracing::error!(
                "{what}: this part of the program has panicked: {}",
                message(&*panic)
            );
            None
        }
    }
}

/// Runs some work to its end, and starts it again each time it panics.
pub async fn restart_on_panic<T, F: Future<Output = T>>(what: &str, mut start: impl FnMut() -> F) -> T {
    let mut pause = Backoff::between(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        // Inside, so that a panic before the first await is caught, too.
        if let Some(done) = catch_panic(what, async { start().await }).await {
            return done;
        }
        sleep(pause.take()).await;
    }
}

/// Runs some work in a task of its own, so that nothing else waits while it computes or works on files; returns nothing
/// when it panics. Dropping what is returned aborts the task.
pub fn spawn_catching<T: Send + 'static>(
    what: String,
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Option<T>> + Send {
    let task = AbortOnDropHandle::new(tokio::spawn(async move { catch_panic(&what, work).await }));
    async move { task.await.ok().flatten() }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn a_panic_leaves_no_result_and_nothing_else() {
        assert_eq!(catch_panic("a test", async { 1 }).await, Some(1));
        let held = Mutex::new(0);
        let broken = async {
            let _held = held.lock();
            panic!("on purpose")
        };
        assert_eq!(catch_panic::<()>("a test", broken).await, None);
        assert!(held.is_poisoned());
    }

    #[tokio::test]
    async fn a_task_that_panics_has_no_result() {
        assert_eq!(spawn_catching("a test".to_owned(), async { 1 }).await, Some(1));
        let broken = async { panic!("on purpose") };
        assert_eq!(spawn_catching::<()>("a test".to_owned(), broken).await, None);
    }

    #[tokio::test]
    async fn what_panics_is_started_again() {
        let mut started = 0;
        let done = restart_on_panic("a test", || {
            started += 1;
            let now = started;
            async move {
                assert!(now > 1, "{now} is too early");
                now
            }
        });
        assert_eq!(done.await, 2);
        let mut started = 0;
        let done = restart_on_panic("a test", || {
            started += 1;
            assert!(started > 1, "before it is waited for");
            async {}
        });
        done.await;
        assert_eq!(started, 2);
    }
}

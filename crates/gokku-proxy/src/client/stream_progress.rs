//! How far a client of HTTP/2 has taken an answer.
//!
//! Of an HTTP/1.1 connection the kernel knows whether its client takes anything. A client of HTTP/2 reads its connection and
//! may still take nothing of one answer, because it says itself how much of each may be sent to it (RFC 9113 section 5.2). So the
//! pieces of an answer tell when they have left, and an answer of which nothing leaves for too long is given up.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::task::TaskTracker;

use crate::client::connection_state::ActiveRequest;
use crate::support::lock::lock;

/// Whether a connection takes what is written. While it does not, all answers on it wait for its client, and none of them is
/// stuck alone; the kernel ends the connection when that takes too long.
#[derive(Clone, Debug, Default)]
pub(crate) struct Congestion(Arc<Mutex<Congested>>);

#[derive(Clone, Copy, Debug, Default)]
enum Congested {
    #[default]
    Never,
    Now,
    Until(Instant),
}

impl Congestion {
    /// Notes whether the connection has just taken something.
    pub(crate) fn note(&self, took: bool) {
        let mut congested = lock(&self.0);
        match (*congested, took) {
            (_, false) => *congested = Congested::Now,
            (Congested::Now, true) => *congested = Congested::Until(Instant::now()),
            (Congested::Never | Congested::Until(_), true) => {}
        }
    }

    /// Returns until when it has lasted.
    fn last(&self) -> Option<Instant> {
        match *lock(&self.0) {
            Congested::Never => None,
            Congested::Now => Some(Instant::now()),
            Congested::Until(end) => Some(end),
        }
    }
}

/// How far an answer has been taken. The request lives as long as this does: also until the last piece has left.
#[derive(Debug)]
pub(crate) struct StreamProgress {
    /// The bytes that wait for the client.
    waiting: AtomicUsize,
    /// When some of them were last taken, or began to wait.
    taken: Mutex<Instant>,
    /// The task that waits until none wait.
    writer: AtomicWaker,
    congestion: Congestion,
    active: Arc<ActiveRequest>,
}

impl StreamProgress {
    pub(crate) fn new(active: Arc<ActiveRequest>, congestion: Congestion) -> Arc<Self> {
        Arc::new(Self {
            waiting: AtomicUsize::new(0),
            taken: Mutex::new(Instant::now()),
            writer: AtomicWaker::new(),
            congestion,
            active,
        })
    }

    /// Returns how many bytes wait for the client.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Waits until none do.
    pub(crate) fn poll_taken(&self, cx: &Context<'_>) -> Poll<()> {
        // Register before checking, so that nothing in between is missed.
        self.writer.register(cx.waker());
        if self.waiting() == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Returns a piece of the answer, which waits for the client from now on.
    pub(crate) fn piece(self: &Arc<Self>, bytes: Bytes) -> Piece {
        if self.waiting.fetch_add(bytes.len(), Ordering::AcqRel) == 0 {
            *lock(&self.taken) = Instant::now();
        }
        Piece {
            bytes,
            progress: Arc::clone(self),
        }
    }

    fn note_taken(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        *lock(&self.taken) = Instant::now();
        if self.waiting.fetch_sub(bytes, Ordering::AcqRel) == bytes {
            self.writer.wake();
        }
    }

    /// Returns when the client will have taken nothing for too long; none while nothing waits for it.
    fn stalled_at(&self, limit: Duration) -> Option<Instant> {
        if self.waiting() == 0 {
            return None;
        }
        let taken = *lock(&self.taken);
        Some(self.congestion.last().map_or(taken, |last| last.max(taken)) + limit)
    }
}

/// A piece of an answer, until it has left.
#[derive(Debug)]
pub(crate) struct Piece {
    bytes: Bytes,
    progress: Arc<StreamProgress>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.progress.note_taken(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.progress.note_taken(self.bytes.remaining());
    }
}

/// Runs the tasks of a connection's requests, which the HTTP library makes: each up to its end, or until its client takes
/// nothing for too long.
#[derive(Clone, Debug)]
pub(crate) struct StreamTasks {
    tasks: TaskTracker,
    limit: Duration,
    /// The request whose task comes next, on this thread: the library gives each request to the service first, and its task here
    /// right after. What upgraded streams send comes on any thread at any time.
    next: Arc<Mutex<Option<Announced>>>,
}

/// A request whose task comes next, and on which thread.
type Announced = (ThreadId, Arc<StreamProgress>);

impl StreamTasks {
    pub(crate) fn new(tasks: TaskTracker, limit: Duration) -> Self {
        Self {
            tasks,
            limit,
            next: Arc::default(),
        }
    }

    /// Says whose task comes next.
    pub(crate) fn announce(&self, progress: Arc<StreamProgress>) {
        *lock(&self.next) = Some((thread::current().id(), progress));
    }

    fn announced(&self) -> Option<Arc<StreamProgress>> {
        let here = |(thread, _): &mut Announced| *thread == thread::current().id();
        let (_, progress) = lock(&self.next).take_if(here)?;
        Some(progress)
    }
}

impl<F> Executor<F> for StreamTasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        match self.announced() {
            Some(progress) => self.tasks.spawn(until_stalled(task, progress, self.limit)),
            // What an upgraded stream sends.
            None => self.tasks.spawn(task),
        };
    }
}

/// Runs a request's task to its end, or until the client has taken nothing for too long: dropping it resets its stream.
async fn until_stalled(task: impl Future<Output = ()>, progress: Arc<StreamProgress>, limit: Duration) {
    let mut task = pin!(task);
    let mut timer = None;
    poll_fn(|cx| {
        if task.as_mut().poll(cx).is_ready() || is_stalled(&progress, limit, &mut timer, cx) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Returns whether the client has taken nothing for too long. The timer is not reset with each piece: only when it fires is
/// checked whether one was taken meanwhile.
fn is_stalled(
    progress: &StreamProgress,
    limit: Duration,
    timer: &mut Option<Pin<Box<Sleep>>>,
    cx: &mut Context<'_>,
) -> bool {
    loop {
        let Some(due) = progress.stalled_at(limit) else {
            return false;
        };
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.is_elapsed() && timer.deadline() < due {
            timer.as_mut().reset(due);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        if timer.deadline() >= due {
            tracing::debug!("a client took nothing of an answer for {} s", limit.as_secs_f32());
            progress.active.give_up();
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::client::connection_state::ConnectionState;
    use crate::http::head_scanner::Follows;

    const LIMIT: Duration = Duration::from_secs(60);
    const ALMOST: Duration = Duration::from_secs(59);

    fn progress(congestion: &Congestion) -> Arc<StreamProgress> {
        let state = Arc::new(ConnectionState::new());
        StreamProgress::new(
            Arc::new(state.begin_request(Follows::Unknown)),
            congestion.clone(),
        )
    }

    fn ends(task: &mut Pin<Box<impl Future<Output = ()>>>) -> bool {
        task.as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    /// A piece that nobody takes ends the request, and one of which a little is taken does not.
    #[tokio::test(start_paused = true)]
    async fn a_request_is_given_up_once_nothing_was_taken_for_so_long() {
        let congestion = Congestion::default();
        let progress = progress(&congestion);
        let mut piece = progress.piece(Bytes::from_static(b"abc"));
        let mut task = Box::pin(until_stalled(
            std::future::pending(),
            Arc::clone(&progress),
            LIMIT,
        ));
        for _ in 0..2 {
            assert!(!ends(&mut task));
            tokio::time::advance(ALMOST).await;
            piece.advance(1);
        }
        // The connection itself is congested.
        congestion.note(false);
        tokio::time::advance(LIMIT * 2).await;
        assert!(!ends(&mut task));
        congestion.note(true);
        tokio::time::advance(ALMOST).await;
        assert!(!ends(&mut task));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(ends(&mut task));
    }

    /// While nothing waits for the client, it is the app that says nothing: for as long as it wants.
    #[tokio::test(start_paused = true)]
    async fn a_quiet_answer_is_not_given_up() {
        let progress = progress(&Congestion::default());
        let mut task = Box::pin(until_stalled(
            std::future::pending(),
            Arc::clone(&progress),
            LIMIT,
        ));
        let piece = progress.piece(Bytes::from_static(b"abc"));
        assert!(!ends(&mut task));
        drop(piece);
        assert_eq!(progress.waiting(), 0);
        tokio::time::advance(LIMIT * 100).await;
        assert!(!ends(&mut task));
        let _piece = progress.piece(Bytes::from_static(b"abc"));
        assert!(!ends(&mut task), "its time has only begun");
    }
}

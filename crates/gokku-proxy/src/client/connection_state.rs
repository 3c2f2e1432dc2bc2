//! What a client's connection is doing: its time limits depend on that, and whether it may be closed in favour of another
//! one.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use crate::client::connection_limit::ConnectionPermit;
use crate::http::head_scanner::{Follows, HeadFault};
use crate::support::lock::lock;

/// The phase a connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// There is no request.
    Idle,
    /// Part of a request's head has come.
    Head,
    /// A request is being answered.
    Busy,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    since: Instant,
    /// How many requests have come.
    requests: u64,
    /// How many requests of HTTP/2 are being answered, each of which has a state of its own.
    streams: u64,
    /// What follows the last request's head.
    follows: Follows,
    /// What is wrong with the next request's head, which was cut.
    fault: Option<HeadFault>,
    /// The last request may not have been read to its end.
    request_unread: bool,
    /// The connection is to end, in favour of another one.
    shed: bool,
}

/// The state of a client's connection.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    inner: Mutex<Inner>,
    /// The task that waits for the client's next bytes.
    reader: AtomicWaker,
    /// The bytes of a head that has not ended.
    partial_head: AtomicUsize,
}

impl ConnectionState {
    /// Returns the state of a connection that was just accepted.
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                phase: Phase::Idle,
                since: Instant::now(),
                requests: 0,
                streams: 0,
                follows: Follows::Unknown,
                fault: None,
                request_unread: false,
                shed: false,
            }),
            reader: AtomicWaker::new(),
            partial_head: AtomicUsize::new(0),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Returns the phase, and since when it lasts.
    pub(crate) fn phase(&self) -> (Phase, Instant) {
        let inner = self.inner();
        (inner.phase, inner.since)
    }

    /// Notes that bytes have come.
    pub(crate) fn bytes_received(&self) {
        let mut inner = self.inner();
        if inner.phase == Phase::Idle {
            inner.phase = Phase::Head;
            inner.since = Instant::now();
            inner.request_unread = true;
        }
    }

    /// Notes that a request's head was read. The connection is busy for as long as what is returned lives.
    pub(crate) fn begin_request(self: &Arc<Self>, follows: Follows) -> ActiveRequest {
        let mut inner = self.inner();
        inner.phase = Phase::Busy;
        inner.requests += 1;
        inner.follows = follows;
        inner.request_unread = true;
        ActiveRequest {
            number: inner.requests,
            fault: inner.fault,
            connection: Arc::clone(self),
            shared: None,
        }
    }

    /// Notes that a request of HTTP/2 has come. The connection is busy for as long as one of these lives.
    pub(crate) fn begin_stream(self: &Arc<Self>) -> ActiveStream {
        let mut inner = self.inner();
        inner.phase = Phase::Busy;
        inner.streams += 1;
        ActiveStream(Arc::clone(self))
    }

    /// Notes that part of a head has come by HTTP/2, beside the requests that are being answered.
    pub(crate) fn head_began(&self) {
        let mut inner = self.inner();
        if inner.phase != Phase::Busy {
            inner.phase = Phase::Head;
            inner.since = Instant::now();
        }
    }

    /// Notes that the rest of it has come.
    pub(crate) fn head_ended(&self) {
        let mut inner = self.inner();
        if inner.phase == Phase::Head {
            inner.phase = Phase::Idle;
            inner.since = Instant::now();
        }
    }

    /// Returns what follows the head of the request with this number; nothing before the HTTP library has read that.
    pub(crate) fn follows(&self, request: u64) -> Option<Follows> {
        let inner = self.inner();
        (inner.requests == request).then_some(inner.follows)
    }

    /// Sets what follows the last request's head, once it is known.
    pub(crate) fn set_follows(&self, follows: Follows) {
        self.inner().follows = follows;
        self.reader.wake();
    }

    /// Notes that the next request's head was cut.
    pub(crate) fn head_cut(&self, fault: HeadFault) {
        self.inner().fault = Some(fault);
    }

    /// Notes that the request was read to its end.
    pub(crate) fn request_read(&self) {
        self.inner().request_unread = false;
    }

    /// Returns whether the client may still be sending the last request.
    pub(crate) fn is_request_unread(&self) -> bool {
        self.inner().request_unread
    }

    /// Notes that the client has taken all that was sent.
    pub(crate) fn flushed(&self) {
        {
            let mut inner = self.inner();
            if inner.phase == Phase::Idle {
                inner.since = Instant::now();
            }
        }
        self.reader.wake();
    }

    /// Sets whom [`Self::shed`], [`Self::flushed`] and [`Self::set_follows`] wake.
    pub(crate) fn register_reader(&self, reader: &Waker) {
        self.reader.register(reader);
    }

    /// Sets how many bytes there are of a head that has not ended, and returns how many there were.
    pub(crate) fn set_partial_head(&self, bytes: usize) -> usize {
        self.partial_head.swap(bytes, Ordering::Relaxed)
    }

    /// Returns whether there is part of a head.
    pub(crate) fn has_partial_head(&self) -> bool {
        self.partial_head.load(Ordering::Relaxed) > 0
    }

    /// Ends the connection, unless a request is being answered; returns whether it ends.
    pub(crate) fn shed(&self) -> bool {
        {
            let mut inner = self.inner();
            if inner.phase == Phase::Busy {
                return false;
            }
            inner.shed = true;
        }
        self.reader.wake();
        true
    }

    /// Waits until the connection is to end. For a task that does not wait for the client's next bytes otherwise.
    pub(crate) async fn shedding(&self) {
        poll_fn(|cx| {
            // Register before checking, so that nothing in between is missed.
            self.register_reader(cx.waker());
            if self.is_shed() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Returns whether the connection is to end.
    pub(crate) fn is_shed(&self) -> bool {
        self.inner().shed
    }
}

/// A request that is being answered. It is dropped with the response's body, or with the upgraded connection.
#[derive(Debug)]
pub(crate) struct ActiveRequest {
    connection: Arc<ConnectionState>,
    number: u64,
    fault: Option<HeadFault>,
    /// What it keeps of the connection that it shares with others.
    shared: Option<Shared>,
}

/// What a request keeps of a connection that it shares with others.
#[derive(Debug)]
struct Shared {
    _stream: ActiveStream,
    _permit: Option<Arc<ConnectionPermit>>,
    /// Its client takes nothing of its answer: it is not to be read any more, either.
    given_up: AtomicBool,
    /// The task that reads its body.
    reader: AtomicWaker,
}

/// A request of HTTP/2, one of several on its connection.
#[derive(Debug)]
pub(crate) struct ActiveStream(Arc<ConnectionState>);

impl Drop for ActiveStream {
    fn drop(&mut self) {
        let mut inner = self.0.inner();
        inner.streams -= 1;
        if inner.streams == 0 {
            inner.phase = Phase::Idle;
            inner.since = Instant::now();
        }
    }
}

impl ActiveRequest {
    /// Has it be one of several on a connection. It counts as one of the clients' connections while it lives, where it has a
    /// permit.
    pub(crate) fn sharing(mut self, stream: ActiveStream, permit: Option<Arc<ConnectionPermit>>) -> Self {
        self.shared = Some(Shared {
            _stream: stream,
            _permit: permit,
            given_up: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        });
        self
    }

    /// Gives it up, where it is one of several: its connection goes on.
    pub(crate) fn give_up(&self) {
        if let Some(shared) = &self.shared {
            shared.given_up.store(true, Ordering::Release);
            shared.reader.wake();
        }
    }

    /// Waits until it is given up.
    pub(crate) fn poll_given_up(&self, cx: &Context<'_>) -> Poll<()> {
        let Some(shared) = &self.shared else {
            return Poll::Pending;
        };
        // Register before checking, so that nothing in between is missed.
        shared.reader.register(cx.waker());
        if shared.given_up.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Returns the connection that it came on; of HTTP/2 the part of it that is this request's alone.
    pub(crate) fn connection(&self) -> &Arc<ConnectionState> {
        &self.connection
    }

    /// Returns what is wrong with the head, if it was cut.
    pub(crate) fn fault(&self) -> Option<HeadFault> {
        self.fault
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let mut inner = self.connection.inner();
        // The next one may have begun.
        if inner.requests == self.number {
            inner.phase = Phase::Idle;
            inner.since = Instant::now();
        }
    }
}

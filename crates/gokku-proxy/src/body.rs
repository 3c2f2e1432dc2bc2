//! A request's body on its way through, which can be sent again while nothing of it was read; `answer` is the way back.
//!
//! It is read when the app can take more of it. So a client that is waited for is told from an app that is, and each has
//! a time limit of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::hops;
use crate::pulse::Asked;

/// A client's request body. While nothing was read of it, it can be given to another attempt.
#[derive(Clone)]
pub(crate) struct Body(Arc<Mutex<State>>);

struct State {
    incoming: Incoming,
    asked: Arc<Asked>,
    /// How long the client may send nothing.
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// When the last piece came, or was first waited for.
    moved: Option<Instant>,
    /// The client is waited for.
    waits: bool,
    read: bool,
    broken: Option<Broken>,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Nothing more came of it.
    Stalled,
    /// It is not what its head said, or its client has gone.
    Malformed,
}

/// A body that does not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the client sent nothing for {} s", .0.as_secs_f32())]
    Stalled(Duration),
    #[error(transparent)]
    Malformed(#[from] hyper::Error),
}

impl Body {
    pub(crate) fn new(incoming: Incoming, asked: Arc<Asked>, limit: Duration) -> Self {
        let mut state = State {
            incoming,
            asked,
            limit,
            timer: None,
            moved: None,
            waits: false,
            read: false,
            broken: None,
        };
        state.look_for_the_end();
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any of it was read: then no second attempt can send it.
    pub(crate) fn was_read(&self) -> bool {
        self.state().read
    }

    /// What is wrong with it.
    pub(crate) fn broken(&self) -> Option<Broken> {
        self.state().broken
    }

    /// Since when the app is waited for, and not the client.
    pub(crate) fn left_to_the_app(&self) -> Option<Instant> {
        let state = self.state();
        if state.waits {
            Some(Instant::now())
        } else {
            state.moved
        }
    }
}

impl State {
    fn look_for_the_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.asked.pulse().all_read();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        let now = Instant::now();
        let Poll::Ready(frame) = polled else {
            return self.wait(now, cx);
        };
        self.read = true;
        self.waits = false;
        self.moved = Some(now);
        self.look_for_the_end();
        Poll::Ready(match frame {
            None => {
                self.asked.pulse().all_read();
                None
            }
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    hops::strip_trailers(trailers);
                    self.asked.pulse().all_read();
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.broken = Some(Broken::Malformed);
                Some(Err(error.into()))
            }
        })
    }

    /// Waits for the client's next piece, as long as it may. The timer is not set anew with each piece: when it rings it is
    /// looked whether one has come meanwhile.
    fn wait(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if !self.waits {
            self.waits = true;
            self.moved = Some(now);
        }
        let due = self.moved.unwrap_or(now) + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= due {
                self.broken = Some(Broken::Stalled);
                return Poll::Ready(Some(Err(Error::Stalled(self.limit))));
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.state().poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.state().incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.state().incoming.size_hint()
    }
}

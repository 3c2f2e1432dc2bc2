//! A request's body on its way through, which can be sent again while nothing of it is lost; `answer` is the way back.
//!
//! It is read when the app can take more of it. So a client that is waited for is told from an app that is, and each has
//! a time limit of its own. A client that asks first whether it may send it (`Expect: 100-continue`) is told so when it
//! is read, so it is not read before the app has said so.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::pulse::Asked;
use crate::{failure, hops};

/// The most of a body that is kept, so that it can be sent once more, and in how many pieces.
const KEPT: usize = 64 * 1024;
const PIECES: usize = 64;

/// A client's request body. Every clone that is made before it is read is for another attempt.
#[derive(Clone)]
pub(crate) struct Body {
    state: Arc<Mutex<State>>,
    /// How much of what was kept this attempt has sent.
    sent: usize,
}

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
    /// It has come to its end.
    ended: bool,
    read: Read,
    broken: Option<Broken>,
    leave: Leave,
    /// Who waits for it to be read.
    reader: Option<Waker>,
}

/// What has become of what was read.
enum Read {
    /// Nothing was.
    Nothing { keep: bool },
    /// All of it is here still.
    Kept(Vec<Piece>),
    /// It is gone.
    Gone,
}

enum Piece {
    Data(Bytes),
    Trailers(hyper::HeaderMap),
}

/// Whether the client may send it.
enum Leave {
    Given,
    /// It has asked; and how long the app is waited for, which may not know that it is asked.
    Asked {
        limit: Duration,
        timer: Option<Pin<Box<Sleep>>>,
    },
    /// The app has answered instead.
    Refused,
    /// And its answer has been passed on.
    Over,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Nothing more came of it.
    Stalled,
    /// It is not what its head said.
    Malformed,
    /// Its client has gone in the midst of it.
    Ended,
}

/// A body that does not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the client sent nothing for {} s", .0.as_secs_f32())]
    Stalled(Duration),
    #[error(transparent)]
    Malformed(#[from] hyper::Error),
    #[error("the app has answered without it")]
    Refused,
}

/// How a body comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How long the client may send nothing.
    pub(crate) limit: Duration,
    /// Whether a small one is kept, to be sent once more.
    pub(crate) keep: bool,
    /// The client asks first whether it may send it; and how long the app is waited for.
    pub(crate) asks: Option<Duration>,
}

impl Body {
    pub(crate) fn new(incoming: Incoming, asked: Arc<Asked>, terms: Terms) -> Self {
        let mut state = State {
            incoming,
            asked,
            limit: terms.limit,
            timer: None,
            moved: None,
            waits: false,
            ended: false,
            read: Read::Nothing { keep: terms.keep },
            broken: None,
            leave: terms
                .asks
                .map_or(Leave::Given, |limit| Leave::Asked { limit, timer: None }),
            reader: None,
        };
        state.look_for_the_end();
        Self {
            state: Arc::new(Mutex::new(state)),
            sent: 0,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Whether another attempt can send all of it.
    pub(crate) fn is_whole(&self) -> bool {
        let state = self.state();
        match state.read {
            Read::Nothing { .. } | Read::Kept(_) => true,
            Read::Gone => false,
        }
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

    /// The client may send it.
    pub(crate) fn give_leave(&self) {
        let mut state = self.state();
        if matches!(state.leave, Leave::Asked { .. }) {
            state.leave = Leave::Given;
            state.wake();
        }
    }

    /// Takes note of the app's answer. Where that refuses a body which the client has not begun to send, it is never asked
    /// to: what is returned is to be dropped when the answer has been passed on.
    pub(crate) fn answered(&self, status: StatusCode) -> Option<Unwanted> {
        let mut state = self.state();
        if !matches!(state.leave, Leave::Asked { .. }) {
            return None;
        }
        if status < StatusCode::MULTIPLE_CHOICES {
            state.leave = Leave::Given;
            state.wake();
            return None;
        }
        state.leave = Leave::Refused;
        Some(Unwanted(self.clone()))
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body that the app has refused unseen, while its answer is passed on. Then its connection ends: it is in the midst of
/// a request.
pub(crate) struct Unwanted(Body);

impl Drop for Unwanted {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.leave = Leave::Over;
        state.wake();
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn look_for_the_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.asked.pulse().all_read();
    }

    /// Waits until it may be read.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.leave {
            Leave::Given => return Poll::Ready(Ok(())),
            Leave::Over => return Poll::Ready(Err(Error::Refused)),
            Leave::Asked { limit, timer } => {
                let timer = timer.get_or_insert_with(|| Box::pin(sleep(*limit)));
                if timer.as_mut().poll(cx).is_ready() {
                    self.leave = Leave::Given;
                    return Poll::Ready(Ok(()));
                }
            }
            Leave::Refused => {}
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// What another attempt has sent already.
    fn kept(&self, sent: usize) -> &[Piece] {
        match &self.read {
            Read::Kept(pieces) => pieces.get(sent..).unwrap_or_default(),
            Read::Nothing { .. } | Read::Gone => &[],
        }
    }

    /// Keeps a piece that is being sent, if all is kept that came before it.
    fn keep(&mut self, frame: &Frame<Bytes>) {
        let mut pieces = match std::mem::replace(&mut self.read, Read::Gone) {
            Read::Kept(pieces) => pieces,
            Read::Nothing { keep: true } => Vec::new(),
            Read::Nothing { keep: false } | Read::Gone => return,
        };
        let piece = match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => Piece::Data(data.clone()),
            (None, Some(trailers)) => Piece::Trailers(trailers.clone()),
            (None, None) => return,
        };
        pieces.push(piece);
        if pieces.len() <= PIECES && length(&pieces) <= KEPT {
            self.read = Read::Kept(pieces);
        }
    }

    fn poll(&mut self, sent: &mut usize, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Err(error) = ready!(self.poll_leave(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(piece) = self.kept(*sent).first() {
            *sent += 1;
            return Poll::Ready(Some(Ok(piece.frame())));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        let now = Instant::now();
        let Poll::Ready(frame) = polled else {
            return self.wait(now, cx);
        };
        self.waits = false;
        self.moved = Some(now);
        self.look_for_the_end();
        Poll::Ready(match frame {
            None => {
                self.end();
                None
            }
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    hops::strip_trailers(trailers);
                    self.end();
                }
                self.keep(&frame);
                *sent += 1;
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.read = Read::Gone;
                self.broken = Some(if is_broken_off(&error) {
                    Broken::Ended
                } else {
                    Broken::Malformed
                });
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

impl Piece {
    fn frame(&self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data.clone()),
            Self::Trailers(trailers) => Frame::trailers(trailers.clone()),
        }
    }
}

fn length(pieces: &[Piece]) -> usize {
    let lengths = pieces.iter().map(|piece| match piece {
        Piece::Data(data) => data.len(),
        Piece::Trailers(_) => 0,
    });
    lengths.sum()
}

/// Whether the client has ended in the midst of a body, and did not say something wrong.
fn is_broken_off(error: &hyper::Error) -> bool {
    let is_wrong = |kind| matches!(kind, ErrorKind::InvalidData | ErrorKind::InvalidInput);
    error.is_incomplete_message() || failure::kinds(error).any(|kind| !is_wrong(kind))
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Self { state, sent } = self.get_mut();
        lock(state).poll(sent, cx)
    }

    fn is_end_stream(&self) -> bool {
        let state = self.state();
        state.ended && state.kept(self.sent).is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.state();
        let more = length(state.kept(self.sent)) as u64;
        let rest = state.incoming.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + more);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + more);
        }
        hint
    }
}

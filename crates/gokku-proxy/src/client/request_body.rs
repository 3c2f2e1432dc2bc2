//! A request's body on its way to the app. It can be sent again as long as none of it is lost.
//!
//! It is read when the app can take more of it, so that waiting for the client and waiting for the app can be told apart;
//! each has a time limit of its own. The HTTP library sends `100 Continue` to a client that expects it (`Expect:
//! 100-continue`) as soon as the body is read, so the body is not read before the app has agreed.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::client::connection_state::ActiveRequest;
use crate::http::hop_headers;
use crate::support::io_causes::io_kinds;
use crate::support::lock::lock;

/// The most that is kept of a body so that it can be sent again, in bytes and in pieces.
const MAX_KEPT_BYTES: usize = 64 * 1024;
const MAX_KEPT_PIECES: usize = 64;

/// A request's body. Each clone that is made before it is read is for another attempt.
#[derive(Clone)]
pub(crate) struct RequestBody {
    state: Arc<Mutex<State>>,
    /// How many of the kept pieces this attempt has sent.
    sent: usize,
}

struct State {
    incoming: Incoming,
    active: Arc<ActiveRequest>,
    /// How long the client may send nothing.
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// When the last piece came, or was first waited for.
    last_progress: Option<Instant>,
    /// The client is waited for.
    awaits_client: bool,
    /// The body was read to its end.
    ended: bool,
    read: Read,
    fault: Option<BodyFault>,
    expectation: Expectation,
    /// The task that waits for the next piece.
    reader: Option<Waker>,
}

/// What has become of the pieces that were read.
enum Read {
    /// None was read.
    Nothing { keep: bool },
    /// All of them are kept.
    Kept(Vec<Piece>),
    /// Some are lost.
    Lost,
}

enum Piece {
    Data(Bytes),
    Trailers(hyper::HeaderMap),
}

/// Whether the client may send the body, `Expect: 100-continue`.
enum Expectation {
    /// The client may send it.
    Met,
    /// The client waits for the app, and the app has this long: many do not know that they are asked.
    Pending {
        limit: Duration,
        timer: Option<Pin<Box<Sleep>>>,
    },
    /// The app has answered without it.
    Refused,
    /// The app's answer has been passed on.
    Over,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// Nothing more of it came.
    Stalled,
    /// It is not what its head announced.
    Malformed,
    /// The client has gone before its end.
    Truncated,
}

/// Why a body does not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the client sent nothing for {} s", .0.as_secs_f32())]
    Stalled(Duration),
    #[error(transparent)]
    Malformed(#[from] hyper::Error),
    #[error("the app has answered without it")]
    Refused,
    #[error("the client takes nothing of the answer")]
    GivenUp,
}

/// How a body is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyOptions {
    /// How long the client may send nothing.
    pub(crate) limit: Duration,
    /// Whether a small one is kept, so that it can be sent again.
    pub(crate) keep: bool,
    /// How long the app may take to meet `Expect: 100-continue`, if the client sends that.
    pub(crate) expects_continue: Option<Duration>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, active: Arc<ActiveRequest>, options: BodyOptions) -> Self {
        let mut state =
            State {
                incoming,
                active,
                limit: options.limit,
                timer: None,
                last_progress: None,
                awaits_client: false,
                ended: false,
                read: Read::Nothing { keep: options.keep },
                fault: None,
                expectation: options.expects_continue.map_or(Expectation::Met, |limit| {
                    Expectation::Pending { limit, timer: None }
                }),
                reader: None,
            };
        state.note_end();
        Self {
            state: Arc::new(Mutex::new(state)),
            sent: 0,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Returns whether another attempt can send all of the body.
    pub(crate) fn can_be_resent(&self) -> bool {
        let state = self.state();
        match state.read {
            Read::Nothing { .. } | Read::Kept(_) => true,
            Read::Lost => false,
        }
    }

    /// Returns whether all of the body has been read.
    pub(crate) fn is_read(&self) -> bool {
        self.state().ended
    }

    /// Returns what is wrong with the body, if anything.
    pub(crate) fn fault(&self) -> Option<BodyFault> {
        self.state().fault
    }

    /// Returns since when the app is waited for; now, while the client is.
    pub(crate) fn awaits_app_since(&self) -> Option<Instant> {
        let state = self.state();
        if state.awaits_client {
            Some(Instant::now())
        } else {
            state.last_progress
        }
    }

    /// Lets the client send the body.
    pub(crate) fn meet_expectation(&self) {
        let mut state = self.state();
        if matches!(state.expectation, Expectation::Pending { .. }) {
            state.expectation = Expectation::Met;
            state.wake();
        }
    }

    /// Takes note of the app's answer. A client that still waits for `100 Continue` never gets it when the answer is a
    /// refusal: what is returned then is to be dropped when the answer has been passed on.
    pub(crate) fn answered(&self, status: StatusCode) -> Option<RefusedBody> {
        let mut state = self.state();
        if !matches!(state.expectation, Expectation::Pending { .. }) {
            return None;
        }
        if status < StatusCode::MULTIPLE_CHOICES {
            state.expectation = Expectation::Met;
            state.wake();
            return None;
        }
        state.expectation = Expectation::Refused;
        Some(RefusedBody(self.clone()))
    }
}

/// A body that the app has refused unseen, while the answer is passed on. The connection ends with it, because a request on
/// it is incomplete.
pub(crate) struct RefusedBody(RequestBody);

impl Drop for RefusedBody {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.expectation = Expectation::Over;
        state.wake();
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Notes the end of the body, if it is known to have come.
    fn note_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.active.connection().request_read();
    }

    /// Waits until the body may be read.
    fn poll_expectation(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.expectation {
            Expectation::Met => return Poll::Ready(Ok(())),
            Expectation::Over => return Poll::Ready(Err(Error::Refused)),
            Expectation::Pending { limit, timer } => {
                let timer = timer.get_or_insert_with(|| Box::pin(sleep(*limit)));
                if timer.as_mut().poll(cx).is_ready() {
                    self.expectation = Expectation::Met;
                    return Poll::Ready(Ok(()));
                }
            }
            Expectation::Refused => {}
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Returns the kept pieces that an attempt has not sent yet.
    fn kept(&self, sent: usize) -> &[Piece] {
        match &self.read {
            Read::Kept(pieces) => pieces.get(sent..).unwrap_or_default(),
            Read::Nothing { .. } | Read::Lost => &[],
        }
    }

    /// Keeps a piece that is being sent, if everything before it is kept.
    fn keep(&mut self, frame: &Frame<Bytes>) {
        let mut pieces = match std::mem::replace(&mut self.read, Read::Lost) {
            Read::Kept(pieces) => pieces,
            Read::Nothing { keep: true } => Vec::new(),
            Read::Nothing { keep: false } | Read::Lost => return,
        };
        let piece = match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => Piece::Data(data.clone()),
            (None, Some(trailers)) => Piece::Trailers(trailers.clone()),
            (None, None) => return,
        };
        pieces.push(piece);
        if pieces.len() <= MAX_KEPT_PIECES && length(&pieces) <= MAX_KEPT_BYTES {
            self.read = Read::Kept(pieces);
        }
    }

    fn poll(&mut self, sent: &mut usize, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Err(error) = ready!(self.poll_expectation(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(piece) = self.kept(*sent).first() {
            *sent += 1;
            return Poll::Ready(Some(Ok(piece.frame())));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        if self.active.poll_given_up(cx).is_ready() {
            return Poll::Ready(Some(Err(Error::GivenUp)));
        }
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        let now = Instant::now();
        let Poll::Ready(frame) = polled else {
            return self.wait(now, cx);
        };
        self.awaits_client = false;
        self.last_progress = Some(now);
        self.note_end();
        Poll::Ready(match frame {
            None => {
                self.end();
                None
            }
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    hop_headers::strip_trailers(trailers);
                    self.end();
                }
                self.keep(&frame);
                *sent += 1;
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.read = Read::Lost;
                self.fault = Some(if is_truncated(&error) {
                    BodyFault::Truncated
                } else {
                    BodyFault::Malformed
                });
                Some(Err(error.into()))
            }
        })
    }

    /// Waits for the client's next piece, up to the limit. The timer is not reset with each piece: only when it fires is
    /// checked whether one has come meanwhile.
    fn wait(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if !self.awaits_client {
            self.awaits_client = true;
            self.last_progress = Some(now);
        }
        let due = self.last_progress.unwrap_or(now) + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= due {
                self.fault = Some(BodyFault::Stalled);
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

/// Returns whether the client ended the connection within a body, rather than sending something wrong.
fn is_truncated(error: &hyper::Error) -> bool {
    let is_wrong = |kind| matches!(kind, ErrorKind::InvalidData | ErrorKind::InvalidInput);
    error.is_incomplete_message() || io_kinds(error).any(|kind| !is_wrong(kind))
}

impl HttpBody for RequestBody {
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

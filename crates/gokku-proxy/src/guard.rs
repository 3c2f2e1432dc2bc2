//! A client's connection, as the HTTP library reads and writes it: what ends it when its client does nothing.
//!
//! The time for a head counts from its first byte and is not renewed by further ones. A client that takes nothing is
//! the kernel's to find, see `crate::serve`: only it knows whether a single byte was taken.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::crowd::Place;
use crate::heads::{Follows, Heads};
use crate::limits::Limits;
use crate::own::{self, Why};
use crate::pulse::{Phase, Pulse};
use crate::switch::Route;

/// How long a client may send nothing of what nobody wants any more.
const SILENCE: Duration = Duration::from_secs(5);

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Guard {
    stream: TcpStream,
    place: Arc<Place>,
    pulse: Arc<Pulse>,
    /// The bytes of a head that has not ended, as was last told.
    unfinished: usize,
    route: Arc<Route>,
    heads: Heads,
    idle: Duration,
    head: Duration,
    /// How long it may go on sending what nobody wants any more, and how much. Were its connection closed at once, the
    /// kernel would tell it so by throwing away the answer that is still on its way.
    linger: (Duration, u64),
    timer: Option<Pin<Box<Sleep>>>,
    /// The client has not taken all yet.
    blocked: bool,
    /// What is said instead of what the HTTP library says by itself.
    instead: Option<Vec<u8>>,
    /// Nothing more is sent, and the client is listened to.
    lingers: Option<Linger>,
}

/// How a client is listened to that was answered.
#[derive(Clone, Copy, Debug)]
struct Linger {
    until: Instant,
    /// When it sent something.
    heard: Instant,
    /// How much more it may send.
    left: u64,
}

impl Guard {
    pub(crate) fn new(stream: TcpStream, place: Arc<Place>, route: Arc<Route>, limits: &Limits) -> Self {
        Self {
            stream,
            pulse: Arc::clone(place.pulse()),
            place,
            unfinished: 0,
            route,
            heads: Heads::new(limits),
            idle: limits.idle_timeout,
            head: limits.head_timeout,
            linger: (limits.linger_timeout, limits.max_linger_bytes),
            timer: None,
            blocked: false,
            instead: None,
            lingers: None,
        }
    }

    /// Whether it is so late. The timer is only set anew when it would ring too late, or has rung too early.
    fn is_past(&mut self, due: Instant, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        loop {
            if timer.deadline() > due || (timer.is_elapsed() && timer.deadline() < due) {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return false;
            }
            if timer.deadline() == due {
                return true;
            }
        }
    }

    /// Nothing has come: is it time to end it?
    fn poll_nothing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Listen before looking, so that nothing in between is missed.
        self.pulse.listen(cx.waker());
        if self.pulse.is_shed() {
            return Poll::Ready(Ok(()));
        }
        let (phase, since) = self.pulse.now();
        let limit = match phase {
            // What it was answered is still on its way.
            Phase::Idle if self.blocked => return Poll::Pending,
            Phase::Idle => self.idle,
            Phase::Head => self.head,
            Phase::Busy => return Poll::Pending,
        };
        if !self.is_past(since + limit, cx) {
            return Poll::Pending;
        }
        if phase == Phase::Idle {
            // As if the client had ended it.
            return Poll::Ready(Ok(()));
        }
        if !self.blocked {
            // What the kernel does not take at once is not worth waiting for.
            let text = own::text(&self.route, Why::SlowHead);
            let _ = Pin::new(&mut self.stream).poll_write(cx, &text);
        }
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }

    /// It is not known yet whose the next bytes are. What comes early is kept, up to a piece, and an end is told.
    fn poll_early(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.heads.has_kept() {
            let mut bytes = [0; 2048];
            let mut early = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut early) {
                Poll::Ready(Ok(())) if !early.filled().is_empty() => self.heads.keep(early.filled()),
                Poll::Ready(ended) => return Poll::Ready(ended),
                Poll::Pending => {}
            }
        }
        self.pulse.listen(cx.waker());
        if self.pulse.follows(self.heads.count()) != Some(Follows::Either) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn wrote<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        let was_blocked = std::mem::replace(&mut self.blocked, polled.is_pending());
        if was_blocked && !self.blocked {
            self.pulse.flushed();
        }
        polled
    }

    /// Says what the HTTP library does not, and takes its own words for said.
    fn poll_instead(&mut self, why: Why, length: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let text = self.instead.get_or_insert_with(|| own::text(&self.route, why));
        while !text.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, text))?;
            text.drain(..written);
        }
        self.instead = None;
        Poll::Ready(Ok(length))
    }

    /// Reads and throws away until the client has ended, too.
    fn poll_linger(&mut self, mut linger: Linger, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            let polled = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
            let length = buffer.filled().len() as u64;
            match polled {
                Poll::Ready(Ok(())) if length > 0 => {
                    linger.heard = Instant::now();
                    linger.left = linger.left.saturating_sub(length);
                    self.lingers = Some(linger);
                    if linger.left == 0 || linger.heard >= linger.until {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    // It may have to make room for others.
                    self.pulse.listen(cx.waker());
                    let due = linger.until.min(linger.heard + SILENCE);
                    if self.pulse.is_shed() || self.is_past(due, cx) {
                        return Poll::Ready(());
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl AsyncRead for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.heads.asks() {
            let follows = self.pulse.follows(self.heads.count());
            self.heads.follow(follows);
        }
        if self.heads.waits() {
            return self.poll_early(cx);
        }
        if self.heads.is_cut() {
            return self.poll_nothing(cx);
        }
        let before = buffer.filled().len();
        let fault = if self.heads.has_kept() {
            self.heads.pass_kept(buffer)
        } else {
            let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
            if polled.is_pending() {
                return self.poll_nothing(cx);
            }
            if polled.is_ready() && buffer.filled().len() == before {
                return polled;
            }
            self.heads.look(buffer, before)
        };
        self.pulse.heard();
        if let Some(what) = fault {
            self.pulse.cut(what);
        }
        let unfinished = self.heads.unfinished();
        if unfinished != self.unfinished {
            self.unfinished = unfinished;
            self.place.keep(unfinished);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = match own::of_the_library(bytes) {
            Some(why) => self.poll_instead(why, bytes.len(), cx),
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        };
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = match bytes {
            [only] => return self.poll_write(cx, only),
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, bytes),
        };
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingers.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if !self.pulse.is_unread() {
                return Poll::Ready(Ok(()));
            }
        }
        let now = Instant::now();
        let (time, bytes) = self.linger;
        let linger = *self.lingers.get_or_insert(Linger {
            until: now + time,
            heard: now,
            left: bytes,
        });
        self.poll_linger(linger, cx).map(Ok)
    }
}

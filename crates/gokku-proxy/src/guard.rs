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

use crate::heads::{Follows, Heads};
use crate::limits::Limits;
use crate::own;
use crate::pulse::{Phase, Pulse};

/// How long a client may go on sending what nobody wants any more. Were its connection closed at once, the kernel
/// would tell it so by throwing away the answer that is still on its way.
const LINGER: Duration = Duration::from_secs(5);

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Guard {
    stream: TcpStream,
    pulse: Arc<Pulse>,
    heads: Heads,
    idle: Duration,
    head: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// The client has not taken all yet.
    blocked: bool,
    /// Nothing more is sent, and until when the client is listened to.
    lingers: Option<Instant>,
}

impl Guard {
    pub(crate) fn new(stream: TcpStream, pulse: Arc<Pulse>, limits: &Limits) -> Self {
        Self {
            stream,
            pulse,
            heads: Heads::new(limits),
            idle: limits.idle_timeout,
            head: limits.head_timeout,
            timer: None,
            blocked: false,
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
            let _ = Pin::new(&mut self.stream).poll_write(cx, own::SLOW_HEAD.as_bytes());
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

    /// Reads and throws away until the client has ended, too.
    fn poll_linger(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    if Instant::now() >= until {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.is_past(until, cx) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
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
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
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
        let until = *self.lingers.get_or_insert_with(|| Instant::now() + LINGER);
        self.poll_linger(until, cx).map(Ok)
    }
}

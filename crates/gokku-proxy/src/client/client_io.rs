//! A client's connection, as the HTTP library reads and writes it. It ends when its client does nothing for too long.
//!
//! The time for a head counts from its first byte and is not renewed by further ones. A client that reads nothing is found
//! by the kernel, see `server::serve`: only the kernel knows whether a single byte was taken.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::client::client_stream::ClientStream;
use crate::client::connection_limit::ConnectionPermit;
use crate::client::connection_state::{ConnectionState, Phase};
use crate::config::limits::Limits;
use crate::http::error_reason::{ErrorLog, ErrorReason, library_answer};
use crate::http::head_scanner::{Follows, HeadScanner};

/// How long a lingering client may send nothing.
const MAX_LINGER_SILENCE: Duration = Duration::from_secs(5);

/// A client's connection.
#[derive(Debug)]
pub(crate) struct ClientIo {
    stream: ClientStream,
    permit: Arc<ConnectionPermit>,
    connection: Arc<ConnectionState>,
    /// The bytes of a partial head, as last noted.
    partial_head: usize,
    errors: Arc<ErrorLog>,
    scanner: HeadScanner,
    idle_timeout: Duration,
    head_timeout: Duration,
    /// How long a client may go on sending a request that is answered already, and how much. Were the connection closed at
    /// once, the client's kernel would throw away the answer that is still on its way.
    linger_limits: (Duration, u64),
    timer: Option<Pin<Box<Sleep>>>,
    /// The client has not taken everything yet.
    write_blocked: bool,
    /// What is sent in place of the HTTP library's own answer.
    replacement: Option<Vec<u8>>,
    /// Nothing more is sent, and what the client sends is thrown away.
    lingering: Option<Linger>,
}

/// A client that was answered and may still be sending.
#[derive(Clone, Copy, Debug)]
struct Linger {
    until: Instant,
    /// When it last sent something.
    last_read: Instant,
    /// How many more bytes it may send.
    left: u64,
}

impl ClientIo {
    pub(crate) fn new(
        stream: ClientStream,
        permit: Arc<ConnectionPermit>,
        errors: Arc<ErrorLog>,
        limits: &Limits,
    ) -> Self {
        Self {
            stream,
            connection: Arc::clone(permit.connection()),
            permit,
            partial_head: 0,
            errors,
            scanner: HeadScanner::new(limits),
            idle_timeout: limits.idle_timeout,
            head_timeout: limits.head_timeout,
            linger_limits: (limits.linger_timeout, limits.max_linger_bytes),
            timer: None,
            write_blocked: false,
            replacement: None,
            lingering: None,
        }
    }

    /// Returns whether a deadline has passed. The timer is only reset when it would fire too late, or has fired too early.
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

    /// Ends the connection if nothing has come for too long.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Register before checking, so that nothing in between is missed.
        self.connection.register_reader(cx.waker());
        if self.connection.is_shed() {
            return Poll::Ready(Ok(()));
        }
        let (phase, since) = self.connection.phase();
        let limit = match phase {
            // The answer is still on its way.
            Phase::Idle if self.write_blocked => return Poll::Pending,
            Phase::Idle => self.idle_timeout,
            Phase::Head => self.head_timeout,
            Phase::Busy => return Poll::Pending,
        };
        if !self.is_past(since + limit, cx) {
            return Poll::Pending;
        }
        if phase == Phase::Idle {
            // As if the client had closed the connection.
            return Poll::Ready(Ok(()));
        }
        if !self.write_blocked {
            // What the kernel does not take at once is not worth waiting for.
            self.errors.log(ErrorReason::SlowHead, None);
            let text = ErrorReason::SlowHead.to_http();
            let _ = Pin::new(&mut self.stream).poll_write(cx, &text);
            let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
        }
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }

    /// Reads ahead while it is not known which protocol comes next: buffers one piece, and notices an end.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.scanner.has_buffered() {
            let mut bytes = [0; 2048];
            let mut ahead = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut ahead) {
                Poll::Ready(Ok(())) if !ahead.filled().is_empty() => self.scanner.buffer(ahead.filled()),
                Poll::Ready(ended) => return Poll::Ready(ended),
                Poll::Pending => {}
            }
        }
        self.connection.register_reader(cx.waker());
        if self.connection.follows(self.scanner.count()) != Some(Follows::Either) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Notes whether the client takes what is written.
    fn wrote<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        let was_blocked = std::mem::replace(&mut self.write_blocked, polled.is_pending());
        if was_blocked && !self.write_blocked {
            self.connection.flushed();
        }
        polled
    }

    /// Sends an answer with a reason in place of the HTTP library's own, and reports that one as written.
    fn poll_replacement(
        &mut self,
        reason: ErrorReason,
        length: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let text = self.replacement.get_or_insert_with(|| {
            self.errors.log(reason, None);
            reason.to_http()
        });
        while !text.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, text))?;
            text.drain(..written);
        }
        self.replacement = None;
        Poll::Ready(Ok(length))
    }

    /// Reads and throws away until the client closes the connection, too.
    fn poll_linger(&mut self, mut linger: Linger, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            let polled = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
            let length = buffer.filled().len() as u64;
            match polled {
                Poll::Ready(Ok(())) if length > 0 => {
                    linger.last_read = Instant::now();
                    linger.left = linger.left.saturating_sub(length);
                    self.lingering = Some(linger);
                    if linger.left == 0 || linger.last_read >= linger.until {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    // The connection may have to make room for others.
                    self.connection.register_reader(cx.waker());
                    let due = linger.until.min(linger.last_read + MAX_LINGER_SILENCE);
                    if self.connection.is_shed() || self.is_past(due, cx) {
                        return Poll::Ready(());
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.scanner.awaits_reading() {
            let follows = self.connection.follows(self.scanner.count());
            self.scanner.follow(follows);
        }
        if self.scanner.is_held_back() {
            return self.poll_ahead(cx);
        }
        if self.scanner.is_cut() {
            return self.poll_timeout(cx);
        }
        let before = buffer.filled().len();
        let fault = if self.scanner.has_buffered() {
            self.scanner.pass_buffered(buffer)
        } else {
            let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
            if polled.is_pending() {
                return self.poll_timeout(cx);
            }
            if polled.is_ready() && buffer.filled().len() == before {
                return polled;
            }
            self.scanner.scan_read(buffer, before)
        };
        self.connection.bytes_received();
        if let Some(fault) = fault {
            self.connection.head_cut(fault);
        }
        let partial_head = self.scanner.partial_head();
        if partial_head != self.partial_head {
            self.partial_head = partial_head;
            self.permit.set_partial_head(partial_head);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = match library_answer(bytes) {
            Some(reason) => self.poll_replacement(reason, bytes.len(), cx),
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
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        if self.stream.is_tls() {
            // TLS takes more than the client does.
            self.wrote(polled)
        } else {
            polled
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if !self.connection.is_request_unread() {
                return Poll::Ready(Ok(()));
            }
        }
        let now = Instant::now();
        let (time, bytes) = self.linger_limits;
        let linger = *self.lingering.get_or_insert(Linger {
            until: now + time,
            last_read: now,
            left: bytes,
        });
        self.poll_linger(linger, cx).map(Ok)
    }
}

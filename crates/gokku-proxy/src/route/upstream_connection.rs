//! One connection to an app, as the HTTP library reads and writes it; `connector` makes them.
//!
//! An app may answer before it has read its request, and close the connection. The library gives up a request as soon as
//! it cannot be written, and with it the answer that has already come. So when writing fails because the app has closed
//! the connection, that is not reported before reading has come to the end, too, and what is written until then is thrown
//! away: what came before the end is read first. (Linux keeps what was received before a reset.)
//!
//! The connection also knows what the library does not tell: whether answers have come on it before, and whether anything
//! has come since the last request began. Both decide whether a lost request may be sent again.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How much is read of an answer that comes before its request was sent.
const MAX_EARLY_BYTES: usize = 4096;

/// A connection to an app.
#[derive(Debug)]
pub(crate) struct UpstreamConnection {
    stream: TcpStream,
    received: Received,
    /// Something was written, or would have been.
    used: bool,
    /// What came before that: on a new connection, the answer to its first request, from an app that did not wait for it.
    early: Vec<u8>,
    /// How writing failed because the app has closed the connection; reading has not come to the end yet.
    closed: Option<ErrorKind>,
    /// Reading has come to the end.
    ended: bool,
    /// The task that waits for what came early.
    reader: Option<Waker>,
}

/// What has come on a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    /// An answer to an earlier request.
    earlier_answer: AtomicBool,
    /// Something, since the last request began.
    anything: AtomicBool,
}

impl Received {
    /// Notes that an answer has come.
    pub(crate) fn note_answer(&self) {
        self.0.earlier_answer.store(true, Ordering::Relaxed);
    }

    /// Returns whether the connection was kept open after an earlier answer.
    pub(crate) fn earlier_answer(&self) -> bool {
        self.0.earlier_answer.load(Ordering::Relaxed)
    }

    /// Returns whether anything of an answer to the last request has come.
    pub(crate) fn anything(&self) -> bool {
        self.0.anything.load(Ordering::Relaxed)
    }
}

impl UpstreamConnection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            received: Received::default(),
            used: false,
            early: Vec::new(),
            closed: None,
            ended: false,
            reader: None,
        }
    }

    /// Returns what knows what has come on it.
    pub(crate) fn received(&self) -> Received {
        self.received.clone()
    }

    /// Returns what is reported of bytes that can no longer be written.
    fn discard(&self, length: usize, kind: ErrorKind) -> io::Result<usize> {
        if self.ended { Err(kind.into()) } else { Ok(length) }
    }

    /// Takes note of a write; `length` is what was to be written.
    fn wrote(&mut self, written: io::Result<usize>, length: usize, cx: &Context<'_>) -> io::Result<usize> {
        if !self.used {
            self.used = true;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        if self.received.anything() {
            self.received.0.anything.store(false, Ordering::Relaxed);
        }
        match written {
            Err(error) if is_closed(error.kind()) => {
                self.closed = Some(error.kind());
                // Have it read now.
                cx.waker().wake_by_ref();
                self.discard(length, error.kind())
            }
            other => other,
        }
    }

    /// Buffers what comes before anything was written.
    fn poll_early(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            let mut bytes = [0; MAX_EARLY_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            let polled = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
            if buffer.filled().is_empty() {
                return polled;
            }
            self.early = buffer.filled().to_vec();
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Reads from the app.
    fn poll_stream(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if polled.is_ready() || self.closed.is_none() {
            return polled;
        }
        // The kernel knows already that the connection has ended; the runtime may not have been told yet. Until then the
        // connection would pass for one that can be used again.
        match recv(&self.stream, buffer.initialize_unfilled(), RecvFlags::DONTWAIT) {
            Ok((length, _)) => {
                buffer.advance(length);
                Poll::Ready(Ok(()))
            }
            Err(error) => match io::Error::from(error) {
                error if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
                error => Poll::Ready(Err(error)),
            },
        }
    }
}

/// Returns whether an error says that the app has closed the connection.
fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}

impl AsyncRead for UpstreamConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.used {
            return self.poll_early(cx);
        }
        let before = buffer.filled().len();
        if self.early.is_empty() {
            let polled = ready!(self.poll_stream(cx, buffer));
            if buffer.filled().len() == before {
                self.ended = true;
                return Poll::Ready(polled);
            }
        } else {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early[..length]);
            self.early.drain(..length);
        }
        self.received.0.anything.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for UpstreamConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(kind) = self.closed {
            return Poll::Ready(self.discard(bytes.len(), kind));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        Poll::Ready(self.wrote(written, bytes.len(), cx))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = || bytes.iter().map(|bytes| bytes.len()).sum();
        if let Some(kind) = self.closed {
            return Poll::Ready(self.discard(length(), kind));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bytes));
        Poll::Ready(self.wrote(written, length(), cx))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

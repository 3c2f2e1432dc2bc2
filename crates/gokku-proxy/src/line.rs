//! One connection to an app, as the HTTP library reads and writes it; `connector` makes them.
//!
//! An app may answer before it has read its request, and hang up. The library gives a request up as soon as it cannot be
//! written, and with it the answer that has come already. So an end that only writing has met is not told before reading
//! has come to it too, and what is written until then goes nowhere: what came before the end is read first. (Linux keeps
//! what was received before a reset.)
//!
//! It also knows what the library does not tell: whether answers have come over it before, and whether anything has come
//! since the last request began. Both decide whether a request that was lost may be sent again.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use hyper::http::Extensions;
use hyper_util::client::legacy::Error;
use hyper_util::client::legacy::connect::{Connected, Connection};
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What is read of an answer that comes before anything was asked.
const EARLY: usize = 4096;

/// A connection to an app.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    heard: Heard,
    /// Anything was written, or would have been.
    used: bool,
    /// What came before that: of a new connection it is the answer to its first request, from an app that has not waited
    /// for it.
    early: Vec<u8>,
    /// How writing has met the end, which reading has not come to yet.
    hung_up: Option<ErrorKind>,
    /// Reading has come to the end.
    ended: bool,
    /// Who waits for what came early.
    reader: Option<Waker>,
}

/// What has come over a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Said>);

#[derive(Debug, Default)]
struct Said {
    /// An answer to an earlier request.
    before: AtomicBool,
    /// Something, since the last request began.
    now: AtomicBool,
}

impl Heard {
    /// What has come over a connection that has failed.
    pub(crate) fn of(error: &Error) -> Self {
        let mut extensions = Extensions::new();
        if let Some(connected) = error.connect_info() {
            connected.get_extras(&mut extensions);
        }
        extensions.remove().unwrap_or_default()
    }

    /// Notes that an answer has come; `extensions` are the response's.
    pub(crate) fn note(extensions: &Extensions) {
        if let Some(Self(said)) = extensions.get() {
            said.before.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was kept open after an earlier answer.
    pub(crate) fn before(&self) -> bool {
        self.0.before.load(Ordering::Relaxed)
    }

    /// Whether anything of an answer to the last request has come.
    pub(crate) fn anything(&self) -> bool {
        self.0.now.load(Ordering::Relaxed)
    }
}

impl Line {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            heard: Heard::default(),
            used: false,
            early: Vec::new(),
            hung_up: None,
            ended: false,
            reader: None,
        }
    }

    /// What is said of so many bytes that cannot be written any more.
    fn lose(&self, length: usize, kind: ErrorKind) -> io::Result<usize> {
        if self.ended { Err(kind.into()) } else { Ok(length) }
    }

    /// `length` is what was to be written.
    fn wrote(&mut self, written: io::Result<usize>, length: usize, cx: &Context<'_>) -> io::Result<usize> {
        if !self.used {
            self.used = true;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        if self.heard.anything() {
            self.heard.0.now.store(false, Ordering::Relaxed);
        }
        match written {
            Err(error) if is_end(error.kind()) => {
                self.hung_up = Some(error.kind());
                // It is to be read now.
                cx.waker().wake_by_ref();
                self.lose(length, error.kind())
            }
            other => other,
        }
    }

    fn poll_early(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            let mut bytes = [0; EARLY];
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

    fn poll_stream(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if polled.is_ready() || self.hung_up.is_none() {
            return polled;
        }
        // The kernel knows already that it has ended; the runtime may not have been told yet. Until then the connection
        // would pass for one that can be used again.
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

fn is_end(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.heard.clone())
    }
}

impl AsyncRead for Line {
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
        self.heard.0.now.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(kind) = self.hung_up {
            return Poll::Ready(self.lose(bytes.len(), kind));
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
        if let Some(kind) = self.hung_up {
            return Poll::Ready(self.lose(length(), kind));
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

//! A client's HTTP/2 connection, as the HTTP library reads and writes it: the counterpart of `client_io`. A head that takes too
//! long ends it, because nothing else can come on a connection before a head has ended (RFC 9113 section 4.3).

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::client::client_stream::ClientStream;
use crate::client::connection_limit::ConnectionPermit;
use crate::client::stream_progress::Congestion;
use crate::http::error_reason::{ErrorLog, ErrorReason};
use crate::http::frame_scanner::FrameScanner;

/// A client's HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct Http2Io {
    stream: ClientStream,
    permit: Arc<ConnectionPermit>,
    errors: Arc<ErrorLog>,
    scanner: FrameScanner,
    head_timeout: Duration,
    /// The head that has begun: its number, and when it began.
    head: Option<(u64, Instant)>,
    timer: Option<Pin<Box<Sleep>>>,
    congestion: Congestion,
}

impl Http2Io {
    pub(crate) fn new(
        stream: ClientStream,
        permit: Arc<ConnectionPermit>,
        errors: Arc<ErrorLog>,
        head_timeout: Duration,
        congestion: Congestion,
    ) -> Self {
        Self {
            stream,
            permit,
            errors,
            scanner: FrameScanner::new(),
            head_timeout,
            head: None,
            timer: None,
            congestion,
        }
    }

    /// Takes note of what has come.
    fn received(&mut self, bytes: &[u8]) {
        let before = self.scanner.partial_head();
        self.scanner.scan(bytes);
        let partial = self.scanner.partial_head();
        if partial != before {
            self.permit.set_partial_head(partial);
        }
        let connection = self.permit.connection();
        let number = self.scanner.heads();
        match self.head {
            Some((begun, _)) if partial > 0 && begun == number => {}
            _ if partial > 0 => {
                self.head = Some((number, Instant::now()));
                connection.head_began();
            }
            Some(_) => {
                self.head = None;
                connection.head_ended();
            }
            None => {}
        }
    }

    /// Returns an error once a head takes too long.
    fn check_head(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        let (_, since) = self.head?;
        let due = since + self.head_timeout;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        timer.as_mut().poll(cx).is_ready().then(|| {
            self.errors.log(ErrorReason::SlowHead, None);
            ErrorKind::TimedOut.into()
        })
    }

    /// Notes whether the client takes what is written.
    fn wrote<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.congestion.note(polled.is_ready());
        polled
    }
}

impl AsyncRead for Http2Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        if !bytes.is_empty() {
            self.received(bytes);
        }
        match self.check_head(cx) {
            Some(error) => Poll::Ready(Err(error)),
            None => polled,
        }
    }
}

impl AsyncWrite for Http2Io {
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
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.wrote(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

//! Bodies on their way through: a request's that can be sent again while nothing of it was read, and a
//! response's that ends its lease.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use crate::target::Lease;

/// A client's request body. While nothing was read of it, it can be given to another attempt.
#[derive(Clone)]
pub(crate) struct Body {
    incoming: Arc<Mutex<Incoming>>,
    read: Arc<AtomicBool>,
}

impl Body {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self {
            incoming: Arc::new(Mutex::new(incoming)),
            read: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Whether any of it was read: then no second attempt can send it.
    pub(crate) fn was_read(&self) -> bool {
        self.read.load(Ordering::Acquire)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Incoming) -> T) -> T {
        look(&mut self.incoming.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = self.with(|incoming| Pin::new(incoming).poll_frame(cx));
        if polled.is_ready() {
            self.read.store(true, Ordering::Release);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.with(|incoming| incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|incoming| incoming.size_hint())
    }
}

/// An answer to a client: an app's, whose lease ends with it, or the switch's own words.
pub(crate) enum Answer {
    /// An app's.
    App {
        /// Its body.
        body: Incoming,
        /// Held until the body ends or the client goes away.
        lease: Option<Lease>,
    },
    /// The switch's.
    Own(Full<Bytes>),
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::App { body, lease } => {
                let polled = Pin::new(body).poll_frame(cx);
                if let Poll::Ready(None | Some(Err(_))) = polled {
                    lease.take();
                }
                polled
            }
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::App { body, .. } => body.is_end_stream(),
            Self::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::App { body, .. } => body.size_hint(),
            Self::Own(body) => body.size_hint(),
        }
    }
}

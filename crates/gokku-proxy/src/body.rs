//! A request's body on its way through, which can be sent again while nothing of it was read; `answer` is the way back.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

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

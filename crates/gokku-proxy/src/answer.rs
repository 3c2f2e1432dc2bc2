//! A response's body on its way back, which ends its lease; `body` is the way there.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use crate::body::Unwanted;
use crate::own;
use crate::pulse::Asked;
use crate::target::Lease;

/// An answer to a client.
pub(crate) struct Answer {
    words: Words,
    /// Held until the body ends or the client goes away.
    lease: Option<Lease>,
    /// The request's body, where the app has refused it.
    unwanted: Option<Unwanted>,
    asked: Option<Arc<Asked>>,
}

/// Whose it is.
enum Words {
    App(Incoming),
    Own(Full<Bytes>),
}

impl Answer {
    /// An app's, whose lease ends with it.
    pub(crate) fn app(body: Incoming, lease: Option<Lease>, unwanted: Option<Unwanted>) -> Self {
        Self {
            words: Words::App(body),
            lease,
            unwanted,
            asked: None,
        }
    }

    /// The switch's own.
    pub(crate) fn own(body: Full<Bytes>) -> Self {
        Self {
            words: Words::Own(body),
            lease: None,
            unwanted: None,
            asked: None,
        }
    }

    /// The request ends with it.
    pub(crate) fn end_with(&mut self, asked: Arc<Asked>) {
        self.asked = Some(asked);
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.words {
            Words::App(body) => {
                let polled = Pin::new(body).poll_frame(cx);
                if let Poll::Ready(None | Some(Err(_))) = polled {
                    let lease = self.lease.take();
                    self.unwanted.take();
                    if let (Poll::Ready(Some(Err(error))), Some(lease)) = (&polled, lease) {
                        // There is no answer that could say so any more: its client sees that it is not whole.
                        let app = &lease.target().app;
                        let is_unread = self.asked.as_ref().is_some_and(|asked| asked.pulse().is_unread());
                        let what = if is_unread {
                            "an answer broke off while its request still came"
                        } else {
                            "the app's answer broke off"
                        };
                        tracing::warn!(%app, "{what}: {}", own::causes(error));
                    }
                }
                polled
            }
            Words::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.words {
            Words::App(body) => body.is_end_stream(),
            Words::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.words {
            Words::App(body) => body.size_hint(),
            Words::Own(body) => body.size_hint(),
        }
    }
}

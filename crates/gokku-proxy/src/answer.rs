//! A response's body on its way back, which ends its lease; `body` is the way there.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use crate::target::Lease;

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

//! A response's body on its way to the client. The request's lease ends with it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use gokku_core::text::causes::causes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::client::connection_state::ActiveRequest;
use crate::client::request_body::RefusedBody;
use crate::forward::compressor::{self, Compressor};
use crate::route::target::Lease;
use crate::route::upstream_pool::UpstreamBody;

/// The body of a response to a client.
pub(crate) struct ResponseBody {
    source: Source,
    /// Held until the body ends or the client goes away.
    lease: Option<Lease>,
    /// The request's body, if the app has refused it.
    refused: Option<RefusedBody>,
    active: Option<Arc<ActiveRequest>>,
    /// What compresses it. In a box: most are passed on as they are.
    compressor: Option<Box<Compressor>>,
}

/// Why a body broke off.
pub(crate) type Error = compressor::Error<hyper::Error>;

/// Where a body comes from.
enum Source {
    App(UpstreamBody),
    Switch(Full<Bytes>),
}

impl ResponseBody {
    /// Returns the body of an app's response; the lease ends with it.
    pub(crate) fn app(body: UpstreamBody, lease: Option<Lease>, refused: Option<RefusedBody>) -> Self {
        Self {
            source: Source::App(body),
            lease,
            refused,
            active: None,
            compressor: None,
        }
    }

    /// Has an app's body be compressed.
    pub(crate) fn compressed(mut self, compressor: Compressor) -> Self {
        self.compressor = Some(Box::new(compressor));
        self
    }

    /// Returns the body of one of the switch's own responses.
    pub(crate) fn own(body: Full<Bytes>) -> Self {
        Self {
            source: Source::Switch(body),
            lease: None,
            refused: None,
            active: None,
            compressor: None,
        }
    }

    /// Has the request end with the body.
    pub(crate) fn end_with(&mut self, active: Arc<ActiveRequest>) {
        self.active = Some(active);
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match &mut this.source {
            Source::App(body) => {
                let polled = match &mut this.compressor {
                    None => Pin::new(body).poll_frame(cx).map_err(Error::Body),
                    Some(compressor) => compressor.poll_frame(Pin::new(body), cx),
                };
                if let Poll::Ready(None | Some(Err(_))) = polled {
                    let lease = self.lease.take();
                    self.refused.take();
                    if let (Poll::Ready(Some(Err(error))), Some(lease)) = (&polled, lease) {
                        // No answer can say so any more; the client sees that this one is incomplete.
                        let app = &lease.target().app;
                        let is_unread = self
                            .active
                            .as_ref()
                            .is_some_and(|active| active.connection().is_request_unread());
                        let what = if is_unread {
                            "an answer broke off while its request was still coming in"
                        } else {
                            "the app's answer broke off"
                        };
                        tracing::warn!(%app, "{what}: {}", causes(error));
                    }
                }
                polled
            }
            Source::Switch(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match (&self.source, &self.compressor) {
            (_, Some(compressor)) => compressor.is_ended(),
            (Source::App(body), None) => body.is_end_stream(),
            (Source::Switch(body), None) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.source, &self.compressor) {
            // Nobody knows before it is compressed.
            (_, Some(_)) => SizeHint::default(),
            (Source::App(body), None) => body.size_hint(),
            (Source::Switch(body), None) => body.size_hint(),
        }
    }
}

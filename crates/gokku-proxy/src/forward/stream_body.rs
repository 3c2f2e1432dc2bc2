//! A response's body on its way to a client of HTTP/2: the same as to any other, in pieces that tell when they have left.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::client::stream_progress::{Piece, StreamProgress};
use crate::forward::response_body::{Error, ResponseBody};

/// How much of an answer may still wait for its client when its end is told to the HTTP library. From then on nobody waits for
/// the rest to leave, so this is the most that a client keeps here for nothing; more than most answers have.
const MAX_UNTAKEN: usize = 16 * 1024;

/// The body of a response to a client of HTTP/2.
pub(crate) struct StreamBody {
    body: ResponseBody,
    progress: Arc<StreamProgress>,
    /// All of it was given to the HTTP library.
    given: bool,
}

impl StreamBody {
    pub(crate) fn new(body: ResponseBody, progress: Arc<StreamProgress>) -> Self {
        Self {
            body,
            progress,
            given: false,
        }
    }
}

impl HttpBody for StreamBody {
    type Data = Piece;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Error>>> {
        if !self.given {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            if let Some(frame) = frame {
                let progress = &self.progress;
                return Poll::Ready(Some(
                    frame.map(|frame| frame.map_data(|bytes| progress.piece(bytes))),
                ));
            }
            self.given = true;
        }
        ready!(self.progress.poll_taken(cx));
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.progress.waiting() <= MAX_UNTAKEN
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

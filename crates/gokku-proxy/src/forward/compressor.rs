//! Compresses the body of a response, piece by piece. Whenever the app has no more to give for now, what there is goes out: nobody
//! waits for a piece that has come.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::body::{Body as HttpBody, Frame};

use crate::http::content_coding::ContentCoding;

/// What is passed on at once, where the app does not pause.
const PIECE: usize = 16 * 1024;
/// The levels that cost about as much as they save: of nginx's modules and of Caddy.
const GZIP_LEVEL: u32 = 5;
const BROTLI_LEVEL: u32 = 4;
const ZSTD_LEVEL: i32 = 3;
/// How far back they look, as a power of two: what each response takes of memory depends on it.
const BROTLI_WINDOW: u32 = 18;
const ZSTD_WINDOW: u32 = 18;
/// The brotli writer's own buffer.
const BROTLI_BUFFER: usize = 4096;

/// Why a compressed body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error<E> {
    /// What is compressed did.
    #[error(transparent)]
    Body(E),
    /// The compression failed.
    #[error("the answer could not be compressed")]
    Compression(#[source] io::Error),
}

/// A piece of a compressed body, or why it broke off.
type Polled<B> = Result<Frame<Bytes>, Error<<B as HttpBody>::Error>>;

/// The state of one body's compression.
pub(crate) struct Compressor {
    /// None when all has been compressed.
    encoder: Option<Encoder>,
    /// Something was written that has not gone out.
    unflushed: bool,
    /// What follows the body.
    trailers: Option<HeaderMap>,
}

/// What compresses, into memory.
enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Compressor {
    /// Creates one, for a body that is compressed in this way.
    pub(crate) fn new(coding: ContentCoding) -> io::Result<Self> {
        let encoder = match coding {
            ContentCoding::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            ContentCoding::Brotli => {
                let writer =
                    brotli::CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_LEVEL, BROTLI_WINDOW);
                Encoder::Brotli(Box::new(writer))
            }
            ContentCoding::Zstd => {
                let mut writer = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                writer.window_log(ZSTD_WINDOW)?;
                Encoder::Zstd(writer)
            }
        };
        Ok(Self {
            encoder: Some(encoder),
            unflushed: false,
            trailers: None,
        })
    }

    /// Returns whether nothing comes any more.
    pub(crate) fn is_ended(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }

    /// Returns the next piece of this body, compressed. A body that breaks off is not ended as if it were whole.
    pub(crate) fn poll_frame<B>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Polled<B>>>
    where
        B: HttpBody<Data = Bytes>,
    {
        loop {
            let Some(encoder) = &mut self.encoder else {
                return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            };
            let compressed = match body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        self.unflushed = true;
                        encoder.write(&data)
                    }
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        self.finish()
                    }
                },
                Poll::Ready(Some(Err(error))) => {
                    self.encoder = None;
                    return Poll::Ready(Some(Err(Error::Body(error))));
                }
                Poll::Ready(None) => self.finish(),
                Poll::Pending if mem::take(&mut self.unflushed) => encoder.flush(),
                Poll::Pending => return Poll::Pending,
            };
            match compressed {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Poll::Ready(Some(Ok(Frame::data(piece.into())))),
                Err(error) => {
                    self.encoder = None;
                    return Poll::Ready(Some(Err(Error::Compression(error))));
                }
            }
        }
    }

    /// Ends the compressed body, and returns what is left of it.
    fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.encoder.take().map_or(Ok(Vec::new()), Encoder::finish)
    }
}

impl Encoder {
    /// Compresses some bytes, and returns what goes out: nothing, until that is worth it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.writer().write_all(bytes)?;
        let is_much = self.output().len() >= PIECE;
        Ok(if is_much {
            mem::take(self.output())
        } else {
            Vec::new()
        })
    }

    /// Returns all that was compressed, so that whoever gets it can read all that was written.
    fn flush(&mut self) -> io::Result<Vec<u8>> {
        self.writer().flush()?;
        Ok(mem::take(self.output()))
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(writer) => writer.finish(),
            Self::Brotli(writer) => Ok(writer.into_inner()),
            Self::Zstd(writer) => writer.finish(),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(writer) => writer,
            Self::Brotli(writer) => writer,
            Self::Zstd(writer) => writer,
        }
    }

    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Gzip(writer) => writer.get_mut(),
            Self::Brotli(writer) => writer.get_mut(),
            Self::Zstd(writer) => writer.get_mut(),
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("ended", &self.is_ended())
            .finish_non_exhaustive()
    }
}

//! Scans a client's bytes on their way to the HTTP library for where each request begins and ends, so that a request's
//! target gets a form that the library takes, and a head that is too large is answered with a reason. Reading and writing
//! is `client_io`'s.
//!
//! How the library reads a head is the only truth there is. It gets the bytes up to the end of a head and no further until
//! it has told what follows. So scanner and library are at the same place in the stream, or it is known that they may not
//! be, and from there on nothing is changed ([`Position::Opaque`]). Only targets are ever changed, never a body.
//!
//! Clients send bytes that RFC 3986 section 2 does not allow in a target. nginx (`usual` in `ngx_http_parse.c`) and Go
//! (`parse` in `net/url`) refuse only white space, control bytes and DEL, and so does the switch, with 400; they refuse
//! `%` without two digits, too, which is left to the app here. Of the rest the library refuses `<`, `>` and bytes that are
//! not UTF-8 everywhere, `"` in a query and a backtick in a path, and it drops what begins with `#`. These reach the app
//! percent-encoded, and so do all bytes beyond ASCII, so that nobody has to guess what they mean; `"` in a path, a backtick
//! in a query and `\ ^ { | } [ ]` are passed on as they are.

use std::io::BufRead;

use bytes::{Buf, BytesMut};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Version};
use percent_encoding::percent_encode_byte;
use tokio::io::ReadBuf;

use crate::config::limits::Limits;
use crate::http::hop_headers;

/// The longest target: the library takes no longer one, and its answer does not say why.
const MAX_TARGET_BYTES: usize = 65_000;
/// The most bytes that are added to a head that is cut.
pub(crate) const MAX_MADE_UP_BYTES: usize = 64;
/// The versions that the HTTP library understands, without the last byte.
const VERSION: &[u8] = b"HTTP/1.";
/// The most digits a chunk's size can have without being too large for any reader.
const MAX_SIZE_DIGITS: u8 = 15;

/// What follows a request's head, as the HTTP library reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// This many bytes, then the next request.
    Body(u64),
    /// Chunks, then the next request.
    Chunks,
    /// Another protocol or the next request: the app decides.
    Either,
    /// Another protocol.
    Other,
    /// Something of which it is not known where it ends.
    Unknown,
}

impl Follows {
    /// Returns what follows this request's head.
    pub(crate) fn of(request: &Request<Incoming>) -> Self {
        let length = request.body().size_hint().exact();
        let wants_other =
            request.version() == Version::HTTP_11 && hop_headers::upgrade_of(request.headers()).is_some();
        match (length, wants_other) {
            (Some(0), true) => Self::Either,
            (_, true) => Self::Unknown,
            (Some(length), false) => Self::Body(length),
            (None, false) => Self::Chunks,
        }
    }
}

/// What is wrong with a request's head, so that it is answered instead of passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadFault {
    /// The first line is not valid: there is white space or a control byte in the target, or no known version.
    Line,
    /// The target is too long.
    LongTarget,
    /// There are too many bytes.
    Bytes,
    /// There are too many headers.
    Headers,
}

/// The position of the next byte in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Before a request, or in empty lines before it.
    Start,
    Method,
    Target {
        query: bool,
    },
    /// In the version, after this many bytes of it.
    Version(usize),
    /// At the beginning of a line: a header's, or the empty one that ends the head.
    Line,
    /// After the CR of what may be the empty line.
    LineCr,
    /// In a header's line.
    Header,
    /// After a head that the library has not read yet.
    HeadEnd,
    /// After a head that another protocol may follow.
    Either,
    /// In a body of known length.
    Body(u64),
    /// In a chunk's size.
    Size {
        digits: u8,
        size: u64,
    },
    /// In the extensions after it.
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    Chunk(u64),
    ChunkCr,
    ChunkLf,
    /// At the beginning of a line after the last chunk.
    Trailer,
    InTrailer,
    TrailerLf,
    EndLf,
    /// After a head that was cut: the rest is thrown away.
    Cut,
    /// In another protocol, or nobody knows where: everything is passed on as it is.
    Opaque,
}

/// What to do after the bytes that go on as they are.
enum Next {
    /// Read more.
    NeedsMore,
    /// Hold the rest back.
    Wait,
    /// Percent-encode the next byte.
    Encode,
    /// Cut the head, and make up its end: this is wrong with it.
    Cut(HeadFault),
}

/// Turns the bytes that were read from a client into those that are passed on.
#[derive(Debug)]
pub(crate) struct HeadScanner {
    at: Position,
    /// How many heads were passed on to their end.
    count: u64,
    /// The bytes and headers of the present head that were passed on.
    bytes: usize,
    headers: usize,
    last: u8,
    /// Was scanned and is to be passed on.
    ready: BytesMut,
    /// Was not scanned yet.
    rest: BytesMut,
    max_bytes: usize,
    max_headers: usize,
}

impl HeadScanner {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            at: Position::Start,
            count: 0,
            bytes: 0,
            headers: 0,
            last: 0,
            ready: BytesMut::new(),
            rest: BytesMut::new(),
            max_bytes: limits.max_head_bytes,
            max_headers: limits.max_headers,
        }
    }

    /// Returns whether the library's reading of the last head is needed to go on; [`Self::follow`] takes it.
    pub(crate) fn awaits_reading(&self) -> bool {
        matches!(self.at, Position::HeadEnd | Position::Either)
    }

    /// Returns how many heads were passed on to their end.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Takes what follows the last head; nothing when the library reads on without having understood it.
    pub(crate) fn follow(&mut self, follows: Option<Follows>) {
        self.at = match follows {
            Some(Follows::Body(0)) => Position::Start,
            Some(Follows::Body(length)) => Position::Body(length),
            Some(Follows::Chunks) => Position::Size { digits: 0, size: 0 },
            Some(Follows::Either) => Position::Either,
            Some(Follows::Other | Follows::Unknown) | None => Position::Opaque,
        };
    }

    /// Returns whether nothing may be passed on yet, because another protocol may begin.
    pub(crate) fn is_held_back(&self) -> bool {
        self.at == Position::Either
    }

    /// Returns how many bytes of a partial head were passed on: the library buffers them.
    pub(crate) fn partial_head(&self) -> usize {
        match self.at {
            Position::Method
            | Position::Target { .. }
            | Position::Version(_)
            | Position::Line
            | Position::LineCr
            | Position::Header => self.bytes,
            _ => 0,
        }
    }

    /// Returns whether nothing will be passed on any more.
    pub(crate) fn is_cut(&self) -> bool {
        self.at == Position::Cut && self.ready.is_empty()
    }

    /// Returns whether there are bytes that were read and not passed on.
    pub(crate) fn has_buffered(&self) -> bool {
        !self.ready.is_empty() || !self.rest.is_empty()
    }

    /// Buffers bytes that may not be passed on yet.
    pub(crate) fn buffer(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Scans what was just read, which `buffer` has after `from`, and leaves there what is to be passed on now. Returns what
    /// is wrong with the head, if anything.
    pub(crate) fn scan_read(&mut self, buffer: &mut ReadBuf<'_>, from: usize) -> Option<HeadFault> {
        let (plain, then) = self.scan(&buffer.filled()[from..]);
        if matches!(then, Next::NeedsMore) {
            return None;
        }
        self.rest.extend_from_slice(&buffer.filled()[from + plain..]);
        buffer.set_filled(from + plain);
        self.go_on(buffer, then)
    }

    /// Passes on what was buffered, as much as there is room for. Returns what is wrong with the head, if anything.
    pub(crate) fn pass_buffered(&mut self, buffer: &mut ReadBuf<'_>) -> Option<HeadFault> {
        if !self.ready.is_empty() {
            self.give(buffer);
            return None;
        }
        let (plain, then) = self.scan_rest();
        self.ready.extend_from_slice(&self.rest[..plain]);
        self.rest.advance(plain);
        self.go_on(buffer, then)
    }

    fn go_on(&mut self, buffer: &mut ReadBuf<'_>, mut then: Next) -> Option<HeadFault> {
        let fault = loop {
            match then {
                Next::NeedsMore | Next::Wait => break None,
                Next::Encode => {
                    let encoded = percent_encode_byte(self.rest.get_u8());
                    self.ready.extend_from_slice(encoded.as_bytes());
                    self.bytes += encoded.len();
                }
                Next::Cut(what) => {
                    let end = self.made_up_end();
                    self.ready.extend_from_slice(end);
                    self.rest.clear();
                    self.at = Position::Cut;
                    break Some(what);
                }
            }
            let plain;
            (plain, then) = self.scan_rest();
            self.ready.extend_from_slice(&self.rest[..plain]);
            self.rest.advance(plain);
        };
        self.give(buffer);
        fault
    }

    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = self.ready.len().min(buffer.remaining());
        buffer.put_slice(&self.ready[..count]);
        self.ready.advance(count);
        // An idle connection holds no memory.
        for buffered in [&mut self.ready, &mut self.rest] {
            if buffered.is_empty() {
                *buffered = BytesMut::new();
            }
        }
    }

    fn scan_rest(&mut self) -> (usize, Next) {
        let rest = std::mem::take(&mut self.rest);
        let scanned = self.scan(&rest);
        self.rest = rest;
        scanned
    }

    /// Returns what completes the part of a head that was passed on. Nobody will act on it.
    fn made_up_end(&self) -> &'static [u8] {
        match self.at {
            Position::Start => b"GET / HTTP/1.1\r\n\r\n",
            Position::Method => b" / HTTP/1.1\r\n\r\n",
            Position::Target { .. } => b"/ HTTP/1.1\r\n\r\n",
            Position::Version(at) => b"HTTP/1.1\r\n\r\n".get(at..).unwrap_or(b"\r\n\r\n"),
            Position::Line => b"\r\n",
            Position::LineCr => b"\n",
            _ if self.last == b'\r' => b"\n\r\n",
            _ => b": x\r\n\r\n",
        }
    }

    /// Returns how many of these bytes go on as they are, and what to do then.
    fn scan(&mut self, bytes: &[u8]) -> (usize, Next) {
        let mut done = 0;
        let then = loop {
            let Some(&byte) = bytes.get(done) else {
                break Next::NeedsMore;
            };
            let left = &bytes[done..];
            match self.at {
                Position::Opaque => return (bytes.len(), Next::NeedsMore),
                Position::HeadEnd | Position::Either | Position::Cut => break Next::Wait,
                Position::Body(_) | Position::Chunk(_) => done += self.skip(left.len()),
                Position::Start
                | Position::Method
                | Position::Target { .. }
                | Position::Version(_)
                | Position::Line
                | Position::LineCr
                | Position::Header => match self.scan_head(byte, left) {
                    Ok(count) => done += count,
                    Err(then) => break then,
                },
                _ => {
                    self.at = self.after_chunk_byte(byte);
                    done += usize::from(self.at != Position::Opaque);
                }
            }
        };
        if let Some(last) = done.checked_sub(1) {
            self.last = bytes[last];
        }
        (done, then)
    }

    /// Skips this much of a body, or as much of it as is left.
    fn skip(&mut self, count: usize) -> usize {
        let (Position::Body(left) | Position::Chunk(left)) = self.at else {
            return 0;
        };
        let passed = usize::try_from(left).unwrap_or(usize::MAX).min(count);
        let left = left - passed as u64;
        self.at = match self.at {
            Position::Body(_) if left == 0 => Position::Start,
            Position::Body(_) => Position::Body(left),
            _ if left == 0 => Position::ChunkCr,
            _ => Position::Chunk(left),
        };
        passed
    }

    /// Returns how many bytes of a head go on as they are; `left` begins with `byte`.
    fn scan_head(&mut self, byte: u8, left: &[u8]) -> Result<usize, Next> {
        let room = self.max_bytes.saturating_sub(self.bytes);
        if room == 0 {
            let in_target = matches!(self.at, Position::Target { .. });
            return Err(Next::Cut(if in_target {
                HeadFault::LongTarget
            } else {
                HeadFault::Bytes
            }));
        }
        let mut passed = 1;
        match self.at {
            Position::Start if !matches!(byte, b'\r' | b'\n') => self.at = Position::Method,
            Position::Method if byte == b' ' => self.at = Position::Target { query: false },
            Position::Target { .. } => passed = self.scan_target(left)?,
            Position::Version(at) if at < VERSION.len() => {
                if byte != VERSION[at] {
                    return Err(Next::Cut(HeadFault::Line));
                }
                self.at = Position::Version(at + 1);
            }
            Position::Method | Position::Version(_) if byte == b'\n' => self.at = Position::Line,
            Position::Version(_) => self.at = Position::Version(usize::MAX),
            Position::Line | Position::LineCr if byte == b'\n' => {
                self.at = Position::HeadEnd;
                self.count += 1;
                (self.bytes, self.headers) = (0, 0);
                return Ok(1);
            }
            Position::Line if byte == b'\r' => self.at = Position::LineCr,
            Position::Line if self.headers == self.max_headers => return Err(Next::Cut(HeadFault::Headers)),
            Position::Line | Position::LineCr => {
                self.headers += usize::from(self.at == Position::Line);
                self.at = Position::Header;
            }
            Position::Header => {
                let mut line = &left[..room.min(left.len())];
                passed = line.skip_until(b'\n').unwrap_or_default();
                if left[..passed].ends_with(b"\n") {
                    self.at = Position::Line;
                }
            }
            _ => {}
        }
        self.bytes += passed;
        Ok(passed)
    }

    /// Returns the same for a target, the only place where some bytes may not.
    fn scan_target(&mut self, left: &[u8]) -> Result<usize, Next> {
        let room = MAX_TARGET_BYTES.min(self.max_bytes).saturating_sub(self.bytes);
        if room == 0 {
            return Err(Next::Cut(HeadFault::LongTarget));
        }
        let Position::Target { mut query } = self.at else {
            return Ok(0);
        };
        for (passed, byte) in left.iter().take(room).enumerate() {
            let then = match *byte {
                b' ' => {
                    self.at = Position::Version(0);
                    return Ok(passed + 1);
                }
                byte if byte.is_ascii_control() => Next::Cut(HeadFault::Line),
                byte if is_accepted(byte, query) => {
                    query |= byte == b'?';
                    continue;
                }
                _ => Next::Encode,
            };
            self.at = Position::Target { query };
            return if passed == 0 { Err(then) } else { Ok(passed) };
        }
        self.at = Position::Target { query };
        Ok(left.len().min(room))
    }

    /// Returns where a byte around chunks leads; [`Position::Opaque`] where readers may differ about it.
    fn after_chunk_byte(&self, byte: u8) -> Position {
        match (self.at, byte) {
            (Position::Size { digits: 1.., size } | Position::Extension { size }, b'\r') => {
                Position::SizeLf { size }
            }
            (Position::Size { digits: 1.., size }, b';') => Position::Extension { size },
            (Position::Extension { size }, other) if other != b'\n' => Position::Extension { size },
            (Position::Size { digits, size }, digit)
                if digits < MAX_SIZE_DIGITS && digit.is_ascii_hexdigit() =>
            {
                let value = char::from(digit).to_digit(16).unwrap_or_default();
                Position::Size {
                    digits: digits + 1,
                    size: size * 16 + u64::from(value),
                }
            }
            (Position::SizeLf { size: 0 } | Position::TrailerLf, b'\n') => Position::Trailer,
            (Position::SizeLf { size }, b'\n') => Position::Chunk(size),
            (Position::ChunkCr, b'\r') => Position::ChunkLf,
            (Position::ChunkLf, b'\n') => Position::Size { digits: 0, size: 0 },
            (Position::Trailer, b'\r') => Position::EndLf,
            (Position::EndLf, b'\n') => Position::Start,
            (Position::InTrailer, b'\r') => Position::TrailerLf,
            (Position::Trailer | Position::InTrailer, other) if other != b'\n' => Position::InTrailer,
            _ => Position::Opaque,
        }
    }
}

/// Returns whether the HTTP library takes a byte of a target as it is.
fn is_accepted(byte: u8, query: bool) -> bool {
    match byte {
        b'<' | b'>' | b'#' | 0x80.. => false,
        b'"' => !query,
        b'`' => query,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes bytes in pieces of this size through a scanner, with this much room; `follows` is what follows each head.
    /// Returns what was passed on, and what is wrong with a head.
    fn passed(
        limits: &Limits,
        sent: &[u8],
        (piece, room): (usize, usize),
        follows: &[Follows],
    ) -> (Vec<u8>, Option<HeadFault>) {
        let mut scanner = HeadScanner::new(limits);
        let (mut passed, mut fault) = (Vec::new(), None);
        let mut sent = sent;
        loop {
            if scanner.awaits_reading() {
                let number = usize::try_from(scanner.count()).unwrap_or(0);
                scanner.follow(follows.get(number - 1).copied());
            }
            if scanner.is_cut() {
                break;
            }
            let mut bytes = vec![0; room];
            let mut buffer = ReadBuf::new(&mut bytes);
            let found = if scanner.has_buffered() {
                scanner.pass_buffered(&mut buffer)
            } else {
                let (now, later) = sent.split_at(piece.min(room).min(sent.len()));
                if now.is_empty() {
                    break;
                }
                sent = later;
                buffer.put_slice(now);
                scanner.scan_read(&mut buffer, 0)
            };
            assert!(!buffer.filled().is_empty(), "reading nothing means the end");
            passed.extend_from_slice(buffer.filled());
            fault = fault.or(found);
        }
        (passed, fault)
    }

    const STREAM: &[u8] = b"\r\nGET /a?\"<\xe9 HTTP/1.1\r\nx: \"<\r\n\r\n\
        POST /b?\" HTTP/1.1\ncontent-length: 29\n\nGET /\"<> HTTP/1.1\r\n\r\nGET /\"<>\
        POST /c`?` HTTP/1.1\r\nx:\r\n\r\n14\r\nGET /\"<> HTTP/1.1\r\n\r\r\n20;\"\r\nGET /\"<> HTTP/1.1\r\n\r\nGET /\"<> \"\"\r\n0\r\nx: <\r\ny: <\r\n\r\n\
        GET /d#\"?#\" HTTP/1.1\r\n\r\nGET /e?\" HTTP/1.1\r\n\r\n";
    const CHANGED: &[u8] = b"\r\nGET /a?%22%3C%E9 HTTP/1.1\r\nx: \"<\r\n\r\n\
        POST /b?%22 HTTP/1.1\ncontent-length: 29\n\nGET /\"<> HTTP/1.1\r\n\r\nGET /\"<>\
        POST /c%60?` HTTP/1.1\r\nx:\r\n\r\n14\r\nGET /\"<> HTTP/1.1\r\n\r\r\n20;\"\r\nGET /\"<> HTTP/1.1\r\n\r\nGET /\"<> \"\"\r\n0\r\nx: <\r\ny: <\r\n\r\n\
        GET /d%23\"?%23%22 HTTP/1.1\r\n\r\nGET /e?\" HTTP/1.1\r\n\r\n";
    const FOLLOWS: [Follows; 4] = [
        Follows::Body(0),
        Follows::Body(29),
        Follows::Chunks,
        Follows::Unknown,
    ];

    #[test]
    fn pieces_make_no_difference() {
        for piece in 1..=STREAM.len() {
            for room in [1, 2, 3, 50, 1000] {
                let (passed, fault) = passed(&Limits::default(), STREAM, (piece, room), &FOLLOWS);
                assert_eq!(
                    passed.escape_ascii().to_string(),
                    CHANGED.escape_ascii().to_string(),
                    "{piece} {room}"
                );
                assert_eq!(fault, None);
            }
        }
    }

    /// Nothing after a head that the library has not understood is changed.
    #[test]
    fn what_was_not_understood_is_followed_no_further() {
        let (passed, _) = passed(&Limits::default(), STREAM, (1000, 1000), &[]);
        let first = b"\r\nGET /a?%22%3C%E9 HTTP/1.1\r\nx: \"<\r\n\r\n";
        assert_eq!(passed[..first.len()], first[..]);
        assert!(STREAM.ends_with(&passed[first.len()..]));
    }

    /// The library gets a whole head, wherever it is cut.
    #[test]
    fn a_cut_head_is_a_whole_one() {
        let head = b"\r\nGET /abc HTTP/1.1\r\nHost: api\r\nX-One:1\r\nX-Two: 2\r\n\r\n";
        for most in 1..head.len() {
            for piece in [1, 5, 1000] {
                let limits = Limits {
                    max_head_bytes: most,
                    ..Limits::default()
                };
                let (passed, fault) = passed(&limits, head, (piece, 1000), &[]);
                let shown = passed.escape_ascii().to_string();
                assert!(fault.is_some(), "{most}: {shown}");
                assert!(passed.len() <= most + MAX_MADE_UP_BYTES, "{most}: {shown}");
                assert!(
                    passed.ends_with(b"\r\n\r\n") || passed.ends_with(b"\n\n"),
                    "{most}: {shown}"
                );
                let lines: Vec<&[u8]> = passed.trim_ascii().split(|byte| *byte == b'\n').collect();
                assert!(
                    lines[0].starts_with(b"GET /") || lines[0].starts_with(b"G"),
                    "{shown}"
                );
                for line in &lines[1..] {
                    let colon = line.iter().position(|byte| *byte == b':');
                    assert!(colon.is_some_and(|at| at > 0), "{most}: {shown}");
                    assert!(!line.trim_ascii_end().contains(&b'\r'), "{most}: {shown}");
                }
            }
        }
    }

    #[test]
    fn headers_are_counted() {
        for (most, enough) in [(2, false), (3, true)] {
            let limits = Limits {
                max_headers: most,
                ..Limits::default()
            };
            let head =
                b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\nGET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n";
            for piece in [1, 4, 1000] {
                let (passed, fault) = passed(&limits, head, (piece, 1000), &[Follows::Body(0)]);
                if enough {
                    assert_eq!((&passed[..], fault), (&head[..], None));
                } else {
                    assert_eq!(passed, b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n");
                    assert_eq!(fault, Some(HeadFault::Headers));
                }
            }
        }
    }
}

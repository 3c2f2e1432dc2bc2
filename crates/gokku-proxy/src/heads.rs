//! A client's bytes on their way to the HTTP library: where each request begins and ends. So its target gets a form that
//! the library takes, and a head that is too large is answered in words; everything else is `guard`'s, which reads and
//! writes them.
//!
//! What the library makes of a head is the only truth there is. Bytes go to it up to the end of a head and no further,
//! until it has said what follows: so both are at the same place in the stream, or it is known that they may not be, and
//! from there on nothing is changed ([`At::Unsure`]). Nothing but a target is ever changed, and no body.
//!
//! What a target may not contain and is sent all the same, RFC 3986 section 2: nginx (`usual` in `ngx_http_parse.c`) and
//! Go (`parse` in `net/url`) refuse only white space, control bytes and DEL, and so does the switch, with 400; and `%`
//! without two digits, which is left to the app here. Of the rest the library refuses `<`, `>` and bytes that are no
//! UTF-8 everywhere, `"` in a query and a backtick in a path, and what begins with `#` it throws away. These reach the
//! app percent-encoded, and so do all bytes beyond ASCII, whose meaning nobody has to guess then; `"` in a path, a
//! backtick in a query and `\ ^ { | } [ ]` are passed on as they are.

use std::io::BufRead;

use bytes::{Buf, BytesMut};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Version};
use tokio::io::ReadBuf;

use crate::hops;
use crate::limits::Limits;

/// A target may be no longer for the library, which has no words for it.
const LONGEST_TARGET: usize = 65_000;
/// What is added to a head that is cut has at most so many bytes.
pub(crate) const SLACK: usize = 64;
/// What the HTTP library understands, but for the last byte of it.
const VERSION: &[u8] = b"HTTP/1.";
/// The most digits of a chunk's size that cannot be too many for any reader.
const DIGITS: u8 = 15;

/// What follows a request's head, as the HTTP library understood it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// So many bytes, then the next request.
    Body(u64),
    /// Chunks, then the next request.
    Chunks,
    /// Another protocol or the next request: the app will say.
    Either,
    /// Another protocol.
    Other,
    /// It is not known where the next request begins.
    Unknown,
}

impl Follows {
    /// What follows this request's head.
    pub(crate) fn of(request: &Request<Incoming>) -> Self {
        let length = request.body().size_hint().exact();
        let wants_other =
            request.version() == Version::HTTP_11 && hops::upgrade_of(request.headers()).is_some();
        match (length, wants_other) {
            (Some(0), true) => Self::Either,
            (_, true) => Self::Unknown,
            (Some(length), false) => Self::Body(length),
            (None, false) => Self::Chunks,
        }
    }
}

/// What is wrong with a request's head, so that it is answered and not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its first line is none: there is white space or a control byte in its target, or no version that is known.
    Line,
    /// Its target is too long.
    LongTarget,
    /// It has too many bytes.
    Bytes,
    /// It has too many headers.
    Headers,
}

/// Where in the stream the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before a request, or in the empty lines there.
    Start,
    Method,
    Target {
        query: bool,
    },
    /// In its version, behind so many bytes of it.
    Version(usize),
    /// At the beginning of a header's line, which is the end of the head when it is empty.
    Line,
    /// Behind the CR of what may be the empty line.
    LineCr,
    /// In a header's line.
    Header,
    /// Behind a head that the library has not spoken of yet.
    Handed,
    /// Behind a head after which another protocol may begin.
    Either,
    /// In a body of known length.
    Body(u64),
    /// In the line before a chunk.
    Size {
        digits: u8,
        size: u64,
    },
    /// In the extensions behind its size.
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    Chunk(u64),
    ChunkCr,
    ChunkLf,
    /// At the beginning of a line behind the last chunk.
    Trailer,
    InTrailer,
    TrailerLf,
    EndLf,
    /// Behind a head that was cut: the rest is nobody's.
    Cut,
    /// Nobody knows, or another protocol is spoken: everything is passed on as it is.
    Unsure,
}

/// What comes after the bytes that go on as they are.
enum Then {
    /// Those that have not come yet.
    More,
    /// Those that have to wait.
    Wait,
    /// One that is percent-encoded.
    Encoded,
    /// The head's end, made up: this is wrong with it.
    End(Fault),
}

/// A client's bytes, from what was read to what is passed on.
#[derive(Debug)]
pub(crate) struct Heads {
    at: At,
    /// How many heads were passed on to their end.
    count: u64,
    /// The bytes of this one that were passed on, and its headers.
    bytes: usize,
    headers: usize,
    last: u8,
    /// Has been looked at and is to be passed on.
    ready: BytesMut,
    /// Has not been looked at.
    rest: BytesMut,
    max_bytes: usize,
    max_headers: usize,
}

impl Heads {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            at: At::Start,
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

    /// Whether what follows depends on what was made of the last head; then [`Self::follow`] is to be told.
    pub(crate) fn asks(&self) -> bool {
        matches!(self.at, At::Handed | At::Either)
    }

    /// How many heads were passed on to their end.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// What follows the last head; nothing where the library reads on without having understood it.
    pub(crate) fn follow(&mut self, follows: Option<Follows>) {
        self.at = match follows {
            Some(Follows::Body(0)) => At::Start,
            Some(Follows::Body(length)) => At::Body(length),
            Some(Follows::Chunks) => At::Size { digits: 0, size: 0 },
            Some(Follows::Either) => At::Either,
            Some(Follows::Other | Follows::Unknown) | None => At::Unsure,
        };
    }

    /// Whether nothing may be passed on now: it is not known yet whose it is.
    pub(crate) fn waits(&self) -> bool {
        self.at == At::Either
    }

    /// How many bytes of a head were passed on that has not ended: the library keeps them.
    pub(crate) fn unfinished(&self) -> usize {
        match self.at {
            At::Method | At::Target { .. } | At::Version(_) | At::Line | At::LineCr | At::Header => {
                self.bytes
            }
            _ => 0,
        }
    }

    /// Whether nothing will be passed on any more.
    pub(crate) fn is_cut(&self) -> bool {
        self.at == At::Cut && self.ready.is_empty()
    }

    /// Whether there is something that was read and not passed on.
    pub(crate) fn has_kept(&self) -> bool {
        !self.ready.is_empty() || !self.rest.is_empty()
    }

    /// Keeps what may not be passed on now.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Looks at what has just been read, which is what `buffer` has behind `from`, and leaves there what is to be passed
    /// on now. Says what is wrong with the head, where something is.
    pub(crate) fn look(&mut self, buffer: &mut ReadBuf<'_>, from: usize) -> Option<Fault> {
        let (plain, then) = self.scan(&buffer.filled()[from..]);
        if matches!(then, Then::More) {
            return None;
        }
        self.rest.extend_from_slice(&buffer.filled()[from + plain..]);
        buffer.set_filled(from + plain);
        self.go_on(buffer, then)
    }

    /// Passes on what was kept, as much as there is room for. Says what is wrong with the head, where something is.
    pub(crate) fn pass_kept(&mut self, buffer: &mut ReadBuf<'_>) -> Option<Fault> {
        if !self.ready.is_empty() {
            self.give(buffer);
            return None;
        }
        let (plain, then) = self.scan_rest();
        self.ready.extend_from_slice(&self.rest[..plain]);
        self.rest.advance(plain);
        self.go_on(buffer, then)
    }

    fn go_on(&mut self, buffer: &mut ReadBuf<'_>, mut then: Then) -> Option<Fault> {
        let fault = loop {
            match then {
                Then::More | Then::Wait => break None,
                Then::Encoded => {
                    let byte = self.rest.get_u8();
                    self.ready
                        .extend_from_slice(&[b'%', hex(byte >> 4), hex(byte & 15)]);
                    self.bytes += 3;
                }
                Then::End(what) => {
                    let end = self.end();
                    self.ready.extend_from_slice(end);
                    self.rest.clear();
                    self.at = At::Cut;
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
        // A connection that is idle keeps nothing.
        for kept in [&mut self.ready, &mut self.rest] {
            if kept.is_empty() {
                *kept = BytesMut::new();
            }
        }
    }

    fn scan_rest(&mut self) -> (usize, Then) {
        let rest = std::mem::take(&mut self.rest);
        let scanned = self.scan(&rest);
        self.rest = rest;
        scanned
    }

    /// What makes a head of what was passed on of one. Nobody will act on it.
    fn end(&self) -> &'static [u8] {
        match self.at {
            At::Start => b"GET / HTTP/1.1\r\n\r\n",
            At::Method => b" / HTTP/1.1\r\n\r\n",
            At::Target { .. } => b"/ HTTP/1.1\r\n\r\n",
            At::Version(at) => b"HTTP/1.1\r\n\r\n".get(at..).unwrap_or(b"\r\n\r\n"),
            At::Line => b"\r\n",
            At::LineCr => b"\n",
            _ if self.last == b'\r' => b"\n\r\n",
            _ => b": x\r\n\r\n",
        }
    }

    /// How many of these bytes go on as they are, and what comes then.
    fn scan(&mut self, bytes: &[u8]) -> (usize, Then) {
        let mut done = 0;
        let then = loop {
            let Some(&byte) = bytes.get(done) else {
                break Then::More;
            };
            let left = &bytes[done..];
            match self.at {
                At::Unsure => return (bytes.len(), Then::More),
                At::Handed | At::Either | At::Cut => break Then::Wait,
                At::Body(_) | At::Chunk(_) => done += self.skip(left.len()),
                At::Start
                | At::Method
                | At::Target { .. }
                | At::Version(_)
                | At::Line
                | At::LineCr
                | At::Header => match self.scan_head(byte, left) {
                    Ok(count) => done += count,
                    Err(then) => break then,
                },
                _ => {
                    self.at = self.chunk_line(byte);
                    done += usize::from(self.at != At::Unsure);
                }
            }
        };
        if let Some(last) = done.checked_sub(1) {
            self.last = bytes[last];
        }
        (done, then)
    }

    /// Moves over that much of a body, or as much as there is of it.
    fn skip(&mut self, count: usize) -> usize {
        let (At::Body(left) | At::Chunk(left)) = self.at else {
            return 0;
        };
        let passed = usize::try_from(left).unwrap_or(usize::MAX).min(count);
        let left = left - passed as u64;
        self.at = match self.at {
            At::Body(_) if left == 0 => At::Start,
            At::Body(_) => At::Body(left),
            _ if left == 0 => At::ChunkCr,
            _ => At::Chunk(left),
        };
        passed
    }

    /// How many bytes of a head's next piece, which begins with this one, go on as they are.
    fn scan_head(&mut self, byte: u8, left: &[u8]) -> Result<usize, Then> {
        let room = self.max_bytes.saturating_sub(self.bytes);
        if room == 0 {
            let in_target = matches!(self.at, At::Target { .. });
            return Err(Then::End(if in_target {
                Fault::LongTarget
            } else {
                Fault::Bytes
            }));
        }
        let mut passed = 1;
        match self.at {
            At::Start if !matches!(byte, b'\r' | b'\n') => self.at = At::Method,
            At::Method if byte == b' ' => self.at = At::Target { query: false },
            At::Target { .. } => passed = self.scan_target(left)?,
            At::Version(at) if at < VERSION.len() => {
                if byte != VERSION[at] {
                    return Err(Then::End(Fault::Line));
                }
                self.at = At::Version(at + 1);
            }
            At::Method | At::Version(_) if byte == b'\n' => self.at = At::Line,
            At::Version(_) => self.at = At::Version(usize::MAX),
            At::Line | At::LineCr if byte == b'\n' => {
                self.at = At::Handed;
                self.count += 1;
                (self.bytes, self.headers) = (0, 0);
                return Ok(1);
            }
            At::Line if byte == b'\r' => self.at = At::LineCr,
            At::Line if self.headers == self.max_headers => return Err(Then::End(Fault::Headers)),
            At::Line | At::LineCr => {
                self.headers += usize::from(self.at == At::Line);
                self.at = At::Header;
            }
            At::Header => {
                let mut line = &left[..room.min(left.len())];
                passed = line.skip_until(b'\n').unwrap_or_default();
                if left[..passed].ends_with(b"\n") {
                    self.at = At::Line;
                }
            }
            _ => {}
        }
        self.bytes += passed;
        Ok(passed)
    }

    /// The same of a target, which is where something may not.
    fn scan_target(&mut self, left: &[u8]) -> Result<usize, Then> {
        let room = LONGEST_TARGET.min(self.max_bytes).saturating_sub(self.bytes);
        if room == 0 {
            return Err(Then::End(Fault::LongTarget));
        }
        let At::Target { mut query } = self.at else {
            return Ok(0);
        };
        for (passed, byte) in left.iter().take(room).enumerate() {
            let then = match *byte {
                b' ' => {
                    self.at = At::Version(0);
                    return Ok(passed + 1);
                }
                byte if byte.is_ascii_control() => Then::End(Fault::Line),
                byte if is_taken(byte, query) => {
                    query |= byte == b'?';
                    continue;
                }
                _ => Then::Encoded,
            };
            self.at = At::Target { query };
            return if passed == 0 { Err(then) } else { Ok(passed) };
        }
        self.at = At::Target { query };
        Ok(left.len().min(room))
    }

    /// Where a byte of what is around chunks leads; where readers may differ about it, nobody knows.
    fn chunk_line(&self, byte: u8) -> At {
        match (self.at, byte) {
            (At::Size { digits: 1.., size } | At::Extension { size }, b'\r') => At::SizeLf { size },
            (At::Size { digits: 1.., size }, b';') => At::Extension { size },
            (At::Extension { size }, other) if other != b'\n' => At::Extension { size },
            (At::Size { digits, size }, digit) if digits < DIGITS && digit.is_ascii_hexdigit() => {
                let value = char::from(digit).to_digit(16).unwrap_or_default();
                At::Size {
                    digits: digits + 1,
                    size: size * 16 + u64::from(value),
                }
            }
            (At::SizeLf { size: 0 } | At::TrailerLf, b'\n') => At::Trailer,
            (At::SizeLf { size }, b'\n') => At::Chunk(size),
            (At::ChunkCr, b'\r') => At::ChunkLf,
            (At::ChunkLf, b'\n') => At::Size { digits: 0, size: 0 },
            (At::Trailer, b'\r') => At::EndLf,
            (At::EndLf, b'\n') => At::Start,
            (At::InTrailer, b'\r') => At::TrailerLf,
            (At::Trailer | At::InTrailer, other) if other != b'\n' => At::InTrailer,
            _ => At::Unsure,
        }
    }
}

/// Whether the HTTP library takes a byte of a target as it is.
fn is_taken(byte: u8, query: bool) -> bool {
    match byte {
        b'<' | b'>' | b'#' | 0x80.. => false,
        b'"' => !query,
        b'`' => query,
        _ => true,
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        0..10 => b'0' + digit,
        _ => b'A' + digit - 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these bytes in pieces of this size, read with so much room; what follows each head is told, and
    /// what is wrong with it is noted.
    fn passed(
        limits: &Limits,
        sent: &[u8],
        (piece, room): (usize, usize),
        follows: &[Follows],
    ) -> (Vec<u8>, Option<Fault>) {
        let mut heads = Heads::new(limits);
        let (mut passed, mut fault) = (Vec::new(), None);
        let mut sent = sent;
        loop {
            if heads.asks() {
                let number = usize::try_from(heads.count()).unwrap_or(0);
                heads.follow(follows.get(number - 1).copied());
            }
            if heads.is_cut() {
                break;
            }
            let mut bytes = vec![0; room];
            let mut buffer = ReadBuf::new(&mut bytes);
            let found = if heads.has_kept() {
                heads.pass_kept(&mut buffer)
            } else {
                let (now, later) = sent.split_at(piece.min(room).min(sent.len()));
                if now.is_empty() {
                    break;
                }
                sent = later;
                buffer.put_slice(now);
                heads.look(&mut buffer, 0)
            };
            assert!(!buffer.filled().is_empty(), "nothing is the end for a reader");
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

    /// A head that the library has not understood: nothing behind it is changed.
    #[test]
    fn what_was_not_understood_is_followed_no_further() {
        let (passed, _) = passed(&Limits::default(), STREAM, (1000, 1000), &[]);
        let first = b"\r\nGET /a?%22%3C%E9 HTTP/1.1\r\nx: \"<\r\n\r\n";
        assert_eq!(passed[..first.len()], first[..]);
        assert!(STREAM.ends_with(&passed[first.len()..]));
    }

    /// Wherever it is cut, the library gets a whole head.
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
                assert!(passed.len() <= most + SLACK, "{most}: {shown}");
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
                    assert_eq!(fault, Some(Fault::Headers));
                }
            }
        }
    }
}

//! As much of HTTP/1.1 (RFC 9112) as the app needs: a request's head and body, an answer's head and chunks.

use std::io::{self, BufRead, ErrorKind, Read, Write};

/// A request's head and what is known of its body.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    /// As received, in order.
    pub(crate) headers: Vec<(String, String)>,
    body: Body,
    http_1_0: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Length(u64),
    Chunked,
    Read,
}

impl Request {
    /// Reads one head; none at a clean end of the connection.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(line) = line(reader)? else {
            return Ok(None);
        };
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Err(bad("request line"));
        };
        let mut headers = Vec::new();
        loop {
            let line = self::line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad("header"))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        let mut request = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.collect(),
            headers,
            body: Body::Length(0),
            http_1_0: version == "HTTP/1.0",
        };
        if request
            .header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            request.body = Body::Chunked;
        } else if let Some(length) = request.header("content-length") {
            request.body = Body::Length(length.parse().map_err(|_| bad("content-length"))?);
        }
        Ok(Some(request))
    }

    /// A header's value, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// A value of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }

    /// A number of the query.
    pub(crate) fn number(&self, name: &str, default: u64) -> u64 {
        self.query(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    /// Whether the client will send another request on this connection.
    pub(crate) fn keeps_alive(&self) -> bool {
        let connection = self.header("connection").unwrap_or_default().to_ascii_lowercase();
        if self.http_1_0 {
            connection.contains("keep-alive")
        } else {
            !connection.contains("close")
        }
    }

    /// Reads what is left of the body and counts its bytes. Says `100 Continue` first where that is expected.
    pub(crate) fn read_body(&mut self, reader: &mut impl BufRead, mut stream: impl Write) -> io::Result<u64> {
        let body = std::mem::replace(&mut self.body, Body::Read);
        if matches!(body, Body::Read | Body::Length(0)) {
            return Ok(0);
        }
        if self
            .header("expect")
            .is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue"))
        {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        match body {
            Body::Length(length) => discard(reader, length),
            _ => read_chunks(reader),
        }
    }
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut total = 0;
    loop {
        let size = line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(|_| bad("chunk size"))?;
        if size == 0 {
            // Trailers end with an empty line.
            while line(reader)?.is_some_and(|line| !line.is_empty()) {}
            return Ok(total);
        }
        total += discard(reader, size)?;
        line(reader)?;
    }
}

fn discard(reader: &mut impl BufRead, length: u64) -> io::Result<u64> {
    let read = io::copy(&mut reader.take(length), &mut io::sink())?;
    if read < length {
        Err(ErrorKind::UnexpectedEof.into())
    } else {
        Ok(read)
    }
}

/// One line without its end; none at the connection's end.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    reader.take(64 * 1024).read_until(b'\n', &mut bytes)?;
    match bytes.pop() {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) => return Err(ErrorKind::UnexpectedEof.into()),
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    String::from_utf8(bytes).map(Some).map_err(|_| bad("bytes"))
}

/// `%41` and `+` of a query.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = (first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        if let Some(byte) = hex {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(if first == b'+' { b' ' } else { first });
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn bad(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("bad {what}"))
}

/// The words after a status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        404 => "Not Found",
        413 => "Content Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Said So",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read() {
        let mut bytes =
            &b"POST /upload?a=%41+b&n=7 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET"[..];
        let mut request = Request::read(&mut bytes).unwrap().unwrap();
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/upload")
        );
        assert_eq!((request.query("a"), request.number("n", 0)), (Some("A b"), 7));
        assert_eq!(request.header("HOST"), Some("x"));
        assert_eq!(request.read_body(&mut bytes, io::sink()).unwrap(), 3);
        assert_eq!(bytes, b"GET");
    }

    #[test]
    fn a_chunked_body_is_read_whole_and_waits_for_the_word() {
        let mut bytes = &b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3\r\nabc\r\n10;x\r\n0123456789abcdef\r\n0\r\n\r\n"[..];
        let mut said = Vec::new();
        let mut request = Request::read(&mut bytes).unwrap().unwrap();
        assert_eq!(request.read_body(&mut bytes, &mut said).unwrap(), 19);
        assert_eq!(said, b"HTTP/1.1 100 Continue\r\n\r\n");
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_body_that_ends_early_is_an_error() {
        let mut bytes = &b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"[..];
        let mut request = Request::read(&mut bytes).unwrap().unwrap();
        assert!(request.read_body(&mut bytes, io::sink()).is_err());
    }
}

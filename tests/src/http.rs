//! A small HTTP/1.1 client (RFC 9112) that says exactly how a request failed. It repeats nothing and hides
//! nothing: a client library that retries would hide what the stories count.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::PATIENCE;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection was not accepted.
    Refused(String),
    /// The connection ended before the answer's head was there.
    Reset(String),
    /// The answer began and ended too early.
    Truncated(String),
    /// The time was over.
    TimedOut(String),
    /// What came is no HTTP.
    Garbled(String),
}

/// An answer, complete.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, as received.
    pub headers: Vec<(String, String)>,
    /// Its body, without framing.
    pub body: Vec<u8>,
    /// When its head had arrived.
    pub head_at: Instant,
}

/// A connection, for one request after the other.
pub struct Connection {
    reader: BufReader<Stream>,
}

/// What bytes come and go by.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// `GET` on a connection of its own.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer, Failure> {
    send(address, "GET", path, &[], b"")
}

/// One request on a connection of its own.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, Failure> {
    let mut connection = Connection::open(address, PATIENCE)?;
    connection.request(
        method,
        path,
        &[&[("Connection", "close")], headers].concat(),
        body,
    )
}

impl Answer {
    /// A header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The version that answered; none when it was not the test app.
    pub fn version(&self) -> Option<&str> {
        self.header("x-app-version")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the server will close the connection.
    pub fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

impl Connection {
    /// Connects; `patience` also limits every later wait for bytes.
    pub fn open(address: SocketAddr, patience: Duration) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&address, patience).map_err(|error| match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Failure::TimedOut(format!("connecting: {error}")),
            _ => Failure::Refused(error.to_string()),
        })?;
        let prepared = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(patience)))
            .and_then(|()| stream.set_write_timeout(Some(patience)));
        prepared.map_err(|error| Failure::Reset(error.to_string()))?;
        Ok(Self {
            reader: BufReader::new(Stream::Plain(stream)),
        })
    }

    /// The same by TLS, to this name; the handshake is done with the first request.
    pub fn open_tls(
        address: SocketAddr,
        patience: Duration,
        config: &Arc<ClientConfig>,
        name: &'static str,
    ) -> Result<Self, Failure> {
        let garbled = |error: &dyn std::error::Error| Failure::Garbled(error.to_string());
        let name = ServerName::try_from(name).map_err(|error| garbled(&error))?;
        let tls = ClientConnection::new(Arc::clone(config), name).map_err(|error| garbled(&error))?;
        let Stream::Plain(stream) = Self::open(address, patience)?.reader.into_inner() else {
            unreachable!("it was opened without TLS")
        };
        Ok(Self {
            reader: BufReader::new(Stream::Tls(Box::new(StreamOwned::new(tls, stream)))),
        })
    }

    /// Sends a request and reads its answer to the end.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let mut all = headers.to_vec();
        let length = body.len().to_string();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            all.push(("Host", "localhost"));
        }
        if !body.is_empty() {
            all.push(("Content-Length", &length));
        }
        for (name, value) in all {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let sent = self.write(head.as_bytes()).and_then(|()| self.write(body));
        // A server may answer before it has read all; then the answer tells more than the failed write.
        let answer = self.read_answer(method);
        match (sent, answer) {
            (Err(failure), Err(_)) => Err(failure),
            (_, answer) => answer,
        }
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.reader
            .get_mut()
            .write_all(bytes)
            .map_err(|error| lost(&error, "sending"))
    }

    /// Reads exactly so many bytes.
    pub fn read(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; length];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|error| cut(&error, "reading bytes"))?;
        Ok(bytes)
    }

    /// Whether bytes wait to be read, or the end of the connection; does not wait for them longer than a moment.
    pub fn has_news(&mut self, moment: Duration) -> bool {
        if !self.reader.buffer().is_empty() {
            return true;
        }
        let stream = self.reader.get_ref().tcp();
        let patience = stream.read_timeout().ok().flatten();
        let _ = stream.set_read_timeout(Some(moment));
        // With TLS not all that comes is for whoever reads.
        let news = self.reader.fill_buf().is_ok();
        let _ = self.reader.get_ref().tcp().set_read_timeout(patience);
        news
    }

    /// Reads one answer; interim ones (`100 Continue`) are skipped. An upgrade (101) has no body here.
    pub fn read_answer(&mut self, method: &str) -> Result<Answer, Failure> {
        loop {
            let (status, headers) = self.read_head()?;
            let head_at = Instant::now();
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            let mut answer = Answer {
                status,
                headers,
                body: Vec::new(),
                head_at,
            };
            if method != "HEAD" && !matches!(status, 101 | 204 | 304) {
                answer.body = self.read_body(&answer)?;
            }
            return Ok(answer);
        }
    }

    /// Reads an interim answer: the server wants the body.
    pub fn await_continue(&mut self) -> Result<(), Failure> {
        match self.read_head()? {
            (100, _) => Ok(()),
            (status, _) => Err(Failure::Garbled(format!("status {status} instead of 100"))),
        }
    }

    fn read_head(&mut self) -> Result<(u16, Vec<(String, String)>), Failure> {
        let first = self.head_line()?;
        let status = first
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1)?.parse().ok())
            .ok_or_else(|| Failure::Garbled(format!("status line {first:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.head_line()?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| Failure::Garbled(format!("header line {line:?}")))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn head_line(&mut self) -> Result<String, Failure> {
        self.line()
            .map_err(|error| lost(&error, "waiting for the answer's head"))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn read_body(&mut self, answer: &Answer) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        if answer
            .header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            self.read_chunks(&mut body)?;
        } else if let Some(length) = answer.header("content-length") {
            let length: u64 = length
                .parse()
                .map_err(|_| Failure::Garbled(format!("length {length:?}")))?;
            self.read_into(&mut body, length)?;
        } else {
            self.reader
                .read_to_end(&mut body)
                .map_err(|error| cut(&error, "reading to the connection's end"))?;
        }
        Ok(body)
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> Result<(), Failure> {
        loop {
            let size = self.line().map_err(|error| cut(&error, "waiting for a chunk"))?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(digits, 16)
                .map_err(|_| Failure::Garbled(format!("chunk size {size:?}")))?;
            self.read_into(body, size)?;
            // The line end after the chunk; after the last one, trailers up to an empty line.
            while !self
                .line()
                .map_err(|error| cut(&error, "reading a chunk's end"))?
                .is_empty()
            {}
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn read_into(&mut self, body: &mut Vec<u8>, length: u64) -> Result<(), Failure> {
        let read = (&mut self.reader).take(length).read_to_end(body);
        let read = read.map_err(|error| cut(&error, "reading the body"))?;
        if (read as u64) < length {
            return Err(Failure::Truncated(format!("{read} of {length} bytes")));
        }
        Ok(())
    }
}

/// A failure before the head was there.
fn lost(error: &io::Error, during: &str) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::TimedOut(during.to_owned()),
        ErrorKind::InvalidData => Failure::Garbled(format!("{during}: {error}")),
        _ => Failure::Reset(format!("{during}: {error}")),
    }
}

/// A failure after it.
fn cut(error: &io::Error, during: &str) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::TimedOut(during.to_owned()),
        ErrorKind::InvalidData => Failure::Garbled(format!("{during}: {error}")),
        _ => Failure::Truncated(format!("{during}: {error}")),
    }
}

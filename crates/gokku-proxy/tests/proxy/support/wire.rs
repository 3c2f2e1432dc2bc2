//! One connection, of a client or of an app: exact bytes out, messages in.

use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::soon;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, and what was read of it and not yet asked for.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

/// A request or an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its first line.
    pub(crate) first: String,
    headers: Vec<(String, String)>,
    /// Its body, without the marks between chunks.
    pub(crate) body: Vec<u8>,
    /// What came after the last chunk.
    pub(crate) trailers: Vec<(String, String)>,
}

impl Message {
    fn new(head: &str) -> Self {
        let mut lines = head.lines();
        Self {
            first: lines.next().unwrap_or_default().to_owned(),
            headers: lines.filter_map(field).collect(),
            ..Self::default()
        }
    }

    /// An answer's status.
    pub(crate) fn status(&self) -> u16 {
        let word = self.first.split(' ').nth(1);
        word.and_then(|word| word.parse().ok())
            .unwrap_or_else(|| panic!("no answer: {self:?}"))
    }

    /// Every header of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = self
            .headers
            .iter()
            .filter(|(one, _)| one.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The one header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} twice: {self:?}");
        all.first().copied()
    }

    /// The names of all headers, in lower case and in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
        names.sort();
        names
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_owned(), value.trim().to_owned()))
}

/// A whole answer with this body.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

impl Wire {
    pub(crate) fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            read: Vec::new(),
        }
    }

    /// A client's connection to a host port.
    pub(crate) async fn connect(port: u16) -> Self {
        Self::try_connect(port).await.expect("a connection")
    }

    pub(crate) async fn try_connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }

    /// A connection to a Unix socket.
    pub(crate) async fn unix(socket: &Path) -> Self {
        Self::new(UnixStream::connect(socket).await.expect("a connection"))
    }

    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon("bytes to be taken", self.try_send(bytes)).await.unwrap();
    }

    /// No more will be sent on it.
    pub(crate) async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Reads another piece; false at the end.
    async fn more(&mut self) -> io::Result<bool> {
        self.read.reserve(64 * 1024);
        Ok(self.stream.read_buf(&mut self.read).await? > 0)
    }

    async fn filled(&mut self, length: usize) -> io::Result<()> {
        while self.read.len() < length {
            if !self.more().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    async fn try_take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        self.filled(length).await?;
        let rest = self.read.split_off(length);
        Ok(std::mem::replace(&mut self.read, rest))
    }

    /// So many bytes.
    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        soon("bytes", self.try_take(length)).await.unwrap()
    }

    /// All bytes up to these, which are the last of them.
    async fn try_through(&mut self, mark: &[u8]) -> io::Result<Option<String>> {
        let mut seen = 0_usize;
        loop {
            let from = seen.saturating_sub(mark.len());
            let found = self.read[from..]
                .windows(mark.len())
                .position(|window| window == mark);
            if let Some(at) = found {
                let bytes = self.try_take(from + at + mark.len()).await?;
                return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
            }
            seen = self.read.len();
            if !self.more().await? {
                return if self.read.is_empty() {
                    Ok(None)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// All up to this text, which is the last of it.
    pub(crate) async fn through(&mut self, mark: &str) -> String {
        soon(mark, self.try_through(mark.as_bytes()))
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("it ended before {mark:?}"))
    }

    /// A message's head, without what follows.
    pub(crate) async fn head(&mut self) -> Message {
        Message::new(&self.through("\r\n\r\n").await)
    }

    /// Everything up to the end, however it ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        soon("the end", async { while let Ok(true) = self.more().await {} }).await;
        std::mem::take(&mut self.read)
    }

    /// A whole message, or none where the connection ended in peace.
    pub(crate) async fn try_message(&mut self) -> io::Result<Option<Message>> {
        let Some(head) = self.try_through(b"\r\n\r\n").await? else {
            return Ok(None);
        };
        let mut message = Message::new(&head);
        let answer = message.first.starts_with("HTTP/");
        let length = message.header("content-length").map(str::parse::<usize>);
        if message.header("transfer-encoding").is_some() {
            self.chunks(&mut message).await?;
        } else if let Some(length) = length {
            message.body = self.try_take(length.unwrap()).await?;
        } else if answer && ![204, 304].contains(&message.status()) {
            while self.more().await? {}
            message.body = std::mem::take(&mut self.read);
        }
        Ok(Some(message))
    }

    async fn chunks(&mut self, message: &mut Message) -> io::Result<()> {
        let cut = || io::Error::from(ErrorKind::UnexpectedEof);
        loop {
            let line = self.try_through(b"\r\n").await?.ok_or_else(cut)?;
            let length = usize::from_str_radix(line.trim(), 16).expect("a chunk's length");
            if length == 0 {
                break;
            }
            message.body.extend(self.try_take(length).await?);
            assert_eq!(self.try_take(2).await?, b"\r\n");
        }
        loop {
            let line = self.try_through(b"\r\n").await?.ok_or_else(cut)?;
            match field(&line) {
                Some(trailer) => message.trailers.push(trailer),
                None => return Ok(()),
            }
        }
    }

    /// A whole message.
    pub(crate) async fn message(&mut self) -> Message {
        soon("a message", self.try_message())
            .await
            .expect("a whole message")
            .expect("a message before the end")
    }

    /// Asks for a path and keeps the connection.
    pub(crate) async fn get(&mut self, path: &str) -> Message {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: api.example.com\r\n\r\n"))
            .await;
        self.message().await
    }
}

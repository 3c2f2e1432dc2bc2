//! A server that does one thing wrong, always.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// What it does wrong.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// Reads the request and closes.
    ClosesWithoutAnswer,
    /// Answers the first request of a connection well, keeps it alive, and closes it at the second.
    ForgetsKeptConnections,
    /// Promises more bytes than it sends.
    CutsTheBody,
    /// Ends a chunked body without its last chunk.
    CutsTheChunks,
    /// Answers 502 without the app's mark.
    BadGateway,
    /// Answers 404 without the app's mark.
    NotFound,
    /// Answers with the app's mark and another body.
    WrongBody,
    /// Answers 500 with the app's mark.
    AppFails,
    /// Answers nothing and keeps the connection.
    Silent,
    /// Accepts a WebSocket, says its first word, and ends it without a close.
    DropsWebSockets,
    /// Says it is no HTTP.
    Babbles,
}

/// Starts it on a port of its own; it ends with the test process.
pub(crate) fn serve(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || drop(answer(fault, stream)));
        }
    });
    address
}

fn answer(fault: Fault, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    read_request(&mut reader)?;
    let text: &[u8] = match fault {
        Fault::ClosesWithoutAnswer | Fault::Silent => b"",
        Fault::ForgetsKeptConnections => {
            b"HTTP/1.1 200 OK\r\nX-App-Version: v1\r\nContent-Length: 2\r\n\r\nv1"
        }
        Fault::CutsTheBody => b"HTTP/1.1 200 OK\r\nX-App-Version: v1\r\nContent-Length: 3\r\n\r\nv1",
        Fault::CutsTheChunks => {
            b"HTTP/1.1 200 OK\r\nX-App-Version: v1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nv1\r\n"
        }
        Fault::BadGateway => b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        Fault::NotFound => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        Fault::WrongBody => b"HTTP/1.1 200 OK\r\nX-App-Version: v1\r\nContent-Length: 2\r\n\r\nv2",
        Fault::AppFails => b"HTTP/1.1 500 No\r\nX-App-Version: v1\r\nContent-Length: 2\r\n\r\nv1",
        Fault::DropsWebSockets => {
            b"HTTP/1.1 101 Go\r\nX-App-Version: v1\r\nConnection: Upgrade\r\n\r\n\x81\x02v1"
        }
        Fault::Babbles => b"SSH-2.0-what\r\n",
    };
    stream.write_all(text)?;
    match fault {
        Fault::ForgetsKeptConnections => read_request(&mut reader),
        // Until the client has had enough.
        Fault::Silent => reader.read_to_end(&mut Vec::new()).map(drop),
        _ => Ok(()),
    }
}

/// Reads a head and the body it announces: a connection closed with bytes unread would end in another way.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            return std::io::copy(&mut reader.take(length), &mut std::io::sink()).map(drop);
        }
    }
}

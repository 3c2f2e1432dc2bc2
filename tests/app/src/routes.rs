//! What each path answers.
//!
//! | path | answer |
//! |---|---|
//! | `/`, `/version` | the version |
//! | `/health` | `healthy`, or as the behaviour or `/be` says |
//! | `/be?health=N` | from now on `/health` answers N |
//! | `/slow?ms=M&body-ms=B` | head after M ms, the body's end B ms later |
//! | `/stream?chunks=N&ms=M` | N chunks, M ms between them |
//! | `/sse?ms=M` | an event every M ms until the client leaves or the app stops |
//! | `POST /upload` | `BYTES VERSION`, once the body is read |
//! | `POST /refuse` | 413, before the body is read, and the connection is closed |
//! | `/ws` | a WebSocket: says the version, then echoes |
//! | `/env?name=K` | the value's exact bytes, or 404 |
//! | `/env-dump` | the whole environment, `K=V` each ended by a NUL |
//! | `/read?file=F` | the file's exact bytes, or 404 |
//! | `/append?file=F&line=L` | adds the line to the file; 500 where that cannot be |
//! | `/raw` | what becomes of an attempt to send raw packets |
//! | `/reach?host=H` | the version of the app that listens on port 8080 there; 502 where none does |
//! | `/headers` | the request's head, as it arrived |
//! | `/many?headers=N` | N headers of one name |
//! | `/requests` | how many client requests came since the start |
//! | `/log?line=L` | writes the line to stdout |
//! | `/exit?code=N` | ends the process at once, with no answer |
//! | `/status?code=N` | that status, from the app |
//!
//! Each answer carries `X-App-Version`, so that a client can tell the app's answers from anyone else's.

use std::fmt::Write as _;
use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::Duration;

use crate::http::{Request, reason};
use crate::state::State;
use crate::tools;
use crate::websocket;

/// Answers one request; whether the connection goes on.
pub(crate) fn answer(
    state: &State,
    request: &mut Request,
    reader: &mut BufReader<&TcpStream>,
    stream: &TcpStream,
) -> io::Result<bool> {
    if !matches!(request.path.as_str(), "/health" | "/requests") {
        state.count_request();
    }
    if request.path == "/ws" {
        websocket::serve(state, request, reader, stream)?;
        return Ok(false);
    }
    let mut answer = Answer {
        state,
        keep: request.keeps_alive(),
        head_only: request.method == "HEAD",
        stream,
    };
    if request.path == "/refuse" {
        answer.keep = false;
        answer.text(413, "too large")?;
        return Ok(false);
    }
    let bytes = request.read_body(reader, stream)?;
    if state
        .behaviour
        .want_host
        .as_deref()
        .is_some_and(|want| request.header("host") != Some(want))
    {
        answer.text(400, "no such host")?;
        return Ok(answer.keep);
    }
    match request.path.as_str() {
        "/" | "/version" => answer.text(200, &state.version)?,
        "/health" => health(state, &mut answer)?,
        "/slow" => {
            pause(request.number("ms", 5000));
            answer.in_two(&state.version, request.number("body-ms", 0))?;
        }
        "/stream" => answer.chunks(request.number("chunks", 10), request.number("ms", 100))?,
        "/sse" => answer.events(request.number("ms", 100))?,
        "/upload" => answer.text(200, &format!("{bytes} {}", state.version))?,
        "/env" => match request.query("name").and_then(std::env::var_os) {
            Some(value) => answer.bytes(200, &[], value.as_bytes())?,
            None => answer.text(404, "not set")?,
        },
        "/env-dump" => answer.bytes(200, &[], &environment())?,
        "/headers" => {
            let head = request
                .headers
                .iter()
                .fold(String::new(), |mut head, (name, value)| {
                    let _ = writeln!(head, "{name}: {value}");
                    head
                });
            answer.text(200, &head)?;
        }
        "/many" => {
            let many = vec![("X-Many", "1"); usize::try_from(request.number("headers", 1)).unwrap_or(1)];
            answer.bytes(200, &many, b"many")?;
        }
        "/read" => match std::fs::read(request.query("file").unwrap_or_default()) {
            Ok(bytes) => answer.bytes(200, &[], &bytes)?,
            Err(error) => answer.text(404, &error.to_string())?,
        },
        "/reach" => {
            let host = request.query("host").unwrap_or_default();
            match tools::version_of(host, 8080) {
                Ok(version) => answer.text(200, &version)?,
                Err(error) => answer.text(502, &error.to_string())?,
            }
        }
        "/append" => {
            let of = |name| request.query(name).unwrap_or_default();
            match tools::append(of("file"), of("line")) {
                Ok(()) => answer.text(200, "appended")?,
                Err(error) => answer.text(500, &error.to_string())?,
            }
        }
        "/raw" => answer.text(200, &tools::raw())?,
        "/be" => {
            state.set_health(u16::try_from(request.number("health", 200)).unwrap_or(500));
            answer.text(200, "as told")?;
        }
        "/requests" => answer.text(200, &state.requests().to_string())?,
        "/log" => {
            println!("{}", request.query("line").unwrap_or_default());
            answer.text(200, "logged")?;
        }
        "/exit" => std::process::exit(i32::try_from(request.number("code", 1)).unwrap_or(1)),
        "/status" => answer.text(
            u16::try_from(request.number("code", 500)).unwrap_or(500),
            "as told",
        )?,
        _ => answer.text(404, "no such path")?,
    }
    Ok(answer.keep)
}

fn health(state: &State, answer: &mut Answer) -> io::Result<()> {
    let told = &state.behaviour;
    thread::sleep(told.slow_health);
    match state.health() {
        _ if told.redirect_health => answer.bytes(302, &[("Location", "/login")], b"moved"),
        200 => answer.text(200, "healthy"),
        status => answer.text(status, &format!("told to answer {status}")),
    }
}

fn environment() -> Vec<u8> {
    let mut dump = Vec::new();
    for (name, value) in std::env::vars_os() {
        dump.extend_from_slice(name.as_bytes());
        dump.push(b'=');
        dump.extend_from_slice(value.as_bytes());
        dump.push(0);
    }
    dump
}

fn pause(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// An answer that is being written.
struct Answer<'a> {
    state: &'a State,
    keep: bool,
    head_only: bool,
    stream: &'a TcpStream,
}

impl Answer<'_> {
    fn text(&mut self, status: u16, body: &str) -> io::Result<()> {
        self.bytes(status, &[], body.as_bytes())
    }

    fn bytes(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        let length = body.len().to_string();
        let mut bytes = self.head(
            status,
            &[&[("Content-Length", length.as_str())], headers].concat(),
        );
        if !self.head_only {
            bytes.extend_from_slice(body);
        }
        self.stream.write_all(&bytes)
    }

    /// The head and the first half of the body at once, the rest that much later.
    fn in_two(&mut self, body: &str, millis: u64) -> io::Result<()> {
        if millis == 0 {
            return self.text(200, body);
        }
        let mut bytes = self.head(200, &[("Content-Length", &(body.len() + 1).to_string())]);
        bytes.extend_from_slice(body.as_bytes());
        self.stream.write_all(&bytes)?;
        pause(millis);
        self.stream.write_all(b"\n")
    }

    fn chunks(&mut self, count: u64, millis: u64) -> io::Result<()> {
        let head = self.head(200, &[("Transfer-Encoding", "chunked")]);
        self.stream.write_all(&head)?;
        for number in 0..count {
            if number > 0 {
                pause(millis);
            }
            self.chunk(&format!("{number} {}\n", self.state.version))?;
        }
        self.stream.write_all(b"0\r\n\r\n")
    }

    fn events(&mut self, millis: u64) -> io::Result<()> {
        let head = self.head(
            200,
            &[
                ("Content-Type", "text/event-stream"),
                ("Transfer-Encoding", "chunked"),
            ],
        );
        self.stream.write_all(&head)?;
        let mut number = 0_u64;
        while !self.state.is_stopping() {
            self.chunk(&format!("id: {number}\ndata: {}\n\n", self.state.version))?;
            number += 1;
            pause(millis);
        }
        self.keep = false;
        self.stream.write_all(b"0\r\n\r\n")
    }

    fn chunk(&mut self, text: &str) -> io::Result<()> {
        self.stream
            .write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
    }

    fn head(&mut self, status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
        self.keep &= !self.state.is_stopping();
        let mut head = format!(
            "HTTP/1.1 {status} {}\r\nX-App-Version: {}\r\n",
            reason(status),
            self.state.version
        );
        if !headers.iter().any(|(name, _)| *name == "Content-Type") {
            head.push_str("Content-Type: text/plain\r\n");
        }
        if !self.keep {
            head.push_str("Connection: close\r\n");
        }
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

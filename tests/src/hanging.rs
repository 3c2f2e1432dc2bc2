//! A socket in front of a Docker Engine's that passes everything on, until it is told that the engine hangs: then it
//! takes connections and requests, and answers nothing.
//!
//! What was held goes on when the engine does, as with one that was stopped by a signal: also what nobody waits for any
//! more.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tempfile::TempDir;

/// The largest head of a request that a client of an engine sends.
const LARGEST_HEAD: usize = 64 * 1024;

/// An engine that can be told to hang. Its threads end with it.
pub struct Hanging {
    folder: TempDir,
    gate: Arc<Gate>,
}

/// What hangs, and what was asked.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Patterns of requests, `GET /containers/*/json`, that get no answer and no more of one.
    hanging: Vec<String>,
    /// Every request so far, in the order they came.
    asked: Vec<String>,
    over: bool,
}

impl Hanging {
    /// In front of the engine that listens on this socket.
    #[track_caller]
    pub fn in_front_of(engine: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gokku-hanging-")
            .tempdir()
            .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
        let hanging = Self {
            folder,
            gate: Arc::default(),
        };
        let socket = hanging.socket();
        let listener =
            UnixListener::bind(&socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let (gate, engine) = (Arc::clone(&hanging.gate), engine.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if gate.lock().over {
                    return;
                }
                let (gate, engine) = (Arc::clone(&gate), engine.clone());
                thread::spawn(move || pass_on(&gate, client, &engine));
            }
        });
        hanging
    }

    /// In front of the machine's own engine, or the one that `DOCKER_HOST` names.
    #[track_caller]
    pub fn in_front_of_the_machines() -> Self {
        Self::in_front_of(&crate::docker::socket())
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Its address, as `DOCKER_HOST` has it.
    pub fn host(&self) -> OsString {
        let mut host = OsString::from("unix://");
        host.push(self.socket());
        host
    }

    /// Nothing is answered from now on, nor is more of an answer that has begun.
    pub fn hang_all(&self) {
        self.hang("*");
    }

    /// The same for requests like this one: a method and a path, in which `*` stands for anything, `GET
    /// /containers/*/json`. The API's version in front of the path, and what follows a `?`, does not count.
    pub fn hang(&self, pattern: &str) {
        self.gate.lock().hanging.push(pattern.to_owned());
    }

    /// The stream of events says nothing more; those who follow it now are not told that it is so.
    pub fn hang_events(&self) {
        self.hang("GET /events");
    }

    /// Nothing hangs any more: what was asked meanwhile is answered.
    pub fn go_on(&self) {
        self.gate.lock().hanging.clear();
        self.gate.changed.notify_all();
    }

    /// The requests that came so far, `GET /containers/1a2b/json`, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.gate.lock().asked.clone()
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.gate.lock().over = true;
        self.gate.changed.notify_all();
        // Whoever takes connections looks whether it is over.
        let _ = UnixStream::connect(self.socket());
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while this request hangs; an error when it is all over.
    fn wait(&self, request: &str) -> io::Result<()> {
        let hangs = |state: &mut State| !state.over && state.hanging.iter().any(|one| matches(one, request));
        let state = self.changed.wait_while(self.lock(), hangs);
        if state.unwrap_or_else(PoisonError::into_inner).over {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// Whether a text is like a pattern, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            rest.is_empty()
                || (0..=text.len()).any(|at| text.get(at..).is_some_and(|text| matches(rest, text)))
        }),
    }
}

/// Serves one connection, in this thread and one for the way back.
fn pass_on(gate: &Arc<Gate>, client: UnixStream, engine: &Path) {
    let Ok(engine) = UnixStream::connect(engine) else {
        return;
    };
    let (Ok(mut to_client), Ok(mut from_engine)) = (client.try_clone(), engine.try_clone()) else {
        return;
    };
    let request = Arc::new(Mutex::new(String::new()));
    let (answering, answered) = (Arc::clone(gate), Arc::clone(&request));
    let back = thread::spawn(move || {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from_engine.read(&mut bytes) {
            let answered = answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if answering.wait(&answered).is_err() || to_client.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Write);
        let _ = from_engine.shutdown(Shutdown::Read);
    });
    let mut way = Way {
        client,
        engine,
        buffer: Vec::new(),
    };
    let _ = way.requests(gate, &request);
    let _ = way.engine.shutdown(Shutdown::Write);
    let _ = back.join();
    let _ = way.client.shutdown(Shutdown::Both);
}

/// The way from a client to the engine.
struct Way {
    client: UnixStream,
    engine: UnixStream,
    /// What was read and not passed on.
    buffer: Vec<u8>,
}

impl Way {
    /// Passes one request after the other on; returns at the connection's end.
    fn requests(&mut self, gate: &Gate, current: &Mutex<String>) -> io::Result<()> {
        loop {
            let end = self.until(b"\r\n\r\n")?;
            let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            let request = named(&head);
            gate.lock().asked.push(request.clone());
            current
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(&request);
            gate.wait(&request)?;
            self.give(end)?;
            if header(&head, "upgrade").is_some() {
                self.rest()?;
            } else if header(&head, "transfer-encoding").is_some() {
                self.chunks()?;
            } else if let Some(length) = header(&head, "content-length") {
                self.exactly(length.parse().map_err(io::Error::other)?)?;
            }
        }
    }

    /// Reads more; an error at the end.
    fn more(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        let count = self.client.read(&mut bytes)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(())
    }

    /// Reads on until these bytes are there; where they end.
    fn until(&mut self, wanted: &[u8]) -> io::Result<usize> {
        loop {
            let mut places = self.buffer.windows(wanted.len());
            if let Some(at) = places.position(|bytes| bytes == wanted) {
                return Ok(at + wanted.len());
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(ErrorKind::InvalidData.into());
            }
            self.more()?;
        }
    }

    /// Passes on what was read, up to here.
    fn give(&mut self, end: usize) -> io::Result<()> {
        self.engine.write_all(&self.buffer[..end])?;
        self.buffer.drain(..end);
        Ok(())
    }

    fn exactly(&mut self, mut left: usize) -> io::Result<()> {
        while left > 0 {
            if self.buffer.is_empty() {
                self.more()?;
            }
            let part = left.min(self.buffer.len());
            self.give(part)?;
            left -= part;
        }
        Ok(())
    }

    fn chunks(&mut self) -> io::Result<()> {
        loop {
            let end = self.until(b"\r\n")?;
            let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
            self.give(end)?;
            // With the line end after it; the last one has no trailers.
            self.exactly(size + 2)?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    /// All that comes, as it is.
    fn rest(&mut self) -> io::Result<()> {
        loop {
            let end = self.buffer.len();
            self.give(end)?;
            self.more()?;
        }
    }
}

/// A request as patterns name it: `GET /containers/json`.
fn named(head: &str) -> String {
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let versioned = path.strip_prefix("/v").and_then(|rest| rest.split_once('/'));
    match versioned {
        Some((version, rest)) if version.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()) => {
            format!("{method} /{rest}")
        }
        _ => format!("{method} {path}"),
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = headers.filter(|(have, _)| have.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_named_and_told_apart() {
        let head = "GET /v1.41/containers/1a2b/json?size=1 HTTP/1.1\r\nHost: docker\r\n\r\n";
        assert_eq!(named(head), "GET /containers/1a2b/json");
        assert_eq!(named("HEAD /_ping HTTP/1.1\r\n\r\n"), "HEAD /_ping");
        assert_eq!(named("GET /volumes HTTP/1.1\r\n\r\n"), "GET /volumes");
        for (pattern, is_it) in [
            ("*", true),
            ("GET /containers/*/json", true),
            ("GET /containers/1a2b*", true),
            ("* /containers/1a2b/json", true),
            ("GET /containers/*", true),
            ("GET /containers/json", false),
            ("GET /containers/*/stop", false),
            ("POST *", false),
        ] {
            assert_eq!(matches(pattern, &named(head)), is_it, "{pattern}");
        }
    }
}

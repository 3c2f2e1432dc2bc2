//! The docker program, with an engine that only keeps what it is sent: what a build gets is decided by the program.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Listens until it is dropped; for one build at a time.
pub(crate) struct Client {
    folder: tempfile::TempDir,
    over: Arc<AtomicBool>,
    sent: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Client {
    pub(crate) fn new() -> Self {
        let client = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            over: Arc::default(),
            sent: Arc::default(),
        };
        let listener = UnixListener::bind(client.socket()).expect("a socket");
        let (over, sent) = (client.over.clone(), client.sent.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let sent = sent.clone();
                // One whose client is gone ends with an error, which is no news.
                thread::spawn(move || stream.and_then(|stream| serve(stream, &sent)));
            }
        });
        client
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// The paths that `docker build` sends of a folder, or what it says instead of sending.
    pub(crate) fn sends(&self, folder: &Path, dockerfile: &str) -> Result<BTreeSet<Vec<u8>>, String> {
        let output = Command::new("docker")
            .args(["build", "--quiet", "--file"])
            .args([&folder.join(dockerfile), folder])
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .env("DOCKER_CONFIG", self.folder.path())
            // The program's own way of sending; BuildKit's is another program's.
            .env("DOCKER_BUILDKIT", "0")
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_CONTENT_TRUST")
            .output()
            .expect("docker runs");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "nobody built anything: {words}");
        let sent = self.sent.lock().expect("what was sent").take();
        sent.map(|tar| paths(&tar)).ok_or(words)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _ = UnixStream::connect(self.socket());
    }
}

/// What is in a tar stream, folders without the slash at their end.
pub(crate) fn paths(tar: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().expect("a tar stream");
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path_bytes().into_owned();
            path.strip_suffix(b"/")
                .map_or_else(|| path.clone(), <[u8]>::to_vec)
        })
        .collect()
}

fn serve(stream: UnixStream, sent: &Mutex<Option<Vec<u8>>>) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut requests = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if requests.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        if !head.starts_with("POST ") {
            answers.write_all(b"HTTP/1.1 200 OK\r\napi-version: 1.41\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        }
        let body = chunked(&mut requests)?;
        *sent.lock().expect("what was sent") = Some(body);
        let words = "{\"message\":\"it is kept\"}";
        let answer = format!(
            "HTTP/1.1 500 Kept\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{words}",
            words.len()
        );
        answers.write_all(answer.as_bytes())?;
    }
}

/// A body in chunks, RFC 9112, 7.1.
fn chunked(from: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        from.by_ref().take(length).read_to_end(&mut body)?;
        from.read_line(&mut line)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

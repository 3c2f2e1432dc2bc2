//! A socket that answers as an engine would that is too old, too new, broken or without BuildKit.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is done with a connection, once its first request's head is there.
pub(crate) enum Reply {
    /// These bytes, and the end.
    Answer(String),
    /// Nothing, and the end.
    HangUp,
    /// These bytes, and then nothing more until the client has gone.
    Hang(String),
    /// It goes to this socket, and the answer comes back.
    PassOn(PathBuf),
}

/// Listens until it is dropped.
pub(crate) struct Middle {
    folder: tempfile::TempDir,
    over: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// An HTTP answer with JSON in it.
pub(crate) fn answer(status: &str, json: &str) -> Reply {
    Reply::Answer(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{json}",
        json.len()
    ))
}

impl Middle {
    /// Listens; `reply` decides by the first line of the first request.
    pub(crate) fn new(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let middle = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            over: Arc::default(),
            asked: Arc::default(),
        };
        let listener = UnixListener::bind(middle.socket()).expect("a socket");
        let (over, asked, reply) = (middle.over.clone(), middle.asked.clone(), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (asked, reply) = (asked.clone(), reply.clone());
                // One whose client is gone ends with an error, which is no news.
                thread::spawn(move || stream.and_then(|stream| serve(stream, &asked, &*reply)));
            }
        });
        middle
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// The first lines of the requests that came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the list").clone()
    }
}

impl Drop for Middle {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _ = UnixStream::connect(self.socket());
    }
}

fn serve(
    mut stream: UnixStream,
    asked: &Mutex<Vec<String>>,
    reply: &dyn Fn(&str) -> Reply,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let line = String::from_utf8_lossy(&head)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let reply = reply(&line);
    asked.lock().expect("the list").push(line);
    match reply {
        Reply::HangUp => Ok(()),
        Reply::Answer(text) => {
            stream.write_all(text.as_bytes())?;
            stream.shutdown(Shutdown::Write)?;
            // What is still on its way is read, or the client would see a reset and not the answer.
            std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
        }
        Reply::Hang(text) => {
            stream.write_all(text.as_bytes())?;
            std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
        }
        Reply::PassOn(socket) => pass_on(stream, &head, &socket),
    }
}

fn pass_on(mut client: UnixStream, head: &[u8], socket: &Path) -> std::io::Result<()> {
    let mut engine = UnixStream::connect(socket)?;
    engine.write_all(head)?;
    let (mut back_from, mut back_to) = (engine.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        let copied = std::io::copy(&mut back_from, &mut back_to);
        let _ = back_to.shutdown(Shutdown::Both);
        copied
    });
    let there = std::io::copy(&mut client, &mut engine);
    let _ = engine.shutdown(Shutdown::Both);
    let _ = back.join();
    there.map(drop)
}

//! A program in a container, with this program's input, output and terminal.

use std::io::{IsTerminal, Read, Write};

use futures_util::StreamExt;
use gokku_core::text::read_limits::PASSWORD;
use gokku_server::engine::{Session, SessionHandle, Stream};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Error;

/// Whether both ends are a terminal, so that the program gets one.
pub(crate) fn is_one() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// The terminal as it was, put back when this is dropped.
struct Raw(Termios);

impl Raw {
    /// Every key goes to the program as it is typed.
    fn new() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Reads a line that is not shown. Ctrl-C and Ctrl-D end it, and the terminal is as it was.
pub(crate) fn typed_unseen() -> Result<String, Error> {
    let raw = Raw::new().ok_or_else(|| Error::failed("the terminal cannot be told to show nothing"))?;
    let mut typed = Vec::new();
    let ended = loop {
        let mut byte = [0];
        match std::io::stdin().read(&mut byte) {
            Ok(1..) => match byte[0] {
                b'\r' | b'\n' => break true,
                0x03 | 0x04 => break false,
                0x08 | 0x7f => {
                    // A character may have several bytes: the last of them begins it.
                    while typed.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
                }
                _ if PASSWORD.check(typed.len() + 1).is_err() => break false,
                byte => typed.push(byte),
            },
            _ => break false,
        }
    };
    drop(raw);
    let _ = writeln!(std::io::stderr().lock());
    if !ended {
        return Err(Error::usage("nothing was typed, and nothing was changed"));
    }
    String::from_utf8(typed).map_err(|_| Error::usage("what was typed is not UTF-8"))
}

/// Passes everything through until the program ends, and gives its exit code.
pub(crate) async fn pass_through(mut session: Session, tty: bool) -> Result<u8, Error> {
    let handle = session.handle();
    let _raw = if tty { Raw::new() } else { None };
    if tty {
        tokio::spawn(follow_size(handle.clone()));
    }
    if let Some(mut input) = session.input.take() {
        let (sender, mut typed) = tokio::sync::mpsc::channel::<Vec<u8>>(8);
        // A thread of its own: reading from a terminal cannot be given up.
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = std::io::stdin().read(&mut buffer) {
                if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        tokio::spawn(async move {
            while let Some(bytes) = typed.recv().await {
                if input.write_all(&bytes).await.and(input.flush().await).is_err() {
                    return;
                }
            }
            let _ = input.shutdown().await;
        });
    }
    while let Some(piece) = session.output.next().await {
        let piece = piece.map_err(gokku_server::Error::from)?;
        let written = match piece.stream {
            Stream::Out => {
                let mut out = std::io::stdout().lock();
                out.write_all(&piece.bytes).and_then(|()| out.flush())
            }
            Stream::Err => std::io::stderr().lock().write_all(&piece.bytes),
        };
        if written.is_err() {
            break;
        }
    }
    let code = handle.exit_code().await.map_err(gokku_server::Error::from)?;
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Waits until this process is told to end: by Ctrl-C, by another process, or because whoever listened is gone. Gives
/// the exit code that this makes.
pub(crate) async fn told_to_end() -> u8 {
    let heard = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = heard(SignalKind::interrupt()) => 130,
        _ = heard(SignalKind::terminate()) => 143,
        _ = heard(SignalKind::hangup()) => 129,
    }
}

async fn follow_size(handle: SessionHandle) {
    let Ok(mut changed) = signal(SignalKind::window_change()) else {
        return;
    };
    loop {
        if let Ok(size) = tcgetwinsize(std::io::stdin()) {
            // A program that has not begun yet has no terminal to resize.
            let _ = handle.resize(size.ws_row, size.ws_col).await;
        }
        if changed.recv().await.is_none() {
            return;
        }
    }
}

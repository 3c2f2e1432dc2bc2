//! A request that is in flight for exactly as long as a story wants.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::{Answer, App, Connection, Failure, PATIENCE};

/// How often a byte of its body comes: well within any limit on silence.
const EVERY: Duration = Duration::from_millis(500);

/// A request whose body has no end until it is told to, so that it is in flight until then, however slow the machine.
#[must_use = "it is in flight until it is finished"]
pub struct HeldRequest {
    end: Sender<()>,
    answer: JoinHandle<Result<Answer, Failure>>,
}

impl HeldRequest {
    /// Begins a `POST`; returns when the app has it, which it says by `100 Continue` (RFC 9110, section 10.1.1).
    #[track_caller]
    pub fn begin(app: &App<'_>, path: &str) -> Self {
        let begun = Connection::open(app.address(), PATIENCE).and_then(|mut connection| {
            let head =
                "Host: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue";
            connection.write(format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes())?;
            connection.await_continue()?;
            Ok(connection)
        });
        let mut connection = begun.unwrap_or_else(|why| panic!("{path} was not begun: {why:?}"));
        let (end, ends) = mpsc::channel();
        let answer = thread::spawn(move || {
            while ends.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                connection.write(b"1\r\n.\r\n")?;
            }
            connection.write(b"0\r\n\r\n")?;
            connection.read_answer("POST")
        });
        Self { end, answer }
    }

    /// Ends its body; what was answered then.
    pub fn finish(self) -> Result<Answer, Failure> {
        drop(self.end);
        self.answer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

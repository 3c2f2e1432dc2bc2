//! A program that goes on beside the story: its output is collected, and it is killed with its handle.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::output::shown;
use crate::{Output, PATIENCE, wait_until};

/// A running program.
pub struct Running {
    command: String,
    child: Child,
    stdout: Collected,
    stderr: Collected,
}

struct Collected {
    lines: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts it, with no input.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} could not be run: {error}", shown(command)));
        Self {
            command: shown(command),
            stdout: Collected::of(child.stdout.take()),
            stderr: Collected::of(child.stderr.take()),
            child,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until either output contains this.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        wait_until(&format!("{text:?} from {}", self.command), PATIENCE, || {
            (self.stdout().contains(text) || self.stderr().contains(text)).then_some(())
        });
    }

    /// Sends a signal, by its name without `SIG`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        Output::of(Command::new("kill").args(["-s", name, &self.id().to_string()])).ok();
    }

    /// Whether it has ended.
    #[track_caller]
    pub fn has_ended(&mut self) -> bool {
        let ended = self.child.try_wait();
        ended
            .unwrap_or_else(|error| panic!("{}: {error}", self.command))
            .is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let status = wait_until(&format!("the end of {}", self.command), PATIENCE, || {
            self.child
                .try_wait()
                .unwrap_or_else(|error| panic!("{}: {error}", self.command))
        });
        let output = std::process::Output {
            status,
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
        };
        Output::from_parts(self.command.clone(), output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Collected {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let collecting = Arc::clone(&lines);
        let reader = stream.map(|stream| {
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let mut line = Vec::new();
                while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    collecting
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .append(&mut line);
                }
            })
        });
        Self { lines, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// All of it: to the end of the stream.
    fn all(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

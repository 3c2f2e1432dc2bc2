//! Passes signals on to the program that does the work, `ssh`, while this one waits for it.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::command::Error;

/// Passes on the signals that would end this program: they end it by ending the program that does the work, if there is
/// one. Ctrl-C reaches that one from the terminal as well; it takes a second one as it takes one.
pub(crate) struct SignalRelay {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    last: Arc<AtomicI32>,
    child: Arc<AtomicI32>,
    heard: Receiver<()>,
}

impl SignalRelay {
    pub(crate) fn begin() -> Result<Self, Error> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let handle = signals.handle();
        let (last, child) = (Arc::new(AtomicI32::new(0)), Arc::new(AtomicI32::new(0)));
        let (sender, heard) = channel();
        let shared = (Arc::clone(&last), Arc::clone(&child));
        let thread = thread::spawn(move || {
            let (last, child) = shared;
            for signal in signals.forever() {
                last.store(signal, Ordering::SeqCst);
                pass_on(signal, child.load(Ordering::SeqCst));
                // Whoever would wait has gone.
                let _ = sender.send(());
            }
        });
        Ok(Self {
            handle,
            thread: Some(thread),
            last,
            child,
            heard,
        })
    }

    /// Names the program that does the work from now on. Not yet waited for, its process id is nobody else's.
    pub(crate) fn watch(&self, child: &Child) {
        let pid = i32::try_from(child.id()).unwrap_or(0);
        self.child.store(pid, Ordering::SeqCst);
        // One that came before there was anybody to pass it to.
        let last = self.last.load(Ordering::SeqCst);
        if last != 0 {
            pass_on(last, pid);
        }
    }

    /// Ends the passing on, because the program has ended: its process id may be another's.
    pub(crate) fn done(&self) {
        self.child.store(0, Ordering::SeqCst);
    }

    /// Returns the exit code that a signal stands for, if there was one.
    pub(crate) fn code(&self) -> Option<u8> {
        match self.last.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(u8::try_from(128 + signal).unwrap_or(1)),
        }
    }

    /// Waits for this long, or until there is a signal.
    pub(crate) fn pause(&self, pause: Duration) {
        match self.heard.recv_timeout(pause) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

impl Drop for SignalRelay {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It ends with its signals.
            let _ = thread.join();
        }
    }
}

fn pass_on(signal: i32, pid: i32) {
    let signal = if signal == SIGINT {
        Signal::INT
    } else {
        Signal::TERM
    };
    if let Some(pid) = Pid::from_raw(pid) {
        // It may be gone already.
        let _ = kill_process(pid, signal);
    }
}

//! What a client's connection is at: its time limits go by it, and whether it may be given up for another one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use crate::heads::{Fault, Follows};

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// No request is on it.
    Idle,
    /// A part of a request's head has come.
    Head,
    /// A request is being answered.
    Busy,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// How many requests have come.
    requests: u64,
    /// What follows the last one's head.
    follows: Follows,
    /// What is wrong with the next one's head, which was cut.
    fault: Option<Fault>,
    /// Of the last request more is to come, for all that is known.
    unread: bool,
    /// It is to end, in favour of another one.
    shed: bool,
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Pulse {
    state: Mutex<State>,
    /// Whoever waits for the client's next bytes.
    reader: AtomicWaker,
    /// The bytes of a head that has not ended.
    unfinished: AtomicUsize,
}

impl Pulse {
    /// A connection that was just made.
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Idle,
                since: Instant::now(),
                requests: 0,
                follows: Follows::Unknown,
                fault: None,
                unread: false,
                shed: false,
            }),
            reader: AtomicWaker::new(),
            unfinished: AtomicUsize::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is at, and since when.
    pub(crate) fn now(&self) -> (Phase, Instant) {
        let state = self.state();
        (state.phase, state.since)
    }

    /// Bytes have come.
    pub(crate) fn heard(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.phase = Phase::Head;
            state.since = Instant::now();
            state.unread = true;
        }
    }

    /// A request's head has come and was understood; it is busy for as long as what is returned lives.
    pub(crate) fn ask(self: &Arc<Self>, follows: Follows) -> Asked {
        let mut state = self.state();
        state.phase = Phase::Busy;
        state.requests += 1;
        state.follows = follows;
        state.unread = true;
        Asked {
            request: state.requests,
            fault: state.fault,
            pulse: Arc::clone(self),
        }
    }

    /// What follows the head of the request with this number; nothing before it was understood.
    pub(crate) fn follows(&self, request: u64) -> Option<Follows> {
        let state = self.state();
        (state.requests == request).then_some(state.follows)
    }

    /// It is known now what follows the last request's head.
    pub(crate) fn settle(&self, follows: Follows) {
        self.state().follows = follows;
        self.reader.wake();
    }

    /// The next request's head was cut.
    pub(crate) fn cut(&self, fault: Fault) {
        self.state().fault = Some(fault);
    }

    /// The request's body has come to its end.
    pub(crate) fn all_read(&self) {
        self.state().unread = false;
    }

    /// Whether the client may still be sending a request that was answered already.
    pub(crate) fn is_unread(&self) -> bool {
        self.state().unread
    }

    /// The client has taken all that there was for it.
    pub(crate) fn flushed(&self) {
        {
            let mut state = self.state();
            if state.phase == Phase::Idle {
                state.since = Instant::now();
            }
        }
        self.reader.wake();
    }

    /// Who is to be told of [`Pulse::shed`], [`Pulse::flushed`] and [`Pulse::settle`].
    pub(crate) fn listen(&self, reader: &Waker) {
        self.reader.register(reader);
    }

    /// Takes note of how many bytes there are of a head that has not ended. How many there were.
    pub(crate) fn keep(&self, unfinished: usize) -> usize {
        self.unfinished.swap(unfinished, Ordering::Relaxed)
    }

    /// Whether there is a part of a head.
    pub(crate) fn has_kept(&self) -> bool {
        self.unfinished.load(Ordering::Relaxed) > 0
    }

    /// Ends it, unless a request is being answered.
    pub(crate) fn shed(&self) -> bool {
        {
            let mut state = self.state();
            if state.phase == Phase::Busy {
                return false;
            }
            state.shed = true;
        }
        self.reader.wake();
        true
    }

    /// Whether it is to end.
    pub(crate) fn is_shed(&self) -> bool {
        self.state().shed
    }
}

/// A request that is being answered. Dropped with the answer's body, or with the upgraded connection.
#[derive(Debug)]
pub(crate) struct Asked {
    pulse: Arc<Pulse>,
    request: u64,
    fault: Option<Fault>,
}

impl Asked {
    /// The connection it came on.
    pub(crate) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// What is wrong with its head, where it was cut.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.pulse.state();
        // The next one may have begun.
        if state.requests == self.request {
            state.phase = Phase::Idle;
            state.since = Instant::now();
        }
    }
}

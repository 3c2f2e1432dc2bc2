//! How long the engine may take: no call to it is waited for without an end.
//!
//! A question is answered from the engine's memory, in milliseconds: one that takes seconds is asked of an engine that
//! hangs. What is done takes as long as the disk does. A stop has the container's grace besides. A stream (a build, a pull, a log,
//! events, the wait for an end) has no limit once it has begun: a build may be silent for long, and whoever follows one can stop.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::engine::Engine;
use crate::error::Error;

/// For a question, and for the beginning of a stream.
pub const QUESTION: Duration = Duration::from_secs(8);
/// For what is done: a container made, started, removed, an image named, a registry asked, the disk measured.
pub const ACT: Duration = Duration::from_secs(120);
/// For a stop, beside the container's grace.
pub const BEYOND_GRACE: Duration = Duration::from_secs(30);
/// For what is pruned: as much as there is.
pub const PRUNE: Duration = Duration::from_secs(600);

/// The limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// [`QUESTION`]; whole seconds.
    pub question: Duration,
    /// [`ACT`].
    pub act: Duration,
    /// [`BEYOND_GRACE`].
    pub beyond_grace: Duration,
    /// [`PRUNE`].
    pub prune: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            question: QUESTION,
            act: ACT,
            beyond_grace: BEYOND_GRACE,
            prune: PRUNE,
        }
    }
}

/// What was not answered: the engine's name for it, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    call: &'static str,
    limit: Duration,
}

/// The first thing that was not answered of those that one command asks.
pub(crate) type Memory = OnceLock<Unanswered>;

/// What is asked of the engine: its name there, what it is for, and of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) id: &'a str,
}

impl<'a> Call<'a> {
    pub(crate) fn new(name: &'static str, what: &'static str, id: &'a str) -> Self {
        Self { name, what, id }
    }

    /// The engine's client's error in our words.
    pub(crate) fn failed(self, error: bollard::errors::Error) -> Error {
        Error::of(self.what, self.id, error)
    }

    pub(crate) fn unanswered(self, limit: Duration) -> Error {
        Error::Silent {
            what: self.what,
            call: self.name,
            seconds: limit.as_secs(),
        }
    }

    /// The error of a stream, whose beginning alone has a limit.
    pub(crate) fn broke(self, limit: Duration, error: bollard::errors::Error) -> Error {
        match error {
            bollard::errors::Error::RequestTimeoutError => self.unanswered(limit),
            error => self.failed(error),
        }
    }
}

impl Engine {
    /// The same engine, for a command that somebody waits for: once something was not answered, nothing else is asked.
    #[must_use]
    pub fn brief(mut self) -> Self {
        self.memory = Some(Arc::default());
        self
    }

    /// Waits for the answer to a question.
    pub(crate) async fn ask<T>(
        &self,
        call: Call<'_>,
        answer: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, Error> {
        self.within(self.limits.question, call, async {
            answer.await.map_err(|error| call.failed(error))
        })
        .await
    }

    /// Waits until something is done.
    pub(crate) async fn act<T>(
        &self,
        call: Call<'_>,
        done: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, Error> {
        self.within(self.limits.act, call, async {
            done.await.map_err(|error| call.failed(error))
        })
        .await
    }

    /// Waits for so long, for head and body.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        call: Call<'_>,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if let Some(before) = self.memory.as_ref().and_then(|memory| memory.get()) {
            let call = Call {
                name: before.call,
                ..call
            };
            return Err(call.unanswered(before.limit));
        }
        // Futures of the client are large.
        if let Ok(answer) = tokio::time::timeout(limit, Box::pin(answer)).await {
            return answer;
        }
        if let Some(memory) = &self.memory {
            let call = call.name;
            // Another one may have been there first.
            let _ = memory.set(Unanswered { call, limit });
        }
        Err(call.unanswered(limit))
    }

    /// The client for streams.
    pub(crate) fn streams(&self) -> bollard::Docker {
        // It counts in whole seconds.
        let limit = self.limits.question.max(Duration::from_secs(1));
        self.docker.clone().with_timeout(limit)
    }
}

//! How long the engine may take: no call to it is waited for without an end.
//!
//! A question is answered from the engine's memory, in milliseconds: one that takes seconds is asked of an engine that
//! hangs. What is done takes as long as the disk does. A stop has the container's grace besides. A stream (a build, a pull, a log,
//! events, the wait for an end) has no limit once it has begun: a build may be silent for long, and whoever follows one can stop.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::TryFutureExt;
use futures_util::future::BoxFuture;

use crate::engine::connection::Engine;
use crate::engine::error::Error;

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

    /// The error of the engine's client in our words.
    fn failed(self, error: bollard::errors::Error) -> Error {
        Error::of(self.what, self.id, error)
    }

    /// An answer of the engine's client, with its error in our words.
    pub(crate) fn told<T>(
        self,
        answer: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> impl Future<Output = Result<T, Error>> {
        answer.map_err(move |error| self.failed(error))
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
    /// Returns the same engine, for a command that somebody waits for: once something was not answered, nothing else is asked.
    #[must_use]
    pub fn brief(mut self) -> Self {
        self.memory = Some(Arc::default());
        self
    }

    /// Waits for the answer to a question.
    pub(crate) fn ask<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        answer: impl Future<Output = Result<T, bollard::errors::Error>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Error>> {
        self.within(self.limits.question, call, call.told(answer))
    }

    /// Waits until something is done.
    pub(crate) fn act<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        done: impl Future<Output = Result<T, bollard::errors::Error>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Error>> {
        self.within(self.limits.act, call, call.told(done))
    }

    /// Waits for so long, for head and body.
    pub(crate) fn within<'a, T: Send + 'a>(
        &'a self,
        limit: Duration,
        call: Call<'a>,
        answer: impl Future<Output = Result<T, Error>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Error>> {
        // In a box, because futures of the client are large, and so that waiting is compiled once for each answer.
        self.boxed_within(limit, call, Box::pin(answer))
    }

    fn boxed_within<'a, T: Send + 'a>(
        &'a self,
        limit: Duration,
        call: Call<'a>,
        answer: BoxFuture<'a, Result<T, Error>>,
    ) -> BoxFuture<'a, Result<T, Error>> {
        Box::pin(async move {
            if let Some(before) = self.memory.as_ref().and_then(|memory| memory.get()) {
                let name = before.call;
                return Err(Call { name, ..call }.unanswered(before.limit));
            }
            if let Ok(answer) = tokio::time::timeout(limit, answer).await {
                return answer;
            }
            if let Some(memory) = &self.memory {
                let call = call.name;
                // Another one may have been there first.
                let _ = memory.set(Unanswered { call, limit });
            }
            Err(call.unanswered(limit))
        })
    }

    /// The client for streams.
    pub(crate) fn streams(&self) -> bollard::Docker {
        // It counts in whole seconds.
        let limit = self.limits.question.max(Duration::from_secs(1));
        self.docker.clone().with_timeout(limit)
    }
}

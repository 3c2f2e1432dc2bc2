//! What the clients counted.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::Timeline;
use crate::http::Failure;

/// How many failures are kept word for word.
const SHOWN: usize = 20;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Request after request on one connection.
    KeepAlive,
    /// Each request on a new connection.
    Fresh,
    /// Sends a large body.
    Upload,
    /// Waits long for the head.
    Slow,
    /// Reads a chunked body that comes slowly.
    Stream,
    /// Holds a WebSocket.
    WebSocket,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::KeepAlive,
        Self::Fresh,
        Self::Upload,
        Self::Slow,
        Self::Stream,
        Self::WebSocket,
    ];
}

/// How requests of one kind ended. All but `answered` are failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The app's own answer, complete and right.
    pub answered: u64,
    /// No connection.
    pub refused: u64,
    /// The connection ended before the head, also one that had been kept alive.
    pub reset: u64,
    /// The answer ended too early.
    pub truncated: u64,
    /// No byte for too long.
    pub timed_out: u64,
    /// A 5xx that is not from the app.
    pub foreign_5xx: u64,
    /// Another answer that is not from the app.
    pub foreign: u64,
    /// An answer from the app, but not to this request; or no HTTP at all.
    pub wrong: u64,
}

/// An answer: which version gave it, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// To which kind of client.
    pub kind: Kind,
    /// The version that gave it.
    pub version: String,
    /// Before the first byte of the request was sent (and before the connection was made, where it was new).
    pub sent_at: Instant,
    /// When the answer's head had arrived.
    pub head_at: Instant,
}

/// How one request ended.
pub(super) enum Ended {
    Answered { version: String, head_at: Instant },
    Failed(Failure),
    Foreign { status: u16, body: String },
    Wrong(String),
}

/// What a load counted.
#[derive(Clone, Debug, Default)]
pub struct Report {
    kinds: BTreeMap<Kind, Tally>,
    /// Every answer, in the order of its end.
    pub answers: Vec<Answered>,
    /// The first failures, in words.
    pub failures: Vec<String>,
    /// How long the load lasted.
    pub lasted: Duration,
}

impl Tally {
    /// All requests that ended.
    pub fn requests(&self) -> u64 {
        self.answered + self.failed()
    }

    /// All that failed.
    pub fn failed(&self) -> u64 {
        let dropped = self.refused + self.reset + self.truncated + self.timed_out;
        dropped + self.foreign_5xx + self.foreign + self.wrong
    }

    fn plus(self, other: Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            refused: self.refused + other.refused,
            reset: self.reset + other.reset,
            truncated: self.truncated + other.truncated,
            timed_out: self.timed_out + other.timed_out,
            foreign_5xx: self.foreign_5xx + other.foreign_5xx,
            foreign: self.foreign + other.foreign,
            wrong: self.wrong + other.wrong,
        }
    }
}

impl Report {
    /// One kind's counts; zeros for a kind that had no client.
    pub fn of(&self, kind: Kind) -> Tally {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }

    /// All kinds' counts together.
    pub fn total(&self) -> Tally {
        self.kinds.values().copied().fold(Tally::default(), Tally::plus)
    }

    /// How many answers each version gave.
    pub fn by_version(&self) -> BTreeMap<&str, u64> {
        let mut versions = BTreeMap::new();
        for answer in &self.answers {
            *versions.entry(answer.version.as_str()).or_default() += 1;
        }
        versions
    }

    /// No request failed, each kind of client had answers, and every answer came from a version that was routed
    /// when it was accepted.
    ///
    /// # Panics
    ///
    /// When that is not so, with the counts and the first failures.
    #[track_caller]
    pub fn assert_clean(&self, timeline: &Timeline) {
        let failures = self.failures.join("\n");
        assert!(self.total().failed() == 0, "requests failed\n{self}\n{failures}");
        for (kind, tally) in &self.kinds {
            assert!(
                tally.answered > 0,
                "{kind:?} clients had no answer, so nothing is proven\n{self}"
            );
        }
        let astray = timeline.astray(&self.answers);
        assert!(
            astray.is_empty(),
            "answers from a version that was not routed\n{self}\n{}",
            astray.join("\n")
        );
    }

    /// A kind that has clients, even before the first answer.
    pub(super) fn plan(&mut self, kind: Kind) {
        self.kinds.entry(kind).or_default();
    }

    pub(super) fn add(&mut self, kind: Kind, sent_at: Instant, ended: Ended) {
        let tally = self.kinds.entry(kind).or_default();
        let (count, why) = match ended {
            Ended::Answered { version, head_at } => {
                tally.answered += 1;
                self.answers.push(Answered {
                    kind,
                    version,
                    sent_at,
                    head_at,
                });
                return;
            }
            Ended::Failed(Failure::Refused(why)) => (&mut tally.refused, format!("refused: {why}")),
            Ended::Failed(Failure::Reset(why)) => (&mut tally.reset, format!("reset: {why}")),
            Ended::Failed(Failure::Truncated(why)) => (&mut tally.truncated, format!("truncated: {why}")),
            Ended::Failed(Failure::TimedOut(why)) => (&mut tally.timed_out, format!("timed out: {why}")),
            Ended::Failed(Failure::Garbled(why)) | Ended::Wrong(why) => {
                (&mut tally.wrong, format!("wrong: {why}"))
            }
            Ended::Foreign {
                status: status @ 500..600,
                body,
            } => (
                &mut tally.foreign_5xx,
                format!("{status} not from the app: {body:?}"),
            ),
            Ended::Foreign { status, body } => {
                (&mut tally.foreign, format!("{status} not from the app: {body:?}"))
            }
        };
        *count += 1;
        if self.failures.len() < SHOWN {
            let lasted = sent_at.elapsed().as_millis();
            self.failures.push(format!("{kind:?} after {lasted} ms: {why}"));
        }
    }
}

impl fmt::Display for Report {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            answered,
            refused,
            reset,
            truncated,
            timed_out,
            foreign_5xx,
            foreign,
            wrong,
        } = self.total();
        let requests = self.total().requests();
        let seconds = self.lasted.as_secs_f64();
        write!(
            f,
            "{requests} requests in {seconds:.1} s: {answered} answered, {refused} refused, {reset} reset, "
        )?;
        write!(
            f,
            "{truncated} truncated, {timed_out} timed out, {foreign_5xx} foreign 5xx, "
        )?;
        write!(f, "{foreign} foreign others, {wrong} wrong (")?;
        let kinds = self
            .kinds
            .iter()
            .map(|(kind, tally)| format!("{kind:?} {}", tally.requests()));
        let versions = self
            .by_version()
            .into_iter()
            .map(|(version, count)| format!("{version} {count}"));
        write!(
            f,
            "{}; {})",
            kinds.collect::<Vec<_>>().join(", "),
            versions.collect::<Vec<_>>().join(", ")
        )
    }
}

//! When it is seen to that networks are kept apart: at the start, when the engine has come back, when the range of addresses
//! has changed, and now and then, because whoever changes the machine's firewall may have taken the rule away. What came of it
//! is told once.

use std::time::Duration;

use gokku_core::containers::Isolated;
use gokku_core::machine::backoff::Backoff;
use gokku_core::machine::subnet::Subnet;
use tokio::time::Instant;

/// How long after the daemon's start it is seen to first: a first deploy starts the daemon, and is not to wait for that. Of a
/// machine that ran before, the rule is there.
pub(crate) const START: Duration = Duration::from_secs(5);
/// How often it is looked whether the rule is there.
pub(crate) const EVERY: Duration = Duration::from_secs(300);
/// What came to nothing is tried again after this; longer each time.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// What is known of it.
#[derive(Debug)]
pub(crate) struct IsolationWatch {
    /// Somebody is at it.
    busy: bool,
    /// The addresses that it was seen to for.
    range: Option<Subnet>,
    /// When it is seen to next; at once without.
    due: Option<Instant>,
    /// What came of it, once something has.
    last: Option<Result<Isolated, String>>,
    pause: Backoff,
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The rule was made.
    Made,
    /// It had been there before.
    MadeAgain,
    /// It is not there, and why; told once.
    Failed(String),
    /// It is there after all.
    ThereAfterAll,
}

impl IsolationWatch {
    /// That of a daemon which starts now.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            busy: false,
            range: None,
            due: Some(now + START),
            last: None,
            pause: Backoff::between(FIRST_PAUSE, LONGEST_PAUSE),
        }
    }

    /// The engine has gone: what it comes back as is not known.
    pub(crate) fn engine_gone(&mut self) {
        self.due = None;
        self.pause.reset();
    }

    /// Whether it is time: somebody is at it from then on.
    pub(crate) fn begin(&mut self, now: Instant, range: Subnet) -> bool {
        let has_changed = self.range.is_some_and(|before| before != range);
        let is_due = self.due.is_none_or(|due| due <= now);
        if self.busy || !(has_changed || is_due) {
            return false;
        }
        self.busy = true;
        if self.range.replace(range) != Some(range) {
            // For these there was nothing before.
            self.last = self.last.take().filter(Result::is_err);
        }
        // An engine that goes meanwhile makes it due again.
        self.due = Some(now + EVERY);
        true
    }

    /// Whoever was at it has done.
    pub(crate) fn done(&mut self, now: Instant, came: Result<Isolated, String>) -> Option<News> {
        self.busy = false;
        let before = self.last.replace(came.clone());
        match came {
            Ok(found) => {
                self.pause.reset();
                match (found, before) {
                    (Isolated::Now, Some(Ok(Isolated::Now | Isolated::Already))) => Some(News::MadeAgain),
                    (Isolated::Now, _) => Some(News::Made),
                    (_, Some(Err(_))) => Some(News::ThereAfterAll),
                    (_, _) => None,
                }
            }
            Err(why) => {
                self.due = self.due.map(|_| now + self.pause.take());
                let is_known = before.is_some_and(|before| before.as_ref() == Err(&why));
                (!is_known).then_some(News::Failed(why))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use gokku_core::machine::subnet::RANGE;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_is_seen_to_at_first_and_now_and_then_and_by_one_at_a_time() {
        let mut now = Instant::now();
        let mut watch = IsolationWatch::new(now);
        assert!(!watch.begin(now, RANGE), "nobody's first deploy waits for it");
        now += START;
        assert!(watch.begin(now, RANGE));
        assert!(!watch.begin(now + EVERY * 2, RANGE), "somebody is at it");
        assert_eq!(watch.done(now, Ok(Isolated::Now)), Some(News::Made));
        assert!(!watch.begin(now + EVERY - SECOND, RANGE));
        assert!(watch.begin(now + EVERY, RANGE));
        assert_eq!(watch.done(now + EVERY, Ok(Isolated::Already)), None);
        let other = "10.99.0.0/16".parse().unwrap();
        assert!(watch.begin(now + EVERY, other), "other addresses");
        assert_eq!(watch.done(now + EVERY, Ok(Isolated::Now)), Some(News::Made));
        assert!(!watch.begin(now + EVERY, other));
        watch.engine_gone();
        assert!(watch.begin(now + EVERY, other));
        assert_eq!(watch.done(now + EVERY, Ok(Isolated::Now)), Some(News::MadeAgain));
        watch.engine_gone();
        assert!(watch.begin(now + EVERY, other));
        // It goes once more, before it has answered.
        watch.engine_gone();
        assert_eq!(watch.done(now + EVERY, Ok(Isolated::ByEngine)), None);
        assert!(watch.begin(now + EVERY, other));
    }

    #[test]
    fn what_fails_is_told_once_and_tried_again_later_each_time() {
        let began = Instant::now();
        let (mut watch, mut now) = (IsolationWatch::new(began), began + START);
        let failed = || Err("no iptables".to_owned());
        let mut told = Vec::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert!(watch.begin(now, RANGE));
            told.extend(watch.done(now, failed()));
            let began = now;
            while !watch.begin(now, RANGE) {
                now += SECOND;
            }
            // Only the time was asked for.
            watch.busy = false;
            watch.due = None;
            pauses.push((now - began).as_secs());
        }
        assert_eq!(told, [News::Failed("no iptables".to_owned())]);
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert!(watch.begin(now, RANGE));
        let other = watch.done(now, Err("denied".to_owned()));
        assert_eq!(other, Some(News::Failed("denied".to_owned())));
        now += EVERY * 2;
        assert!(watch.begin(now, RANGE));
        assert_eq!(watch.done(now, Ok(Isolated::Already)), Some(News::ThereAfterAll));
        assert!(watch.begin(now + EVERY, RANGE));
        assert_eq!(
            watch.done(now, failed()),
            Some(News::Failed("no iptables".to_owned()))
        );
        assert!(watch.begin(now + FIRST_PAUSE, RANGE), "soon again at first");
    }
}

//! The wait for whoever takes over what a process has left in the midst of its work: how long it is, and when it is given up.
//!
//! Nothing is read or looked at here, and the time is passed in: `follow` does that.

use std::time::{Duration, Instant};

use gokku_core::logs::event::{Event, Finish};

/// How long is waited for the end of what a process has left.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// For who takes it over: the daemon looks every two seconds.
    pub(super) taken_over: Duration,
    /// In all, while nobody who took it over is at it still: a disk that failed may work again at once, an engine that hangs may
    /// do so for hours, and the daemon tries again and again.
    pub(super) left: Duration,
    /// For the next word of who took it over and is at it.
    pub(super) silent: Duration,
    /// Whether what the process says that it leaves is no end yet.
    pub(super) after_its_word: bool,
}

/// Where a transition is between the process that ran it and whoever takes it over.
pub(super) struct Takeover {
    patience: Patience,
    /// What the process said itself, if it could, of why it left; and until when that is no end.
    word: Option<(String, Instant)>,
    /// Since when its death is known.
    died: Option<Instant>,
    /// When something was last heard.
    heard: Instant,
    /// Until when somebody may take it over, or go on with it; nothing as long as nobody has left it.
    deadline: Option<Instant>,
    /// Since when somebody has it who took it over, in the words of the lock.
    attempt: Option<String>,
}

impl Takeover {
    /// Begins while the process runs the transition.
    pub(super) fn new(patience: Patience, now: Instant) -> Self {
        Self {
            patience,
            word: None,
            died: None,
            heard: now,
            deadline: None,
            attempt: None,
        }
    }

    /// Takes an event of the log, and returns what is told of it. That a process leaves its work is no end yet: as when it had
    /// died, somebody takes it over. Who has done so and leaves it, too, is not waited for once more.
    pub(super) fn read(&mut self, event: Event, now: Instant) -> Event {
        match event {
            Event::Finished {
                outcome: Finish::LeftUnfinished { detail },
                ..
            } if self.deadline.is_none() && self.patience.after_its_word => {
                self.word = Some((detail.clone(), now + self.patience.left));
                Event::LeftBehind { detail }
            }
            event => event,
        }
    }

    /// Notes that an event was told, which was no end: whoever is at it has more time.
    pub(super) fn told(&mut self, now: Instant) {
        self.heard = now;
        let is_late = self
            .died
            .is_some_and(|died| now.duration_since(died) >= self.patience.left);
        if !is_late && (self.word.is_some() || self.deadline.is_some()) {
            self.wait_from(now);
        }
    }

    /// Notes that the process is dead. Returns whether that is news: it had begun to change something, and could not say itself
    /// that it leaves it.
    pub(super) fn process_died(&mut self, is_begun: impl FnOnce() -> bool, now: Instant) -> bool {
        self.died.get_or_insert(now);
        let is_news = self.deadline.is_none() && is_begun();
        if is_news {
            self.wait_from(now);
        }
        is_news
    }

    /// Notes who has it that took it over, by since when. After a while those that try it anew are not waited for any more.
    pub(super) fn looked(&mut self, attempt: Option<String>, now: Instant) {
        let is_early = self
            .died
            .is_none_or(|died| now.duration_since(died) < self.patience.left);
        let is_heard = now.duration_since(self.heard) < self.patience.silent;
        if attempt.is_some() && (is_early || attempt == self.attempt) && is_heard {
            self.wait_from(now);
            self.attempt = attempt;
        }
    }

    /// Returns whether somebody may still bring it to its end.
    pub(super) fn is_awaited(&self, now: Instant) -> bool {
        let is_late = self.word.as_ref().is_some_and(|(_, limit)| now >= *limit);
        self.deadline.is_some_and(|deadline| now < deadline) && !is_late
    }

    /// Returns what the process said of why it left, if it could.
    pub(super) fn into_word(self) -> Option<String> {
        self.word.map(|(why, _)| why)
    }

    fn wait_from(&mut self, now: Instant) {
        self.deadline = Some(now + self.patience.taken_over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        taken_over: Duration::from_secs(10),
        left: Duration::from_secs(15),
        silent: Duration::from_secs(60),
        after_its_word: true,
    };

    /// A takeover, and the time so many seconds after its beginning.
    fn begun(patience: Patience) -> (Takeover, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        (Takeover::new(patience, start), move |seconds| {
            start + Duration::from_secs(seconds)
        })
    }

    fn left() -> Event {
        Event::Finished {
            outcome: Finish::LeftUnfinished {
                detail: "no space".to_owned(),
            },
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_process_that_died_before_it_changed_anything_leaves_nothing_to_wait_for() {
        let (mut takeover, at) = begun(PATIENCE);
        assert!(!takeover.process_died(|| false, at(1)));
        takeover.looked(None, at(1));
        assert!(!takeover.is_awaited(at(1)));
        assert_eq!(takeover.into_word(), None);
    }

    #[test]
    fn a_death_is_news_once_and_somebody_may_come_for_a_while() {
        let (mut takeover, at) = begun(PATIENCE);
        assert!(takeover.process_died(|| true, at(1)));
        assert!(!takeover.process_died(|| true, at(2)));
        assert!(takeover.is_awaited(at(10)) && !takeover.is_awaited(at(11)));
        // Each word of who came gives more time.
        takeover.told(at(9));
        assert!(takeover.is_awaited(at(18)) && !takeover.is_awaited(at(19)));
        // But not for ever.
        takeover.told(at(16));
        assert!(!takeover.is_awaited(at(19)));
    }

    #[test]
    fn what_the_process_says_that_it_leaves_is_an_end_only_when_said_again() {
        let (mut takeover, at) = begun(PATIENCE);
        let told = takeover.read(left(), at(1));
        assert!(matches!(told, Event::LeftBehind { .. }), "{told:?}");
        takeover.told(at(1));
        assert!(!takeover.process_died(|| true, at(2)), "it said so itself");
        assert!(takeover.is_awaited(at(10)));
        // Who has it does not make it longer than that.
        takeover.looked(Some("now".to_owned()), at(10));
        assert!(takeover.is_awaited(at(15)) && !takeover.is_awaited(at(16)));
        assert_eq!(takeover.read(left(), at(12)), left());
        assert_eq!(takeover.into_word().as_deref(), Some("no space"));
    }

    #[test]
    fn whoever_does_not_wait_after_its_word_hears_it_as_the_end() {
        let (mut takeover, at) = begun(Patience {
            after_its_word: false,
            ..PATIENCE
        });
        assert_eq!(takeover.read(left(), at(1)), left());
    }

    #[test]
    fn who_is_at_it_has_all_the_time_while_heard_and_who_tries_anew_has_not() {
        let attempt = |name: &str| Some(name.to_owned());
        let (mut takeover, at) = begun(PATIENCE);
        assert!(takeover.process_died(|| true, at(0)));
        takeover.looked(attempt("first"), at(5));
        takeover.looked(attempt("first"), at(14));
        takeover.looked(attempt("first"), at(23));
        assert!(takeover.is_awaited(at(32)));
        takeover.looked(attempt("second"), at(24));
        assert!(!takeover.is_awaited(at(33)));
        // Nobody has said anything for too long.
        takeover.looked(attempt("first"), at(60));
        assert!(!takeover.is_awaited(at(60)));
    }
}

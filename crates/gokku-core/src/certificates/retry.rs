//! When it is tried again after a failure: later each time, up to a limit, both as the problem is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::certificates::draw::Draw;
use crate::certificates::problem::Problem;
use crate::text::utc_time::UtcTime;

/// The last attempt, if it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// When it failed.
    pub at: UtcTime,
    /// How many attempts have failed one after the other, this one included. None where only an order for several names failed
    /// of which it may not have been the reason: it is tried alone, at once.
    pub times: u32,
    /// A number that was drawn for it.
    pub draw: Draw,
    /// Why.
    pub problem: Problem,
    /// What the authority, or whoever failed, said of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const fn hours(hours: u64) -> Duration {
    minutes(hours * 60)
}

/// The longest that an authority's own limit is obeyed: none of Let's Encrypt's is longer than a week.
const LONGEST_LIMIT: Duration = hours(8 * 24);

/// The first pause after a problem, and the longest.
fn pauses(problem: &Problem) -> (Duration, Duration) {
    match problem {
        // Nobody is asked but the DNS, so whoever mends it does not wait long.
        Problem::Unresolved | Problem::Elsewhere { .. } => (Duration::from_secs(20), minutes(10)),
        // Nothing was asked at all: settings that change are looked at with the next look.
        Problem::TermsNotAgreed | Problem::NotPublic | Problem::NoDnsHook => (minutes(1), minutes(1)),
        Problem::AuthorityAway => (minutes(1), hours(1)),
        // It goes on with a new account, or without what it was to replace.
        Problem::Account | Problem::Replaces => (Duration::from_secs(10), hours(6)),
        Problem::Local => (minutes(2), hours(1)),
        Problem::DnsHook => (minutes(5), hours(6)),
        // Let's Encrypt allows five failed proofs of a name in an hour.
        Problem::Dns | Problem::Connection | Problem::Tls | Problem::Unauthorized | Problem::TookTooLong => {
            (minutes(15), hours(6))
        }
        Problem::Caa
        | Problem::Rejected
        | Problem::RateLimited { .. }
        | Problem::ExternalAccountRequired
        | Problem::UserAction
        | Problem::Contact
        | Problem::Profile
        | Problem::Refused => (hours(1), hours(24)),
    }
}

impl Failure {
    /// Returns what is known after one more failed attempt, `before` being the one before it. Another problem than before is
    /// a new beginning: whoever mended the DNS does not wait for that.
    #[must_use]
    pub fn another(before: Option<&Self>, at: UtcTime, draw: Draw, problem: Problem, said: String) -> Self {
        let same = before.filter(|before| same_kind(&before.problem, &problem));
        Self {
            at,
            times: same.map_or(1, |before| before.times.saturating_add(1)),
            draw,
            problem,
            said,
        }
    }

    /// Returns when it is tried again: twice as late each time, up to the problem's limit, and up to a quarter later by chance.
    /// Not before the authority's own limit, if that can be meant. A failure that lies in the future, because the clock went
    /// back, holds nothing up.
    pub fn next_attempt(&self, now: UtcTime) -> UtcTime {
        if self.at > now {
            return now;
        }
        if self.times == 0 {
            return self.at;
        }
        let (first, longest) = pauses(&self.problem);
        let growth = 1 << (self.times - 1).min(16);
        let pause = first.saturating_mul(growth).min(longest);
        let jitter = self.draw.part_of(pause / 4);
        match self.problem {
            Problem::RateLimited { until: Some(until) } => {
                let until = until
                    .min(self.at.after(LONGEST_LIMIT))
                    .max(self.at.after(minutes(1)));
                until.after(self.draw.part_of(minutes(10)))
            }
            _ => self.at.after(pause + jitter),
        }
    }

    /// Returns whether it is still waited because of it.
    pub fn waits(&self, now: UtcTime) -> bool {
        self.next_attempt(now) > now
    }
}

fn same_kind(one: &Problem, other: &Problem) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn failure(problem: Problem, times: u32, draw: u32) -> Failure {
        Failure {
            at: UtcTime(1000),
            times,
            draw: Draw(draw),
            problem,
            said: String::new(),
        }
    }

    fn elsewhere() -> Problem {
        Problem::Elsewhere {
            found: BTreeSet::new(),
        }
    }

    #[test]
    fn the_pause_grows_up_to_the_problem_s_limit() {
        for (problem, times, pause) in [
            (elsewhere(), 1, 20),
            (elsewhere(), 2, 40),
            (elsewhere(), 5, 320),
            (elsewhere(), 6, 600),
            (elsewhere(), u32::MAX, 600),
            (Problem::Unresolved, 1, 20),
            (Problem::AuthorityAway, 1, 60),
            (Problem::AuthorityAway, 7, 3600),
            (Problem::Connection, 1, 900),
            (Problem::Connection, 3, 3600),
            (Problem::Connection, 99, 6 * 3600),
            (Problem::Caa, 1, 3600),
            (Problem::Caa, 99, 24 * 3600),
            (Problem::RateLimited { until: None }, 1, 3600),
            (Problem::Account, 1, 10),
            (Problem::Connection, 0, 0),
        ] {
            let failure = failure(problem, times, 0);
            let at = failure.next_attempt(UtcTime(1000));
            assert_eq!(at.0 - 1000, pause, "{failure:?}");
            let latest = Failure {
                draw: Draw(u32::MAX),
                ..failure
            };
            assert_eq!(latest.next_attempt(UtcTime(1000)).0 - 1000, pause + pause / 4);
        }
    }

    #[test]
    fn never_before_the_authority_s_limit() {
        let day = 86_400;
        for (until, expected) in [
            (5000, 5000),
            // In the past, or farther away than any limit is.
            (-7, 1060),
            (i64::MAX, 1000 + 8 * day),
        ] {
            let limited = |draw| {
                let problem = Problem::RateLimited {
                    until: Some(UtcTime(until)),
                };
                failure(problem, 3, draw).next_attempt(UtcTime(1000)).0
            };
            assert_eq!(limited(0), expected, "{until}");
            assert_eq!(limited(u32::MAX), expected + 600, "{until}");
        }
    }

    #[test]
    fn another_problem_is_a_new_beginning() {
        let first = failure(elsewhere(), 7, 0);
        let next = |problem| Failure::another(Some(&first), UtcTime(5), Draw(1), problem, String::new());
        assert_eq!(next(Problem::Connection).times, 1);
        let found = BTreeSet::from(["192.0.2.1".parse().unwrap()]);
        assert_eq!(next(Problem::Elsewhere { found }).times, 8);
        let none = Failure::another(None, UtcTime(5), Draw(1), Problem::Caa, String::new());
        assert_eq!(none.times, 1);
    }

    #[test]
    fn a_clock_that_went_back_holds_nothing_up() {
        let failure = failure(Problem::Caa, 9, 0);
        assert!(!failure.waits(UtcTime(999)));
        assert!(failure.waits(UtcTime(1000)));
    }

    proptest! {
        /// However often and whenever it failed, it is tried again: after the failure, and within nine days.
        #[test]
        fn it_is_always_tried_again(at in -1_000_000_000_000_i64..1_000_000_000_000, times in 1..=u32::MAX, draw: u32, until: i64, limited: bool) {
            let problem = if limited { Problem::RateLimited { until: Some(UtcTime(until)) } } else { Problem::Refused };
            let failure = Failure { at: UtcTime(at), ..failure(problem, times, draw) };
            let next = failure.next_attempt(UtcTime(at));
            prop_assert!(next.0 > at && next.0 <= at + 9 * 86_400, "{next:?}");
            prop_assert!(!failure.waits(next));
        }
    }
}

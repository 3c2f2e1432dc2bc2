//! When a certificate is renewed: when its authority says so (RFC 9773), else at two thirds of its lifetime.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::certificates::draw::Draw;
use crate::text::utc_time::UtcTime;

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// Its first moment.
    pub not_before: UtcTime,
    /// Its last moment.
    pub not_after: UtcTime,
}

/// When its authority suggests that a certificate is renewed, RFC 9773 section 4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuggestedWindow {
    /// The first moment.
    pub start: UtcTime,
    /// The last moment.
    pub end: UtcTime,
}

impl Validity {
    /// Returns how long the certificate is valid in all.
    pub fn lifetime(self) -> Duration {
        self.not_after.since(self.not_before)
    }

    /// Returns whether clients accept it. One that begins later than now does not make it unusable: no authority issues for
    /// the future, so it is the clock here that went back.
    pub fn works(self, now: UtcTime) -> bool {
        self.lifetime() > Duration::ZERO && now <= self.not_after
    }

    /// Returns the moment from which its renewal waits for nothing that only spreads orders: five sixths of its lifetime.
    pub fn urgent_from(self) -> UtcTime {
        self.not_before.after(self.lifetime() / 6 * 5)
    }
}

/// Returns when a certificate is to be renewed. `draw` was drawn for it when it was issued.
///
/// It is a moment of the authority's window, any of it as likely as others (RFC 9773 section 4.2); a window that has passed
/// means at once. A window that ends before it begins, before the certificate does, or after it, is none. Without one it is two thirds of the
/// lifetime, a twelfth of it earlier or later by chance, so that what was issued together is not renewed together.
///
/// What ends before it begins is renewed at once.
pub fn renew_at(validity: Validity, window: Option<SuggestedWindow>, draw: Draw) -> UtcTime {
    let lifetime = validity.lifetime();
    if lifetime == Duration::ZERO {
        return UtcTime::FIRST;
    }
    let sound = window.filter(|window| {
        window.start <= window.end && (validity.not_before..=validity.not_after).contains(&window.end)
    });
    let (start, length) = match sound {
        Some(window) => (window.start, window.end.since(window.start)),
        None => (validity.not_before.after(lifetime / 12 * 7), lifetime / 6),
    };
    start.after(draw.part_of(length))
}

/// The shortest pause before the renewal information is asked for again, whatever the authority says (RFC 9773 section 4.3.2).
const SHORTEST_WAIT: Duration = Duration::from_secs(60);
/// The longest one.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// The pause before it is asked for again when it could not be had.
const NO_INFORMATION: Duration = Duration::from_secs(6 * 3600);

/// Returns when the renewal information is asked for again, after it was asked for at a moment: `wait` is what the authority
/// answered (`Retry-After`), if it answered.
pub fn ask_again_at(asked: UtcTime, wait: Option<Duration>) -> UtcTime {
    asked.after(wait.map_or(NO_INFORMATION, |wait| wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    fn days(from: i64, to: i64) -> Validity {
        Validity {
            not_before: UtcTime(from * DAY),
            not_after: UtcTime(to * DAY),
        }
    }

    fn window(start: i64, end: i64) -> SuggestedWindow {
        SuggestedWindow {
            start: UtcTime(start * DAY),
            end: UtcTime(end * DAY),
        }
    }

    #[test]
    fn at_two_thirds_and_a_twelfth_around() {
        for (lifetime, earliest, latest) in [
            (6, 3 * DAY + DAY / 2, 4 * DAY + DAY / 2),
            (45, 26 * DAY + DAY / 4, 33 * DAY + 3 * DAY / 4),
            (90, 52 * DAY + DAY / 2, 67 * DAY + DAY / 2),
            (398, 232 * DAY + DAY / 6, 298 * DAY + DAY / 2),
        ] {
            let at = |draw| renew_at(days(0, lifetime), None, Draw(draw)).0;
            assert_eq!((at(0), at(u32::MAX)), (earliest, latest), "{lifetime}");
            let middle = at(u32::MAX / 2) - lifetime * DAY * 2 / 3;
            assert!(middle.abs() <= 1, "{lifetime}: {middle}");
        }
    }

    #[test]
    fn in_the_window_that_the_authority_suggests() {
        let table = [
            (window(30, 32), 0, 30 * DAY),
            (window(30, 32), u32::MAX, 32 * DAY),
            (window(30, 30), 7, 30 * DAY),
            // It wants it back at once.
            (window(-9, 1), 0, -9 * DAY),
        ];
        for (window, draw, expected) in table {
            let at = renew_at(days(0, 90), Some(window), Draw(draw));
            assert_eq!(at.0, expected, "{window:?}");
        }
    }

    #[test]
    fn a_window_that_cannot_be_meant_is_none() {
        let without = renew_at(days(0, 90), None, Draw(5));
        for window in [window(32, 30), window(30, 91), window(100, 120), window(-9, -8)] {
            assert_eq!(
                renew_at(days(0, 90), Some(window), Draw(5)),
                without,
                "{window:?}"
            );
        }
    }

    #[test]
    fn what_ends_before_it_begins_is_renewed_at_once_and_does_not_work() {
        for validity in [days(5, 5), days(5, 3)] {
            assert_eq!(renew_at(validity, None, Draw(9)), UtcTime::FIRST);
            assert!(!validity.works(UtcTime(4 * DAY)), "{validity:?}");
        }
    }

    #[test]
    fn it_works_until_its_end_also_for_a_clock_that_went_back() {
        for (now, works) in [(-1000, true), (0, true), (6, true), (7, false)] {
            assert_eq!(days(0, 6).works(UtcTime(now * DAY)), works, "{now}");
        }
    }

    #[test]
    fn the_information_is_asked_for_again_within_limits() {
        let second = Duration::from_secs;
        for (wait, expected) in [
            (Some(second(0)), 60),
            (Some(second(6 * 3600)), 6 * 3600),
            (Some(Duration::MAX), DAY),
            (None, 6 * 3600),
        ] {
            assert_eq!(ask_again_at(UtcTime(0), wait), UtcTime(expected), "{wait:?}");
        }
    }

    proptest! {
        /// Whatever a certificate and a window say, its renewal is never later than its end, nor a panic.
        #[test]
        fn never_after_its_end(from: i64, to: i64, start: i64, end: i64, asked: bool, draw: u32) {
            let validity = Validity { not_before: UtcTime(from), not_after: UtcTime(to) };
            let window = SuggestedWindow { start: UtcTime(start), end: UtcTime(end) };
            let at = renew_at(validity, asked.then_some(window), Draw(draw));
            prop_assert!(at <= validity.not_after);
        }
    }
}

//! Whether a target gets requests by what its health checks have found: out after several failures in a row, in again
//! after one success. The rule alone; `watch` asks.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::limits::{Limit, between};

/// How what has traffic is asked whether it is healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checks {
    /// How long after a check the next one is. 5 s.
    #[serde(deserialize_with = "interval")]
    pub interval: Duration,
    /// How many in a row a target fails until it gets no more requests. 3.
    #[serde(deserialize_with = "failures")]
    pub failures: u32,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            failures: 3,
        }
    }
}

/// Its keys in `config.toml`: the reference. A test holds it against [`Checks`].
pub const CHECKS: [Limit; 2] = [
    Limit {
        name: "interval",
        default: "5",
        meaning: "How long after a check the next one is; a container that is out is asked every second",
        allowed: "whole seconds from 1 to 3600",
    },
    Limit {
        name: "failures",
        default: "3",
        meaning: "How many checks in a row a container fails until requests go to the others; one that it passes puts it \
                  back",
        allowed: "a whole number from 1 to 100",
    },
];

fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    between(deserializer, 1, 3600).map(Duration::from_secs)
}

fn failures<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = between(deserializer, 1, 100)?;
    u32::try_from(number).map_err(serde::de::Error::custom)
}

/// What is known of a target's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It passed its last check, or whoever gave it the traffic knew that it would.
    #[default]
    Good,
    /// It has failed so many in a row, and not yet too many.
    Failing(u32),
    /// It was started again, and has not passed a check since; failed so many.
    Unproven(u32),
    /// It has failed too many in a row.
    Out,
}

/// A check that changed whether a target is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is out.
    Out,
    /// It is back.
    Back,
}

impl Health {
    /// After another check.
    #[must_use]
    pub fn after(self, passed: bool, checks: Checks) -> Self {
        let one_more = |before: u32, still: fn(u32) -> Self| {
            let failed = before.saturating_add(1);
            if failed >= checks.failures {
                Self::Out
            } else {
                still(failed)
            }
        };
        match self {
            _ if passed => Self::Good,
            Self::Good => one_more(0, Self::Failing),
            Self::Failing(before) => one_more(before, Self::Failing),
            Self::Unproven(before) => one_more(before, Self::Unproven),
            Self::Out => Self::Out,
        }
    }

    /// What has become of it since `before`.
    pub fn turn(self, before: Self) -> Option<Turn> {
        match (before == Self::Out, self == Self::Out) {
            (false, true) => Some(Turn::Out),
            (true, false) => Some(Turn::Back),
            _ => None,
        }
    }

    /// Whether requests go to it while there is another one that they could go to.
    pub fn is_in(self) -> bool {
        matches!(self, Self::Good | Self::Failing(_))
    }

    /// How long after a check the next one is. One that is waited for is asked more often.
    pub fn pause(self, checks: Checks) -> Duration {
        if self.is_in() {
            checks.interval
        } else {
            checks.interval.min(Duration::from_secs(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKS_OF_3: Checks = Checks {
        interval: Duration::from_secs(5),
        failures: 3,
    };

    /// What becomes of a target that passes (`+`) and fails (`-`) checks: `i` where it is in after one, `o` where it is out.
    fn story(begin: Health, checks: &str) -> (String, Vec<Turn>) {
        let mut health = begin;
        let mut turns = Vec::new();
        let seen = checks.chars().map(|check| {
            let after = health.after(check == '+', CHECKS_OF_3);
            turns.extend(after.turn(health));
            health = after;
            if health.is_in() { 'i' } else { 'o' }
        });
        (seen.collect(), turns)
    }

    #[test]
    fn out_after_three_in_a_row_and_back_after_one() {
        let (seen, turns) = story(Health::Good, "+--+--+---+---");
        assert_eq!(seen, "iiiiiiiiioiiio");
        assert_eq!(turns, [Turn::Out, Turn::Back, Turn::Out]);
        assert_eq!(story(Health::Good, "------+").0, "iioooo".to_owned() + "i");
    }

    /// What was started again gets no request before it has passed a check; as long as it may take a moment, nothing is
    /// told of it.
    #[test]
    fn what_was_started_again_is_asked_first() {
        assert_eq!(story(Health::Unproven(0), "--+"), ("ooi".to_owned(), Vec::new()));
        assert_eq!(
            story(Health::Unproven(0), "---+"),
            ("oooi".to_owned(), vec![Turn::Out, Turn::Back])
        );
        assert_eq!(Health::Unproven(0).pause(CHECKS_OF_3), Duration::from_secs(1));
        assert_eq!(Health::Failing(2).pause(CHECKS_OF_3), Duration::from_secs(5));
    }

    #[test]
    fn the_reference_is_true() {
        let read =
            |key: &str, value: &str| serde_json::from_str::<Checks>(&format!("{{\"{key}\": {value}}}"));
        for one in &CHECKS {
            assert_eq!(
                read(one.name, one.default).ok(),
                Some(Checks::default()),
                "{}",
                one.name
            );
            let numbers: Vec<i64> = one
                .allowed
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect();
            let [least, most] = numbers[..] else {
                panic!("{}", one.allowed)
            };
            for (number, fine) in [(least, true), (most, true), (least - 1, false), (most + 1, false)] {
                assert_eq!(
                    read(one.name, &number.to_string()).is_ok(),
                    fine,
                    "{} {number}",
                    one.name
                );
            }
        }
    }
}

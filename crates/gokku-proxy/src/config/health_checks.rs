//! How what has traffic is checked: how often, and how many failures it takes.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::config::limits::{Limit, between};

/// The settings of the health checks of what has traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checks {
    /// The time from one check to the next. 5 s.
    #[serde(deserialize_with = "interval")]
    pub interval: Duration,
    /// How many checks in a row a target fails before it gets no more requests. 3.
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

/// The keys in `config.toml`: the reference. A test holds it against [`Checks`].
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

#[cfg(test)]
mod tests {
    use super::*;

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

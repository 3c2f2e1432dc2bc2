//! Which of the server's ports an app may take. Those below 1024 are what a server is known by, and others are kept by its
//! settings: whoever is let in to an app with a key does not come to them. The owner does, by asking for them, or by giving
//! them to an app; and what an app has it keeps.

use std::fmt;
use std::str::FromStr;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::access::scope::Asker;
use crate::app::name::AppName;

/// The first port that is nobody's in particular.
const FIRST_COMMON: u16 = 1024;

/// One port, `6000`, or all from one to another, `6000-6063`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// A text that is no range of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no port: it is a number from 1 to 65535, or two with - between them, the lower one first: \"6000-6063\""
)]
pub struct PortRangeError(String);

impl PortRange {
    /// Returns whether a port is in it.
    pub fn has(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl From<u16> for PortRange {
    fn from(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, PortRangeError> {
        let port = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|port| digits && *port > 0)
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(PortRangeError(text.to_owned())),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PortRange {
    /// A number, or a text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Range;

        impl Visitor<'_> for Range {
            type Value = PortRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port from 1 to 65535, or a range of them: \"6000-6063\"")
            }

            fn visit_u64<E: serde::de::Error>(self, port: u64) -> Result<PortRange, E> {
                let port_of = u16::try_from(port).ok().filter(|port| *port > 0);
                port_of
                    .map(PortRange::from)
                    .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(port), &self))
            }

            fn visit_i64<E: serde::de::Error>(self, port: i64) -> Result<PortRange, E> {
                match u64::try_from(port) {
                    Ok(port) => self.visit_u64(port),
                    Err(_) => Err(E::invalid_value(Unexpected::Signed(port), &self)),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PortRange, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Range)
    }
}

/// What is known of the server's ports when an app asks for one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPorts {
    /// Those that are kept from every app: what the settings forbid, and what they give to other apps.
    pub kept: Vec<PortRange>,
    /// Those that the settings give the app.
    pub given: Vec<PortRange>,
    /// Those that the app has.
    pub has: Vec<u16>,
}

/// Why an app may not take a port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "port {port} {}, and nobody takes it with a key: choose another one; or the server's owner gives it to {app}, with \
     ports = [{port}] below [apps.{app}] in {settings}",
    if *.below { "is one of those below 1024, which are the server's own" } else { "is kept by the server's owner" }
)]
pub struct NotToTake {
    /// The port.
    pub port: u16,
    /// The app.
    pub app: AppName,
    /// Whether it is because of its number, and not of the settings.
    pub below: bool,
    /// The server's settings file, where it would be given.
    pub settings: String,
}

impl HostPorts {
    /// Checks whether an app may take a port, when somebody asks for it; `settings` is the file that would say so.
    pub fn check(&self, asker: Asker, app: &AppName, port: u16, settings: &str) -> Result<(), NotToTake> {
        let is_in = |ranges: &[PortRange]| ranges.iter().any(|range| range.has(port));
        let below = port < FIRST_COMMON;
        let is_common = !below && !is_in(&self.kept);
        if is_common || asker == Asker::Owner || self.has.contains(&port) || is_in(&self.given) {
            return Ok(());
        }
        Err(NotToTake {
            port,
            app: app.clone(),
            below: below && !is_in(&self.kept),
            settings: settings.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(texts: &[&str]) -> Vec<PortRange> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    #[test]
    fn ranges_are_read_and_shown() {
        for text in ["1", "22", "65535", "6000-6063", "1-65535", "80-80"] {
            let range: PortRange = text.parse().expect(text);
            let shown = if text == "80-80" { "80" } else { text };
            assert_eq!(range.to_string(), shown);
            let json = serde_json::to_string(&range).expect("text");
            assert_eq!(serde_json::from_str::<PortRange>(&json).expect("read"), range);
        }
        for text in [
            "",
            "0",
            "65536",
            "-1",
            "-",
            "1-",
            "-80",
            "80-79",
            "0-80",
            "80-65536",
            "+80",
            "80 - 90",
            " 80",
            "80,81",
            "1-2-3",
            "http",
            "8e1",
            "99999999999999999999",
        ] {
            assert!(text.parse::<PortRange>().is_err(), "{text:?}");
        }
        for (json, known) in [
            ("80", true),
            ("65535", true),
            ("0", false),
            ("-1", false),
            ("65536", false),
            ("80.5", false),
            ("null", false),
            ("[80]", false),
            ("\"80-90\"", true),
        ] {
            assert_eq!(serde_json::from_str::<PortRange>(json).is_ok(), known, "{json}");
        }
    }

    #[test]
    fn who_may_take_which_port() {
        let app: AppName = "api".parse().expect("a name");
        let ports = HostPorts {
            kept: ranges(&["443", "5432", "6000-6063"]),
            given: ranges(&["443", "7000-7010", "6010"]),
            has: vec![80, 25],
        };
        for (port, owner, key) in [
            (1, true, false),
            (22, true, false),
            (25, true, true),
            (79, true, false),
            // It has it.
            (80, true, true),
            (81, true, false),
            // Kept from others, and given.
            (443, true, true),
            (1023, true, false),
            (1024, true, true),
            (5431, true, true),
            (5432, true, false),
            (5433, true, true),
            (5999, true, true),
            (6000, true, false),
            (6010, true, true),
            (6063, true, false),
            (6064, true, true),
            (7005, true, true),
            (65535, true, true),
        ] {
            let may = |asker| ports.check(asker, &app, port, "config.toml").is_ok();
            assert_eq!((may(Asker::Owner), may(Asker::Key)), (owner, key), "{port}");
        }
        // What it had and has no more is as every other.
        let moved = HostPorts {
            has: vec![8080],
            ..ports.clone()
        };
        assert!(moved.check(Asker::Key, &app, 80, "config.toml").is_err());
        let told = [22, 5432].map(|port| {
            let refused = ports.check(Asker::default(), &app, port, "/opt/gokku/config.toml");
            refused.expect_err("not with a key").to_string()
        });
        insta::assert_snapshot!(told.join("\n"), @"
        port 22 is one of those below 1024, which are the server's own, and nobody takes it with a key: choose another one; or the server's owner gives it to api, with ports = [22] below [apps.api] in /opt/gokku/config.toml
        port 5432 is kept by the server's owner, and nobody takes it with a key: choose another one; or the server's owner gives it to api, with ports = [5432] below [apps.api] in /opt/gokku/config.toml
        ");
    }
}

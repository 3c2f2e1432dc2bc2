//! What a client or an app may cost: the limits, their defaults, and how they are written in `config.toml`.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// A day: more than any limit needs, and far below what a timer can hold.
const MAX_SECONDS: u64 = 86_400;

/// The switch's limits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How long a connection may be open without a request before it is closed. 75 s.
    #[serde(deserialize_with = "seconds")]
    pub idle_timeout: Duration,
    /// How long a TLS handshake may take, from the moment a connection is accepted, before it is closed. 10 s.
    #[serde(deserialize_with = "seconds")]
    pub handshake_timeout: Duration,
    /// How long a request's head may take, from its first byte to its last, before the answer is 408. 30 s.
    #[serde(deserialize_with = "seconds")]
    pub head_timeout: Duration,
    /// How many bytes a request's head may have, its first line included, before the answer is 431; the trailers of a
    /// chunked body may have as many. 65,536 bytes.
    #[serde(deserialize_with = "head_bytes")]
    pub max_head_bytes: usize,
    /// How many headers a request may have before the answer is 431. 100.
    #[serde(deserialize_with = "headers")]
    pub max_headers: usize,
    /// How many bytes all clients' partial heads may have together before the connections with the oldest ones are closed.
    /// 16,777,216 bytes.
    #[serde(deserialize_with = "heads_bytes")]
    pub max_heads_bytes: usize,
    /// How many bytes the head of an app's answer may have, give or take a read, before the answer is 502. 131,072 bytes.
    #[serde(deserialize_with = "answer_head_bytes")]
    pub max_answer_head_bytes: usize,
    /// How many headers an app's answer may have before the answer is 502. 500.
    #[serde(deserialize_with = "headers")]
    pub max_answer_headers: usize,
    /// How long a client may send nothing of a body that the app waits for before the answer is 408. 60 s.
    #[serde(deserialize_with = "seconds")]
    pub upload_timeout: Duration,
    /// How long an app may take to answer `Expect: 100-continue` before the client is told to send its body. 1 s.
    #[serde(deserialize_with = "seconds")]
    pub continue_timeout: Duration,
    /// How long a client may go on sending a request that is answered already before its connection is cut. 60 s.
    #[serde(deserialize_with = "seconds")]
    pub linger_timeout: Duration,
    /// How many bytes of such a request are read before its connection is cut. 1 GiB.
    #[serde(deserialize_with = "linger_bytes")]
    pub max_linger_bytes: u64,
    /// How long a client may read nothing of what was sent to it before it is cut. 60 s.
    #[serde(deserialize_with = "seconds")]
    pub download_timeout: Duration,
    /// How long a connection may be silent before the kernel asks whether the other end is still there; a client that does
    /// not answer that for `download_timeout` has vanished. 30 s.
    #[serde(deserialize_with = "seconds")]
    pub keepalive_interval: Duration,
    /// How long an app may take to begin its answer once it has the request, or to read more of the request, before the
    /// answer is 504; without one, for ever. 300 s.
    #[serde(deserialize_with = "seconds_or_none")]
    pub answer_timeout: Option<Duration>,
    /// How long nothing may be sent on a connection of a TCP port, either way, before it is closed; without one, for ever. None.
    #[serde(deserialize_with = "seconds_or_none")]
    pub tcp_idle_timeout: Option<Duration>,
    /// How many requests of one HTTP/2 connection may be answered at a time; more wait at the client. 128.
    #[serde(deserialize_with = "streams")]
    pub max_concurrent_streams: u32,
    /// How many requests the client of an HTTP/2 connection may take back before they are answered, or send that are not valid,
    /// more than are answered, before the connection is closed. 100.
    #[serde(deserialize_with = "reset_streams")]
    pub max_reset_streams: usize,
    /// How many bytes a client may send of one HTTP/2 request before the app takes them. 262,144 bytes.
    #[serde(deserialize_with = "window_bytes")]
    pub stream_window_bytes: u32,
    /// The same of all requests of an HTTP/2 connection. 1,048,576 bytes.
    #[serde(deserialize_with = "window_bytes")]
    pub connection_window_bytes: u32,
    /// How many connections clients may have; without one, half as many as the process may have files open.
    #[serde(deserialize_with = "connections")]
    pub max_connections: Option<usize>,
    /// How many of those may be one app's; without one, three quarters.
    #[serde(deserialize_with = "connections")]
    pub max_app_connections: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(75),
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(30),
            max_head_bytes: 65_536,
            max_headers: 100,
            max_heads_bytes: 16 << 20,
            max_answer_head_bytes: 131_072,
            max_answer_headers: 500,
            upload_timeout: Duration::from_secs(60),
            continue_timeout: Duration::from_secs(1),
            linger_timeout: Duration::from_secs(60),
            max_linger_bytes: 1 << 30,
            download_timeout: Duration::from_secs(60),
            keepalive_interval: Duration::from_secs(30),
            answer_timeout: Some(Duration::from_secs(300)),
            tcp_idle_timeout: None,
            max_concurrent_streams: 128,
            max_reset_streams: 100,
            stream_window_bytes: 256 << 10,
            connection_window_bytes: 1 << 20,
            max_connections: None,
            max_app_connections: None,
        }
    }
}

/// A limit, as the reference describes it.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The key.
    pub name: &'static str,
    /// The default.
    pub default: &'static str,
    /// What is limited, and what happens beyond the limit.
    pub meaning: &'static str,
    /// The allowed values.
    pub allowed: &'static str,
}

const SECONDS: &str = "whole seconds from 1 to 86400";

/// Every limit: the reference. A test holds it against [`Limits`].
pub const LIMITS: [Limit; 22] = [
    Limit {
        name: "idle_timeout",
        default: "75",
        meaning: "How long a client's connection may be open without a request on it; then it is closed",
        allowed: SECONDS,
    },
    Limit {
        name: "handshake_timeout",
        default: "10",
        meaning: "How long a TLS handshake may take, from the moment the connection is there; then it is closed",
        allowed: SECONDS,
    },
    Limit {
        name: "head_timeout",
        default: "30",
        meaning: "How long a request's head may take, from its first byte to its last; then 408",
        allowed: SECONDS,
    },
    Limit {
        name: "max_head_bytes",
        default: "65536",
        meaning: "The bytes a request's head may have; above it 431. The trailers of a chunked body may have as many",
        allowed: "a whole number from 8192 to 1048576",
    },
    Limit {
        name: "max_headers",
        default: "100",
        meaning: "The headers a request may have; above it 431",
        allowed: "a whole number from 10 to 10000",
    },
    Limit {
        name: "max_heads_bytes",
        default: "16777216",
        meaning: "The bytes that requests' heads may have which have begun and not ended, those of all clients together; above it \
                  the connections with the oldest ones are closed",
        allowed: "a whole number from 1048576 to 1099511627776",
    },
    Limit {
        name: "max_answer_head_bytes",
        default: "131072",
        meaning: "The bytes the head of an app's answer may have, give or take a read; above it 502",
        allowed: "a whole number from 65536 to 1048576",
    },
    Limit {
        name: "max_answer_headers",
        default: "500",
        meaning: "The headers an app's answer may have; above it 502",
        allowed: "a whole number from 10 to 10000",
    },
    Limit {
        name: "upload_timeout",
        default: "60",
        meaning: "How long a client may send nothing of a body that the app waits for; then 408. An upload that goes on may \
                  take as long as it wants and be of any size",
        allowed: SECONDS,
    },
    Limit {
        name: "continue_timeout",
        default: "1",
        meaning: "How long an app may take to answer `Expect: 100-continue`; then the client may send its body, because many \
                  apps do not know that they are asked",
        allowed: SECONDS,
    },
    Limit {
        name: "linger_timeout",
        default: "60",
        meaning: "How long a client may go on sending a request that is answered already; then it is cut, and so it is after 5 \
                  seconds in which it sends nothing. Who sends all before it reads has its answer by then",
        allowed: SECONDS,
    },
    Limit {
        name: "max_linger_bytes",
        default: "1073741824",
        meaning: "The bytes that it may go on sending; then it is cut",
        allowed: "a whole number from 65536 to 1099511627776",
    },
    Limit {
        name: "download_timeout",
        default: "60",
        meaning: "How long a client may take nothing of what there is for it; then it is cut. A stream on which the app \
                  says nothing may be quiet for ever",
        allowed: SECONDS,
    },
    Limit {
        name: "keepalive_interval",
        default: "30",
        meaning: "How long nothing may come on a connection, a WebSocket's too, before the kernel asks whether the other end is \
                  still there; a client that does not answer for `download_timeout` has vanished, and is closed",
        allowed: SECONDS,
    },
    Limit {
        name: "answer_timeout",
        default: "300",
        meaning: "How long an app may take to begin its answer once it has the whole request, or to take more of the \
                  request; then 504. 0 is for ever",
        allowed: "whole seconds from 0 to 86400",
    },
    Limit {
        name: "tcp_idle_timeout",
        default: "0",
        meaning: "How long nothing may be sent on a connection of a TCP port, either way; then it is closed. With 0 never: the kernel \
                  sees by `keepalive_interval` whether both ends are still there, and pools of database connections are silent for long",
        allowed: "whole seconds from 0 to 86400",
    },
    Limit {
        name: "max_concurrent_streams",
        default: "128",
        meaning: "The requests of one HTTP/2 connection that may be answered at a time; its client keeps back what is more",
        allowed: "a whole number from 1 to 10000",
    },
    Limit {
        name: "max_reset_streams",
        default: "100",
        meaning: "The requests that the client of an HTTP/2 connection may take back before their answers begin, or send in a form \
                  that is not valid, more than are answered; then the connection is closed",
        allowed: "a whole number from 10 to 10000",
    },
    Limit {
        name: "stream_window_bytes",
        default: "262144",
        meaning: "The bytes that a client may send of one HTTP/2 request before the app takes them",
        allowed: "a whole number from 65535 to 16777216",
    },
    Limit {
        name: "connection_window_bytes",
        default: "1048576",
        meaning: "The same for all requests of an HTTP/2 connection together",
        allowed: "a whole number from 65535 to 16777216",
    },
    Limit {
        name: "max_connections",
        default: "-",
        meaning: "The connections that clients may have, each HTTP/2 request counting as one beside its connection; beyond it the longest idle ones are closed, and where none is idle \
                  new ones get 503. Half as many as the switch may have files open, without",
        allowed: "a whole number from 1 to 10000000",
    },
    Limit {
        name: "max_app_connections",
        default: "-",
        meaning: "The same for each app, so that one cannot take what others need; three quarters of `max_connections`, \
                  without",
        allowed: "a whole number from 1 to 10000000",
    },
];

/// Reads a whole number between two others.
struct Between {
    least: u64,
    most: u64,
}

impl Visitor<'_> for Between {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a whole number from {} to {}", self.least, self.most)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
        match u64::try_from(value) {
            Ok(value) if (self.least..=self.most).contains(&value) => Ok(value),
            _ => Err(E::invalid_value(de::Unexpected::Signed(value), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        i64::try_from(value)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            .and_then(|value| self.visit_i64(value))
    }
}

/// Reads a whole number that must lie between two others.
pub(crate) fn between<'de, D: Deserializer<'de>>(
    deserializer: D,
    least: u64,
    most: u64,
) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(Between { least, most })
}

fn count<'de, D: Deserializer<'de>>(deserializer: D, least: u64, most: u64) -> Result<usize, D::Error> {
    let number = between(deserializer, least, most)?;
    usize::try_from(number).map_err(de::Error::custom)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    between(deserializer, 1, MAX_SECONDS).map(Duration::from_secs)
}

fn seconds_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = between(deserializer, 0, MAX_SECONDS)?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

fn head_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    // The HTTP library refuses anything smaller.
    count(deserializer, 8192, 1 << 20)
}

fn heads_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    // One head must always have room.
    count(deserializer, 1 << 20, 1 << 40)
}

fn linger_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    between(deserializer, 1 << 16, 1 << 40)
}

fn answer_head_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    // It also bounds the pieces in which bodies are read.
    count(deserializer, 65_536, 1 << 20)
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    // Far fewer than the HTTP library could hold.
    count(deserializer, 10, 10_000)
}

fn streams<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = between(deserializer, 1, 10_000)?;
    u32::try_from(number).map_err(de::Error::custom)
}

fn reset_streams<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    count(deserializer, 10, 10_000)
}

fn window_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    // What every client may send before it is told otherwise, RFC 9113 section 6.9.2.
    let number = between(deserializer, 65_535, 16 << 20)?;
    u32::try_from(number).map_err(de::Error::custom)
}

fn connections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    count(deserializer, 1, 10_000_000).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Limits, serde_json::Error> {
        serde_json::from_str(&format!("{{\"{name}\": {value}}}"))
    }

    /// The documented defaults are the real ones, and every limit is in the reference.
    #[test]
    fn the_reference_is_true() {
        for limit in &LIMITS {
            if limit.default != "-" {
                let read = read(limit.name, limit.default).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(read, Limits::default(), "{}", limit.name);
            }
        }
        let error = read("nonsense", "1").map(drop).unwrap_err().to_string();
        for limit in &LIMITS {
            assert!(error.contains(&format!("`{}`", limit.name)), "{error}");
        }
        assert_eq!(error.matches('`').count(), 2 * (LIMITS.len() + 1), "{error}");
    }

    #[test]
    fn the_bounds_are_those_of_the_reference() {
        for limit in &LIMITS {
            let numbers: Vec<i64> = limit
                .allowed
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect();
            let [least, most] = numbers[..] else {
                panic!("{}", limit.allowed)
            };
            for fine in [least, most] {
                assert!(
                    read(limit.name, &fine.to_string()).is_ok(),
                    "{} {fine}",
                    limit.name
                );
            }
            for bad in [least - 1, most + 1, -1] {
                let error = read(limit.name, &bad.to_string()).map(drop).unwrap_err();
                let words = format!("a whole number from {least} to {most}");
                assert!(error.to_string().contains(&words), "{error}");
            }
        }
    }

    #[test]
    fn no_answer_timeout_is_for_ever() {
        let limits = read("answer_timeout", "0").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(limits.answer_timeout, None);
    }
}

//! Reads an environment from standard input, and no more of it than an env may have.

use gokku_core::text::read_limits::Limit;
use gokku_server::fs::bounded;

use crate::error::Error;

/// Reads standard input up to a limit.
pub(super) fn read(what: &str, limit: Limit) -> Result<Vec<u8>, Error> {
    bounded::stream(std::io::stdin().lock(), limit).map_err(|error| {
        Error::usage(error)
            .about(format!("{what} on standard input"))
            .hint("Nothing was set")
    })
}

/// Reads the pairs on standard input, a NUL byte after each.
pub(super) fn read_pairs(limit: Limit) -> Result<Vec<String>, Error> {
    let read = read("the pairs", limit)?;
    let Some(whole) = read.strip_suffix(b"\0") else {
        return Err(Error::usage(
            "standard input must have NAME=VALUE and a NUL byte for each variable: it ended without one, and nothing was set",
        ));
    };
    let pair = |pair: &[u8]| match std::str::from_utf8(pair) {
        Ok(pair) => Ok(pair.to_owned()),
        Err(_) => Err(Error::usage(
            "a value on standard input is not UTF-8, and the Docker Engine takes nothing else; nothing was set",
        )),
    };
    whole.split(|byte| *byte == 0).map(pair).collect()
}

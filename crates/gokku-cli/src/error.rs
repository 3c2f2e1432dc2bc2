//! Errors and their exit codes.

use gokku_core::logs::event::Refusal;
use gokku_server::Kind;

/// Done.
pub const DONE: u8 = 0;
/// It was tried and failed.
pub const FAILED: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// There is no such app, release or key.
pub const MISSING: u8 = 3;
/// Another transition of the app is under way.
pub const BUSY: u8 = 4;
/// The Docker Engine or the traffic switch is not there.
pub const UNAVAILABLE: u8 = 5;
/// The server could not be reached.
pub const UNREACHABLE: u8 = 6;

/// Why a command failed.
#[derive(Debug)]
pub struct Error {
    /// The program's exit code.
    pub code: u8,
    /// In words, with what to do next; empty when all was said.
    pub message: String,
}

impl Error {
    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            message: message.into(),
        }
    }

    /// There is no such thing.
    pub fn missing(message: impl Into<String>) -> Self {
        Self {
            code: MISSING,
            message: message.into(),
        }
    }

    /// It was tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            code: FAILED,
            message: message.into(),
        }
    }
}

impl Error {
    /// The exit code for what went wrong on the server.
    pub(crate) fn code_of(error: &gokku_server::Error) -> u8 {
        match error.kind {
            Kind::Failed => FAILED,
            Kind::Input => USAGE,
            Kind::Missing => MISSING,
            Kind::Busy => BUSY,
            Kind::Unavailable => UNAVAILABLE,
        }
    }
}

impl From<gokku_server::Error> for Error {
    fn from(error: gokku_server::Error) -> Self {
        Self {
            code: Self::code_of(&error),
            message: error.message,
        }
    }
}

/// The exit code for a transition that was refused.
pub fn refusal_code(reason: Refusal) -> u8 {
    match reason {
        Refusal::Input | Refusal::Failed => FAILED,
        Refusal::Missing => MISSING,
        Refusal::Busy => BUSY,
        Refusal::Unavailable => UNAVAILABLE,
    }
}

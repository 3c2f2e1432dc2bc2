//! The program's one error: what kind it is, what went wrong, what to do next; and every exit code.
//!
//! Errors of the crates below become one of these by `?`; what kind each is, and so the exit code, is said here alone.

use std::error::Error as StdError;
use std::fmt;

use gokku_core::logs::event::{Finish, Refusal};
use gokku_remote::setup::{ServerRootError, machine, program::ProgramError};
use gokku_remote::{remotes, ssh};

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

/// The exit code by which a shell says that there is no such program.
pub(crate) const NO_SUCH_PROGRAM: u8 = 127;
/// The exit code of a program that the end of its terminal or connection has ended.
pub(crate) const HUNG_UP: u8 = 129;
/// The exit code of a program that Ctrl-C has ended.
pub(crate) const INTERRUPTED: u8 = 130;
/// The exit code of a program that another one has ended.
pub(crate) const TERMINATED: u8 = 143;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was tried and failed.
    Failed,
    /// What was typed cannot be.
    Usage,
    /// There is no such app, release or key.
    Missing,
    /// Another transition of the app is under way.
    Busy,
    /// The Docker Engine or the traffic switch is not there.
    Unavailable,
    /// The server could not be reached.
    Unreachable,
    /// A gokku on a server failed, with this exit code.
    OnServer(u8),
}

impl Kind {
    /// Returns the exit code that stands for it.
    fn exit_code(self) -> u8 {
        match self {
            Self::Failed => FAILED,
            Self::Usage => USAGE,
            Self::Missing => MISSING,
            Self::Busy => BUSY,
            Self::Unavailable => UNAVAILABLE,
            Self::Unreachable => UNREACHABLE,
            Self::OnServer(code) => code,
        }
    }
}

/// What an error is made of: an error of a crate below, or a text.
type Source = Box<dyn StdError + Send + Sync>;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Error {
    kind: Kind,
    source: Source,
    hints: Vec<String>,
}

impl Error {
    /// Makes an error of a kind.
    pub(crate) fn new(kind: Kind, source: impl Into<Source>) -> Self {
        Self {
            kind,
            source: source.into(),
            hints: Vec::new(),
        }
    }

    /// Makes the error for something that was tried and failed.
    pub(crate) fn failed(source: impl Into<Source>) -> Self {
        Self::new(Kind::Failed, source)
    }

    /// Makes the error for something that was typed and cannot be.
    pub(crate) fn usage(source: impl Into<Source>) -> Self {
        Self::new(Kind::Usage, source)
    }

    /// Makes the error for something that is not there.
    pub(crate) fn missing(source: impl Into<Source>) -> Self {
        Self::new(Kind::Missing, source)
    }

    /// Says before the error what it is about: `--resume: …`.
    #[must_use]
    pub(crate) fn about(self, what: impl fmt::Display) -> Self {
        let message = format!("{what}: {}", self.source);
        self.worded(message)
    }

    /// Says the error in other words.
    #[must_use]
    pub(crate) fn worded(self, message: impl Into<String>) -> Self {
        let worded = Worded {
            message: message.into(),
            source: self.source,
        };
        Self {
            source: Box::new(worded),
            ..self
        }
    }

    /// Adds what to do next, or what was left as it is. One that begins with a capital letter is a sentence of its own,
    /// any other goes on with the error's.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns the program's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }
}

impl fmt::Display for Error {
    /// Writes the error and its hints, as they are printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        for hint in &self.hints {
            let is_sentence = hint.starts_with(char::is_uppercase);
            write!(f, "{}{hint}", if is_sentence { ". " } else { "; " })?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

/// An error in other words than its own.
#[derive(Debug)]
struct Worded {
    message: String,
    source: Source,
}

impl fmt::Display for Worded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Worded {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

/// Names and values that were typed and cannot be.
macro_rules! is_usage {
    ($($error:ty,)*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::usage(error)
            }
        })*
    };
}

is_usage! {
    gokku_core::config::env_file::PairError,
    gokku_core::access::key_name::KeyNameError,
    gokku_core::logs::log_cursor::LogCursorError,
    gokku_core::app::name::NameError,
    gokku_core::app::process_key::ProcessKeyError,
    gokku_core::app::process_key::ProcessTypeError,
    gokku_core::access::public_key::PublicKeyError,
    gokku_core::app::branch_name::BranchNameError,
    gokku_core::domains::name::DomainNameError,
    gokku_core::domains::path::PathPrefixError,
    gokku_core::domains::redirect::RedirectTargetError,
    gokku_core::app::release_id::ReleaseIdError,
    ssh::DestinationError,
    ServerRootError,
}

impl From<gokku_server::Error> for Error {
    fn from(error: gokku_server::Error) -> Self {
        use gokku_server::Kind as Theirs;
        let kind = match error.kind() {
            Theirs::Failed => Kind::Failed,
            Theirs::Input => Kind::Usage,
            Theirs::Missing => Kind::Missing,
            Theirs::Busy => Kind::Busy,
            Theirs::Unavailable => Kind::Unavailable,
        };
        let hint = hint_of(&error);
        let error = Self::new(kind, error);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// Returns what to do next about what the server says, or what was left as it is.
fn hint_of(error: &gokku_server::Error) -> Option<String> {
    use gokku_server::Error as Theirs;
    use gokku_server::app::Error as OfApp;
    use gokku_server::command::Error as OfCommand;
    use gokku_server::worker::Error as OfWorker;
    Some(match error {
        Theirs::App(OfApp::Exists(app)) | Theirs::Command(OfCommand::App(OfApp::Exists(app))) => {
            format!("`gokku status -a {app}` shows it")
        }
        Theirs::App(OfApp::NoLogin(_)) => "`gokku registry list` shows those there are".to_owned(),
        Theirs::App(OfApp::NotLetIn { .. }) => "Nothing was stored".to_owned(),
        Theirs::Command(OfCommand::NoVariable { app, .. }) => {
            format!("`gokku config list -a {app}` shows what it has")
        }
        Theirs::Command(
            OfCommand::NotSet(_)
            | OfCommand::TooManyVariables { .. }
            | OfCommand::EnvTooLarge { .. }
            | OfCommand::Worker(OfWorker::PortNotToSet(_)),
        ) => "Nothing was set".to_owned(),
        Theirs::Command(OfCommand::Unhealthy { name, .. }) => format!("`docker logs {name}` says more"),
        _ => return None,
    })
}

impl From<ssh::Error> for Error {
    fn from(error: ssh::Error) -> Self {
        use ssh::Error as Theirs;
        let kind = match &error {
            Theirs::Unreachable { .. } | Theirs::NoSsh(_) => Kind::Unreachable,
            Theirs::Nul => Kind::Usage,
            Theirs::File(_) => Kind::Failed,
        };
        Self::new(kind, error)
    }
}

impl From<remotes::Error> for Error {
    fn from(error: remotes::Error) -> Self {
        use remotes::Error as Theirs;
        let kind = match &error {
            Theirs::NoRepository | Theirs::NoRemote { .. } => Kind::Missing,
            Theirs::Name(_) | Theirs::NamePart(_) | Theirs::NotAnApp { .. } => Kind::Usage,
            Theirs::Exists { .. }
            | Theirs::Git(_)
            | Theirs::YmlFile(_)
            | Theirs::YmlText(_)
            | Theirs::Yml(_)
            | Theirs::YmlApp(_) => Kind::Failed,
        };
        Self::new(kind, error)
    }
}

impl From<machine::Error> for Error {
    fn from(error: machine::Error) -> Self {
        match error {
            machine::Error::Ssh(error) => error.into(),
            error => Self::failed(error),
        }
    }
}

/// What each part of the server says.
macro_rules! is_of_server {
    ($($error:ty,)*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                gokku_server::Error::from(error).into()
            }
        })*
    };
}

is_of_server! {
    gokku_server::fs::Error,
    gokku_server::os::Error,
    gokku_server::app::Error,
    gokku_server::queue::Error,
    gokku_server::plan::Error,
    gokku_server::space::Error,
    gokku_server::worker::Error,
    gokku_server::daemon::Error,
    gokku_server::command::Error,
}

impl From<ProgramError> for Error {
    fn from(error: ProgramError) -> Self {
        Self::failed(error)
    }
}

/// Returns the exit code for how a transition ended.
pub(crate) fn exit_code_of(finish: &Finish) -> u8 {
    match finish {
        Finish::Succeeded { .. } => DONE,
        Finish::Refused { reason, .. } => match reason {
            Refusal::Input | Refusal::Failed => FAILED,
            Refusal::Missing => MISSING,
            Refusal::Busy => BUSY,
            Refusal::Unavailable => UNAVAILABLE,
        },
        Finish::GaveUp { .. } | Finish::Superseded { .. } | Finish::LeftUnfinished { .. } => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use gokku_core::text::causes::chain;

    use super::*;

    #[test]
    fn an_error_is_printed_with_its_hints_in_its_order() {
        let error = Error::missing("there is no app api")
            .hint("`gokku apps list` shows what there is")
            .hint("Nothing was changed");
        assert_eq!(
            error.to_string(),
            "there is no app api; `gokku apps list` shows what there is. Nothing was changed"
        );
        assert_eq!(error.exit_code(), MISSING);
    }

    #[test]
    fn what_a_server_says_is_told_with_what_to_do_next() {
        use gokku_server::{app, command};
        let error = Error::from(app::Error::Exists("api".parse().expect("a name")));
        assert_eq!(
            (error.to_string().as_str(), error.exit_code()),
            (
                "there is an app api already; `gokku status -a api` shows it",
                FAILED
            )
        );
        let error = Error::from(command::Error::NoVariable {
            app: "api".parse().expect("a name"),
            key: "KEY".parse().expect("a key"),
        });
        assert_eq!(
            (error.to_string().as_str(), error.exit_code()),
            (
                "api has no KEY; `gokku config list -a api` shows what it has",
                MISSING
            )
        );
    }

    #[test]
    fn what_caused_an_error_is_kept() {
        let error = Error::from("A".parse::<gokku_core::AppName>().expect_err("no name")).about("--app");
        assert!(error.to_string().starts_with("--app: "), "{error}");
        let found = chain(&error)
            .filter(|cause| cause.is::<gokku_core::app::name::NameError>())
            .count();
        assert_eq!((found, error.exit_code()), (1, USAGE));
    }
}

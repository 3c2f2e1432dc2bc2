//! What can go wrong with the engine.

use std::path::PathBuf;

use gokku_core::containers::error::Source;
use gokku_core::machine::subnet::NoRoom;
use gokku_core::text::causes::causes;

use crate::engine::failed_build::FailedBuild;

/// Why the engine did not do what it was asked. Never has an env value in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing answers on the socket.
    #[error(
        "the Docker Engine does not answer on {}: {}. Start it (`systemctl start docker`); `gokku doctor` says what is missing",
        .socket.display(),
        causes(&**source)
    )]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the connection said.
        source: Source,
    },
    /// It takes connections and does not answer in time.
    #[error(
        "{what}: the Docker Engine did not answer `{call}` within {seconds} s: it hangs, or the machine is very busy. What runs goes on. `journalctl -u docker` may say why, and `systemctl restart docker` ends it; `gokku doctor` looks again"
    )]
    Silent {
        /// What was tried.
        what: &'static str,
        /// What was asked of it, by docker's name.
        call: &'static str,
        /// How long it had, in seconds.
        seconds: u64,
    },
    /// The socket may not be opened.
    #[error(
        "this user may not use the Docker Engine on {}: run as root, or add the user to the group docker (`usermod -aG docker USER`) and log in again",
        .socket.display()
    )]
    Forbidden {
        /// The socket.
        socket: PathBuf,
    },
    /// `DOCKER_HOST` is not a Unix socket.
    #[error("DOCKER_HOST is {0:?}: gokku runs beside the engine and takes only unix:///path")]
    Host(String),
    /// The engine is older than what is needed.
    #[error(
        "the Docker Engine is too old: its API is {found}, and {minimum} is needed (Docker 20.10 or newer)"
    )]
    TooOld {
        /// Its API version.
        found: String,
        /// The least that will do.
        minimum: &'static str,
    },
    /// There is no such container, image or network.
    #[error("{what}: there is no {id}")]
    NotFound {
        /// What was tried.
        what: &'static str,
        /// What it was tried on.
        id: String,
    },
    /// A name or state stands in the way.
    #[error("{what}: {message}")]
    Conflict {
        /// What was tried.
        what: &'static str,
        /// The engine's words.
        message: String,
    },
    /// The registry refused; its words.
    #[error("the registry refused: {0}")]
    Denied(String),
    /// The build failed; its output was given line by line.
    #[error("{0}")]
    Build(FailedBuild),
    /// Which images the Dockerfile names cannot be told: where, why, and what to do.
    #[error("{0}")]
    Unclear(String),
    /// The engine gives no session with BuildKit, which builds the images.
    #[error(
        "this engine has no BuildKit (HTTP {status}), which builds the images: every Docker Engine for Linux has it from 20.10 on. Install that one, `docker.io` or `docker-ce`, and look with `docker version` what answers on the socket"
    )]
    NoBuildKit {
        /// The status with which it refused.
        status: u16,
    },
    /// The folder to build could not be read.
    #[error("{}: {}", .path.display(), causes(&**.source))]
    Context {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Source,
    },
    /// The addresses that networks are made from have no room for one more.
    #[error(
        "no network could be made from gokku's addresses: {0}. Give it others, with range = \"…\" below [networks] in config.toml; `docker network ls` shows what there is"
    )]
    NoRoom(#[from] NoRoom),
    /// A network's container can have no address.
    #[error(
        "{what}: the Docker Engine says: {message}: its network is full. Fewer containers will do (`gokku ps scale`), or fewer one-off ones beside them"
    )]
    NetworkFull {
        /// What was tried.
        what: &'static str,
        /// The engine's words.
        message: String,
    },
    /// All names that a network may have are taken by networks of others.
    #[error("{what}: {} and all further names of it are taken", names.join(", "))]
    NamesTaken {
        /// What was tried.
        what: &'static str,
        /// The first of them.
        names: Vec<String>,
    },
    /// A build ended well, and its image is not there.
    #[error("build the image: it ended well and left no image {tag}")]
    NoImage {
        /// What the image was to be called.
        tag: String,
    },
    /// A program in a container did not end.
    #[error(
        "end the program: process {pid} goes on in the container {container}: {source}{}. `gokku restart` ends it",
        if *has_no_kill { ", and the image has no kill" } else { "" }
    )]
    GoesOn {
        /// The process, as this machine numbers it.
        pid: i32,
        /// The container's short id.
        container: String,
        /// Whether the image has no `kill` with which it could be ended from within.
        has_no_kill: bool,
        /// Why the signal could not be sent.
        source: rustix::io::Errno,
    },
    /// The answer broke off, or is not what it should be.
    #[error("{what}: the Docker Engine's answer: {}", causes(&**source))]
    Answer {
        /// What was tried.
        what: &'static str,
        /// What went wrong with it.
        source: Source,
    },
    /// What the engine answered is of another kind than it should be.
    #[error("{what}: the Docker Engine answered {answer:?}, which means nothing here")]
    Unexpected {
        /// What was tried.
        what: &'static str,
        /// The answer, or the part of it that is not understood.
        answer: String,
    },
    /// The engine refused.
    #[error("{what}: the Docker Engine says: {message}")]
    Api {
        /// What was tried.
        what: &'static str,
        /// The engine's words.
        message: String,
    },
}

impl Error {
    /// The engine client's error in our words.
    pub(crate) fn of(what: &'static str, id: &str, error: bollard::errors::Error) -> Self {
        use bollard::errors::Error as Theirs;
        match error {
            Theirs::DockerResponseServerError {
                status_code: 404,
                message,
            } => {
                // A container can be refused because its image or network is missing: then the words matter.
                if message.contains(id) || message.is_empty() {
                    Self::NotFound {
                        what,
                        id: id.to_owned(),
                    }
                } else {
                    Self::Api { what, message }
                }
            }
            Theirs::DockerResponseServerError {
                status_code: 409,
                message,
            } => Self::Conflict { what, message },
            Theirs::DockerResponseServerError { message, .. } => Self::Api { what, message },
            other => Self::answer(what, other),
        }
    }

    /// The error of an answer that broke off, or cannot be read.
    pub(crate) fn answer(what: &'static str, source: impl Into<Source>) -> Self {
        Self::Answer {
            what,
            source: source.into(),
        }
    }

    /// The error of an answer that was understood, and is a refusal: its words, or the status where there are none.
    pub(crate) fn refused(what: &'static str, status: hyper::StatusCode, words: Option<String>) -> Self {
        Self::Api {
            what,
            message: words.unwrap_or_else(|| format!("HTTP {status}")),
        }
    }

    /// Returns whether it is not known what became of what was asked: the engine may do it yet.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Silent { .. })
    }

    /// Returns whether the thing asked for is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

impl From<Error> for gokku_core::containers::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(words) => Self::Denied(words),
            Error::NotFound { .. } => Self::NotFound(error.into()),
            Error::Conflict { .. } => Self::Conflict(error.into()),
            Error::Silent { .. } => Self::Silent(error.into()),
            Error::Unreachable { .. } | Error::Forbidden { .. } | Error::TooOld { .. } | Error::Host(_) => {
                Self::Unavailable(error.into())
            }
            Error::Build(_)
            | Error::Unclear(_)
            | Error::NoBuildKit { .. }
            | Error::Context { .. }
            | Error::NoRoom(_)
            | Error::NetworkFull { .. }
            | Error::NamesTaken { .. }
            | Error::NoImage { .. }
            | Error::GoesOn { .. }
            | Error::Answer { .. }
            | Error::Unexpected { .. }
            | Error::Api { .. } => Self::Failed(error.into()),
        }
    }
}

//! What can go wrong with a single command.

use std::io;
use std::path::{Path, PathBuf};

use gokku_core::access::authorized_keys::AuthorizedKeysError;
use gokku_core::config::env_file::{EnvKey, PairError};
use gokku_core::config::processes::ProcessesError;
use gokku_core::domains::name::DomainName;
use gokku_core::text::size::Size;
use gokku_core::{AppName, ProcessKey};
use gokku_proxy::control::client::Error as SwitchError;
use gokku_proxy::tls::certificate_error::CertificateError;
use gokku_proxy::tls::certificate_store::StoreError;

use crate::kind::Kind;
use crate::{app, engine, fs, plan, queue, space, transition, worker};

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was not read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// Something of the app was not read or changed.
    #[error(transparent)]
    App(#[from] app::Error),
    /// The app is not had.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The Docker Engine, or the traffic switch, did not do it.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A release cannot be run.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// What a step does was not done.
    #[error(transparent)]
    Transition(#[from] transition::Error),
    /// It cannot be told how much room there is.
    #[error(transparent)]
    Space(#[from] space::Error),
    /// What a request is held to forbids it.
    #[error(transparent)]
    Worker(#[from] worker::Error),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] gokku_git::Error),
    /// A key is not added to those that are let in, or taken from them.
    #[error(transparent)]
    Keys(#[from] AuthorizedKeysError),
    /// A process or a scale is none of the release's.
    #[error(transparent)]
    Processes(#[from] ProcessesError),
    /// A variable is none that a process can be started with.
    #[error(transparent)]
    NotSet(#[from] PairError),
    /// An app would have more variables than it may.
    #[error(
        "{app} would have {found} variables, and {most} are the most that an app may have ([env] variables in config.toml)"
    )]
    TooManyVariables {
        /// The app.
        app: AppName,
        /// How many there would be.
        found: usize,
        /// How many may be.
        most: usize,
    },
    /// An app's env file would be larger than it may.
    #[error(
        "{app} would have an env file of {found} bytes, and {most} is the most that one may have ([env] size in config.toml)"
    )]
    EnvTooLarge {
        /// The app.
        app: AppName,
        /// How large it would be.
        found: u64,
        /// How large it may be.
        most: Size,
    },
    /// A certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A certificate's file was not read or written.
    #[error(transparent)]
    CertificateFile(#[from] StoreError),
    /// There is no certificate of this name.
    #[error("there is no certificate that is called {name}{}", called(there))]
    NoCertificate {
        /// The name.
        name: DomainName,
        /// What those are called that are for this name.
        there: Vec<DomainName>,
    },
    /// A certificate would take the place of one that is for more names.
    #[error(
        "the certificate of {name} that is there is for {lost}, too, and would be gone: add one that is for all of them, or remove          that one first (`gokku certs remove {name}`)"
    )]
    CertificateOfMore {
        /// What both are called.
        name: DomainName,
        /// A name that would have none.
        lost: DomainName,
    },
    /// A variable that is to go is not there.
    #[error("{app} has no {key}")]
    NoVariable {
        /// The app.
        app: AppName,
        /// The variable.
        key: EnvKey,
    },
    /// The app has no container.
    #[error("{0} has no container yet: push a release with git first")]
    NoContainer(AppName),
    /// The app has no container whose output could be shown.
    #[error("{0} has no container to show: push a release with git first")]
    NothingToShow(AppName),
    /// The app has no such process whose output could be shown.
    #[error("{app} has no {process} to show: `gokku ps list` shows what there is")]
    NoProcessToShow {
        /// The app.
        app: AppName,
        /// The process.
        process: ProcessKey,
    },
    /// The app does not run.
    #[error("{0} does not run: `gokku start -a {0}` starts it")]
    NotRunning(AppName),
    /// A container that is to be restarted is not there.
    #[error("there is no container {name}: `gokku restart -a {app}` makes a new one")]
    ContainerGone {
        /// The app.
        app: AppName,
        /// The container.
        name: String,
    },
    /// A container that was restarted did not become good.
    #[error("{process}: {why}")]
    Unhealthy {
        /// Its process.
        process: ProcessKey,
        /// Why.
        why: String,
        /// The container.
        name: String,
    },
    /// A transition was cut off.
    #[error("a transition of {0} was cut off, and the daemon is about to end it: try again in a moment")]
    CutOff(AppName),
    /// The traffic switch runs while a server is to be taken down.
    #[error(
        "the traffic switch runs, and would start the containers again: end it first, by `systemctl stop gokku` or its process"
    )]
    SwitchRuns,
    /// A path is no text.
    #[error("{} is no text, so sshd cannot be told of it: move it to a path that is", .0.display())]
    PathNotText(PathBuf),
    /// The server is another user's.
    #[error(
        "{} belongs to another user, as whom its keys log in: be that user, sudo -H -u '#{owner}' gokku keys",
        root.display()
    )]
    ServerOfOther {
        /// The server's folder.
        root: PathBuf,
        /// The other user's number.
        owner: u32,
    },
    /// The home folder is another user's.
    #[error("{}, the home folder that HOME names, belongs to another user: sudo -H sets it right", .0.display())]
    HomeOfOther(PathBuf),
    /// ssh-keygen knows no such key.
    #[error(
        "ssh-keygen does not take this for a key ({why}): copy the whole line of the file that ends in .pub"
    )]
    NotAKey {
        /// What it says.
        why: String,
    },
    /// An RSA key is too short.
    #[error("an RSA key of {bits} bits is too short: `ssh-keygen -t ed25519` makes a good one")]
    WeakKey {
        /// How long it is.
        bits: u32,
    },
    /// ssh-keygen cannot be run.
    #[error("ssh-keygen could not be run: {0}. Install it: apt-get install openssh-client")]
    NoKeygen(#[source] io::Error),
}

impl Error {
    /// Returns the error for a file that the system did not read or write.
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        Self::File(fs::Error::file(path, source))
    }

    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::App(error) => error.kind(),
            Self::Queue(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Plan(error) => error.kind(),
            Self::Transition(error) => error.kind(),
            Self::Space(error) => error.kind(),
            Self::Worker(error) => error.kind(),
            Self::Git(error) => error.into(),
            Self::SwitchRuns => Kind::Busy,
            Self::Keys(AuthorizedKeysError::Missing(_))
            | Self::NoCertificate { .. }
            | Self::NoVariable { .. }
            | Self::NoContainer(_)
            | Self::NothingToShow(_)
            | Self::NoProcessToShow { .. }
            | Self::ContainerGone { .. } => Kind::Missing,
            Self::Processes(_)
            | Self::NotSet(_)
            | Self::TooManyVariables { .. }
            | Self::EnvTooLarge { .. }
            | Self::Certificate(_)
            | Self::CertificateOfMore { .. }
            | Self::NotAKey { .. }
            | Self::WeakKey { .. } => Kind::Input,
            Self::Keys(_)
            | Self::CertificateFile(_)
            | Self::NotRunning(_)
            | Self::Unhealthy { .. }
            | Self::CutOff(_)
            | Self::PathNotText(_)
            | Self::ServerOfOther { .. }
            | Self::HomeOfOther(_)
            | Self::NoKeygen(_) => Kind::Failed,
        }
    }
}

impl From<gokku_core::containers::Error> for Error {
    fn from(error: gokku_core::containers::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl From<gokku_docker::Error> for Error {
    fn from(error: gokku_docker::Error) -> Self {
        gokku_core::containers::Error::from(error).into()
    }
}

/// Says what the certificates of a name are called.
fn called(there: &[DomainName]) -> String {
    let names: Vec<&str> = there.iter().map(DomainName::as_str).collect();
    match names.as_slice() {
        [] => "; `gokku certs list` shows those there are".to_owned(),
        names => format!("; that of this name is called {}", names.join(", ")),
    }
}

impl From<SwitchError> for Error {
    fn from(error: SwitchError) -> Self {
        Self::Engine(error.into())
    }
}

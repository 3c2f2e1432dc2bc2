//! What can go wrong with an app as it stands on the disk, and with the server's settings.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use gokku_core::access::domain_grants::NotGranted;
use gokku_core::app::branch_name::BranchName;
use gokku_core::app::meaning::Clash;
use gokku_core::app::name::NameError;
use gokku_core::config::env_file::{EnvFileError, PairError};
use gokku_core::domains::domain::Domain;
use gokku_core::push::intake::TooMuch;
use gokku_core::push::rules::RefUpdateError;
use gokku_core::release::code_loss::CodeLoss;
use gokku_core::{Access, AppName, CommitId, EnvironmentName};

use crate::app::refs;
use crate::fs;
use crate::kind::Kind;

/// Why something of an app could not be read, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of it was not read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] gokku_git::Error),
    /// The Docker Engine did not do it.
    #[error(transparent)]
    Engine(#[from] gokku_core::containers::Error),
    /// There is no such app.
    #[error("there is no app {0}; `gokku apps list` shows them")]
    NoApp(AppName),
    /// A domain is another app's; which one, where that may be told.
    #[error("{domain} is {} already: it is to be removed there first (`gokku domains remove`)", whose(by.as_ref()))]
    DomainTaken {
        /// The domain.
        domain: Domain,
        /// The app that has it.
        by: Option<AppName>,
    },
    /// A domain is none that a key was given.
    #[error(transparent)]
    NotGranted(#[from] NotGranted),
    /// A domain is none of the app's.
    #[error("{domain} is none of {app}'s own domains; `gokku domains list -a {app}` shows them")]
    NoDomain {
        /// The app.
        app: AppName,
        /// The domain.
        domain: Domain,
    },
    /// A redirect leads back to itself.
    #[error(
        "{domain} would send its requests around in a circle: where it sends them, `gokku domains list` shows, they are sent back to it"
    )]
    DomainLoop {
        /// The domain.
        domain: Domain,
    },
    /// An app has no port that a domain could lead to.
    #[error(
        "{domain} cannot lead to {app}: all `ports` in its gokku.yml are for TCP, and domains lead to the one for HTTP. Add one there without /tcp, as \"8080:80\"; or do without the domain (gokku domains remove)"
    )]
    NoHttp {
        /// The app.
        app: AppName,
        /// The domain.
        domain: Domain,
    },
    /// An app has no port on which a page could be shown.
    #[error(
        "{0} shows nobody a page: all `ports` in its gokku.yml are for TCP. `gokku stop` closes them, and `gokku start` opens them again"
    )]
    NoPage(AppName),
    /// A domain is an app's by its release alone.
    #[error("{domain} leads to {app} because its gokku.yml says so: take it out there, and deploy that")]
    DomainOfRelease {
        /// The app.
        app: AppName,
        /// The domain.
        domain: Domain,
    },
    /// There is none that a user's word means.
    #[error("there is no app {given}: {there}")]
    NotMeant {
        /// What was given.
        given: String,
        /// What there is.
        there: There,
    },
    /// A user's word means several.
    #[error(
        "{given} could mean each of these apps, with its environment: {}. Name one by its name alone",
        listed(apps)
    )]
    Ambiguous {
        /// What was given.
        given: AppName,
        /// What it could mean.
        apps: Vec<AppName>,
    },
    /// A user's word is no app's name.
    #[error("-a {given}: {source}")]
    NotAName {
        /// What was given.
        given: String,
        /// Why.
        source: NameError,
    },
    /// It is there, for another environment.
    #[error("the app {app} serves {serves} here, not {asked}: an app has one environment")]
    OtherEnvironment {
        /// The app.
        app: AppName,
        /// Its environment.
        serves: EnvironmentName,
        /// The one that was asked for.
        asked: EnvironmentName,
    },
    /// One is to be made that is there.
    #[error("there is an app {0} already")]
    Exists(AppName),
    /// A name would come to mean two apps.
    #[error("{app} is not made: {source}")]
    Clash {
        /// The app that was to be made.
        app: AppName,
        /// Why.
        source: Clash,
    },
    /// Its image would be called as others are.
    #[error("no app can be called {app}: {whose}choose another name, as my-{app}")]
    ImageName {
        /// The app that was to be made.
        app: AppName,
        /// Whose name that is.
        whose: ImagesOf,
    },
    /// What git says of a push cannot be read.
    #[error("what git says of the push: {0}")]
    PushUnread(#[source] io::Error),
    /// It is not what git says of one.
    #[error(transparent)]
    PushUpdates(#[from] RefUpdateError),
    /// A push, or the repository with it, is beyond a limit.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    /// A commit's files are.
    #[error("{} cannot be deployed: {source}", commit.short())]
    CommitTooLarge {
        /// The commit.
        commit: CommitId,
        /// Which limit.
        source: TooMuch,
    },
    /// git cannot move a push's refs.
    #[error(
        "git cannot store this push, so nothing of it is deployed: {}",
        refs::Refused(source)
    )]
    NotStored {
        /// What git says.
        source: gokku_git::Error,
    },
    /// No branch deploys yet.
    #[error("{0} has had no push yet: `git push` deploys it the first time")]
    NoPush(AppName),
    /// The branch that deploys has no commit.
    #[error("{app} has no commit on {branch}: push one with git first")]
    NoCommit {
        /// The app.
        app: AppName,
        /// The branch.
        branch: BranchName,
    },
    /// Nothing was deployed yet.
    #[error("{0} has no release yet: push one with git first")]
    NoRelease(AppName),
    /// A release's code is not whole, and cannot be had again.
    #[error(
        "{loss}, and it cannot be taken out of the repository again: {source}. Push it once more, with git: that makes a new release"
    )]
    CodeLost {
        /// What is not there.
        loss: CodeLoss,
        /// Why it cannot be had.
        source: Box<Error>,
    },
    /// An env file cannot be understood.
    #[error("{}:{}:{}: {}", path.display(), source.line, source.column, source.what)]
    Env {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        source: EnvFileError,
    },
    /// A variable in it is none that a process can be started with.
    #[error("{}: {source}", path.display())]
    EnvPair {
        /// The file.
        path: PathBuf,
        /// Which, and why.
        source: PairError,
    },
    /// The logins to registries are not as they were written. What the parser says of it is not kept: it may have a
    /// password in it.
    #[error(
        "{place}: this is not as gokku wrote it; `gokku registry login` writes it anew once the file is removed"
    )]
    Registries {
        /// The file, with the line and the column where these are known.
        place: String,
    },
    /// It is no registry's host.
    #[error(
        "{0:?} is no registry's host: it is written as in an image's name, ghcr.io or registry.example.com:5000, without https:// and a path"
    )]
    NotAHost(String),
    /// A login without a user.
    #[error("the user has to have a name, in one line")]
    NoUsername,
    /// A login without a password.
    #[error(
        "the password is empty: it is read from standard input, `gokku registry login HOST --username USER < FILE`"
    )]
    NoPassword,
    /// A registry does not take a login.
    #[error("{registry} does not let {username} in with this password: {words}")]
    NotLetIn {
        /// The registry.
        registry: String,
        /// The user.
        username: String,
        /// What the registry says.
        words: String,
    },
    /// A registry could not be asked whether it takes a login.
    #[error("{registry} could not be asked, and nothing was stored: {source}")]
    NotAsked {
        /// The registry.
        registry: String,
        /// Why.
        source: gokku_core::containers::Error,
    },
    /// There is no login to a registry.
    #[error("there is no login to {0}")]
    NoLogin(String),
}

/// Whose a domain is, to somebody who may know it or may not.
fn whose(app: Option<&AppName>) -> String {
    app.map_or_else(
        || "another app's".to_owned(),
        |app| format!("the domain of {app}"),
    )
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
            Self::Git(error) => error.into(),
            Self::Engine(error) | Self::NotAsked { source: error, .. } => error.into(),
            Self::NoApp(_)
            | Self::NoDomain { .. }
            | Self::NotMeant { .. }
            | Self::NoPush(_)
            | Self::NoCommit { .. }
            | Self::NoRelease(_)
            | Self::NoLogin(_) => Kind::Missing,
            Self::Ambiguous { .. }
            | Self::DomainTaken { .. }
            | Self::DomainOfRelease { .. }
            | Self::DomainLoop { .. }
            | Self::NoHttp { .. }
            | Self::NoPage(_)
            | Self::NotGranted(_)
            | Self::NotAName { .. }
            | Self::Clash { .. }
            | Self::ImageName { .. }
            | Self::PushUpdates(_)
            | Self::TooMuch(_)
            | Self::CommitTooLarge { .. }
            | Self::NotStored { .. }
            | Self::EnvPair { .. }
            | Self::NotAHost(_)
            | Self::NoUsername
            | Self::NoPassword => Kind::Input,
            Self::OtherEnvironment { .. }
            | Self::Exists(_)
            | Self::PushUnread(_)
            | Self::CodeLost { .. }
            | Self::Env { .. }
            | Self::Registries { .. }
            | Self::NotLetIn { .. } => Kind::Failed,
        }
    }
}

impl From<gokku_docker::Error> for Error {
    fn from(error: gokku_docker::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// What there is where there is no app that was meant.
#[derive(Debug)]
pub enum There {
    /// An app whose name the word begins with, of this environment.
    Other(AppName, EnvironmentName),
    /// Whatever there is, whoever asks may reach these only.
    NotThis(Access),
    /// None at all; it could be called as the word is.
    None(String),
    /// These.
    Apps(Vec<AppName>),
}

impl fmt::Display for There {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(app, environment) => write!(f, "{app} is there, with the environment {environment}"),
            Self::NotThis(access) => write!(f, "this key is for {access}"),
            Self::None(given) => write!(f, "there are none yet; `gokku apps create {given}` makes it"),
            Self::Apps(apps) => write!(f, "there is {}", listed(apps)),
        }
    }
}

/// Whose images are called as an app's would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImagesOf {
    /// Docker's official ones.
    Docker,
    /// Those that gokku says are not there.
    Nobody,
}

impl fmt::Display for ImagesOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => {
                "one of Docker's official images is called so, and other apps could not be built on it: "
            }
            Self::Nobody => "gokku calls images so that there are not: ",
        })
    }
}

fn listed(apps: &[AppName]) -> String {
    let names: Vec<&str> = apps.iter().map(AppName::as_str).collect();
    names.join(", ")
}

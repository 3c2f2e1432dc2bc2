//! What can go wrong with a transition's steps.

use std::fmt;
use std::path::{Path, PathBuf};

use gokku_core::config::image_ref::ImageRef;
use gokku_core::containers::labels;
use gokku_core::transition::StepName;
use gokku_core::{AppName, ContainerId, ProcessKey, ReleaseId};
use gokku_proxy::control::client::Error as SwitchError;

use crate::kind::Kind;
use crate::{app, engine, fs, os, plan, queue};

/// Why a step was not done, or a transition not ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was not read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// Work that was waited for did not come to its end.
    #[error(transparent)]
    Os(#[from] os::Error),
    /// Something of the app was not read or changed.
    #[error(transparent)]
    App(#[from] app::Error),
    /// Nothing can be written of the transition.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The Docker Engine, or the traffic switch, did not do it.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A release cannot be built, or run.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] gokku_git::Error),
    /// A step of a release, in a transition that has none.
    #[error("this step belongs to a release, and there is none")]
    NoRelease,
    /// A release without its record.
    #[error("the release {0} has no record")]
    NoRecord(ReleaseId),
    /// A release without its image.
    #[error("the release {0} has no image")]
    NoImage(ReleaseId),
    /// A release that is to be pulled, without what to pull.
    #[error("the release {0} names no image")]
    NoReference(ReleaseId),
    /// A container that was seen is not there.
    #[error("the container {} is gone", .0.short())]
    Gone(ContainerId),
    /// A container has no address.
    #[error("{0} has no address on its network: it does not run")]
    NoAddress(String),
    /// A container does not say its port.
    #[error("{0} has no label {port}", port = labels::PORT)]
    NoPortLabel(String),
    /// A container does not say its release.
    #[error("{} has no release label", .0.short())]
    NoReleaseLabel(ContainerId),
    /// A migration did not come to its end.
    #[error("it was cut short")]
    MigrationCutShort,
    /// A migration failed.
    #[error("{command} ended with exit code {code}")]
    MigrationFailed {
        /// Which command that is.
        command: MigrationFrom,
        /// Its exit code.
        code: i64,
    },
    /// A container did not become good.
    #[error("{0}")]
    Unhealthy(String),
    /// One of several processes of a release is the reason.
    #[error("{process}: {source}")]
    OfProcess {
        /// The process.
        process: ProcessKey,
        /// Why.
        source: Box<Error>,
    },
    /// A build with a generated Dockerfile failed.
    #[error("{source}\nThe Dockerfile is gokku's: `gokku build --print -a {app}` shows it.")]
    GeneratedBuild {
        /// The app.
        app: AppName,
        /// Why.
        source: gokku_core::containers::Error,
    },
    /// A registry gives an image to nobody without a login.
    #[error(
        "{image}: {registry} gives it to nobody without a login ({words}). `gokku registry login {registry} --username USER` on the server stores one; is the image's name right?",
        registry = image.registry()
    )]
    NeedsLogin {
        /// The image.
        image: ImageRef,
        /// What the registry says.
        words: String,
    },
    /// A registry does not give an image to the user whose login there is.
    #[error(
        "{image}: {registry} does not give it to {username} ({words}). `gokku registry login {registry} --username USER` stores another login; is the image's name right?",
        registry = image.registry()
    )]
    NotForUser {
        /// The image.
        image: ImageRef,
        /// The user.
        username: String,
        /// What the registry says.
        words: String,
    },
    /// A registry has no such image.
    #[error("{image}: {registry} has no such image, or no such tag of it", registry = image.registry())]
    NotInRegistry {
        /// The image.
        image: ImageRef,
        /// What was said of it.
        source: gokku_core::containers::Error,
    },
    /// An image was not pulled.
    #[error("{image}: {source}")]
    NotPulled {
        /// The image.
        image: ImageRef,
        /// Why.
        source: gokku_core::containers::Error,
    },
    /// An image that was pulled is not there.
    #[error("{0} was pulled, and is not there")]
    PulledAndGone(ImageRef),
    /// The engine has a volume of the name that one of the app's is to have.
    #[error(
        "the image declares a volume at {path}, which is to be the volume {volume}, and the Docker Engine has \
         one of that name that was not made for this app. Mount another one there, with \
         volumes: [\"NAME:{path}\"] in gokku.yml; or, if what is in it is this app's, let it have it, with \
         adopt = [{volume:?}] below [volumes] in {}",
        settings.display()
    )]
    ForeignVolume {
        /// Where in the container.
        path: String,
        /// The volume.
        volume: String,
        /// The server's settings.
        settings: PathBuf,
    },
    /// A transition that was cut off can neither go on nor back.
    #[error("an earlier transition of {app} cannot be ended: {source}")]
    NotEnded {
        /// The app.
        app: AppName,
        /// Why.
        source: Box<Error>,
    },
    /// A step that cannot be given up failed as often as it was tried.
    #[error("{step}: {source}")]
    Step {
        /// The step.
        step: StepName,
        /// Why, the last time.
        source: Box<Error>,
    },
}

impl Error {
    /// Returns the error for a file that the system did not read or write.
    pub(super) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File(fs::Error::file(path, source))
    }

    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Os(error) => error.kind(),
            Self::App(error) => error.kind(),
            Self::Queue(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Plan(error) => error.kind(),
            Self::Git(error) => error.into(),
            Self::GeneratedBuild { source, .. } | Self::NotPulled { source, .. } => source.into(),
            Self::OfProcess { source, .. } | Self::Step { source, .. } => source.kind(),
            Self::NoRecord(_) | Self::NoImage(_) | Self::NotInRegistry { .. } => Kind::Missing,
            Self::NeedsLogin { .. } | Self::NotForUser { .. } | Self::ForeignVolume { .. } => Kind::Input,
            Self::NoRelease
            | Self::NoReference(_)
            | Self::Gone(_)
            | Self::NoAddress(_)
            | Self::NoPortLabel(_)
            | Self::NoReleaseLabel(_)
            | Self::MigrationCutShort
            | Self::MigrationFailed { .. }
            | Self::Unhealthy(_)
            | Self::PulledAndGone(_)
            | Self::NotEnded { .. } => Kind::Failed,
        }
    }
}

/// Where a migration's command is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationFrom {
    /// The setting.
    Setting,
    /// The `Procfile`.
    Procfile,
}

impl fmt::Display for MigrationFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting => "MIGRATION_COMMAND",
            Self::Procfile => "the Procfile's release command",
        })
    }
}

impl From<gokku_core::containers::Error> for Error {
    fn from(error: gokku_core::containers::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl From<SwitchError> for Error {
    fn from(error: SwitchError) -> Self {
        Self::Engine(error.into())
    }
}

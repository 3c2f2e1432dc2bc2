//! What can go wrong with what a release is made of and run with.

use std::fmt;

use gokku_core::AppName;
use gokku_core::app::page::PageError;
use gokku_core::build::languages::Undetected;
use gokku_core::config::gokku_yml::{AppNotThere, YmlError, YmlErrors};
use gokku_core::config::image_ref::ImageRef;
use gokku_core::config::misnamed::Misnamed;
use gokku_core::config::network_name::OF_ALL;
use gokku_core::config::processes::ProcessesError;
use gokku_core::config::procfile::ProcfileErrors;
use gokku_core::config::settings::SettingError;
use gokku_core::text::decode::NotText;

use crate::kind::Kind;
use crate::plan::mounts::NotMounted;
use crate::plan::networks::NotJoined;
use crate::plan::release_plan::GOKKU_YML;
use crate::{app, fs};

/// Why a release cannot be built, or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was not read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// Something of the app was not read.
    #[error(transparent)]
    App(#[from] app::Error),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] gokku_git::Error),
    /// The Docker Engine did not do it.
    #[error(transparent)]
    Engine(#[from] gokku_core::containers::Error),
    /// A file of the code's is no text.
    #[error("{file}:{source}")]
    NotText {
        /// The file, as it is called.
        file: String,
        /// Where it ceases to be one.
        source: NotText,
    },
    /// A `gokku.yml` says what cannot be.
    #[error(transparent)]
    Yml(#[from] YmlError),
    /// Several things in it cannot be.
    #[error(transparent)]
    YmlAll(#[from] YmlErrors),
    /// A page cannot be one.
    #[error("{name}: {source}")]
    ErrorPage {
        /// Its file, as it is called.
        name: String,
        /// Why.
        source: PageError,
    },
    /// The folder that is to have the error pages has none.
    #[error("{GOKKU_YML}: error_pages: {0} has none of 502.html, 503.html, 504.html and 5xx.html")]
    NoErrorPages(String),
    /// It says nothing of the app.
    #[error(transparent)]
    NotInYml(#[from] AppNotThere),
    /// A `Procfile` says what cannot be.
    #[error(transparent)]
    Procfile(#[from] ProcfileErrors),
    /// The processes that are said together cannot be.
    #[error("{GOKKU_YML}: {0}")]
    Processes(#[source] ProcessesError),
    /// Settings have values that they cannot have.
    #[error("{}", Lines(.0))]
    Settings(Vec<SettingError>),
    /// Files are nearly called what is looked for.
    #[error("{}", Lines(.0))]
    Misnamed(Vec<Misnamed>),
    /// Several things at once, each in lines of its own.
    #[error("{}", Lines(.0))]
    Several(Vec<Error>),
    /// The same with the files that are nearly called what is looked for.
    #[error("{source}\n{}", Lines(there))]
    WithMisnamed {
        /// The error.
        source: Box<Error>,
        /// The files.
        there: Vec<Misnamed>,
    },
    /// The code has no Dockerfile, and nothing that one could be made for.
    #[error(transparent)]
    Undetected(#[from] Undetected),
    /// A Dockerfile that is named is not there.
    #[error(
        "there is no Dockerfile: {0} was looked for, which `dockerfile:` in gokku.yml names. Add it, or name the one there is"
    )]
    NoDockerfile(String),
    /// Nothing is built, so there is no Dockerfile to show.
    #[error("nothing is built for {app}: {GOKKU_YML} says that {image} is what runs")]
    NotBuilt {
        /// The app.
        app: AppName,
        /// What runs.
        image: ImageRef,
    },
    /// A volume cannot be mounted.
    #[error("{GOKKU_YML}: volumes: {0}")]
    Volume(#[from] NotMounted),
    /// The network that was chosen cannot be joined.
    #[error("{GOKKU_YML}: network: {0}")]
    Network(#[from] NotJoined),
    /// The network of all apps was chosen.
    #[error(
        "{GOKKU_YML}: network: {OF_ALL} was the network of all apps, and now each app has its own: leave the line away, \
         or name the apps to be reached, `network: {{apps: [NAME]}}`"
    )]
    NetworkOfAll,
    /// Nothing says which port the app listens on.
    #[error(
        "nothing says which port the app listens on: the image exposes none. Add EXPOSE to the Dockerfile, ports: to gokku.yml, or set PORT"
    )]
    NoPort,
    /// The image exposes several ports.
    #[error(
        "the image exposes several ports ({}): say which one answers requests, with ports: in gokku.yml or with PORT",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    SeveralPorts(Vec<u16>),
}

impl Error {
    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::App(error) => error.kind(),
            Self::Git(error) => error.into(),
            Self::Engine(error) => error.into(),
            Self::WithMisnamed { source, .. } => source.kind(),
            Self::NotBuilt { .. } => Kind::Missing,
            Self::NotText { .. }
            | Self::Yml(_)
            | Self::YmlAll(_)
            | Self::ErrorPage { .. }
            | Self::NoErrorPages(_)
            | Self::NotInYml(_)
            | Self::Procfile(_)
            | Self::Processes(_)
            | Self::Settings(_)
            | Self::Misnamed(_)
            | Self::Several(_)
            | Self::Undetected(_)
            | Self::NoDockerfile(_)
            | Self::Volume(_)
            | Self::Network(_)
            | Self::NetworkOfAll
            | Self::NoPort
            | Self::SeveralPorts(_) => Kind::Input,
        }
    }
}

impl From<gokku_docker::Error> for Error {
    fn from(error: gokku_docker::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// Things that are told one below the other.
struct Lines<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, one) in self.0.iter().enumerate() {
            let before = if number == 0 { "" } else { "\n" };
            write!(f, "{before}{one}")?;
        }
        Ok(())
    }
}

//! What can go wrong with a working copy's remotes.

use std::io;

use gokku_core::app::name::NameError;
use gokku_core::config::gokku_yml::{AppNotThere, YmlErrors};
use gokku_core::text::decode::NotText;

use super::address::AddressError;

/// Why something could not be done with remotes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no repository.
    #[error("there is no git repository here: go into your project's folder, or start one with `git init`")]
    NoRepository,
    /// The remote is no app on a server.
    #[error(
        "the remote {name} ({url}) is not gokku's: {why}. `gokku remote add NAME user@host` adds one; `git remote -v` shows those that are there"
    )]
    NotAnApp {
        /// The remote's name.
        name: String,
        /// The remote's URL, without a password.
        url: String,
        /// Why the URL is none of an app on a server.
        #[source]
        why: AddressError,
    },
    /// There is no such remote.
    #[error("{name} is not a remote of this repository{}: `gokku remote add {name} user@host` adds it", among(.known))]
    NoRemote {
        /// What was asked for.
        name: String,
        /// The names of the remotes that are apps on a server.
        known: Vec<String>,
    },
    /// There is another remote of that name.
    #[error(
        "there is a remote {name} already, {url}: take another name, or remove it with `gokku remote remove {name}`"
    )]
    Exists {
        /// The remote's name.
        name: String,
        /// The remote's URL.
        url: String,
    },
    /// No remote can have this name.
    #[error("{0:?} cannot be a remote's name: it is like api-production, an app and an environment")]
    Name(String),
    /// A part of the name can be no app's or environment's.
    #[error(transparent)]
    NamePart(#[from] NameError),
    /// git failed.
    #[error(transparent)]
    Git(#[from] gokku_git::Error),
    /// The project's gokku.yml could not be read.
    #[error("gokku.yml: {0}")]
    YmlFile(#[source] io::Error),
    /// The project's gokku.yml is not text.
    #[error("gokku.yml:{0}. Nothing was added")]
    YmlText(#[source] NotText),
    /// The project's gokku.yml is wrong.
    #[error("{0}. Nothing was added")]
    Yml(#[source] YmlErrors),
    /// The project's gokku.yml does not have the app.
    #[error("{0}. Nothing was added")]
    YmlApp(#[source] AppNotThere),
}

fn among(known: &[String]) -> String {
    match known {
        [] => String::new(),
        known => format!(" (it has {})", known.join(", ")),
    }
}

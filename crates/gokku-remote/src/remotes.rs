//! A working copy's remotes that are gokku's: found by `-a`, added, listed, removed.

use std::io::Read;
use std::path::Path;

use gokku_core::app::branch_name::BranchName;
use gokku_core::app::name::NameError;
use gokku_core::config::gokku_yml::GokkuYml;
use gokku_core::text::decode;
use gokku_core::text::read_limits::GOKKU_YML;
use gokku_core::{AppName, EnvironmentName};
use gokku_git::WorkingCopy;
use serde::{Deserialize, Serialize};

use crate::address::{Address, NotGokkus};
use crate::destination::Destination;

/// The programs that git starts on a server: gokku's, which are git's own, run as whoever owns the server's folder.
const PROGRAMS: [(&str, &str); 2] = [
    ("receivepack", "gokku receive-pack"),
    ("uploadpack", "gokku upload-pack"),
];

/// Why something could not be done with remotes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no repository.
    #[error("there is no git repository here: go into your project's folder, or begin one with `git init`")]
    NoRepository,
    /// A remote that is something else.
    #[error(
        "the remote {name} ({url}) is not gokku's: {why}. `gokku remote add NAME user@host` adds one; `git remote -v` shows those that are there"
    )]
    NotGokkus {
        /// Its name.
        name: String,
        /// Its URL, without a password.
        url: String,
        /// Why.
        why: NotGokkus,
    },
    /// No such remote.
    #[error("{name} is no remote of this repository{}: `gokku remote add {name} user@host` adds it", among(.known))]
    NoRemote {
        /// What was asked for.
        name: String,
        /// The names of those that are gokku's.
        known: Vec<String>,
    },
    /// There is one of that name.
    #[error(
        "there is a remote {name} already, {url}: take another name, or remove it with `gokku remote remove {name}`"
    )]
    Exists {
        /// Its name.
        name: String,
        /// Its URL.
        url: String,
    },
    /// A name that no remote can have.
    #[error("{0:?} cannot be a remote's name: it is like api-production, an app and an environment")]
    Name(String),
    /// A name of an app or an environment that cannot be.
    #[error(transparent)]
    Part(#[from] NameError),
    /// git failed.
    #[error(transparent)]
    Git(#[from] gokku_git::Error),
    /// The project's gokku.yml is wrong.
    #[error("{0}")]
    Yml(String),
}

fn among(known: &[String]) -> String {
    match known {
        [] => String::new(),
        known => format!(" (it has {})", known.join(", ")),
    }
}

/// What `-a` names, as far as a working copy tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// An app on a server.
    There(Address),
    /// A remote that is a folder of this machine.
    Folder(String),
    /// No remote.
    Nothing,
    /// No repository.
    NoRepository,
}

/// Looks for the remote of a name around a folder.
pub fn find(folder: &Path, name: &str) -> Result<Found, Error> {
    let Some(copy) = WorkingCopy::around(folder) else {
        return Ok(Found::NoRepository);
    };
    let Some(url) = copy.url(name)? else {
        return Ok(Found::Nothing);
    };
    match Address::of(&url) {
        Ok(address) => Ok(Found::There(address)),
        Err(NotGokkus::Scheme) if url.starts_with('/') => Ok(Found::Folder(url)),
        Err(why) => Err(Error::NotGokkus {
            name: name.to_owned(),
            url: shown(&url),
            why,
        }),
    }
}

/// A URL as it may be shown: without a password in it.
fn shown(url: &str) -> String {
    match gix_url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            parsed.set_password(None);
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

/// The error for a name that is no remote's.
pub fn missing(folder: &Path, name: &str) -> Error {
    let known = list(folder).unwrap_or_default();
    Error::NoRemote {
        name: name.to_owned(),
        known: known.into_iter().map(|remote| remote.name).collect(),
    }
}

/// A remote that is gokku's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remote {
    /// Its name.
    pub name: String,
    /// The app.
    pub app: AppName,
    /// The server, as ssh reaches it.
    pub server: String,
    /// The URL.
    pub url: String,
}

/// All that are gokku's, by name.
pub fn list(folder: &Path) -> Result<Vec<Remote>, Error> {
    let copy = WorkingCopy::around(folder).ok_or(Error::NoRepository)?;
    let mut all = Vec::new();
    for name in copy.remotes()? {
        if let Some(url) = copy.url(&name)?
            && let Ok(address) = Address::of(&url)
        {
            all.push(Remote {
                name,
                app: address.app,
                server: address.destination.to_string(),
                url,
            });
        }
    }
    Ok(all)
}

/// Removes one; the app on the server stays.
pub fn remove(folder: &Path, name: &str) -> Result<Address, Error> {
    match find(folder, name)? {
        Found::There(address) => {
            let copy = WorkingCopy::around(folder).ok_or(Error::NoRepository)?;
            copy.remove(name)?;
            Ok(address)
        }
        Found::NoRepository => Err(Error::NoRepository),
        Found::Nothing => Err(missing(folder, name)),
        Found::Folder(url) => Err(Error::NotGokkus {
            name: name.to_owned(),
            url,
            why: NotGokkus::Scheme,
        }),
    }
}

/// A remote that is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The app.
    pub app: AppName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// The branch that deploys to it, where the project's gokku.yml names one.
    pub branch: Option<BranchName>,
}

/// What a server answers when the app of a remote is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ready {
    /// The app's repository on the server.
    pub repository: String,
    /// Whether it was made just now.
    pub made: bool,
}

/// What a name stands for: `api-production` is the app `api` for `production`. With the app said, the rest of the name
/// is the environment; a name without one is for production.
pub fn meant(name: &str, app: Option<&str>) -> Result<(AppName, EnvironmentName), Error> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(is_safe) {
        return Err(Error::Name(name.to_owned()));
    }
    let (app, environment) = match app {
        Some(app) => {
            let rest = name.strip_prefix(app).and_then(|rest| rest.strip_prefix('-'));
            let last = name.rsplit_once('-').map_or(name, |(_, last)| last);
            (app, rest.unwrap_or(last))
        }
        None => name.rsplit_once('-').unwrap_or((name, "production")),
    };
    Ok((app.parse()?, environment.parse()?))
}

/// What is to be added, checked before anything is asked of the server.
pub fn prepare(folder: &Path, name: &str, app: Option<&str>) -> Result<Wanted, Error> {
    let (app, environment) = meant(name, app)?;
    let copy = WorkingCopy::around(folder).ok_or(Error::NoRepository)?;
    let branch = branch(&copy, &app, &environment)?;
    Ok(Wanted {
        name: name.to_owned(),
        app,
        environment,
        branch,
    })
}

fn branch(
    copy: &WorkingCopy,
    app: &AppName,
    environment: &EnvironmentName,
) -> Result<Option<BranchName>, Error> {
    let Some(top) = copy.top()? else { return Ok(None) };
    let path = top.join("gokku.yml");
    let bytes = match path.metadata().and_then(|about| read(&path, &about)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::Yml(format!("gokku.yml: {error}"))),
    };
    let wrong = |words: String| Error::Yml(format!("{words}. Nothing was added"));
    let text = decode::read(&bytes).map_err(|error| wrong(format!("gokku.yml:{error}")))?;
    let yml = GokkuYml::parse("gokku.yml", text.text).map_err(|error| wrong(error.to_string()))?;
    let config = yml.app(app).map_err(|error| wrong(error.to_string()))?;
    Ok(config.branch(environment).cloned())
}

/// A file's bytes, if it is one and not too large.
fn read(path: &Path, about: &std::fs::Metadata) -> std::io::Result<Vec<u8>> {
    if !about.is_file() {
        return Err(std::io::Error::other("it is no file, and not read"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(GOKKU_YML.enough()).read_to_end(&mut bytes)?;
    GOKKU_YML.check(bytes.len()).map_err(std::io::Error::other)?;
    Ok(bytes)
}

/// Adds it, once the server has told where the app's repository is. One that is there with the same URL is left as it
/// is. Gives the URL.
pub fn add(folder: &Path, wanted: &Wanted, server: &Destination, ready: &Ready) -> Result<String, Error> {
    let copy = WorkingCopy::around(folder).ok_or(Error::NoRepository)?;
    let url = server.url(&ready.repository);
    match copy.url(&wanted.name)? {
        Some(there) if there == url => {}
        Some(there) => {
            return Err(Error::Exists {
                name: wanted.name.clone(),
                url: shown(&there),
            });
        }
        None => copy.add(&wanted.name, &url, &PROGRAMS)?,
    }
    Ok(url)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_they_stand_for() {
        let read = |name: &str, app: Option<&str>| {
            meant(name, app).map_or_else(
                |error| error.to_string(),
                |(app, environment)| format!("{app} for {environment}"),
            )
        };
        assert_eq!(read("api-production", None), "api for production");
        assert_eq!(read("my-api-staging", None), "my-api for staging");
        assert_eq!(read("api", None), "api for production");
        assert_eq!(read("api-eu-west", Some("api")), "api for eu-west");
        assert_eq!(read("live-staging", Some("api")), "api for staging");
        assert_eq!(read("live", Some("api")), "api for live");
        for name in [
            "-oProxyCommand=id",
            "--upload-pack=id",
            "a b",
            "",
            "a/b",
            "ü-production",
            "../x",
            "a;id",
        ] {
            assert!(matches!(meant(name, None), Err(Error::Name(_))), "{name}");
        }
        assert!(meant("api-production", Some("-x")).is_err());
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            shown("https://ada:secret@example.com/x.git"),
            "https://ada@example.com/x.git"
        );
        assert_eq!(shown("git@example.com:x/y.git"), "git@example.com:x/y.git");
    }
}

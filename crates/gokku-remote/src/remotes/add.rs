//! Adds a remote to a working copy, once its app is there on the server.

use std::io::Read;
use std::path::Path;

use gokku_core::app::branch_name::BranchName;
use gokku_core::config::gokku_yml::GokkuYml;
use gokku_core::text::decode;
use gokku_core::text::read_limits::GOKKU_YML;
use gokku_core::{AppName, EnvironmentName};
use gokku_git::WorkingCopy;
use serde::Deserialize;

use super::error::Error;
use super::remote_name::parse_remote_name;
use super::url::without_password;
use crate::ssh::Destination;

/// The programs that git starts on a server: gokku's, which are git's own, run as whoever owns the server's folder.
const PROGRAMS: [(&str, &str); 2] = [
    ("receivepack", "gokku receive-pack"),
    ("uploadpack", "gokku upload-pack"),
];

/// A remote that can be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRemote {
    /// The remote's name.
    pub name: String,
    /// The app.
    pub app: AppName,
    /// The app's environment.
    pub environment: EnvironmentName,
    /// The branch that deploys to it, where the project's gokku.yml names one.
    pub branch: Option<BranchName>,
}

/// A server's answer when it was asked for the app of a remote.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AppReady {
    /// The app's repository on the server.
    pub repository: String,
    /// Whether it was made just now.
    pub made: bool,
}

/// Checks what is to be added, before anything is asked of the server.
pub fn prepare(folder: &Path, name: &str, app: Option<&str>) -> Result<NewRemote, Error> {
    let (app, environment) = parse_remote_name(name, app)?;
    let copy = WorkingCopy::around(folder).ok_or(Error::NoRepository)?;
    let branch = branch(&copy, &app, &environment)?;
    Ok(NewRemote {
        name: name.to_owned(),
        app,
        environment,
        branch,
    })
}

/// Reads which branch deploys to an environment, from the project's gokku.yml.
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
        Err(error) => return Err(Error::YmlFile(error)),
    };
    let text = decode::read(&bytes).map_err(Error::YmlText)?;
    let yml = GokkuYml::parse("gokku.yml", text.text).map_err(Error::Yml)?;
    let config = yml.app(app).map_err(Error::YmlApp)?;
    Ok(config.branch(environment).cloned())
}

/// Reads a file, if it is one and not too large.
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

/// Adds a remote, once the server has told where the app's repository is, and returns its URL. One that is there with the
/// same URL is left as it is.
pub fn add(folder: &Path, remote: &NewRemote, server: &Destination, app: &AppReady) -> Result<String, Error> {
    let copy = WorkingCopy::around(folder).ok_or(Error::NoRepository)?;
    let url = server.url(&app.repository);
    match copy.url(&remote.name)? {
        Some(there) if there == url => {}
        Some(there) => {
            return Err(Error::Exists {
                name: remote.name.clone(),
                url: without_password(&there),
            });
        }
        None => copy.add(&remote.name, &url, &PROGRAMS)?,
    }
    Ok(url)
}

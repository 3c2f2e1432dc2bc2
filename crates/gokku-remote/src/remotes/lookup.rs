//! Finds, lists and removes the remotes of a working copy that are apps on a server.

use std::path::Path;

use gokku_core::AppName;
use gokku_git::WorkingCopy;
use serde::Serialize;

use super::address::{Address, AddressError};
use super::error::Error;
use super::url::without_password;

/// What a name means in a working copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteLookup {
    /// A remote that is an app on a server.
    OnServer(Address),
    /// A remote that is a folder of this machine.
    Folder(String),
    /// There is no such remote.
    NotFound,
    /// There is no repository.
    NoRepository,
}

/// Looks a remote up by its name, in the working copy around a folder.
pub fn find(folder: &Path, name: &str) -> Result<RemoteLookup, Error> {
    let Some(copy) = WorkingCopy::around(folder) else {
        return Ok(RemoteLookup::NoRepository);
    };
    let Some(url) = copy.url(name)? else {
        return Ok(RemoteLookup::NotFound);
    };
    match Address::parse(&url) {
        Ok(address) => Ok(RemoteLookup::OnServer(address)),
        Err(AddressError::Scheme) if url.starts_with('/') => Ok(RemoteLookup::Folder(url)),
        Err(why) => Err(Error::NotAnApp {
            name: name.to_owned(),
            url: without_password(&url),
            why,
        }),
    }
}

/// Returns the error for a name that no remote has.
pub fn not_found(folder: &Path, name: &str) -> Error {
    let known = list(folder).unwrap_or_default();
    Error::NoRemote {
        name: name.to_owned(),
        known: known.into_iter().map(|remote| remote.name).collect(),
    }
}

/// A git remote that is an app on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remote {
    /// The remote's name.
    pub name: String,
    /// The app.
    pub app: AppName,
    /// The server, as ssh reaches it.
    pub server: String,
    /// The URL.
    pub url: String,
}

/// Lists the remotes that are apps on a server, by name.
pub fn list(folder: &Path) -> Result<Vec<Remote>, Error> {
    let copy = WorkingCopy::around(folder).ok_or(Error::NoRepository)?;
    let mut all = Vec::new();
    for name in copy.remotes()? {
        if let Some(url) = copy.url(&name)?
            && let Ok(address) = Address::parse(&url)
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

/// Removes a remote; the app on the server stays.
pub fn remove(folder: &Path, name: &str) -> Result<Address, Error> {
    match find(folder, name)? {
        RemoteLookup::OnServer(address) => {
            let copy = WorkingCopy::around(folder).ok_or(Error::NoRepository)?;
            copy.remove(name)?;
            Ok(address)
        }
        RemoteLookup::NoRepository => Err(Error::NoRepository),
        RemoteLookup::NotFound => Err(not_found(folder, name)),
        RemoteLookup::Folder(url) => Err(Error::NotAnApp {
            name: name.to_owned(),
            url,
            why: AddressError::Scheme,
        }),
    }
}

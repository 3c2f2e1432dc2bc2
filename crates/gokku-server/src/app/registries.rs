//! The logins to registries, `registries.toml`: checked before they are kept, used for pulling alone, and shown without
//! their passwords.

use std::path::Path;

use futures_util::future::BoxFuture;
use gokku_core::config::image_ref::{ImageRef, is_host};
use gokku_core::containers::Login;
use gokku_core::logs::audit::Change;
use serde::{Deserialize, Serialize};

use crate::app::Error;
use crate::fs::Error as FileError;
use crate::fs::root::Root;
use crate::fs::{atomic, toml_file};
use crate::record::audit_log;
use crate::server::Server;

/// The newest version of the file's format.
const VERSION: u32 = 1;

/// The file.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    #[serde(default, rename = "registry")]
    registries: Vec<Kept>,
}

/// A login in it. Never shown whole: it has no `Debug`.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    host: String,
    username: String,
    password: String,
}

/// What is shown of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegistryFacts {
    /// The registry's host, with its port.
    pub host: String,
    /// The user.
    pub username: String,
}

fn read(root: &Root) -> Result<Stored, Error> {
    let path = root.registries();
    let none = Stored {
        version: VERSION,
        registries: Vec::new(),
    };
    atomic::read(&path)?.map_or(Ok(none), |bytes| parse(&path, &bytes))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Stored, Error> {
    // What a parser says of a mistake may repeat what stands there: only its place is told.
    toml_file::parse_versioned(path, bytes, VERSION).map_err(|error| {
        let place = match &error {
            FileError::Version { .. } => return error.into(),
            FileError::Toml {
                path, line, column, ..
            } => format!("{}:{line}:{column}", path.display()),
            FileError::NotText { path, source } => {
                format!("{}:{}:{}", path.display(), source.line, source.column)
            }
            other => other.to_string(),
        };
        Error::Registries { place }
    })
}

/// Returns a registry's host as a user writes it.
pub fn host(given: &str) -> Result<String, Error> {
    let host = given.to_ascii_lowercase();
    let host = match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        _ => host,
    };
    if is_host(&host) && !host.starts_with("*.") {
        Ok(host)
    } else {
        Err(Error::NotAHost(given.to_owned()))
    }
}

/// Returns every login, by host.
pub fn list(root: &Root) -> Result<Vec<RegistryFacts>, Error> {
    let stored = read(root)?.registries.into_iter();
    let mut all: Vec<RegistryFacts> = stored
        .map(|kept| RegistryFacts {
            host: kept.host,
            username: kept.username,
        })
        .collect();
    all.sort_by(|one, other| one.host.cmp(&other.host));
    Ok(all)
}

/// Keeps a login that the registry lets in, in the place of the one there may be.
pub fn login(server: &Server, login: Login) -> BoxFuture<'_, Result<(), Error>> {
    Box::pin(check_and_keep(server, login))
}

async fn check_and_keep(server: &Server, login: Login) -> Result<(), Error> {
    if login.username.is_empty() || login.username.contains(char::is_control) {
        return Err(Error::NoUsername);
    }
    if login.password.is_empty() {
        return Err(Error::NoPassword);
    }
    let engine = server.docker().await?;
    engine.check_login(&login).await.map_err(|error| match error {
        gokku_docker::Error::Denied(words) => Error::NotLetIn {
            registry: login.registry.clone(),
            username: login.username.clone(),
            words,
        },
        error => Error::NotAsked {
            registry: login.registry.clone(),
            source: error.into(),
        },
    })?;
    let mut stored = read(&server.root)?;
    stored.registries.retain(|kept| kept.host != login.registry);
    let change = Change::RegistryAdded {
        registry: login.registry.clone(),
        username: login.username.clone(),
    };
    stored.registries.push(Kept {
        host: login.registry,
        username: login.username,
        password: login.password,
    });
    toml_file::write(&server.root.registries(), &stored)?;
    audit_log::note(&server.root, &server.by, None, change);
    Ok(())
}

/// Keeps the login to a registry no longer.
pub fn logout(server: &Server, host: &str) -> Result<(), Error> {
    let mut stored = read(&server.root)?;
    let before = stored.registries.len();
    stored.registries.retain(|kept| kept.host != host);
    if stored.registries.len() == before {
        return Err(Error::NoLogin(host.to_owned()));
    }
    toml_file::write(&server.root.registries(), &stored)?;
    let registry = host.to_owned();
    audit_log::note(
        &server.root,
        &server.by,
        None,
        Change::RegistryRemoved { registry },
    );
    Ok(())
}

/// Every login, for a build: which of them its base images need is known by the builder alone.
pub(crate) fn logins(root: &Root) -> Result<Vec<Login>, Error> {
    let stored = read(root)?.registries.into_iter();
    let login = |kept: Kept| Login {
        registry: kept.host,
        username: kept.username,
        password: kept.password,
    };
    Ok(stored.map(login).collect())
}

/// The login for an image's registry.
pub(crate) fn for_image(root: &Root, image: &ImageRef) -> Result<Option<Login>, Error> {
    let host = host(image.registry())?;
    Ok(logins(root)?.into_iter().find(|login| login.registry == host))
}

//! A push or a fetch that comes over ssh with a key: git, for one app's repository.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;

use gokku_core::access::ssh_command::Service;
use gokku_core::{AppName, EnvironmentName};
use gokku_git::Repository;

use crate::app::{apps, intake};
use crate::command::Error;
use crate::os::key_env::{BY, DOMAINS, ONLY, REACHED_AT, WITH_KEY};
use crate::server::Server;

/// Returns the app whose repository is meant. The first push to one that is not there makes it; true when it did.
pub fn app(server: &Server, service: Service, named: &AppName) -> Result<(AppName, bool), Error> {
    if let Some(app) = apps::find(server, named)? {
        return Ok((app, false));
    }
    if service == Service::UploadPack || !server.access.allows(named) {
        return Err(apps::missing(server, named.as_str())?.into());
    }
    match apps::create(server, named, &EnvironmentName::default(), None) {
        Ok(_) => Ok((named.clone(), true)),
        // Another first push may have come before.
        Err(error) => match apps::find(server, named)? {
            Some(app) => Ok((app, false)),
            None => Err(error.into()),
        },
    }
}

/// Lets git serve it, without these variables; gives git's exit code. `key` is whose push it is, when it is a key's.
pub fn git(
    server: &Server,
    service: Service,
    app: &AppName,
    key: Option<&str>,
    without: &[OsString],
) -> Result<u8, Error> {
    let dir = server.app_dir(app);
    // What is pushed past gokku's hook would be accepted with nothing deployed.
    let repository = Repository::at(dir.repository());
    if service == Service::ReceivePack {
        apps::mend_repository(server, app, false)?;
        apps::refresh_repository(server, app)?;
        intake::check_size(&repository, &intake::limits(server)?)?;
    }
    intake::bound_memory(server)?;
    let only = server.access.apps().map(|apps| {
        let names: Vec<&str> = apps.iter().map(AppName::as_str).collect();
        names.join(",")
    });
    let domains: Vec<String> = server.domains.iter().cloned().map(String::from).collect();
    let domains = domains.join(",");
    let reached_at = server.reached_at.as_ref().map(ToString::to_string);
    let with: Vec<(&str, &str)> = key
        .into_iter()
        .flat_map(|key| [(BY, key), (WITH_KEY, "1")])
        .chain(only.as_deref().map(|only| (ONLY, only)))
        .chain(reached_at.as_deref().map(|host| (REACHED_AT, host)))
        // Also where there are none: what the environment says is not a key's to say.
        .chain(key.map(|_| (DOMAINS, domains.as_str())))
        .collect();
    let status = repository.serve(service, &with, without)?;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

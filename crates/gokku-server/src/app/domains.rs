//! An app's own domains, `domains.toml`: the hosts and paths that lead to it whatever its release is.
//!
//! They stand in a file of their own because they are changed while a deploy changes `app.toml`. Who changes those of an app,
//! or tells the traffic switch of them, has the lock of all of them: no two apps come to have the same one, and the switch is
//! told last what was written last.

use std::fs::File;
use std::time::Duration;

use gokku_core::AppName;
use gokku_core::domains::domain::{Domain, first_claimed};
use gokku_core::domains::redirect::first_loop;
use serde::{Deserialize, Serialize};

use crate::app::{Error, apps, records};
use crate::fs::app_dir::AppDir;
use crate::fs::{atomic, lock_file, toml_file};
use crate::server::Server;

/// How long whoever has the lock is waited for: longer than anybody has it who is answered.
const LOCK_LIMIT: Duration = Duration::from_secs(15);

/// That nobody else changes domains, or tells the traffic switch of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Changing(#[expect(dead_code, reason = "its lock is what counts")] File);

/// Waits until nobody else changes domains.
pub(crate) async fn begin(server: &Server) -> Result<Changing, Error> {
    let lock = lock_file::hold_within(&server.root.domains_lock(), LOCK_LIMIT).await?;
    Ok(Changing(lock))
}

/// The newest version of the file's format: one with domains that say more than a host and its paths.
const VERSION: u32 = 2;
/// The version of a file in which none does, which earlier programs read.
const WITHOUT_OPTIONS: u32 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    #[serde(default, rename = "domain")]
    domains: Vec<Domain>,
}

/// Returns an app's domains, in the order in which they were added.
pub fn of(dir: &AppDir) -> Result<Vec<Domain>, Error> {
    let path = dir.domains();
    let Some(bytes) = atomic::read(&path)? else {
        return Ok(Vec::new());
    };
    let stored: Stored = toml_file::parse_since(&path, &bytes, WITHOUT_OPTIONS, VERSION)?;
    Ok(stored.domains)
}

/// Returns all that lead to an app: its own, and those of its active release.
pub(crate) fn all_of(dir: &AppDir) -> Result<Vec<Domain>, Error> {
    let mut all = of(dir)?;
    all.extend(of_release(dir)?);
    Ok(all)
}

/// Returns those of an app's active release.
pub(crate) fn of_release(dir: &AppDir) -> Result<Vec<Domain>, Error> {
    let Some(active) = records::active(dir) else {
        return Ok(Vec::new());
    };
    let record = records::load(dir, active)?;
    Ok(record.map(|record| record.domains).unwrap_or_default())
}

/// Returns all that lead to other apps. What of another app cannot be read is for the traffic switch to know.
pub(crate) fn of_others(server: &Server, app: &AppName) -> Result<Vec<(AppName, Vec<Domain>)>, Error> {
    let others = apps::names(&server.root)?.into_iter();
    let others = others.filter(|other| other != app).map(|other| {
        let domains = all_of(&server.app_dir(&other)).unwrap_or_default();
        (other, domains)
    });
    Ok(others.collect())
}

/// Returns each domain with its app.
pub(crate) fn each(all: &[(AppName, Vec<Domain>)]) -> impl Iterator<Item = (&AppName, &Domain)> {
    all.iter()
        .flat_map(|(app, domains)| domains.iter().map(move |domain| (app, domain)))
}

/// Gives an app more domains; returns those that it has now. One that it has already is changed to how it is given now.
pub(crate) fn add(
    _: &Changing,
    server: &Server,
    app: &AppName,
    more: &[Domain],
) -> Result<Vec<Domain>, Error> {
    edit(server, app, |domains| {
        let theirs = of_others(server, app)?;
        if let Some(claimed) = first_claimed(app, more, each(&theirs)) {
            return Err(Error::DomainTaken {
                domain: claimed.domain,
                by: Some(claimed.by).filter(|by| server.access.allows(by)),
            });
        }
        let of_release = of_release(&server.app_dir(app))?;
        let others = each(&theirs).map(|(_, domain)| domain);
        let others: Vec<&Domain> = domains.iter().chain(&of_release).chain(others).collect();
        if let Some(domain) = first_loop(more, &others) {
            return Err(Error::DomainLoop {
                domain: domain.clone(),
            });
        }
        for domain in more {
            match domains.iter_mut().find(|there| there.claims_same(domain)) {
                Some(there) => *there = domain.clone(),
                None => domains.push(domain.clone()),
            }
        }
        Ok(())
    })
}

/// Takes domains from an app; returns those that it still has. Nothing is taken when it does not have one of them.
pub(crate) fn remove(
    _: &Changing,
    server: &Server,
    app: &AppName,
    gone: &[Domain],
) -> Result<Vec<Domain>, Error> {
    edit(server, app, |domains| {
        let unknown = gone
            .iter()
            .find(|domain| !domains.iter().any(|there| there.claims_same(domain)));
        if let Some(domain) = unknown {
            let (app, domain) = (app.clone(), domain.clone());
            let of_release = of_release(&server.app_dir(&app))?;
            return Err(if of_release.iter().any(|there| there.claims_same(&domain)) {
                Error::DomainOfRelease { app, domain }
            } else {
                Error::NoDomain { app, domain }
            });
        }
        domains.retain(|there| !gone.iter().any(|domain| domain.claims_same(there)));
        Ok(())
    })
}

fn edit(
    server: &Server,
    app: &AppName,
    change: impl FnOnce(&mut Vec<Domain>) -> Result<(), Error>,
) -> Result<Vec<Domain>, Error> {
    let dir = server.app_dir(app);
    // Only of an app that is there.
    apps::load(&dir)?;
    let before = of(&dir)?;
    let mut domains = before.clone();
    change(&mut domains)?;
    if domains != before {
        let stored = Stored {
            version: if domains.iter().any(Domain::has_options) {
                VERSION
            } else {
                WITHOUT_OPTIONS
            },
            domains: domains.clone(),
        };
        toml_file::write(&dir.domains(), &stored)?;
    }
    Ok(domains)
}

//! Apps: made, listed, found by the name a user gives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use gokku_core::app::branch_name::BranchName;
use gokku_core::app::meaning::{self, Named, Resolved, may_be_made};
use gokku_core::build::image_sources::mask;
use gokku_core::build::official_images;
use gokku_core::config::processes::Scale;
use gokku_core::logs::audit::Change;
use gokku_core::{AppName, EnvironmentName};
use gokku_git::{Hook, Repository};
use serde::{Deserialize, Serialize};

use crate::app::error::{ImagesOf, There};
use crate::app::{Error, intake};
use crate::fs::Error as FileError;
use crate::fs::app_dir::AppDir;
use crate::fs::root::Root;
use crate::fs::{atomic, durable, toml_file};
use crate::os::clock;
use crate::record::audit_log;
use crate::server::Server;

/// The newest version of the record's format.
const VERSION: u32 = 1;

/// An app's record, `app.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The format's version.
    pub version: u32,
    /// Its name.
    pub name: AppName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// The branch that deploys; none until the first push, when `gokku.yml` names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchName>,
    /// How many containers there are of a process, where `gokku ps scale` has said it.
    #[serde(default, skip_serializing_if = "Scale::is_empty")]
    pub scale: Scale,
    /// The engine's volumes that the app has where its image declares one, when they have another name than gokku gives:
    /// they were there before gokku carried any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, String>,
    /// Whether a key made it that is limited to some apps, by whose names or environment another's could be meant, see
    /// [`gokku_core::app::meaning`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands_back: bool,
    /// When it was made, RFC 3339.
    pub created: String,
}

impl App {
    fn named(&self) -> Named {
        Named {
            name: self.name.clone(),
            environment: self.environment.clone(),
            stands_back: self.stands_back,
        }
    }
}

/// Returns the app of this environment: the one that is there, or else one that is made. True when it was made.
pub fn ensure(
    server: &Server,
    name: &AppName,
    environment: &EnvironmentName,
    branch: Option<&BranchName>,
) -> Result<(App, bool), Error> {
    let dir = server.app_dir(name);
    // Before anything is looked at: that there is one must not be told.
    if !server.access.allows(name) {
        return Err(missing(server, name.as_str())?);
    }
    let is_there = || dir.app_file().exists();
    if !is_there() {
        match create(server, name, environment, branch) {
            Ok(app) => return Ok((app, true)),
            // Somebody else was faster.
            Err(_) if is_there() => {}
            Err(error) => return Err(error),
        }
    }
    let app = load(&dir)?;
    if app.environment == *environment {
        Ok((app, false))
    } else {
        Err(Error::OtherEnvironment {
            app: app.name,
            serves: app.environment,
            asked: environment.clone(),
        })
    }
}

/// Makes an app: its folder, its repository with the hook. Without a branch, the first push says which one deploys.
pub fn create(
    server: &Server,
    name: &AppName,
    environment: &EnvironmentName,
    branch: Option<&BranchName>,
) -> Result<App, Error> {
    let dir = server.app_dir(name);
    let root = &server.root;
    // Before anything is looked at: that there is one must not be told.
    if !server.access.allows(name) {
        return Err(missing(server, name.as_str())?);
    }
    let folder = dir.path();
    if folder.exists() {
        return Err(Error::Exists(name.clone()));
    }
    free_for_an_image(name)?;
    let others: Vec<Named> = list(root)?.iter().map(App::named).collect();
    let limited = server.access.apps().is_some();
    let stands_back = may_be_made(
        name,
        environment,
        &others,
        |other| server.access.allows(other),
        limited,
    )
    .map_err(|source| Error::Clash {
        app: name.clone(),
        source,
    })?;
    let app = App {
        version: VERSION,
        name: name.clone(),
        environment: environment.clone(),
        branch: branch.cloned(),
        scale: Scale::new(),
        volumes: BTreeMap::new(),
        stands_back,
        created: clock::now_text(),
    };
    // The app is there with the rename of its whole folder, or not at all.
    let made = atomic::temporary()
        .tempdir_in(root.apps())
        .map_err(|error| Error::file(&root.apps(), error))?;
    refresh_repository(server, name)?;
    durable::write_tree(&dir.repository())?;
    durable::write_file(&root.path().join("repos"))?;
    for part in ["shared", "releases", "deploys", "incoming"] {
        fs::create_dir(made.path().join(part)).map_err(|error| Error::file(made.path(), error))?;
    }
    toml_file::write(&made.path().join("app.toml"), &app)?;
    // There from the beginning, and for its owner only, also for whoever edits it by hand.
    atomic::replace(&made.path().join("shared/.env"), b"", 0o600)?;
    durable::write_tree(made.path())?;
    let made = made.keep();
    let opened = fs::set_permissions(&made, std::os::unix::fs::PermissionsExt::from_mode(0o750));
    if let Err(error) = opened.and_then(|()| fs::rename(&made, &folder)) {
        atomic::remove_tree(&made)?;
        return Err(if folder.exists() {
            Error::Exists(name.clone())
        } else {
            Error::file(&folder, error)
        });
    }
    durable::write_file(&root.apps())?;
    let environment = environment.clone();
    audit_log::note(root, &server.by, Some(name), Change::AppCreated { environment });
    Ok(app)
}

/// How long a repository's history is looked at, at most.
const LOOK_LIMIT: Duration = Duration::from_secs(60);

/// Makes a repository that has lost something of its content, as after a power cut, one that can be pushed to again; what was
/// done is recorded. `deep`: look at all of its history, although nothing is seen to be amiss.
pub fn mend_repository(server: &Server, name: &AppName, deep: bool) -> Result<(), Error> {
    let dir = server.app_dir(name);
    let repository = Repository::at(dir.repository());
    if !repository.path().join("objects").is_dir() {
        return Ok(());
    }
    let branch = load(&dir).ok().and_then(|app| app.branch);
    let mended = repository.repair(branch.as_ref(), deep, LOOK_LIMIT)?;
    if mended.is_nothing() {
        return Ok(());
    }
    let difference = mended.to_string();
    tracing::warn!(app = %name, "its repository: {difference}");
    audit_log::note(
        &server.root,
        audit_log::DAEMON,
        Some(name),
        Change::Mended { difference },
    );
    Ok(())
}

/// An app's image is called as the app is: no other image may be.
fn free_for_an_image(name: &AppName) -> Result<(), Error> {
    let whose = if official_images::is_one(name.as_str()) {
        ImagesOf::Docker
    } else if name.as_str().starts_with(mask::PREFIX) {
        ImagesOf::Nobody
    } else {
        return Ok(());
    };
    Err(Error::ImageName {
        app: name.clone(),
        whose,
    })
}

/// Makes an app's repository, or brings one of an earlier gokku up to date: its configuration and its hooks.
pub fn refresh_repository(server: &Server, name: &AppName) -> Result<(), Error> {
    let dir = server.app_dir(name);
    let repository = Repository::at(dir.repository());
    if !repository.is_there() {
        repository.create()?;
    }
    repository.pin(intake::limits(server)?.max_size)?;
    repository.install_hooks(&hook(server, name))?;
    Ok(())
}

/// What the hooks of an app's repository start.
pub(crate) fn hook(server: &Server, name: &AppName) -> Hook {
    Hook {
        program: server.program.clone(),
        root: server.root.path().to_owned(),
        app: name.clone(),
    }
}

/// Returns every app whose record can be read, by name: one that is broken is one that is broken, see [`unreadable`].
pub fn list(root: &Root) -> Result<Vec<App>, Error> {
    Ok(names(root)?
        .iter()
        .filter_map(|name| load(&root.app_dir(name)).ok())
        .collect())
}

/// Returns what is among the apps and is none that can be read, with why.
pub fn unreadable(root: &Root) -> Result<Vec<(AppName, Error)>, Error> {
    let all = names(root)?.into_iter();
    Ok(all
        .filter_map(|name| load(&root.app_dir(&name)).err().map(|error| (name, error)))
        .collect())
}

/// The names of all, also of those whose records cannot be read.
pub(crate) fn names(root: &Root) -> Result<Vec<AppName>, Error> {
    let folder = root.apps();
    let entries = fs::read_dir(&folder).map_err(|error| Error::file(&folder, error))?;
    let mut names: Vec<AppName> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// Returns an app's record.
pub fn load(dir: &AppDir) -> Result<App, Error> {
    let name = dir.app();
    let path = dir.app_file();
    let bytes = atomic::read(&path)?.ok_or_else(|| Error::NoApp(name.clone()))?;
    Ok(parse(&path, &bytes)?)
}

/// Understands the content of an `app.toml`.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<App, FileError> {
    toml_file::parse_versioned(path, bytes, VERSION)
}

/// Replaces an app's record.
pub fn save(root: &Root, app: &App) -> Result<(), FileError> {
    toml_file::write(&root.app_dir(&app.name).app_file(), app)
}

/// Returns those that whoever asks may see.
pub fn visible(server: &Server) -> Result<Vec<App>, Error> {
    let mut all = list(&server.root)?;
    all.retain(|app| server.access.allows(&app.name));
    Ok(all)
}

/// P34: returns the app that a name means, or a name and an environment, `api-production`; none when there is none that whoever
/// asks may reach.
pub fn find(server: &Server, given: &AppName) -> Result<Option<AppName>, Error> {
    let dir = server.app_dir(given);
    if server.access.allows(given) && dir.app_file().exists() {
        // One that cannot be read is meant all the same: what is wrong with it is told when it is.
        if load(&dir).map_or(true, |app| !app.stands_back) {
            return Ok(Some(given.clone()));
        }
    }
    let apps: Vec<Named> = visible(server)?.iter().map(App::named).collect();
    match meaning::resolve(given.as_str(), &apps, server.access.apps().is_some()) {
        Resolved::App(app) => Ok(Some(app.clone())),
        Resolved::Nothing => Ok(None),
        Resolved::Several(all) => {
            let (given, apps) = (given.clone(), all.into_iter().cloned().collect());
            Err(Error::Ambiguous { given, apps })
        }
    }
}

/// Returns the app that `-a` means.
pub fn resolve(server: &Server, given: &str) -> Result<AppName, Error> {
    let name: AppName = given.parse().map_err(|source| Error::NotAName {
        given: given.to_owned(),
        source,
    })?;
    match find(server, &name)? {
        Some(app) => Ok(app),
        None => Err(missing(server, given)?),
    }
}

/// That there is no such app, with those there are. To a key that is limited, an app that it may not reach is one that
/// there is not: what is said depends on its own apps only.
pub(crate) fn missing(server: &Server, given: &str) -> Result<Error, Error> {
    let apps = visible(server)?;
    let other = apps.iter().find(|app| {
        given
            .strip_prefix(app.name.as_str())
            .is_some_and(|rest| rest.starts_with('-'))
    });
    let is_allowed = || given.parse().is_ok_and(|name| server.access.allows(&name));
    let there = if let Some(app) = other {
        There::Other(app.name.clone(), app.environment.clone())
    } else if !is_allowed() {
        There::NotThis(server.access.clone())
    } else if apps.is_empty() {
        There::None(given.to_owned())
    } else {
        There::Apps(apps.into_iter().map(|app| app.name).collect())
    };
    Ok(Error::NotMeant {
        given: given.to_owned(),
        there,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_app_is_one_broken_app() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let good = "version = 1\nname = \"good\"\nenvironment = \"production\"\ncreated = \"2026-01-15T10:07:02Z\"\n";
        for (name, text) in [
            ("good", Some(good)),
            ("stray", None),
            ("broken", Some("version = ")),
            ("newer", Some("version = 99")),
        ] {
            fs::create_dir(root.apps().join(name)).expect("made");
            if let Some(text) = text {
                fs::write(root.apps().join(name).join("app.toml"), text).expect("written");
            }
        }
        // What is no app's name is nobody's business here.
        fs::create_dir(root.apps().join("Not An App")).expect("made");
        fs::write(root.apps().join("file"), "").expect("written");
        let names = list(&root)
            .expect("read")
            .into_iter()
            .map(|app| app.name.to_string());
        assert_eq!(names.collect::<Vec<_>>(), ["good"]);
        let broken = unreadable(&root).expect("read");
        let names: Vec<&str> = broken.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["broken", "file", "newer", "stray"]);
        assert!(broken[0].1.to_string().contains("app.toml"), "{}", broken[0].1);
    }
}

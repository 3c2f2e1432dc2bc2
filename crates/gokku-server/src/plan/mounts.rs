//! What is mounted into an app's containers as its `gokku.yml` says: its own volumes, and folders of the server that the
//! server's `config.toml` allows. What an image declares is `carried`.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use gokku_core::config::volume::{Source, Volume, lies_below};
use gokku_core::containers::{Mount, MountSource, VolumeFacts, labels};
use gokku_core::logs::event::Event;

use crate::app::apps;
use crate::engine::runtime::Runtime;
use crate::fs::app_dir::AppDir;
use crate::fs::root::Root;
use crate::plan::Error;
use crate::plan::release_plan::Plan;

/// What a release's containers have; an error when a folder may not be mounted.
pub(crate) fn of(dir: &AppDir, plan: &Plan) -> Result<Vec<Mount>, Error> {
    let (root, app) = (dir.root(), dir.app());
    let mount = |volume: &Volume| {
        let source = match &volume.source {
            Source::Named(name) => MountSource::Volume {
                name: Volume::engine_name(app, name),
                labels: own_labels(dir),
            },
            Source::Anonymous => MountSource::Anonymous,
            Source::Folder(path) => MountSource::Folder(folder(root, plan, path)?),
        };
        Ok(Mount {
            source,
            target: volume.target.clone(),
            read_only: volume.read_only,
        })
    };
    plan.config.volumes.iter().map(mount).collect()
}

/// The labels by which an app's own volumes are known.
pub(crate) fn own_labels(dir: &AppDir) -> BTreeMap<String, String> {
    let (root, app) = (dir.root(), dir.app());
    BTreeMap::from([
        (labels::ROOT.to_owned(), root.label()),
        (labels::APP.to_owned(), app.to_string()),
    ])
}

/// Why a volume cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub enum NotMounted {
    /// A folder that apps may not have.
    #[error(
        "{path} is a folder of the server that apps may not have: let them, with folders = [{path:?}] below [volumes] \
         in {}; or mount a volume, NAME:/path",
        settings.display()
    )]
    NotAllowed {
        /// The folder.
        path: String,
        /// The server's settings.
        settings: PathBuf,
    },
    /// There is no such folder.
    #[error(
        "there is no folder {0} on the server, and it is not made: its owner would be root. Make it, for the user \
         that the app runs as"
    )]
    NotThere(String),
    /// It cannot be looked at.
    #[error("{path} cannot be looked at: {source}")]
    Unseen {
        /// The folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is no folder.
    #[error("{0} is no folder on the server: only folders can be mounted")]
    NoFolder(String),
    /// It leads out of the folders that apps may have.
    #[error(
        "{path} is a link out of the folders that apps may have: name the folder itself, and allow it in {}",
        settings.display()
    )]
    LeadsOut {
        /// The folder.
        path: String,
        /// The server's settings.
        settings: PathBuf,
    },
    /// The engine has a volume of that name that is not the app's.
    #[error(
        "the Docker Engine has a volume {name} that was not made for this app: choose another name; or, if what is \
         in it is this app's, let it have it, with adopt = [{name:?}] below [volumes] in {}",
        settings.display()
    )]
    NotItsOwn {
        /// The volume.
        name: String,
        /// The server's settings.
        settings: PathBuf,
    },
    /// The engine cannot mount a folder.
    #[error(transparent)]
    Engine(gokku_core::containers::Error),
}

/// Where a folder really is, if it may be mounted: whoever may push must not get the whole server.
fn folder(root: &Root, plan: &Plan, path: &str) -> Result<String, NotMounted> {
    let allowed = &plan.server.volumes.folders;
    let is_in = |path: &str, allowed: &str| path == allowed || lies_below(path, allowed);
    // What is not allowed is not looked at: that it is there is not told.
    if !allowed.iter().any(|allowed| is_in(path, allowed.as_str())) {
        return Err(NotMounted::NotAllowed {
            path: path.to_owned(),
            settings: root.config(),
        });
    }
    let real = |path: &str| {
        let real = Path::new(path).canonicalize()?;
        let text = real.to_str().ok_or(ErrorKind::InvalidData)?;
        std::io::Result::Ok((real.is_dir(), text.to_owned()))
    };
    let (is_folder, found) = real(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => NotMounted::NotThere(path.to_owned()),
        _ => NotMounted::Unseen {
            path: path.to_owned(),
            source,
        },
    })?;
    if !is_folder {
        return Err(NotMounted::NoFolder(path.to_owned()));
    }
    let leads_in = |allowed: &str| real(allowed).is_ok_and(|(_, allowed)| is_in(&found, &allowed));
    if !allowed.iter().any(|allowed| leads_in(allowed.as_str())) {
        return Err(NotMounted::LeadsOut {
            path: path.to_owned(),
            settings: root.config(),
        });
    }
    Ok(found)
}

/// Looks whether everything can be mounted, before anything is begun.
pub(crate) async fn check(engine: &dyn Runtime, dir: &AppDir, plan: &Plan) -> Result<(), Error> {
    let (root, app) = (dir.root(), dir.app());
    let mounts = of(dir, plan)?;
    for mount in &mounts {
        if let MountSource::Volume { name, .. } = &mount.source
            && let Some(there) = engine.volume(name).await?
            && !is_own(&there, dir)
            && !plan.server.volumes.adopt.contains(name)
        {
            let (name, settings) = (name.clone(), root.config());
            return Err(NotMounted::NotItsOwn { name, settings }.into());
        }
    }
    let checked = engine.check_folders(&mounts, app.as_str()).await;
    Ok(checked.map_err(NotMounted::Engine)?)
}

pub(crate) fn is_own(volume: &VolumeFacts, dir: &AppDir) -> bool {
    let (root, app) = (dir.root(), dir.app());
    let is = |key: &str, value: &str| volume.labels.get(key).is_some_and(|there| there == value);
    is(labels::ROOT, &root.label()) && is(labels::APP, app.as_str())
}

/// What becomes of the volumes of an app that is no more: its own are removed if that was asked for; others
/// that it had never are.
pub(crate) async fn leave(
    engine: &dyn Runtime,
    dir: &AppDir,
    adopted: &[String],
    remove: bool,
) -> Result<Vec<Event>, Error> {
    let (root, app) = (dir.root(), dir.app());
    let label = root.label();
    let own = engine
        .volumes(&[(labels::ROOT, &label), (labels::APP, app.as_str())])
        .await?;
    let mut stay: Vec<String> = own.into_iter().map(|volume| volume.name).collect();
    // Like everything else here: an unreadable record keeps no app.
    let before = apps::load(dir).map(|app| app.volumes).unwrap_or_default();
    for volume in before.values() {
        if engine.volume(volume).await?.is_some() {
            stay.push(volume.clone());
        }
    }
    let mut told = Vec::new();
    if remove {
        let mut left = Vec::new();
        for volume in stay {
            match engine.remove_volume(&volume).await {
                Ok(()) => told.push(Event::VolumeRemoved { volume }),
                Err(error) => {
                    told.push(Event::VolumeNotRemoved {
                        volume: volume.clone(),
                        error: error.to_string(),
                    });
                    left.push(volume);
                }
            }
        }
        stay = left;
    }
    for name in adopted.iter().filter(|name| name.starts_with(&format!("{app}_"))) {
        if !stay.contains(name) && engine.volume(name).await?.is_some() {
            stay.push(name.clone());
        }
    }
    told.extend(stay.into_iter().map(|volume| {
        let declared = before.iter().find(|(_, before)| **before == volume);
        Event::VolumeStays {
            path: declared.map(|(path, _)| path.clone()),
            volume,
        }
    }));
    Ok(told)
}

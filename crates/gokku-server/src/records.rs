//! Releases' records, and which release is the active one.

use std::fs;

use gokku_core::release::{Record, VERSION};
use gokku_core::{AppName, ReleaseId};

use crate::atomic;
use crate::error::Error;
use crate::root::Root;

/// A release's record; none when there is none.
pub fn load(root: &Root, app: &AppName, id: ReleaseId) -> Result<Option<Record>, Error> {
    let path = root.record(app, id);
    let record: Option<Record> = atomic::read_toml(&path)?;
    match &record {
        Some(record) if record.version != VERSION => Err(Error::failed(format!(
            "{} is of version {}, which a newer gokku wrote: update this one",
            path.display(),
            record.version
        ))),
        _ => Ok(record),
    }
}

/// Replaces a release's record.
pub fn save(root: &Root, app: &AppName, record: &Record) -> Result<(), Error> {
    atomic::write_toml(&root.record(app, record.id), record)
}

/// Every record of an app, oldest first.
pub fn list(root: &Root, app: &AppName) -> Result<Vec<Record>, Error> {
    let folder = root.releases(app);
    let entries = fs::read_dir(&folder).map_err(|error| Error::file(&folder, &error))?;
    let mut ids: Vec<ReleaseId> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml")?.parse().ok())
        .collect();
    ids.sort();
    ids.into_iter()
        .filter_map(|id| load(root, app, id).transpose())
        .collect()
}

/// The active release: what `current` points at.
pub fn active(root: &Root, app: &AppName) -> Option<ReleaseId> {
    fs::read_link(root.current(app))
        .ok()?
        .file_name()?
        .to_str()?
        .parse()
        .ok()
}

/// P26: the name of a release's image.
pub fn image_tag(app: &AppName, release: ReleaseId) -> String {
    format!("{app}:release-{release}")
}

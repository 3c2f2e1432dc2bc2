//! Releases' records, and which release is the active one.

use std::fs;
use std::path::Path;

use gokku_core::release::record::{FIRST_VERSION, Record, VERSION};
use gokku_core::{AppName, ReleaseId};

use crate::fs::Error;
use crate::fs::root::Root;
use crate::fs::{atomic, toml_file};

/// A release's record; none when there is none.
pub fn load(root: &Root, app: &AppName, id: ReleaseId) -> Result<Option<Record>, Error> {
    let path = root.record(app, id);
    let bytes = atomic::read(&path)?;
    bytes.map(|bytes| parse(&path, &bytes)).transpose()
}

/// Understands a record's content.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Record, Error> {
    toml_file::parse_since(path, bytes, FIRST_VERSION, VERSION)
}

/// Replaces a release's record.
pub fn save(root: &Root, app: &AppName, record: &Record) -> Result<(), Error> {
    toml_file::write(&root.record(app, record.id), record)
}

/// The releases of an app that have a record.
pub(crate) fn ids(root: &Root, app: &AppName) -> Vec<ReleaseId> {
    fs::read_dir(root.releases(app)).map(ids_in).unwrap_or_default()
}

fn ids_in(entries: fs::ReadDir) -> Vec<ReleaseId> {
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.strip_suffix(".toml")?.parse().ok())
        .collect()
}

/// Every record of an app that can be read, oldest first: one that is broken is one that is broken, see [`unreadable`].
pub fn list(root: &Root, app: &AppName) -> Result<Vec<Record>, Error> {
    let read = |id| load(root, app, id).ok().flatten();
    Ok(in_order(root, app)?.into_iter().filter_map(read).collect())
}

/// The releases whose records cannot be read, with why.
pub fn unreadable(root: &Root, app: &AppName) -> Result<Vec<(ReleaseId, Error)>, Error> {
    let read = |id| Some((id, load(root, app, id).err()?));
    Ok(in_order(root, app)?.into_iter().filter_map(read).collect())
}

/// Removes the records that have no content, and the code they are of: nothing can be known of such a release. That of the
/// active one stays. Gives the releases, whose images may still be there.
pub(crate) fn forget_torn(root: &Root, app: &AppName) -> Result<Vec<ReleaseId>, Error> {
    let active = active(root, app);
    let mut forgotten = Vec::new();
    for id in in_order(root, app)?.into_iter().filter(|id| Some(*id) != active) {
        let path = root.record(app, id);
        if atomic::read(&path)?.is_some_and(|bytes| toml_file::is_torn(&bytes)) {
            atomic::remove_tree(&root.tree(app, id))?;
            atomic::remove(&path)?;
            forgotten.push(id);
        }
    }
    Ok(forgotten)
}

/// The same as [`ids`], oldest first; that they cannot be listed is an error.
fn in_order(root: &Root, app: &AppName) -> Result<Vec<ReleaseId>, Error> {
    let folder = root.releases(app);
    let entries = fs::read_dir(&folder).map_err(|error| Error::file(&folder, error))?;
    let mut ids = ids_in(entries);
    ids.sort();
    Ok(ids)
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
    let (name, tag) = image_name(app, release);
    format!("{name}:{tag}")
}

/// The same in its two parts.
pub(crate) fn image_name(app: &AppName, release: ReleaseId) -> (String, String) {
    (app.to_string(), format!("release-{release}"))
}

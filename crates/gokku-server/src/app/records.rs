//! Releases' records, and which release is the active one.

use std::fs;
use std::path::Path;

use gokku_core::release::record::{FIRST_VERSION, Record, VERSION};
use gokku_core::{AppName, ReleaseId};

use crate::fs::Error;
use crate::fs::app_dir::AppDir;
use crate::fs::{atomic, toml_file};

/// Returns a release's record; none when there is none.
pub fn load(dir: &AppDir, id: ReleaseId) -> Result<Option<Record>, Error> {
    let path = dir.record(id);
    let bytes = atomic::read(&path)?;
    bytes.map(|bytes| parse(&path, &bytes)).transpose()
}

/// Understands a record's content.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Record, Error> {
    toml_file::parse_since(path, bytes, FIRST_VERSION, VERSION)
}

/// Replaces a release's record.
pub fn save(dir: &AppDir, record: &Record) -> Result<(), Error> {
    toml_file::write(&dir.record(record.id), record)
}

/// The releases of an app that have a record.
pub(crate) fn ids(dir: &AppDir) -> Vec<ReleaseId> {
    fs::read_dir(dir.releases()).map(ids_in).unwrap_or_default()
}

fn ids_in(entries: fs::ReadDir) -> Vec<ReleaseId> {
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.strip_suffix(".toml")?.parse().ok())
        .collect()
}

/// Returns every record of an app that can be read, oldest first: one that is broken is one that is broken, see [`unreadable`].
pub fn list(dir: &AppDir) -> Result<Vec<Record>, Error> {
    let read = |id| load(dir, id).ok().flatten();
    Ok(in_order(dir)?.into_iter().filter_map(read).collect())
}

/// Returns the releases whose records cannot be read, with why.
pub fn unreadable(dir: &AppDir) -> Result<Vec<(ReleaseId, Error)>, Error> {
    let read = |id| Some((id, load(dir, id).err()?));
    Ok(in_order(dir)?.into_iter().filter_map(read).collect())
}

/// Removes the records that have no content, and the code they are of: nothing can be known of such a release. That of the
/// active one stays. Gives the releases, whose images may still be there.
pub(crate) fn forget_torn(dir: &AppDir) -> Result<Vec<ReleaseId>, Error> {
    let active = active(dir);
    let mut forgotten = Vec::new();
    for id in in_order(dir)?.into_iter().filter(|id| Some(*id) != active) {
        let path = dir.record(id);
        if atomic::read(&path)?.is_some_and(|bytes| toml_file::is_torn(&bytes)) {
            atomic::remove_tree(&dir.tree(id))?;
            atomic::remove(&path)?;
            forgotten.push(id);
        }
    }
    Ok(forgotten)
}

/// The same as [`ids`], oldest first; that they cannot be listed is an error.
fn in_order(dir: &AppDir) -> Result<Vec<ReleaseId>, Error> {
    let folder = dir.releases();
    let entries = fs::read_dir(&folder).map_err(|error| Error::file(&folder, error))?;
    let mut ids = ids_in(entries);
    ids.sort();
    Ok(ids)
}

/// Returns the active release: what `current` points at.
pub fn active(dir: &AppDir) -> Option<ReleaseId> {
    fs::read_link(dir.current())
        .ok()?
        .file_name()?
        .to_str()?
        .parse()
        .ok()
}

/// P26: returns the name of a release's image.
pub fn image_tag(app: &AppName, release: ReleaseId) -> String {
    let (name, tag) = image_name(app, release);
    format!("{name}:{tag}")
}

/// The same in its two parts.
pub(crate) fn image_name(app: &AppName, release: ReleaseId) -> (String, String) {
    (app.to_string(), format!("release-{release}"))
}

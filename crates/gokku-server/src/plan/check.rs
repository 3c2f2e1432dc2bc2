//! A `gokku.yml` on whatever machine it is: what would be told at a push, told before it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gokku_core::AppName;
use gokku_core::config::gokku_yml::AppConfig;
use gokku_core::config::misnamed::{Misnamed, Origin};
use gokku_core::text::read_limits;

use crate::fs::{Error as FileError, bounded, tree_file};
use crate::plan::Error;
use crate::plan::release_plan::{parsed, processes_of};
use crate::plan::{error_pages, languages, unread};

/// What is to be told of a file that is good.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its apps.
    pub apps: Vec<AppName>,
    /// What beside it is not read.
    pub not_read: Vec<Misnamed>,
}

/// Checks a file, the `Procfile`s of its apps, which lie below its folder, and what is there by another name. The error has
/// everything that is wrong.
pub fn gokku_yml(path: &Path) -> Result<Checked, Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let read = bounded::file(path, read_limits::GOKKU_YML);
    let bytes = read.and_then(|read| read.ok_or_else(|| rustix::io::Errno::NOENT.into()));
    let bytes = bytes.map_err(|error| {
        unread::with_what_is_there(folder, &AppConfig::default(), FileError::file(path, error).into())
    })?;
    let yml = parsed(&path.display().to_string(), &bytes)?;
    // By its words: two apps may have one Procfile.
    let mut wrong = BTreeMap::new();
    let mut not_read = BTreeSet::new();
    for (_, config) in yml.apps() {
        if let Err(error) = processes_of(folder, config) {
            wrong.insert(error.to_string(), error);
        }
        if let Err(error) = error_pages::read(folder, config) {
            wrong.insert(error.to_string(), error);
        }
        match unread::checked(unread::misnamed_in(folder, config, origin(folder, config))) {
            Ok(told) => not_read.extend(told),
            Err(error) => {
                wrong.insert(error.to_string(), error);
            }
        }
    }
    if wrong.is_empty() {
        Ok(Checked {
            apps: yml.apps().map(|(app, _)| app.clone()).collect(),
            not_read: not_read.into_iter().collect(),
        })
    } else {
        Err(Error::Several(wrong.into_values().collect()))
    }
}

/// What an app's image comes from, by what is seen without looking through all of a working copy.
fn origin(folder: &Path, config: &AppConfig) -> Origin {
    let has_dockerfile = || {
        config
            .dockerfiles()
            .iter()
            .any(|name| tree_file::is_there(folder, name))
    };
    if config.image.is_some() {
        Origin::Image
    } else if has_dockerfile() {
        Origin::Dockerfile
    } else if languages::may_be_built(folder, config) {
        Origin::Language
    } else {
        Origin::Nothing
    }
}

//! A `gokku.yml` on whatever machine it is: what would be told at a push, told before it.

use std::collections::BTreeSet;
use std::path::Path;

use gokku_core::AppName;

use crate::error::Error;
use crate::plan::{parsed, processes_of};

/// Checks a file, and the `Procfile`s of its apps, which lie below its folder; gives the apps. The error has everything
/// that is wrong.
pub fn gokku_yml(path: &Path) -> Result<Vec<AppName>, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::file(path, &error))?;
    let yml = parsed(&path.display().to_string(), &bytes)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Two apps may have one Procfile.
    let wrong: BTreeSet<String> = yml
        .apps()
        .filter_map(|(_, config)| processes_of(folder, config).err())
        .map(|error| error.message)
        .collect();
    if wrong.is_empty() {
        Ok(yml.apps().map(|(app, _)| app.clone()).collect())
    } else {
        let lines: Vec<String> = wrong.into_iter().collect();
        Err(Error::input(lines.join("\n")))
    }
}

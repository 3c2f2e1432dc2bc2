//! How many containers each type of process is to have, as the app's record keeps it.

use std::collections::BTreeSet;

use gokku_core::ProcessKey;
use gokku_core::config::processes::Processes;

use crate::app::Error;
use crate::app::apps;
use crate::fs::app_dir::AppDir;

/// Keeps what was scaled: the types of which there are now others than were to be.
pub(crate) fn keep(dir: &AppDir, processes: &Processes, now: &BTreeSet<ProcessKey>) -> Result<(), Error> {
    let root = dir.root();
    let mut record = apps::load(dir)?;
    let before = record.scale.clone();
    for (kind, _) in processes.types() {
        let there = now.iter().filter(|process| process.kind() == kind).count();
        let there = u16::try_from(there).unwrap_or(u16::MAX);
        if there != processes.count(kind, &record.scale) {
            record.scale.insert(kind.clone(), there);
        }
    }
    if record.scale == before {
        return Ok(());
    }
    Ok(apps::save(root, &record)?)
}

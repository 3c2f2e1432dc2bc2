//! What in a release's code its author means, and nothing here reads: told before anything is built, and refused where what
//! would run is another thing than what was meant.

use std::collections::BTreeSet;
use std::path::Path;

use gokku_core::build::links::{Entry, Led};
use gokku_core::config::gokku_yml::AppConfig;
use gokku_core::config::misnamed::{Misnamed, Origin, misnamed};
use gokku_core::logs::notice::Notice;
use gokku_git::obstacle::filters_in;

use crate::fs::tree_file;
use crate::plan::Error;
use crate::plan::release_plan::Plan;

/// Filters whose files are told by what is in them, as obstacles; one that has its real content is no news.
const KNOWN: [&str; 2] = ["lfs", "git-crypt"];

/// What is told of a deploy's code; an error where nothing may be deployed with it.
pub(crate) fn of_release(tree: &Path, plan: &Plan) -> Result<Vec<Notice>, Error> {
    let origin = if plan.config.image.is_some() {
        Origin::Image
    } else if plan.generated.is_some() {
        Origin::Language
    } else if plan.dockerfile.is_empty() {
        // An image that somebody has named: no code is built.
        Origin::Image
    } else {
        Origin::Dockerfile
    };
    let misnamed = checked(misnamed_in(tree, &plan.config, origin))?;
    let mut notices: Vec<Notice> = misnamed.into_iter().map(Notice::Misnamed).collect();
    if origin != Origin::Image {
        for (filter, paths) in filters_in(tree)? {
            if !KNOWN.contains(&filter.as_str()) {
                notices.push(Notice::FilterNotRun {
                    filter,
                    more: paths.len().saturating_sub(1),
                    first: paths.into_iter().next().unwrap_or_default(),
                });
            }
        }
    }
    Ok(notices)
}

/// Those that are only to be told; an error where one is refused.
pub(crate) fn checked(all: Vec<Misnamed>) -> Result<Vec<Misnamed>, Error> {
    let (refused, noted): (Vec<_>, Vec<_>) = all.into_iter().partition(|found| found.refused);
    if refused.is_empty() {
        Ok(noted)
    } else {
        Err(Error::Misnamed(refused))
    }
}

/// The files at a tree's top and in an app's folder that are nearly called what is looked for there.
pub(crate) fn misnamed_in(tree: &Path, config: &AppConfig, origin: Origin) -> Vec<Misnamed> {
    let mut all = Vec::new();
    for folder in BTreeSet::from(["", config.path.as_str()]) {
        all.extend(misnamed(folder, &names(tree, folder), origin));
    }
    // What gokku.yml names is read.
    all.retain(|found| config.dockerfile.as_ref() != Some(&found.path));
    all
}

/// Why a release cannot be built, with what there is that its author may have meant.
pub(crate) fn with_what_is_there(tree: &Path, config: &AppConfig, error: Error) -> Error {
    let mut there = misnamed_in(tree, config, Origin::Nothing);
    there.retain(|found| found.refused);
    if there.is_empty() {
        return error;
    }
    Error::WithMisnamed {
        source: Box::new(error),
        there,
    }
}

/// The names of the files of a folder; none where there is no such folder in the tree.
fn names(tree: &Path, folder: &str) -> Vec<String> {
    let Ok(Led::To(within, Entry::Folder)) = tree_file::led(tree, folder) else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(tree.join(within)) else {
        return Vec::new();
    };
    let is_no_folder = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| !kind.is_dir());
    entries
        .flatten()
        .filter(is_no_folder)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

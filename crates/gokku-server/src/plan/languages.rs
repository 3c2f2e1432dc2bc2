//! Builds without a Dockerfile: the project's files for the core to decide on, from a release's tree or from a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gokku_core::AppName;
use gokku_core::build::languages::{self, Detected, Project, Undetected};
use gokku_core::config::gokku_yml::AppConfig;
use gokku_core::config::procfile::PROCFILE;
use gokku_core::text::read_limits;
use gokku_git::Repository;

use crate::Server;
use crate::app::apps;
use crate::app::branch;
use crate::fs::{Error as FileError, tree_file};
use crate::plan::Error;
use crate::plan::release_plan::{GOKKU_YML, config_of, text_of};

/// A generated Dockerfile, and the name it is sent to the builder under.
#[derive(Clone, Debug)]
pub struct Generated {
    /// A name that no file of the project has.
    pub name: String,
    /// What was found, and its Dockerfile.
    pub detected: Detected,
}

/// Finds what a release's tree is built with.
pub(crate) fn of_tree(tree: &Path, config: &AppConfig) -> Result<Generated, Error> {
    let mut files = BTreeSet::new();
    list(tree, "", &mut files)?;
    detect(files, config, |path| {
        Ok(tree_file::read(tree, path, read_limits::CODE)?.unwrap_or_default())
    })
}

/// Whether anything in a working copy says how it is built. Not all of it is looked through, as a release's tree is: it has
/// what its tools have put there, too.
pub(crate) fn may_be_built(folder: &Path, config: &AppConfig) -> bool {
    let mut files = BTreeSet::new();
    let workdir = config
        .build
        .workdir
        .as_ref()
        .map(|workdir| workdir.value.as_str());
    let places = Path::new(&config.path).ancestors().chain(workdir.map(Path::new));
    for below in places.flat_map(|place| [place.to_owned(), place.join("public")]) {
        let entries = std::fs::read_dir(folder.join(&below));
        for entry in entries.into_iter().flatten().flatten() {
            if entry.path().is_file() {
                let path = below.join(entry.file_name());
                files.insert(path.to_string_lossy().into_owned());
            }
        }
    }
    let read = |path: &str| Ok(tree_file::read(folder, path, read_limits::CODE)?.unwrap_or_default());
    match project(files, config, read) {
        Ok(project) => !matches!(
            languages::detect(&project, config),
            Err(Undetected::Nothing { .. })
        ),
        // What is wrong with it is told when it is built.
        Err(_) => true,
    }
}

/// The regular files of a tree. Links are left out: what they point to may be anything of the server's.
fn list(tree: &Path, below: &str, files: &mut BTreeSet<String>) -> Result<(), Error> {
    let here = tree.join(below);
    let wrong = |error: std::io::Error| FileError::file(&here, error);
    for entry in std::fs::read_dir(&here).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        // A name that is not UTF-8 is told when the files are sent.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        let kind = entry.file_type().map_err(wrong)?;
        // A Procfile is followed wherever it is read; what it leads to is looked at there.
        let followed = kind.is_symlink() && path.rsplit('/').next() == Some(PROCFILE);
        if kind.is_dir() {
            list(tree, &path, files)?;
        } else if kind.is_file() || followed {
            files.insert(path);
        }
    }
    Ok(())
}

/// What is to be decided on: the files, and the texts of those that count.
fn project(
    files: BTreeSet<String>,
    config: &AppConfig,
    mut read: impl FnMut(&str) -> Result<Vec<u8>, Error>,
) -> Result<Project, Error> {
    let mut texts = BTreeMap::new();
    for path in languages::to_read(&files, config) {
        let bytes = read(path)?;
        texts.insert(path.to_owned(), text_of(path, &bytes)?.to_owned());
    }
    Ok(Project { files, texts })
}

fn detect(
    files: BTreeSet<String>,
    config: &AppConfig,
    read: impl FnMut(&str) -> Result<Vec<u8>, Error>,
) -> Result<Generated, Error> {
    let project = project(files, config, read)?;
    let detected = languages::detect(&project, config)?;
    Ok(Generated {
        name: languages::free_name(&project.files),
        detected,
    })
}

/// Returns the Dockerfile that the deploy branch's commit is built with: its own, or the generated one.
pub fn dockerfile(server: &Server, app: &AppName) -> Result<Vec<u8>, Error> {
    let dir = server.app_dir(app);
    let record = apps::load(&dir)?;
    let repository = Repository::at(dir.repository());
    let commit = branch::deployable(&repository, app, &record)?.1;
    let config = config_of(
        app,
        repository
            .file(&commit, GOKKU_YML, read_limits::GOKKU_YML)?
            .as_deref(),
    )?;
    if let Some(image) = &config.image {
        return Err(Error::NotBuilt {
            app: app.clone(),
            image: image.clone(),
        });
    }
    for own in config.dockerfiles() {
        if let Some(text) = repository.file(&commit, &own, read_limits::CODE)? {
            languages::keys_beside_a_dockerfile(&own, &config)?;
            return Ok(text);
        }
    }
    let mut files: BTreeSet<String> = repository.files(&commit)?.into_iter().collect();
    let procfiles = [PROCFILE.to_owned(), format!("{}/{PROCFILE}", config.path)];
    for procfile in procfiles {
        if !files.contains(&procfile) && repository.file(&commit, &procfile, read_limits::CODE)?.is_some() {
            files.insert(procfile);
        }
    }
    named_is_there(&config)?;
    let generated = detect(files, &config, |path| {
        Ok(repository
            .file(&commit, path, read_limits::CODE)?
            .unwrap_or_default())
    })?;
    Ok(generated.detected.dockerfile().into_bytes())
}

/// Whoever names a Dockerfile wants no other.
pub(crate) fn named_is_there(config: &AppConfig) -> Result<(), Error> {
    match &config.dockerfile {
        Some(named) => Err(Error::NoDockerfile(named.clone())),
        None => Ok(()),
    }
}

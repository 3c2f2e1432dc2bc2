//! An image that is to be built.

use std::collections::BTreeMap;
use std::path::Path;

use crate::build::image_sources::ownership::Neighbours;
use crate::config::env_file::EnvValue;
use crate::containers::image::Login;

/// What to build.
#[derive(Clone, Debug)]
pub struct BuildRequest<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// The Dockerfile, relative to it.
    pub dockerfile: &'a str,
    /// The Dockerfile's text, when it is not in the folder; then nothing there has its name.
    pub generated: Option<Generated<'a>>,
    /// The image's name and tag, `api:release-20240115-113000`.
    pub tag: String,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Build arguments; never secrets, they stay in the image's history.
    pub args: Vec<(String, String)>,
    /// Secrets, for the instructions that mount them; they stay nowhere.
    pub secrets: Secrets,
    /// Logins to the registries that base images may be in.
    pub logins: Vec<Login>,
    /// From what it is kept apart.
    pub apart: Apart,
    /// Whether steps may come from the builder's cache.
    pub cache: bool,
}

/// A Dockerfile that is in no folder.
#[derive(Clone, Debug)]
pub struct Generated<'a> {
    /// Its text.
    pub dockerfile: String,
    /// What is left out where the folder has no `.dockerignore`.
    pub dockerignore: &'a str,
}

/// From what a build is kept apart.
#[derive(Clone, Debug)]
pub struct Apart {
    /// Whose it is, and who else there is.
    pub neighbours: Neighbours,
    /// What its caches' names begin with: nobody else's does, and nobody else can know it.
    pub caches: String,
}

/// A build's secrets, by name.
pub type Secrets = BTreeMap<String, EnvValue>;

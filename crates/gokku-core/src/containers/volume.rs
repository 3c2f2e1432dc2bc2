//! What is mounted into containers.

use std::collections::BTreeMap;

/// Something that is mounted into a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What.
    pub source: MountSource,
    /// Where in the container.
    pub target: String,
    /// Whether it cannot be written to.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// A volume of the engine's; one that is not there is made, with these labels, and begins with what the image has in
    /// its place.
    Volume {
        /// Its name.
        name: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
    /// A folder of the machine, by its path without links. One that is not there is an error.
    Folder(String),
    /// A volume of the container's own, which begins with what the image has in its place and goes with the container.
    Anonymous,
}

/// A volume that a container has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// Its name.
    pub name: String,
    /// Where in the container, as [`crate::config::volume::declared`] gives it.
    pub target: String,
    /// Whether the container cannot write to it.
    pub read_only: bool,
    /// Why it has it.
    pub why: Why,
}

/// Why a container has a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was asked for by its name.
    Named,
    /// One of its own was asked for.
    Anonymous,
    /// The image declares one there, and nothing was asked for: the engine has made one of the container's own.
    Image,
}

impl Mount {
    /// Returns a folder's path, and whether it can be written to.
    pub fn folder(&self) -> Option<(&str, bool)> {
        match &self.source {
            MountSource::Folder(path) => Some((path, !self.read_only)),
            MountSource::Volume { .. } | MountSource::Anonymous => None,
        }
    }
}

/// What is known of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeFacts {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

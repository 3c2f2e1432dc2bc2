//! An image, and the registry it comes from.

use std::collections::BTreeMap;
use std::fmt;

use crate::ImageId;
use crate::config::process_one::ImageCommand;

/// What is known of an image.
#[derive(Clone, Debug)]
pub struct ImageFacts {
    /// Its id.
    pub id: ImageId,
    /// Its names, `api:latest`; empty for one that has none.
    pub tags: Vec<String>,
    /// The TCP ports it says it listens on, sorted; empty in a list.
    pub exposed: Vec<u16>,
    /// Where the volumes that it declares are mounted, sorted; empty in a list.
    pub volumes: Vec<String>,
    /// What it runs; nothing in a list.
    pub runs: ImageCommand,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its size in bytes.
    pub size: u64,
}

/// A user of a registry.
#[derive(Clone)]
pub struct Login {
    /// The registry's host, with its port.
    pub registry: String,
    /// The user.
    pub username: String,
    /// The user's password, or a token.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({} at {})", self.username, self.registry)
    }
}

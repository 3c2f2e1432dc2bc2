//! `gokku.yml`: what an app's code says about how it is built and run.
//!
//! ```yaml
//! apps:
//!   api:
//!     path: ./cmd/api
//!     binary_name: api
//!     ports: ["8080:80"]
//!     environments:
//!       - name: production
//!         branch: main
//!     deployment:
//!       keep_images: 5
//!       restart_policy: always
//!       restart_delay: 5
//!     processes:
//!       worker:
//!         command: ./worker
//!         count: 2
//! defaults:
//!   resources: {memory: 512m}
//! ```
//!
//! Strict: nothing is accepted and ignored. Every error says where, and what was probably meant; all are told at once.
//!
//! The text becomes a tree of `node`s, which is read (`reading`) as the `raw` keys, which are `check`ed and become
//! the [`AppConfig`] that counts.

mod check;
mod config;
mod keys;
mod node;
mod raw;
mod reading;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::app::name::AppName;
pub use config::{
    AppConfig, BuildKeys, Deployment, Environment, Health, HostPort, Placed, Ports, ProcessConfig,
    RestartPolicy,
};
pub use keys::{KEYS, Key};
use reading::{Read, Reader};

/// What is wrong with a `gokku.yml`, and where. Line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct YmlError {
    /// The file's name.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
    /// What is wrong and what was probably meant.
    pub what: String,
}

/// Everything that is wrong with a `gokku.yml`, in its order; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct YmlErrors(pub Vec<YmlError>);

/// The app is not in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} has no app {app}: it has {}{}", listed(.known), suggested(.app.as_str(), .known))]
pub struct AppNotThere {
    /// The file's name.
    pub file: String,
    /// Which app was looked for.
    pub app: AppName,
    /// The apps it has.
    pub known: Vec<String>,
}

/// A parsed `gokku.yml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GokkuYml {
    file: String,
    apps: BTreeMap<AppName, AppConfig>,
}

impl GokkuYml {
    /// Reads the text of a file called `file`, which errors begin with.
    pub fn parse(file: &str, text: &str) -> Result<Self, YmlErrors> {
        let top = node::parse(file, text).map_err(|error| YmlErrors(vec![error]))?;
        let mut reader = Reader::new(file);
        let raw = raw::File::read(&top, &mut reader).unwrap_or_default();
        let listed = raw.docker.and_then(|docker| docker.registry);
        let registries: Vec<String> = listed
            .map(|list| list.items.into_iter().map(|host| host.value.0).collect())
            .unwrap_or_default();
        let defaults = raw.defaults.as_ref();
        let named = raw.apps.as_ref().map_or(&[][..], |named| &named.entries);
        let apps = named
            .iter()
            .map(|(name, app)| {
                let config = check::app(&name.value, app, defaults, &registries, &mut reader);
                (name.value.clone(), config)
            })
            .collect();
        if raw.apps.is_none() && !reader.has_noted() {
            reader.note(top.place, "there is no `apps:`, and so no app");
        }
        let wrong = reader.wrong();
        if wrong.is_empty() {
            let file = file.to_owned();
            Ok(Self { file, apps })
        } else {
            Err(YmlErrors(wrong))
        }
    }

    /// The apps it has.
    pub fn apps(&self) -> impl Iterator<Item = (&AppName, &AppConfig)> {
        self.apps.iter()
    }

    /// What it says of an app.
    pub fn app(&self, app: &AppName) -> Result<&AppConfig, AppNotThere> {
        self.apps.get(app).ok_or_else(|| AppNotThere {
            file: self.file.clone(),
            app: app.clone(),
            known: self.apps.keys().map(ToString::to_string).collect(),
        })
    }
}

impl fmt::Display for YmlErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

fn listed(known: &[String]) -> String {
    match known {
        [] => "none".to_owned(),
        known => known.join(", "),
    }
}

/// `; did you mean …?` when one of the known is near enough.
pub(crate) fn suggested(given: &str, known: &[String]) -> String {
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(given, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 3)
        .min()
        .map_or_else(String::new, |(_, known)| format!("; did you mean {known:?}?"))
}

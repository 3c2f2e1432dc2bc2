//! An app's releases, as people look at them.

use gokku_core::release::record::Outcome;
use serde::Serialize;

use crate::app::{apps, records};
use crate::command::Error;
use crate::fs::app_dir::AppDir;
use crate::os::clock;

/// One release.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseFacts {
    /// Its id.
    pub id: String,
    /// Its commit; none of one whose image was named before there was a push.
    pub commit: Option<String>,
    /// What its image is pulled by, where none is built.
    pub image: Option<String>,
    /// What that meant when it was pulled.
    pub digest: Option<String>,
    /// `active`, `good`, `failed`, `pruned` or `unfinished`.
    pub state: &'static str,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Who made it.
    pub by: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// Returns every release of an app, newest first.
pub fn list(dir: &AppDir) -> Result<Vec<ReleaseFacts>, Error> {
    apps::load(dir)?;
    let active = records::active(dir);
    let mut all: Vec<ReleaseFacts> = records::list(dir)?
        .into_iter()
        .map(|record| ReleaseFacts {
            id: record.id.to_string(),
            commit: record.commit.map(|commit| commit.to_string()),
            image: record.reference.map(|image| image.to_string()),
            digest: record.digest.map(|digest| digest.to_string()),
            state: match record.outcome {
                _ if active == Some(record.id) => "active",
                Outcome::Good => "good",
                Outcome::Failed => "failed",
                Outcome::Pruned => "pruned",
                Outcome::Unfinished => "unfinished",
            },
            created: record.begun.unwrap_or_else(|| clock::text(record.id.seconds())),
            by: record.by,
            reason: record.reason,
        })
        .collect();
    all.reverse();
    Ok(all)
}

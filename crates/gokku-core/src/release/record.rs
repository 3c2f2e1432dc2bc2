//! A release's record: what is kept of one immutable deployment of an app.

use serde::{Deserialize, Serialize};

use crate::app::ids::{CommitId, ImageId};
use crate::app::release_id::ReleaseId;
use crate::config::image_ref::ImageRef;
use crate::domains::domain::Domain;
use crate::release::build_key::BuildKey;
use crate::release::disk::Taken;

/// The newest version of the record's format: of releases with domains. A release without is written in an older version,
/// which a gokku of before knows; the daemon is one until it is replaced.
pub const VERSION: u32 = 3;

/// The version of releases whose image is pulled, and that have no domains.
const PULLED_VERSION: u32 = 2;

/// The oldest version, which has a commit always and an image's reference never.
pub const FIRST_VERSION: u32 = 1;

/// What is kept of a release, as `apps/<app>/releases/<id>.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The format's version, [`FIRST_VERSION`] to [`VERSION`].
    pub version: u32,
    /// The release.
    pub id: ReleaseId,
    /// The commit it was made from; of one whose image was named by hand, the commit whose `gokku.yml` counts for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// What its image is pulled by, where none is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ImageRef>,
    /// What that meant when it was pulled, `ghcr.io/me/app@sha256:…`: this is what is pulled again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<ImageRef>,
    /// The image it runs, once built or pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageId>,
    /// What decided what was built; none for releases of an older gokku.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildKey>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it failed, in one line; only with [`Outcome::Failed`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A hash of the env it last ran with; never the env.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_hash: Option<String>,
    /// Who asked for it: a user or a key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was made, RFC 3339 in UTC, where its id does not say so: an id is later than its predecessor's, also when the
    /// clock has been set back since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<String>,
    /// When its last change ended, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// What it took of the disks, once built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Taken>,
    /// The domains that lead to the app while it has the traffic.
    #[serde(default, rename = "domain", skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
}

/// What became of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Its deploy has not ended.
    Unfinished,
    /// It passed its health check and got the traffic: it can be rolled back to while it is kept.
    Good,
    /// It never got the traffic, or lost it before its deploy ended.
    Failed,
    /// It was good; its image and code are no longer kept.
    Pruned,
}

impl Record {
    /// Returns the record of a release that is to be made: nothing is known of it yet.
    pub fn begun(id: ReleaseId) -> Self {
        Self {
            version: FIRST_VERSION,
            id,
            commit: None,
            reference: None,
            digest: None,
            image: None,
            build: None,
            outcome: Outcome::Unfinished,
            reason: None,
            env_hash: None,
            by: None,
            begun: None,
            finished: None,
            disk: None,
            domains: Vec::new(),
        }
    }

    /// Returns it in the oldest version that can say what it says.
    #[must_use]
    pub fn in_its_version(self) -> Self {
        let version = match (&self.reference, &self.domains[..]) {
            (_, [_, ..]) => VERSION,
            (Some(_), []) => PULLED_VERSION,
            (None, []) => FIRST_VERSION,
        };
        Self { version, ..self }
    }

    /// Returns whether traffic can be given to this release again.
    pub fn can_return(&self) -> bool {
        self.outcome == Outcome::Good
    }
}

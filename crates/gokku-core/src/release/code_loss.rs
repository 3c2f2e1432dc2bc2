//! What a power cut takes of a release's code that was not on the disk yet.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::release_id::ReleaseId;

/// What of a release's code is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeLoss {
    /// The release.
    pub release: ReleaseId,
    /// One of the files.
    pub first: String,
    /// How many more there are.
    pub more: usize,
    /// Where the code is.
    pub tree: String,
}

impl fmt::Display for CodeLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            release,
            first,
            more,
            tree,
        } = self;
        write!(f, "the code of the release {release} is not whole: {first}")?;
        match more {
            0 => f.write_str(" is")?,
            more => write!(f, " and {more} more are")?,
        }
        write!(f, " empty or missing in {tree}, as after a power cut")
    }
}

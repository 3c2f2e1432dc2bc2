//! What the disk is used for where containers run.

use std::collections::{BTreeMap, BTreeSet};

use crate::ImageId;

/// What the engine's disk is used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Each image.
    pub images: BTreeMap<ImageId, ImageUsage>,
    /// The build cache, in bytes, without what images hold of it.
    pub cache: u64,
}

/// What an image takes of the disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageUsage {
    /// All of it.
    pub whole: u64,
    /// What other images have, too.
    pub shared: u64,
}

impl ImageUsage {
    /// Returns what goes with it.
    pub fn alone(self) -> u64 {
        self.whole.saturating_sub(self.shared)
    }
}

impl Usage {
    /// Returns what several images take together: the largest as a whole, and of the others what no image shares. The engine says
    /// of no two images what they share; those of one app share with each other what its largest one has, and then this is exact.
    pub fn together<'a>(&self, images: impl IntoIterator<Item = &'a ImageId>) -> u64 {
        let ids: BTreeSet<&ImageId> = images.into_iter().collect();
        let all: Vec<ImageUsage> = ids.iter().filter_map(|id| self.images.get(id)).copied().collect();
        let alone: u64 = all.iter().map(|image| image.alone()).sum();
        let shared = all
            .iter()
            .max_by_key(|image| image.whole)
            .map(|image| image.whole - image.alone());
        alone + shared.unwrap_or(0)
    }
}

/// What became of a part of the build cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrunedCache {
    /// How many records of it are gone.
    pub records: usize,
    /// How much that freed, in bytes.
    pub bytes: u64,
}

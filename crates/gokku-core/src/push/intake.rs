//! What a push may bring, and what a commit may be whose files are taken out: limits with a name each, and what exceeds
//! them.
//!
//! Nothing here is looked up: who counts passes what was found. A limit of 0 is none.

use serde::Deserialize;

use crate::text::size::Size;

/// The limits of a push, `[push]` in the server's `config.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushLimits {
    /// What git may send of a push, packed.
    pub max_size: Size,
    /// The objects of a push: commits, trees, files.
    pub max_objects: u64,
    /// The refs of a push, and of the repository after it.
    pub max_refs: u64,
    /// What the repository may take of the disk.
    pub max_repository: Size,
    /// The memory of each process that takes a push in.
    pub max_memory: Size,
    /// The files and folders of a commit that is deployed.
    pub max_files: u64,
    /// What its files may take of the disk, together.
    pub max_tree: Size,
    /// The length of a path in it, in bytes.
    pub max_path: u64,
}

impl Default for PushLimits {
    fn default() -> Self {
        Self {
            max_size: Size(2 << 30),
            max_objects: 2_000_000,
            max_refs: 20_000,
            max_repository: Size(10 << 30),
            max_memory: Size(2 << 30),
            max_files: 1_000_000,
            max_tree: Size(4 << 30),
            max_path: 2048,
        }
    }
}

/// A limit that was exceeded, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// `max_objects`
    #[error(
        "the push has {found} objects, and at most {most} may come at once (max_objects{WHERE}): push the history in parts, older commits first"
    )]
    Objects {
        /// How many came.
        found: u64,
        /// How many may.
        most: u64,
    },
    /// `max_refs`, of a push.
    #[error(
        "the push is of more than {0} branches and tags (max_refs{WHERE}): push only those that the server needs"
    )]
    RefsOfPush(u64),
    /// `max_refs`, of the repository.
    #[error(
        "with this push the repository would have {found} branches and tags, and may have {most} (max_refs{WHERE}): delete some: git push <remote> --delete <name>"
    )]
    Refs {
        /// How many there would be.
        found: u64,
        /// How many may be.
        most: u64,
    },
    /// `max_repository`
    #[error(
        "with this push the repository would take {found} of the disk, and may take {most} (max_repository{WHERE}). What no branch has any more is removed by git after some days"
    )]
    Repository {
        /// What it takes.
        found: Size,
        /// What it may.
        most: Size,
    },
    /// `max_files`
    #[error("it has more than {0} files and folders (max_files{WHERE})")]
    Files(u64),
    /// `max_tree`
    #[error(
        "its files take more than {most}: {found} were found in the first {files} of them (max_tree{WHERE})"
    )]
    Tree {
        /// What they take, as far as they were counted.
        found: Size,
        /// How many were counted.
        files: u64,
        /// What they may take.
        most: Size,
    },
    /// `max_path`
    #[error("it has a path that is longer than {most} bytes (max_path{WHERE}); it begins with {begins:?}")]
    Path {
        /// How the path begins.
        begins: String,
        /// How long it may be.
        most: u64,
    },
}

/// Where a limit is set.
const WHERE: &str = " below [push] in the server's config.toml";

/// How much of a path that is too long is shown.
const SHOWN: usize = 60;

/// Whether a limit is exceeded.
pub fn exceeds(found: u64, limit: u64) -> bool {
    limit != 0 && found > limit
}

/// Counts the files and folders of a commit, one by one, up to the first limit that they exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Files and folders.
    pub entries: u64,
    /// The bytes of the files.
    pub bytes: u64,
}

impl Tree {
    /// One more: its size, none for a folder, and its path.
    pub fn add(&mut self, size: u64, path: &[u8], limits: &PushLimits) -> Result<(), TooMuch> {
        let length = u64::try_from(path.len()).unwrap_or(u64::MAX);
        if exceeds(length, limits.max_path) {
            return Err(TooMuch::Path {
                begins: String::from_utf8_lossy(&path[..SHOWN.min(path.len())]).into_owned(),
                most: limits.max_path,
            });
        }
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(size);
        if exceeds(self.entries, limits.max_files) {
            return Err(TooMuch::Files(limits.max_files));
        }
        if exceeds(self.bytes, limits.max_tree.0) {
            return Err(TooMuch::Tree {
                found: Size(self.bytes),
                files: self.entries,
                most: limits.max_tree,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> PushLimits {
        PushLimits {
            max_files: 3,
            max_tree: Size(100),
            max_path: 8,
            ..PushLimits::default()
        }
    }

    /// Counts these, and gives what is said of the first that is too much.
    fn counted(entries: &[(u64, &str)], limits: &PushLimits) -> Result<Tree, String> {
        let mut tree = Tree::default();
        for (size, path) in entries {
            tree.add(*size, path.as_bytes(), limits)
                .map_err(|why| why.to_string())?;
        }
        Ok(tree)
    }

    #[test]
    fn what_is_within_every_limit_is_counted_to_its_end() {
        for entries in [&[][..], &[(100, "12345678")], &[(0, "a"), (50, "a/b"), (50, "c")]] {
            let tree = counted(entries, &limits()).expect("within");
            assert_eq!(tree.entries, u64::try_from(entries.len()).expect("few"));
            assert_eq!(tree.bytes, entries.iter().map(|entry| entry.0).sum::<u64>());
        }
    }

    #[test]
    fn what_exceeds_a_limit_is_told_with_its_name_what_was_found_and_where_it_is_set() {
        for (entries, says) in [
            (
                &[(0, "a"), (0, "b"), (0, "c"), (0, "d")][..],
                "more than 3 files and folders (max_files",
            ),
            (
                &[(60, "a"), (41, "b")],
                "take more than 100 bytes: 101 bytes were found in the first 2 of them (max_tree",
            ),
            (&[(u64::MAX, "a"), (u64::MAX, "b")], "(max_tree"),
            (
                &[(0, "123456789")],
                "a path that is longer than 8 bytes (max_path",
            ),
        ] {
            let why = counted(entries, &limits()).expect_err(says);
            assert!(why.contains(says), "{why}");
            assert!(why.contains("[push] in the server's config.toml"), "{why}");
        }
    }

    #[test]
    fn a_long_path_is_not_told_whole() {
        let path = "ü".repeat(5000);
        let why = counted(&[(0, &path)], &limits()).expect_err("too long");
        assert!(why.len() < 250, "{why}");
    }

    #[test]
    fn no_limit_is_none() {
        let none = PushLimits {
            max_files: 0,
            max_tree: Size(0),
            max_path: 0,
            ..PushLimits::default()
        };
        let path = "a".repeat(5000);
        assert!(counted(&[(u64::MAX, path.as_str()); 9], &none).is_ok());
    }
}

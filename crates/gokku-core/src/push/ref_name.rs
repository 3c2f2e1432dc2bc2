//! Which refs an app's repository keeps: a short list, so that nothing that is pushed changes what a commit is.

/// Where the refs are that are kept. Those of remotes come with the mirror of a clone, `git push --mirror`.
const KEPT: [&str; 4] = ["refs/heads/", "refs/tags/", "refs/notes/", "refs/remotes/"];

/// Kept by its whole name: a mirror brings it, too.
const STASH: &str = "refs/stash";

/// Why a ref is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// It would have git show other objects than those that were pushed; git-replace(1).
    #[error(
        "{0} is not taken: it replaces what a commit has with something else, and what runs is the commit itself. Push the branch alone"
    )]
    Replaces(String),
    /// It is none of those that are kept.
    #[error(
        "{0} is not taken: branches, tags and notes are kept here (refs/heads, refs/tags, refs/notes), and nothing else. Push the branch alone"
    )]
    Unknown(String),
}

/// Whether a ref may be there, by its full name. One that is to be deleted needs no leave.
pub fn storable(name: &str) -> Result<(), NotStored> {
    let below = |folder: &&str| name.strip_prefix(folder).is_some_and(|rest| !rest.is_empty());
    if name == STASH || KEPT.iter().any(below) {
        Ok(())
    } else if name.starts_with("refs/replace/") {
        Err(NotStored::Replaces(name.to_owned()))
    } else {
        Err(NotStored::Unknown(name.to_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn which_refs_are_kept() {
        for name in [
            "refs/heads/main",
            "refs/heads/feature/x",
            "refs/heads/refs/replace/x",
            "refs/tags/v1",
            "refs/notes/commits",
            "refs/remotes/origin/main",
            "refs/stash",
        ] {
            assert_eq!(storable(name), Ok(()), "{name}");
        }
        for name in [
            "refs/replace/1111111111111111111111111111111111111111",
            "refs/replace/x",
        ] {
            assert_eq!(storable(name), Err(NotStored::Replaces(name.to_owned())));
        }
        for name in [
            "refs/meta/config",
            "refs/for/main",
            "refs/pull/1/head",
            "refs/heads",
            "refs/heads/",
            "refs/Heads/main",
            "refs/stash/x",
            "refs/original/refs/heads/main",
            "refs/bisect/bad",
            "refs/worktree/x",
            "refs/x",
            "HEAD",
            "heads/main",
            "",
        ] {
            assert_eq!(storable(name), Err(NotStored::Unknown(name.to_owned())), "{name}");
        }
        insta::assert_snapshot!(storable("refs/replace/x").unwrap_err(), @"refs/replace/x is not taken: it replaces what a commit has with something else, and what runs is the commit itself. Push the branch alone");
        insta::assert_snapshot!(storable("refs/meta/config").unwrap_err(), @"refs/meta/config is not taken: branches, tags and notes are kept here (refs/heads, refs/tags, refs/notes), and nothing else. Push the branch alone");
    }
}

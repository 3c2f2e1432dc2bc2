//! The refs of a push: prepared, moved, and moved back, by git, in one transaction. What git refuses is told in its own
//! words, with what can be done about it.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use gokku_core::push::rules::RefUpdate;
use gokku_core::transition::Refs;
use gokku_git::{RefTransaction, Repository};

use crate::app::Error;
use crate::fs::app_dir::AppDir;

/// Has git check that a push's refs can be moved, without moving them.
pub(crate) fn check(dir: &AppDir, updates: &[RefUpdate]) -> Result<(), Error> {
    lock(dir, updates).map(drop)
}

/// Moves a push's refs at once.
pub(crate) fn apply(dir: &AppDir, updates: &[RefUpdate]) -> Result<(), Error> {
    commit(lock(dir, updates)?)
}

/// Moves refs that are locked.
pub(crate) fn commit(locked: RefTransaction) -> Result<(), Error> {
    locked.commit().map_err(refused)
}

/// Locks a push's refs, so that they can be moved.
pub(crate) fn lock(dir: &AppDir, updates: &[RefUpdate]) -> Result<RefTransaction, Error> {
    let prepared = Repository::at(dir.repository()).prepare_refs(updates);
    prepared.map_err(refused)
}

/// Moves what is not there yet of a push's refs, for a transition that somebody else began: the locks that it left go.
pub(crate) fn move_rest(dir: &AppDir, updates: &[RefUpdate]) -> Result<(), Error> {
    let repository = Repository::at(dir.repository());
    let rest = repository.unmoved_refs(updates)?;
    if rest.is_empty() {
        return Ok(());
    }
    repository.remove_left_locks(&rest)?;
    apply(dir, &rest)
}

/// Moves a push's refs back to where they were, those that have moved.
pub(crate) fn move_back(dir: &AppDir, updates: &[RefUpdate]) -> Result<(), Error> {
    let repository = Repository::at(dir.repository());
    let unmoved = repository.unmoved_refs(updates)?;
    repository.remove_left_locks(&unmoved)?;
    let back: Vec<RefUpdate> = updates
        .iter()
        .filter(|update| !unmoved.contains(update))
        .map(|update| RefUpdate {
            old: update.new.clone(),
            new: update.old.clone(),
            name: update.name.clone(),
        })
        .collect();
    if back.is_empty() {
        return Ok(());
    }
    apply(dir, &back)
}

/// How far a push's refs are, for whoever goes on with its transition.
pub(crate) fn look(dir: &AppDir, updates: &[RefUpdate]) -> Result<Refs, Error> {
    if updates.is_empty() {
        return Ok(Refs::Unmoved);
    }
    let unmoved = Repository::at(dir.repository()).unmoved_refs(updates)?;
    Ok(match unmoved.len() {
        0 => Refs::Moved,
        all if all == updates.len() => Refs::Unmoved,
        // Some: they are to go on, or back, like those that are locked.
        _ => Refs::Prepared,
    })
}

/// Returns whether the branch of a push is at the commit that it brought.
pub fn is_moved(dir: &AppDir, updates: &[RefUpdate]) -> Result<bool, Error> {
    Ok(look(dir, updates)? == Refs::Moved)
}

/// Returns whether a push brings commits without their parents that the repository has not noted as such. `told` is the file in
/// which git keeps them while the push is under way, beside its own, `shallow`.
pub fn has_new_roots(told: &Path) -> bool {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let (new, noted) = (read(told), read(&told.with_file_name("shallow")));
    let noted: HashSet<&str> = noted.lines().collect();
    new.lines().any(|line| !noted.contains(line))
}

/// Whether git can note such commits, which it does when it moves their refs.
pub(crate) fn can_note_roots(dir: &AppDir) -> Result<(), Error> {
    Repository::at(dir.repository()).check_shallow().map_err(refused)
}

fn refused(source: gokku_git::Error) -> Error {
    Error::NotStored { source }
}

/// What git refuses, with what to do.
pub(super) struct Refused<'a>(pub(super) &'a gokku_git::Error);

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            gokku_git::Error::Failed { message, .. } => message.clone(),
            other => other.to_string(),
        };
        let words = words.trim_end_matches('.');
        f.write_str(words)?;
        match blocking(words) {
            Some(Blocking::Lock(path)) => write!(
                f,
                ". If no git is at work in that repository, a killed one has left the lock: remove it, rm '{path}', and push again"
            ),
            Some(Blocking::Ref(name)) => write!(
                f,
                ". Remove the ref that is in the way, git push <remote> --delete {name}, and push again"
            ),
            None => f.write_str(". Push again once that is mended"),
        }
    }
}

/// What git says is in a ref's way.
#[derive(Debug, PartialEq, Eq)]
enum Blocking<'a> {
    /// A file that locks it.
    Lock(&'a str),
    /// Another ref, which would have to be a folder, or the other way round.
    Ref(&'a str),
}

/// Reads it out of git's words; git has no other form of them.
fn blocking(words: &str) -> Option<Blocking<'_>> {
    let quoted_before = |mark: &str| {
        let before = &words[..words.find(mark)?];
        let before = before.strip_suffix('\'')?;
        Some(&before[before.rfind('\'')? + 1..])
    };
    quoted_before(": File exists")
        .map(Blocking::Lock)
        .or_else(|| quoted_before(" exists; cannot create").map(Blocking::Ref))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_read_out_of_gits_words() {
        for (words, found) in [
            (
                "cannot lock ref 'refs/heads/main': Unable to create '/r/api.git/refs/heads/main.lock': File exists.; ; Another git process",
                Some(Blocking::Lock("/r/api.git/refs/heads/main.lock")),
            ),
            (
                "cannot lock ref 'refs/heads/main': 'refs/heads/main/x' exists; cannot create 'refs/heads/main'",
                Some(Blocking::Ref("refs/heads/main/x")),
            ),
            (
                "trying to write non-commit object 1 to branch 'refs/heads/main'",
                None,
            ),
            ("Unable to create '/r/main.lock': No space left on device", None),
            ("", None),
        ] {
            assert_eq!(blocking(words), found, "{words}");
        }
    }
}

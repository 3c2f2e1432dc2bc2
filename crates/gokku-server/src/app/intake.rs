//! What a push may bring to an app's repository, and what of it may be taken out: by the server's settings, before git
//! takes anything.

use std::io::{BufRead, Read};

use gokku_core::CommitId;
use gokku_core::push::intake::{PushLimits, TooMuch, exceeds};
use gokku_core::push::rules::{RefUpdate, updates};
use gokku_git::Repository;

use crate::app::Error;
use crate::app::server_config;
use crate::os::memory_limit;
use crate::server::Server;

/// The longest line that git says of a ref, in bytes: no file system has a name for a longer one.
const LONGEST_LINE: u64 = 8192;

/// The limits that the server's settings say.
pub(crate) fn limits(server: &Server) -> Result<PushLimits, Error> {
    Ok(server_config::read(&server.root)?.push)
}

/// Reads what git tells a hook of a push, a line for each ref, and no more of them than a push may have.
pub fn told(server: &Server, mut from: impl BufRead) -> Result<Vec<RefUpdate>, Error> {
    let most = limits(server)?.max_refs;
    let (mut lines, mut count) = (Vec::new(), 0);
    loop {
        let read = from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut lines);
        match read {
            Ok(0) => break,
            Ok(_) => count += 1,
            Err(error) => return Err(Error::PushUnread(error)),
        }
        if exceeds(count, most) {
            return Err(TooMuch::RefsOfPush(most).into());
        }
    }
    Ok(updates(&lines)?)
}

/// Whether git may take a push: its objects, and the refs that there would be.
pub(crate) fn check(
    repository: &Repository,
    updates: &[RefUpdate],
    limits: &PushLimits,
) -> Result<(), Error> {
    check_refs(repository, updates, limits)?;
    repository
        .check_intake(limits)?
        .map_err(|why| too_large(repository, why))
}

/// Whether a repository takes anything at all: it may be full before a push begins.
pub(crate) fn check_size(repository: &Repository, limits: &PushLimits) -> Result<(), Error> {
    repository
        .check_size(limits)?
        .map_err(|why| too_large(repository, why))
}

/// The refusal; what a full repository needs no more begins to go.
fn too_large(repository: &Repository, why: TooMuch) -> Error {
    if matches!(why, TooMuch::Repository { .. })
        && let Err(error) = repository.collect_garbage()
    {
        tracing::warn!("{}: {error}", repository.path().display());
    }
    why.into()
}

fn check_refs(repository: &Repository, updates: &[RefUpdate], limits: &PushLimits) -> Result<(), Error> {
    let count =
        |wanted: fn(&RefUpdate) -> bool| updates.iter().filter(|update| wanted(update)).count() as u64;
    let made = count(|update| update.old.is_zero() && !update.new.is_zero());
    let gone = count(|update| !update.old.is_zero() && update.new.is_zero());
    if made <= gone {
        return Ok(());
    }
    let found = repository.count_refs()?.saturating_add(made - gone);
    let most = limits.max_refs;
    if exceeds(found, most) {
        return Err(TooMuch::Refs { found, most }.into());
    }
    Ok(())
}

/// Whether a commit's files may be taken out of the repository.
pub(crate) fn measure(repository: &Repository, commit: &CommitId, limits: &PushLimits) -> Result<(), Error> {
    match repository.measure(commit, limits)? {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::CommitTooLarge {
            commit: commit.clone(),
            source,
        }),
    }
}

/// Bounds the memory of this process and of each that it starts: what a push brings decides how much git needs to read
/// it. A worker, which outlives the push, gives its own limit up.
pub fn bound_memory(server: &Server) -> Result<(), Error> {
    let most = limits(server)?.max_memory.0;
    if most != 0 {
        memory_limit::set(most);
    }
    Ok(())
}

//! Brings an app to how it should be, with no person's help: a transition that was cut off is ended, and what differs is
//! repaired where that is safe. What is neither is recorded.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use gokku_core::config::processes::Scale;
use gokku_core::logs::audit::Change;
use gokku_core::reconcile::{Drift, Repair};
use gokku_core::{AppName, ContainerId, ReleaseId};

use crate::engine::runtime::Runtime;
use crate::fs::{Error as FileError, atomic};
use crate::queue::journal;
use crate::queue::leftovers;
use crate::queue::lock::{self, AppLock, Attempt, Holder, Purpose};
use crate::reconcile::{Error, drift};
use crate::record::audit_log;
use crate::server::Server;
use crate::space::prune;
use crate::transition::recover;
use crate::worker::request::Operation;

/// What is known of an app from the last time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// What differed, and was recorded.
    pub(crate) differences: BTreeSet<Drift>,
    /// Containers that are about to be started.
    pub(crate) coming: HashSet<ContainerId>,
    /// Whether what is known is to be repaired once more.
    pub(crate) again: bool,
}

/// What a look at an app has come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    /// What differs still, as far as is known.
    pub(crate) differing: BTreeSet<Drift>,
    /// What brings the active release up, in new containers or with those that are missing: a transition like every other,
    /// which is a worker's to do.
    pub(crate) bring_up: Option<Operation>,
}

/// Takes the app, unless somebody has it.
fn take(server: &Server, app: &AppName) -> Option<AppLock> {
    let dir = server.app_dir(app);
    let journal = journal::load(&dir).ok().flatten();
    let holder = Holder {
        pid: std::process::id(),
        by: audit_log::DAEMON.to_owned(),
        what: Purpose::Recovery,
        id: journal.map_or(ReleaseId::at(0), |journal| journal.id),
    };
    match lock::try_acquire(&dir, &holder) {
        Ok(Attempt::Got(lock)) => Some(lock),
        _ => None,
    }
}

/// Ends an app's transition, unless its process lives.
pub(crate) async fn end(server: &Server, app: &AppName, engine: &Arc<dyn Runtime>) {
    let dir = server.app_dir(app);
    let Some(_lock) = take(server, app) else { return };
    let ended = async {
        Box::pin(recover::recover(server, app, engine)).await?;
        leftovers::sweep(&dir)?;
        prune::finish(&dir, &**engine).await?;
        Ok::<_, Error>(())
    };
    if let Err(error) = ended.await {
        tracing::error!("{error}");
    }
}

/// Compares an app with what it should be and repairs it; none when that cannot be told now.
pub(crate) async fn repair(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
    known: &Known,
) -> Option<Settled> {
    let dir = server.app_dir(app);
    // Looked at without the lock at first: hardly ever is anything to be repaired, and nobody should have to wait for that.
    let look = || drift::look(server, engine, app, &known.coming);
    if !drift::is_under_way(&dir) && look().await.ok()?.is_empty() {
        return Some(Settled::default());
    }
    let taken = take(server, app)?;
    if dir.journal().exists() {
        return None;
    }
    let mut differing: BTreeSet<Drift> = look().await.ok()?.into_iter().collect();
    let to_be_repaired: Vec<(Drift, Repair)> = differing
        .iter()
        .filter(|one| known.again || !known.differences.contains(one))
        .filter_map(|one| Some((one.clone(), one.repair()?)))
        .collect();
    let mut bring_up = None;
    for (difference, repair) in to_be_repaired {
        let words = difference.words(app);
        let done = match repair {
            Repair::Activate => {
                // What is there may stay, where nothing but a container without traffic is gone.
                let only_missing = matches!(difference, Drift::Missing { .. });
                bring_up = Some(bring_up.unwrap_or(true) && only_missing);
                continue;
            }
            Repair::Remove(id) => engine.remove(&id).await.map_err(Error::from),
            Repair::Rename(id, name) => engine.rename(&id, &name).await.map_err(Error::from),
            Repair::SetCurrent(release) => point(server, app, release).map_err(Error::from),
        };
        let change = match done {
            Ok(()) => {
                differing.remove(&difference);
                Change::Mended { difference: words }
            }
            Err(error) => Change::MendFailed {
                difference: words,
                reason: error.to_string(),
            },
        };
        tracing::info!(%app, "{change}");
        audit_log::note(&server.root, audit_log::DAEMON, Some(app), change);
    }
    for difference in &differing {
        let told = known.differences.contains(difference);
        if !told && !matches!(difference.repair(), Some(repair) if repair != Repair::Activate) {
            let change = Change::Differed {
                difference: difference.words(app),
            };
            tracing::warn!(%app, "{change}");
            audit_log::note(&server.root, audit_log::DAEMON, Some(app), change);
        }
    }
    drop(taken);
    let bring_up = bring_up.map(|only_missing| {
        if only_missing {
            Operation::Scale { scale: Scale::new() }
        } else {
            Operation::Restart
        }
    });
    Some(Settled { differing, bring_up })
}

fn point(server: &Server, app: &AppName, release: ReleaseId) -> Result<(), FileError> {
    let dir = server.app_dir(app);
    let link = dir.current();
    let target = std::path::Path::new("releases").join(release.to_string());
    atomic::replace_link(&link, &target)
}

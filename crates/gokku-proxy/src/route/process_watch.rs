//! Sees which targets' containers live, by their first processes: what is seen to live may get requests whatever the
//! engine says, and what is seen to end gets none from that moment on.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::sync::{Arc, Mutex};

use gokku_core::ContainerId;
use tokio::sync::Notify;

use crate::os::container_process::{self, ContainerProcess};
use crate::route::target::Target;
use crate::support::lock::lock;

/// The watch over the targets' processes.
#[derive(Debug, Default)]
pub(super) struct ProcessWatch {
    /// Notified when there may be processes that are not watched yet.
    unseen: Notify,
    ended: Arc<Ended>,
}

/// Containers whose process has ended, until somebody asks for them.
#[derive(Debug, Default)]
struct Ended {
    containers: Mutex<BTreeSet<ContainerId>>,
    more: Notify,
}

impl ProcessWatch {
    /// Has the processes looked for that are not watched yet.
    pub(super) fn look_again(&self) {
        self.unseen.notify_one();
    }

    /// Marks those targets up that are seen to be what they were: their container's process lives and has their address.
    pub(super) async fn mark_seen_up(&self, targets: Vec<Arc<Target>>) {
        for (target, process) in find(targets).await {
            if let Some(process) = process.filter(|process| process.has_address(target.address().ip()))
                && self.watch(&target, process)
            {
                target.mark_up();
            }
        }
    }

    /// Finds and watches the processes of targets that are up and whose process is not seen, for ever.
    pub(super) async fn run(&self, targets: impl Fn() -> Vec<Arc<Target>>) {
        loop {
            self.unseen.notified().await;
            let mut unseen = targets();
            unseen.retain(|target| !target.is_down() && target.process().is_none());
            for (target, process) in find(unseen).await {
                match process {
                    Some(process) => drop(self.watch(&target, process)),
                    None => target.process_not_found(),
                }
            }
        }
    }

    fn watch(&self, target: &Arc<Target>, process: ContainerProcess) -> bool {
        let ended = Arc::clone(&self.ended);
        let watched = target.watch(process, move |container| {
            lock(&ended.containers).insert(container.clone());
            ended.more.notify_one();
        });
        if let Err(error) = &watched {
            tracing::error!(app = %target.app, "its container's process cannot be watched: {error}");
        }
        watched.is_ok()
    }

    /// Waits for the next container whose process is seen to end.
    pub(super) async fn next_ended(&self) -> ContainerId {
        loop {
            let more = self.ended.more.notified();
            if let Some(container) = lock(&self.ended.containers).pop_first() {
                return container;
            }
            more.await;
        }
    }
}

/// Finds the targets' processes; returns nothing when they cannot be looked for.
async fn find(targets: Vec<Arc<Target>>) -> Vec<(Arc<Target>, Option<ContainerProcess>)> {
    let wanted: HashSet<ContainerId> = targets.iter().map(|target| target.facts().container).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let found = tokio::task::spawn_blocking(move || container_process::find(&wanted)).await;
    let mut found = match found.map_err(io::Error::other).flatten() {
        Ok(found) => found,
        Err(error) => {
            tracing::error!("the containers' processes cannot be looked for: {error}");
            return Vec::new();
        }
    };
    let pairs = targets.into_iter().map(|target| {
        let process = found.remove(&target.facts().container);
        (target, process)
    });
    pairs.collect()
}

//! A container's first process, found without asking the engine: in `/proc`, by the control group that has the
//! container's id in its name. It is watched until it ends, see `pidfd_open(2)`.
//!
//! While it lives its container keeps its address, and the moment it ends nothing may be sent there.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use gokku_core::ContainerId;
use gokku_core::machine::container_process;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio_util::task::AbortOnDropHandle;

/// The most that is read of a file in `/proc`; a network with thousands of addresses needs no more.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A container's first process.
#[derive(Debug)]
pub(crate) struct ContainerProcess {
    /// The process id. While the descriptor is held no other process can pass for this one.
    pid: u32,
    descriptor: OwnedFd,
    /// The addresses in the process's network namespace.
    addresses: Vec<IpAddr>,
}

impl ContainerProcess {
    /// Returns whether the container has this address.
    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }
}

/// Finds the first processes of these containers. Blocks.
pub(crate) fn find(wanted: &HashSet<ContainerId>) -> io::Result<HashMap<ContainerId, ContainerProcess>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process that ends meanwhile is not one of them.
        if let Some((id, process)) = inspect(pid, wanted) {
            found.insert(id, process);
        }
    }
    Ok(found)
}

fn inspect(pid: u32, wanted: &HashSet<ContainerId>) -> Option<(ContainerId, ContainerProcess)> {
    let container = || {
        let groups = read(pid, "cgroup")?;
        container_process::groups(&groups).find_map(|group| wanted.get(&ContainerId::new(group)).cloned())
    };
    let id = container()?;
    let descriptor = pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()?;
    // The id may have gone to another process before the descriptor was opened.
    if container()? != id || !container_process::is_first(&read(pid, "status")?) {
        return None;
    }
    let mut addresses = container_process::addresses(&read(pid, "net/fib_trie").unwrap_or_default());
    addresses.extend(container_process::addresses_v6(
        &read(pid, "net/if_inet6").unwrap_or_default(),
    ));
    let process = ContainerProcess {
        pid,
        descriptor,
        addresses,
    };
    (!has_ended(&process.descriptor)).then_some((id, process))
}

fn read(pid: u32, file: &str) -> Option<String> {
    let file = File::open(format!("/proc/{pid}/{file}")).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn has_ended(process: &OwnedFd) -> bool {
    let now = Timespec::default();
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}

/// A container's first process, watched until it ends.
#[derive(Debug)]
pub(crate) struct WatchedProcess {
    pid: u32,
    descriptor: Arc<AsyncFd<OwnedFd>>,
    _watching: AbortOnDropHandle<()>,
}

/// Identifies a watched process; a process id cannot, because it is used again.
#[derive(Clone, Debug)]
pub(crate) struct ProcessIdentity(Arc<AsyncFd<OwnedFd>>);

impl WatchedProcess {
    /// Watches a process. `on_end` is called when it ends.
    pub(crate) fn start(
        process: ContainerProcess,
        on_end: impl FnOnce(ProcessIdentity) + Send + 'static,
    ) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "unsound for a type that does not own its descriptor; this one does, and is never taken apart"
        )]
        let descriptor = Arc::new(AsyncFd::with_interest(process.descriptor, Interest::READABLE)?);
        let identity = ProcessIdentity(Arc::clone(&descriptor));
        let watching = tokio::spawn(async move {
            while let Ok(mut ready) = identity.0.readable().await {
                if has_ended(identity.0.get_ref()) {
                    drop(ready);
                    on_end(identity);
                    return;
                }
                ready.clear_ready();
            }
        });
        Ok(Self {
            pid: process.pid,
            descriptor,
            _watching: AbortOnDropHandle::new(watching),
        })
    }

    /// Returns the process id, while the process lives.
    pub(crate) fn pid(&self) -> Option<u32> {
        (!has_ended(self.descriptor.get_ref())).then_some(self.pid)
    }

    /// Returns whether it is this one.
    pub(crate) fn is(&self, identity: &ProcessIdentity) -> bool {
        Arc::ptr_eq(&self.descriptor, &identity.0)
    }
}

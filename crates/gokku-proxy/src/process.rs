//! A container's first process, seen without asking whoever runs containers: found in `/proc` by the control group that
//! has the container's id, and watched until its end, see `pidfd_open(2)`.
//!
//! While it lives its container has its address, and the moment it ends nobody may send anything there.

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
const LONGEST: u64 = 1 << 20;

/// A process that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its number, which is its own for as long as it lives.
    number: u32,
    descriptor: OwnedFd,
    /// The addresses of the network it is in.
    addresses: Vec<IpAddr>,
}

impl Found {
    /// Whether an address is its own.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }
}

/// Looks for the first processes of these containers. It blocks.
pub(crate) fn find(wanted: &HashSet<ContainerId>) -> io::Result<HashMap<ContainerId, Found>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process that is about to go is none that is looked for.
        if let Some((id, process)) = look_at(number, wanted) {
            found.insert(id, process);
        }
    }
    Ok(found)
}

fn look_at(number: u32, wanted: &HashSet<ContainerId>) -> Option<(ContainerId, Found)> {
    let whose = || {
        let groups = read(number, "cgroup")?;
        container_process::groups(&groups).find_map(|group| wanted.get(&ContainerId::new(group)).cloned())
    };
    let id = whose()?;
    let descriptor = pidfd_open(Pid::from_raw(i32::try_from(number).ok()?)?, PidfdFlags::empty()).ok()?;
    // The number may have been given to another process before it was held.
    if whose()? != id || !container_process::is_first(&read(number, "status")?) {
        return None;
    }
    let mut addresses = container_process::addresses(&read(number, "net/fib_trie").unwrap_or_default());
    addresses.extend(container_process::addresses_v6(
        &read(number, "net/if_inet6").unwrap_or_default(),
    ));
    let process = Found {
        number,
        descriptor,
        addresses,
    };
    (!has_ended(&process.descriptor)).then_some((id, process))
}

fn read(process: u32, file: &str) -> Option<String> {
    let file = File::open(format!("/proc/{process}/{file}")).ok()?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn has_ended(process: &OwnedFd) -> bool {
    let now = Timespec::default();
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}

/// A process that is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    number: u32,
    descriptor: Arc<AsyncFd<OwnedFd>>,
    _watching: AbortOnDropHandle<()>,
}

/// Which of several watched processes one is: numbers are used again.
#[derive(Clone, Debug)]
pub(crate) struct Which(Arc<AsyncFd<OwnedFd>>);

impl Watched {
    /// Watches it. `on_end` is called at its end.
    pub(crate) fn start(found: Found, on_end: impl FnOnce(Which) + Send + 'static) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "unsound for what does not own its descriptor; this does, and is never let go of"
        )]
        let descriptor = Arc::new(AsyncFd::with_interest(found.descriptor, Interest::READABLE)?);
        let which = Which(Arc::clone(&descriptor));
        let watching = tokio::spawn(async move {
            while let Ok(mut ready) = which.0.readable().await {
                if has_ended(which.0.get_ref()) {
                    drop(ready);
                    on_end(which);
                    return;
                }
                ready.clear_ready();
            }
        });
        Ok(Self {
            number: found.number,
            descriptor,
            _watching: AbortOnDropHandle::new(watching),
        })
    }

    /// Its number, while it lives.
    pub(crate) fn number(&self) -> Option<u32> {
        (!has_ended(self.descriptor.get_ref())).then_some(self.number)
    }

    pub(crate) fn is(&self, which: &Which) -> bool {
        Arc::ptr_eq(&self.descriptor, &which.0)
    }
}

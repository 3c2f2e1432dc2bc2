//! What a service manager keeps for the switch: a copy of every socket that listens, so that nobody is refused while the switch
//! is gone, and the next one has them. See `sd_notify(3)` and `sd_listen_fds(3)`: systemd is one, gokku's own keeper another.
//!
//! A thread of its own tells it, in order: it may be slow, and nothing that is served waits for it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use gokku_core::machine::notify_message::STORED_DESCRIPTORS;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, connect, sendmsg, socket_with,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::lock::lock;

/// How long the service manager may take to read a message, and for all before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The control socket's name in the store.
pub(crate) const CONTROL: &str = "control";

/// Returns the name that a port's socket has in the store.
pub(crate) fn name_of_port(port: u16) -> String {
    format!("port-{port}")
}

/// What is known of whoever manages this process.
#[derive(Debug)]
pub struct ServiceManager {
    /// Where it is told something, `NOTIFY_SOCKET`; none: there is no service manager.
    pub socket: Option<OsString>,
    /// How many descriptors it keeps.
    pub capacity: usize,
    /// Those that it has kept, with their names.
    pub kept: Vec<(String, OwnedFd)>,
}

impl Default for ServiceManager {
    fn default() -> Self {
        Self {
            socket: None,
            capacity: STORED_DESCRIPTORS,
            kept: Vec::new(),
        }
    }
}

/// What the thread is to tell.
enum Order {
    Store(String, OwnedFd),
    Remove(String),
    /// Answered when all before has been done.
    Settle(oneshot::Sender<()>),
}

/// A socket that the service manager has, by what tells it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stored {
    inode: u64,
    /// Something that listens here asked for it.
    is_used: bool,
}

/// The sockets that the service manager has of this switch.
#[derive(Debug)]
pub(crate) struct SocketStore {
    orders: Option<mpsc::Sender<Order>>,
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By their names. Of a name with several sockets none is known.
    stored: HashMap<String, Stored>,
    is_full: bool,
    /// Another switch has them now.
    is_left: bool,
}

impl SocketStore {
    /// Begins, where there is a service manager, with what it has.
    pub(crate) fn begin(manager: &ServiceManager) -> io::Result<Self> {
        let mut stored = HashMap::new();
        for (name, descriptor) in &manager.kept {
            let inode = inode(descriptor).unwrap_or_default();
            let first = !stored.contains_key(name);
            let inode = if first { inode } else { 0 };
            stored.insert(
                name.clone(),
                Stored {
                    inode,
                    is_used: false,
                },
            );
        }
        let orders = match &manager.socket {
            Some(socket) => Some(begin_telling(socket.clone())?),
            None => None,
        };
        Ok(Self {
            orders,
            capacity: manager.capacity,
            state: Mutex::new(State {
                stored,
                ..State::default()
            }),
        })
    }

    /// Has a socket kept under a name, in place of what has that name.
    pub(crate) fn store(&self, name: &str, socket: &impl AsFd) {
        let Some(orders) = &self.orders else {
            return;
        };
        let copy = inode(socket).and_then(|inode| Ok((inode, socket.as_fd().try_clone_to_owned()?)));
        let (inode, copy) = match copy {
            Ok(copy) => copy,
            Err(error) => return tracing::warn!("{name} is not kept while the switch is gone: {error}"),
        };
        let mut state = lock(&self.state);
        if state.is_left {
            return;
        }
        let now = Stored { inode, is_used: true };
        let before = state.stored.insert(name.to_owned(), now);
        if before.is_some_and(|before| before.inode == inode) {
            return;
        }
        if before.is_none() && state.stored.len() > self.capacity {
            state.stored.remove(name);
            if !std::mem::replace(&mut state.is_full, true) {
                tracing::warn!(
                    "the service manager keeps {} sockets and no more (FileDescriptorStoreMax=): from {name} on they are closed while the switch is gone",
                    self.capacity
                );
            }
            return;
        }
        // What an earlier switch has left under that name is not known here.
        let _ = orders.send(Order::Remove(name.to_owned()));
        let _ = orders.send(Order::Store(name.to_owned(), copy));
    }

    /// Has a socket kept no longer; none is open any more there when this returns.
    pub(crate) async fn remove(&self, name: &str) {
        if lock(&self.state).stored.contains_key(name) {
            self.forget(name);
            self.settle().await;
        }
    }

    /// The same, without waiting for it.
    pub(crate) fn forget(&self, name: &str) {
        let mut state = lock(&self.state);
        state.stored.remove(name);
        if let Some(orders) = &self.orders
            && !state.is_left
        {
            let _ = orders.send(Order::Remove(name.to_owned()));
        }
    }

    /// Forgets what was kept and nobody has asked for.
    pub(crate) fn forget_unused(&self) {
        let unused: Vec<String> = lock(&self.state)
            .stored
            .iter()
            .filter(|(_, stored)| !stored.is_used)
            .map(|(name, _)| name.clone())
            .collect();
        for name in unused {
            self.forget(&name);
        }
    }

    /// Waits until all that was asked for is done, for a while.
    pub(crate) async fn settle(&self) {
        let Some(orders) = &self.orders else {
            return;
        };
        let (done, is_done) = oneshot::channel();
        if orders.send(Order::Settle(done)).is_ok() {
            let _ = timeout(2 * PATIENCE, is_done).await;
        }
    }

    /// Changes nothing any more: what the service manager has is the successor's, or closed by itself.
    pub(crate) fn leave(&self) {
        lock(&self.state).is_left = true;
    }
}

/// Returns what tells a socket from all others that are open at the same time.
pub(crate) fn inode(socket: &impl AsFd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(socket)?.st_ino)
}

fn begin_telling(socket: OsString) -> io::Result<mpsc::Sender<Order>> {
    let (orders, ordered) = mpsc::channel();
    let work = move || {
        let mut said = false;
        for order in ordered {
            if let Err(error) = obey(&socket, order)
                && !std::mem::replace(&mut said, true)
            {
                tracing::warn!(
                    "the service manager does not keep the sockets that listen: {error}. While the switch is gone, connections are refused"
                );
            }
        }
    };
    thread::Builder::new()
        .name("socket store".to_owned())
        .spawn(work)?;
    Ok(orders)
}

fn obey(socket: &OsString, order: Order) -> io::Result<()> {
    match order {
        Order::Store(name, copy) => {
            // It would look after each, for an end that a socket which listens has not.
            let text = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0\n");
            tell(socket, &text, &[copy.as_fd()])
        }
        Order::Remove(name) => tell(socket, &format!("FDSTOREREMOVE=1\nFDNAME={name}\n"), &[]),
        // Whoever is told closes the descriptor when all before is done.
        Order::Settle(done) => {
            let (ours, theirs) = io::pipe()?;
            tell(socket, "BARRIER=1\n", &[theirs.as_fd()])?;
            drop(theirs);
            let limit = rustix::event::Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
            let mut ended = [rustix::event::PollFd::new(&ours, rustix::event::PollFlags::HUP)];
            rustix::event::poll(&mut ended, Some(&limit))?;
            // It may not wait any more.
            let _ = done.send(());
            Ok(())
        }
    }
}

fn tell(socket: &OsString, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
        path => SocketAddrUnix::new(path)?,
    };
    let to = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&to, Timeout::Send, Some(PATIENCE))?;
    connect(&to, &address)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("the descriptor does not fit into a message"));
    }
    sendmsg(
        &to,
        &[IoSlice::new(text.as_bytes())],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

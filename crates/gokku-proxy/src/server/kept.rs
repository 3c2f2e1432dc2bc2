//! The sockets that a service manager has kept, told apart by what they are: a name is only what somebody has said.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::net::sockopt::{socket_acceptconn, socket_type};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, getsockname};

/// The sockets that a switch can use; all others are closed.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Those of ports.
    pub(crate) ports: Vec<TcpListener>,
    /// Those that were control sockets at this path.
    pub(crate) control: Vec<UnixListener>,
}

impl Kept {
    /// Takes what can be used; `control`: the path that a control socket was bound to.
    pub(crate) fn sort(descriptors: Vec<OwnedFd>, control: &Path) -> Self {
        let mut kept = Self::default();
        let control = SocketAddrUnix::new(control).ok();
        for descriptor in descriptors {
            // What is no socket has no type.
            let listens = socket_type(&descriptor) == Ok(SocketType::STREAM)
                && socket_acceptconn(&descriptor) == Ok(true);
            let Ok(address) = getsockname(&descriptor) else {
                continue;
            };
            match address.address_family() {
                AddressFamily::INET | AddressFamily::INET6 if listens => {
                    kept.ports.push(TcpListener::from(descriptor));
                }
                AddressFamily::UNIX if listens && SocketAddrUnix::try_from(address).ok() == control => {
                    kept.control.push(UnixListener::from(descriptor));
                }
                _ => {}
            }
        }
        kept
    }
}

//! One switch takes another's place while both live: the listening sockets are passed on, so that nobody who connects
//! meanwhile is refused. See unix(7), `SCM_RIGHTS`.
//!
//! The old one waits at `handover.sock` beside the control socket. Whoever connects there gets the sockets, and says with
//! one byte that it serves them; then the old one lets go of the control socket's lock, and closes the connection.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::net::UnixListener;

/// How many descriptors go in one message; the kernel takes 253.
const AT_ONCE: usize = 200;
/// How long the other one may take for its next step.
const LIMIT: Duration = Duration::from_secs(30);
/// What says that the sockets are served.
const SERVED: u8 = b'S';

/// Where the old one waits, given the control socket's path.
pub(crate) fn place(control: &Path) -> PathBuf {
    control.with_file_name("handover.sock")
}

/// Waits there.
pub(crate) fn open(control: &Path) -> io::Result<UnixListener> {
    let path = place(control);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Gives the sockets away. Nothing has changed when this fails: the other one does not serve them. The connection is to be
/// kept until the control socket is let go of.
pub(crate) fn give(to: UnixStream, listeners: &[OwnedFd]) -> io::Result<UnixStream> {
    let mut to = to;
    to.set_nonblocking(false)?;
    to.set_read_timeout(Some(LIMIT))?;
    to.set_write_timeout(Some(LIMIT))?;
    let count = u32::try_from(listeners.len()).map_err(io::Error::other)?;
    to.write_all(&count.to_le_bytes())?;
    for part in listeners.chunks(AT_ONCE) {
        let descriptors: Vec<BorrowedFd<'_>> = part.iter().map(AsFd::as_fd).collect();
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("the descriptors do not fit into a message"));
        }
        sendmsg(&to, &[IoSlice::new(b"L")], &mut control, SendFlags::NOSIGNAL)?;
    }
    let mut said = [0];
    to.read_exact(&mut said)?;
    if said == [SERVED] {
        Ok(to)
    } else {
        Err(io::Error::other("the new switch does not serve"))
    }
}

/// What a new switch has got of an old one.
#[derive(Debug)]
pub(crate) struct Taken {
    from: UnixStream,
    pub(crate) listeners: Vec<TcpListener>,
}

/// Asks the living switch for its sockets.
pub(crate) fn take(control: &Path) -> io::Result<Taken> {
    let mut from = UnixStream::connect(place(control))?;
    from.set_read_timeout(Some(LIMIT))?;
    from.set_write_timeout(Some(LIMIT))?;
    let mut count = [0; 4];
    from.read_exact(&mut count)?;
    let count = usize::try_from(u32::from_le_bytes(count)).map_err(io::Error::other)?;
    let mut listeners = Vec::new();
    while listeners.len() < count {
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut received = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        // Not to be inherited by the programs that are started.
        let flags = RecvFlags::CMSG_CLOEXEC;
        let message = recvmsg(&from, &mut [IoSliceMut::new(&mut byte)], &mut received, flags)?;
        if message.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for message in received.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                listeners.extend(descriptors.map(TcpListener::from));
            }
        }
    }
    Ok(Taken { from, listeners })
}

impl Taken {
    /// Says that they are served, and waits until the old switch has let go of everything.
    pub(crate) fn served(mut self) -> io::Result<()> {
        self.from.write_all(&[SERVED])?;
        let mut rest = Vec::new();
        self.from.read_to_end(&mut rest).map(drop)
    }
}

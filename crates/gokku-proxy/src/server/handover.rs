//! Hands the listening sockets of one switch to the next while both live, so that nobody who connects meanwhile is
//! refused. See unix(7), `SCM_RIGHTS`.
//!
//! The old switch waits at `handover.sock` beside the control socket. Whoever connects there gets the sockets, and says
//! with one byte that it serves them; then the old switch releases the control socket's lock, and closes the connection.

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
const PER_MESSAGE: usize = 200;
/// How long the other switch may take for its next step.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
/// The byte that says that the sockets are served.
const SERVED: u8 = b'S';

/// Returns where the old switch waits, given the control socket's path.
pub(crate) fn socket_path(control: &Path) -> PathBuf {
    control.with_file_name("handover.sock")
}

/// Listens there.
pub(crate) fn listen(control: &Path) -> io::Result<UnixListener> {
    let path = socket_path(control);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Sends the sockets to a new switch. When this fails the new one does not serve them, and nothing has changed. The
/// connection is to be kept until the control socket is released.
pub(crate) fn send(to: UnixStream, listeners: &[OwnedFd]) -> io::Result<UnixStream> {
    let mut to = to;
    to.set_nonblocking(false)?;
    to.set_read_timeout(Some(STEP_TIMEOUT))?;
    to.set_write_timeout(Some(STEP_TIMEOUT))?;
    let count = u32::try_from(listeners.len()).map_err(io::Error::other)?;
    to.write_all(&count.to_le_bytes())?;
    for part in listeners.chunks(PER_MESSAGE) {
        let descriptors: Vec<BorrowedFd<'_>> = part.iter().map(AsFd::as_fd).collect();
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PER_MESSAGE))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("the descriptors do not fit into a message"));
        }
        sendmsg(&to, &[IoSlice::new(b"L")], &mut control, SendFlags::NOSIGNAL)?;
    }
    let mut answer = [0];
    to.read_exact(&mut answer)?;
    if answer == [SERVED] {
        Ok(to)
    } else {
        Err(io::Error::other("the new switch does not serve"))
    }
}

/// The switch whose place is taken, and the sockets that it has handed over.
#[derive(Debug)]
pub(crate) struct Predecessor {
    from: UnixStream,
    pub(crate) listeners: Vec<TcpListener>,
}

/// Receives the sockets of the switch that runs.
pub(crate) fn receive(control: &Path) -> io::Result<Predecessor> {
    let mut from = UnixStream::connect(socket_path(control))?;
    from.set_read_timeout(Some(STEP_TIMEOUT))?;
    from.set_write_timeout(Some(STEP_TIMEOUT))?;
    let mut count = [0; 4];
    from.read_exact(&mut count)?;
    let count = usize::try_from(u32::from_le_bytes(count)).map_err(io::Error::other)?;
    let mut listeners = Vec::new();
    while listeners.len() < count {
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PER_MESSAGE))];
        let mut received = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        // The programs that are started must not inherit them.
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
    Ok(Predecessor { from, listeners })
}

impl Predecessor {
    /// Says that the sockets are served, and waits until the old switch has released everything.
    pub(crate) fn confirm_served(mut self) -> io::Result<()> {
        self.from.write_all(&[SERVED])?;
        let mut rest = Vec::new();
        self.from.read_to_end(&mut rest).map(drop)
    }
}

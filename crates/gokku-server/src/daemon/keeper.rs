//! Keeps the switch running where no service manager does: starts it, keeps a copy of each of its listening sockets, so that
//! nobody is refused while it is gone, and starts it again with them when it dies. It speaks a service manager's protocol,
//! see `sd_notify(3)` and `sd_listen_fds(3)`: the switch does the same below systemd.
//!
//! It ends when the switch ends by itself: told to stop, or replaced by a successor, which has a keeper of its own. Without
//! a runtime and with one thread, because it is there for as long as the switch is.

use std::fs;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use gokku_core::machine::backoff::Backoff;
use gokku_core::machine::notify_message::NotifyMessage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::daemon::Error;
use crate::daemon::descriptor_store::DescriptorStore;
use crate::os::{detached, inherited, open_files, process};
use crate::server::Server;

/// A switch that lived so long is started again at once, however often it dies.
const LIVED: Duration = Duration::from_secs(1);
/// The longest pause before it is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How many descriptors come with one message; the switch sends one.
const PER_MESSAGE: usize = 8;
/// How long a message may be.
const LONGEST_MESSAGE: usize = 4096;
/// How the socket's name begins; the process's number follows. No longer than the names of the switch's own sockets: a
/// socket's path has a limit.
const SOCKET_PREFIX: &str = "keep-";

/// Keeps a switch running. `take_over`: the first one is to take the place of the one that runs. `watch_signals` is given what
/// is to be written to when the switch is to be stopped, twice; it must open nothing that stays open. `tell` hears of each
/// start that fails. Gives the exit code: of the switch, where that never served.
pub fn keep(
    server: &Server,
    take_over: bool,
    watch_signals: impl FnOnce([OwnedFd; 2]) -> io::Result<()>,
    tell: &dyn Fn(Error),
) -> Result<u8, Error> {
    // Whoever started this one may have left it some, at the numbers that the switch's have.
    drop(inherited::take());
    open_files::raise();
    let store = DescriptorStore::new();
    let begin = || {
        let (stop, told) = UnixStream::pair()?;
        watch_signals([store.move_up(told.try_clone()?)?, store.move_up(told)?])?;
        let (place, messages) = Place::make(&server.root.run())?;
        Ok((store.move_up(stop)?, place, store.move_up(messages)?.into()))
    };
    let (stop, place, messages) = begin().map_err(Error::Keeper)?;
    let mut keeper = Keeper {
        server,
        store,
        stop,
        place,
        messages,
        has_served: false,
        is_ending: false,
    };
    keeper.run(take_over, tell)
}

/// Where the switch's messages come in.
struct Place(PathBuf);

impl Place {
    fn make(folder: &Path) -> io::Result<(Self, UnixDatagram)> {
        sweep(folder);
        let path = folder.join(format!("{SOCKET_PREFIX}{}", std::process::id()));
        let listening = UnixDatagram::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok((Self(path), listening))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes the sockets of keepers that were killed.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(SOCKET_PREFIX));
        let asked = || UnixDatagram::unbound()?.connect(entry.path());
        if is_ours && asked().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

struct Keeper<'a> {
    server: &'a Server,
    store: DescriptorStore,
    stop: OwnedFd,
    place: Place,
    messages: UnixDatagram,
    /// Whether a switch has said that it serves.
    has_served: bool,
    /// Whether the switch has said that it ends, or was told to.
    is_ending: bool,
}

impl Keeper<'_> {
    fn run(&mut self, take_over: bool, tell: &dyn Fn(Error)) -> Result<u8, Error> {
        let mut pause = Backoff::up_to(LONGEST_PAUSE);
        let mut after = None;
        let mut quick_deaths = 0_u32;
        loop {
            let began = Instant::now();
            let started = self.start(take_over && after.is_none(), after);
            let ended = match started {
                Ok(mut child) => Some(self.watch(&mut child)?),
                // The program may be replaced at this moment.
                Err(error) if self.has_served => {
                    tell(error.into());
                    None
                }
                Err(error) => return Err(error.into()),
            };
            // What it said at last is read before it is judged.
            self.read_messages();
            if self.is_ending || ended.is_some_and(|ended| ended.success()) {
                return Ok(0);
            }
            if !self.has_served {
                return Ok(ended.map_or(1, exit_code));
            }
            after = ended.or(after);
            if began.elapsed() >= LIVED {
                pause.reset();
                quick_deaths = 0;
                continue;
            }
            // At once the first time.
            quick_deaths += 1;
            if quick_deaths > 1 && self.rest(pause.take()) {
                return Ok(0);
            }
        }
    }

    /// Starts a switch; `after`: how the one before it ended.
    fn start(&self, take_over: bool, after: Option<ExitStatus>) -> Result<Child, crate::os::Error> {
        let after = after.map(|after| after.to_string());
        let mut arguments = vec!["proxy", "run", "--kept"];
        if take_over {
            arguments.push("--take-over");
        }
        if let Some(after) = &after {
            arguments.extend(["--after", after]);
        }
        let mut command = detached::command(&self.server.program, &arguments, self.server.root.path());
        let failed = |error| crate::os::Error::program(&self.server.program, error);
        let (copies, names) = self.store.to_be_inherited().map_err(failed)?;
        command
            .env("NOTIFY_SOCKET", &self.place.0)
            .env("FDSTORE", self.store.capacity().to_string())
            .env("LISTEN_FDS", copies.len().to_string())
            .env("LISTEN_FDNAMES", names)
            // What a service manager may have said of this process is not true of that one.
            .env_remove("INVOCATION_ID")
            .env_remove("JOURNAL_STREAM");
        let child = command.spawn().map_err(failed)?;
        drop(copies);
        Ok(child)
    }

    /// Does what the switch asks for, until it has ended.
    fn watch(&mut self, child: &mut Child) -> Result<ExitStatus, Error> {
        let Some(watched) = process::watch(child.id()) else {
            return child.wait().map_err(Error::Keeper);
        };
        let watched = self.store.move_up(watched).map_err(Error::Keeper)?;
        loop {
            let mut ready = [
                PollFd::new(&self.messages, PollFlags::IN),
                PollFd::new(&watched, PollFlags::IN),
                PollFd::new(&self.stop, PollFlags::IN),
            ];
            // Once told, it is waited for: it has a limit of its own.
            let looked_at = if self.is_ending { 2 } else { 3 };
            match poll(&mut ready[..looked_at], None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(Error::Keeper(error.into())),
            }
            let [has_message, has_ended, is_to_stop] = ready.map(|ready| !ready.revents().is_empty());
            if has_message {
                self.read_messages();
            }
            if is_to_stop {
                self.end();
                // One that cannot be told has ended.
                let _ = process::terminate(child.id());
            }
            if has_ended {
                return child.wait().map_err(Error::Keeper);
            }
        }
    }

    /// Rests before the next start; whether it is to stop meanwhile.
    fn rest(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).ok();
            match poll(&mut [PollFd::new(&self.stop, PollFlags::IN)], timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => {}
                ready => return ready.is_ok_and(|ready| ready > 0),
            }
        }
    }

    /// Keeps nothing for a switch that ends: its ports are closed as soon as it closes them.
    fn end(&mut self) {
        self.is_ending = true;
        self.store.clear();
    }

    /// Does what the messages that are there ask for. What cannot be kept is lost with the switch, and nothing else.
    fn read_messages(&mut self) {
        while let Ok((message, descriptors)) = receive(&self.messages) {
            self.has_served |= message.ready;
            if message.stopping {
                self.end();
            }
            if !self.is_ending {
                let _ = self.store.take(&message, descriptors);
            }
        }
    }
}

/// Receives one message with its descriptors; does not wait.
fn receive(messages: &UnixDatagram) -> io::Result<(NotifyMessage, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PER_MESSAGE))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut text = [0; LONGEST_MESSAGE];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(messages, &mut [IoSliceMut::new(&mut text)], &mut control, flags)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sent) = message {
            descriptors.extend(sent);
        }
    }
    Ok((NotifyMessage::parse(&text[..received.bytes]), descriptors))
}

/// Returns the exit code of a program, as a shell gives it.
fn exit_code(ended: ExitStatus) -> u8 {
    let code = ended.code().or(ended.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

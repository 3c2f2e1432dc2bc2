//! Other processes, by their number: watched until they end, see `pidfd_open(2)`, and told to end.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

fn number(process: u32) -> Option<Pid> {
    i32::try_from(process).ok().and_then(Pid::from_raw)
}

/// What becomes readable when a process ends; none when there is no such process.
pub(crate) fn watch(process: u32) -> Option<OwnedFd> {
    pidfd_open(number(process)?, PidfdFlags::empty()).ok()
}

/// Waits so long for a watched process; whether it has ended.
pub(crate) fn has_ended(watched: &impl AsFd, limit: Duration) -> bool {
    let timeout = Timespec::try_from(limit).ok();
    loop {
        match poll(&mut [PollFd::new(watched, PollFlags::IN)], timeout.as_ref()) {
            // A signal says nothing of it.
            Err(rustix::io::Errno::INTR) => {}
            ready => return ready.is_ok_and(|ready| ready > 0),
        }
    }
}

/// Returns the process that started a process; none when there is no such process, see proc(5).
pub(crate) fn parent(process: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

/// Asks a process to end; one that is not there has.
pub(crate) fn terminate(process: u32) -> Result<(), rustix::io::Errno> {
    match number(process).map(|process| kill_process(process, Signal::TERM)) {
        None | Some(Err(rustix::io::Errno::SRCH)) => Ok(()),
        Some(asked) => asked,
    }
}

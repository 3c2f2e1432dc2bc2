//! The descriptors that the keeper keeps for the switch, and how it gives them to one that it starts, see
//! `sd_listen_fds(3)`.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use gokku_core::machine::notify_message::{
    DescriptorChange, FIRST_DESCRIPTOR, NotifyMessage, STORED_DESCRIPTORS,
};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Resource, getrlimit};

/// How many descriptors the keeper needs beside those that it keeps, and those that it gives.
const OTHERS: usize = 32;

/// Descriptors with their names.
#[derive(Debug)]
pub(crate) struct DescriptorStore {
    kept: Vec<(String, OwnedFd)>,
    capacity: usize,
}

impl DescriptorStore {
    /// Creates an empty one, that keeps as many as may be open here.
    pub(crate) fn new() -> Self {
        let limit = getrlimit(Resource::Nofile).current;
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Self {
            kept: Vec::new(),
            capacity: STORED_DESCRIPTORS.min((limit / 2).saturating_sub(OTHERS)),
        }
    }

    /// Returns how many it keeps at most.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Moves a descriptor to a number behind those that are given to a switch, where it is in nobody's way.
    pub(crate) fn move_up(&self, descriptor: impl Into<OwnedFd>) -> io::Result<OwnedFd> {
        let first = i32::try_from(FIRST_DESCRIPTOR + self.capacity + OTHERS).map_err(io::Error::other)?;
        Ok(fcntl_dupfd_cloexec(descriptor.into(), first)?)
    }

    /// Does what a message asks for. What does not fit is not kept: whoever sent it knows how many do.
    pub(crate) fn take(&mut self, message: &NotifyMessage, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let name = message.name.as_deref();
        match message.descriptors {
            Some(DescriptorChange::Remove) => {
                self.kept.retain(|(kept, _)| Some(kept.as_str()) != name);
            }
            Some(DescriptorChange::Store) => {
                for descriptor in descriptors {
                    if self.kept.len() < self.capacity {
                        let descriptor = self.move_up(descriptor)?;
                        self.kept.push((name.unwrap_or("stored").to_owned(), descriptor));
                    }
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Keeps none any more.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }

    /// Returns copies that a program which is started while they are open has, by the numbers from [`FIRST_DESCRIPTOR`] on,
    /// and their names.
    pub(crate) fn to_be_inherited(&self) -> io::Result<(Vec<OwnedFd>, String)> {
        let mut copies = Vec::new();
        let mut names = Vec::new();
        for (number, (name, descriptor)) in (FIRST_DESCRIPTOR..).zip(&self.kept) {
            let copy = fcntl_dupfd_cloexec(
                descriptor,
                i32::try_from(FIRST_DESCRIPTOR).map_err(io::Error::other)?,
            )?;
            if usize::try_from(copy.as_raw_fd()) != Ok(number) {
                return Err(io::Error::other(format!("descriptor {number} is not free")));
            }
            fcntl_setfd(&copy, FdFlags::empty())?;
            copies.push(copy);
            names.push(name.as_str());
        }
        Ok((copies, names.join(":")))
    }
}

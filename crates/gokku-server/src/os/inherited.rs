//! The descriptors that this process was started with, besides the three that every process has.
#![allow(
    unsafe_code,
    reason = "a number becomes a descriptor that somebody owns in no safe way"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use gokku_core::machine::notify_message::FIRST_DESCRIPTOR;
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// Takes the descriptors that this process was started with, by their numbers. To be called while one thread runs.
pub fn take() -> BTreeMap<RawFd, OwnedFd> {
    let mut taken = BTreeMap::new();
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<RawFd> = open
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| usize::try_from(*number).is_ok_and(|number| number >= FIRST_DESCRIPTOR))
        .collect();
    for number in numbers {
        // SAFETY: it is only asked for its flags, and that fails when the number is none.
        let asked = unsafe { BorrowedFd::borrow_raw(number) };
        // Whatever is opened here is closed by an exec: what is not came by one, and nothing here owns it. From here on it
        // is closed by an exec, too, and so it is taken once.
        if !fcntl_getfd(asked).is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC))
            || fcntl_setfd(asked, FdFlags::CLOEXEC).is_err()
        {
            continue;
        }
        // SAFETY: it is open, and nothing in this process owns it, see above.
        taken.insert(number, unsafe { OwnedFd::from_raw_fd(number) });
    }
    taken
}

//! Tells this process when whoever asked over a connection is gone: sshd closes what it writes to, and says nothing else.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_process};

/// Watches for it in the background. Then this process is told as one in a terminal is: by SIGHUP, which ends it
/// unless it has something to put in order.
pub(crate) fn watch() {
    std::thread::spawn(|| {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        loop {
            // No event is asked for: that the other end is closed is told unasked, see poll(2).
            let mut ends = [
                PollFd::new(&stdout, PollFlags::empty()),
                PollFd::new(&stderr, PollFlags::empty()),
            ];
            match poll(&mut ends, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        let _ = kill_process(getpid(), Signal::HUP);
    });
}

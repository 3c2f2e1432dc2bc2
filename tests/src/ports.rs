//! Ports that nobody uses.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range the kernel takes the ports of outgoing connections from (`ip_local_port_range`, from 32768),
/// so that no client's connection can take one between here and its use.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// A free TCP port, never the same twice in a process; processes begin at different places.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(389);
    for _ in 0..COUNT {
        let next = start.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + next % COUNT).unwrap_or(u16::MAX);
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST} to {} is free", FIRST + COUNT);
}

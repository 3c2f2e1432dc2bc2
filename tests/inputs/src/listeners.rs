//! `/proc/net/tcp`: a socket that was read is the one that the kernel would print so; other lines change nothing.

use std::net::IpAddr;

use gokku_core::machine::listeners::{Listener, listeners};

/// Checks a table.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = listeners(&text);
    assert!(found.len() <= text.lines().count());
    let printed: Vec<String> = found.iter().map(line).collect();
    assert_eq!(listeners(&printed.join("\n")), found);
    assert_eq!(listeners(&format!("{text}\nnonsense\n: 0A\n")), found);
}

fn line(listener: &Listener) -> String {
    let bytes = match listener.address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let words = bytes.chunks_exact(4).map(|word| {
        let word = u32::from_ne_bytes(word.try_into().expect("four"));
        format!("{word:08X}")
    });
    let address: String = words.collect();
    let nowhere = "0".repeat(address.len());
    format!(
        "   0: {address}:{:04X} {nowhere}:0000 0A 00000000:00000000 00:00000000 00000000     0        0 {} 1 0 100 0 0 10 0",
        listener.port, listener.inode
    )
}

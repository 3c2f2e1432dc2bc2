//! Reads what the kernel says of listening TCP sockets: `/proc/net/tcp` and `/proc/net/tcp6`, see proc(5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; unspecified for every address.
    pub address: IpAddr,
    /// On which port.
    pub port: u16,
    /// The socket's inode, which `/proc/<pid>/fd` shows as `socket:[inode]`.
    pub inode: u64,
}

/// `TCP_LISTEN` of the kernel's `include/net/tcp_states.h`, as the table prints it.
const LISTEN: &str = "0A";

/// The listening sockets in the text of `/proc/net/tcp` or `/proc/net/tcp6`; lines that are none are skipped.
pub fn listeners(text: &str) -> Vec<Listener> {
    text.lines().filter_map(listener).collect()
}

fn listener(line: &str) -> Option<Listener> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Listener {
        address: ip(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        inode,
    })
}

/// An address is 32-bit words in the machine's byte order, printed in hexadecimal.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        u32::from_str_radix(hex.get(at..at + 8)?, 16)
            .ok()
            .map(u32::to_ne_bytes)
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_tables() {
        let four = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 24917 1 0 100 0 0 10 0\n   1: 0100007F:1F90 0100007F:A0F2 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0\n";
        assert_eq!(
            listeners(four),
            [Listener {
                address: Ipv4Addr::LOCALHOST.into(),
                port: 8080,
                inode: 24917
            }]
        );
        let six = "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0 100 0 0 10 0\n   1: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8 1 0 100 0 0 10 0\n";
        assert_eq!(
            listeners(six),
            [
                Listener {
                    address: Ipv6Addr::UNSPECIFIED.into(),
                    port: 80,
                    inode: 7
                },
                Listener {
                    address: Ipv6Addr::LOCALHOST.into(),
                    port: 81,
                    inode: 8
                },
            ]
        );
        assert_eq!(listeners("nonsense\n:\n"), []);
    }
}

//! Reads what the kernel says of listening TCP sockets: `/proc/net/tcp` and `/proc/net/tcp6`, see proc(5); and why nobody
//! hears what comes to an address.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; unspecified for every address. IPv4 in an IPv6 socket (`::ffff:127.0.0.1`) is IPv4.
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
            Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

/// Docker's own DNS listens here, in each container and on any port.
const DOCKERS_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// Why nobody hears what comes to an address, of those who listen there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// Nobody listens at all.
    Silence,
    /// On these ports only.
    OtherPorts(BTreeSet<u16>),
    /// On the port, at these addresses, which are for inside alone.
    Loopback(BTreeSet<IpAddr>),
    /// On the port, at these addresses of the other IP version. Whether a socket at `::` hears IPv4, too, the kernel does
    /// not say: whoever asks has been refused, so it does not.
    OtherVersion(BTreeSet<IpAddr>),
    /// On the port, at these addresses, which are others.
    OtherAddresses(BTreeSet<IpAddr>),
    /// Somebody hears it by now.
    Heard,
}

/// Why a connection to this address was refused.
pub fn why_unheard(all: &[Listener], at: SocketAddr) -> Unheard {
    let all = || all.iter().filter(|one| one.address != DOCKERS_DNS);
    let here: BTreeSet<IpAddr> = all()
        .filter(|one| one.port == at.port())
        .map(|one| one.address)
        .collect();
    let same_version = |address: &IpAddr| address.is_ipv4() == at.is_ipv4();
    let hears = |address: &IpAddr| *address == at.ip() || (address.is_unspecified() && same_version(address));
    if here.iter().any(hears) {
        Unheard::Heard
    } else if here.is_empty() {
        let ports: BTreeSet<u16> = all().map(|one| one.port).collect();
        if ports.is_empty() {
            Unheard::Silence
        } else {
            Unheard::OtherPorts(ports)
        }
    } else if here.iter().all(IpAddr::is_loopback) {
        Unheard::Loopback(here)
    } else if here
        .iter()
        .all(|address| address.is_loopback() || !same_version(address))
    {
        Unheard::OtherVersion(here)
    } else {
        Unheard::OtherAddresses(here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_nobody_hears() {
        use Unheard::{Heard, Loopback, OtherAddresses, OtherPorts, OtherVersion, Silence};
        let table = |sockets: &str| -> Vec<Listener> {
            let socket = |text: &str| {
                let at: SocketAddr = text.parse().expect("an address");
                Listener {
                    address: at.ip(),
                    port: at.port(),
                    inode: 0,
                }
            };
            sockets.split_whitespace().map(socket).collect()
        };
        let addresses = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect()
        };
        let rows = [
            ("", Silence),
            ("127.0.0.11:40000", Silence),
            ("127.0.0.11:80", Silence),
            (
                "0.0.0.0:3000 [::]:3000 127.0.0.11:80",
                OtherPorts(BTreeSet::from([3000])),
            ),
            (
                "[::]:9090 127.0.0.1:3000 0.0.0.0:22",
                OtherPorts(BTreeSet::from([22, 3000, 9090])),
            ),
            ("127.0.0.1:80", Loopback(addresses(&["127.0.0.1"]))),
            (
                "127.0.0.1:80 [::1]:80 [::]:81",
                Loopback(addresses(&["127.0.0.1", "::1"])),
            ),
            ("127.0.1.1:80", Loopback(addresses(&["127.0.1.1"]))),
            ("[::]:80", OtherVersion(addresses(&["::"]))),
            (
                "[::]:80 127.0.0.1:80",
                OtherVersion(addresses(&["127.0.0.1", "::"])),
            ),
            ("[fd00::2]:80", OtherVersion(addresses(&["fd00::2"]))),
            ("10.0.0.9:80", OtherAddresses(addresses(&["10.0.0.9"]))),
            (
                "10.0.0.9:80 [::]:80",
                OtherAddresses(addresses(&["10.0.0.9", "::"])),
            ),
            ("0.0.0.0:80 127.0.0.1:80", Heard),
            ("10.0.0.2:80", Heard),
        ];
        let at = "10.0.0.2:80".parse().expect("an address");
        for (sockets, expected) in rows {
            assert_eq!(why_unheard(&table(sockets), at), expected, "{sockets}");
        }
        let six = "[fd00::2]:80".parse().expect("an address");
        assert_eq!(
            why_unheard(&table("0.0.0.0:80"), six),
            OtherVersion(addresses(&["0.0.0.0"]))
        );
        assert_eq!(why_unheard(&table("[::]:80"), six), Heard);
    }

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
        // What Java's machine binds: IPv4 in an IPv6 socket.
        let mapped = "   0: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0 100 0 0 10 0\n";
        assert_eq!(listeners(mapped)[0].address, Ipv4Addr::LOCALHOST);
        assert_eq!(listeners("nonsense\n:\n"), []);
    }
}

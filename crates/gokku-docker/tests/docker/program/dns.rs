//! Asks the engine's name server: a static program has no resolver that works everywhere.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

/// The first IPv4 address of a name.
pub(crate) fn address(name: &str) -> Option<IpAddr> {
    let mut question = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for part in name.split('.') {
        question.push(u8::try_from(part.len()).ok()?);
        question.extend(part.bytes());
    }
    // A root, and an address of the Internet's.
    question.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    socket.send_to(&question, "127.0.0.11:53").ok()?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).ok()?;
    let answers = u16::from_be_bytes([answer[6], answer[7]]);
    if answers == 0 || answer[3] & 0x0f != 0 {
        return None;
    }
    let mut at = question.len();
    // The name again: as it was, or as a pointer to it.
    if answer[at] >= 0xc0 {
        at += 2;
    } else {
        at += question.len() - 16;
    }
    let address: [u8; 4] = answer[..length].get(at + 10..at + 14)?.try_into().ok()?;
    Some(Ipv4Addr::from(address).into())
}

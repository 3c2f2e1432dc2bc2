//! The way from a network of a run's own to the outside: through a network of the machine's own engine, which passes on what comes
//! from there as it does for its containers.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::Command;

use crate::engine::enter;
use crate::{Output, docker};

/// Connects the network that this thread is in to the one it came from.
#[track_caller]
pub(crate) fn connect(name: &str, inside: &File, outside: &File) {
    enter(outside);
    // One that a run has left whose end nobody could wait for.
    disconnect(name);
    docker(["network", "create", name]).ok();
    let format = "{{.Id}} {{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}";
    let network = docker(["network", "inspect", "--format", format, name]).ok();
    let words: Vec<&str> = network.line().split(' ').collect();
    let [id, subnet, gateway] = words[..] else {
        panic!("the network has no subnet: {network}")
    };
    let bridge = format!("br-{}", &id[..12]);
    let there = format!("/proc/{}/fd/{}", std::process::id(), inside.as_raw_fd());
    ip(&[
        "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", &there,
    ]);
    ip(&["link", "set", name, "master", &bridge, "up"]);
    enter(inside);
    ip(&["address", "add", &last_address(subnet), "dev", "eth0"]);
    ip(&["link", "set", "eth0", "up"]);
    ip(&["route", "add", "default", "via", gateway]);
}

/// Removes what a connection has made outside. This thread is there.
pub(crate) fn disconnect(name: &str) {
    Output::of(Command::new("ip").args(["link", "delete", name]));
    docker(["network", "rm", name]);
}

/// The last address for a host in a network, with the network's length: the engine gives its containers the first ones.
#[track_caller]
fn last_address(subnet: &str) -> String {
    let parsed = subnet.split_once('/').and_then(|(address, length)| {
        let (address, length): (Ipv4Addr, u32) = (address.parse().ok()?, length.parse().ok()?);
        let broadcast = address.to_bits() | u32::MAX.checked_shr(length).unwrap_or(0);
        Some(format!("{}/{length}", Ipv4Addr::from_bits(broadcast - 1)))
    });
    parsed.unwrap_or_else(|| panic!("no subnet of IPv4: {subnet}"))
}

#[track_caller]
fn ip(args: &[&str]) {
    Output::of(Command::new("ip").args(args)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_is_before_the_broadcast_one() {
        assert_eq!(last_address("172.18.0.0/16"), "172.18.255.254/16");
        assert_eq!(last_address("192.168.16.0/20"), "192.168.31.254/20");
    }
}

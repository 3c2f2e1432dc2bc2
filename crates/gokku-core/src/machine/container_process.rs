//! What the kernel says of a container's processes to any user: whose they are by `/proc/PID/cgroup`, which of them is its
//! first by `/proc/PID/status`, which addresses are its own by `/proc/PID/net/fib_trie` and `/proc/PID/net/if_inet6`. See
//! proc(5) and cgroups(7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a process may belong to, in the text of its `cgroup`: the names of the control groups it is in. Engines name one
/// by a container's id, `/docker/ID`, and where systemd makes them `/system.slice/docker-ID.scope`.
pub fn groups(text: &str) -> impl Iterator<Item = &str> {
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.flat_map(|path| path.split('/')).filter_map(|name| {
        let id = name
            .strip_suffix(".scope")
            .map_or(name, |scope| scope.rsplit('-').next().unwrap_or(scope));
        (!id.is_empty()).then_some(id)
    })
}

/// Whether a process is the first of a container, in the text of its `status`: the first of the PID namespace below the
/// one in which it is looked at.
pub fn is_first(text: &str) -> bool {
    let numbers = text.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let mut numbers = numbers.unwrap_or_default().split_ascii_whitespace().skip(1);
    numbers.next() == Some("1") && numbers.next().is_none()
}

/// The addresses that are a network namespace's own, in the text of its `fib_trie`.
pub fn addresses(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut leaf: Option<Ipv4Addr> = None;
    for line in text.lines().map(str::trim_start) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line.trim_end() == "/32 host LOCAL"
            && let Some(address) = leaf.map(IpAddr::V4)
            // The main and the local table may be shown as two.
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// The same of IPv6, in the text of `if_inet6`.
pub fn addresses_v6(text: &str) -> Vec<IpAddr> {
    let digits = text
        .lines()
        .filter_map(|line| line.split_ascii_whitespace().next());
    digits
        .filter(|digits| digits.len() == 32)
        .filter_map(|digits| u128::from_str_radix(digits, 16).ok())
        .map(|bits| IpAddr::V6(Ipv6Addr::from(bits)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_the_containers_that_its_control_group_is_named_by() {
        let rows = [
            ("0::/docker/1a2b", &["docker", "1a2b"][..]),
            ("0::/system.slice/docker-1a2b.scope", &["system.slice", "1a2b"]),
            // A container that runs systemd, or makes groups of its own.
            (
                "0::/system.slice/docker-1a2b.scope/init.scope",
                &["system.slice", "1a2b", "init"],
            ),
            ("4:memory:/docker/1a2b\n0::/\n", &["docker", "1a2b"]),
            ("1:name=systemd:/a:b/docker/1a2b\n", &["a:b", "docker", "1a2b"]),
            (
                "0::/user.slice/user-1000.slice/session-3.scope",
                &["user.slice", "user-1000.slice", "3"],
            ),
            ("0::/\n", &[]),
            ("0:/docker/1a2b\n", &[]),
            ("", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(groups(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn the_first_process_is_number_1_in_a_namespace_of_its_own() {
        for (text, is_it) in [
            ("Name:\tapp\nNSpid:\t10518\t1\nNSpgid:\t10518\t1\n", true),
            ("NSpid:\t10565\t7\n", false),
            // Of nobody's container, and of one within a container.
            ("NSpid:\t1\n", false),
            ("NSpid:\t10518\t30\t1\n", false),
            ("NSpid:\t10518\t1\t1\n", false),
            ("Name:\tapp\n", false),
        ] {
            assert_eq!(is_first(text), is_it, "{text}");
        }
    }

    #[test]
    fn a_networks_own_addresses_are_read() {
        let table = "  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 172.19.0.0/16 2 0 2
           |-- 172.19.0.0
              /16 link UNICAST
           |-- 172.19.0.2
              /32 host LOCAL
        |-- 172.19.255.255
           /32 link BROADCAST
";
        let text = format!("Main:\n{table}Local:\n{table}");
        let own: Vec<IpAddr> = ["127.0.0.1", "172.19.0.2"]
            .map(|address| address.parse().expect("an address"))
            .to_vec();
        assert_eq!(addresses(&text), own);
        assert_eq!(
            addresses("nonsense\n/32 host LOCAL\n|-- x\n/32 host LOCAL").len(),
            0
        );
        let six = "00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000002 04 40 00 82     eth0
fe80 04 40 20 80     eth0
";
        let own: Vec<IpAddr> = ["::1", "fd00::2"]
            .map(|address| address.parse().expect("an address"))
            .to_vec();
        assert_eq!(addresses_v6(six), own);
    }
}

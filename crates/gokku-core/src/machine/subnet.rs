//! IPv4 subnets: where in a range of addresses there is room for one more network. The networks themselves are made by
//! others.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most bits that a network's addresses share: 64 addresses are the least that one gets.
const SMALLEST: u8 = 26;
/// What a network has no container on: its first and its last address, and its gateway.
const NOBODYS: u64 = 3;

/// Addresses that begin with the same bits, `10.213.0.64/26`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    first: u32,
    bits: u8,
}

/// Why a text is no subnet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no range of addresses: write its first address and how many bits all of them share, as {RANGE}"
)]
pub struct SubnetError(pub String);

/// Why there is no room for a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The whole range would not do.
    #[error("{0} is too small for a network of {1} addresses")]
    TooSmall(Subnet, u32),
    /// All of it is taken.
    #[error("all of {range} is taken{}", .by.map_or_else(String::new, |by| format!(", the first of it by {by}")))]
    Taken {
        /// The range.
        range: Subnet,
        /// What its first addresses are taken by.
        by: Option<Subnet>,
    },
}

/// The range that is gokku's unless the server says otherwise.
pub const RANGE: Subnet = Subnet {
    first: 0x0AD5_0000,
    bits: 16,
};

impl Subnet {
    /// The subnet that an address is in, with so many bits of it.
    fn around(address: Ipv4Addr, bits: u8) -> Self {
        let first = address.to_bits() & mask(bits);
        Self { first, bits }
    }

    /// Returns how many addresses there are in it for containers.
    pub fn room(self) -> u32 {
        let all = 1_u64 << (32 - self.bits);
        u32::try_from(all.saturating_sub(NOBODYS)).unwrap_or(u32::MAX)
    }

    /// Returns whether an address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        let common = mask(self.bits.min(other.bits));
        self.first & common == other.first & common
    }

    /// Returns whether all addresses of another one are in it.
    pub fn contains(self, other: Self) -> bool {
        self.bits <= other.bits && self.overlaps(other)
    }

    /// The pieces of it that have so many bits, in their order.
    fn pieces(self, bits: u8) -> impl Iterator<Item = Self> {
        let count = 1_u64 << bits.saturating_sub(self.bits);
        let step = 1_u64 << (32 - bits);
        let first = u64::from(self.first);
        let at = move |number: u64| u32::try_from(first + number * step).ok();
        (0..count).filter_map(move |number| {
            Some(Self {
                first: at(number)?,
                bits,
            })
        })
    }

    /// Returns the first piece of this range that has room for so many containers and no address of what is taken.
    pub fn choose(self, containers: u32, taken: &[Self]) -> Result<Self, NoRoom> {
        let large_enough = |bits: &u8| Self { bits: *bits, ..self }.room() >= containers;
        let bits = (self.bits..=SMALLEST.max(self.bits)).rev().find(large_enough);
        let bits = bits.ok_or(NoRoom::TooSmall(self, containers))?;
        let mut by = None;
        for piece in self.pieces(bits) {
            match taken.iter().find(|taken| taken.overlaps(piece)) {
                Some(taken) => by = by.or(Some(*taken)),
                None => return Ok(piece),
            }
        }
        Err(NoRoom::Taken { range: self, by })
    }

    /// Returns how many more of the smallest networks there is room for.
    pub fn free(self, taken: &[Self]) -> usize {
        let is_free = |piece: &Self| !taken.iter().any(|taken| taken.overlaps(*piece));
        self.pieces(SMALLEST.max(self.bits)).filter(is_free).count()
    }
}

fn mask(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let wrong = || SubnetError(text.to_owned());
        let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let digits = (1..=2).contains(&bits.len()) && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits: u8 = bits.parse().map_err(|_| wrong())?;
        let subnet = (digits && bits <= 32).then(|| Self::around(address, bits));
        // What is written is what counts: no address of it is left out.
        subnet
            .filter(|subnet| subnet.first == address.to_bits())
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.first), self.bits)
    }
}

impl TryFrom<String> for Subnet {
    type Error = SubnetError;

    fn try_from(text: String) -> Result<Self, SubnetError> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

/// Returns where a machine's own routes lead, but for the one to everywhere: the text of `/proc/net/route`.
pub fn routes(text: &str) -> Vec<Subnet> {
    let route = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        // The kernel writes its own bytes as a number.
        let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes);
        let destination = number(fields.next()?)?;
        let bits = u32::from_be_bytes(number(fields.nth(5)?)?).leading_ones();
        let bits = u8::try_from(bits).ok().filter(|bits| *bits > 0)?;
        Some(Subnet::around(Ipv4Addr::from(destination), bits))
    };
    text.lines().skip(1).filter_map(route).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_a_subnet() {
        for good in ["10.213.0.0/16", "0.0.0.0/0", "192.0.2.1/32", "10.0.0.128/25"] {
            assert_eq!(subnet(good).to_string(), good);
        }
        for bad in [
            "",
            "10.213.0.0",
            "10.213.0.0/",
            "10.213.0.0/33",
            "10.213.0.0/+8",
            "10.213.0.0/016",
            "10.213.0.1/16",
            "10.213/16",
            "::/0",
            "10.213.0.0/16 ",
            "a/8",
        ] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
        assert_eq!(RANGE.to_string(), "10.213.0.0/16");
    }

    #[test]
    fn subnets_that_share_addresses() {
        for (one, other, both) in [
            ("10.213.0.0/16", "10.213.255.0/24", true),
            ("10.213.0.0/26", "10.213.0.64/26", false),
            ("10.213.0.0/16", "10.214.0.0/16", false),
            ("10.213.0.0/16", "10.0.0.0/8", true),
            ("192.0.2.7/32", "192.0.2.7/32", true),
            ("0.0.0.0/0", "192.0.2.7/32", true),
        ] {
            assert_eq!(subnet(one).overlaps(subnet(other)), both, "{one} {other}");
            assert_eq!(subnet(other).overlaps(subnet(one)), both, "{other} {one}");
        }
    }

    #[test]
    fn subnets_within_another_one() {
        for (one, other, within) in [
            ("10.213.0.0/16", "10.213.255.0/24", true),
            ("10.213.0.0/16", "10.213.0.0/16", true),
            ("10.213.255.0/24", "10.213.0.0/16", false),
            ("10.213.0.0/16", "10.214.0.0/24", false),
            ("0.0.0.0/0", "192.0.2.7/32", true),
        ] {
            assert_eq!(subnet(one).contains(subnet(other)), within, "{one} {other}");
        }
    }

    /// The first that is free, large enough for what will be on it; what is taken is never a part of it.
    #[test]
    fn the_next_network() {
        for (range, containers, taken, chosen) in [
            ("10.213.0.0/16", 1, &[][..], "10.213.0.0/26"),
            ("10.213.0.0/16", 61, &[], "10.213.0.0/26"),
            ("10.213.0.0/16", 62, &[], "10.213.0.0/25"),
            ("10.213.0.0/16", 1, &["10.213.0.0/26"], "10.213.0.64/26"),
            (
                "10.213.0.0/16",
                1,
                &["10.213.0.64/26", "10.213.0.0/26"],
                "10.213.0.128/26",
            ),
            (
                "10.213.0.0/16",
                1,
                &["172.17.0.0/16", "10.213.0.0/17"],
                "10.213.128.0/26",
            ),
            ("10.213.0.0/16", 100, &["10.213.0.70/32"], "10.213.0.128/25"),
            ("192.168.0.0/28", 9, &[], "192.168.0.0/28"),
            ("255.255.255.0/24", 1, &["255.255.255.0/25"], "255.255.255.128/26"),
        ] {
            let taken: Vec<Subnet> = taken.iter().map(|text| subnet(text)).collect();
            let found = subnet(range).choose(containers, &taken).unwrap();
            assert_eq!(found.to_string(), chosen, "{range} {containers} {taken:?}");
            assert!(found.room() >= containers);
        }
        let full = subnet("10.0.0.0/24")
            .choose(1, &[subnet("10.0.0.0/8")])
            .unwrap_err();
        assert_eq!(
            full.to_string(),
            "all of 10.0.0.0/24 is taken, the first of it by 10.0.0.0/8"
        );
        let small = subnet("10.0.0.0/28").choose(14, &[]).unwrap_err();
        assert_eq!(
            small.to_string(),
            "10.0.0.0/28 is too small for a network of 14 addresses"
        );
        assert!(subnet("10.0.0.0/32").choose(1, &[]).is_err());
    }

    /// All of it, one network after the other; the documents say how many that are.
    #[test]
    fn a_range_is_used_to_its_end() {
        assert_eq!(RANGE.free(&[]), 1024);
        let range = subnet("10.213.0.0/20");
        let mut taken = vec![subnet("10.213.7.0/24")];
        while let Ok(one) = range.choose(40, &taken) {
            assert_eq!(range.free(&taken), 61 - taken.len());
            taken.push(one);
        }
        assert_eq!((taken.len(), range.free(&taken)), (61, 0));
    }

    #[test]
    fn where_the_machine_has_routes() {
        let lines = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n\
            tun0\t0701000A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\nbroken\n";
        let found: Vec<String> = routes(lines).iter().map(ToString::to_string).collect();
        if cfg!(target_endian = "little") {
            assert_eq!(found, ["172.17.0.0/16", "10.0.0.0/8", "10.0.1.7/32"]);
        }
        assert_eq!(routes(""), []);
    }
}

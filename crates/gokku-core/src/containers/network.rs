//! A network that containers are on.

use std::collections::BTreeMap;

use crate::machine::subnet::Subnet;

/// What is known of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFacts {
    /// Its name.
    pub name: String,
    /// What makes it: `bridge`, `overlay`, ….
    pub driver: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its IPv4 addresses.
    pub subnets: Vec<Subnet>,
}

impl NetworkFacts {
    /// Returns one of its labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// Returns how many containers there can be on it.
    pub fn room(&self) -> u32 {
        self.subnets.iter().map(|subnet| subnet.room()).sum()
    }
}

/// A network to be made from a range of addresses. What it is, its labels say.
#[derive(Clone, Debug)]
pub struct NewNetwork {
    /// The names it may have, in their order: the first that nothing has is taken.
    pub names: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// For how many containers it must have room.
    pub containers: u32,
    /// The addresses it is made from.
    pub range: Subnet,
    /// Those that are something else's, beside those of the engine's networks.
    pub avoid: Vec<Subnet>,
}

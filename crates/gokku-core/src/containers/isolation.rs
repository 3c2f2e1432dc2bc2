//! Between which networks nothing passes, whatever the engine does to its own firewall rules meanwhile.

use crate::containers::labels;
use crate::containers::network::NetworkFacts;
use crate::machine::subnet::Subnet;

/// What is to be kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The folder of the server that asks for it.
    pub root: String,
    /// The addresses that its networks are made from: what is routed from these to these goes from one network to another.
    pub range: Subnet,
    /// The networks of a gokku that lie elsewhere, of this server or another one, each once.
    pub beside: Vec<Subnet>,
}

/// How it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolated {
    /// There was a rule, and it says now what it should.
    Already,
    /// There was no rule, and now there is.
    Now,
    /// The engine's own rules have no moment without effect: nothing is needed beside them.
    ByEngine,
}

impl Isolation {
    /// Returns what is to be kept apart, with so many networks on the engine.
    pub fn of(root: String, range: Subnet, networks: &[NetworkFacts]) -> Self {
        let gokkus = networks
            .iter()
            .filter(|network| network.label(labels::ROOT).is_some());
        let mut beside: Vec<Subnet> = gokkus
            .flat_map(|network| network.subnets.iter().copied())
            .filter(|subnet| !range.contains(*subnet))
            .collect();
        beside.sort_unstable();
        beside.dedup();
        Self { root, range, beside }
    }

    /// Returns all addresses, the range first.
    pub fn subnets(&self) -> impl Iterator<Item = Subnet> {
        std::iter::once(self.range).chain(self.beside.iter().copied())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::machine::subnet::RANGE;

    fn network(name: &str, root: Option<&str>, subnets: &[&str]) -> NetworkFacts {
        let label = root.map(|root| (labels::ROOT.to_owned(), root.to_owned()));
        NetworkFacts {
            name: name.to_owned(),
            driver: "bridge".to_owned(),
            labels: label.into_iter().collect::<BTreeMap<_, _>>(),
            subnets: subnets.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn what_is_gokkus_and_outside_of_the_range_is_kept_apart_too() {
        let networks = [
            network("bridge", None, &["172.17.0.0/16"]),
            network("gokku.api", Some("/opt/gokku"), &["10.213.0.0/26"]),
            network("back", Some("/opt/gokku"), &["172.20.0.0/16"]),
            network("theirs", Some("/srv/gokku"), &["172.18.0.0/16", "172.20.0.0/16"]),
            network("none", Some("/opt/gokku"), &[]),
            network("wide", Some("/opt/gokku"), &["10.0.0.0/8"]),
        ];
        let isolation = Isolation::of("/opt/gokku".to_owned(), RANGE, &networks);
        let all: Vec<String> = isolation.subnets().map(|subnet| subnet.to_string()).collect();
        assert_eq!(
            all,
            ["10.213.0.0/16", "10.0.0.0/8", "172.18.0.0/16", "172.20.0.0/16"]
        );
        let alone = Isolation::of(String::new(), RANGE, &networks[..2]);
        assert_eq!(alone.beside, []);
    }
}

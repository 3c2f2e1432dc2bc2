//! Whether a name leads to this server, before a certificate authority is asked: its limits are not for typing errors.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::certificates::problem::Problem;

/// What was found of one address that the DNS has for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The address.
    pub address: IpAddr,
    /// Whether this server has it, or the settings say that it leads here.
    pub is_ours: bool,
    /// What came of asking there.
    pub asked: Asked,
}

/// What comes of asking an address for something that only this server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It was not tried.
    Not,
    /// This machine has no way to addresses of this kind: it has no IPv6, for instance.
    NoWay,
    /// This server answered.
    Here,
    /// It did not: nobody, or somebody else.
    NotHere,
}

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Here.
    Here,
    /// Here by its addresses, though this server got no answer of its own there: so it is for one whose router does not lead
    /// its own requests back in. The order is worth trying.
    Unanswered(BTreeSet<IpAddr>),
    /// Not here: the authority is not asked.
    NotHere(Problem),
}

/// Returns where a name leads, by what the DNS has for it. An address is good that is this server's, or at which this server
/// got its own answer, whoever passed the request on. One that is not holds the order back: the authority may ask any of them. But
/// of one to which this machine has no way nothing is known, so the others speak for it: what passes requests on to this server, as a
/// CDN, has addresses of both families.
pub fn of(found: &[Found]) -> Direction {
    if found.is_empty() {
        return Direction::NotHere(Problem::Unresolved);
    }
    let those = |which: fn(&Found) -> bool| -> BTreeSet<IpAddr> {
        let those = found.iter().filter(|found| which(found));
        those.map(|found| found.address).collect()
    };
    let is_answered = found.iter().any(|found| found.asked == Asked::Here);
    let mut others = those(|found| !found.is_ours && found.asked != Asked::Here);
    if is_answered {
        let beyond = those(|found| found.asked == Asked::NoWay);
        others.retain(|address| !beyond.contains(address));
    }
    if !others.is_empty() {
        return Direction::NotHere(Problem::Elsewhere { found: others });
    }
    let silent = those(|found| found.asked == Asked::NotHere);
    if silent.is_empty() {
        Direction::Here
    } else {
        Direction::Unanswered(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(address: &str, is_ours: bool, asked: Asked) -> Found {
        Found {
            address: address.parse().unwrap(),
            is_ours,
            asked,
        }
    }

    #[test]
    fn every_address_has_to_lead_here() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let elsewhere = |texts: &[&str]| {
            Direction::NotHere(Problem::Elsewhere {
                found: addresses(texts),
            })
        };
        let (ours, theirs, v6) = ("192.0.2.1", "198.51.100.1", "2001:db8::1");
        for (facts, expected) in [
            (vec![], Direction::NotHere(Problem::Unresolved)),
            (vec![found(ours, true, Asked::Here)], Direction::Here),
            (vec![found(ours, true, Asked::Not)], Direction::Here),
            (
                vec![found(ours, true, Asked::NotHere)],
                Direction::Unanswered(addresses(&[ours])),
            ),
            (vec![found(theirs, false, Asked::Not)], elsewhere(&[theirs])),
            (vec![found(theirs, false, Asked::NotHere)], elsewhere(&[theirs])),
            // Through a proxy that passes it on.
            (vec![found(theirs, false, Asked::Here)], Direction::Here),
            (
                vec![found(ours, true, Asked::Here), found(v6, false, Asked::NotHere)],
                elsewhere(&[v6]),
            ),
            (
                vec![found(ours, true, Asked::NotHere), found(v6, true, Asked::Here)],
                Direction::Unanswered(addresses(&[ours])),
            ),
            // A CDN, and this machine has no IPv6.
            (
                vec![found(theirs, false, Asked::Here), found(v6, false, Asked::NoWay)],
                Direction::Here,
            ),
            (
                vec![
                    found(theirs, false, Asked::NotHere),
                    found(v6, false, Asked::NoWay),
                ],
                elsewhere(&[theirs, v6]),
            ),
            (vec![found(v6, false, Asked::NoWay)], elsewhere(&[v6])),
            (
                vec![found(ours, true, Asked::NotHere), found(v6, false, Asked::NoWay)],
                elsewhere(&[v6]),
            ),
        ] {
            assert_eq!(of(&facts), expected, "{facts:?}");
        }
    }
}

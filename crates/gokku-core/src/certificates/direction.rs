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
    /// Whether this server got its own answer by asking there; unknown if it was not tried.
    pub answered: Option<bool>,
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
/// got its own answer, whoever passed the request on. One that is not holds the order back: the authority may ask any of them.
pub fn of(found: &[Found]) -> Direction {
    if found.is_empty() {
        return Direction::NotHere(Problem::Unresolved);
    }
    let those = |which: fn(&Found) -> bool| -> BTreeSet<IpAddr> {
        let those = found.iter().filter(|found| which(found));
        those.map(|found| found.address).collect()
    };
    let others = those(|found| !found.is_ours && found.answered != Some(true));
    if !others.is_empty() {
        return Direction::NotHere(Problem::Elsewhere { found: others });
    }
    let silent = those(|found| found.answered == Some(false));
    if silent.is_empty() {
        Direction::Here
    } else {
        Direction::Unanswered(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(address: &str, is_ours: bool, answered: Option<bool>) -> Found {
        Found {
            address: address.parse().unwrap(),
            is_ours,
            answered,
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
            (vec![found(ours, true, Some(true))], Direction::Here),
            (vec![found(ours, true, None)], Direction::Here),
            (
                vec![found(ours, true, Some(false))],
                Direction::Unanswered(addresses(&[ours])),
            ),
            (vec![found(theirs, false, None)], elsewhere(&[theirs])),
            (vec![found(theirs, false, Some(false))], elsewhere(&[theirs])),
            // Through a proxy that passes it on.
            (vec![found(theirs, false, Some(true))], Direction::Here),
            (
                vec![found(ours, true, Some(true)), found(v6, false, Some(false))],
                elsewhere(&[v6]),
            ),
            (
                vec![found(ours, true, Some(false)), found(v6, true, Some(true))],
                Direction::Unanswered(addresses(&[ours])),
            ),
        ] {
            assert_eq!(of(&facts), expected, "{facts:?}");
        }
    }
}

//! Which names are ordered together. One order for all names of an app below one domain costs the authority and its limits
//! less than one for each; one for names that have nothing to do with each other would tell everybody that they have, and would
//! let the failure of one hold up the other. Wildcards are apart: they are proved in another way, and authorities refuse an order
//! for a host and a wildcard that has it already.

use std::collections::BTreeMap;

use crate::app::name::AppName;
use crate::domains::name::DomainName;

/// The most names of one order. Let's Encrypt's newer profiles allow no more.
pub const MOST_NAMES: usize = 25;

/// Returns the names in batches, each for one order: an app's names below the same domain, a host beside its `www.`, at most
/// [`MOST_NAMES`]. `names` are in any order, each with the app that it leads to.
pub fn batches<'a>(names: impl IntoIterator<Item = (&'a DomainName, &'a AppName)>) -> Vec<Vec<DomainName>> {
    let apps: BTreeMap<&DomainName, &AppName> = names.into_iter().collect();
    let mut groups: BTreeMap<(&AppName, &str, bool), Vec<&DomainName>> = BTreeMap::new();
    for (name, app) in &apps {
        // Where both are wanted, they are one, whichever apps have them: one only leads to the other.
        let bare = name.other_of_www().filter(|_| is_www(name));
        let app = bare.and_then(|bare| apps.get(&bare).copied()).unwrap_or(*app);
        let key = (app, below(name), name.is_wildcard());
        groups.entry(key).or_default().push(name);
    }
    groups.into_values().flat_map(cut).collect()
}

fn is_www(name: &DomainName) -> bool {
    name.as_str().starts_with("www.")
}

/// The last two parts of a name: nearly always the domain that was registered. Where it is more (`example.co.uk`), names of one
/// app come together that need not, which costs nothing.
fn below(name: &DomainName) -> &str {
    let name = name.as_str();
    let dots = name.rmatch_indices('.');
    dots.map(|(at, _)| &name[at + 1..]).nth(1).unwrap_or(name)
}

/// Cuts the names of a group into batches, none between a host and its `www.`.
fn cut(mut group: Vec<&DomainName>) -> Vec<Vec<DomainName>> {
    fn bare(name: &DomainName) -> &str {
        name.as_str().strip_prefix("www.").unwrap_or(name.as_str())
    }
    group.sort_by_key(|name| (bare(name).len(), bare(name), is_www(name)));
    let mut batches: Vec<Vec<DomainName>> = Vec::new();
    for pair in group.chunk_by(|one, other| bare(one) == bare(other)) {
        let pair = pair.iter().map(|name| (*name).clone());
        match batches.last_mut() {
            Some(batch) if batch.len() + pair.len() <= MOST_NAMES => batch.extend(pair),
            _ => batches.push(pair.collect()),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(names: &[(&str, &str)]) -> Vec<String> {
        let names: Vec<(DomainName, AppName)> = names
            .iter()
            .map(|(name, app)| (name.parse().unwrap(), app.parse().unwrap()))
            .collect();
        let batches = batches(names.iter().map(|(name, app)| (name, app)));
        let shown = batches.iter().map(|batch| {
            let names: Vec<&str> = batch.iter().map(DomainName::as_str).collect();
            names.join(" ")
        });
        shown.collect()
    }

    /// Names with their apps, and the batches that they make.
    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

    #[test]
    fn an_app_s_names_below_a_domain_are_one_order() {
        let table: [Case; 7] = [
            (&[], &[]),
            (
                &[("www.example.com", "web"), ("example.com", "web")],
                &["example.com www.example.com"],
            ),
            (
                &[("www.example.com", "old"), ("example.com", "web")],
                &["example.com www.example.com"],
            ),
            (
                &[("a.example.com", "web"), ("b.example.com", "api")],
                &["b.example.com", "a.example.com"],
            ),
            (
                &[
                    ("example.com", "web"),
                    ("example.org", "web"),
                    ("a.example.org", "web"),
                ],
                &["example.com", "example.org a.example.org"],
            ),
            (
                &[
                    ("*.example.com", "web"),
                    ("a.example.com", "web"),
                    ("*.a.example.com", "web"),
                ],
                &["a.example.com", "*.example.com *.a.example.com"],
            ),
            (&[("localhost", "web"), ("www", "web")], &["localhost", "www"]),
        ];
        for (names, expected) in table {
            assert_eq!(of(names), expected, "{names:?}");
        }
    }

    proptest! {
        /// Each name is in one batch, no batch is too large, and a host is beside its `www.`.
        #[test]
        fn each_name_is_in_one_batch(hosts in proptest::collection::btree_set(0_u8..90, 0..90), www: Vec<bool>) {
            let app: AppName = "web".parse().unwrap();
            let mut names = Vec::new();
            for (at, host) in hosts.iter().enumerate() {
                names.push(format!("h{host}.example.com"));
                if www.get(at) == Some(&true) {
                    names.push(format!("www.h{host}.example.com"));
                }
            }
            let names: Vec<DomainName> = names.iter().map(|name| name.parse().unwrap()).collect();
            let batches = batches(names.iter().map(|name| (name, &app)));
            let mut all: Vec<&DomainName> = batches.iter().flatten().collect();
            all.sort();
            let mut sorted: Vec<&DomainName> = names.iter().collect();
            sorted.sort();
            prop_assert_eq!(all, sorted);
            for batch in &batches {
                prop_assert!(!batch.is_empty() && batch.len() <= MOST_NAMES);
                for name in batch {
                    let other = name.other_of_www().filter(|other| names.contains(other));
                    prop_assert!(other.is_none_or(|other| batch.contains(&other)), "{}", name);
                }
            }
        }
    }
}

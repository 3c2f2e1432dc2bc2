//! Which app a host and path lead to.
//!
//! A lookup costs the same however many domains there are. A change of one app's domains is one step for requests: none
//! finds half of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

use gokku_core::AppName;
use gokku_core::domains::domain::{Claimed, Domain};
use gokku_core::domains::name::DomainName;

use crate::route::app_route::Route;
use crate::support::lock::{read, write};

/// The domains of all apps.
#[derive(Debug, Default)]
pub(crate) struct DomainTable {
    /// By host, in the form of [`DomainName::as_str`](gokku_core::domains::name::DomainName::as_str), a wildcard's without its
    /// `*.` in a table of its own. Of each host the longest path first.
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    exact: HashMap<Box<str>, Vec<DomainRoute>>,
    wildcards: HashMap<Box<str>, Vec<DomainRoute>>,
}

/// Where a domain leads.
#[derive(Clone, Debug)]
struct DomainRoute {
    domain: Arc<Domain>,
    route: Arc<Route>,
}

/// What was found for a request.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The app's route.
    pub(crate) route: Arc<Route>,
    /// The domain that led to it.
    pub(crate) domain: Arc<Domain>,
}

impl Tables {
    fn of(&mut self, domain: &Domain) -> (&mut HashMap<Box<str>, Vec<DomainRoute>>, Box<str>) {
        match domain.name.parent_of_wildcard() {
            None => (&mut self.exact, domain.name.as_str().into()),
            Some(parent) => (&mut self.wildcards, parent.into()),
        }
    }

    fn insert(&mut self, domain: &Domain, route: &Arc<Route>) {
        let (table, host) = self.of(domain);
        let routes = table.entry(host).or_default();
        routes.retain(|there| !there.domain.claims_same(domain));
        let length = |domain: &Domain| domain.path.as_str().len();
        let at = routes.partition_point(|there| length(&there.domain) >= length(domain));
        routes.insert(
            at,
            DomainRoute {
                domain: Arc::new(domain.clone()),
                route: Arc::clone(route),
            },
        );
    }

    fn remove(&mut self, domain: &Domain, app: &AppName) {
        let (table, host) = self.of(domain);
        let Some(routes) = table.get_mut(&host) else {
            return;
        };
        routes.retain(|there| there.route.app() != app || !there.domain.claims_same(domain));
        if routes.is_empty() {
            table.remove(&host);
        }
    }
}

impl DomainTable {
    /// Returns the first of these domains that is another app's.
    pub(crate) fn first_claimed(&self, app: &AppName, domains: &[Domain]) -> Option<Claimed> {
        let tables = read(&self.tables);
        domains.iter().find_map(|domain| {
            let there = match domain.name.parent_of_wildcard() {
                None => tables.exact.get(domain.name.as_str()),
                Some(parent) => tables.wildcards.get(parent),
            };
            let taken = there?
                .iter()
                .find(|there| there.route.app() != app && there.domain.claims_same(domain))?;
            Some(Claimed {
                domain: domain.clone(),
                by: taken.route.app().clone(),
            })
        })
    }

    /// Changes an app's domains in one step.
    pub(crate) fn change(&self, route: &Arc<Route>, before: &[Domain], now: &[Domain]) {
        if before == now {
            return;
        }
        let mut tables = write(&self.tables);
        for gone in before.iter().filter(|domain| !now.contains(domain)) {
            tables.remove(gone, route.app());
        }
        for new in now.iter().filter(|domain| !before.contains(domain)) {
            tables.insert(new, route);
        }
    }

    /// Returns where a request leads, given its host, perhaps with a port, and its path without the query: the exact name before
    /// a wildcard, and the longest path of each.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<Found> {
        let host = bare(host);
        let tables = read(&self.tables);
        let exact = tables.exact.get(&*host).and_then(|routes| longest(routes, path));
        let found = exact.or_else(|| {
            let (first, parent) = host.split_once('.')?;
            let routes = tables.wildcards.get(parent).filter(|_| !first.is_empty())?;
            longest(routes, path)
        })?;
        Some(Found {
            route: Arc::clone(&found.route),
            domain: Arc::clone(&found.domain),
        })
    }

    /// Returns all names, each with the app of its shortest path.
    pub(crate) fn names(&self) -> BTreeMap<DomainName, AppName> {
        let tables = read(&self.tables);
        let routes = tables.exact.values().chain(tables.wildcards.values());
        let shortest = routes.filter_map(|routes| routes.last());
        shortest
            .map(|there| (there.domain.name.clone(), there.route.app().clone()))
            .collect()
    }

    /// Returns whether this is true of any domain's name.
    pub(crate) fn any(&self, is_true: impl Fn(&DomainName) -> bool) -> bool {
        let tables = read(&self.tables);
        let routes = tables.exact.values().chain(tables.wildcards.values());
        // All of one host have the same name.
        routes
            .filter_map(|routes| routes.first())
            .any(|there| is_true(&there.domain.name))
    }

    /// Returns whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        let tables = read(&self.tables);
        tables.exact.is_empty() && tables.wildcards.is_empty()
    }
}

fn longest<'a>(routes: &'a [DomainRoute], path: &str) -> Option<&'a DomainRoute> {
    routes
        .iter()
        .find(|there| there.domain.path.rest_of(path).is_some())
}

/// Returns a host without its port and the root's dot, in lower case.
pub(crate) fn bare(host: &str) -> Cow<'_, str> {
    // An address in brackets has colons of its own, and is no domain.
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::table::Entry;

    fn domain(text: &str) -> Domain {
        let (name, path) = text.find('/').map_or((text, "/"), |at| text.split_at(at));
        Domain {
            path: path.parse().unwrap_or_else(|error| panic!("{error}")),
            ..Domain::whole(name.parse().unwrap_or_else(|error| panic!("{error}")))
        }
    }

    fn route(app: &str) -> Arc<Route> {
        let app: AppName = app.parse().unwrap_or_else(|error| panic!("{error}"));
        Arc::new(Route::new(app, Entry::of_port(Some(1)), Vec::new()))
    }

    fn table(all: &[(&str, &[&str])]) -> DomainTable {
        let table = DomainTable::default();
        for (app, domains) in all {
            let domains: Vec<Domain> = domains.iter().map(|text| domain(text)).collect();
            table.change(&route(app), &[], &domains);
        }
        table
    }

    fn found(table: &DomainTable, host: &str, path: &str) -> Option<String> {
        let found = table.find(host, path)?;
        Some(format!("{} {}", found.route.app(), found.domain))
    }

    #[test]
    fn the_exact_name_and_the_longest_path_win() {
        let table = table(&[
            ("web", &["example.com", "*.example.com", "*.example.com/docs"]),
            (
                "api",
                &["example.com/api", "api.example.com/v1", "bücher.example"],
            ),
            ("old", &["example.com/api/v1", "example.com/api/v10"]),
        ]);
        for (host, path, expected) in [
            ("example.com", "/", Some("web example.com")),
            ("example.com", "*", Some("web example.com")),
            ("EXAMPLE.com:8080", "/x", Some("web example.com")),
            ("example.com.", "/x", Some("web example.com")),
            ("example.com.:80", "/x", Some("web example.com")),
            ("example.com", "/api", Some("api example.com/api")),
            ("example.com", "/api/", Some("api example.com/api")),
            ("example.com", "/apis", Some("web example.com")),
            ("example.com", "/api/v2", Some("api example.com/api")),
            ("example.com", "/api/v1/x", Some("old example.com/api/v1")),
            ("example.com", "/api/v10", Some("old example.com/api/v10")),
            ("www.example.com", "/", Some("web *.example.com")),
            ("www.example.com", "/docs/x", Some("web *.example.com/docs")),
            // A host of its own name has those of its paths; the rest is the wildcard's.
            ("api.example.com", "/v1", Some("api api.example.com/v1")),
            ("api.example.com", "/v2", Some("web *.example.com")),
            ("xn--bcher-kva.example", "/", Some("api bücher.example")),
            ("WWW.Example.Com.", "/", Some("web *.example.com")),
            ("a.b.example.com", "/", None),
            ("aexample.com", "/", None),
            (".example.com", "/", None),
            ("example.org", "/", None),
            ("", "/", None),
            (":80", "/", None),
            ("[::1]:80", "/", None),
            ("127.0.0.1", "/", None),
        ] {
            assert_eq!(found(&table, host, path).as_deref(), expected, "{host} {path}");
        }
    }

    #[test]
    fn a_change_takes_away_what_was_the_apps_own() {
        let (web, api) = (route("web"), route("api"));
        let table = DomainTable::default();
        let (before, now) = (
            [domain("example.com"), domain("example.com/v1")],
            [domain("example.com/v1"), domain("*.example.com")],
        );
        table.change(&web, &[], &before);
        assert!(!table.is_empty());
        assert_eq!(found(&table, "www.example.com", "/"), None);
        assert_eq!(
            table.first_claimed(api.app(), &[domain("example.org"), domain("example.com/v1")]),
            Some(Claimed {
                domain: domain("example.com/v1"),
                by: web.app().clone()
            })
        );
        assert_eq!(table.first_claimed(web.app(), &before), None);
        table.change(&web, &before, &now);
        assert_eq!(found(&table, "example.com", "/"), None);
        assert_eq!(
            found(&table, "example.com", "/v1").as_deref(),
            Some("web example.com/v1")
        );
        assert_eq!(
            found(&table, "a.example.com", "/").as_deref(),
            Some("web *.example.com")
        );
        // What another app has by now stays its own.
        table.change(&api, &[], &[domain("example.com")]);
        table.change(&web, &[domain("example.com")], &[]);
        assert_eq!(
            found(&table, "example.com", "/").as_deref(),
            Some("api example.com")
        );
        table.change(&web, &now, &[]);
        table.change(&api, &[domain("example.com")], &[]);
        assert!(table.is_empty());
    }

    /// How an app gets its requests can be changed.
    #[test]
    fn a_domain_that_only_differs_in_how_it_is_passed_on_is_replaced() {
        let web = route("web");
        let table = DomainTable::default();
        let plain = domain("example.com/v1");
        let stripped = Domain {
            strip_path: true,
            ..plain.clone()
        };
        table.change(&web, &[], std::slice::from_ref(&plain));
        table.change(&web, &[plain], std::slice::from_ref(&stripped));
        let there = table
            .find("example.com", "/v1")
            .map(|found| found.domain.strip_path);
        assert_eq!(there, Some(true));
    }
}

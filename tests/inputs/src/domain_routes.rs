//! Which app a request's host and path lead to: what the table finds is what looking at each domain finds.
//!
//! The input's first line is the request's host and path, with a space between; each further line is a domain and its path, of one app
//! after the other.

use std::collections::BTreeMap;

use gokku_core::AppName;
use gokku_core::domains::domain::Domain;
use gokku_core::domains::name::DomainName;
use gokku_proxy::Limits;
use gokku_proxy::Switch;
use gokku_proxy::route::table::{Entry, TableFile};

/// Checks a request among domains.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.lines();
    let (host, path) = lines
        .next()
        .unwrap_or_default()
        .split_once(' ')
        .unwrap_or_default();
    let mut domains: Vec<(AppName, Domain)> = Vec::new();
    for (number, line) in lines.take(8).enumerate() {
        let app: AppName = format!("app-{number}").parse().expect("a name");
        // Nobody has what is another app's.
        let taken = |domain: &Domain| domains.iter().any(|(_, there)| there.claims_same(domain));
        if let Some(domain) = domain(line).filter(|domain| !taken(domain)) {
            domains.push((app, domain));
        }
    }
    let entry = |domain: &Domain| Entry {
        domains: vec![domain.clone()],
        ..Entry::of_port(Some(1))
    };
    let routes: BTreeMap<AppName, Entry> = domains
        .iter()
        .map(|(app, domain)| (app.clone(), entry(domain)))
        .collect();
    let table = TableFile::at("/nowhere/routes.json");
    let switch = Switch::new(table, routes, Limits::default());
    let found = switch.leads_to(host, path);
    assert_eq!(
        found,
        expected(&domains, host, path),
        "{host:?} {path:?} among {domains:?}"
    );
    // The name of a host has no upper and lower case, and may end in a dot and a port.
    if found.is_some() {
        for same in [host.to_ascii_uppercase(), format!("{}:8080", without_port(host))] {
            assert_eq!(switch.leads_to(&same, path), found, "{same:?}");
        }
    }
}

fn domain(line: &str) -> Option<Domain> {
    let (name, path) = line.find('/').map_or((line, "/"), |at| line.split_at(at));
    let name: DomainName = name.parse().ok()?;
    Some(Domain {
        path: path.parse().ok()?,
        ..Domain::whole(name)
    })
}

/// The same by looking at each: the exact name before a wildcard, and of each the longest path.
fn expected(domains: &[(AppName, Domain)], host: &str, path: &str) -> Option<AppName> {
    let host = without_port(host).to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let level = host.split_once('.').filter(|(first, _)| !first.is_empty());
    let level = level.map(|(_, level)| level);
    let best = |is: &dyn Fn(&DomainName) -> bool| {
        let those = domains
            .iter()
            .filter(|(_, domain)| is(&domain.name) && is_below(path, domain.path.as_str()));
        those.max_by_key(|(_, domain)| domain.path.as_str().len())
    };
    best(&|name| !name.is_wildcard() && name.as_str() == host)
        .or_else(|| best(&|name| level.is_some() && name.parent_of_wildcard() == level))
        .map(|(app, _)| app.clone())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    }
}

/// Whether a path is this one or below it, both written in one way.
fn is_below(path: &str, prefix: &str) -> bool {
    let (path, prefix) = (one_way(path), one_way(prefix));
    let prefix = prefix.strip_suffix(b"/").unwrap_or(&prefix);
    prefix.is_empty()
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// RFC 3986 section 6.2.2: what needs no code has none, and codes have capital letters.
fn one_way(path: &str) -> Vec<u8> {
    let mut written = Vec::new();
    let mut rest = path.as_bytes();
    while let [byte, ..] = *rest {
        let code = rest.get(1..3).filter(|_| byte == b'%');
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(plain) if plain.is_ascii_alphanumeric() || b"-._~".contains(&plain) => written.push(plain),
            Some(coded) => written.extend(format!("%{coded:02X}").bytes()),
            None => {
                written.push(byte);
                rest = &rest[1..];
                continue;
            }
        }
        rest = &rest[3..];
    }
    written
}

//! One domain of an app, and whose it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::name::AppName;
use crate::domains::name::DomainName;
use crate::domains::path::PathPrefix;
use crate::domains::redirect::RedirectTarget;

/// What leads to an app: a host, and the paths of it that are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// The host's name.
    pub name: DomainName,
    /// The paths; all by default.
    #[serde(default, skip_serializing_if = "PathPrefix::is_root")]
    pub path: PathPrefix,
    /// Whether the app gets its requests without that path before theirs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strip_path: bool,
    /// Where its requests are sent to instead of to the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_to: Option<Box<RedirectTarget>>,
}

impl Domain {
    /// Returns the domain of all paths of a host.
    pub fn whole(name: DomainName) -> Self {
        Self {
            name,
            path: PathPrefix::root(),
            strip_path: false,
            redirect_to: None,
        }
    }

    /// Returns the other of www and apex, with the same path, which sends its requests to this one; none for a wildcard.
    pub fn redirected_www(&self) -> Option<Self> {
        Some(Self {
            path: self.path.clone(),
            redirect_to: Some(Box::new(RedirectTarget::name(self.name.clone()))),
            ..Self::whole(self.name.other_of_www()?)
        })
    }

    /// Returns whether it leads to the app by one name: it is no wildcard, and sends nobody elsewhere.
    fn is_address(&self) -> bool {
        !self.name.is_wildcard() && self.redirect_to.is_none()
    }

    /// Returns its URL, where it is served by HTTP on a port.
    pub fn url(&self, port: u16) -> String {
        let at = match port {
            80 => String::new(),
            other => format!(":{other}"),
        };
        let path = if self.path.is_root() {
            ""
        } else {
            self.path.as_str()
        };
        format!("http://{}{at}{path}", self.name)
    }

    /// Returns whether the same requests are meant, whatever the app gets of them.
    pub fn claims_same(&self, other: &Self) -> bool {
        self.name == other.name && self.path == other.path
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() {
            return write!(f, "{}", self.name);
        }
        write!(f, "{}{}", self.name, self.path)
    }
}

/// Returns the domain by which an app is known: the first that leads to it by one name, of its own before its release's.
pub fn first_address<'a>(own: &'a [Domain], of_release: &'a [Domain]) -> Option<&'a Domain> {
    own.iter().chain(of_release).find(|domain| domain.is_address())
}

/// A domain that is another app's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The domain.
    pub domain: Domain,
    /// Whose it is.
    pub by: AppName,
}

/// Returns the first of an app's domains that is another app's already. A host's paths may lead to several apps, but no two
/// apps may have the same path of the same host.
pub fn first_claimed<'a>(
    app: &AppName,
    domains: &[Domain],
    all: impl IntoIterator<Item = (&'a AppName, &'a Domain)>,
) -> Option<Claimed> {
    let others = all.into_iter().filter(|(other, _)| *other != app);
    let mut taken = others.filter_map(|(other, theirs)| {
        let domain = domains.iter().find(|domain| domain.claims_same(theirs))?;
        Some(Claimed {
            domain: domain.clone(),
            by: other.clone(),
        })
    });
    taken.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> Domain {
        let (name, path) = text.find('/').map_or((text, "/"), |at| text.split_at(at));
        Domain {
            path: path.parse().unwrap(),
            ..Domain::whole(name.parse().unwrap())
        }
    }

    #[test]
    fn an_app_is_known_by_its_first_name_that_leads_to_it() {
        let [apex, wild, path] = ["example.com", "*.example.com", "example.org/v1"].map(domain);
        let www = apex.redirected_www().expect("a redirect");
        assert_eq!(www.to_string(), "www.example.com");
        assert_eq!(
            path.redirected_www().expect("a redirect").to_string(),
            "www.example.org/v1"
        );
        assert_eq!(wild.redirected_www(), None);
        let all = [wild, www, path.clone(), apex.clone()];
        assert_eq!(first_address(&all, &[]), Some(&path));
        assert_eq!(first_address(&all[..2], &all[3..]), Some(&apex));
        assert_eq!(first_address(&all[3..], &all), Some(&apex));
        assert_eq!(first_address(&all[..2], &all[..2]), None);
    }

    #[test]
    fn a_host_and_path_belong_to_one_app() {
        let (ours, theirs): (AppName, AppName) = ("api".parse().unwrap(), "web".parse().unwrap());
        let claimed = |wanted: &str, there: &str, owner: &AppName| {
            first_claimed(&ours, &[domain(wanted)], [(owner, &domain(there))])
        };
        for (wanted, there) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com", "example.com."),
            ("example.com/v1", "example.com/v1/"),
            ("*.example.com", "*.example.com"),
        ] {
            let expected = Claimed {
                domain: domain(wanted),
                by: theirs.clone(),
            };
            assert_eq!(
                claimed(wanted, there, &theirs),
                Some(expected),
                "{wanted} {there}"
            );
            assert_eq!(claimed(wanted, there, &ours), None, "{wanted} {there}");
        }
        for (wanted, there) in [
            ("example.com/v1", "example.com"),
            ("example.com", "example.com/v1"),
            ("www.example.com", "*.example.com"),
            ("example.org", "example.com"),
        ] {
            assert_eq!(claimed(wanted, there, &theirs), None, "{wanted} {there}");
        }
    }

    #[test]
    fn a_domain_is_shown_as_people_write_it() {
        assert_eq!(domain("bücher.example").to_string(), "bücher.example");
        assert_eq!(domain("bücher.example/v1").to_string(), "bücher.example/v1");
    }

    #[test]
    fn its_url_has_what_is_not_usual() {
        for (text, port, url) in [
            ("example.com", 80, "http://example.com"),
            ("example.com", 8080, "http://example.com:8080"),
            ("bücher.example/v1", 80, "http://bücher.example/v1"),
        ] {
            assert_eq!(domain(text).url(port), url);
        }
    }

    #[test]
    fn what_is_usual_is_not_written() {
        let written = |domain: &Domain| serde_json::to_string(domain).unwrap();
        assert_eq!(written(&domain("example.com")), r#"{"name":"example.com"}"#);
        let stripped = Domain {
            strip_path: true,
            ..domain("example.com/v1")
        };
        let text = written(&stripped);
        assert_eq!(text, r#"{"name":"example.com","path":"/v1","strip_path":true}"#);
        assert_eq!(serde_json::from_str::<Domain>(&text).unwrap(), stripped);
    }
}

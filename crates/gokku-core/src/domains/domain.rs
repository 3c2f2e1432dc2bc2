//! One domain of an app, and whose it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::name::AppName;
use crate::domains::name::DomainName;
use crate::domains::path::PathPrefix;
use crate::domains::redirect::RedirectTarget;
use crate::domains::scheme::Scheme;

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
    /// What is answered to those who ask by HTTP, once the host has a certificate.
    #[serde(default, skip_serializing_if = "PlainHttp::is_redirect")]
    pub http: PlainHttp,
    /// For how many seconds a client that has asked by HTTPS is to ask by nothing else (`Strict-Transport-Security`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hsts: Option<u32>,
    /// Where its requests are sent to instead of to the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_to: Option<Box<RedirectTarget>>,
}

/// What is answered to those who ask for a domain by HTTP, once its host has a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlainHttp {
    /// They are sent to HTTPS.
    #[default]
    Redirect,
    /// They are answered by the app, as those who ask by HTTPS are.
    Keep,
}

impl PlainHttp {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Keep => "keep",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Redirect, Self::Keep]
            .into_iter()
            .find(|http| http.as_str() == word)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    fn is_redirect(&self) -> bool {
        *self == Self::Redirect
    }
}

impl Domain {
    /// Returns the domain of all paths of a host.
    pub fn whole(name: DomainName) -> Self {
        Self {
            name,
            path: PathPrefix::root(),
            strip_path: false,
            http: PlainHttp::Redirect,
            hsts: None,
            redirect_to: None,
        }
    }

    /// Returns whether it says more than a host, its paths and whether the app sees them, which earlier programs do not understand.
    pub fn has_options(&self) -> bool {
        self.http != PlainHttp::Redirect || self.hsts.is_some() || self.redirect_to.is_some()
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

    /// Returns its URL, where it is served on a port by this scheme.
    pub fn url(&self, scheme: Scheme, port: u16) -> String {
        let origin = scheme.origin(&self.name, port);
        let path = if self.path.is_root() {
            ""
        } else {
            self.path.as_str()
        };
        format!("{origin}{path}")
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
        for (text, scheme, port, url) in [
            ("example.com", Scheme::Http, 80, "http://example.com"),
            ("example.com", Scheme::Http, 443, "http://example.com:443"),
            ("example.com", Scheme::Https, 443, "https://example.com"),
            ("example.com", Scheme::Https, 8443, "https://example.com:8443"),
            ("bücher.example/v1", Scheme::Http, 80, "http://bücher.example/v1"),
        ] {
            assert_eq!(domain(text).url(scheme, port), url);
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
        let kept = Domain {
            http: PlainHttp::Keep,
            hsts: Some(600),
            ..domain("example.com")
        };
        let text = written(&kept);
        assert_eq!(text, r#"{"name":"example.com","http":"keep","hsts":600}"#);
        assert_eq!(serde_json::from_str::<Domain>(&text).unwrap(), kept);
        assert!(kept.has_options() && !stripped.has_options());
    }
}

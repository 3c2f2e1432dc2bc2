//! The domains that a key may give to its apps. Without any it gives none: whoever may push an app is not by that the owner of
//! every name that leads to the server.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domains::name::{DomainName, DomainNameError};

/// The word for every domain.
const EVERY: &str = "*";

/// Domains that a key was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DomainGrant {
    /// All there are.
    Every,
    /// A name and all names below it; of a wildcard, what it stands for.
    Of(DomainName),
}

/// All that a key was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DomainGrants(BTreeSet<DomainGrant>);

/// A domain is none that a key was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{domain} was not given to the key {key}: the server's owner lets it have it by adding the key anew, with \
     `gokku keys add {key} --domain {domain}`, or adds the domain with `gokku domains add`"
)]
pub struct NotGranted {
    /// The domain.
    pub domain: DomainName,
    /// The key's name.
    pub key: String,
}

impl DomainGrant {
    fn allows(&self, name: &DomainName) -> bool {
        let granted = match self {
            Self::Every => return true,
            Self::Of(granted) => granted,
        };
        if granted == name {
            return true;
        }
        if let Some(parent) = granted.parent_of_wildcard() {
            let above = name.as_str().split_once('.').map(|(_, above)| above);
            return !name.is_wildcard() && above == Some(parent);
        }
        let host = name.parent_of_wildcard().unwrap_or(name.as_str());
        let rest = host.strip_suffix(granted.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl DomainGrants {
    /// Returns whether a domain is among them.
    pub fn allow(&self, name: &DomainName) -> bool {
        self.0.iter().any(|grant| grant.allows(name))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns each.
    pub fn iter(&self) -> impl Iterator<Item = &DomainGrant> {
        self.0.iter()
    }
}

impl FromIterator<DomainGrant> for DomainGrants {
    fn from_iter<T: IntoIterator<Item = DomainGrant>>(grants: T) -> Self {
        Self(grants.into_iter().collect())
    }
}

impl FromStr for DomainGrant {
    type Err = DomainNameError;

    fn from_str(text: &str) -> Result<Self, DomainNameError> {
        if text == EVERY {
            return Ok(Self::Every);
        }
        text.parse().map(Self::Of)
    }
}

impl TryFrom<String> for DomainGrant {
    type Error = DomainNameError;

    fn try_from(text: String) -> Result<Self, DomainNameError> {
        text.parse()
    }
}

impl From<DomainGrant> for String {
    fn from(grant: DomainGrant) -> Self {
        match grant {
            DomainGrant::Every => EVERY.to_owned(),
            DomainGrant::Of(name) => name.into(),
        }
    }
}

/// As people write it.
impl fmt::Display for DomainGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.pad(EVERY),
            Self::Of(name) => name.fmt(f),
        }
    }
}

/// The domains in words: `no domain`, or `example.com, *.example.org`.
impl fmt::Display for DomainGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.pad("no domain");
        }
        let all: Vec<String> = self.iter().map(ToString::to_string).collect();
        f.pad(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(text: &str) -> DomainGrants {
        let words = text.split_whitespace();
        words.map(|word| word.parse().expect("a grant")).collect()
    }

    #[test]
    fn a_name_is_given_with_all_below_it() {
        for (given, asked, expected) in [
            ("", "example.com", false),
            ("example.com", "example.com", true),
            ("example.com", "EXAMPLE.com.", true),
            ("example.com", "api.example.com", true),
            ("example.com", "a.b.example.com", true),
            ("example.com", "*.example.com", true),
            ("example.com", "*.api.example.com", true),
            ("example.com", "badexample.com", false),
            ("example.com", "*.com", false),
            ("example.com", "com", false),
            ("api.example.com", "example.com", false),
            ("api.example.com", "*.example.com", false),
            ("*.example.com", "*.example.com", true),
            ("*.example.com", "api.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "*.api.example.com", false),
            ("bücher.example", "xn--bcher-kva.example", true),
            ("example.org example.com", "www.example.com", true),
            ("*", "anything.example", true),
            ("*", "*.example", true),
        ] {
            let name: DomainName = asked.parse().expect("a name");
            assert_eq!(grants(given).allow(&name), expected, "{given:?} {asked}");
        }
    }

    #[test]
    fn they_are_said_in_words() {
        assert_eq!(grants("").to_string(), "no domain");
        let several = grants("*.example.org bücher.example *");
        assert_eq!(several.to_string(), "*, *.example.org, bücher.example");
        let text = serde_json::to_string(&several).expect("a text");
        assert_eq!(text, r#"["*","*.example.org","xn--bcher-kva.example"]"#);
        assert_eq!(
            serde_json::from_str::<DomainGrants>(&text).expect("grants"),
            several
        );
    }
}

//! The settings of the certificate authority, `[acme]` in `config.toml`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use gokku_acme::client::{LETS_ENCRYPT, LETS_ENCRYPT_STAGING};
use gokku_acme::{Authority, DnsHook, ExternalAccount, Limits};
use gokku_core::certificates::order::Settings;
use gokku_proxy::Network;
use serde::Deserialize;

/// How long a program that writes to the DNS may take: until the record is there for everybody.
const DNS_HOOK_LIMIT: Duration = Duration::from_secs(600);

/// The certificate authority that certificates are ordered from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AcmeConfig {
    /// Where the authority writes to. Who sets it agrees to its terms; nothing is ordered without.
    pub email: Option<Email>,
    /// The URL of its directory; Let's Encrypt's without.
    pub directory: Option<DirectoryUrl>,
    /// Whether Let's Encrypt's staging directory is asked, whose certificates no client accepts.
    pub staging: bool,
    /// A file with the certificates by which the authority's own server is known; those of the system without.
    pub root: Option<FilePath>,
    /// The kind of certificate, of those that the authority has.
    pub profile: Option<String>,
    /// The account of the authority's own system that the account is bound to.
    pub external_account: Option<ExternalAccountConfig>,
    /// The program that sets and removes records in the DNS.
    pub dns_hook: Option<FilePath>,
    /// How names are proved.
    pub challenge: Challenge,
    /// Addresses that lead to this server although none of its interfaces has them.
    pub addresses: Vec<Network>,
}

/// How names are proved, by the words of RFC 8555.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Challenge {
    /// Over HTTP, or by a certificate on the port of HTTPS; wildcards by the DNS.
    #[default]
    #[serde(rename = "http-01")]
    Http,
    /// All by the DNS.
    #[serde(rename = "dns-01")]
    Dns,
}

impl AcmeConfig {
    /// Returns the URL of the authority's directory.
    pub fn directory(&self) -> &str {
        match &self.directory {
            Some(directory) => &directory.0,
            None if self.staging => LETS_ENCRYPT_STAGING,
            None => LETS_ENCRYPT,
        }
    }

    /// Returns what they say of orders.
    pub fn settings(&self) -> Settings {
        Settings {
            agreed: self.email.is_some(),
            // Who names the certificates that an authority is known by has one of their own.
            public: self.root.is_none(),
            dns_hook: self.dns_hook.is_some(),
            dns_only: self.challenge == Challenge::Dns,
        }
    }

    /// Returns whether they say that an address leads to this server.
    pub fn leads_here(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|network| network.contains(address))
    }

    /// Returns the authority that they mean.
    pub fn authority(&self) -> Authority {
        let usual = Limits::default();
        let dns_hook = self.dns_hook.as_ref().map(|path| DnsHook {
            program: path.0.clone(),
            limit: DNS_HOOK_LIMIT,
        });
        let order = match dns_hook {
            Some(_) => usual.order + DNS_HOOK_LIMIT,
            None => usual.order,
        };
        Authority {
            directory: self.directory().to_owned(),
            root: self.root.as_ref().map(|path| path.0.clone()),
            email: self.email.as_ref().map(|email| email.0.clone()),
            profile: self.profile.clone(),
            external_account: self.external_account.as_ref().map(|account| {
                let key = account.key.0.clone();
                ExternalAccount::new(account.id.clone(), key)
            }),
            dns_hook,
            limits: Limits { order, ..usual },
        }
    }
}

/// An email address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Email(String);

impl TryFrom<String> for Email {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.split_once('@');
        let is_one = parts.is_some_and(|(user, host)| {
            !user.is_empty()
                && host.contains('.')
                && !host.contains('@')
                && text.len() <= 254
                && text
                    .chars()
                    .all(|letter| letter.is_ascii_graphic() && !",;<>?".contains(letter))
        });
        if is_one {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} is no email address: it is one, as admin@example.com"
            ))
        }
    }
}

/// The URL of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DirectoryUrl(String);

impl TryFrom<String> for DirectoryUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let rest = text.strip_prefix("https://").unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || !text.chars().all(|letter| letter.is_ascii_graphic()) {
            return Err(format!(
                "{text:?} is no URL of a directory: it begins with https://, as {LETS_ENCRYPT}"
            ));
        }
        Ok(Self(text))
    }
}

/// The path of a file of the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct FilePath(PathBuf);

impl TryFrom<String> for FilePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('/') {
            Ok(Self(text.into()))
        } else {
            Err(format!("{text:?} is no absolute path: it begins with /"))
        }
    }
}

/// An account of the authority's own system, RFC 8555 section 7.3.4.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalAccountConfig {
    /// Its key identifier.
    pub id: String,
    /// Its key, in base64url as authorities give it.
    pub key: MacKey,
}

/// A key that is secret.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct MacKey(Vec<u8>);

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

impl TryFrom<String> for MacKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        ExternalAccount::decode_key(&text)
            .filter(|key| !key.is_empty())
            .map(Self)
            .ok_or("this is no key in base64url, as the certificate authority gives it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AcmeConfig, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn nothing_is_ordered_without_an_email_address() {
        let config = read("").expect("read");
        assert!(!config.settings().agreed && config.settings().public);
        assert_eq!(config.directory(), LETS_ENCRYPT);
        let config = read("email = 'admin@example.com'\nstaging = true").expect("read");
        assert!(config.settings().agreed);
        assert_eq!(config.authority().email.as_deref(), Some("admin@example.com"));
        assert_eq!(config.authority().directory, LETS_ENCRYPT_STAGING);
    }

    #[test]
    fn an_authority_of_ones_own_is_named() {
        let config = read(
            "email = 'a@b.c'\ndirectory = 'https://ca.internal/dir'\nroot = '/etc/ca.pem'\nprofile = 'short'\n\
             dns_hook = '/usr/local/bin/dns'\nchallenge = 'dns-01'\naddresses = ['192.0.2.1', '2001:db8::/32']\n\
             [external_account]\nid = 'kid-1'\nkey = 'c2VjcmV0'\n",
        );
        let config = config.expect("read");
        for (address, leads) in [("192.0.2.1", true), ("192.0.2.2", false), ("2001:db8:1::5", true)] {
            assert_eq!(
                config.leads_here(address.parse().expect("an address")),
                leads,
                "{address}"
            );
        }
        let settings = config.settings();
        assert!(settings.dns_hook && settings.dns_only && !settings.public);
        let authority = config.authority();
        assert_eq!(authority.directory, "https://ca.internal/dir");
        assert_eq!(authority.profile.as_deref(), Some("short"));
        let external = authority.external_account.expect("one");
        assert_eq!(
            external,
            ExternalAccount::new("kid-1".to_owned(), b"secret".to_vec())
        );
        assert!(authority.limits.order > DNS_HOOK_LIMIT);
        let shown = format!("{config:?}");
        assert!(!shown.contains("c2VjcmV0") && !shown.contains("115"), "{shown}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, why) in [
            ("email = 'admin'", "is no email address"),
            ("email = 'a@b.c,d@e.f'", "is no email address"),
            ("email = 'a b@c.d'", "is no email address"),
            ("email = 'a@b@c.d'", "is no email address"),
            ("email = '@c.d'", "is no email address"),
            ("directory = 'http://ca.internal/dir'", "begins with https://"),
            ("directory = 'https:///dir'", "begins with https://"),
            ("directory = 'https://ca internal'", "begins with https://"),
            ("root = 'ca.pem'", "is no absolute path"),
            ("dns_hook = 'hook'", "is no absolute path"),
            ("addresses = ['here']", "neither an address nor a network"),
            ("challenge = 'tls-alpn-01'", "unknown variant"),
            ("[external_account]\nid = 'a'", "missing field `key`"),
            ("[external_account]\nid = 'a'\nkey = '***'", "no key in base64url"),
            ("[external_account]\nid = 'a'\nkey = ''", "no key in base64url"),
            ("mail = 'a@b.c'", "unknown field `mail`"),
        ] {
            let told = read(text).expect_err(text);
            assert!(told.contains(why) && !told.contains("***"), "{text}: {told}");
        }
    }
}

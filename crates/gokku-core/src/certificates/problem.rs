//! Why a name has no new certificate, by kinds that are told apart because something else is done about each.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::text::utc_time::UtcTime;

/// What keeps a name from its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Problem {
    /// Nobody has agreed to the authority's terms yet.
    TermsNotAgreed,
    /// No public authority issues for such a name.
    NotPublic,
    /// A wildcard is proved by the DNS, and no program is named that writes there.
    NoDnsHook,
    /// The program that writes to the DNS failed.
    DnsHook,
    /// The DNS has no address of the name.
    Unresolved,
    /// The DNS leads elsewhere.
    Elsewhere {
        /// The addresses that are not this server's.
        found: BTreeSet<IpAddr>,
    },
    /// The authority could not look the name up.
    Dns,
    /// The authority could not connect to the name.
    Connection,
    /// The authority connected, and could not speak TLS.
    Tls,
    /// What the authority found at the name was not what it had asked for.
    Unauthorized,
    /// The DNS says that another authority issues for the name (CAA, RFC 8659).
    Caa,
    /// The authority does not issue for the name.
    Rejected,
    /// Too much was asked.
    RateLimited {
        /// The moment before which it is not asked again, if the authority said one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UtcTime>,
    },
    /// The account is not, or no longer, one of the authority's.
    Account,
    /// The authority wants an account of its own system to be bound.
    ExternalAccountRequired,
    /// The authority wants a person to do something, such as to agree to new terms.
    UserAction,
    /// The contact address is none that the authority takes.
    Contact,
    /// The authority does not have the profile.
    Profile,
    /// The authority does not know, or no longer knows, the certificate that the order says it replaces.
    Replaces,
    /// The authority refused what it was asked, in a way that nothing here is known of.
    Refused,
    /// The authority could not be reached, or has trouble of its own.
    AuthorityAway,
    /// The order was not through in time.
    TookTooLong,
    /// Something failed here: the disk, the settings.
    Local,
}

/// What an authority's answer was about: the same word of it means another thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The account, or the order as a whole.
    Order,
    /// The proof that one name is ours.
    Name,
}

/// Before the names of what can go wrong, RFC 8555 section 6.7.
const NAMESPACE: &str = "urn:ietf:params:acme:error:";

impl Problem {
    /// Returns the problem that an authority names by its type (RFC 8555 section 6.7, RFC 9773 section 7.4). `until` is the moment
    /// before which it does not want to be asked, if it said one. A type that is not known is a refusal.
    pub fn of_type(kind: Option<&str>, about: About, until: Option<UtcTime>) -> Self {
        let word = kind.and_then(|kind| kind.strip_prefix(NAMESPACE));
        match word.unwrap_or_default() {
            "dns" => Self::Dns,
            "connection" => Self::Connection,
            "tls" => Self::Tls,
            "incorrectResponse" => Self::Unauthorized,
            "unauthorized" if about == About::Name => Self::Unauthorized,
            // An account that was deactivated is told so, RFC 8555 section 7.3.6.
            "unauthorized" | "accountDoesNotExist" => Self::Account,
            "caa" => Self::Caa,
            "rejectedIdentifier" | "unsupportedIdentifier" => Self::Rejected,
            "rateLimited" => Self::RateLimited { until },
            "externalAccountRequired" => Self::ExternalAccountRequired,
            "userActionRequired" => Self::UserAction,
            "invalidContact" | "unsupportedContact" => Self::Contact,
            "invalidProfile" => Self::Profile,
            "alreadyReplaced" => Self::Replaces,
            // Its own trouble; a nonce that is refused again and again is no other.
            "serverInternal" | "badNonce" => Self::AuthorityAway,
            _ => Self::Refused,
        }
    }

    /// Returns whether it is the authority's or the account's: what keeps one order from success keeps all.
    pub fn is_of_all(&self) -> bool {
        matches!(
            self,
            Self::TermsNotAgreed
                | Self::Account
                | Self::ExternalAccountRequired
                | Self::UserAction
                | Self::Contact
                | Self::Profile
                | Self::AuthorityAway
        )
    }

    /// Returns it with what the authority, or whoever failed, said of it.
    pub fn with<'a>(&'a self, said: &'a str) -> Told<'a> {
        Told { problem: self, said }
    }

    /// Returns what a person does about it.
    pub fn advice(&self) -> Advice<'_> {
        Advice(self)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TermsNotAgreed => "the certificate authority's terms have not been agreed to",
            Self::NotPublic => "no public certificate authority issues for this name",
            Self::NoDnsHook => "a wildcard is proved by a DNS record, and no program is set that makes it",
            Self::DnsHook => "the program that sets the DNS record failed",
            Self::Unresolved => "the DNS has no address for this name",
            Self::Elsewhere { found } => {
                f.write_str("the DNS leads elsewhere: ")?;
                for (at, address) in found.iter().enumerate() {
                    write!(f, "{}{address}", if at == 0 { "" } else { ", " })?;
                }
                return Ok(());
            }
            Self::Dns => "the certificate authority could not look this name up",
            Self::Connection => "the certificate authority could not connect to this name",
            Self::Tls => "the certificate authority could not speak TLS with this name",
            Self::Unauthorized => "something else answers at this name",
            Self::Caa => "a CAA record in the DNS forbids this certificate authority",
            Self::Rejected => "the certificate authority does not issue for this name",
            Self::RateLimited { .. } => "the certificate authority's rate limit is reached",
            Self::Account => "the certificate authority does not accept the account",
            Self::ExternalAccountRequired => "the certificate authority wants an external account",
            Self::UserAction => "the certificate authority wants something to be confirmed",
            Self::Contact => "the certificate authority does not accept the email address",
            Self::Profile => "the certificate authority does not have this profile",
            Self::Replaces => "the certificate authority does not let this certificate be replaced",
            Self::Refused => "the certificate authority refused the order",
            Self::AuthorityAway => "the certificate authority could not be reached",
            Self::TookTooLong => "the certificate authority did not finish the order in time",
            Self::Local => "the order could not be carried out on this server",
        })
    }
}

/// A problem with what was said of it, where anything was.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    problem: &'a Problem,
    said: &'a str,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.problem)?;
        match self.said {
            "" => Ok(()),
            said => write!(f, " ({said})"),
        }
    }
}

/// What a person does about a problem. It is made a text last, when it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Advice<'a>(&'a Problem);

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Problem::TermsNotAgreed => {
                "set [acme] email in config.toml: with it you agree to the certificate authority's terms"
            }
            Problem::NotPublic => {
                "use a name below a public domain, add a certificate of your own, or set [acme] directory and root to \
                 a certificate authority of your own"
            }
            Problem::NoDnsHook => {
                "set [acme] dns_hook in config.toml to a program that sets and removes the record, or name the hosts \
                 one by one"
            }
            Problem::DnsHook => "run the program by hand and see what it says",
            Problem::Unresolved => "add an A or AAAA record with this server's address",
            Problem::Elsewhere { .. } => {
                "change the A and AAAA records to this server's address; if it is behind a router or a proxy, name its \
                 outer addresses in [acme] addresses"
            }
            Problem::Dns => "look at the name's DNS servers, and at DNSSEC",
            Problem::Connection | Problem::Tls => {
                "open ports 80 and 443 to everybody, in this server's firewall and in the provider's"
            }
            Problem::Unauthorized => {
                "see what answers at http://NAME/.well-known/acme-challenge/: another server or a proxy in front of \
                 this one"
            }
            Problem::Caa => "let the CAA record of the domain name this certificate authority, or remove it",
            Problem::Rejected => "use another name, or another certificate authority: [acme] directory in config.toml",
            Problem::RateLimited { .. } => {
                "nothing: it is tried again when the limit allows it; to try settings, use [acme] staging = true"
            }
            Problem::Account => "nothing: a new account is made with the next order",
            Problem::ExternalAccountRequired => "set [acme] external_account in config.toml to what the certificate authority gave you",
            Problem::UserAction => "follow what the certificate authority says",
            Problem::Contact => "set [acme] email in config.toml to an address of yours that takes mail",
            Problem::Profile => "set [acme] profile in config.toml to one that it has, or remove it",
            Problem::Replaces => "nothing: it is ordered anew without that",
            Problem::Refused => "see what the certificate authority said",
            Problem::AuthorityAway | Problem::TookTooLong => {
                "nothing: it is tried again; see whether this server reaches the internet, and [acme] directory"
            }
            Problem::Local => "see what failed, and whether the disk is full",
        })
    }
}

/// How much is kept of what others said about a problem, in characters.
const SAID: usize = 500;

/// Returns what others said about a problem as it can be kept and shown: one line, no control characters, not too long.
pub fn said(text: &str) -> String {
    let mut words = text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty());
    let mut kept = words.next().unwrap_or_default().to_owned();
    for word in words {
        kept.push(' ');
        kept.push_str(word);
    }
    if let Some((end, _)) = kept.char_indices().nth(SAID) {
        kept.truncate(end);
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_s_types_are_problems() {
        let until = Some(UtcTime(9));
        for (kind, about, expected) in [
            ("dns", About::Name, Problem::Dns),
            ("connection", About::Name, Problem::Connection),
            ("tls", About::Name, Problem::Tls),
            ("unauthorized", About::Name, Problem::Unauthorized),
            ("incorrectResponse", About::Name, Problem::Unauthorized),
            ("unauthorized", About::Order, Problem::Account),
            ("accountDoesNotExist", About::Order, Problem::Account),
            ("caa", About::Name, Problem::Caa),
            ("caa", About::Order, Problem::Caa),
            ("rejectedIdentifier", About::Order, Problem::Rejected),
            ("unsupportedIdentifier", About::Order, Problem::Rejected),
            ("rateLimited", About::Order, Problem::RateLimited { until }),
            (
                "externalAccountRequired",
                About::Order,
                Problem::ExternalAccountRequired,
            ),
            ("userActionRequired", About::Order, Problem::UserAction),
            ("invalidContact", About::Order, Problem::Contact),
            ("invalidProfile", About::Order, Problem::Profile),
            ("alreadyReplaced", About::Order, Problem::Replaces),
            ("serverInternal", About::Order, Problem::AuthorityAway),
            ("badNonce", About::Order, Problem::AuthorityAway),
            ("malformed", About::Order, Problem::Refused),
            ("badCSR", About::Order, Problem::Refused),
            ("somethingNew", About::Name, Problem::Refused),
        ] {
            let kind = format!("urn:ietf:params:acme:error:{kind}");
            assert_eq!(Problem::of_type(Some(&kind), about, until), expected, "{kind}");
        }
        for odd in [None, Some(""), Some("about:blank"), Some("rateLimited")] {
            assert_eq!(
                Problem::of_type(odd, About::Order, until),
                Problem::Refused,
                "{odd:?}"
            );
        }
    }

    #[test]
    fn a_problem_is_kept_and_read_again() {
        for problem in [
            Problem::Elsewhere {
                found: BTreeSet::from(["192.0.2.7".parse().unwrap(), "2001:db8::1".parse().unwrap()]),
            },
            Problem::RateLimited {
                until: Some(UtcTime(1_800_000_000)),
            },
            Problem::RateLimited { until: None },
            Problem::AuthorityAway,
        ] {
            let text = toml::to_string(&problem).unwrap();
            assert_eq!(toml::from_str::<Problem>(&text).unwrap(), problem, "{text}");
        }
        let elsewhere = Problem::Elsewhere {
            found: BTreeSet::from(["192.0.2.7".parse().unwrap(), "2001:db8::1".parse().unwrap()]),
        };
        assert_eq!(
            elsewhere.to_string(),
            "the DNS leads elsewhere: 192.0.2.7, 2001:db8::1"
        );
    }

    #[test]
    fn what_others_said_is_one_line_of_a_limited_length() {
        assert_eq!(said("  a\n\u{1b}[31m b\t\u{0}c "), "a [31m b c");
        assert_eq!(said(""), "");
        let long = said(&"ü".repeat(501));
        assert_eq!(long.chars().count(), 501);
        assert!(long.ends_with("ü…"), "{long}");
        assert_eq!(said(&"ü".repeat(500)), "ü".repeat(500));
    }
}

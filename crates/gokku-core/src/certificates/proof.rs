//! How a name is proved to an authority.

use crate::certificates::order::Settings;
use crate::certificates::problem::Problem;
use crate::certificates::retry::Failure;
use crate::domains::name::DomainName;

/// A way to prove a name, RFC 8555 section 8 and RFC 8737.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// By an answer on port 80, `http-01`.
    #[default]
    Http,
    /// By a certificate on port 443, `tls-alpn-01`.
    Tls,
    /// By a record in the DNS, `dns-01`.
    Dns,
}

/// Returns how a name is proved next: a wildcard by the DNS alone, which no authority takes another way, and so is every name where the
/// settings say it; all else on port 80, and on port 443 every other time when the authority does not come through.
pub fn next(name: &DomainName, settings: Settings, last: Option<&Failure>) -> Proof {
    if settings.is_by_dns(name) {
        return Proof::Dns;
    }
    let is_barred = last.is_some_and(|failure| {
        let is_way = matches!(
            failure.problem,
            Problem::Connection | Problem::Unauthorized | Problem::Tls
        );
        is_way && failure.times % 2 == 1
    });
    if is_barred { Proof::Tls } else { Proof::Http }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::draw::Draw;
    use crate::text::utc_time::UtcTime;

    #[test]
    fn the_other_port_is_tried_every_other_time() {
        for (name, last, expected) in [
            ("example.com", None, Proof::Http),
            ("example.com", Some((Problem::Connection, 1)), Proof::Tls),
            ("example.com", Some((Problem::Connection, 2)), Proof::Http),
            ("example.com", Some((Problem::Unauthorized, 3)), Proof::Tls),
            ("example.com", Some((Problem::Caa, 1)), Proof::Http),
            ("*.example.com", None, Proof::Dns),
            ("*.example.com", Some((Problem::Connection, 1)), Proof::Dns),
        ] {
            let failure = last.clone().map(|(problem, times)| Failure {
                at: UtcTime(0),
                times,
                draw: Draw(0),
                problem,
                said: String::new(),
            });
            let name = name.parse().unwrap();
            let by = |dns_only| {
                let settings = Settings {
                    agreed: true,
                    public: true,
                    dns_hook: true,
                    dns_only,
                };
                next(&name, settings, failure.as_ref())
            };
            assert_eq!((by(false), by(true)), (expected, Proof::Dns), "{name} {last:?}");
        }
    }
}

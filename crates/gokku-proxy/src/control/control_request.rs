//! Parses a request to the control API: a method, a path and a body. See [`crate::control::api`] for the messages.

use gokku_core::AppName;
use gokku_core::app::name::NameError;
use gokku_core::domains::name::{DomainName, DomainNameError};
use serde::de::DeserializeOwned;

use crate::control::api::{
    Clear, Drain, Hold, PutChallenge, PutDomains, PutMaintenance, PutRoute, Refused, SwitchTo,
};

/// The longest wait that can be asked for, in milliseconds.
pub const MAX_WAIT_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// A request to the control API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlRequest {
    /// Asks for the status of the switch.
    Status,
    /// Asks for the status of a route.
    Route(AppName),
    /// Gives an app a host port.
    Put(AppName, PutRoute),
    /// Gives an app its domains.
    Domains(AppName, PutDomains),
    /// Has an app's clients get a page, or the app.
    Maintenance(AppName, PutMaintenance),
    /// Forgets an app.
    Delete(AppName),
    /// Gives a route new targets.
    Switch(AppName, SwitchTo),
    /// Makes requests wait.
    Hold(AppName, Hold),
    /// Lets waiting requests go on.
    Release(AppName),
    /// Takes a route's targets away.
    Clear(AppName, Clear),
    /// Waits for a container's requests to end.
    Drain(AppName, Drain),
    /// Reads the certificates on disk again.
    ReloadCertificates,
    /// Shows a certificate authority a challenge of a name.
    PutChallenge(DomainName, PutChallenge),
    /// Shows it no more.
    RemoveChallenge(DomainName),
}

impl ControlRequest {
    /// Parses a request, or says what is wrong with it.
    pub fn parse(method: &str, path: &str, body: &[u8]) -> Result<Self, Refused> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (method, segments.as_slice()) {
            ("GET", ["v1", "status"]) => Ok(Self::Status),
            ("GET", ["v1", "routes", name]) => Ok(Self::Route(app(name)?)),
            ("PUT", ["v1", "routes", name]) => {
                let app = app(name)?;
                Ok(Self::Put(app, from_json(body)?))
            }
            ("PUT", ["v1", "routes", name, "domains"]) => {
                let app = app(name)?;
                Ok(Self::Domains(app, from_json(body)?))
            }
            ("PUT", ["v1", "routes", name, "maintenance"]) => {
                let app = app(name)?;
                Ok(Self::Maintenance(app, from_json(body)?))
            }
            ("POST", ["v1", "certificates", "reload"]) => Ok(Self::ReloadCertificates),
            ("PUT", ["v1", "challenges", name]) => {
                let name = domain(name)?;
                Ok(Self::PutChallenge(name, from_json(body)?))
            }
            ("DELETE", ["v1", "challenges", name]) => Ok(Self::RemoveChallenge(domain(name)?)),
            ("DELETE", ["v1", "routes", name]) => Ok(Self::Delete(app(name)?)),
            ("POST", ["v1", "routes", name, action]) => {
                let app = app(name)?;
                match *action {
                    "switch" => Ok(Self::Switch(app, from_json(body)?)),
                    "hold" => {
                        let hold: Hold = from_json(body)?;
                        check_wait("limit_ms", hold.limit_ms)?;
                        Ok(Self::Hold(app, hold))
                    }
                    "release" => Ok(Self::Release(app)),
                    // Without a body, or with an empty one, nothing more is asked.
                    "clear" if body.is_empty() => Ok(Self::Clear(app, Clear::default())),
                    "clear" => {
                        let clear: Option<Clear> = from_json(body)?;
                        Ok(Self::Clear(app, clear.unwrap_or_default()))
                    }
                    "drain" => {
                        let drain: Drain = from_json(body)?;
                        check_wait("limit_ms", drain.limit_ms)?;
                        check_wait("upgrade_limit_ms", drain.upgrade_limit_ms)?;
                        Ok(Self::Drain(app, drain))
                    }
                    other => Err(invalid(&format!("there is no {other:?}"))),
                }
            }
            _ => Err(invalid(&format!("there is no {method} {path}"))),
        }
    }
}

/// Checks that a wait has an end: one that is longer than anybody waits is a mistake.
fn check_wait(name: &str, ms: u64) -> Result<(), Refused> {
    if ms <= MAX_WAIT_MS {
        Ok(())
    } else {
        Err(invalid(&format!(
            "{name} is {ms}, and at most {MAX_WAIT_MS} (a week)"
        )))
    }
}

fn invalid(reason: &impl ToString) -> Refused {
    Refused::Request {
        reason: reason.to_string(),
    }
}

fn app(name: &str) -> Result<AppName, Refused> {
    name.parse().map_err(|error: NameError| invalid(&error))
}

fn domain(name: &str) -> Result<DomainName, Refused> {
    name.parse().map_err(|error: DomainNameError| invalid(&error))
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| invalid(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_never_ends_is_refused() {
        let parse = |action: &str, body: &str| {
            ControlRequest::parse("POST", &format!("/v1/routes/api/{action}"), body.as_bytes())
                .map_err(|error| error.to_string())
        };
        let (most, more) = (MAX_WAIT_MS, MAX_WAIT_MS + 1);
        for ms in [0, 1, most] {
            assert!(parse("hold", &format!("{{\"limit_ms\":{ms}}}")).is_ok(), "{ms}");
        }
        for ms in [more, u64::MAX] {
            let refused = parse("hold", &format!("{{\"limit_ms\":{ms}}}"));
            assert!(
                refused.as_ref().is_err_and(|why| why.contains("a week")),
                "{refused:?}"
            );
            for (limit, upgrade) in [(ms, 1), (1, ms)] {
                let body =
                    format!("{{\"container\":\"c\",\"limit_ms\":{limit},\"upgrade_limit_ms\":{upgrade}}}");
                assert!(parse("drain", &body).is_err(), "{body}");
            }
        }
        // Nor anything that is not such a number.
        for text in ["18446744073709551616", "-1", "1.5", "\"1\""] {
            assert!(
                parse("hold", &format!("{{\"limit_ms\":{text}}}")).is_err(),
                "{text}"
            );
        }
    }
}

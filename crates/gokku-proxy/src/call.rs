//! What can be asked on the control API, understood: a method, a path and a body become a call. See [`crate::api`].

use gokku_core::AppName;
use gokku_core::app::name::NameError;
use serde::de::DeserializeOwned;

use crate::api::{Drain, Hold, PutRoute, Refused, SwitchTo};

/// The longest wait that can be asked for, in milliseconds.
pub const LONGEST_WAIT_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// One thing asked of the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// What is known of the switch.
    Status,
    /// What is known of a route.
    Route(AppName),
    /// An app's host port.
    Put(AppName, PutRoute),
    /// An app is forgotten.
    Delete(AppName),
    /// New targets.
    Switch(AppName, SwitchTo),
    /// Requests wait.
    Hold(AppName, Hold),
    /// They go on.
    Release(AppName),
    /// No targets.
    Clear(AppName),
    /// A container's requests come to their end.
    Drain(AppName, Drain),
}

impl Call {
    /// Understands a request, or says what is wrong with it.
    pub fn read(method: &str, path: &str, body: &[u8]) -> Result<Self, Refused> {
        let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (method, words.as_slice()) {
            ("GET", ["v1", "status"]) => Ok(Self::Status),
            ("GET", ["v1", "routes", name]) => Ok(Self::Route(app(name)?)),
            ("PUT", ["v1", "routes", name]) => {
                let app = app(name)?;
                Ok(Self::Put(app, said(body)?))
            }
            ("DELETE", ["v1", "routes", name]) => Ok(Self::Delete(app(name)?)),
            ("POST", ["v1", "routes", name, action]) => {
                let app = app(name)?;
                match *action {
                    "switch" => Ok(Self::Switch(app, said(body)?)),
                    "hold" => {
                        let hold: Hold = said(body)?;
                        within("limit_ms", hold.limit_ms)?;
                        Ok(Self::Hold(app, hold))
                    }
                    "release" => Ok(Self::Release(app)),
                    "clear" => Ok(Self::Clear(app)),
                    "drain" => {
                        let drain: Drain = said(body)?;
                        within("limit_ms", drain.limit_ms)?;
                        within("upgrade_limit_ms", drain.upgrade_limit_ms)?;
                        Ok(Self::Drain(app, drain))
                    }
                    other => Err(wrong(&format!("there is no {other:?}"))),
                }
            }
            _ => Err(wrong(&format!("there is no {method} {path}"))),
        }
    }
}

/// Every wait has an end: one that is longer than anybody waits is a mistake.
fn within(name: &str, ms: u64) -> Result<(), Refused> {
    if ms <= LONGEST_WAIT_MS {
        Ok(())
    } else {
        Err(wrong(&format!(
            "{name} is {ms}, and at most {LONGEST_WAIT_MS} (a week)"
        )))
    }
}

fn wrong(reason: &impl ToString) -> Refused {
    Refused::Request {
        reason: reason.to_string(),
    }
}

fn app(name: &str) -> Result<AppName, Refused> {
    name.parse().map_err(|error: NameError| wrong(&error))
}

fn said<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_never_ends_is_refused() {
        let said = |action: &str, body: &str| {
            Call::read("POST", &format!("/v1/routes/api/{action}"), body.as_bytes())
                .map_err(|error| error.to_string())
        };
        let (most, more) = (LONGEST_WAIT_MS, LONGEST_WAIT_MS + 1);
        for ms in [0, 1, most] {
            assert!(said("hold", &format!("{{\"limit_ms\":{ms}}}")).is_ok(), "{ms}");
        }
        for ms in [more, u64::MAX] {
            let refused = said("hold", &format!("{{\"limit_ms\":{ms}}}"));
            assert!(
                refused.as_ref().is_err_and(|why| why.contains("a week")),
                "{refused:?}"
            );
            for (limit, upgrade) in [(ms, 1), (1, ms)] {
                let body =
                    format!("{{\"container\":\"c\",\"limit_ms\":{limit},\"upgrade_limit_ms\":{upgrade}}}");
                assert!(said("drain", &body).is_err(), "{body}");
            }
        }
        // What is no such number is none either.
        for text in ["18446744073709551616", "-1", "1.5", "\"1\""] {
            assert!(
                said("hold", &format!("{{\"limit_ms\":{text}}}")).is_err(),
                "{text}"
            );
        }
    }
}

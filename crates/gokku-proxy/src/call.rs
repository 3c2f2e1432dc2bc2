//! What can be asked on the control API, understood: a method, a path and a body become a call. See [`crate::api`].

use gokku_core::AppName;
use gokku_core::name::NameError;
use serde::de::DeserializeOwned;

use crate::api::{Drain, Hold, PutRoute, Refused, SwitchTo};

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
                    "hold" => Ok(Self::Hold(app, said(body)?)),
                    "release" => Ok(Self::Release(app)),
                    "clear" => Ok(Self::Clear(app)),
                    "drain" => Ok(Self::Drain(app, said(body)?)),
                    other => Err(wrong(&format!("there is no {other:?}"))),
                }
            }
            _ => Err(wrong(&format!("there is no {method} {path}"))),
        }
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

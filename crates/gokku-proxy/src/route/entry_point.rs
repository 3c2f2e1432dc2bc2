//! What a port leads to: one app, or the app of whichever domain a request is for.

use std::sync::Arc;

use bytes::Bytes;
use gokku_core::AppName;
use gokku_core::domains::domain::Domain;
use hyper::Method;
use hyper::header::HOST;
use hyper::http::request;

use crate::http::error_reason::{ErrorLog, ErrorReason};
use crate::route::acme_answers::{ACME_PATH, AcmeAnswers};
use crate::route::app_route::Route;
use crate::route::domain_table::DomainTable;
use crate::route::https_redirect::HttpsRedirect;

/// What a port leads to.
#[derive(Clone, Debug)]
pub(crate) enum EntryPoint {
    /// One app: its host port.
    App(Arc<Route>),
    /// The domains of all apps.
    Domains {
        table: Arc<DomainTable>,
        /// The log of the answers to requests that are nobody's.
        errors: Arc<ErrorLog>,
        /// Where those are sent who ask by http.
        redirect: Arc<HttpsRedirect>,
        /// What certificate authorities are answered.
        acme: Arc<AcmeAnswers>,
    },
}

/// Where a request goes.
pub(crate) struct Destination {
    pub(crate) route: Arc<Route>,
    /// The domain that it was asked by; none on an app's own port.
    pub(crate) domain: Option<Arc<Domain>>,
}

impl EntryPoint {
    /// Returns the app whose all requests are that come in here; none where their domains say whose they are.
    pub(crate) fn app(&self) -> Option<&AppName> {
        match self {
            Self::App(route) => Some(route.app()),
            Self::Domains { .. } => None,
        }
    }

    /// Returns the log of the switch's own answers to requests of which it is not known yet whose they are.
    pub(crate) fn errors(&self) -> &Arc<ErrorLog> {
        match self {
            Self::App(route) => route.errors(),
            Self::Domains { errors, .. } => errors,
        }
    }

    /// Returns the address by https of a request that was made by http, if its client is to ask for that.
    pub(crate) fn address_by_https(&self, domain: &Domain, request: &request::Parts) -> Option<String> {
        let Self::Domains { redirect, .. } = self else {
            return None;
        };
        let host = request.headers.get(HOST).and_then(|host| host.to_str().ok())?;
        redirect.address(domain, host, request.uri.path_and_query())
    }

    /// Returns the answer to a request that is a certificate authority's.
    pub(crate) fn acme_answer(&self, request: &request::Parts) -> Option<Bytes> {
        let Self::Domains { acme, .. } = self else {
            return None;
        };
        // The path first: hardly any request has it.
        let token = request.uri.path().strip_prefix(ACME_PATH)?;
        let host = request.headers.get(HOST).and_then(|host| host.to_str().ok())?;
        let is_get = request.method == Method::GET;
        acme.find(host, token).filter(|_| is_get)
    }

    /// Returns where a request goes, whose host has been checked.
    pub(crate) fn destination(&self, request: &request::Parts) -> Result<Destination, ErrorReason> {
        match self {
            Self::App(route) => Ok(Destination {
                route: Arc::clone(route),
                domain: None,
            }),
            Self::Domains { table, .. } => {
                let host = request.headers.get(HOST).and_then(|host| host.to_str().ok());
                let found = table.find(host.unwrap_or_default(), request.uri.path());
                let found = found.ok_or(ErrorReason::UnknownDomain)?;
                Ok(Destination {
                    route: found.route,
                    domain: Some(found.domain),
                })
            }
        }
    }
}

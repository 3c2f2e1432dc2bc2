//! The certificates of a server: added, removed, shown, given out.

use gokku_core::AppName;
use gokku_core::certificates::order::CertificateId;
use gokku_core::domains::domain::Domain;
use gokku_core::domains::name::DomainName;
use gokku_core::logs::audit::Change;
use gokku_core::text::causes::causes;
use gokku_core::text::utc_time::UtcTime;
use gokku_proxy::Client;
use gokku_proxy::control::api::CertificatesStatus;
use gokku_proxy::control::client::Error as SwitchError;
use gokku_proxy::support::clock::now;
use gokku_proxy::tls::certificate::Certificate;
use gokku_proxy::tls::certificate_store::{Source, Stored};
use serde::Serialize;

use crate::app::{apps, certificates, domains};
use crate::command::Error;
use crate::record::audit_log;
use crate::server::Server;

/// A certificate, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateFacts {
    /// What it is called: the first of its names.
    pub name: String,
    /// All names that it is for, as people write them.
    pub names: Vec<String>,
    /// Where it comes from: `own`, or `acme`.
    pub source: &'static str,
    /// Who issued it.
    pub issuer: String,
    /// From when on it is valid.
    pub not_before: UtcTime,
    /// Until when it is valid.
    pub not_after: UtcTime,
    /// Whether it is valid now.
    pub valid: bool,
    /// The domains that it can serve, each with its app.
    pub domains: Vec<String>,
}

/// The certificates of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Those that can be used.
    pub certificates: Vec<CertificateFacts>,
    /// What is wrong with others.
    pub troubles: Vec<String>,
}

/// What adding a certificate came to.
#[derive(Debug)]
pub struct Added {
    /// The certificate.
    pub facts: CertificateFacts,
    /// Whether that of its issuer is not with it, which many clients do not know.
    pub lacks_issuer: bool,
    /// What the traffic switch says of all certificates; none while it does not run.
    pub switch: Option<CertificatesStatus>,
}

/// Adds a certificate, in place of one of the same name.
pub async fn add(server: &Server, chain: &[u8], key: &[u8]) -> Result<Added, Error> {
    let certificate = Certificate::parse(chain, key)?;
    certificate.check_time(now())?;
    let store = certificates::store(&server.root);
    let _lock = certificates::lock(&server.root)?;
    let name = certificate.name();
    let there = store.load().certificates;
    let replaced = there.iter().find(|stored| stored.certificate.name() == name);
    if let Some(replaced) = replaced
        && let Some(lost) = lost(replaced, &certificate, &there)
    {
        return Err(Error::CertificateOfMore {
            name: name.clone(),
            lost: lost.clone(),
        });
    }
    store.add(&CertificateId::first(name), &certificate)?;
    let change = Change::CertificateAdded {
        names: shown(certificate.names()),
        until: certificate.not_after().to_string(),
    };
    audit_log::note(&server.root, &server.by, None, change);
    let switch = tell(server).await?;
    let facts = facts(&certificate, Source::Own, &all_domains(server)?);
    Ok(Added {
        facts,
        lacks_issuer: certificate.lacks_issuer(),
        switch,
    })
}

/// Returns a name that would have no certificate if one took another one's place.
fn lost<'a>(replaced: &'a Stored, new: &Certificate, there: &[Stored]) -> Option<&'a DomainName> {
    let is_covered = |name: &DomainName| {
        let others = there.iter().filter(|other| other.path != replaced.path);
        new.covers(name) || others.into_iter().any(|other| other.certificate.covers(name))
    };
    replaced.certificate.names().iter().find(|name| !is_covered(name))
}

/// Removes the certificate of this name.
pub async fn remove(server: &Server, name: &DomainName) -> Result<Option<CertificatesStatus>, Error> {
    let store = certificates::store(&server.root);
    let _lock = certificates::lock(&server.root)?;
    let there = store.load().certificates;
    let found = there.iter().find(|stored| stored.certificate.name() == name);
    // Also one whose file is damaged.
    if !store.remove(&CertificateId::first(name))? {
        return Err(none_of(name, &there));
    }
    let names = found.map_or_else(
        || vec![name.to_string()],
        |found| shown(found.certificate.names()),
    );
    audit_log::note(
        &server.root,
        &server.by,
        None,
        Change::CertificateRemoved { names },
    );
    tell(server).await
}

/// Returns chain and key of the certificate of this name, as one PEM file.
pub fn export(server: &Server, name: &DomainName) -> Result<String, Error> {
    let there = certificates::store(&server.root).load().certificates;
    match there.iter().find(|stored| stored.certificate.name() == name) {
        Some(found) => Ok(found.certificate.pem().to_owned()),
        None => Err(none_of(name, &there)),
    }
}

fn none_of(name: &DomainName, there: &[Stored]) -> Error {
    let of_name = there.iter().filter(|stored| stored.certificate.covers(name));
    Error::NoCertificate {
        name: name.clone(),
        there: of_name.map(|stored| stored.certificate.name().clone()).collect(),
    }
}

/// Has the traffic switch read the certificates again, if it runs: when it starts it reads them anyway.
async fn tell(server: &Server) -> Result<Option<CertificatesStatus>, Error> {
    // No transition asks for that.
    let switch = Client::new(server.root.socket());
    match switch.reload_certificates().await {
        Ok(status) => Ok(Some(status)),
        Err(SwitchError::NotRunning(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the certificates of a server.
pub fn list(server: &Server) -> Result<Listed, Error> {
    let loaded = certificates::load_all(&server.root);
    let domains = all_domains(server)?;
    let facts = |stored: &Stored| facts(&stored.certificate, stored.source, &domains);
    Ok(Listed {
        certificates: loaded.certificates.iter().map(facts).collect(),
        troubles: loaded.damaged.iter().map(|error| causes(error)).collect(),
    })
}

/// Returns the domains that lead to apps, those of their releases, too.
fn all_domains(server: &Server) -> Result<Vec<(AppName, Domain)>, Error> {
    let mut all = Vec::new();
    for app in apps::names(&server.root)? {
        let its = domains::all_of(&server.app_dir(&app)).unwrap_or_default();
        all.extend(its.into_iter().map(|domain| (app.clone(), domain)));
    }
    Ok(all)
}

fn shown(names: &[DomainName]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn facts(certificate: &Certificate, source: Source, domains: &[(AppName, Domain)]) -> CertificateFacts {
    let mut served: Vec<String> = Vec::new();
    for (app, domain) in domains {
        if certificate.covers(&domain.name) {
            served.push(format!("{domain} ({app})"));
        }
    }
    CertificateFacts {
        name: certificate.name().to_string(),
        names: shown(certificate.names()),
        source: source.as_str(),
        issuer: certificate.issuer().to_owned(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        valid: certificate.is_valid_at(now()),
        domains: served,
    }
}

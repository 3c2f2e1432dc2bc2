//! The domains that lead to an app: added, removed, shown.

use gokku_core::access::domain_grants::NotGranted;
use gokku_core::domains::domain::{Domain, PlainHttp};
use gokku_core::domains::scheme::Scheme;
use gokku_core::logs::audit::Change;
use gokku_core::text::utc_time::UtcTime;
use gokku_core::{AppName, Asker};
use gokku_proxy::control::api::{PutDomains, Refused, Status};
use gokku_proxy::control::client::Error as SwitchError;
use gokku_proxy::support::clock::now;
use serde::Serialize;

use crate::app::certificate_orders::{OrderState, Orders};
use crate::app::certificates::Served;
use crate::app::domains::Changing;
use crate::app::{self, apps, domains};
use crate::command::Error;
use crate::plan::release_plan::Plan;
use crate::record::audit_log;
use crate::server::Server;

/// One domain of an app, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainFacts {
    /// The domain, as people write it, with its path.
    pub domain: String,
    /// The app.
    pub app: AppName,
    /// The host as the DNS has it.
    pub host: String,
    /// The path below which requests are meant.
    pub path: String,
    /// Whether the app gets its requests without that path.
    pub strip_path: bool,
    /// Where its requests are sent to instead of to the app.
    pub redirect_to: Option<String>,
    /// Whether it is its release's, by `gokku.yml`, and not the app's own.
    pub of_release: bool,
    /// What is answered by HTTP once there is a certificate: `redirect` or `keep`.
    pub http: PlainHttp,
    /// For how many seconds clients are told to ask by HTTPS only.
    pub hsts: Option<u32>,
    /// Its certificate; none where there is none.
    pub certificate: Option<CertificateState>,
    /// What becomes of an order for it; none where nothing is ordered, because it has one that is its owner's or not due.
    pub order: Option<OrderState>,
    /// Where it is served; none while it is not.
    pub url: Option<String>,
    /// Why it is not served, if it is not.
    pub trouble: Option<String>,
}

/// The certificate of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateState {
    /// What it is called.
    pub name: String,
    /// Where it comes from: `own`, or `acme`.
    pub source: &'static str,
    /// Until when it is valid.
    pub not_after: UtcTime,
    /// Whether it is valid now.
    pub valid: bool,
}

/// What facts are made of, beside a domain itself.
struct Seen {
    status: Option<Status>,
    certificates: Served,
    orders: Orders,
}

/// What a change of domains came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Requests for them are answered from now on.
    Served(Vec<DomainFacts>),
    /// They are served as soon as a release has the traffic.
    NotDeployed,
    /// They are served as soon as the traffic switch runs.
    NoSwitch,
}

/// Gives an app more domains.
pub async fn add(server: &Server, app: &AppName, more: &[Domain]) -> Result<Changed, Error> {
    check_granted(server, more)?;
    let has_http = Plan::lenient(&server.app_dir(app)).config.has_http();
    if let Some(domain) = more.first().filter(|_| !has_http) {
        return Err(app::Error::NoHttp {
            app: app.clone(),
            domain: domain.clone(),
        }
        .into());
    }
    let changing = domains::begin(server).await?;
    let all = domains::add(&changing, server, app, more)?;
    note(server, app, more, &[]);
    apply(&changing, server, app, all).await
}

/// Takes domains from an app.
pub async fn remove(server: &Server, app: &AppName, gone: &[Domain]) -> Result<Changed, Error> {
    check_granted(server, gone)?;
    let changing = domains::begin(server).await?;
    let left = domains::remove(&changing, server, app, gone)?;
    note(server, app, &[], gone);
    apply(&changing, server, app, left).await
}

/// A key changes only what it was given.
fn check_granted(server: &Server, domains: &[Domain]) -> Result<(), Error> {
    let mut names = domains.iter().map(|domain| &domain.name);
    let refused = names.find(|name| server.asker == Asker::Key && !server.domains.allow(name));
    match refused {
        None => Ok(()),
        Some(name) => Err(app::Error::from(NotGranted {
            domain: name.clone(),
            key: server.by.clone(),
        })
        .into()),
    }
}

fn note(server: &Server, app: &AppName, added: &[Domain], removed: &[Domain]) {
    let names = |domains: &[Domain]| domains.iter().map(ToString::to_string).collect();
    let change = Change::DomainsChanged {
        added: names(added),
        removed: names(removed),
    };
    audit_log::note(&server.root, &server.by, Some(app), change);
}

/// Tells the traffic switch, if it runs and knows the app: otherwise it is told when that changes.
async fn apply(_: &Changing, server: &Server, app: &AppName, all: Vec<Domain>) -> Result<Changed, Error> {
    let switch = &server.switch;
    let put = PutDomains { domains: all };
    match switch.put_domains(app, &put).await {
        Ok(_) => {
            let seen = Seen::of(server, Some(switch.status().await?));
            let own = put.domains.iter();
            let facts = own.map(|domain| seen.facts(app, domain, Owner::App, true));
            Ok(Changed::Served(facts.collect()))
        }
        Err(SwitchError::Refused(Refused::NoRoute { .. })) => Ok(Changed::NotDeployed),
        Err(SwitchError::NotRunning(_)) => Ok(Changed::NoSwitch),
        Err(error) => Err(error.into()),
    }
}

/// Returns the domains of an app, or of all apps that may be seen.
pub async fn list(server: &Server, app: Option<&AppName>) -> Result<Vec<DomainFacts>, Error> {
    let names = match app {
        Some(app) => vec![apps::load(&server.app_dir(app))?.name],
        None => apps::list(&server.root)?
            .into_iter()
            .map(|app| app.name)
            .collect(),
    };
    let seen = Seen::of(server, server.switch.status().await.ok());
    let mut all = Vec::new();
    for name in names.into_iter().filter(|name| server.access.allows(name)) {
        let route = seen
            .status
            .as_ref()
            .and_then(|status| status.routes.iter().find(|route| route.app == name));
        let dir = server.app_dir(&name);
        let (own, of_release) = (domains::of(&dir)?, domains::of_release(&dir)?);
        let is_own = |theirs: &Domain| own.iter().any(|ours| ours.claims_same(theirs));
        let of_release = of_release.iter().filter(|theirs| !is_own(theirs));
        let is_known = |domain: &Domain| route.is_some_and(|route| route.domains.contains(domain));
        all.extend(
            own.iter()
                .map(|domain| (domain, Owner::App))
                .chain(of_release.map(|domain| (domain, Owner::Release)))
                .map(|(domain, owner)| seen.facts(&name, domain, owner, is_known(domain))),
        );
    }
    Ok(all)
}

/// What a domain belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    App,
    Release,
}

impl Seen {
    fn of(server: &Server, status: Option<Status>) -> Self {
        Self {
            status,
            certificates: Served::read(&server.root),
            orders: Orders::read(&server.root),
        }
    }

    /// Returns what is shown of a domain; `is_known`: whether the traffic switch knows that it leads to the app.
    fn facts(&self, app: &AppName, domain: &Domain, owner: Owner, is_known: bool) -> DomainFacts {
        let status = self.status.as_ref().filter(|_| is_known);
        let port = status.and_then(|status| status.domain_port.as_ref());
        let certificate = self.certificate(domain);
        let order = self
            .orders
            .state(&domain.name, self.certificates.find(&domain.name));
        let https = status
            .and_then(|status| status.https_port.as_ref())
            .filter(|_| certificate.as_ref().is_some_and(|certificate| certificate.valid));
        let trouble = match port {
            Some(port) => https
                .and_then(|https| https.trouble.clone())
                .or_else(|| port.trouble.clone()),
            None => {
                Some("the app has no release with traffic, or the traffic switch does not run".to_owned())
            }
        };
        let by_https = https
            .filter(|port| port.trouble.is_none())
            .map(|port| address(domain, Scheme::Https, port.asked()));
        let by_http = || {
            port.filter(|port| port.trouble.is_none())
                .map(|port| address(domain, Scheme::Http, port.asked()))
        };
        DomainFacts {
            domain: domain.to_string(),
            app: app.clone(),
            host: domain.name.as_str().to_owned(),
            path: domain.path.to_string(),
            strip_path: domain.strip_path,
            http: domain.http,
            hsts: domain.hsts,
            redirect_to: domain.redirect_to.as_ref().map(ToString::to_string),
            of_release: owner == Owner::Release,
            url: by_https.or_else(by_http),
            certificate,
            order,
            trouble,
        }
    }

    /// Returns the certificate of a domain: one that is valid before others, then the one that is valid longest.
    fn certificate(&self, domain: &Domain) -> Option<CertificateState> {
        let found = self.certificates.find(&domain.name)?;
        Some(CertificateState {
            name: found.certificate.name().to_string(),
            source: found.source.as_str(),
            not_after: found.certificate.not_after(),
            valid: found.certificate.is_valid_at(now()),
        })
    }
}

/// Returns the address of what is served: with the path, also that of all of them.
fn address(domain: &Domain, scheme: Scheme, port: u16) -> String {
    let url = domain.url(scheme, port);
    if domain.path.is_root() {
        format!("{url}/")
    } else {
        url
    }
}

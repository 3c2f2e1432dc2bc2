//! The domains that lead to an app: added, removed, shown.

use gokku_core::access::domain_grants::NotGranted;
use gokku_core::domains::domain::Domain;
use gokku_core::logs::audit::Change;
use gokku_core::{AppName, Asker};
use gokku_proxy::control::api::{DomainPortStatus, PutDomains, Refused};
use gokku_proxy::control::client::Error as SwitchError;
use serde::Serialize;

use crate::app::domains::Changing;
use crate::app::{self, apps, domains};
use crate::command::Error;
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
    /// Where it is served; none while it is not.
    pub url: Option<String>,
    /// Why it is not served, if it is not.
    pub trouble: Option<String>,
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
            let port = switch.status().await?.domain_port;
            let own = put.domains.iter();
            let facts = own.map(|domain| facts(app, domain, Owner::App, port.as_ref()));
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
    let status = server.switch.status().await.ok();
    let mut all = Vec::new();
    for name in names.into_iter().filter(|name| server.access.allows(name)) {
        let route = status
            .as_ref()
            .and_then(|status| status.routes.iter().find(|route| route.app == name));
        let dir = server.app_dir(&name);
        let (own, of_release) = (domains::of(&dir)?, domains::of_release(&dir)?);
        let is_own = |theirs: &Domain| own.iter().any(|ours| ours.claims_same(theirs));
        let of_release = of_release.iter().filter(|theirs| !is_own(theirs));
        let port = status.as_ref().and_then(|status| status.domain_port.as_ref());
        let is_known = |domain: &Domain| route.is_some_and(|route| route.domains.contains(domain));
        all.extend(
            own.iter()
                .map(|domain| (domain, Owner::App))
                .chain(of_release.map(|domain| (domain, Owner::Release)))
                .map(|(domain, owner)| facts(&name, domain, owner, port.filter(|_| is_known(domain)))),
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

fn facts(app: &AppName, domain: &Domain, owner: Owner, port: Option<&DomainPortStatus>) -> DomainFacts {
    let trouble = match port {
        Some(port) => port.trouble.clone(),
        None => Some("the app has no release with traffic, or the traffic switch does not run".to_owned()),
    };
    let at = |port: &DomainPortStatus| match port.http {
        80 => String::new(),
        other => format!(":{other}"),
    };
    DomainFacts {
        domain: domain.to_string(),
        app: app.clone(),
        host: domain.name.as_str().to_owned(),
        path: domain.path.to_string(),
        strip_path: domain.strip_path,
        redirect_to: domain.redirect_to.as_ref().map(ToString::to_string),
        of_release: owner == Owner::Release,
        url: port
            .filter(|port| port.trouble.is_none())
            .map(|port| format!("http://{}{}{}", domain.name, at(port), domain.path)),
        trouble,
    }
}

//! A release's domains, seen to before anything is changed: whether they can be had, and whether whoever asks may give them to
//! the app. The traffic switch decides again when it gets them, with the traffic.

use gokku_core::access::domain_grants::NotGranted;
use gokku_core::config::gokku_yml::{Placed, YmlErrors};
use gokku_core::domains::domain::{Domain, first_claimed};
use gokku_core::domains::redirect::first_loop;
use gokku_core::{Access, AppName, Asker};

use crate::app::{self, domains, records};
use crate::plan;
use crate::server::Server;
use crate::worker::Error;
use crate::worker::prepare::Prepared;
use crate::worker::request::Request;

/// Checks the domains of the release that is to get the traffic.
pub(crate) fn check(server: &Server, request: &Request, prepared: &Prepared) -> Result<(), Error> {
    let dir = server.app_dir(&request.app);
    let own = domains::of(&dir)?;
    if let Some(domain) = own.first().filter(|_| !prepared.plan.config.has_http()) {
        return Err(app::Error::NoHttp {
            app: request.app.clone(),
            domain: domain.clone(),
        }
        .into());
    }
    if prepared.record.is_some() {
        return check_placed(server, request, &prepared.plan.domains);
    }
    let Some(release) = prepared.release else {
        return Ok(());
    };
    let record = records::load(&dir, release)?;
    let wanted = record.map(|record| record.domains).unwrap_or_default();
    if wanted.is_empty() {
        return Ok(());
    }
    let claims = Claims::read(server, request)?;
    wanted.iter().try_for_each(|domain| claims.check(domain))?;
    claims.check_loops(&wanted)
}

/// The same for what a `gokku.yml` says: all that is wrong is told, each at its place.
fn check_placed(server: &Server, request: &Request, wanted: &[Placed<Domain>]) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    let claims = Claims::read(server, request)?;
    let refused = |domain: &Placed<Domain>| {
        let error = claims.check(&domain.value).err()?;
        Some(domain.refused(format!("environments[].domains: {error}")))
    };
    let wrong: Vec<_> = wanted.iter().filter_map(refused).collect();
    if wrong.is_empty() {
        let all: Vec<Domain> = wanted.iter().map(|domain| domain.value.clone()).collect();
        return claims.check_loops(&all);
    }
    Err(plan::Error::from(YmlErrors(wrong)).into())
}

/// Whose which domains are.
struct Claims<'a> {
    request: &'a Request,
    access: &'a Access,
    own: Vec<Domain>,
    /// Those of the release before, which go with it.
    of_release: Vec<Domain>,
    others: Vec<(AppName, Vec<Domain>)>,
}

impl<'a> Claims<'a> {
    fn read(server: &'a Server, request: &'a Request) -> Result<Self, Error> {
        let app = &request.app;
        Ok(Self {
            request,
            access: &server.access,
            own: domains::of(&server.app_dir(app))?,
            of_release: domains::of_release(&server.app_dir(app))?,
            others: domains::of_others(server, app)?,
        })
    }

    /// An app's own domains count before its release's, and those of the release before are gone by then.
    fn check_loops(&self, wanted: &[Domain]) -> Result<(), Error> {
        let is_own = |domain: &&Domain| self.own.iter().any(|own| own.claims_same(domain));
        let wanted: Vec<Domain> = wanted.iter().filter(|domain| !is_own(domain)).cloned().collect();
        let others = domains::each(&self.others).map(|(_, domain)| domain);
        let others: Vec<&Domain> = self.own.iter().chain(others).collect();
        match first_loop(&wanted, &others) {
            None => Ok(()),
            Some(domain) => Err(app::Error::DomainLoop {
                domain: domain.clone(),
            }
            .into()),
        }
    }

    fn check(&self, domain: &Domain) -> Result<(), Error> {
        let app = &self.request.app;
        if let Some(claimed) = first_claimed(app, std::slice::from_ref(domain), domains::each(&self.others)) {
            return Err(app::Error::DomainTaken {
                domain: claimed.domain,
                by: Some(claimed.by).filter(|by| self.access.allows(by)),
            }
            .into());
        }
        let mut had = self.own.iter().chain(&self.of_release);
        let is_had = had.any(|there| there.claims_same(domain));
        if self.request.asker == Asker::Owner || is_had || self.request.domains.allow(&domain.name) {
            return Ok(());
        }
        Err(app::Error::from(NotGranted {
            domain: domain.name.clone(),
            key: self.request.by.clone(),
        })
        .into())
    }
}

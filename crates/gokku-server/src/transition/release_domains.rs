//! A release's domains and error pages, which move in one step with its traffic: forwards, and back.

use gokku_core::app::error_pages::ErrorPages;
use gokku_core::domains::domain::{Domain, first_address};
use gokku_core::logs::event::Event;
use gokku_core::{ContainerId, ReleaseId};
use gokku_proxy::control::api::{Clear, Refused, RouteStatus, SwitchTo};
use gokku_proxy::control::client::Error as SwitchError;
use gokku_proxy::health::probe::AskedName;

use crate::app::certificates::Served;
use crate::app::{domains, records};
use crate::engine;
use crate::plan::error_pages;
use crate::transition::Error;
use crate::transition::driver::Driver;

/// What becomes of a route's targets.
pub(crate) enum NewTargets {
    /// These.
    To(SwitchTo),
    /// None.
    None,
}

impl Driver {
    /// Gives the route other targets, and the domains and error pages of the release that is the active one with them.
    pub(crate) async fn move_traffic(
        &mut self,
        route: &RouteStatus,
        targets: NewTargets,
        release: Option<ReleaseId>,
    ) -> Result<(), Error> {
        let domains = self.domains_of(release)?;
        let pages = self.error_pages_of(release);
        let error_pages = (!pages.is_empty() || route.error_pages).then_some(pages);
        let mut moved = (domains != route.release_domains).then_some(domains);
        loop {
            let app = self.dir.app();
            let domains = moved.clone();
            let answer = match &targets {
                NewTargets::To(to) => {
                    let to = SwitchTo {
                        domains,
                        error_pages: error_pages.clone(),
                        ..to.clone()
                    };
                    self.switch.switch(app, &to).await
                }
                NewTargets::None => self.switch.clear(app, &Clear { domains }).await,
            };
            let (taken, by) = match answer {
                Ok(_) => return Ok(()),
                Err(SwitchError::Refused(Refused::DomainTaken { domain, app })) => (domain, app),
                Err(error) => return Err(error.into()),
            };
            // The traffic that goes back does not wait for a name that another app has got meanwhile.
            let goes_back = self.journal.failure.is_some();
            let left = moved.as_mut().filter(|_| goes_back);
            let is_left = left.is_some_and(|domains| {
                let before = domains.len();
                domains.retain(|domain| !domain.claims_same(&taken));
                domains.len() < before
            });
            let by = by.filter(|app| self.access().allows(app));
            if !is_left {
                let refused = Refused::DomainTaken {
                    domain: taken,
                    app: by,
                };
                return Err(engine::Error::Switch(refused.into()).into());
            }
            self.log.tell(Event::DomainLost { domain: taken, by });
        }
    }

    /// The name by which containers are asked whether they are healthy, as clients of their release will ask: the app's first
    /// domain.
    pub(crate) fn name_of(&self, containers: &[ContainerId]) -> Result<Option<AskedName>, Error> {
        let own = domains::of(&self.dir)?;
        let of_release = self.domains_of(self.release_of(containers)?)?;
        let first = first_address(&own, &of_release);
        Ok(first.map(|domain| Served::read(self.dir.root()).asked_name(&domain.name)))
    }

    /// The error pages of a release, by its code.
    fn error_pages_of(&self, release: Option<ReleaseId>) -> ErrorPages {
        let of = |release| error_pages::of_release(&self.dir.tree(release), self.dir.app());
        release.map(of).unwrap_or_default()
    }

    /// The domains of a release, by its record.
    fn domains_of(&self, release: Option<ReleaseId>) -> Result<Vec<Domain>, Error> {
        let Some(release) = release else {
            return Ok(Vec::new());
        };
        let record = records::load(&self.dir, release)?;
        Ok(record.map(|record| record.domains).unwrap_or_default())
    }
}

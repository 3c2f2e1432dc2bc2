//! All routes and their targets, and every change of them. No lock is held while anything is waited for.
//!
//! A change is written to the table before it is made. What a target's container does is told by somebody who follows the
//! engine ([`Switch::mark_down`], [`Switch::mark_up`]), and seen in its process (`process_watch`).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock, Weak};
use std::time::Duration;

use gokku_core::domains::domain::Domain;
use gokku_core::{AppName, ContainerId};

use crate::config::limits::Limits;
use crate::control::api::{self, Refused};
use crate::route::app_route::Route;
use crate::route::domain_table::DomainTable;
use crate::route::process_watch::ProcessWatch;
use crate::route::table::{Entry, Routes, TableFile};
use crate::route::target::Target;
use crate::support::lock::{lock, read, write};

/// All routes, and all targets that still have requests or traffic.
#[derive(Debug)]
pub struct Switch {
    routes: RwLock<HashMap<AppName, Arc<Route>>>,
    domains: Arc<DomainTable>,
    targets: Mutex<HashMap<ContainerId, Weak<Target>>>,
    table: TableFile,
    limits: Limits,
    watched: AtomicBool,
    processes: ProcessWatch,
    /// One change at a time, its write to disk included. Requests never take it.
    changing: tokio::sync::Mutex<()>,
}

/// A target whose health is to be checked.
#[derive(Clone, Debug)]
pub(crate) struct CheckedTarget {
    pub(crate) target: Arc<Target>,
    pub(crate) facts: api::Target,
    /// The name by which the app is asked; its address where it has none.
    pub(crate) host: Option<String>,
}

/// What a change of a route says of its containers.
#[derive(Clone, Copy)]
enum ContainerReport<'a> {
    /// Nothing new.
    Nothing,
    /// These run where the changed entry says.
    Running(&'a [ContainerId]),
    /// These run where the changed entry says, and are healthy.
    Healthy(&'a [ContainerId]),
}

impl Switch {
    /// Creates a switch with these routes, whose changes are written to the table. It opens no port. The limits are those
    /// of the apps.
    pub fn new(table: TableFile, routes: Routes, limits: Limits) -> Self {
        let switch = Self {
            limits,
            routes: RwLock::default(),
            domains: Arc::default(),
            targets: Mutex::default(),
            table,
            watched: AtomicBool::new(false),
            processes: ProcessWatch::default(),
            changing: tokio::sync::Mutex::new(()),
        };
        for (app, entry) in routes {
            let targets = switch.targets_of(&app, entry.targets.clone());
            // While nobody watched they may have come back with another address, and another container with theirs.
            for target in &targets {
                target.set_down(true);
            }
            let domains = entry.all_domains();
            let route = Arc::new(Route::new(app.clone(), entry, targets));
            switch.domains.change(&route, &[], &domains);
            write(&switch.routes).insert(app, route);
        }
        switch
    }

    /// Returns all routes.
    pub fn routes(&self) -> Vec<Arc<Route>> {
        read(&self.routes).values().cloned().collect()
    }

    /// Returns the app that a request leads to by its domain, given its host, perhaps with a port, and its path without the query.
    pub fn leads_to(&self, host: &str, path: &str) -> Option<AppName> {
        let found = self.domains.find(host, path)?;
        Some(found.route.app().clone())
    }

    /// Returns the domains of all apps.
    pub(crate) fn domains(&self) -> &Arc<DomainTable> {
        &self.domains
    }

    /// Returns an app's route.
    pub fn route(&self, app: &AppName) -> Result<Arc<Route>, Refused> {
        read(&self.routes)
            .get(app)
            .cloned()
            .ok_or_else(|| Refused::NoRoute { app: app.to_string() })
    }

    /// Returns the targets for these containers: one that is known already keeps its requests in flight.
    fn targets_of(&self, app: &AppName, containers: Vec<api::Target>) -> Vec<Arc<Target>> {
        let mut known = lock(&self.targets);
        known.retain(|_, target| target.strong_count() > 0);
        containers
            .into_iter()
            .map(|facts| {
                let there = known.get(&facts.container).and_then(Weak::upgrade);
                let there = there.filter(|there| there.app == *app);
                if let Some(there) = there.as_ref().filter(|there| !there.cut.is_cancelled()) {
                    there.update(facts);
                    return Arc::clone(there);
                }
                let target = Arc::new(Target::new(app.clone(), facts.clone(), &self.limits));
                target.set_down(there.is_some_and(|there| there.is_down()));
                known.insert(facts.container, Arc::downgrade(&target));
                target
            })
            .collect()
    }

    /// Returns a target, also one that gets no traffic any more.
    pub fn target(&self, container: &ContainerId) -> Option<Arc<Target>> {
        lock(&self.targets).get(container).and_then(Weak::upgrade)
    }

    /// Writes the table as it will be after a change.
    async fn save(&self, change: impl FnOnce(&mut Routes)) -> Result<(), Refused> {
        let mut routes: Routes = self
            .routes()
            .iter()
            .map(|route| (route.app().clone(), route.entry()))
            .collect();
        change(&mut routes);
        let table = self.table.clone();
        let saved = tokio::task::spawn_blocking(move || table.save(&routes)).await;
        match saved {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Refused::Table {
                reason: error.to_string(),
            }),
            Err(error) => Err(Refused::Table {
                reason: error.to_string(),
            }),
        }
    }

    /// Changes a route: first in the table, then for its requests.
    async fn change(
        &self,
        app: &AppName,
        report: ContainerReport<'_>,
        change: impl FnOnce(&mut Entry),
    ) -> Result<Arc<Route>, Refused> {
        let _one_at_a_time = self.changing.lock().await;
        let route = self.route(app)?;
        let mut entry = route.entry();
        let before = entry.clone();
        change(&mut entry);
        let is_moved = entry.domains != before.domains || entry.release_domains != before.release_domains;
        let moved = is_moved.then(|| (before.all_domains(), entry.all_domains()));
        if let Some((_, now)) = &moved
            && let Some(claimed) = self.domains.first_claimed(app, now)
        {
            return Err(Refused::DomainTaken {
                domain: claimed.domain,
                app: Some(claimed.by),
            });
        }
        if entry != before {
            self.save(|routes| {
                routes.insert(app.clone(), entry.clone());
            })
            .await?;
        }
        let targets = self.targets_of(app, entry.targets.clone());
        for target in &targets {
            let container = target.facts().container;
            match report {
                ContainerReport::Healthy(containers) if containers.contains(&container) => {
                    target.mark_healthy();
                }
                ContainerReport::Running(containers) if containers.contains(&container) => target.mark_up(),
                _ => {}
            }
        }
        route.set(entry, targets);
        if let Some((before, now)) = &moved {
            self.domains.change(&route, before, now);
        }
        if let ContainerReport::Running([_, ..]) | ContainerReport::Healthy([_, ..]) = report {
            self.processes.look_again();
        }
        Ok(route)
    }

    /// Gives an app a route, or its route another port for HTTP, or none.
    pub async fn put(&self, app: &AppName, port: Option<u16>) -> Result<Arc<Route>, Refused> {
        if self.route(app).is_ok() {
            return self
                .change(app, ContainerReport::Nothing, |entry| entry.port = port)
                .await;
        }
        let _one_at_a_time = self.changing.lock().await;
        self.save(|routes| {
            routes.insert(app.clone(), Entry::of_port(port));
        })
        .await?;
        let route = Arc::new(Route::new(app.clone(), Entry::of_port(port), Vec::new()));
        write(&self.routes).insert(app.clone(), Arc::clone(&route));
        Ok(route)
    }

    /// Gives a route these targets with their TCP ports, and lets waiting requests and connections go to them.
    pub async fn switch(&self, app: &AppName, to: api::SwitchTo) -> Result<(), Refused> {
        if to.targets.is_empty() && to.keep.is_empty() {
            return Err(Refused::Request {
                reason: "a switch needs a target; `clear` takes them away".to_owned(),
            });
        }
        if let Some(reason) = to.wrong_ports() {
            return Err(Refused::Request { reason });
        }
        let running: Vec<_> = to.targets.iter().map(|target| target.container.clone()).collect();
        let route = self.route(app)?;
        let there = route.entry().targets;
        if let Some(gone) = to
            .keep
            .iter()
            .find(|id| !there.iter().any(|target| target.container == **id))
        {
            return Err(Refused::NoTarget {
                container: (*gone).clone(),
            });
        }
        self.change(app, ContainerReport::Healthy(&running), |entry| entry.switch(to))
            .await
            .map(drop)
    }

    /// Gives an app the domains that it has whatever its release is.
    pub async fn put_domains(&self, app: &AppName, domains: Vec<Domain>) -> Result<(), Refused> {
        self.change(app, ContainerReport::Nothing, |entry| entry.domains = domains)
            .await
            .map(drop)
    }

    /// Has an app's clients get a page, or the app.
    pub async fn put_maintenance(&self, app: &AppName, put: api::PutMaintenance) -> Result<(), Refused> {
        self.change(app, ContainerReport::Nothing, |entry| {
            entry.maintenance = put.maintenance;
        })
        .await
        .map(drop)
    }

    /// Makes requests wait, each up to the limit.
    pub async fn hold(&self, app: &AppName, hold: api::Hold) -> Result<(), Refused> {
        self.change(app, ContainerReport::Nothing, |entry| {
            entry.hold_ms = Some(hold.limit_ms);
        })
        .await
        .map(drop)
    }

    /// Lets waiting requests go on.
    pub async fn release(&self, app: &AppName) -> Result<(), Refused> {
        self.change(app, ContainerReport::Nothing, |entry| entry.hold_ms = None)
            .await
            .map(drop)
    }

    /// Takes all targets away: all requests are refused, also those that wait.
    pub async fn clear(&self, app: &AppName, clear: api::Clear) -> Result<(), Refused> {
        let change = |entry: &mut Entry| {
            entry.targets = Vec::new();
            entry.hold_ms = None;
            if let Some(domains) = clear.domains {
                entry.release_domains = domains;
            }
        };
        self.change(app, ContainerReport::Nothing, change).await.map(drop)
    }

    /// Forgets an app.
    pub async fn delete(&self, app: &AppName) -> Result<(), Refused> {
        let _one_at_a_time = self.changing.lock().await;
        let route = self.route(app)?;
        self.save(|routes| {
            routes.remove(app);
        })
        .await?;
        write(&self.routes).remove(app);
        self.domains.change(&route, &route.entry().all_domains(), &[]);
        route.clear();
        Ok(())
    }

    /// Waits for a container's requests to end, up to the limits.
    pub async fn drain(&self, drain: api::Drain) -> Result<api::Drained, Refused> {
        // A container that is no longer known has nothing in flight.
        let Some(target) = self.target(&drain.container) else {
            return Ok(api::Drained { left: 0, cut: 0 });
        };
        let limit = Duration::from_millis(drain.limit_ms);
        let upgrade_limit = Duration::from_millis(drain.upgrade_limit_ms);
        Ok(target.drain(limit, upgrade_limit).await)
    }

    /// Marks a container as not running: nothing is sent to its address until [`Switch::mark_up`] tells where it is.
    pub fn mark_down(&self, container: &ContainerId) {
        if let Some(target) = self.target(container) {
            target.set_down(true);
        }
    }

    /// Marks a container as running at this address; its port stays.
    pub async fn mark_up(&self, container: &ContainerId, address: IpAddr) -> Result<(), Refused> {
        let Some(target) = self.target(container) else {
            return Err(Refused::NoTarget {
                container: container.clone(),
            });
        };
        let change = |entry: &mut Entry| {
            for target in entry
                .targets
                .iter_mut()
                .filter(|target| target.container == *container)
            {
                target.address = SocketAddr::new(address, target.address.port());
            }
        };
        let running = ContainerReport::Running(std::slice::from_ref(container));
        let written = self.change(&target.app, running, change).await;
        if written.is_err() {
            // It has this address whether or not that can be written: a full disk does not take an app down. Whoever reads
            // the table checks where its containers are before believing it.
            let facts = target.facts();
            target.update(api::Target {
                address: SocketAddr::new(address, facts.address.port()),
                ..facts
            });
        }
        // Also a target that has no traffic any more.
        target.mark_up();
        self.processes.look_again();
        written.map(drop)
    }

    /// Marks all containers down whose process is not seen. For when nobody can tell which containers run: the engine does
    /// not answer, and may start others meanwhile, so nobody knows who has those containers' addresses.
    pub fn mark_unseen_down(&self) {
        for target in self.known() {
            if target.process().is_none() {
                target.set_down(true);
            }
        }
    }

    /// Marks all containers up whose process is seen, with the address that they have in the table.
    pub(crate) async fn mark_seen_up(&self) {
        self.processes.mark_seen_up(self.known()).await;
    }

    /// Finds and watches the containers' processes, for ever.
    pub(crate) async fn watch_processes(&self) {
        self.processes.run(|| self.known()).await;
    }

    /// Waits for the next container whose process is seen to end.
    pub async fn next_ended(&self) -> ContainerId {
        self.processes.next_ended().await
    }

    /// Returns all containers that get traffic, or still have requests.
    pub fn containers(&self) -> Vec<ContainerId> {
        let known = lock(&self.targets);
        let there = known.iter().filter(|(_, target)| target.strong_count() > 0);
        there.map(|(id, _)| id.clone()).collect()
    }

    fn known(&self) -> Vec<Arc<Target>> {
        lock(&self.targets).values().filter_map(Weak::upgrade).collect()
    }

    /// Returns the targets whose health is to be checked, and how.
    pub(crate) fn checked_targets(&self) -> Vec<CheckedTarget> {
        let mut all = Vec::new();
        for route in self.routes() {
            let (targets, host) = route.checked_targets();
            all.extend(targets.into_iter().filter_map(|target| {
                let facts = target.facts();
                let is_checked = facts.health.is_some() || !facts.tcp.is_empty();
                is_checked.then(|| CheckedTarget {
                    target,
                    facts,
                    host: host.clone(),
                })
            }));
        }
        all
    }

    /// Sets whether somebody tells from now on which containers run ([`Switch::mark_down`], [`Switch::mark_up`]). Returns
    /// whether somebody did before.
    pub fn set_watched(&self, watched: bool) -> bool {
        self.watched.swap(watched, Ordering::AcqRel)
    }

    /// Returns whether somebody tells which containers run.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Acquire)
    }

    /// Returns the status of a route.
    pub fn status(&self, route: &Route) -> api::RouteStatus {
        route.status(self.known().iter())
    }
}

//! Routes and their targets.
//!
//! A request is counted on its target under the same read lock that picks it, and a switch takes the write
//! lock: after a switch, whoever drains the old target knows of every request it will ever have. No lock is
//! held while anything is waited for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use gokku_core::{AppName, ContainerId};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::api::{self, Refused};
use crate::limits::Limits;
use crate::process::{self, Found};
use crate::table::{Entry, Routes, TableFile};
use crate::target::{Lease, Target};
use crate::told::Told;

/// An app's route.
#[derive(Debug)]
pub struct Route {
    app: AppName,
    state: RwLock<State>,
    /// Told when the state has changed.
    changed: Notify,
    requests: AtomicU64,
    waiting: AtomicU64,
    trouble: Mutex<Option<String>>,
    told: Told,
}

#[derive(Debug)]
struct State {
    port: u16,
    targets: Vec<Arc<Target>>,
    /// How long a request may wait, while requests wait.
    hold: Option<Duration>,
}

/// Why a request gets no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nowhere {
    /// The app has none: it was stopped, or never deployed.
    NoTarget,
    /// It waited as long as it may.
    HeldTooLong,
    /// What runs of it answers no requests.
    NoWeb,
}

/// Counts a waiting request for as long as it lives.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Route {
    /// The app.
    pub fn app(&self) -> &AppName {
        &self.app
    }

    /// What the log was told of own answers.
    pub(crate) fn told(&self) -> &Told {
        &self.told
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request as accepted, and gives it its turn number.
    pub(crate) fn arrive(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Picks a target and counts the request on it, in one step; waits first while requests are held.
    pub(crate) async fn lease(&self, turn: u64, refused: &[ContainerId]) -> Result<Lease, Nowhere> {
        let began = Instant::now();
        let mut waiting = None;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Listen before looking, so that a release in between is heard.
            changed.as_mut().enable();
            let limit = {
                let state = self.read();
                match state.hold {
                    None => {
                        return pick(&state.targets, turn, refused)
                            .map(Lease::take)
                            .ok_or(Nowhere::NoTarget);
                    }
                    Some(limit) => limit,
                }
            };
            waiting.get_or_insert_with(|| Waiting::new(&self.waiting));
            if timeout_at(began + limit, changed).await.is_err() {
                return Err(Nowhere::HeldTooLong);
            }
        }
    }

    /// Whether another target than this one could be asked.
    pub(crate) fn has_other(&self, container: &ContainerId) -> bool {
        let state = self.read();
        let mut others = state.targets.iter();
        others.any(|target| !target.is_down() && target.facts().container != *container)
    }

    fn entry(&self) -> Entry {
        let state = self.read();
        Entry {
            port: state.port,
            targets: state.targets.iter().map(|target| target.facts()).collect(),
            hold_ms: state
                .hold
                .map(|hold| u64::try_from(hold.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(crate) fn port(&self) -> u16 {
        self.read().port
    }
}

/// The one with the fewest requests in flight for its weight, of those that are not down and pass their health check;
/// where several have as few, by weight in turns: each turn has its place in a round as long as their weights together.
/// `refused` are those that have refused this request: they come after the unhealthy ones. Where none is better, all are
/// as good: the last one is never taken out.
fn pick<'a>(targets: &'a [Arc<Target>], turn: u64, refused: &[ContainerId]) -> Option<&'a Arc<Target>> {
    if let [only] = targets {
        return Some(only);
    }
    let looked_at: Vec<Choice<'a>> = targets.iter().map(|target| Choice::of(target, refused)).collect();
    let best = looked_at.iter().min_by(|one, other| one.compare(other))?;
    let as_good = || {
        looked_at
            .iter()
            .filter(|choice| choice.compare(best) == std::cmp::Ordering::Equal)
    };
    let round: u64 = as_good().map(|choice| choice.weight).sum();
    let mut place = turn.checked_rem(round)?;
    for choice in as_good() {
        if place < choice.weight {
            return Some(choice.target);
        }
        place -= choice.weight;
    }
    None
}

/// A target as it was when one was picked.
struct Choice<'a> {
    target: &'a Arc<Target>,
    /// How little it is to be hoped of.
    hopeless: u8,
    in_flight: u64,
    weight: u64,
}

impl<'a> Choice<'a> {
    fn of(target: &'a Arc<Target>, refused: &[ContainerId]) -> Self {
        let facts = target.facts();
        Self {
            hopeless: u8::from(!target.health().is_in())
                + 2 * u8::from(refused.contains(&facts.container))
                + 4 * u8::from(target.is_down()),
            in_flight: target.in_flight(),
            weight: u64::from(facts.weight.max(1)),
            target,
        }
    }

    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        let load = |mine: &Self, theirs: &Self| u128::from(mine.in_flight) * u128::from(theirs.weight);
        self.hopeless
            .cmp(&other.hopeless)
            .then_with(|| load(self, other).cmp(&load(other, self)))
    }
}

/// Containers whose process has ended, until somebody hears of it.
#[derive(Debug, Default)]
struct Ended {
    containers: Mutex<BTreeSet<ContainerId>>,
    told: Notify,
}

impl Ended {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<ContainerId>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every route, and every target that is still known.
#[derive(Debug)]
pub struct Switch {
    routes: RwLock<HashMap<AppName, Arc<Route>>>,
    targets: Mutex<HashMap<ContainerId, Weak<Target>>>,
    table: TableFile,
    limits: Limits,
    watched: AtomicBool,
    /// Told when a container's process is to be looked for.
    unseen: Notify,
    ended: Arc<Ended>,
    /// One change at a time, its write to disk included. Requests never take it.
    changing: tokio::sync::Mutex<()>,
}

impl Switch {
    /// A switch with these routes, whose changes are written to the table. It opens no port. The limits are those of
    /// its apps.
    pub fn new(table: TableFile, routes: Routes, limits: Limits) -> Self {
        let switch = Self {
            limits,
            routes: RwLock::default(),
            targets: Mutex::default(),
            table,
            watched: AtomicBool::new(false),
            unseen: Notify::new(),
            ended: Arc::default(),
            changing: tokio::sync::Mutex::new(()),
        };
        for (app, entry) in routes {
            let targets = switch.targets_of(&app, entry.targets);
            // They may have come back elsewhere while nobody watched, and another container where they were.
            for target in &targets {
                target.set_down(true);
            }
            let route = route(
                app.clone(),
                entry.port,
                targets,
                entry.hold_ms.map(Duration::from_millis),
            );
            switch.write().insert(app, route);
        }
        switch
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<AppName, Arc<Route>>> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every route.
    pub fn routes(&self) -> Vec<Arc<Route>> {
        self.routes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// An app's route.
    pub fn route(&self, app: &AppName) -> Result<Arc<Route>, Refused> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        routes
            .get(app)
            .cloned()
            .ok_or_else(|| Refused::NoRoute { app: app.to_string() })
    }

    /// The targets for what was told of them: a container that is known keeps its requests in flight.
    fn targets_of(&self, app: &AppName, told: Vec<api::Target>) -> Vec<Arc<Target>> {
        let mut known = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, target| target.strong_count() > 0);
        told.into_iter()
            .map(|facts| {
                let there = known.get(&facts.container).and_then(Weak::upgrade);
                let there = there.filter(|there| there.app == *app);
                if let Some(there) = there.as_ref().filter(|there| !there.cut.is_cancelled()) {
                    there.correct(facts);
                    return Arc::clone(there);
                }
                let target = Arc::new(Target::new(app.clone(), facts.clone(), &self.limits));
                target.set_down(there.is_some_and(|there| there.is_down()));
                known.insert(facts.container, Arc::downgrade(&target));
                target
            })
            .collect()
    }

    /// A target, also one that gets no traffic any more.
    pub fn target(&self, container: &ContainerId) -> Option<Arc<Target>> {
        self.targets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(container)
            .and_then(Weak::upgrade)
    }

    /// Writes the table as it will be after `change`, and only then makes it so.
    async fn save(&self, change: impl FnOnce(&mut Routes)) -> Result<(), Refused> {
        let mut routes: Routes = self
            .routes()
            .iter()
            .map(|route| (route.app.clone(), route.entry()))
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

    /// Changes a route; the containers in `running` are known to run where the changed entry says, and to be healthy when
    /// they are `proven`; of the others nothing new is known.
    async fn change(
        &self,
        app: &AppName,
        running: &[ContainerId],
        proven: bool,
        change: impl FnOnce(&mut Entry),
    ) -> Result<Arc<Route>, Refused> {
        let _one_at_a_time = self.changing.lock().await;
        let route = self.route(app)?;
        let mut entry = route.entry();
        let before = entry.clone();
        change(&mut entry);
        if entry != before {
            self.save(|routes| {
                routes.insert(app.clone(), entry.clone());
            })
            .await?;
        }
        let targets = self.targets_of(app, entry.targets);
        for target in targets
            .iter()
            .filter(|target| running.contains(&target.facts().container))
        {
            if proven {
                target.prove();
            } else {
                target.revive();
            }
        }
        {
            let mut state = route.state.write().unwrap_or_else(PoisonError::into_inner);
            state.targets = targets;
            state.hold = entry.hold_ms.map(Duration::from_millis);
            state.port = entry.port;
        }
        route.changed.notify_waiters();
        if !running.is_empty() {
            self.unseen.notify_one();
        }
        Ok(route)
    }

    /// Gives an app a route, or its route another port.
    pub async fn put(&self, app: &AppName, port: u16) -> Result<Arc<Route>, Refused> {
        if self.route(app).is_ok() {
            return self.change(app, &[], false, |entry| entry.port = port).await;
        }
        let _one_at_a_time = self.changing.lock().await;
        let entry = Entry {
            port,
            targets: Vec::new(),
            hold_ms: None,
        };
        self.save(|routes| {
            routes.insert(app.clone(), entry);
        })
        .await?;
        let route = route(app.clone(), port, Vec::new(), None);
        self.write().insert(app.clone(), Arc::clone(&route));
        Ok(route)
    }

    /// Gives a route these targets, and lets waiting requests go to them.
    pub async fn switch(&self, app: &AppName, to: api::SwitchTo) -> Result<(), Refused> {
        if to.targets.is_empty() && to.keep.is_empty() {
            return Err(Refused::Request {
                reason: "a switch needs a target; `clear` takes them away".to_owned(),
            });
        }
        let running: Vec<_> = to.targets.iter().map(|told| told.container.clone()).collect();
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
        let change = |entry: &mut Entry| {
            entry
                .targets
                .retain(|target| to.keep.contains(&target.container) && !running.contains(&target.container));
            entry.targets.extend(to.targets);
            entry.hold_ms = None;
        };
        self.change(app, &running, true, change).await.map(drop)
    }

    /// Lets requests wait, each up to the limit.
    pub async fn hold(&self, app: &AppName, hold: api::Hold) -> Result<(), Refused> {
        self.change(app, &[], false, |entry| entry.hold_ms = Some(hold.limit_ms))
            .await
            .map(drop)
    }

    /// Lets waiting requests go on.
    pub async fn release(&self, app: &AppName) -> Result<(), Refused> {
        self.change(app, &[], false, |entry| entry.hold_ms = None)
            .await
            .map(drop)
    }

    /// Takes all targets away: requests, also waiting ones, are refused.
    pub async fn clear(&self, app: &AppName) -> Result<(), Refused> {
        let change = |entry: &mut Entry| {
            entry.targets = Vec::new();
            entry.hold_ms = None;
        };
        self.change(app, &[], false, change).await.map(drop)
    }

    /// Forgets an app.
    pub async fn delete(&self, app: &AppName) -> Result<(), Refused> {
        let _one_at_a_time = self.changing.lock().await;
        let route = self.route(app)?;
        self.save(|routes| {
            routes.remove(app);
        })
        .await?;
        self.write().remove(app);
        {
            let mut state = route.state.write().unwrap_or_else(PoisonError::into_inner);
            state.targets = Vec::new();
            state.hold = None;
        }
        route.changed.notify_waiters();
        Ok(())
    }

    /// Waits for a container's requests to end.
    pub async fn drain(&self, drain: api::Drain) -> Result<api::Drained, Refused> {
        // What is no longer known has nothing in flight.
        let Some(target) = self.target(&drain.container) else {
            return Ok(api::Drained { left: 0, cut: 0 });
        };
        let limits = (
            Duration::from_millis(drain.limit_ms),
            Duration::from_millis(drain.upgrade_limit_ms),
        );
        Ok(target.drain(limits.0, limits.1).await)
    }

    /// A container does not run: nothing is sent to its address until [`Switch::repair`] tells where it is.
    pub fn lose(&self, container: &ContainerId) {
        if let Some(target) = self.target(container) {
            target.set_down(true);
        }
    }

    /// Every container that gets, or got, traffic.
    pub fn containers(&self) -> Vec<ContainerId> {
        let known = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let there = known.iter().filter(|(_, target)| target.strong_count() > 0);
        there.map(|(id, _)| id.clone()).collect()
    }

    fn known(&self) -> Vec<Arc<Target>> {
        let known = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().filter_map(Weak::upgrade).collect()
    }

    /// Nobody can tell which containers run: whoever runs them does not answer, and may start others meanwhile. Those
    /// whose process is seen go on; of the others it is not known who has their address.
    pub fn doubt(&self) {
        for target in self.known() {
            if target.process().is_none() {
                target.set_down(true);
            }
        }
    }

    /// Sends requests to those targets that are seen to be what they were: their container's process lives, and has their
    /// address.
    pub(crate) async fn recognize(&self) {
        for (target, found) in self.find(self.known()).await {
            if let Some(found) = found.filter(|found| found.has(target.address().ip()))
                && self.watch(&target, found)
            {
                target.revive();
            }
        }
    }

    /// Looks for the processes of those whose process is not seen, for ever.
    pub(crate) async fn keep_seeing(&self) {
        loop {
            self.unseen.notified().await;
            let mut unseen = self.known();
            unseen.retain(|target| !target.is_down() && target.process().is_none());
            for (target, found) in self.find(unseen).await {
                match found {
                    Some(found) => drop(self.watch(&target, found)),
                    None => target.not_found(),
                }
            }
        }
    }

    /// The processes of these; of none where they cannot be looked for.
    async fn find(&self, targets: Vec<Arc<Target>>) -> Vec<(Arc<Target>, Option<Found>)> {
        let wanted: HashSet<ContainerId> = targets.iter().map(|target| target.facts().container).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let looked = tokio::task::spawn_blocking(move || process::find(&wanted)).await;
        let mut found = match looked.map_err(io::Error::other).flatten() {
            Ok(found) => found,
            Err(error) => {
                tracing::error!("the containers' processes cannot be looked for: {error}");
                return Vec::new();
            }
        };
        let pairs = targets.into_iter().map(|target| {
            let process = found.remove(&target.facts().container);
            (target, process)
        });
        pairs.collect()
    }

    fn watch(&self, target: &Arc<Target>, found: Found) -> bool {
        let ended = Arc::clone(&self.ended);
        let watched = target.watch(found, move |container| {
            ended.lock().insert(container.clone());
            ended.told.notify_one();
        });
        if let Err(error) = &watched {
            tracing::error!(app = %target.app, "its container's process cannot be watched: {error}");
        }
        watched.is_ok()
    }

    /// The next container whose process is seen to have ended.
    pub async fn ended(&self) -> ContainerId {
        loop {
            let told = self.ended.told.notified();
            if let Some(container) = self.ended.lock().pop_first() {
                return container;
            }
            told.await;
        }
    }

    /// What has traffic and is asked whether it is healthy, with its container and the path; where requests wait, nobody
    /// is: what is there is about to stop.
    pub(crate) fn watched_targets(&self) -> Vec<(Arc<Target>, ContainerId, String)> {
        let routes = self.routes();
        let targets = routes.iter().flat_map(|route| {
            let state = route.read();
            let targets = if state.hold.is_some() {
                Vec::new()
            } else {
                state.targets.clone()
            };
            targets.into_iter()
        });
        targets
            .filter_map(|target| {
                let facts = target.facts();
                Some((target, facts.container, facts.health?))
            })
            .collect()
    }

    /// Somebody tells from now on which containers run ([`Switch::lose`], [`Switch::repair`]), or nobody does any more.
    /// Whether somebody did before.
    pub fn set_watched(&self, watched: bool) -> bool {
        self.watched.swap(watched, Ordering::AcqRel)
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Acquire)
    }

    /// A container runs, and has this address: its port stays.
    pub async fn repair(&self, container: &ContainerId, address: std::net::IpAddr) -> Result<(), Refused> {
        let Some(target) = self.target(container) else {
            return Err(Refused::NoTarget {
                container: container.clone(),
            });
        };
        let change = |entry: &mut Entry| {
            for told in entry
                .targets
                .iter_mut()
                .filter(|told| told.container == *container)
            {
                told.address = SocketAddr::new(address, told.address.port());
            }
        };
        let written = self
            .change(&target.app, std::slice::from_ref(container), false, change)
            .await;
        if written.is_err() {
            // It has this address whether or not that can be written: a full disk does not take an app down. Whoever reads
            // the table looks where its containers are before it believes it.
            let told = target.facts();
            target.correct(api::Target {
                address: SocketAddr::new(address, told.address.port()),
                ..told
            });
        }
        // Also one that has no traffic any more.
        target.revive();
        self.unseen.notify_one();
        written.map(drop)
    }

    /// What is known of a route.
    pub fn status(&self, route: &Route) -> api::RouteStatus {
        let (port, targets, held) = {
            let state = route.read();
            (state.port, state.targets.clone(), state.hold.is_some())
        };
        let known = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let retired = known
            .values()
            .filter_map(Weak::upgrade)
            .filter(|target| {
                target.app == route.app
                    && target.in_flight() > 0
                    && !targets.iter().any(|routed| Arc::ptr_eq(routed, target))
            })
            .map(|target| target.status())
            .collect();
        api::RouteStatus {
            app: route.app.clone(),
            port,
            targets: targets.iter().map(|target| target.status()).collect(),
            retired,
            held,
            waiting: route.waiting.load(Ordering::Relaxed),
            requests: route.requests.load(Ordering::Relaxed),
            trouble: route
                .trouble
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

fn route(app: AppName, port: u16, targets: Vec<Arc<Target>>, hold: Option<Duration>) -> Arc<Route> {
    Arc::new(Route {
        app,
        state: RwLock::new(State { port, targets, hold }),
        changed: Notify::new(),
        requests: AtomicU64::new(0),
        waiting: AtomicU64::new(0),
        trouble: Mutex::new(None),
        told: Told::default(),
    })
}

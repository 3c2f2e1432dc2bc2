//! The traffic switch in memory: the routes of the real one, without its ports and its socket. It looks at what it is told.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_core::config::tcp_port::ProxyProtocol;
use gokku_core::containers::ContainerState;
use gokku_core::domains::domain::Domain;
use gokku_core::{AppName, ContainerId, ReleaseId};
use gokku_proxy::control::api::{
    CertificatesStatus, Clear, Drain, Drained, Hold, PutDomains, PutMaintenance, PutRoute, Refused,
    RouteStatus, Status, SwitchTo, Target,
};
use gokku_proxy::control::client::Error;
use gokku_proxy::health::probe::{AskedName, Probe};
use gokku_proxy::route::table::{Routes, TableFile};
use gokku_proxy::{Limits, Switch};
use tokio::task::yield_now;

use crate::engine::fake::Fake;
use crate::engine::traffic_switch::{Answer, TrafficSwitch};

/// The containers that have answered, with how often they had been started by then.
pub(super) type Answered = BTreeSet<(ContainerId, u32)>;

/// The switch, and what it has seen that may not be.
#[derive(Clone)]
pub(super) struct InMemory {
    switch: Arc<Switch>,
    fake: Fake,
    answered: Arc<Mutex<Answered>>,
    wrong: Arc<Mutex<Vec<String>>>,
    /// Whoever is asked answers.
    credulous: bool,
    /// Another app, and the domain that it takes as soon as that is free.
    waits_for: Arc<Mutex<Option<(AppName, Domain)>>>,
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the traffic switch in memory")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl InMemory {
    pub(super) fn new(table: TableFile, routes: Routes, fake: &Fake, answered: Answered) -> Self {
        let switch = Arc::new(Switch::new(table, routes, Limits::default()));
        switch.set_watched(true);
        let (there, wrong) = (Arc::clone(&switch), Arc::new(Mutex::new(Vec::new())));
        let told = Arc::clone(&wrong);
        fake.watch(move |ends, id| {
            let has_it = |route: &RouteStatus| route.targets.iter().any(|target| target.container == *id);
            let all = there.routes().into_iter().map(|route| there.status(&route));
            for route in all.filter(|route| has_it(route) && !route.held) {
                lock(&told).push(format!(
                    "{ends:?} of {}, which has the traffic of {}",
                    id.short(),
                    route.app
                ));
            }
        });
        Self {
            switch,
            fake: fake.clone(),
            answered: Arc::new(Mutex::new(answered)),
            wrong,
            credulous: false,
            waits_for: Arc::default(),
        }
    }

    /// Has another app take a domain as soon as a switch leaves it.
    pub(super) fn let_wait(&self, app: AppName, domain: Domain) {
        *lock(&self.waits_for) = Some((app, domain));
    }

    /// Breaks a rule: whoever is asked is taken for somebody who answers.
    pub(super) fn believe(&mut self, credulous: bool) {
        self.credulous = credulous;
    }

    /// The routes themselves, as the daemon has them.
    pub(super) fn routes(&self) -> &Arc<Switch> {
        &self.switch
    }

    pub(super) fn answered(&self) -> Answered {
        lock(&self.answered).clone()
    }

    /// What was seen that may not be.
    pub(super) fn wrong(&self) -> Vec<String> {
        lock(&self.wrong).clone()
    }

    /// Where traffic goes must be somebody who runs there, and has answered since it was started.
    fn look_at(&self, target: &Target) {
        let world = self.fake.world();
        let there = world.at(target.address.ip());
        let there = there.filter(|(facts, _)| facts.id == target.container);
        let say = |what: &str| {
            let words = format!(
                "traffic is sent to {} at {}, {what}",
                target.container.short(),
                target.address
            );
            lock(&self.wrong).push(words);
        };
        match there {
            None => say("which is not there"),
            Some((facts, _)) if facts.state != ContainerState::Running => say("which does not run"),
            Some((facts, starts)) if target.address.port() != 0 => {
                if !lock(&self.answered).contains(&(facts.id.clone(), starts)) {
                    say("which has not answered since it was started");
                }
            }
            Some(_) => {}
        }
    }

    /// The domains of an app are those of the release that has its traffic, whatever has become of it.
    fn look_at_domains(&self, app: &AppName) {
        let Ok(route) = Self::status_of(&self.switch, app) else {
            return;
        };
        let names: BTreeSet<String> = route
            .release_domains
            .iter()
            .map(|domain| domain.name.as_str().to_owned())
            .collect();
        let routed: BTreeSet<String> = route
            .targets
            .iter()
            .map(|target| domain_of(app, target.release))
            .collect();
        if !routed.is_empty() && names != routed {
            lock(&self.wrong).push(format!("{names:?} lead to {routed:?}"));
        }
    }

    /// A change, in a task of its own: one that has begun is completed when whoever asked for it has gone.
    async fn change<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Refused>> + Send + 'static,
    ) -> Result<T, Error> {
        yield_now().await;
        let done = tokio::spawn(change).await;
        yield_now().await;
        Ok(done.expect("the switch does not panic")?)
    }

    fn status_of(switch: &Switch, app: &AppName) -> Result<RouteStatus, Refused> {
        Ok(switch.status(&*switch.route(app)?))
    }

    /// The same of a route, whose status is the answer.
    fn changed<'a, C>(
        &'a self,
        app: &'a AppName,
        change: impl FnOnce(Arc<Switch>, AppName) -> C,
    ) -> Answer<'a, RouteStatus>
    where
        C: Future<Output = Result<(), Refused>> + Send + 'static,
    {
        let (switch, of) = (Arc::clone(&self.switch), app.clone());
        let changing = change(Arc::clone(&switch), app.clone());
        let me = self.clone();
        self.change(async move {
            changing.await?;
            me.look_at_domains(&of);
            Self::status_of(&switch, &of)
        })
        .boxed()
    }
}

impl TrafficSwitch for InMemory {
    fn status(&self) -> Answer<'_, Status> {
        let all = self.switch.routes();
        let status = Status {
            version: "simulated".to_owned(),
            pid: std::process::id(),
            watched: self.switch.is_watched(),
            trouble: None,
            domain_port: None,
            https_port: None,
            certificates: CertificatesStatus::default(),
            routes: all.iter().map(|route| self.switch.status(route)).collect(),
        };
        std::future::ready(Ok(status)).boxed()
    }

    fn route<'a>(&'a self, app: &'a AppName) -> Answer<'a, RouteStatus> {
        async {
            yield_now().await;
            Ok(Self::status_of(&self.switch, app)?)
        }
        .boxed()
    }

    fn put<'a>(&'a self, app: &'a AppName, put: PutRoute) -> Answer<'a, RouteStatus> {
        self.changed(app, |switch, app| async move {
            let taken: BTreeSet<u16> = switch
                .routes()
                .iter()
                .flat_map(|route| switch.status(route).ports().collect::<Vec<_>>())
                .collect();
            let there = Self::status_of(&switch, &app).ok();
            let first_free = |from: u16| {
                (from..=u16::MAX)
                    .find(|port| !taken.contains(port))
                    .unwrap_or(from)
            };
            let there = there.and_then(|route| route.port);
            let port = match put {
                PutRoute::Port(port) => Some(port),
                PutRoute::WithoutHttp => there,
                PutRoute::From(from) => there.or_else(|| Some(first_free(from))),
                PutRoute::Search(search) => there.or_else(|| Some(first_free(search.from))),
            };
            switch.put(&app, port).await.map(drop)
        })
    }

    fn put_domains<'a>(&'a self, app: &'a AppName, put: &'a PutDomains) -> Answer<'a, RouteStatus> {
        let domains = put.domains.clone();
        self.changed(app, |switch, app| async move {
            switch.put_domains(&app, domains).await
        })
    }

    fn put_maintenance<'a>(&'a self, app: &'a AppName, put: &'a PutMaintenance) -> Answer<'a, RouteStatus> {
        let put = put.clone();
        self.changed(app, |switch, app| async move {
            switch.put_maintenance(&app, put).await
        })
    }

    fn delete<'a>(&'a self, app: &'a AppName) -> Answer<'a, ()> {
        let (switch, app) = (Arc::clone(&self.switch), app.clone());
        self.change(async move { switch.delete(&app).await }).boxed()
    }

    fn switch<'a>(&'a self, app: &'a AppName, to: &'a SwitchTo) -> Answer<'a, RouteStatus> {
        let (me, to) = (self.clone(), to.clone());
        self.changed(app, |switch, app| async move {
            for target in &to.targets {
                me.look_at(target);
            }
            switch.switch(&app, to).await?;
            let waiting = lock(&me.waits_for).clone();
            if let Some((other, domain)) = waiting {
                // It waits on while this is still somebody's.
                let _ = switch.put_domains(&other, vec![domain]).await;
            }
            Ok(())
        })
    }

    fn hold<'a>(&'a self, app: &'a AppName, hold: Hold) -> Answer<'a, RouteStatus> {
        self.changed(app, |switch, app| async move { switch.hold(&app, hold).await })
    }

    fn release<'a>(&'a self, app: &'a AppName) -> Answer<'a, RouteStatus> {
        self.changed(app, |switch, app| async move { switch.release(&app).await })
    }

    fn clear<'a>(&'a self, app: &'a AppName, clear: &'a Clear) -> Answer<'a, RouteStatus> {
        let clear = clear.clone();
        self.changed(app, |switch, app| async move { switch.clear(&app, clear).await })
    }

    fn drain<'a>(&'a self, _: &'a AppName, drain: &'a Drain) -> Answer<'a, Drained> {
        let (switch, drain) = (Arc::clone(&self.switch), drain.clone());
        self.change(async move { switch.drain(drain).await }).boxed()
    }

    fn probe_tcp(&self, _: SocketAddr, _: Option<ProxyProtocol>, _: Duration) -> BoxFuture<'static, Probe> {
        // The apps of the world in memory have no TCP ports.
        std::future::ready(Probe::Refused).boxed()
    }

    fn probe<'a>(
        &'a self,
        (address, _): (SocketAddr, AppProtocol),
        _: &'a str,
        _: Option<&'a AskedName>,
        _: Duration,
    ) -> BoxFuture<'a, Probe> {
        async move {
            yield_now().await;
            let world = self.fake.world();
            let answers = world.answers(address);
            if !answers && !self.credulous {
                return Probe::Refused;
            }
            if answers && let Some((facts, starts)) = world.at(address.ip()) {
                lock(&self.answered).insert((facts.id.clone(), starts));
            }
            Probe::Answered {
                status: 200,
                location: None,
                body: String::new(),
            }
        }
        .boxed()
    }
}

/// The domain that a release of an app has.
pub(super) fn domain_of(app: &AppName, release: ReleaseId) -> String {
    format!("r{release}.{app}.example")
}

/// Where a container is, of one that runs.
pub(super) fn address(fake: &Fake, id: &ContainerId) -> Option<IpAddr> {
    let labels = fake.world().containers(&[]);
    let facts = labels.into_iter().find(|facts| facts.id == *id)?;
    crate::plan::networks::address(&facts)
}

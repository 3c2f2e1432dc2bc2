//! Does what was asked: one process for one transition, in a session of its own, with its words in a log.

use std::collections::BTreeSet;

use gokku_core::event::{Event, Finish};
use gokku_core::release::{Outcome, Record, VERSION};
use gokku_core::retention::{beyond_keeping, forgettable, rollback_target};
use gokku_core::transition::{Activation, Cause, Goal};
use gokku_core::{AppName, CommitId, ProcessKey, ReleaseId};
use gokku_docker::{Engine, labels};
use gokku_git::Repository;
use gokku_proxy::api::{PutRoute, Refused};
use tokio::sync::watch;

use crate::driver::{Driver, End, Parts};
use crate::error::Error;
use crate::lock::{self, AppLock, Attempt, Holder};
use crate::log::Log;
use crate::plan::Plan;
use crate::request::{Ask, Request};
use crate::server::Server;
use crate::{NETWORK, apps, atomic, clock, daemon, journal, log, perform, records};

/// How many records of an app are kept; those that can be gone back to always are.
const RECORDS_KEPT: usize = 100;

/// Does a request from beginning to end. All that is to be known of it is in its log.
pub async fn run(server: &Server, request: &Request, abort: watch::Receiver<bool>) -> Result<(), Error> {
    let began = clock::now_ms();
    let mut log = Log::open(&server.root, &request.app, request.id)?;
    let (finish, lock) = match make_ready(server, request, &mut log).await {
        Ok(ready) => {
            let prepared = &ready.prepared;
            log.tell(started(request, prepared.release, prepared.commit.clone()));
            go(server, request, ready, abort, &mut log).await
        }
        Err(stopped) => {
            log.tell(started_unprepared(request));
            (Err(stopped), None)
        }
    };
    let finish = finish.unwrap_or_else(|stopped| {
        clean_up(server, request);
        match stopped {
            Stopped::Superseded => Finish::Superseded,
            Stopped::Refused(error) => Finish::Refused {
                reason: error.refusal(),
                detail: error.message,
            },
        }
    });
    // Who reads of the end may act at once: the app must be free by then.
    drop(lock);
    let ms = u64::try_from(clock::now_ms() - began).unwrap_or(0);
    log.tell(Event::Finished { outcome: finish, ms });
    Ok(())
}

/// Nothing of a push that was not begun stays.
fn clean_up(server: &Server, request: &Request) {
    if matches!(request.ask, Ask::Deploy { .. }) {
        let gone = atomic::remove_tree(&server.root.incoming(&request.app, request.id))
            .and_then(|()| atomic::remove(&server.root.record(&request.app, request.id)));
        if let Err(error) = gone {
            tracing::warn!("{error}");
        }
    }
}

enum Stopped {
    Refused(Error),
    Superseded,
}

impl<E: Into<Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// What there is before a transition changes anything.
struct Ready {
    lock: AppLock,
    engine: Engine,
    prepared: Prepared,
}

/// Everything before the first change: the lock, what an earlier process left unfinished, what can be checked.
async fn make_ready(server: &Server, request: &Request, log: &mut Log) -> Result<Ready, Stopped> {
    let lock = acquire(server, request, log).await?;
    // Somebody's transition that was cut off comes first: forwards or backwards, but to its end.
    let engine = prepare_server(server).await?;
    recover(server, &request.app, &engine).await?;
    let prepared = prepare(server, request)?;
    if prepared.release.is_some() {
        reserve_port(server, &request.app, &prepared.plan).await?;
    }
    Ok(Ready {
        lock,
        engine,
        prepared,
    })
}

/// The transition itself; the lock is held until its end was told.
async fn go(
    server: &Server,
    request: &Request,
    ready: Ready,
    abort: watch::Receiver<bool>,
    log: &mut Log,
) -> (Result<Finish, Stopped>, Option<AppLock>) {
    let Ready {
        lock,
        engine,
        prepared,
    } = ready;
    let keep = prepared.plan.config.deployment.keep_images;
    let end = match begin(server, request, &engine, prepared, abort).await {
        Ok(mut driver) => Box::pin(driver.run()).await,
        Err(error) => return (Err(error.into()), Some(lock)),
    };
    let finish = finish(server, &request.app, end).await;
    if matches!(finish, Finish::Succeeded { .. }) {
        after(server, request, &engine, keep, log).await;
    }
    (Ok(finish), Some(lock))
}

async fn begin(
    server: &Server,
    request: &Request,
    engine: &Engine,
    prepared: Prepared,
    abort: watch::Receiver<bool>,
) -> Result<Driver<Engine>, Error> {
    if let Some(record) = &prepared.record {
        records::save(&server.root, &request.app, record)?;
    }
    let parts = Parts {
        server: server.clone(),
        app: request.app.clone(),
        runtime: engine.clone(),
        plan: prepared.plan,
        goal: prepared.goal,
        log: Log::open(&server.root, &request.app, request.id)?,
        abort,
    };
    Box::pin(Driver::begin(parts, request.id)).await
}

async fn acquire(server: &Server, request: &Request, log: &mut Log) -> Result<AppLock, Stopped> {
    let holder = Holder {
        pid: std::process::id(),
        by: request.by.clone(),
        what: request.ask.word().to_owned(),
        id: request.id,
    };
    match lock::try_acquire(&server.root, &request.app, &holder)? {
        Attempt::Got(lock) => return Ok(lock),
        Attempt::Superseded => return Err(Stopped::Superseded),
        Attempt::Busy(other) if !request.wait => return Err(lock::busy(&request.app, other.as_ref()).into()),
        Attempt::Busy(other) => {
            let holder = other.map_or_else(|| "something else".to_owned(), |other| other.to_string());
            log.tell(Event::Waited { holder });
        }
    }
    let (root, app) = (server.root.clone(), request.app.clone());
    let waited = tokio::task::spawn_blocking(move || lock::wait(&root, &app, &holder)).await;
    match waited.map_err(|error| Error::failed(error.to_string()))?? {
        Attempt::Got(lock) => Ok(lock),
        Attempt::Busy(_) | Attempt::Superseded => Err(Stopped::Superseded),
    }
}

/// The engine, the network and the switch, all running.
async fn prepare_server(server: &Server) -> Result<Engine, Error> {
    let (engine, switch) = tokio::join!(server.engine(), daemon::ensure(server));
    let engine = engine?;
    switch?;
    engine.ensure_network(NETWORK).await?;
    Ok(engine)
}

/// Sees to the app's host port before anything is built. The port of an app that has traffic changes only with the
/// switch; that the new one can be had is checked here.
async fn reserve_port(server: &Server, app: &AppName, plan: &Plan) -> Result<(), Error> {
    let wanted = plan.host_port();
    let status = server.switch().status().await?;
    let mine = status.routes.iter().find(|route| route.app == *app);
    if let (Some(route), PutRoute::Port(port)) = (mine, wanted)
        && !route.targets.is_empty()
        && route.port != port
    {
        let other = status.routes.iter().find(|other| other.port == port);
        return match other {
            Some(other) => Err(Refused::PortTaken {
                port,
                holder: format!("the app {}", other.app),
            }),
            None => gokku_proxy::listen::can_be_had(plan.server.proxy.bind, port),
        }
        .map_err(|refused| gokku_proxy::client::Error::from(refused).into());
    }
    server
        .switch()
        .put(app, wanted)
        .await
        .map(drop)
        .map_err(Error::from)
}

struct Prepared {
    goal: Goal,
    plan: Plan,
    release: Option<ReleaseId>,
    commit: Option<CommitId>,
    /// The record of a release that is to be made.
    record: Option<Record>,
}

/// The event that a request's transition begins with.
fn started(request: &Request, release: Option<ReleaseId>, commit: Option<CommitId>) -> Event {
    Event::Started {
        id: request.id,
        app: request.app.clone(),
        what: request.ask.word().to_owned(),
        release,
        commit,
        by: Some(request.by.clone()),
    }
}

/// The same for one that was stopped before it was prepared: with what the request says itself.
fn started_unprepared(request: &Request) -> Event {
    match &request.ask {
        Ask::Deploy { commit, .. } => started(request, Some(request.id), Some(commit.clone())),
        Ask::Rollback { release } => started(request, *release, None),
        _ => started(request, None, None),
    }
}

/// Checks everything that can be checked before anything is changed.
fn prepare(server: &Server, request: &Request) -> Result<Prepared, Error> {
    let (root, app) = (&server.root, &request.app);
    apps::load(root, app)?;
    let active = records::active(root, app);
    let (release, cause) = match &request.ask {
        Ask::Deploy { commit, .. } => {
            let plan = Plan::read(root, app, &root.incoming(app, request.id), true)?;
            let record = Record {
                version: VERSION,
                id: request.id,
                commit: commit.clone(),
                image: None,
                outcome: Outcome::Unfinished,
                reason: None,
                env_hash: None,
                by: Some(request.by.clone()),
                finished: None,
            };
            let goal = activation(request.id, request.id, Cause::Deploy, &plan);
            return Ok(Prepared {
                goal,
                plan,
                release: Some(request.id),
                commit: Some(commit.clone()),
                record: Some(record),
            });
        }
        Ask::Stop | Ask::Destroy => {
            let goal = if matches!(request.ask, Ask::Stop) {
                Goal::Stop
            } else {
                Goal::Destroy
            };
            return Ok(Prepared {
                goal,
                plan: Plan::lenient(root, app),
                release: None,
                commit: None,
                record: None,
            });
        }
        Ask::Rollback { release } => (rollback_to(server, app, *release)?, Cause::Rollback),
        Ask::Restart => (running(app, active)?, Cause::Restart),
        Ask::Config => (running(app, active)?, Cause::Config),
        Ask::Start => (running(app, active)?, Cause::Start),
    };
    let plan = Plan::of_release(root, app, release)?;
    let goal = activation(request.id, release, cause, &plan);
    let commit = records::load(root, app, release)?.map(|record| record.commit);
    Ok(Prepared {
        goal,
        plan,
        release: Some(release),
        commit,
        record: None,
    })
}

fn activation(id: ReleaseId, release: ReleaseId, cause: Cause, plan: &Plan) -> Goal {
    Goal::Activate(Activation {
        id,
        release,
        cause,
        mode: plan.settings.mode,
        migrate: cause == Cause::Deploy && plan.settings.migration.is_some(),
        processes: BTreeSet::from([ProcessKey::first_web()]),
    })
}

fn running(app: &AppName, active: Option<ReleaseId>) -> Result<ReleaseId, Error> {
    active.ok_or_else(|| Error::missing(format!("{app} has no release yet: push one with git first")))
}

/// P22, P23: the release that a rollback goes to.
fn rollback_to(server: &Server, app: &AppName, wanted: Option<ReleaseId>) -> Result<ReleaseId, Error> {
    let active = running(app, records::active(&server.root, app))?;
    let records = records::list(&server.root, app)?;
    let can_be_had: Vec<String> = records
        .iter()
        .filter(|record| record.can_return() && record.id != active)
        .map(|record| record.id.to_string())
        .collect();
    let choice = if can_be_had.is_empty() {
        "there is no release to go back to".to_owned()
    } else {
        format!("these can be had: {}", can_be_had.join(", "))
    };
    let Some(id) = wanted else {
        return rollback_target(&records, active)
            .ok_or_else(|| Error::missing(format!("{app} has no good release before {active}; {choice}")));
    };
    let problem = match records
        .iter()
        .find(|record| record.id == id)
        .map(|record| record.outcome)
    {
        None => "there is no such release",
        Some(Outcome::Failed) => "it failed and has nothing to run",
        Some(Outcome::Pruned) => "it was pruned and has nothing to run",
        Some(Outcome::Unfinished) => "it was never finished",
        Some(Outcome::Good) if id == active => "it is the active one already",
        Some(Outcome::Good) => return Ok(id),
    };
    Err(Error::missing(format!(
        "{app} cannot go back to {id}: {problem}; {choice}"
    )))
}

async fn finish(server: &Server, app: &AppName, end: End) -> Finish {
    let route = server.switch().route(app).await.ok();
    match end {
        End::Done => {
            let port = route
                .filter(|route| !route.targets.is_empty())
                .map(|route| route.port);
            Finish::Succeeded { port }
        }
        End::GaveUp(failure) => Finish::GaveUp {
            kind: failure.kind,
            detail: failure.detail,
            serving: route.is_some_and(|route| !route.targets.is_empty()),
        },
        End::Left(detail) => Finish::LeftUnfinished { detail },
    }
}

/// What is left to do once the goal is reached: nothing of it can fail the transition any more.
async fn after(server: &Server, request: &Request, engine: &Engine, keep: usize, log: &mut Log) {
    let result = match &request.ask {
        Ask::Deploy { branch, .. } => {
            deployed(server, &request.app, branch).and(prune(server, &request.app, engine, keep).await)
        }
        Ask::Destroy => destroyed(server, &request.app, engine).await,
        _ => Ok(()),
    };
    if let Err(error) = result {
        log.tell(Event::Warned { line: error.message });
    }
}

fn deployed(server: &Server, app: &AppName, branch: &gokku_core::push::BranchName) -> Result<(), Error> {
    let mut record = apps::load(&server.root, app)?;
    if record.branch.as_ref() != Some(branch) {
        record.branch = Some(branch.clone());
        apps::save(&server.root, &record)?;
        Repository::at(server.root.repository(app)).set_head(branch)?;
    }
    log::prune(&server.root, app);
    Ok(())
}

/// P32: the releases that are no longer kept.
async fn prune(server: &Server, app: &AppName, engine: &Engine, keep: usize) -> Result<(), Error> {
    let records = records::list(&server.root, app)?;
    let active = records::active(&server.root, app);
    for id in beyond_keeping(&records, active, keep) {
        let Some(mut record) = records.iter().find(|record| record.id == id).cloned() else {
            continue;
        };
        record.outcome = Outcome::Pruned;
        record.image = None;
        // First the record: a release that is half gone is not offered.
        records::save(&server.root, app, &record)?;
        engine.remove_image(&perform::image_tag(app, id)).await?;
        atomic::remove_tree(&server.root.tree(app, id))?;
    }
    for id in forgettable(&records, RECORDS_KEPT) {
        atomic::remove(&server.root.record(app, id))?;
    }
    Ok(())
}

async fn destroyed(server: &Server, app: &AppName, engine: &Engine) -> Result<(), Error> {
    match server.switch().delete(app).await {
        Ok(()) | Err(gokku_proxy::client::Error::Refused(gokku_proxy::api::Refused::NoRoute { .. })) => {}
        Err(error) => return Err(error.into()),
    }
    let label = server.root.label();
    for image in engine
        .images(&[(labels::ROOT, &label), (labels::APP, app.as_str())])
        .await?
    {
        for tag in image.tags {
            engine.remove_image(&tag).await?;
        }
    }
    atomic::remove_tree(&server.root.repository(app))?;
    atomic::remove_tree(&server.root.app(app))
}

/// Ends a transition that was cut off, if there is one. Whoever calls holds the app's lock.
pub async fn recover(server: &Server, app: &AppName, engine: &Engine) -> Result<(), Error> {
    let Some(journal) = journal::load(&server.root, app)? else {
        return Ok(());
    };
    let began = clock::now_ms();
    let mut log = Log::open(&server.root, app, journal.id)?;
    log.tell(Event::Resumed);
    let plan = match &journal.goal {
        Goal::Activate(activation) => Plan::of_release(&server.root, app, activation.release)
            .unwrap_or_else(|_| Plan::lenient(&server.root, app)),
        Goal::Stop | Goal::Destroy => Plan::lenient(&server.root, app),
    };
    let destroys = journal.goal == Goal::Destroy;
    let (_keep, abort) = watch::channel(false);
    let parts = Parts {
        server: server.clone(),
        app: app.clone(),
        runtime: engine.clone(),
        plan,
        goal: journal.goal.clone(),
        log: Log::open(&server.root, app, journal.id)?,
        abort,
    };
    let mut driver = Driver::resume(parts, journal);
    let end = Box::pin(driver.run()).await;
    let left = matches!(end, End::Left(_));
    let outcome = finish(server, app, end).await;
    let detail = format!("{outcome:?}");
    if destroys && !left {
        destroyed(server, app, engine).await?;
    }
    log.tell(Event::Finished {
        outcome,
        ms: u64::try_from(clock::now_ms() - began).unwrap_or(0),
    });
    if left {
        Err(Error::failed(format!(
            "an earlier transition of {app} cannot be ended: {detail}"
        )))
    } else {
        Ok(())
    }
}

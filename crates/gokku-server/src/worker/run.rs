//! Does what was asked: one process for one transition, in a session of its own, with its words in a log.

use futures_util::future::BoxFuture;
use std::sync::Arc;

use gokku_core::config::image_ref::ImageRef;
use gokku_core::logs::event::{Event, Finish};
use gokku_core::push::rules::check_unmoved;
use gokku_core::transition::{FailureKind, Goal, Previous};
use gokku_core::{Access, CommitId, ReleaseId};
use gokku_git::Repository;
use tokio::sync::watch;

use crate::app::{records, refs};
use crate::engine::daemon_client;
use crate::engine::runtime::Runtime;
use crate::fs::atomic;
use crate::os::blocking;
use crate::plan::{mounts, networks, privileges};
use crate::queue::lock::{self, AppLock, Attempt, Holder, Purpose};
use crate::queue::transition_log::Log;
use crate::queue::waiting::{self, Waited};
use crate::queue::{abort, transition_log};
use crate::server::Server;
use crate::space::{build_space, prune};
use crate::transition::driver::{Driver, DriverConfig};
use crate::transition::recover::{finish, recover};
use crate::worker::prepare::{Prepared, prepare};
use crate::worker::request::{Operation, Request};
use crate::worker::{Error, cleanup, domain_claims, host_ports, push};

/// Does a request from beginning to end. All that is to be known of it is in its log.
pub fn run<'a>(
    server: &'a Server,
    request: &'a Request,
    asked: watch::Receiver<bool>,
) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(run_on(server, server.runtime(), request, asked))
}

/// The same, with what comes of `connecting` for what runs containers.
pub(crate) async fn run_on(
    server: &Server,
    connecting: impl Future<Output = Result<Arc<dyn Runtime>, gokku_core::containers::Error>>,
    request: &Request,
    asked: watch::Receiver<bool>,
) -> Result<(), Error> {
    let dir = server.app_dir(&request.app);
    let began = std::time::Instant::now();
    // What is told is told to whoever asked.
    let server = &Server {
        access: request.only.clone().map_or(Access::All, Access::Only),
        ..server.clone()
    };
    let mut log = Log::open(&dir, request.id)?;
    let _in_use = lock::use_code(&dir.incoming(request.id));
    let (finish, lock) = match make_ready(server, connecting, request, &asked, &mut log).await {
        Ok(ready) => {
            let prepared = &ready.prepared;
            log.tell(started(
                request,
                prepared.release,
                prepared.commit.clone(),
                prepared.reference.clone(),
            ));
            go(server, request, ready, asked, &mut log).await
        }
        Err(stopped) => {
            log.tell(started_unprepared(request));
            (Err(stopped), None)
        }
    };
    let finish = finish.unwrap_or_else(|stopped| {
        clean_up(server, request);
        match stopped {
            Stopped::Superseded(newer) => Finish::Superseded {
                id: newer.id,
                by: newer.by,
                process: newer.pid,
            },
            Stopped::Aborted => Finish::GaveUp {
                kind: FailureKind::Aborted,
                detail: abort::asked_by(&dir, request.id).map_or_else(String::new, |by| format!("by {by}")),
                serving: records::active(&dir).is_some(),
                previous: Previous::Untouched,
            },
            Stopped::Refused(error) => Finish::Refused {
                reason: error.kind().into(),
                detail: error.to_string(),
            },
        }
    });
    abort::forget(&dir, request.id);
    let took = began.elapsed() + request.operation.took_out();
    let refused = matches!(finish, Finish::Refused { .. } | Finish::Superseded { .. });
    let left = matches!(finish, Finish::LeftUnfinished { .. });
    let end = Event::Finished {
        outcome: finish,
        took,
    };
    if left {
        // Whoever takes it over says the end of it, and says it later.
        log.tell(end);
        drop(lock);
    } else {
        // Who reads of the end may act at once: the app must be free by then.
        drop(lock);
        log.tell(end);
    }
    if matches!(request.operation, Operation::Deploy { .. }) && !refused {
        prune::note_build(&server.root);
    }
    // Whatever became of it: those that fail must not fill the disk either.
    transition_log::prune_ended(&dir);
    Ok(())
}

/// Nothing of a push that was not begun stays.
fn clean_up(server: &Server, request: &Request) {
    let dir = server.app_dir(&request.app);
    if request.operation.deploys() {
        let gone = atomic::remove_tree(&dir.incoming(request.id))
            .and_then(|()| atomic::remove(&dir.record(request.id)));
        if let Err(error) = gone {
            tracing::warn!("{error}");
        }
    }
}

enum Stopped {
    Refused(Error),
    Superseded(Holder),
    Aborted,
}

impl<E: Into<Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// What there is before a transition changes anything.
struct Ready {
    lock: AppLock,
    engine: Arc<dyn Runtime>,
    prepared: Prepared,
}

/// Everything before the first change: the lock, what an earlier process left unfinished, what can be checked.
async fn make_ready(
    server: &Server,
    connecting: impl Future<Output = Result<Arc<dyn Runtime>, gokku_core::containers::Error>>,
    request: &Request,
    asked: &watch::Receiver<bool>,
    log: &mut Log,
) -> Result<Ready, Stopped> {
    let dir = server.app_dir(&request.app);
    let lock = acquire(server, request, asked, log).await?;
    let earlier = async {
        // Somebody's transition that was cut off comes first: forwards or backwards, but to its end.
        let engine = prepare_server(server, connecting, request.operation.deploys()).await?;
        recover(server, &request.app, &engine).await?;
        Ok::<_, Error>(engine)
    };
    let engine = unless_asked(asked, earlier).await?;
    look_at_refs(server, request, &lock).await?;
    let mut prepared = prepare(server, request)?;
    if prepared.record.is_none() {
        // Nothing is built, which would tell them.
        for notice in std::mem::take(&mut prepared.plan.notices) {
            log.tell(Event::Notice(notice));
        }
    }
    if prepared.release.is_some() {
        privileges::of(&dir, &prepared.plan)?;
        domain_claims::check(server, request, &prepared)?;
        if request.operation.deploys() {
            networks::check_new(&prepared.plan)?;
        }
    }
    let room = async {
        if prepared.record.is_some() {
            let mut tell = |event| log.tell(event);
            build_space::for_build(server, &request.app, &*engine, &mut tell).await?;
        }
        if prepared.release.is_some() {
            let containers = match &prepared.goal {
                Goal::Activate(activation) => activation.processes.len(),
                Goal::Stop | Goal::Destroy => 0,
            };
            let notices = networks::prepare(&engine, &dir, &prepared.plan, containers).await?;
            for notice in notices {
                log.tell(Event::Notice(notice));
            }
            mounts::check(&*engine, &dir, &prepared.plan).await?;
            host_ports::reserve(server, request, &prepared.plan).await?;
        }
        Ok::<_, Error>(())
    };
    unless_asked(asked, room).await?;
    Ok(Ready {
        lock,
        engine,
        prepared,
    })
}

/// What may take as long as an engine that hangs: cut off when somebody asks for the end, as if this process were killed.
async fn unless_asked<T>(
    asked: &watch::Receiver<bool>,
    act: impl Future<Output = Result<T, Error>>,
) -> Result<T, Stopped> {
    let mut asked = asked.clone();
    tokio::select! {
        done = Box::pin(act) => Ok(done?),
        () = abort::asked(&mut asked) => Err(Stopped::Aborted),
    }
}

/// A deploy whose push git would refuse is not begun. The refs are let go of again: others may push while this is built.
async fn look_at_refs(server: &Server, request: &Request, lock: &AppLock) -> Result<(), Error> {
    let Operation::Deploy {
        commit,
        branch,
        push: Some(push),
        ..
    } = &request.operation
    else {
        return Ok(());
    };
    let (dir, pending_ref) = (server.app_dir(&request.app), lock.pending_ref().cloned());
    let (commit, branch, push) = (commit.clone(), branch.clone(), push.clone());
    blocking::run(move || {
        if let Some(pending_ref) = pending_ref {
            pending_ref.wait(&dir)?;
        }
        let now = Repository::at(dir.repository()).head_of(&branch)?;
        let old = push.refs.first().map(|update| &update.old);
        check_unmoved(&branch, old.filter(|old| !old.is_zero()), &commit, now.as_ref())?;
        if push.mover.is_some() {
            refs::can_note_roots(&dir)?;
        }
        Ok(refs::check(&dir, &push.refs)?)
    })
    .await
}

/// The transition itself; the lock is held until its end was told.
async fn go(
    server: &Server,
    request: &Request,
    ready: Ready,
    asked: watch::Receiver<bool>,
    log: &mut Log,
) -> (Result<Finish, Stopped>, Option<AppLock>) {
    let Ready {
        mut lock,
        engine,
        prepared,
    } = ready;
    let keep = prune::keep(&prepared.plan.config.deployment);
    let (end, networks) = match begin(server, request, &engine, prepared, asked).await {
        Ok(mut driver) => {
            let end = Box::pin(driver.run()).await;
            (end, driver.networks.map(|now| (driver.networks_before, now)))
        }
        Err(error) => return (Err(error.into()), Some(lock)),
    };
    let finish = finish(server, &request.app, &end).await;
    if matches!(finish, Finish::Succeeded { .. }) {
        cleanup::after(server, request, &*engine, keep, log).await;
        if let Some((before, now)) = networks
            && let Err(error) = networks::left(&*engine, &server.root, &before, &now).await
        {
            tracing::warn!("{error}");
        }
        if let Operation::Deploy {
            branch,
            push: Some(push),
            ..
        } = &request.operation
            && let Err(error) = push::expect(&server.app_dir(&request.app), &mut lock, branch, push)
        {
            tracing::warn!("{error}");
        }
    }
    (Ok(finish), Some(lock))
}

async fn begin(
    server: &Server,
    request: &Request,
    engine: &Arc<dyn Runtime>,
    prepared: Prepared,
    asked: watch::Receiver<bool>,
) -> Result<Driver, Error> {
    let dir = server.app_dir(&request.app);
    if let Some(record) = &prepared.record {
        records::save(&dir, record)?;
    }
    if let Operation::Destroy { volumes } = &request.operation {
        cleanup::remember_volumes(&dir, *volumes)?;
    }
    let parts = DriverConfig {
        server: server.clone(),
        app: request.app.clone(),
        runtime: Arc::clone(engine),
        plan: prepared.plan,
        goal: prepared.goal,
        log: Log::open(&dir, request.id)?,
        asked,
        took_out: request.operation.took_out(),
    };
    Ok(Box::pin(Driver::begin(parts, request.id)).await?)
}

async fn acquire(
    server: &Server,
    request: &Request,
    asked: &watch::Receiver<bool>,
    log: &mut Log,
) -> Result<AppLock, Stopped> {
    let holder = Holder {
        pid: std::process::id(),
        by: request.by.clone(),
        what: Purpose::Operation(request.operation.name()),
        id: request.id,
    };
    let dir = &server.app_dir(&request.app);
    match lock::try_acquire(dir, &holder)? {
        Attempt::Got(lock) => return Ok(lock),
        // The daemon is done with an app in a moment: nobody is refused for that.
        Attempt::Busy(other)
            if !request.wait && other.as_ref().is_none_or(|other| !other.holder.is_brief()) =>
        {
            return Err(lock::busy(dir.app(), other.as_ref()).into());
        }
        Attempt::Busy(other) => {
            log.tell(Event::Waited {
                held: other.map(Into::into),
                holder: None,
            });
        }
    }
    match waiting::wait(dir, &holder, asked.clone()).await? {
        Waited::Got(lock) => Ok(lock),
        Waited::Superseded(newer) => Err(Stopped::Superseded(newer)),
        Waited::Aborted => Err(Stopped::Aborted),
    }
}

/// The engine and the switch, both running.
async fn prepare_server(
    server: &Server,
    connecting: impl Future<Output = Result<Arc<dyn Runtime>, gokku_core::containers::Error>>,
    deploys: bool,
) -> Result<Arc<dyn Runtime>, Error> {
    let (engine, switch) = tokio::join!(connecting, daemon_client::running(server));
    let engine = engine?;
    switch?;
    if deploys {
        // It will be asked before a release is made.
        engine.data_root().await?;
    }
    Ok(engine)
}

/// The event that a request's transition begins with.
fn started(
    request: &Request,
    release: Option<ReleaseId>,
    commit: Option<CommitId>,
    image: Option<ImageRef>,
) -> Event {
    Event::Started {
        id: request.id,
        app: request.app.clone(),
        what: request.operation.name(),
        release,
        commit,
        image,
        by: Some(request.by.clone()),
    }
}

/// The same for one that was stopped before it was prepared: with what the request says itself.
fn started_unprepared(request: &Request) -> Event {
    match &request.operation {
        Operation::Deploy { commit, .. } => started(request, Some(request.id), Some(commit.clone()), None),
        Operation::Image { image, commit } => {
            started(request, Some(request.id), commit.clone(), Some(image.clone()))
        }
        Operation::Rollback { release } => started(request, *release, None, None),
        _ => started(request, None, None, None),
    }
}

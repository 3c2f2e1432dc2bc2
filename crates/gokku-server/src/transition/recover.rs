//! Ends transitions that were cut off: forwards or backwards, by the same loop that runs them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gokku_core::containers::ContainerState;
use gokku_core::logs::event::{Event, Finish};
use gokku_core::transition::{Goal, Journal};
use gokku_core::{AppName, ContainerId, ImageId};
use gokku_proxy::control::api::RouteStatus;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::records;
use crate::engine::runtime::Runtime;
use crate::engine::stopping;
use crate::error::Error;
use crate::fs::root::Root;
use crate::plan::release_plan::Plan;
use crate::queue::leftovers;
use crate::queue::transition_log::Log;
use crate::queue::{abort, journal};
use crate::server::Server;
use crate::transition::building::remove_late_image;
use crate::transition::driver::{Driver, DriverConfig, End};
use crate::transition::ending;

/// Ends a transition that was cut off, if there is one. Whoever calls holds the app's lock.
pub(crate) async fn recover(server: &Server, app: &AppName, engine: &Arc<dyn Runtime>) -> Result<(), Error> {
    let Some(journal) = journal::load(&server.root, app)? else {
        return Ok(());
    };
    leftovers::sweep_temporary(&server.root, app);
    let began = Instant::now();
    let build = Build::of(&server.root, app, &journal);
    let mut log = Log::open(&server.root, app, journal.id)?;
    log.tell(Event::Resumed);
    let plan = match &journal.goal {
        Goal::Activate(activation) => Plan::of_release(&server.root, app, activation.release)
            .unwrap_or_else(|_| Plan::lenient(&server.root, app)),
        Goal::Stop | Goal::Destroy => Plan::lenient(&server.root, app),
    };
    finish_stops(
        server,
        app,
        &**engine,
        &journal.stopping,
        plan.settings.stop,
        &mut log,
    )
    .await?;
    let destroys = journal.goal == Goal::Destroy;
    let branch = journal.goal.pushed_branch();
    let id = journal.id;
    let (_keep, asked) = watch::channel(false);
    let parts = DriverConfig {
        server: server.clone(),
        app: app.clone(),
        runtime: Arc::clone(engine),
        plan,
        goal: journal.goal.clone(),
        log,
        asked,
        took_out: Duration::ZERO,
    };
    let mut driver = Driver::resume(parts, journal);
    let end = Box::pin(driver.run()).await;
    let left = match &end {
        End::Left(why) => Some(why.clone()),
        End::Done | End::GaveUp(..) => None,
    };
    if let (End::Done, Some(branch)) = (&end, branch) {
        ending::deployed(server, app, &branch)?;
    }
    if matches!(end, End::GaveUp(..))
        && build.is_likely(&**engine).await
        && let Err(error) = remove_late_image(app, id, &**engine).await
    {
        tracing::warn!("{error}");
    }
    let outcome = finish(server, app, end).await;
    if destroys && left.is_none() {
        for line in ending::destroyed(server, app, &**engine).await? {
            driver.log().tell(Event::Noted { line });
        }
    }
    abort::forget(&server.root, app, id);
    driver.log().tell(Event::Finished {
        outcome,
        took: began.elapsed(),
    });
    match left {
        Some(why) => Err(Error::failed(format!(
            "an earlier transition of {app} cannot be ended: {why}"
        ))),
        None => Ok(()),
    }
}

/// A build that the engine may be at, although nobody waits for it any more.
enum Build {
    /// There is none.
    None,
    /// The release's first one: there is its code, and no image yet.
    First,
    /// One that brings back the image of a release, where that is gone.
    Again(ImageId),
}

impl Build {
    /// Looks at what is there before a transition is gone on with.
    fn of(root: &Root, app: &AppName, journal: &Journal) -> Self {
        let Goal::Activate(activation) = &journal.goal else {
            return Self::None;
        };
        let id = activation.release;
        if activation.pulls || journal.failure.is_some() || !root.tree(app, id).is_dir() {
            return Self::None;
        }
        let record = records::load(root, app, id).ok().flatten();
        match record.and_then(|record| record.image) {
            None => Self::First,
            Some(_) if activation.makes_release() => Self::None,
            Some(image) => Self::Again(image),
        }
    }

    /// Whether it may be at one, once the transition is given up.
    async fn is_likely(&self, engine: &dyn Runtime) -> bool {
        match self {
            Self::None => false,
            Self::First => true,
            Self::Again(image) => matches!(engine.image(image.as_str()).await, Ok(None)),
        }
    }
}

/// The engine goes on with a stop that nobody waits for any more: what looks as if it ran may be about to end, and
/// nothing can be decided by that. So it is stopped before anything is looked at.
async fn finish_stops(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
    stopping: &BTreeSet<ContainerId>,
    grace: Duration,
    log: &mut Log,
) -> Result<(), Error> {
    if stopping.is_empty() {
        return Ok(());
    }
    // What has got its traffic back is not stopped for anything any more: whoever was cut off had gone back by then.
    let route = server.switch.find_route(app).await?;
    let has_traffic = |id: &ContainerId| {
        let route = route.as_ref().filter(|route| !route.held);
        route.is_some_and(|route| route.targets.iter().any(|target| target.container == *id))
    };
    for facts in server.containers(engine, app).await? {
        let goes = stopping.contains(&facts.id) && !has_traffic(&facts.id);
        if goes && facts.state == ContainerState::Running {
            match stopping::stop(engine, &facts.id, grace).await {
                Ok(Some(because)) => log.tell(stopping::killed(facts.name, grace, because)),
                // Requests may wait for what comes next. Should it be stopped later, that is seen (`stopping::given_up`).
                Err(error) if error.is_silence() => log.tell(Event::Warned {
                    line: error.to_string(),
                }),
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => {}
            }
        }
    }
    Ok(())
}

/// What is told of a transition's end.
pub(crate) async fn finish(server: &Server, app: &AppName, end: End) -> Finish {
    let route = server.switch.route(app).await.ok();
    match end {
        End::Done => {
            let port = route.filter(RouteStatus::answers).map(|route| route.port);
            Finish::Succeeded { port }
        }
        End::GaveUp(failure, previous) => Finish::GaveUp {
            kind: failure.kind,
            detail: failure.detail,
            serving: route.is_some_and(|route| !route.targets.is_empty()),
            previous,
        },
        End::Left(detail) => Finish::LeftUnfinished { detail },
    }
}

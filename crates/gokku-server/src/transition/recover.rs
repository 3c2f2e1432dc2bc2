//! Ends transitions that were cut off: forwards or backwards, by the same loop that runs them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gokku_core::logs::event::{Event, Finish, Stamped};
use gokku_core::machine::backoff::Backoff;
use gokku_core::transition::Goal;
use gokku_core::{AppName, ReleaseId};
use gokku_docker::Engine;
use gokku_proxy::control::api::RouteStatus;
use gokku_proxy::api::RouteStatus;
use tokio::sync::watch;

use crate::app::records;
use crate::engine::runtime::Runtime;
use crate::engine::stopping;
use crate::error::Error;
use crate::os::clock;
use crate::plan::release_plan::Plan;
use crate::queue::leftovers;
use crate::queue::transition_log::Log;
use crate::queue::{abort, journal, transition_log};
use crate::server::Server;
use crate::transition::driver::{Driver, DriverConfig, End};
use crate::transition::ending;

/// How long the engine may take to end a build whose client has gone.
const LATE: Duration = Duration::from_secs(3);

/// Ends a transition that was cut off, if there is one. Whoever calls holds the app's lock.
pub(crate) async fn recover(server: &Server, app: &AppName, engine: &Arc<dyn Runtime>) -> Result<(), Error> {
    let Some(journal) = journal::load(&server.root, app)? else {
        return Ok(());
    };
    leftovers::sweep_temporary(&server.root, app);
    let began = Instant::now();
    let told = transition_log::read(&server.root, app, journal.id);
    let (began_to_stop, was_building) = (begun_stops(&told), last_begun(&told).0 == "build");
    let mut log = Log::open(&server.root, app, journal.id)?;
    log.tell(Event::Resumed);
    let plan = match &journal.goal {
        Goal::Activate(activation) => Plan::of_release(&server.root, app, activation.release)
            .unwrap_or_else(|_| Plan::lenient(&server.root, app)),
        Goal::Stop | Goal::Destroy => Plan::lenient(&server.root, app),
    };
    finish_stop(
        server,
        app,
        &**engine,
        &began_to_stop,
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
        took_out: 0,
    };
    let mut driver = Driver::resume(parts, journal);
    let end = Box::pin(driver.run()).await;
    let left = matches!(end, End::Left(_));
    if let (End::Done, Some(branch)) = (&end, branch) {
        ending::deployed(server, app, &branch)?;
    }
    if was_building
        && matches!(end, End::GaveUp(..))
        && let Err(error) = remove_late_image(app, id, &**engine).await
    {
        tracing::warn!("{error}");
    }
    let outcome = finish(server, app, end).await;
    let detail = format!("{outcome:?}");
    if destroys && !left {
        for line in ending::destroyed(server, app, &**engine).await? {
            driver.log().tell(Event::Noted { line });
        }
    }
    abort::forget(&server.root, app, id);
    driver.log().tell(Event::Finished {
        outcome,
        ms: clock::elapsed_ms(began),
    });
    if left {
        Err(Error::failed(format!(
            "an earlier transition of {app} cannot be ended: {detail}"
        )))
    } else {
        Ok(())
    }
}

/// The names of the containers whose stop was asked for, by a process that died before it heard of its end.
fn begun_stops(told: &[Stamped]) -> Vec<String> {
    match last_begun(told) {
        ("stop", about) => about.split(", ").map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The step whose end nobody heard of, and what it was about; empty where there is none.
fn last_begun(told: &[Stamped]) -> (&str, &str) {
    let last = told.iter().rev().find_map(|stamped| match &stamped.event {
        Event::StepStarted { step, about, .. } => Some((step.as_str(), about.as_str())),
        Event::StepFinished { .. } | Event::StepFailed { .. } => Some(("", "")),
        _ => None,
    });
    last.unwrap_or_default()
}

/// The engine may be about to end a build that nobody waits for any more: what comes of it goes, too.
async fn remove_late_image(app: &AppName, id: ReleaseId, engine: &dyn Runtime) -> Result<(), Error> {
    let tag = records::image_tag(app, id);
    let until = Instant::now() + LATE;
    let mut pause = Backoff::up_to(Duration::from_millis(200));
    while Instant::now() < until {
        if engine.image(&tag).await?.is_some() {
            return Ok(engine.remove_image(&tag).await?);
        }
        tokio::time::sleep(pause.take()).await;
    }
    Ok(())
}

/// The engine goes on with a stop that nobody waits for any more: what looks as if it ran may be about to end, and
/// nothing can be decided by that. So it is stopped before anything is looked at.
async fn finish_stop(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
    names: &[String],
    grace: Duration,
    log: &mut Log,
) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    for facts in server.containers(engine, app).await? {
        if names.contains(&facts.name) {
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
    let route = server.switch().route(app).await.ok();
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

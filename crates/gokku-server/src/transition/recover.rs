//! Ends transitions that were cut off: forwards or backwards, by the same loop that runs them.

use std::sync::Arc;
use std::time::Duration;

use gokku_core::containers::{ContainerFacts, ContainerState};
use gokku_core::logs::event::{Event, Finish, Stamped};
use gokku_core::logs::subject::StepStarted;
use gokku_core::transition::{Goal, Journal, StepName};
use gokku_core::{AppName, ContainerId, ImageId};
use gokku_proxy::control::api::RouteStatus;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::records;
use crate::engine::address::{DomainPorts, url_of};
use crate::engine::runtime::Runtime;
use crate::engine::stopping;
use crate::fs::app_dir::AppDir;
use crate::plan::release_plan::Plan;
use crate::queue::leftovers;
use crate::queue::transition_log::Log;
use crate::queue::{abort, journal, transition_log};
use crate::server::Server;
use crate::transition::Error;
use crate::transition::building::remove_late_image;
use crate::transition::driver::{Driver, DriverConfig, End};
use crate::transition::ending;

/// Ends a transition that was cut off, if there is one. Whoever calls holds the app's lock.
pub(crate) async fn recover(server: &Server, app: &AppName, engine: &Arc<dyn Runtime>) -> Result<(), Error> {
    let dir = server.app_dir(app);
    let Some(journal) = journal::load(&dir)? else {
        return Ok(());
    };
    leftovers::sweep_temporary(&dir);
    let began = Instant::now();
    let build = Build::of(&dir, &journal);
    let stops = BegunStops::of(&dir, &journal);
    let mut log = Log::open(&dir, journal.id)?;
    log.tell(Event::Resumed);
    let plan = match &journal.goal {
        Goal::Activate(activation) => {
            Plan::of_release(&dir, activation.release).unwrap_or_else(|_| Plan::lenient(&dir))
        }
        Goal::Stop | Goal::Destroy => Plan::lenient(&dir),
    };
    finish_stops(server, app, &**engine, &stops, plan.settings.stop, &mut log).await?;
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
    if let (End::Done, Some(branch)) = (&end, branch) {
        ending::deployed(server, app, &branch)?;
    }
    if matches!(end, End::GaveUp(..))
        && build.is_likely(&**engine).await
        && let Err(error) = remove_late_image(app, id, &**engine).await
    {
        tracing::warn!("{error}");
    }
    let outcome = finish(server, app, &end).await;
    if destroys && !matches!(end, End::Left(_)) {
        for event in ending::destroyed(server, app, &**engine).await? {
            driver.log().tell(event);
        }
    }
    abort::forget(&dir, id);
    driver.log().tell(Event::Finished {
        outcome,
        took: began.elapsed(),
    });
    match end {
        End::Left(error) => Err(Error::NotEnded {
            app: app.clone(),
            source: Box::new(error),
        }),
        End::Done | End::GaveUp(..) => Ok(()),
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
    fn of(dir: &AppDir, journal: &Journal) -> Self {
        let Goal::Activate(activation) = &journal.goal else {
            return Self::None;
        };
        let id = activation.release;
        if activation.pulls || journal.failure.is_some() || !dir.tree(id).is_dir() {
            return Self::None;
        }
        let record = records::load(dir, id).ok().flatten();
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

/// The containers whose stop the engine was asked for, by a process that died before it heard of its end.
struct BegunStops<'a> {
    journal: &'a Journal,
    /// Their names, where an earlier version wrote the journal, which does not say it: then the log does.
    named: Vec<String>,
}

impl<'a> BegunStops<'a> {
    fn of(dir: &AppDir, journal: &'a Journal) -> Self {
        let named = if journal.stopping.is_empty() {
            named_in(&transition_log::read(dir, journal.id)).to_vec()
        } else {
            Vec::new()
        };
        Self { journal, named }
    }

    fn are_none(&self) -> bool {
        self.journal.stopping.is_empty() && self.named.is_empty()
    }

    fn has(&self, facts: &ContainerFacts) -> bool {
        self.journal.stopping.contains(&facts.id) || self.named.contains(&facts.name)
    }
}

/// The containers that a log's last step was about to stop, where it does not say what became of that.
fn named_in(told: &[Stamped]) -> &[String] {
    let last = told.iter().rev().find_map(|stamped| match &stamped.event {
        Event::StepStarted(started) => Some(Some(started)),
        Event::StepFinished { .. } | Event::StepFailed { .. } => Some(None),
        _ => None,
    });
    match last.flatten() {
        Some(StepStarted {
            step: StepName::Stop,
            about,
            ..
        }) => about.containers(),
        _ => &[],
    }
}

/// The engine goes on with a stop that nobody waits for any more: what looks as if it ran may be about to end, and
/// nothing can be decided by that. So it is stopped before anything is looked at.
async fn finish_stops(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
    stops: &BegunStops<'_>,
    grace: Duration,
    log: &mut Log,
) -> Result<(), Error> {
    if stops.are_none() {
        return Ok(());
    }
    // What has got its traffic back is not stopped for anything any more: whoever was cut off had gone back by then.
    let route = server.switch.find_route(app).await?;
    let has_traffic = |id: &ContainerId| {
        let route = route.as_ref().filter(|route| !route.held);
        route.is_some_and(|route| route.targets.iter().any(|target| target.container == *id))
    };
    for facts in server.containers(engine, app).await? {
        let goes = stops.has(&facts) && !has_traffic(&facts.id);
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
pub(crate) async fn finish(server: &Server, app: &AppName, end: &End) -> Finish {
    let status = server.switch.status().await.ok();
    let ports = status
        .as_ref()
        .map(|status| DomainPorts::of(server, status))
        .unwrap_or_default();
    let routes = status.map(|status| status.routes).unwrap_or_default();
    let route = routes.into_iter().find(|route| route.app == *app);
    match end {
        End::Done => {
            let tcp = route.as_ref().map(|route| route.open_tcp().to_vec());
            let route = route.filter(RouteStatus::answers);
            Finish::Succeeded {
                port: route.as_ref().and_then(|route| route.port),
                url: route.and_then(|route| url_of(server, &route, &ports)),
                tcp: tcp.unwrap_or_default(),
            }
        }
        End::GaveUp(failure, previous) => Finish::GaveUp {
            kind: failure.kind,
            detail: failure.detail.clone(),
            serving: route.is_some_and(|route| !route.targets.is_empty()),
            previous: *previous,
        },
        End::Left(error) => Finish::LeftUnfinished {
            detail: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At every line of a log of the version before, which was cut off there.
    #[test]
    fn a_stop_that_an_earlier_version_did_not_see_the_end_of_stands_in_its_log() {
        let told = transition_log::events(include_bytes!("../../tests/fixtures/transition-deploy.log"));
        let begun =
            |event: &Event| matches!(event, Event::StepStarted(started) if started.step == StepName::Stop);
        let first = told.iter().position(|stamped| begun(&stamped.event));
        let first = first.expect("it stops something");
        for lines in 0..=told.len() {
            // The stop, and what is told of the container that had to be killed.
            let wanted: &[&str] = if (first + 1..=first + 2).contains(&lines) {
                &["api-51b9-43-blue"]
            } else {
                &[]
            };
            assert_eq!(named_in(&told[..lines]), wanted, "{lines}");
        }
    }
}

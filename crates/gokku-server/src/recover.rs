//! Ends transitions that were cut off: forwards or backwards, by the same loop that runs them.

use gokku_core::AppName;
use gokku_core::event::{Event, Finish};
use gokku_core::transition::Goal;
use gokku_docker::Engine;
use tokio::sync::watch;

use crate::driver::{Driver, End, Parts};
use crate::error::Error;
use crate::log::Log;
use crate::plan::Plan;
use crate::server::Server;
use crate::{clock, journal, tidy};

/// Ends a transition that was cut off, if there is one. Whoever calls holds the app's lock.
pub(crate) async fn recover(server: &Server, app: &AppName, engine: &Engine) -> Result<(), Error> {
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
        tidy::destroyed(server, app, engine).await?;
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

/// What is told of a transition's end.
pub(crate) async fn finish(server: &Server, app: &AppName, end: End) -> Finish {
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

//! What an app prints, across its deploys: P19.

use std::time::Duration;

use futures_util::StreamExt;
use gokku_core::pause::Pause;
use gokku_core::{AppName, ContainerId, ProcessKey, Slot};
use gokku_docker::{ContainerState, Engine, LogLine, LogOptions, labels};
use tokio::time::sleep;

use crate::error::Error;
use crate::server::Server;
use crate::{apps, clock};

/// Which of an app's output is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whether to wait for more, also of containers to come.
    pub follow: bool,
    /// How many of the last lines; all without.
    pub lines: Option<usize>,
    /// From when on, in seconds since 1970.
    pub since: Option<i64>,
}

/// Gives what the active container prints to `on_piece`, and with `follow` what those after it print, until that
/// returns false.
pub async fn show(
    server: &Server,
    app: &AppName,
    wanted: &Wanted,
    mut on_piece: impl FnMut(LogLine) -> bool,
) -> Result<(), Error> {
    apps::load(&server.root, app)?;
    let engine = server.engine().await?;
    let mut options = LogOptions {
        follow: wanted.follow,
        tail: wanted.lines,
        since: wanted.since,
    };
    let mut shown: Option<ContainerId> = None;
    let mut last: Option<String> = None;
    let mut pause = Pause::up_to(Duration::from_millis(500));
    loop {
        let active = active(server, app, &engine).await;
        match active {
            Ok(Some((id, running))) if shown.as_ref() != Some(&id) || running => {
                pause.reset();
                if shown.as_ref().is_some_and(|before| *before != id) {
                    // A new container is shown from its first line on.
                    options.tail = None;
                    options.since = None;
                    last = None;
                }
                let mut pieces = engine.logs(&id, &options);
                while let Some(Ok(piece)) = pieces.next().await {
                    // The engine counts whole seconds: of the second in which it broke off, some was shown.
                    if last.is_some() && piece.at <= last {
                        continue;
                    }
                    last = piece.at.clone().or(last);
                    if !on_piece(piece) {
                        return Ok(());
                    }
                }
                // Should it run again, only what is after the last that was shown is new.
                options.tail = None;
                options.since = last.as_deref().and_then(clock::parse).or(options.since);
                shown = Some(id);
            }
            Ok(None) if !wanted.follow => {
                return Err(Error::missing(format!(
                    "{app} has no container to show: push a release with git first"
                )));
            }
            Err(error) if !wanted.follow => return Err(error),
            _ => {}
        }
        if !wanted.follow {
            return Ok(());
        }
        sleep(pause.take()).await;
    }
}

/// The active container, and whether it runs: the one with the traffic, else the blue one.
pub async fn active(
    server: &Server,
    app: &AppName,
    engine: &Engine,
) -> Result<Option<(ContainerId, bool)>, Error> {
    let label = server.root.label();
    let containers = engine
        .containers(&[(labels::ROOT, &label), (labels::APP, app.as_str())])
        .await?;
    let routed = match server.switch().route(app).await {
        Ok(route) => route.targets.first().map(|target| target.container.clone()),
        Err(_) => None,
    };
    let blue = Slot::Blue.container_name(app, &ProcessKey::first_web());
    let found = containers
        .iter()
        .find(|facts| Some(&facts.id) == routed.as_ref())
        .or_else(|| containers.iter().find(|facts| facts.name == blue));
    Ok(found.map(|facts| (facts.id.clone(), facts.state == ContainerState::Running)))
}

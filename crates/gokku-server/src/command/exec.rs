//! Being inside an app: a program in its running container, or in a container of its own.
//!
//! Programs with their input and output are the Docker Engine's own: it is asked for them itself.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use gokku_core::AppName;
use gokku_core::containers::{ContainerSpec, labels};
use gokku_docker::{OneOff, Session};

use crate::app::{self, apps, records};
use crate::command::Error;
use crate::command::logs;
use crate::os::clock;
use crate::plan::release_plan::Plan;
use crate::plan::{mounts, networks, privileges};
use crate::server::Server;
use crate::transition::{self, carried};

/// Starts a program in the active container.
pub fn exec<'a>(
    server: &'a Server,
    app: &'a AppName,
    command: &'a [String],
    tty: bool,
) -> BoxFuture<'a, Result<Session, Error>> {
    Box::pin(start_in_active(server, app, command, tty))
}

async fn start_in_active(
    server: &Server,
    app: &AppName,
    command: &[String],
    tty: bool,
) -> Result<Session, Error> {
    let dir = server.app_dir(app);
    apps::load(&dir)?;
    let engine = server.docker().await?;
    match logs::active(server, app, &engine).await? {
        Some((id, true)) => Ok(engine.exec(&id, command, tty, true).await?),
        None => Err(Error::NoContainer(app.clone())),
        Some((_, false)) => Err(Error::NotRunning(app.clone())),
    }
}

/// Starts a program in a container of its own, with the active release's image and the app's env.
pub fn run<'a>(
    server: &'a Server,
    app: &'a AppName,
    command: &'a [String],
    tty: bool,
) -> BoxFuture<'a, Result<(OneOff, Session), Error>> {
    Box::pin(start_in_own(server, app, command, tty))
}

async fn start_in_own(
    server: &Server,
    app: &AppName,
    command: &[String],
    tty: bool,
) -> Result<(OneOff, Session), Error> {
    let dir = server.app_dir(app);
    apps::load(&dir)?;
    let engine = server.docker().await?;
    let release = records::active(&dir).ok_or_else(|| app::Error::NoRelease(app.clone()))?;
    let image = records::load(&dir, release)?.and_then(|record| record.image);
    let image = image.ok_or(transition::Error::NoImage(release))?;
    let plan = Plan::of_release(&dir, release)?;
    let (seen, network, mounted) = tokio::join!(
        engine.image(image.as_str()),
        networks::ready(&engine, &dir, &plan, networks::containers_of(&dir)),
        mounts::check(&engine, &dir, &plan)
    );
    let networks = network?;
    mounted?;
    let seen = seen?;
    let mounts = carried::mounts_of(&engine, &dir, &plan, seen.as_ref()).await?;
    let exposed = seen.map(|image| image.exposed).unwrap_or_default();
    let spec = ContainerSpec {
        name: format!("{app}-run-{}", clock::now_ms()),
        image: image.to_string(),
        env: plan.environment(plan.told_port(&exposed)),
        labels: BTreeMap::from([
            (labels::ROOT.to_owned(), server.root.label()),
            (labels::APP.to_owned(), app.to_string()),
            (labels::RELEASE.to_owned(), release.to_string()),
            (labels::KIND.to_owned(), "once".to_owned()),
        ]),
        network: networks.own,
        beside: networks.beside,
        entrypoint: Some(Vec::new()),
        command: Some(command.to_vec()),
        stop_timeout: plan.settings.stop,
        tty,
        stdin: true,
        resources: plan.config.resources,
        logs: plan.server.logs.limits(),
        privileges: privileges::of(&dir, &plan)?,
        mounts,
        init: plan.gets_init(command),
    };
    Ok(engine.start_one_off(&spec).await?)
}

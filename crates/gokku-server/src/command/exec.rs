//! Being inside an app: a program in its running container, or in a container of its own.
//!
//! Programs with their input and output are the Docker Engine's own: it is asked for them itself.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use gokku_core::AppName;
use gokku_core::containers::{ContainerSpec, labels};
use gokku_docker::{OneOff, Session};

use crate::app::{apps, records};
use crate::command::logs;
use crate::error::Error;
use crate::os::clock;
use crate::plan::release_plan::Plan;
use crate::plan::{mounts, networks, privileges};
use crate::server::Server;
use crate::transition::carried;

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
    apps::load(&server.root, app)?;
    let engine = server.docker().await?;
    match logs::active(server, app, &engine).await? {
        Some((id, true)) => Ok(engine.exec(&id, command, tty, true).await?),
        None => Err(Error::missing(format!(
            "{app} has no container yet: push a release with git first"
        ))),
        Some((_, false)) => Err(Error::failed(format!(
            "{app} does not run: `gokku start -a {app}` starts it"
        ))),
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
    apps::load(&server.root, app)?;
    let engine = server.docker().await?;
    let release = records::active(&server.root, app)
        .ok_or_else(|| Error::missing(format!("{app} has no release yet: push one with git first")))?;
    let image = records::load(&server.root, app, release)?.and_then(|record| record.image);
    let image = image.ok_or_else(|| Error::missing(format!("the release {release} has no image")))?;
    let plan = Plan::of_release(&server.root, app, release)?;
    let (seen, network, mounted) = tokio::join!(
        engine.image(image.as_str()),
        networks::ready(
            &engine,
            &server.root,
            app,
            &plan,
            networks::containers_of(&server.root, app)
        ),
        mounts::check(&engine, &server.root, app, &plan)
    );
    let networks = network?;
    mounted?;
    let seen = seen?;
    let mounts = carried::mounts_of(&engine, &server.root, app, &plan, seen.as_ref()).await?;
    let exposed = seen.map(|image| image.exposed).unwrap_or_default();
    let spec = ContainerSpec {
        name: format!("{app}-run-{}", clock::now_ms()),
        image: image.to_string(),
        env: plan.environment(plan.container_port(&exposed).ok()),
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
        privileges: privileges::of(&server.root, app, &plan)?,
        mounts,
        init: plan.gets_init(command),
    };
    Ok(engine.start_one_off(&spec).await?)
}

//! What is left to do once a transition has reached its goal: what is no longer kept goes.

use gokku_core::AppName;
use gokku_core::event::Event;
use gokku_core::push::BranchName;
use gokku_core::retention::Keep;
use gokku_docker::{Engine, labels};
use gokku_git::Repository;

use crate::error::Error;
use crate::log::{self, Log};
use crate::request::{Ask, Request};
use crate::server::Server;
use crate::{apps, atomic, prune};

/// What is left to do once the goal is reached: nothing of it can fail the transition any more.
pub(crate) async fn after(server: &Server, request: &Request, engine: &Engine, keep: Keep, log: &mut Log) {
    let result = match &request.ask {
        Ask::Deploy { branch, .. } => {
            let pruned = prune(server, &request.app, engine, keep, log).await;
            deployed(server, &request.app, branch).and(pruned)
        }
        Ask::Destroy => destroyed(server, &request.app, engine).await,
        _ => Ok(()),
    };
    if let Err(error) = result {
        log.tell(Event::Warned { line: error.message });
    }
}

fn deployed(server: &Server, app: &AppName, branch: &BranchName) -> Result<(), Error> {
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
async fn prune(
    server: &Server,
    app: &AppName,
    engine: &Engine,
    keep: Keep,
    log: &mut Log,
) -> Result<(), Error> {
    for image in prune::beyond_keeping(&server.root, app, engine, keep).await? {
        let line = format!("{image} is in use by a container: `gokku prune` removes it once that is gone");
        log.tell(Event::Warned { line });
    }
    Ok(())
}

/// Nothing of an app is left.
pub(crate) async fn destroyed(server: &Server, app: &AppName, engine: &Engine) -> Result<(), Error> {
    match server.switch().delete(app).await {
        Ok(()) | Err(gokku_proxy::client::Error::Refused(gokku_proxy::api::Refused::NoRoute { .. })) => {}
        Err(error) => return Err(error.into()),
    }
    let label = server.root.label();
    let mine = [(labels::ROOT, label.as_str()), (labels::APP, app.as_str())];
    // A program that somebody has run in a container of its own would keep its image.
    for facts in engine.containers(&mine).await? {
        if facts.label(labels::KIND).is_some() {
            engine.remove(&facts.id).await?;
        }
    }
    for image in engine.images(&mine).await? {
        for tag in image.tags {
            engine.remove_image(&tag).await?;
        }
    }
    atomic::remove_tree(&server.root.repository(app))?;
    atomic::remove_whole(&server.root.app(app))
}

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
use crate::root::Root;
use crate::server::Server;
use crate::{apps, atomic, durable, mounts, networks, prune, pull, records, server_config};

/// What is left to do once the goal is reached: nothing of it can fail the transition any more.
pub(crate) async fn after(server: &Server, request: &Request, engine: &Engine, keep: Keep, log: &mut Log) {
    let result = match &request.ask {
        Ask::Deploy { branch, .. } => {
            let pruned = prune(server, &request.app, engine, keep, log).await;
            deployed(server, &request.app, branch).and(pruned)
        }
        Ask::Image { .. } => {
            log::prune(&server.root, &request.app);
            prune(server, &request.app, engine, keep, log).await
        }
        Ask::Destroy { .. } => match destroyed(server, &request.app, engine).await {
            Ok(lines) => {
                for line in lines {
                    log.tell(Event::Noted { line });
                }
                Ok(())
            }
            Err(error) => Err(error),
        },
        _ => Ok(()),
    };
    if let Err(error) = result {
        log.tell(Event::Warned { line: error.message });
    }
}

/// Notes the branch that deploys from now on.
pub(crate) fn deployed(server: &Server, app: &AppName, branch: &BranchName) -> Result<(), Error> {
    let mut record = apps::load(&server.root, app)?;
    if record.branch.as_ref() != Some(branch) {
        record.branch = Some(branch.clone());
        apps::save(&server.root, &record)?;
        let repository = Repository::at(server.root.repository(app));
        repository.set_head(branch)?;
        durable::write_file(&repository.path().join("HEAD"))?;
        durable::write_file(repository.path())?;
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
    for id in records::forget_torn(&server.root, app)? {
        engine.remove_image(&records::image_tag(app, id)).await?;
    }
    for image in prune::beyond_keeping(&server.root, app, engine, keep).await? {
        let line = format!("{image} is in use by a container: `gokku prune` removes it once that is gone");
        log.tell(Event::Warned { line });
    }
    Ok(())
}

/// Writes down whether the volumes of an app that is destroyed go, too: whoever ends it after a crash must know.
pub(crate) fn remember_volumes(root: &Root, app: &AppName, go: bool) -> Result<(), Error> {
    let path = root.volumes_go(app);
    if go {
        atomic::replace(&path, b"", 0o600)
    } else {
        atomic::remove(&path)
    }
}

/// Nothing of an app is left, but what is told of.
pub(crate) async fn destroyed(server: &Server, app: &AppName, engine: &Engine) -> Result<Vec<String>, Error> {
    match server.switch().delete(app).await {
        Ok(())
        | Err(gokku_proxy::control::client::Error::Refused(gokku_proxy::control::api::Refused::NoRoute {
            ..
        })) => {}
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
    let root = &server.root;
    if root.app(app).exists() {
        pull::forget_all(engine, root, app).await?;
    }
    let remove = root.volumes_go(app).exists();
    // Like everything else here: an unreadable configuration keeps no app.
    let adopted = server_config::read(root).unwrap_or_default().volumes.adopt;
    let mut lines = mounts::leave(engine, root, app, &adopted, remove).await?;
    let networks = networks::remove_unused(engine, root, app).await?;
    lines.extend(networks.iter().map(|name| {
        format!("The network {name} stays, because other containers are on it: `docker network rm {name}` removes it")
    }));
    atomic::remove_tree(&root.repository(app))?;
    atomic::remove_whole(&root.app(app))?;
    Ok(lines)
}

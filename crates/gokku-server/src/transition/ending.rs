//! What belongs to a transition's end, whoever comes to it: the worker, or recovery after a crash.

use gokku_core::AppName;
use gokku_core::app::branch_name::BranchName;
use gokku_core::containers::labels;
use gokku_core::logs::event::Event;
use gokku_git::Repository;

use crate::app::{apps, server_config};
use crate::engine::runtime::Runtime;
use crate::fs::{atomic, durable};
use crate::plan::{mounts, networks};
use crate::queue::transition_log;
use crate::server::Server;
use crate::transition::Error;
use crate::transition::pull;

/// Notes the branch that deploys from now on.
pub(crate) fn deployed(server: &Server, app: &AppName, branch: &BranchName) -> Result<(), Error> {
    let dir = server.app_dir(app);
    let mut record = apps::load(&dir)?;
    if record.branch.as_ref() != Some(branch) {
        record.branch = Some(branch.clone());
        apps::save(&server.root, &record)?;
        let repository = Repository::at(dir.repository());
        repository.set_head(branch)?;
        durable::write_file(&repository.path().join("HEAD"))?;
        durable::write_file(repository.path())?;
    }
    transition_log::prune(&dir);
    Ok(())
}

/// Nothing of an app is left, but what is told of in these events.
pub(crate) async fn destroyed(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
) -> Result<Vec<Event>, Error> {
    let dir = server.app_dir(app);
    match server.switch.delete(app).await {
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
    if dir.path().exists() {
        pull::forget_all(engine, &dir).await?;
    }
    let remove = dir.volumes_go().exists();
    // Like everything else here: an unreadable configuration keeps no app.
    let adopted = server_config::read(root).unwrap_or_default().volumes.adopt;
    let mut left = mounts::leave(engine, &dir, &adopted, remove).await?;
    let networks = networks::remove_unused(engine, &dir).await?;
    left.extend(
        networks
            .into_iter()
            .map(|network| Event::NetworkStays { network }),
    );
    atomic::remove_tree(&dir.repository())?;
    atomic::remove_whole(&dir.path())?;
    Ok(left)
}
